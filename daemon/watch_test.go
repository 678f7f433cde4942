package daemon

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// watched is a Watcher at work on a file of the test's own.
type watched struct {
	t       *testing.T
	path    string
	hangup  chan os.Signal
	reloads chan error // a value for each reload; what is sent back is its result
	log     *safeBuilder
}

// safeBuilder is a strings.Builder for two goroutines.
type safeBuilder struct {
	mu sync.Mutex
	b  strings.Builder
}

func (s *safeBuilder) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuilder) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func watchFile(t *testing.T, result error) *watched {
	t.Helper()
	w := &watched{
		t: t, path: filepath.Join(t.TempDir(), "sgate.yaml"), log: &safeBuilder{},
		hangup: make(chan os.Signal, 1), reloads: make(chan error, 10),
	}
	w.write("first")
	watcher, err := NewWatcher(w.path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		watcher.Run(ctx, w.hangup, slog.New(slog.NewTextHandler(w.log, nil)), func() error {
			w.reloads <- result
			return result
		})
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		if err := watcher.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *watched) write(content string) {
	w.t.Helper()
	if err := os.WriteFile(w.path, []byte(content), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w *watched) reloaded() {
	w.t.Helper()
	select {
	case <-w.reloads:
	case <-time.After(10 * time.Second):
		w.t.Fatal("the file was not read again")
	}
}

func (w *watched) notReloaded() {
	w.t.Helper()
	select {
	case <-w.reloads:
		w.t.Fatal("the file was read again")
	case <-time.After(3 * settle):
	}
}

func TestWatcherFollowsTheContent(t *testing.T) {
	w := watchFile(t, nil)
	w.write("second")
	w.reloaded()

	w.write("second") // written, not changed
	w.notReloaded()

	// As an editor does: another file takes its place.
	next := w.path + ".next"
	if err := os.WriteFile(next, []byte("third"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, w.path); err != nil {
		t.Fatal(err)
	}
	w.reloaded()

	// A file that is away for a moment is no change.
	if err := os.Remove(w.path); err != nil {
		t.Fatal(err)
	}
	w.notReloaded()
	w.write("fourth")
	w.reloaded()
}

func TestWatcherFollowsALink(t *testing.T) {
	// As Kubernetes does: the file is a link through a folder that is a link.
	dir := t.TempDir()
	for _, version := range []string{"v1", "v2"} {
		if err := os.Mkdir(filepath.Join(dir, version), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, version, "sgate.yaml"), []byte(version), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := func(target, name string) {
		t.Helper()
		if err := os.Symlink(target, filepath.Join(dir, "new")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	link("v1", "..data")
	link("..data/sgate.yaml", "sgate.yaml")
	watcher, err := NewWatcher(filepath.Join(dir, "sgate.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	defer watcher.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	link("v2", "..data")
	reloads := 0
	watcher.Run(ctx, nil, slog.New(slog.DiscardHandler), func() error {
		reloads++
		cancel()
		return nil
	})
	if reloads != 1 {
		t.Errorf("%d reloads, want 1", reloads)
	}
}

func TestOtherFilesDoNotPutItOff(t *testing.T) {
	w := watchFile(t, nil)
	stop := make(chan struct{})
	var noise sync.WaitGroup
	noise.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(settle / 4):
				_ = os.WriteFile(w.path+".log", []byte(time.Now().String()), 0o600)
			}
		}
	})
	defer noise.Wait()
	defer close(stop)
	w.write("second")
	w.reloaded()
}

func TestWatcherFollowsALinkElsewhere(t *testing.T) {
	w := watchFile(t, nil)
	real := filepath.Join(t.TempDir(), "real.yaml")
	if err := os.WriteFile(real, []byte("real"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, w.path+".link"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(w.path+".link", w.path); err != nil {
		t.Fatal(err)
	}
	w.reloaded()
	if err := os.WriteFile(real, []byte("changed there"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.reloaded()
}

func TestHangupReadsAgainInAnyCase(t *testing.T) {
	w := watchFile(t, nil)
	w.hangup <- syscall.SIGHUP
	w.reloaded()
}

func TestRefusalIsLogged(t *testing.T) {
	w := watchFile(t, errors.New("sgate.yaml:1:1: no"))
	w.write("bad")
	w.reloaded()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if log := w.log.String(); strings.Contains(log, "the old one stays in force") && strings.Contains(log, "sgate.yaml:1:1: no") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("log:\n%s", w.log)
		}
	}
}

func TestWatchMissingFolder(t *testing.T) {
	if _, err := NewWatcher(filepath.Join(t.TempDir(), "none", "sgate.yaml")); err == nil {
		t.Error("a folder that does not exist is watched")
	}
}
