package tun

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/sgate/sgate/internal/needs"
)

func TestNamedNamespace(t *testing.T) {
	needs.Root(t)
	n := Namespace{Name: fmt.Sprintf("sgate-test-%d-named", os.Getpid())}
	if err := n.Make(); err != nil {
		t.Fatal(err)
	}
	defer n.Delete()
	if err := n.Make(); !errors.Is(err, fs.ErrExist) {
		t.Errorf("made twice: %v", err)
	}
	sleep := exec.Command("sleep", "60")
	err := n.Do(func() error {
		lo, err := netlink.LinkByName("lo")
		if err == nil && lo.Attrs().Flags&net.FlagUp == 0 {
			t.Error("its loopback device is down")
		}
		return errors.Join(err, sleep.Start())
	})
	if err != nil {
		t.Fatal(err)
	}
	if pids, err := n.Processes(); err != nil || !slices.Equal(pids, []int{sleep.Process.Pid}) {
		t.Errorf("processes %v, %v, want %d", pids, err, sleep.Process.Pid)
	}
	if pids, err := (Namespace{PID: os.Getpid()}).Processes(); err != nil || slices.Contains(pids, os.Getpid()) {
		t.Errorf("this process is among %v, %v", pids, err)
	}
	_ = sleep.Process.Kill()
	_ = sleep.Wait()
	if pids, err := n.Processes(); err != nil || pids != nil {
		t.Errorf("processes %v, %v, want none", pids, err)
	}
	for range 2 { // that it has gone is no error
		if err := n.Delete(); err != nil {
			t.Error(err)
		}
	}
	if _, err := n.Processes(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("processes of what has gone: %v", err)
	}
}

// TestDeleteWhatACrashLeft: the name alone, with no namespace mounted on it.
func TestDeleteWhatACrashLeft(t *testing.T) {
	needs.Root(t)
	n := Namespace{Name: fmt.Sprintf("sgate-test-%d-crashed", os.Getpid())}
	if err := os.MkdirAll(NamespaceDir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(n.Path(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := n.Delete(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(n.Path()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is there still: %v", err)
	}
}
