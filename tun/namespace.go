package tun

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// NamespaceDir is where `ip netns` keeps its named network namespaces.
const NamespaceDir = "/run/netns"

// Namespace says in which network namespace something is to be done. The zero
// value is the caller's own.
type Namespace struct {
	Name string // as `ip netns` knows it, or an absolute path
	PID  int    // a process in it
}

// String names the namespace for messages.
func (n Namespace) String() string {
	switch {
	case n.PID != 0:
		return fmt.Sprintf("network namespace of process %d", n.PID)
	case n.Name != "":
		return fmt.Sprintf("network namespace %q", n.Name)
	}
	return "own network namespace"
}

// IsOwn reports whether n is the caller's own namespace.
func (n Namespace) IsOwn() bool { return n == Namespace{} }

// leadsHome reports whether a namespace that has a name is the caller's own all
// the same.
func (n Namespace) leadsHome() bool {
	own, err := os.Stat(Namespace{PID: os.Getpid()}.Path())
	if err != nil || n.IsOwn() {
		return false
	}
	its, err := os.Stat(n.Path())
	return err == nil && os.SameFile(own, its)
}

// Path returns the file that stands for the namespace, or "" for the caller's
// own.
func (n Namespace) Path() string {
	switch {
	case n.PID != 0:
		return fmt.Sprintf("/proc/%d/ns/net", n.PID)
	case n.Name == "" || filepath.IsAbs(n.Name):
		return n.Name
	}
	return filepath.Join(NamespaceDir, n.Name)
}

// Do runs f on a thread that is in the namespace. The sockets and devices that
// f opens stay in it; goroutines that f starts do not.
func (n Namespace) Do(f func() error) error {
	if n.IsOwn() {
		return f()
	}
	handle, err := netns.GetFromPath(n.Path())
	if err != nil {
		return n.explain(err)
	}
	defer handle.Close()
	return OnOwnThread(func() error {
		if err := netns.Set(handle); err != nil {
			return n.explain(err)
		}
		return f()
	})
}

// OnOwnThread runs f on a thread that is ended afterwards, so that f may move
// it into another namespace: none that is in a foreign one is ever used again.
func OnOwnThread(f func() error) error {
	done := make(chan error, 1)
	go func() {
		// A goroutine that ends with its thread locked takes it along.
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			// All but the main thread, which cannot be ended and would stay
			// in the namespace for good. It is kept busy meanwhile.
			defer runtime.UnlockOSThread()
			done <- OnOwnThread(f)
			return
		}
		done <- f()
	}()
	return <-done
}

func (n Namespace) explain(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist) && n.PID != 0:
		return fmt.Errorf("%v: there is no such process", n)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%v does not exist: no file %s (`ip netns list` shows those that do)", n, n.Path())
	case errors.Is(err, unix.EINVAL):
		return fmt.Errorf("%v: %s is not a network namespace", n, n.Path())
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%v: permission denied: entering a namespace takes root (CAP_SYS_ADMIN); run it with sudo", n)
	}
	return fmt.Errorf("%v: %w", n, err)
}
