// Package e2e holds black-box tests: the built binary, real network namespaces,
// real programs. They take root and /dev/net/tun. Without them they are skipped
// on a contributor's machine, and fail where CI, or SGATE_REQUIRE_ROOT, says
// that they must run.
package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// binary is the program under test.
func binary(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../bin/sgate")
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		t.Fatalf("the binary is missing, `make build` makes it: %v", err)
	}
	return path
}

// result is what a program that was run has left.
type result struct {
	stdout, stderr string
	code           int
	took           time.Duration
}

// runFor runs a program that must end within that time.
func runFor(t *testing.T, limit time.Duration, stdin string, name string, args ...string) result {
	t.Helper()
	return runCommand(t, limit, stdin, exec.Command(name, args...))
}

// runCommand runs a command that must end within that time.
func runCommand(t *testing.T, limit time.Duration, stdin string, cmd *exec.Cmd) result {
	t.Helper()
	name, args := cmd.Args[0], cmd.Args[1:]
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	cmd.WaitDelay = time.Second
	start := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(limit, func() { _ = cmd.Process.Kill() })
	err := cmd.Wait()
	r := result{stdout.String(), stderr.String(), 0, time.Since(start)}
	if !timer.Stop() {
		t.Fatalf("%s %s: not done after %v\n%s%s", name, strings.Join(args, " "), limit, r.stdout, r.stderr)
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		r.code = exit.ExitCode()
	} else if err != nil {
		t.Fatalf("%s %s: %v", name, strings.Join(args, " "), err)
	}
	return r
}

// sgate runs the program under test to its end.
func sgate(t *testing.T, args ...string) result {
	t.Helper()
	return runFor(t, time.Minute, "", binary(t), args...)
}

// must runs the program under test and expects it to succeed.
func must(t *testing.T, args ...string) result {
	t.Helper()
	r := sgate(t, args...)
	if r.code != 0 {
		t.Fatalf("sgate %s: exit status %d\n%s%s", strings.Join(args, " "), r.code, r.stdout, r.stderr)
	}
	return r
}

// labName returns a name that no other test has.
func labName(t *testing.T) string {
	t.Helper()
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, t.Name())
	name = fmt.Sprintf("%s-%d", strings.TrimPrefix(name, "Test"), os.Getpid())
	return name[max(0, len(name)-40):]
}

// labUp brings a lab up in the background; it goes down with the test.
func labUp(t *testing.T, file string, flags ...string) (name string) {
	t.Helper()
	name = labName(t)
	upNamed(t, name, file, flags...)
	return name
}

// upNamed brings a lab of that name up in the background and returns what was
// said about it; it goes down with the test.
func upNamed(t *testing.T, name, file string, flags ...string) string {
	t.Helper()
	t.Cleanup(func() { goesDown(t, name) })
	return must(t, append([]string{"lab", "up", file, "--detach", "--name", name}, flags...)...).stdout
}

// goesDown takes a lab down if it is still there.
func goesDown(t *testing.T, name string) {
	t.Helper()
	if _, err := os.Stat("/run/sgate/labs/" + name); err == nil {
		must(t, "lab", "down", name)
	}
	nothingLeft(t, name)
}

// labStart brings a lab up as a process of the test's own.
func labStart(t *testing.T, name, file string) *background {
	t.Helper()
	t.Cleanup(func() { goesDown(t, name) })
	b := start(t, "lab", "up", file, "--name", name)
	b.says(t, "the lab is up")
	return b
}

// in runs a program inside a member of a lab.
func in(t *testing.T, lab, member string, command ...string) result {
	t.Helper()
	return runFor(t, time.Minute, "", binary(t), append([]string{"lab", "exec", "--lab", lab, member, "--"}, command...)...)
}

// connect says what nc sees of a connection from a member.
func connect(t *testing.T, lab, from, host, port string) string {
	t.Helper()
	return seen(in(t, lab, from, "nc", "-n", "-z", "-v", "-w", "2", host, port))
}

// seen reads nc's outcome: "connects", "refused" or "times out".
func seen(nc result) string {
	switch {
	case nc.code == 0:
		return "connects"
	case strings.Contains(nc.stderr, "refused"):
		return "refused"
	case strings.Contains(nc.stderr, "timed out"):
		return "times out"
	}
	return nc.stderr
}

// wantConnect checks what a client sees. A server that is still starting gets
// a few seconds.
func wantConnect(t *testing.T, want, lab, from, host, port string) {
	t.Helper()
	got := connect(t, lab, from, host, port)
	for deadline := time.Now().Add(10 * time.Second); want == "connects" && got == "refused" && time.Now().Before(deadline); {
		time.Sleep(50 * time.Millisecond)
		got = connect(t, lab, from, host, port)
	}
	if got != want {
		t.Errorf("%s to %s port %s: %s, want %s", from, host, port, got, want)
	}
}

// namespaces lists the network namespaces of a lab.
func namespaces(t *testing.T, lab string) []string {
	t.Helper()
	found, err := filepath.Glob("/run/netns/sgate." + lab + ".*")
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// nothingLeft checks that a lab has left no namespace, so no device either, no
// state, and no process of this test's that holds on to one.
func nothingLeft(t *testing.T, lab string) {
	t.Helper()
	if left := namespaces(t, lab); len(left) > 0 {
		t.Errorf("namespaces are left: %v", left)
	}
	if _, err := os.Stat("/run/sgate/labs/" + lab); !os.IsNotExist(err) {
		t.Errorf("the lab's folder is left (%v)", err)
	}
}

// pidsIn lists the processes in a lab's namespaces.
func pidsIn(t *testing.T, lab string) []string {
	t.Helper()
	var pids []string
	for _, ns := range namespaces(t, lab) {
		r := runFor(t, time.Minute, "", "ip", "netns", "pids", filepath.Base(ns))
		pids = append(pids, strings.Fields(r.stdout)...)
	}
	return pids
}

// alive reports whether a process runs. One that has ended and that nobody has
// waited for yet, because its parent was killed, does not.
func alive(pid string) bool {
	status, err := os.ReadFile("/proc/" + pid + "/status")
	return err == nil && !strings.Contains(string(status), "\nState:\tZ")
}

// allEnded checks that none of the processes runs.
func allEnded(t *testing.T, pids []string) {
	t.Helper()
	for _, pid := range pids {
		if alive(pid) {
			t.Errorf("process %s is left", pid)
		}
	}
}

// until waits for something that must happen soon.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for: %s", what)
		}
	}
}

// background is a program under test that runs until it is ended.
type background struct {
	cmd  *exec.Cmd
	log  *os.File
	done chan struct{}
	err  error
}

// start runs the program under test in the background; the test ends it.
func start(t *testing.T, args ...string) *background {
	t.Helper()
	return startCommand(t, exec.Command(binary(t), args...))
}

// startCommand runs a command in the background; the test ends it.
func startCommand(t *testing.T, cmd *exec.Cmd) *background {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	b := &background{cmd: cmd, log: log, done: make(chan struct{})}
	b.cmd.Stdout, b.cmd.Stderr = log, log
	if err := b.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		b.err = b.cmd.Wait()
		close(b.done)
	}()
	t.Cleanup(func() {
		b.end(t, syscall.SIGTERM)
		if t.Failed() {
			t.Logf("log of %s:\n%s", strings.Join(cmd.Args, " "), b.output(t))
		}
		log.Close()
	})
	return b
}

// output is what it has printed so far.
func (b *background) output(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(b.log.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// says waits until it has printed something.
func (b *background) says(t *testing.T, what string) {
	t.Helper()
	until(t, fmt.Sprintf("%q in the log", what), func() bool { return strings.Contains(b.output(t), what) })
}

// end sends a signal and waits for the program's end.
func (b *background) end(t *testing.T, signal syscall.Signal) error {
	t.Helper()
	_ = b.cmd.Process.Signal(signal)
	select {
	case <-b.done:
	case <-time.After(20 * time.Second):
		t.Fatalf("it does not end on %v", signal)
	}
	return b.err
}

// writeFile writes a file of the test's own and returns its path.
func writeFile(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
