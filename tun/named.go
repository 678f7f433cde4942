package tun

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Make makes the namespace, which must have a name, with its loopback device up.
// It fails with fs.ErrExist if the name is taken; after any other failure the
// name may be there.
func (n Namespace) Make() error {
	err := OnOwnThread(func() error {
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
		return fmt.Errorf("make the %v: %w", n, err)
	}
	return nil
}

// Delete takes the namespace's name away; the namespace itself ends with the last
// process and device in it. That there is no such name is no error.
func (n Namespace) Delete() error {
	// Not netns.DeleteNamed: a crash may have left the file without its mount.
	err := unix.Unmount(n.Path(), unix.MNT_DETACH)
	if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("unmount %s: %w", n.Path(), err)
	}
	if err := os.Remove(n.Path()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Processes lists the processes in the namespace, this one aside.
func (n Namespace) Processes() (pids []int, err error) {
	want, err := os.Stat(n.Path())
	if err != nil {
		return nil, fmt.Errorf("%v: %w", n, err)
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		// That it cannot be told means that the process has ended.
		if has, err := os.Stat(Namespace{PID: pid}.Path()); err == nil && os.SameFile(has, want) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}
