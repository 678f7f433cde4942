package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sgate/sgate/internal/needs"
)

// netns makes a network namespace that goes away with the test.
func netns(t *testing.T, role string) string {
	t.Helper()
	name := fmt.Sprintf("sgate-e2e-%d-%s", os.Getpid(), role)
	if r := runFor(t, 20e9, "", "ip", "netns", "add", name); r.code != 0 {
		t.Fatalf("ip netns add: %s", r.stderr)
	}
	t.Cleanup(func() { runFor(t, 20e9, "", "ip", "netns", "del", name) })
	return name
}

// nsConnect is connect for namespaces that are not a lab's.
func nsConnect(t *testing.T, ns, host, port string) string {
	t.Helper()
	return seen(runFor(t, 20e9, "", "ip", "netns", "exec", ns, "nc", "-n", "-z", "-v", "-w", "2", host, port))
}

// pair is a configuration of a client and a server; rule admits what it says.
func pair(client, server, rule string) string {
	return fmt.Sprintf(`
vpc: {cidr: 10.0.0.0/16}
subnets: [{name: net, cidr: 10.0.1.0/24}]
security_groups:
  - name: server
    ingress:
      %s
instances:
  - {name: client, address: 10.0.1.10, %s}
  - {name: server, address: 10.0.1.20, %s, security_groups: [server]}
`, rule, client, server)
}

const admitSSH = "- {type: SSH, source: 10.0.1.10/32}"

func TestRunInNamespaces(t *testing.T) {
	needs.Root(t)
	client, server := netns(t, "client"), netns(t, "server")
	// The client's namespace by name, the server's by a process in it.
	sleeper := exec.Command("ip", "netns", "exec", server, "sleep", "600")
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = sleeper.Process.Kill()
		_ = sleeper.Wait()
	})
	own, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the sleeper to be in its namespace", func() bool {
		its, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", sleeper.Process.Pid))
		return err == nil && its != own
	})
	byPID := fmt.Sprintf("pid: %d, device: tun7", sleeper.Process.Pid)
	file := writeFile(t, "run.yaml", pair("netns: "+client, byPID, admitSSH))
	b := start(t, "run", "--config", file)
	b.says(t, "all are up")

	if got := nsConnect(t, client, "10.0.1.20", "22"); got != "refused" { // nobody listens
		t.Errorf("ssh: %s", got)
	}
	if got := nsConnect(t, client, "10.0.1.20", "80"); got != "times out" {
		t.Errorf("http: %s", got)
	}
	if r := runFor(t, 20e9, "", "ip", "netns", "exec", server, "ip", "-brief", "address"); !strings.Contains(r.stdout, "tun7") || !strings.Contains(r.stdout, "10.0.1.20/24") {
		t.Errorf("the server's devices: %s", r.stdout)
	}
	if its, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", b.cmd.Process.Pid)); err != nil || its != own {
		t.Errorf("the gateway is in %s, want %s: %v", its, own, err)
	}
	if err := b.end(t, syscall.SIGTERM); err != nil {
		t.Errorf("SIGTERM: %v", err)
	}
	for _, ns := range []string{client, server} {
		if r := runFor(t, 20e9, "", "ip", "netns", "exec", ns, "ip", "-brief", "link"); strings.Contains(r.stdout, "eth0") || strings.Contains(r.stdout, "tun7") {
			t.Errorf("a device is left in %s: %s", ns, r.stdout)
		}
	}
}

func TestReload(t *testing.T) {
	needs.Root(t)
	client, server := netns(t, "client"), netns(t, "server")
	config := func(rule string) string { return pair("netns: "+client, "netns: "+server, rule) }
	file := writeFile(t, "run.yaml", config(admitSSH))
	b := start(t, "run", "--config", file)
	b.says(t, "policy=1")

	write := func(content string) {
		t.Helper()
		// As editors do: another file takes its place.
		next := filepath.Join(filepath.Dir(file), "next")
		if err := os.WriteFile(next, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, file); err != nil {
			t.Fatal(err)
		}
	}
	// A connection that is open all the while.
	echo := exec.Command("ip", "netns", "exec", server, binary(t), "listen", "22", "80")
	if err := echo.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = echo.Process.Signal(syscall.SIGTERM)
		_ = echo.Wait()
	})
	until(t, "the server", func() bool { return nsConnect(t, client, "10.0.1.20", "22") == "connects" })
	open := exec.Command("ip", "netns", "exec", client, "nc", "-n", "10.0.1.20", "22")
	stdin, err := open.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := open.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := open.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = open.Process.Kill()
		_ = open.Wait()
	})
	echoes := func(line string) {
		t.Helper()
		if _, err := fmt.Fprintln(stdin, line); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(line)+1)
		done := make(chan error, 1)
		go func() {
			_, err := stdout.Read(got)
			done <- err
		}()
		until(t, "the echo of "+line, func() bool { return len(done) > 0 })
		if err := <-done; err != nil || string(got) != line+"\n" {
			t.Errorf("sent %q, got %q back, %v", line, got, err)
		}
	}
	echoes("before")

	// Good: another port is admitted, the first one no longer.
	write(config("- {type: HTTP, source: 10.0.1.10/32}"))
	b.says(t, "policy=2")
	if got := nsConnect(t, client, "10.0.1.20", "80"); got != "connects" {
		t.Errorf("after the change, http: %s", got)
	}
	if got := nsConnect(t, client, "10.0.1.20", "22"); got != "times out" {
		t.Errorf("after the change, ssh: %s", got)
	}
	echoes("after a good change")

	// Bad: refused with its place, the old policy stays.
	write(config("- {type: HTTP, source: nobody}"))
	b.says(t, "the configuration is refused, the old one stays in force")
	b.says(t, file+":7:")
	if got := nsConnect(t, client, "10.0.1.20", "80"); got != "connects" {
		t.Errorf("after a bad change, http: %s", got)
	}
	echoes("after a bad change")

	// SIGHUP reads it again, changed or not.
	write(config(admitSSH))
	b.says(t, "policy=3")
	if err := b.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	b.says(t, "policy=4")
	echoes("after all")
	if strings.Count(b.output(t), "device is up") != 2 {
		t.Error("a reload made a device anew")
	}
}

func TestRunRefuses(t *testing.T) {
	needs.Root(t)
	client, server := netns(t, "client"), netns(t, "server")
	for name, c := range map[string]struct {
		client string
		want   []string
	}{
		"a namespace that does not exist": {"netns: no-such-namespace",
			[]string{"run.yaml:9:5: instance \"client\"", `network namespace "no-such-namespace" does not exist`, "ip netns list"}},
		"a process that does not exist": {"pid: 4194304", []string{"network namespace of process 4194304: there is no such process"}},
		"a device name that is taken":   {"netns: " + client + ", device: lo", []string{`device "lo"`, "already in use"}},
	} {
		t.Run(name, func(t *testing.T) {
			file := writeFile(t, "run.yaml", pair(c.client, "netns: "+server, admitSSH))
			r := sgate(t, "run", "--config", file)
			if r.code != 1 {
				t.Errorf("exit status %d", r.code)
			}
			for _, want := range c.want {
				if !strings.Contains(r.stderr, want) {
					t.Errorf("the error lacks %q:\n%s", want, r.stderr)
				}
			}
			if r := runFor(t, 20e9, "", "ip", "netns", "exec", server, "ip", "-brief", "link"); strings.Contains(r.stdout, "eth0") {
				t.Errorf("a device is left: %s", r.stdout)
			}
		})
	}
}

func TestWithoutPermission(t *testing.T) {
	needs.Root(t)
	file := filepath.Join("/tmp", fmt.Sprintf("sgate-e2e-%d.yaml", os.Getpid())) // where nobody may read
	if err := os.WriteFile(file, []byte(pair("device: sg-a", "device: sg-b", admitSSH)), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(file) })
	program := filepath.Join("/tmp", fmt.Sprintf("sgate-e2e-%d", os.Getpid()))
	if r := runFor(t, 20e9, "", "install", "-m", "755", binary(t), program); r.code != 0 {
		t.Fatal(r.stderr)
	}
	t.Cleanup(func() { os.Remove(program) })
	nobody := func(args ...string) result {
		return runFor(t, 20e9, "", "setpriv", append([]string{"--reuid=65534", "--regid=65534", "--clear-groups", program}, args...)...)
	}
	if r := nobody("run", "--config", file); r.code != 1 || !strings.Contains(r.stderr, "/dev/net/tun") || !strings.Contains(r.stderr, "sudo") {
		t.Errorf("run: %+v", r)
	}
	if r := nobody("lab", "up", file); r.code != 1 || !strings.Contains(r.stderr, "takes root: run it with sudo") {
		t.Errorf("lab up: %+v", r)
	}
	if r := nobody("demo"); r.code != 1 || !strings.Contains(r.stderr, "takes root: run it with sudo") {
		t.Errorf("demo: %+v", r)
	}
	if r := nobody("check", file); r.code != 0 {
		t.Errorf("check takes no root: %+v", r)
	}
}

// TestRunAgainAfterAKill holds that a killed gateway leaves nothing in the next
// one's way: the kernel may hold its devices' names for a moment.
func TestRunAgainAfterAKill(t *testing.T) {
	needs.Root(t)
	client, server := netns(t, "client"), netns(t, "server")
	file := writeFile(t, "run.yaml", pair("netns: "+client, "netns: "+server, admitSSH))
	for range 3 {
		b := start(t, "run", "--config", file)
		b.says(t, "all are up")
		if got := nsConnect(t, client, "10.0.1.20", "22"); got != "refused" {
			t.Errorf("ssh: %s", got)
		}
		_ = b.end(t, syscall.SIGKILL)
	}
}

// TestDeviceTakenAway holds that a device that somebody deletes is said to be
// gone, that the others go on, and that a reload makes it anew.
func TestDeviceTakenAway(t *testing.T) {
	needs.Root(t)
	client, server := netns(t, "client"), netns(t, "server")
	config := pair("netns: "+client, "netns: "+server, admitSSH) + "hosts:\n  - {name: laptop, address: 203.0.113.10, netns: " + netns(t, "laptop") + "}\n"
	file := writeFile(t, "run.yaml", config)
	b := start(t, "run", "--config", file)
	b.says(t, "all are up")
	if r := runFor(t, 20e9, "", "ip", "netns", "exec", client, "ip", "link", "delete", "eth0"); r.code != 0 {
		t.Fatal(r.stderr)
	}
	b.says(t, `msg="device is gone" device=eth0`)
	laptop := fmt.Sprintf("sgate-e2e-%d-laptop", os.Getpid())
	if r := runFor(t, 20e9, "", "ip", "netns", "exec", laptop, "ping", "-c", "1", "-W", "5", "10.0.1.1"); r.code != 0 {
		t.Errorf("the others do not go on: %s%s", r.stdout, r.stderr)
	}
	if err := b.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	b.says(t, "policy=2")
	if got := nsConnect(t, client, "10.0.1.20", "22"); got != "refused" {
		t.Errorf("ssh after the reload: %s", got)
	}
	if err := b.end(t, syscall.SIGTERM); err != nil {
		t.Errorf("SIGTERM: %v", err)
	}
}

// TestReloadMovesDevices renames an instance and swaps the places of two: each
// time the new device needs the place that an old one has.
func TestReloadMovesDevices(t *testing.T) {
	needs.Root(t)
	client, server := netns(t, "client"), netns(t, "server")
	first := pair("netns: "+client, "netns: "+server, admitSSH)
	file := writeFile(t, "run.yaml", first)
	b := start(t, "run", "--config", file)
	b.says(t, "policy=1")
	change := func(content, says string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		b.says(t, says)
	}
	change(strings.ReplaceAll(first, "name: client", "name: renamed"), "policy=2")
	if got := nsConnect(t, client, "10.0.1.20", "22"); got != "refused" {
		t.Errorf("ssh after the renaming: %s", got)
	}
	change(pair("netns: "+server, "netns: "+client, admitSSH), "policy=3")
	if got := nsConnect(t, server, "10.0.1.20", "22"); got != "refused" {
		t.Errorf("ssh after the swap: %s", got)
	}
}

// TestRefusedReloadTouchesNothing moves an instance to a namespace that does not
// exist: its device stays, with what the user has configured on it.
func TestRefusedReloadTouchesNothing(t *testing.T) {
	needs.Root(t)
	client, server := netns(t, "client"), netns(t, "server")
	config := func(ns string) string {
		return pair("netns: "+client, "configure: false, netns: "+ns, admitSSH)
	}
	file := writeFile(t, "run.yaml", config(server))
	b := start(t, "run", "--config", file)
	b.says(t, "policy=1")
	for _, by := range [][]string{
		{"address", "add", "10.0.1.20/24", "dev", "eth0"}, {"link", "set", "eth0", "up"}, {"route", "add", "default", "via", "10.0.1.1"},
	} {
		if r := runFor(t, 20e9, "", "ip", append([]string{"-n", server}, by...)...); r.code != 0 {
			t.Fatal(r.stderr)
		}
	}
	if got := nsConnect(t, client, "10.0.1.20", "22"); got != "refused" {
		t.Fatalf("ssh: %s", got)
	}
	if err := os.WriteFile(file, []byte(config("no-such-namespace")), 0o600); err != nil {
		t.Fatal(err)
	}
	b.says(t, "the old one stays in force")
	if got := nsConnect(t, client, "10.0.1.20", "22"); got != "refused" {
		t.Errorf("ssh after the refusal: %s", got)
	}
}
