// Package needs says what tests take from the machine: they are skipped on a
// contributor's machine that lacks it, and fail where CI, or SGATE_REQUIRE_ROOT,
// says that they must run. A test that never runs is worse than none.
//
// The package imports nothing else of this project.
package needs

import (
	"os"
	"testing"
)

// Root ends a test that makes network namespaces and TUN devices where it
// cannot.
func Root(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		Missing(t, "root")
	}
	tun, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
	if err != nil {
		Missing(t, "/dev/net/tun ("+err.Error()+")")
		return
	}
	tun.Close()
}

// Missing ends a test that lacks something.
func Missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") != "" || os.Getenv("SGATE_REQUIRE_ROOT") != "" {
		t.Fatalf("this test takes %s, and must run here", what)
	}
	t.Skipf("this test takes %s: `make test` runs it", what)
}

// Optional ends a test of what sgate makes use of where there is such a thing, and
// does without elsewhere: it fails in CI, where somebody would have to notice, and
// is skipped on other machines, as `make test` has to pass there.
func Optional(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("this test takes %s, and must run in CI", what)
	}
	t.Skipf("there is no %s here", what)
}
