package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// maxPath is the longest path of a Unix socket, in bytes: sun_path has 108, one
// of them for the zero at the end (unix(7)).
const maxPath = 107

// cleanPath checks a socket's path and makes it absolute: a leading "@" would
// otherwise stand for a socket without a file, which anybody may open.
func cleanPath(path string) (string, error) {
	if path == "" {
		return "", errors.New("control socket: the path is empty, want one such as " + DefaultPath())
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("control socket: %w", err)
	}
	if len(path) > maxPath {
		return "", fmt.Errorf("control socket %s: the path has %d bytes, and a Unix socket's at most %d: choose a shorter one", path, len(path), maxPath)
	}
	return path, nil
}

// socket is a Unix socket that this process listens on.
type socket struct {
	net.Listener
	path string
	file os.FileInfo
}

// listen makes the socket. Nobody but its owner may open it, and nobody ever
// could: its mode is set before it has a name.
func listen(path string) (*socket, error) {
	unlock, err := lockFolder(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := clear(path); err != nil {
		return nil, err
	}
	config := net.ListenConfig{Control: func(_, _ string, conn syscall.RawConn) (err error) {
		controlErr := conn.Control(func(fd uintptr) { err = unix.Fchmod(int(fd), 0o600) })
		return errors.Join(controlErr, err)
	}}
	l, err := config.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, cause(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // remove looks first
	file, err := os.Lstat(path)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return &socket{l, path, file}, nil
}

// remove takes the socket's file away, unless it has another one's by now.
func (s *socket) remove() error {
	file, err := os.Lstat(s.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(file, s.file) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.Remove(s.path)
}

// folderWait is how long lockFolder waits for others that make sockets in the
// same folder, which takes them no time.
const folderWait = 5 * time.Second

// lockFolder makes a folder, for its owner only, if it is not there, and locks
// it, so that of two processes that find a dead one's socket, one cannot remove
// the socket which the other has just made in its place.
func lockFolder(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(folderWait); ; time.Sleep(5 * time.Millisecond) {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return func() { f.Close() }, nil
		case !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR):
			return nil, errors.Join(fmt.Errorf("lock %s: %w", dir, err), f.Close())
		case time.Now().After(deadline):
			return nil, errors.Join(fmt.Errorf("lock %s: another process holds it", dir), f.Close())
		}
	}
}

// clear removes the socket of a process that has ended. It is an error if
// somebody listens on it, or if it is no socket.
func clear(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return errors.New("there is a file of that name that is no socket: remove it or choose another path")
	}
	alive, err := answers(path)
	if err != nil {
		return err
	}
	if alive {
		return errors.New("another process listens there: choose another path")
	}
	return os.Remove(path)
}

// answers reports whether a process listens on a socket.
func answers(path string) (bool, error) {
	conn, err := net.Dial("unix", path)
	switch {
	case err == nil:
		return true, conn.Close()
	case errors.Is(err, unix.EAGAIN): // it listens, and many wait
		return true, nil
	case errors.Is(err, unix.ECONNREFUSED), errors.Is(err, fs.ErrNotExist):
		return false, nil
	}
	return false, cause(err)
}

// cause takes from a network error what the caller says anyway.
func cause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}
