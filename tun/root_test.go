package tun

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"go.uber.org/goleak"

	"github.com/sgate/sgate/internal/needs"
)

// helperEnv makes the test binary play a part of its own: see
// openAsHelper and doAsHelper.
const helperEnv = "SGATE_TUN_TEST_HELPER"

func TestMain(m *testing.M) {
	if part := os.Getenv(helperEnv); part != "" {
		if name, ok := strings.CutPrefix(part, "do "); ok {
			doAsHelper(name)
		} else {
			openAsHelper(part)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

var namespaces atomic.Int32

// newNamespace makes a network namespace for the time of the test and returns
// its name.
func newNamespace(t *testing.T) string {
	t.Helper()
	needs.Root(t)
	name := fmt.Sprintf("sgate-test-%d-%d", os.Getpid(), namespaces.Add(1))
	runtime.LockOSThread() // until it is back in its own namespace
	if err := makeNamespace(name); err != nil {
		t.Fatalf("make namespace %s: %v", name, err)
	}
	runtime.UnlockOSThread()
	t.Cleanup(func() {
		if err := netns.DeleteNamed(name); err != nil {
			t.Errorf("delete namespace %s: %v", name, err)
		}
	})
	return name
}

func makeNamespace(name string) error {
	own, err := netns.Get()
	if err != nil {
		return err
	}
	defer own.Close()
	made, err := netns.NewNamed(name)
	if err != nil {
		return errors.Join(err, netns.Set(own))
	}
	return errors.Join(made.Close(), netns.Set(own))
}

// in runs f in a namespace. f must not end its goroutine, as t.Fatal does.
func in(t *testing.T, name string, f func() error) {
	t.Helper()
	if err := (Namespace{Name: name}).Do(f); err != nil {
		t.Fatal(err)
	}
}

// openDevice opens a device until the test ends.
func openDevice(t *testing.T, o Options) *Kernel {
	t.Helper()
	k, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return k
}

// options are those of an everyday device in a namespace.
func options(name string) Options {
	return Options{Namespace: Namespace{Name: name}, Name: "eth0", MTU: 9001, Offload: true}
}

// configured opens a device with addresses.
func configured(t *testing.T, o Options, a Addressing) *Kernel {
	t.Helper()
	k := openDevice(t, o)
	if err := k.Configure(a); err != nil {
		t.Fatal(err)
	}
	return k
}

// link returns a device as the namespace shows it, or nil.
func link(t *testing.T, namespace, device string) (found netlink.Link) {
	t.Helper()
	in(t, namespace, func() (err error) {
		found, err = netlink.LinkByName(device)
		if errors.As(err, &netlink.LinkNotFoundError{}) {
			found, err = nil, nil
		}
		return err
	})
	return found
}

// deleteLink takes a device away from its owner, as `ip link delete` does.
func deleteLink(t *testing.T, namespace, device string) {
	t.Helper()
	l := link(t, namespace, device)
	in(t, namespace, func() error { return netlink.LinkDel(l) })
}

// soon waits until a condition holds: for what the kernel or another
// goroutine does on its own time.
func soon(t *testing.T, condition func() bool) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for !condition() {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(5 * time.Millisecond):
		}
	}
	return true
}

// nextFrame waits for a device's next frame.
func nextFrame(t *testing.T, d Device) []byte {
	t.Helper()
	buf := make([]byte, MaxFrame)
	var n int
	var err error
	if !soon(t, func() bool { n, err = d.ReadFrame(buf); return !errors.Is(err, ErrNoFrame) }) {
		t.Fatal("no frame came")
	}
	if err != nil {
		t.Fatalf("ReadFrame: %v", err)
	}
	return buf[:n]
}

// openDescriptors counts the process's descriptors.
func openDescriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
