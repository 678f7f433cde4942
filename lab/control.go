package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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
		return nil, hintRoot(err)
	}
	var labs []Info
	for _, entry := range entries {
		if entry.IsDir() {
			labs = append(labs, load(entry.Name()))
		}
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
		asked := 0 // the process that was sent the signal
		for deadline := time.Now().Add(downWait); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			pid, running := probe(info.Name)
			if !running {
				return nil
			}
			if pid == 0 || pid == asked {
				continue
			}
			if err := endHolder(info.Name, pid, signal); err != nil {
				return fmt.Errorf("lab %q: end process %d: %w", info.Name, pid, err)
			}
			asked = pid
		}
	}
	return fmt.Errorf("lab %q: its process does not end", info.Name)
}

// endHolder sends a signal to the process that has a lab's lock, and to no
// other one: the id in the lock file may for a moment be that of a lab which
// crashed before, and be another process's by now.
func endHolder(name string, pid int, signal unix.Signal) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if !hasOpen(pid, lockFile(name)) {
		return nil
	}
	if err := unix.PidfdSendSignal(fd, signal, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return err
	}
	return nil
}

// hasOpen reports whether a process has a file open.
func hasOpen(pid int, path string) bool {
	file, err := os.Stat(path)
	if err != nil {
		return false
	}
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, entry := range entries {
		if its, err := os.Stat(filepath.Join(dir, entry.Name())); err == nil && os.SameFile(file, its) {
			return true
		}
	}
	return false
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

// Exec replaces this process by a command in the namespace of a lab's member,
// which ref names as Info.Member has it: standard input and output and the exit
// status are the command's own. The lab may be "" if only one is up. It returns
// only on an error.
func Exec(lab, ref string, command []string) error {
	info, err := find(lab)
	if err != nil {
		return err
	}
	m, err := info.Member(ref)
	if err != nil {
		return err
	}
	return execIn(tun.Namespace{Name: m.Namespace}, command)
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

// FlowLogs returns the folder of the flow logs that are made over the EC2 API in
// the lab with that name. It goes with the lab.
func FlowLogs(name string) string { return filepath.Join(folderOf(name), "flow-logs") }
