package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sgate/sgate/internal/needs"
)

// keys is a file of one access key, as the clients of endpoint.env have it.
const keys = `[default]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY
`

// justAVPC is the file of a gateway without instances.
const justAVPC = "account: {id: '123456789012'}\nvpc: {name: main, cidr: 172.31.0.0/16, default: true}\nsubnets: [{name: a, cidr: 172.31.0.0/20, default_for_az: true}]\n"

// TestSDK runs the tests of the module awssdk, which use the AWS SDK for Go, on an
// endpoint that verifies signatures.
func TestSDK(t *testing.T) {
	t.Parallel()
	tests, err := filepath.Abs("../bin/awssdk.test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(tests); err != nil {
		needs.Missing(t, "bin/awssdk.test (`make bin/awssdk.test`)")
	}
	e := newEndpoint(t)
	ec2Run(t, e, writeFile(t, "run.yaml", justAVPC), "--ec2-credentials", writeFile(t, "keys", keys))
	r := e.run(t, 2*time.Minute, "", tests, "-test.v")
	if r.code != 0 || strings.Contains(r.stdout, "SKIP") || strings.Count(r.stdout, "--- PASS") < 5 {
		t.Errorf("exit status %d\n%s%s", r.code, r.stdout, r.stderr)
	}
}

// TestKeysAreNobodyElses wants the file of access keys to be its owner's alone, and
// such a file where others than this machine could call.
func TestKeysAreNobodyElses(t *testing.T) {
	t.Parallel()
	needs.Root(t)
	file := writeFile(t, "run.yaml", justAVPC)
	open := writeFile(t, "keys", keys)
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	e := newEndpoint(t)
	for _, c := range []struct {
		flags []string
		says  string
	}{
		{[]string{"--ec2-listen", e.address, "--ec2-credentials", open}, open},
		{[]string{"--ec2-listen", "0.0.0.0:0"}, "loopback"},
		{[]string{"--ec2-listen", ":0"}, "loopback"},
		{[]string{"--ec2-listen", "[::]:0"}, "loopback"},
	} {
		r := sgate(t, append([]string{"run", "--config", file}, c.flags...)...)
		if r.code != 1 || !strings.Contains(r.stderr, c.says) {
			t.Errorf("%q: %+v, want it refused with %q", c.flags, r, c.says)
		}
	}
}

// TestWebPagesAreRefused sends what a web page could make a browser send.
func TestWebPagesAreRefused(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	b := ec2Run(t, e, writeFile(t, "run.yaml", justAVPC), "--ec2-host", "sgate.test")
	b.says(t, "credentials") // that there are none
	form := "Action=DescribeVpcs&Version=2016-11-15"
	curl := func(flags ...string) string {
		args := append([]string{"-s", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "10", "-d", form}, flags...)
		return e.run(t, 20*time.Second, "", "curl", append(args, "http://"+e.address+"/")...).stdout
	}
	for _, flags := range [][]string{{}, {"-H", "Host: localhost"}, {"-H", "Host: sgate.test"}, {"-H", "Host: sgate.test:4599"}} {
		if got := curl(flags...); got != "200" {
			t.Errorf("%q: status %s, want 200", flags, got)
		}
	}
	for _, flags := range [][]string{
		{"-H", "Host: attacker.example"},
		{"-H", "Origin: http://attacker.example"},
		{"-H", "Origin: null"},
		{"-H", "Sec-Fetch-Site: cross-site"},
	} {
		if got := curl(flags...); got != "403" {
			t.Errorf("%q: status %s, want 403", flags, got)
		}
	}
	long := writeFile(t, "long", strings.Repeat("X=x&", 4<<20))
	if got := curl("-d", "@"+long); got != "413" {
		t.Errorf("a body of 16 MiB: status %s, want 413", got)
	}
}
