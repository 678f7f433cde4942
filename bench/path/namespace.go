package path

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/sgate/sgate/tun"
)

// Namespace is a network namespace of a world.
type Namespace struct {
	Name string // as `ip netns` knows it
}

// Command returns a command that starts in the namespace. It is started and
// waited for as any other; its process is that of the program itself.
func (n Namespace) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	enter := []string{"--net=" + n.path(), "--", name}
	return exec.CommandContext(ctx, "nsenter", append(enter, args...)...)
}

// Do runs f on a thread that is in the namespace: the sockets that f opens stay
// in it.
func (n Namespace) Do(f func() error) error { return n.tun().Do(f) }

func (n Namespace) tun() tun.Namespace { return tun.Namespace{Name: n.Name} }

func (n Namespace) path() string { return n.tun().Path() }

// makeNamespace makes a namespace for a role, with its loopback device up.
func makeNamespace(role string) (Namespace, error) {
	n := Namespace{ownName(role)}
	err := tun.OnOwnThread(func() error {
		handle, err := netns.NewNamed(n.Name) // moves the thread into it
		if err != nil {
			return err
		}
		defer handle.Close()
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		return netlink.LinkSetUp(lo)
	})
	if err != nil {
		return n, fmt.Errorf("make the %v: %w", n.tun(), err)
	}
	return n, nil
}

// removeNamespace kills every process in a named namespace and removes it.
func removeNamespace(path string) error {
	if err := killAll(path); err != nil {
		return err
	}
	// A crash may have left the file without its mount.
	if err := unix.Unmount(path, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("unmount %s: %w", path, err)
	}
	return os.Remove(path)
}

// killWithin is how long killed processes may take to be gone.
const killWithin = 5 * time.Second

func killAll(path string) error {
	for deadline := time.Now().Add(killWithin); ; time.Sleep(time.Millisecond) {
		pids, err := processesIn(path)
		if err != nil || len(pids) == 0 {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("processes %v in %s do not end", pids, path)
		}
		for _, pid := range pids {
			_ = unix.Kill(pid, unix.SIGKILL) // it may have ended by now
		}
	}
}

// processesIn lists the processes in a network namespace, this one aside.
func processesIn(path string) ([]int, error) {
	want, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		if has, err := os.Stat(tun.Namespace{PID: pid}.Path()); err == nil && os.SameFile(has, want) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}
