package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/sgate/sgate/config"
)

// Info is what can be known of a lab from outside its process.
type Info struct {
	Name    string       `json:"name"`
	Running bool         `json:"running"` // false: it crashed, Down clears it away
	PID     int          `json:"pid"`     // of its process
	Config  string       `json:"config"`  // the file it was made from
	Members []MemberInfo `json:"members"`
}

// MemberInfo is one instance or host of a lab.
type MemberInfo struct {
	Name      string         `json:"name"`
	Host      bool           `json:"host"`
	Addresses []netip.Prefix `json:"addresses"`
	Namespace string         `json:"namespace"`
	Command   []string       `json:"command,omitempty"`
	Log       string         `json:"log,omitempty"` // the command's output
}

// folder is a lab's folder under StateDir. Whoever holds the lock on it is the
// lab's process; the kernel lets go of it however that process ends.
type folder struct {
	name string
	lock *os.File
}

func folderOf(name string) string { return filepath.Join(StateDir, name) }

// claim makes the lab's folder and takes its lock.
func claim(name string) (*folder, error) {
	path := folderOf(name)
	if err := os.MkdirAll(filepath.Join(path, "logs"), 0o700); err != nil {
		return nil, fmt.Errorf("lab %q: %w", name, err)
	}
	lock, held, err := tryLock(path)
	if err != nil {
		return nil, fmt.Errorf("lab %q: %w", name, err)
	}
	if held {
		info, _ := load(name)
		return nil, fmt.Errorf("lab %q is already up (process %d): take it down with `sgate lab down %s`, or choose another --name", name, info.PID, name)
	}
	return &folder{name: name, lock: lock}, nil
}

// tryLock takes the lock on a folder; held says that another process has it.
func tryLock(path string) (lock *os.File, held bool, err error) {
	path = filepath.Join(path, "lock")
	lock, err = os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, false, err
	}
	err = unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		err = stillAt(path, lock)
	}
	if err == nil {
		return lock, false, nil
	}
	lock.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, true, nil
	}
	return nil, false, err
}

// stillAt reports, as fs.ErrNotExist, that the file was removed between its
// opening and its locking: the lab whose lock it was has gone down.
func stillAt(path string, file *os.File) error {
	opened, err := file.Stat()
	if err != nil {
		return err
	}
	named, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !os.SameFile(opened, named) {
		return fs.ErrNotExist
	}
	return nil
}

// release removes the folder and lets go of the lock, in this order: nobody
// else can claim the name while anything of it is left.
func (f *folder) release() error {
	return errors.Join(os.RemoveAll(folderOf(f.name)), f.lock.Close())
}

func (f *folder) logFile(member string) string {
	return filepath.Join(folderOf(f.name), "logs", member+".log")
}

// save writes what others may know of the lab.
func (f *folder) save(cfg *config.Config) error {
	info := Info{Name: f.name, PID: os.Getpid(), Config: cfg.Path}
	for _, e := range cfg.Endpoints {
		m := MemberInfo{Name: e.Name, Host: e.Host, Addresses: e.Addresses, Namespace: e.Netns, Command: e.Command}
		if len(e.Command) > 0 {
			m.Log = f.logFile(e.Name)
		}
		info.Members = append(info.Members, m)
	}
	data, err := json.MarshalIndent(info, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(folderOf(f.name), "state.json")
	if err := os.WriteFile(path+".new", append(data, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func load(name string) (Info, error) {
	info := Info{Name: name}
	data, err := os.ReadFile(filepath.Join(folderOf(name), "state.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return info, nil // it crashed before it had made anything
	}
	if err != nil {
		return info, err
	}
	return info, json.Unmarshal(data, &info)
}
