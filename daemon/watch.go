package daemon

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settle is how long a file must stay as it is before it is read: editors and
// copies write in several steps.
const settle = 100 * time.Millisecond

// Watcher tells when a file's content changes. Folders are watched rather than
// the file, because editors replace files and Kubernetes swaps links to them:
// the folder of the path, and that of the file which it leads to.
type Watcher struct {
	path   string
	notify *fsnotify.Watcher
	seen   []byte // digest of the content that was read last
	last   []byte // digest at the last look; equal ones mean that it has settled
}

// NewWatcher starts watching the file at path. What it has now counts as seen,
// so it is to be called before the file is read for the first time.
func NewWatcher(path string) (*Watcher, error) {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", path, err)
	}
	if err := notify.Add(filepath.Dir(path)); err != nil {
		notify.Close()
		return nil, fmt.Errorf("watch %s: %w", path, err)
	}
	w := &Watcher{path: path, notify: notify, seen: digest(path)}
	w.follow()
	return w, nil
}

// follow watches where the path leads to now. A link that leads nowhere is
// watched by its own folder.
func (w *Watcher) follow() {
	if target, err := filepath.EvalSymlinks(w.path); err == nil {
		_ = w.notify.Add(filepath.Dir(target)) // known folders are added once
	}
}

// Close ends the watching.
func (w *Watcher) Close() error { return w.notify.Close() }

// Run calls reload when the file's content changes and whenever hangup
// receives, until ctx is done. It logs what reload refuses: what was in force
// then stays.
func (w *Watcher) Run(ctx context.Context, hangup <-chan os.Signal, log *slog.Logger, reload func() error) {
	look := time.NewTimer(settle) // the file may have changed since NewWatcher
	defer look.Stop()
	looking := true
	for {
		why := ""
		select {
		case <-ctx.Done():
			return
		case <-hangup:
			w.seen, why = digest(w.path), "SIGHUP"
		case <-w.notify.Events:
			if !looking { // other files in the folder must not put it off
				look.Reset(settle)
				looking = true
			}
		case err := <-w.notify.Errors:
			log.Warn("watching the configuration has failed", "file", w.path, "error", err, "remedy", "SIGHUP makes the gateway read it")
		case <-look.C:
			looking = false
			changed, settled := w.look()
			switch {
			case changed && settled:
				why = "it has changed"
			case changed:
				look.Reset(settle)
				looking = true
			}
		}
		if why == "" {
			continue
		}
		log.Info("reading the configuration again", "file", w.path, "because", why)
		if err := reload(); err != nil {
			log.Error("the configuration is refused, the old one stays in force", "file", w.path, "error", err)
		}
	}
}

// look reports whether the content is another one than was read last, and
// whether it was the same at two looks.
func (w *Watcher) look() (changed, settled bool) {
	w.follow()
	now := digest(w.path)
	changed = now != nil && !bytes.Equal(now, w.seen)
	settled = bytes.Equal(now, w.last)
	w.last = now
	if changed && settled {
		w.seen = now
	}
	return changed, settled
}

// digest returns a hash of the file's content, nil if it cannot be read.
func digest(path string) []byte {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	sum := sha256.Sum256(data)
	return sum[:]
}
