package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sgate/sgate/internal/needs"
)

// tshark prints a field of each packet that it reads, on a line; it reads a
// capture from standard input if file is "-".
func tshark(t *testing.T, file, filter string, fields ...string) *exec.Cmd {
	t.Helper()
	needsProgram(t, "tshark")
	args := []string{"-n", "-l", "-r", file, "-Y", filter, "-T", "fields"}
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	return exec.Command("tshark", args...)
}

// TestCaptureIntoTshark pipes a capture of a lab into tshark, while real
// connections are allowed and blocked: it shows the verdict on each packet.
func TestCaptureIntoTshark(t *testing.T) {
	needs.Root(t)
	lab := labUp(t, threeTier)
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	var shown bytes.Buffer
	shark := tshark(t, "-", "tcp", "frame.interface_name", "tcp.dstport", "tcp.flags.str", "frame.verdict.ebpf_tc", "ip.ttl", "frame.comment")
	shark.Stdin, shark.Stdout = reader, &shown
	if err := shark.Start(); err != nil {
		t.Fatal(err)
	}
	// Its standard output goes to tshark, so its words are not in the log.
	said, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	capture := exec.Command(binary(t), "capture", "--lab", lab, "-w", "-")
	capture.Stdout, capture.Stderr = writer, said
	if err := capture.Start(); err != nil {
		t.Fatal(err)
	}
	writer.Close()
	text := func() string {
		b, err := os.ReadFile(said.Name())
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	until(t, "the capture to begin", func() bool { return strings.Contains(text(), "capturing") })

	wantConnect(t, "connects", lab, "app", "10.0.2.30", "3306")
	wantConnect(t, "times out", lab, "web", "10.0.2.30", "3306")
	wantConnect(t, "times out", lab, "db", "10.0.1.10", "443")
	_ = capture.Process.Signal(syscall.SIGINT)
	if err := capture.Wait(); err != nil {
		t.Errorf("sgate capture: %v\n%s", err, text())
	}
	if err := shark.Wait(); err != nil {
		t.Errorf("tshark: %v", err)
	}
	for _, want := range []string{" captured\n", " received by filter\n", "\n0 packets dropped by the gateway's buffer\n"} {
		if !strings.Contains(text(), want) {
			t.Errorf("sgate capture does not say %q:\n%s", want, text())
		}
	}
	for _, want := range [][]string{
		{"app\t3306\t··········S·\t0\t64\t", "sgate: ALLOW rule, to db; egress: allowed by sgr-", " (app); ingress: allowed by sgr-", " (db) | verdict=allow "},
		{"db\t", "·······A··S·\t0\t64\t", "sgate: ALLOW flow, to app; "},
		{"web\t3306\t··········S·\t2\t64\t", "sgate: DROP no_ingress_rule, to db; egress: allowed by sgr-", "; ingress: no rule of db admits tcp 3306 from 10.0.1.10 | verdict=drop "},
		{"db\t443\t··········S·\t2\t64\t", "sgate: DROP no_egress_rule, to web; egress: no rule of db admits tcp 443 to 10.0.1.10 | verdict=drop "},
	} {
		if !hasLine(shown.String(), want...) {
			t.Errorf("tshark shows no packet of %q:\n%s", want, shown.String())
		}
	}
}

// hasLine reports whether one line of a text has all the parts.
func hasLine(text string, parts ...string) bool {
	for line := range strings.Lines(text) {
		has := true
		for _, part := range parts {
			has = has && strings.Contains(line, part)
		}
		if has {
			return true
		}
	}
	return false
}

// TestCaptureFiles captures drops alone, at both ends of a filter, into a ring of
// files, and reads them back.
func TestCaptureFiles(t *testing.T) {
	needs.Root(t)
	lab := labUp(t, threeTier)
	file := filepath.Join(t.TempDir(), "drops.pcapng")
	b := start(t, "capture", "--lab", lab, "-i", "db", "--verdict", "drop", "-s", "44", "-w", file, "-C", "1", "-W", "2", "--print")
	b.says(t, "capturing")
	wantConnect(t, "connects", lab, "app", "10.0.2.30", "3306")
	wantConnect(t, "times out", lab, "stranger", "10.0.1.10", "22") // not of db's
	wantConnect(t, "times out", lab, "web", "10.0.2.30", "3306")
	b.says(t, "10.0.1.10.")
	if err := b.end(t, syscall.SIGINT); err != nil {
		t.Error(err)
	}
	if out := b.output(t); !strings.Contains(out, "web In  IP 10.0.1.10.") || !strings.Contains(out, " > 10.0.2.30.3306: Flags [S], length 0: DROP no_ingress_rule, to db; ") || strings.Contains(out, "stranger") {
		t.Errorf("it prints:\n%s", out)
	}
	shark := tshark(t, file+"0", "", "frame.interface_name", "frame.cap_len", "frame.len", "frame.verdict.ebpf_tc", "ip.src", "tcp.dstport")
	out, err := shark.Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	for _, line := range lines {
		if line != "web\t44\t60\t2\t10.0.1.10\t3306" {
			t.Errorf("tshark shows:\n%s", out)
			break
		}
	}
}
