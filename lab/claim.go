package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// StateDir is where running labs keep their state.
const StateDir = "/run/sgate/labs"

// folder is a lab's folder under StateDir. Whoever holds the lock on its file
// `lock` is the lab's process, whose id stands in the file; the kernel lets go
// of the lock however that process ends.
type folder struct {
	name  string
	lock  *os.File
	saved *Info // what save wrote last, nil if that is not known
}

func folderOf(name string) string { return filepath.Join(StateDir, name) }

func lockFile(name string) string { return filepath.Join(folderOf(name), "lock") }

// claimTries is how often claim starts again because the lab that had the name
// removes its folder just then.
const claimTries = 1000

// claim makes the lab's folder and takes its lock.
func claim(name string) (f *folder, err error) {
	for range claimTries {
		f, err = tryClaim(name)
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("lab %q: %w", name, hintRoot(err))
	}
	return f, nil
}

func tryClaim(name string) (*folder, error) {
	if err := os.MkdirAll(filepath.Join(folderOf(name), "logs"), 0o700); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(lockFile(name), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := take(name, lock); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return &folder{name: name, lock: lock}, nil
}

// take locks an open lock file and writes this process's id into it.
func take(name string, lock *os.File) error {
	// A lock of the open file, not of the process: closing another
	// descriptor of the file, as probe does, does not let go of it.
	err := unix.FcntlFlock(lock.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		pid, _ := probe(name)
		return fmt.Errorf("already up (process %d): take it down with `sgate lab down %s`, or choose another --name", pid, name)
	}
	if err != nil {
		return err
	}
	opened, err := lock.Stat()
	if err != nil {
		return err
	}
	named, err := os.Stat(lockFile(name))
	if err != nil {
		return err
	}
	if !os.SameFile(opened, named) {
		return fs.ErrNotExist // removed between its opening and its locking
	}
	if err := lock.Truncate(0); err != nil {
		return err
	}
	_, err = fmt.Fprintln(lock, os.Getpid())
	return err
}

// probe returns the id of the process that has a lab's lock, 0 if none has, so
// that the lab is not there or has crashed. It takes no lock itself. The id may
// be 0 for a moment after a process has taken the lock; running tells.
func probe(name string) (pid int, running bool) {
	lock, err := os.OpenFile(lockFile(name), os.O_RDWR, 0)
	if err != nil {
		return 0, false
	}
	defer lock.Close()
	query := unix.Flock_t{Type: unix.F_WRLCK}
	if unix.FcntlFlock(lock.Fd(), unix.F_OFD_GETLK, &query) != nil || query.Type == unix.F_UNLCK {
		return 0, false
	}
	data, err := os.ReadFile(lockFile(name))
	if err != nil {
		return 0, true
	}
	pid, err = strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || pid <= 1 {
		return 0, true
	}
	return pid, true
}

// release removes the folder and lets go of the lock. The folder goes in one
// step, so that whoever claims the name next has one of its own.
func (f *folder) release() error {
	away, err := os.MkdirTemp(filepath.Dir(StateDir), "gone-")
	if err == nil {
		err = os.Rename(folderOf(f.name), filepath.Join(away, f.name))
	}
	return errors.Join(err, removeAll(away), f.lock.Close())
}

// removeAll removes a folder in which a claimer that came too late may just be
// making its lock file; it will see that the folder has gone, and try again.
func removeAll(path string) (err error) {
	for range claimTries {
		if err = os.RemoveAll(path); !errors.Is(err, unix.ENOTEMPTY) {
			break
		}
	}
	return err
}

// hintRoot says what to do about a refusal.
func hintRoot(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: labs take root: run it with sudo", err)
	}
	return err
}
