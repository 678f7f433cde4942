package path

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sgate/sgate/internal/needs"
)

func TestOwnerOf(t *testing.T) {
	for name, want := range map[string]int{ownPrefix + "12-client": 12, ownPrefix + "7-123": 7, ownPrefix + "x-y": 0, ownPrefix + "12": 0, "other-12-client": 0, "": 0} {
		if pid, ok := ownerOf(name); ok != (want != 0) || ok && pid != want {
			t.Errorf("%q: %d, %v, want %d", name, pid, ok, want)
		}
	}
	if pid, ok := ownerOf(ownName("client")); !ok || pid != os.Getpid() {
		t.Errorf("own name: %d, %v", pid, ok)
	}
}

// another brings a path up in a process of its own, and returns that.
func another(t *testing.T, path string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", "up", "--sgate", sgate(t), path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if strings.Contains(lines.Text(), "Ctrl-C") {
			return cmd
		}
	}
	t.Fatal("it does not come up")
	return nil
}

// children lists the processes that a process has started. The kernel lists them
// by thread; those of a thread that ends go to another, so then we look anew.
func children(t *testing.T, pid int) []string {
	t.Helper()
	for {
		names, err := childrenByThread(pid)
		if err == nil {
			return names
		}
		if !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ESRCH) {
			t.Fatal(err)
		}
	}
}

func childrenByThread(pid int) (names []string, err error) {
	files, err := filepath.Glob(filepath.Join("/proc", strconv.Itoa(pid), "task", "*", "children"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		names = append(names, strings.Fields(string(text))...)
	}
	return names, nil
}

// TestKilled holds that the gateways end with a process that is killed, that
// the next start removes what is left, and that it leaves alone what is in use.
func TestKilled(t *testing.T) {
	needs.Root(t)
	alive := another(t, "kernel")
	for _, path := range []string{"sgate", "limit"} {
		killed := another(t, path)
		pid := killed.Process.Pid
		gateways := children(t, pid)
		if len(gateways) != 1 {
			t.Fatalf("%s: gateways: %v", path, gateways)
		}
		inside := exec.Command("nsenter", "--net="+Namespace{nameOf(pid, "client")}.path(), "sleep", "60")
		if err := inside.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- inside.Wait() }()
		_ = killed.Process.Kill()
		_ = killed.Wait()
		until(t, "the gateway to end", func() bool {
			_, err := os.Stat("/proc/" + gateways[0])
			return err != nil
		})
		if len(traces(t, pid)) < 3 {
			t.Errorf("%s: a killed process leaves %v", path, traces(t, pid))
		}
		w, err := newWorld(1500)
		if err != nil {
			t.Fatal(err)
		}
		nothingLeft(t, pid)
		select {
		case <-ended:
		case <-time.After(5 * time.Second):
			t.Error("a process in a namespace that is left goes on")
		}
		if _, err := newWorld(1500); err == nil {
			t.Error("two worlds at once")
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		nothingLeft(t, os.Getpid())
	}
	pid := alive.Process.Pid
	if len(traces(t, pid)) < 4 {
		t.Errorf("of a process that runs there is only %v", traces(t, pid))
	}
	if err := alive.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := alive.Wait(); err != nil {
		t.Errorf("SIGTERM: %v", err)
	}
	nothingLeft(t, pid)
}

// TestCompilingIsClaimed: another benchmark that starts meanwhile would clear away
// what is being compiled, and C would be measured as Go.
func TestCompilingIsClaimed(t *testing.T) {
	folder := t.TempDir()
	seen := filepath.Join(folder, "seen")
	script := "#!/bin/sh\n/bin/cp /proc/net/unix " + seen + "\n"
	if err := os.WriteFile(filepath.Join(folder, "cc"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", folder)
	_, _, _ = compileLimit() // that compiler makes nothing
	sockets, err := os.ReadFile(seen)
	if err != nil || !strings.Contains(string(sockets), claimOf(os.Getpid()).Name+"\n") {
		t.Errorf("the compiler runs unclaimed: %v", err)
	}
	if claimed(os.Getpid()) {
		t.Error("it is claimed for good")
	}
}

func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
