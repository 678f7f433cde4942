package control

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSocketIsItsOwnersAlone(t *testing.T) {
	umask(t, 0)
	dir := filepath.Join(t.TempDir(), "new", "folders")
	s := listenAt(t, filepath.Join(dir, "s.sock"))
	for path, want := range map[string]fs.FileMode{
		s.Path(): fs.ModeSocket | 0o600, dir: fs.ModeDir | 0o700, filepath.Dir(dir): fs.ModeDir | 0o700,
	} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s: mode %v, want %v", path, info.Mode(), want)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(s.Path()); !os.IsNotExist(err) {
		t.Errorf("the socket is left: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
}

func TestSocketPaths(t *testing.T) {
	dir := t.TempDir()
	long := func(n int) string { return filepath.Join(dir, strings.Repeat("x", n-len(dir)-1)) }
	if s, err := Listen(long(maxPath)); err != nil || s.Close() != nil {
		t.Errorf("the longest path: %v", err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink("nowhere", link); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, path string
		want       []string
	}{
		{"too long", long(maxPath + 1), []string{"has 108 bytes", "at most 107", "choose a shorter one"}},
		{"empty", "", []string{"the path is empty"}},
		{"a file", file, []string{file, "no socket"}},
		{"a link", link, []string{link, "no socket"}},
		{"below a file", filepath.Join(file, "s.sock"), []string{file, "not a directory"}},
		{"a folder", dir, []string{dir, "no socket"}},
	} {
		s, err := Listen(c.path)
		if err == nil {
			s.Close()
		}
		wantError(t, err, append(c.want, "control socket")...)
	}
	for _, path := range []string{long(maxPath + 1), ""} {
		if _, err := NewClient(path); err == nil {
			t.Errorf("a client at %q", path)
		}
	}
}

// TestNoAbstractSocket holds that a path never stands for a socket of Linux's
// abstract name space, which any process may open.
func TestNoAbstractSocket(t *testing.T) {
	t.Chdir(t.TempDir())
	s := listenAt(t, "@sgate")
	if info, err := os.Lstat("@sgate"); err != nil || info.Mode().Type() != fs.ModeSocket {
		t.Errorf("no socket in the folder: %v", err)
	}
	if !filepath.IsAbs(s.Path()) {
		t.Errorf("path %q", s.Path())
	}
}

func TestStaleSocketIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.sock")
	stale(t, path)
	s := listenAt(t, path)
	_, err := Listen(path)
	wantError(t, err, path, "another process listens there")
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the refused one took the socket away: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	listenAt(t, path)
}

// TestCloseLeavesAnothersSocket has somebody put a socket of his own in the
// place of ours.
func TestCloseLeavesAnothersSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.sock")
	s := listenAt(t, path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	other := listenAt(t, path)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if alive, err := answers(other.Path()); !alive || err != nil {
		t.Errorf("the other's socket: %v, %v", alive, err)
	}
}

// TestListenersTakeTurns has many find the same stale socket: one gets the
// path, and keeps it.
func TestListenersTakeTurns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.sock")
	for range 20 {
		stale(t, path)
		var got []*Server
		var mu sync.Mutex
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				s, err := Listen(path)
				if err != nil {
					if !strings.Contains(err.Error(), "another process listens there") {
						t.Error(err)
					}
					return
				}
				mu.Lock()
				got = append(got, s)
				mu.Unlock()
			})
		}
		all.Wait()
		if len(got) != 1 {
			t.Errorf("%d have the path", len(got))
		}
		if alive, err := answers(path); !alive || err != nil {
			t.Errorf("nobody listens: %v, %v", alive, err)
		}
		for _, s := range got {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestRunning(t *testing.T) {
	dir := t.TempDir()
	alive := listenAt(t, filepath.Join(dir, "2.sock"))
	stale(t, filepath.Join(dir, "1.sock"))
	if err := os.WriteFile(filepath.Join(dir, "3.sock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	listenAt(t, filepath.Join(dir, "4"))
	found, err := Running(dir)
	if err != nil || !slices.Equal(found, []string{alive.Path()}) {
		t.Errorf("running: %q, %v", found, err)
	}
	if found, err := Running(filepath.Join(dir, "nowhere")); len(found) != 0 || err != nil {
		t.Errorf("no folder: %q, %v", found, err)
	}
	if _, err := Running(filepath.Join(dir, "3.sock")); err == nil {
		t.Error("a file is no folder, and no error")
	}
	if _, err := os.Lstat(filepath.Join(dir, "1.sock")); err != nil {
		t.Errorf("looking has removed the stale one: %v", err)
	}

	s, err := ListenIn(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{filepath.Join(dir, "2.sock"), filepath.Join(dir, "3.sock"), filepath.Join(dir, "4"), ownPath(dir)}
	slices.Sort(want)
	if !slices.Equal(left, want) {
		t.Errorf("left: %q, want %q", left, want)
	}
	if found, err := Running(dir); err != nil || len(found) != 2 {
		t.Errorf("running: %q, %v", found, err)
	}
	if _, err := ListenIn(dir); err == nil {
		t.Error("two sockets of one process in one folder")
	}
}

// TestBusySocketIsAlive holds that a listener whose queue is full is not taken
// for a dead one.
func TestBusySocketIsAlive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.sock")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		if conn, err := net.Dial("unix", path); err == nil {
			defer conn.Close()
		}
	}
	if alive, err := answers(path); !alive || err != nil {
		t.Errorf("got %v, %v", alive, err)
	}
}

func TestOnly(t *testing.T) {
	lab, run := Target{"--lab three-tier", "/a"}, Target{"--control /b", "/b"}
	if path, err := Only([]Target{run}); path != "/b" || err != nil {
		t.Errorf("one: %q, %v", path, err)
	}
	_, err := Only(nil)
	wantError(t, err, "no gateway is running", "sgate lab up", "sgate run")
	_, err = Only([]Target{lab, run})
	wantError(t, err, "several gateways are running", "--lab three-tier, --control /b")
}
