package e2e

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sgate/sgate/internal/needs"
)

func TestDemo(t *testing.T) {
	needs.Root(t)
	r := runFor(t, 2*time.Minute, "", binary(t), "demo")
	if r.code != 0 {
		t.Fatalf("exit status %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	for _, want := range []string{
		"laptop    web       tcp 22         connects   connects",
		"stranger  web       tcp 22         times out  times out",
		"stranger  web       tcp 443 IPv6   connects   connects",
		"web       app       tcp 8080       connects   connects",
		"app       db        tcp 3306       connects   connects",
		"web       db        tcp 3306       times out  times out",
		"db        web       tcp 443        times out  times out",
		"laptop    web       tcp 80         refused    refused",
		"app-2     db        tcp 3306       times out  times out",
		"app-2     db        tcp 3306       connects   connects",
		"tracked flow, older than the change",
		"15 connections, 15 as expected, 0 not.",
	} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("the output lacks %q", want)
		}
	}
	if t.Failed() {
		t.Log(r.stdout)
	}
	for _, pattern := range []string{"/run/netns/sgate.demo-*", "/run/sgate/labs/demo-*"} {
		if left, _ := filepath.Glob(pattern); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}

// TestDemoWhoseReaderLeaves closes the pipe that the demo writes to.
func TestDemoWhoseReaderLeaves(t *testing.T) {
	needs.Root(t)
	runFor(t, time.Minute, "", "sh", "-c", binary(t)+" demo | head -3")
	until(t, "the demo's end", func() bool {
		namespaces, _ := filepath.Glob("/run/netns/sgate.demo-*")
		labs, _ := filepath.Glob("/run/sgate/labs/demo-*")
		return len(namespaces)+len(labs) == 0
	})
}
