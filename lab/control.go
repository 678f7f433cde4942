package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/sgate/sgate/tun"
)

// List returns all labs, running and crashed, by name.
func List() ([]Info, error) {
	entries, err := os.ReadDir(StateDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var labs []Info
	for _, entry := range entries {
		info, err := load(entry.Name())
		if err != nil {
			return nil, fmt.Errorf("lab %q: %w", entry.Name(), err)
		}
		lock, held, err := tryLock(folderOf(entry.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // it went down meanwhile
		}
		if err != nil {
			return nil, fmt.Errorf("lab %q: %w", entry.Name(), err)
		}
		if lock != nil {
			lock.Close()
		}
		info.Running = held
		labs = append(labs, info)
	}
	return labs, nil
}

// find returns the lab with that name, or the only one if name is "".
func find(name string) (Info, error) {
	labs, err := List()
	if err != nil {
		return Info{}, err
	}
	var names []string
	for _, l := range labs {
		if l.Name == name || name == "" && len(labs) == 1 {
			return l, nil
		}
		names = append(names, l.Name)
	}
	switch {
	case len(labs) == 0:
		return Info{}, errors.New("no lab is up: bring one up with `sgate lab up FILE`")
	case name == "":
		return Info{}, fmt.Errorf("several labs are up, name one: %s", strings.Join(names, ", "))
	}
	return Info{}, fmt.Errorf("lab %q is not up; these are: %s", name, strings.Join(names, ", "))
}

// downWait is how long a lab's process gets to take it down.
const downWait = 15 * time.Second

// Down takes a lab down, the only one if name is "". If its process lives, it
// is asked to; what it leaves, or left in a crash, is removed. It returns the
// lab's name.
func Down(name string) (string, error) {
	info, err := find(name)
	if err != nil {
		return "", err
	}
	if info.Running {
		if err := end(info); err != nil {
			return info.Name, err
		}
	}
	f, err := claimLeft(info.Name)
	if f == nil || err != nil {
		return info.Name, err
	}
	return info.Name, errors.Join(sweep(info.Name), f.release())
}

// claimLeft takes the lock on what a process has left, nil if that is nothing.
func claimLeft(name string) (*folder, error) {
	if _, err := os.Stat(folderOf(name)); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return claim(name)
}

// end asks a lab's process to end, and ends it if it does not.
func end(info Info) error {
	for _, signal := range []unix.Signal{unix.SIGTERM, unix.SIGKILL} {
		if err := unix.Kill(info.PID, signal); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("lab %q: end process %d: %w", info.Name, info.PID, err)
		}
		for deadline := time.Now().Add(downWait); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			lock, held, err := tryLock(folderOf(info.Name))
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			if !held {
				return lock.Close()
			}
		}
	}
	return fmt.Errorf("lab %q: process %d does not end", info.Name, info.PID)
}

// sweep removes every namespace of a lab, with the processes in it.
func sweep(name string) error {
	entries, err := os.ReadDir(tun.NamespaceDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var errs []error
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), namespaceName(name, "")) {
			errs = append(errs, removeNamespace(entry.Name()))
		}
	}
	return errors.Join(errs...)
}

// Exec replaces this process by a command in the namespace of a lab's member:
// standard input and output and the exit status are the command's own. The lab
// may be "" if only one is up. It returns only on an error.
func Exec(lab, memberName string, command []string) error {
	info, err := find(lab)
	if err != nil {
		return err
	}
	var names []string
	for _, m := range info.Members {
		if m.Name == memberName {
			return execIn(tun.Namespace{Name: m.Namespace}, command)
		}
		names = append(names, m.Name)
	}
	return fmt.Errorf("lab %q has no instance or host %q; it has: %s", info.Name, memberName, strings.Join(names, ", "))
}

func execIn(ns tun.Namespace, command []string) error {
	path, err := lookPath(command[0])
	if err != nil {
		return err
	}
	handle, err := netns.GetFromPath(ns.Path())
	if err != nil {
		return fmt.Errorf("%v: %w", ns, err)
	}
	runtime.LockOSThread() // exec keeps this thread alone, and its namespace
	if err := netns.Set(handle); err != nil {
		return fmt.Errorf("%v: %w", ns, err)
	}
	handle.Close()
	if err := os.Setenv("PATH", searchPath()); err != nil {
		return err
	}
	return fmt.Errorf("run %s: %w", command[0], unix.Exec(path, command, os.Environ()))
}
