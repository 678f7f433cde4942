package path

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/sgate/sgate/tun"
)

// ownPrefix begins the name of everything that a path makes; the id of the
// process follows. Tests of this package that leave something on purpose have
// one of their own: a benchmark that starts meanwhile would clear it away.
var ownPrefix = "sgate-bench-"

// nameOf returns the name of a process's namespace or file for a role.
func nameOf(pid int, role string) string { return fmt.Sprintf("%s%d-%s", ownPrefix, pid, role) }

// ownName returns nameOf for this process.
func ownName(role string) string { return nameOf(os.Getpid(), role) }

// ownerOf returns the id of the process that made what has that name.
func ownerOf(name string) (pid int, ok bool) {
	rest, ours := strings.CutPrefix(name, ownPrefix)
	digits, _, whole := strings.Cut(rest, "-")
	pid, err := strconv.Atoi(digits)
	return pid, ours && whole && err == nil
}

// claim says that this process has a world, until the result is closed: it is a
// socket with the process's id as its abstract name, which the kernel takes away
// however the process ends.
func claim() (*net.UnixConn, error) {
	conn, err := net.ListenUnixgram("unixgram", claimOf(os.Getpid()))
	if err != nil {
		return nil, fmt.Errorf("a process can have one world at a time: %w", err)
	}
	return conn, nil
}

func claimOf(pid int) *net.UnixAddr {
	return &net.UnixAddr{Name: fmt.Sprintf("@%s%d", ownPrefix, pid), Net: "unixgram"}
}

// claimed reports whether a process has a world.
func claimed(pid int) bool {
	conn, err := net.DialUnix("unixgram", nil, claimOf(pid))
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// clearLeftovers removes what is there of processes that have ended, and what a
// process with this one's id has left.
func clearLeftovers() error {
	return remove(func(pid int) bool { return pid == os.Getpid() || !claimed(pid) })
}

// removeOwn removes everything that this process has made.
func removeOwn() error {
	return remove(func(pid int) bool { return pid == os.Getpid() })
}

// remove removes the namespaces, with the processes in them, and the folders of
// the processes that of names.
func remove(of func(pid int) bool) error {
	var errs []error
	for _, dir := range []string{tun.NamespaceDir, os.TempDir()} {
		found, err := filepath.Glob(filepath.Join(dir, ownPrefix+"*"))
		if err != nil {
			return err
		}
		for _, path := range found {
			if pid, ok := ownerOf(filepath.Base(path)); !ok || !of(pid) {
				continue
			}
			if dir == tun.NamespaceDir {
				errs = append(errs, Namespace{filepath.Base(path)}.remove())
			} else {
				errs = append(errs, os.RemoveAll(path))
			}
		}
	}
	return errors.Join(errs...)
}
