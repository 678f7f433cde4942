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

// settle is how long a file must be left alone before it is read: editors and
// copies write in several steps.
const settle = 100 * time.Millisecond

// Watcher tells when a file's content changes. The folder is watched rather
// than the file, because editors replace files and Kubernetes swaps links to
// them.
type Watcher struct {
	path   string
	notify *fsnotify.Watcher
	seen   []byte // digest of the content that was read last
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
	return &Watcher{path: path, notify: notify, seen: digest(path)}, nil
}

// Close ends the watching.
func (w *Watcher) Close() error { return w.notify.Close() }

// Run calls reload when the file's content changes and whenever hangup
// receives, until ctx is done. It logs what reload refuses: what was in force
// then stays.
func (w *Watcher) Run(ctx context.Context, hangup <-chan os.Signal, log *slog.Logger, reload func() error) {
	quiet := time.NewTimer(settle) // the file may have changed since NewWatcher
	defer quiet.Stop()
	for {
		why := ""
		select {
		case <-ctx.Done():
			return
		case <-hangup:
			w.seen, why = digest(w.path), "SIGHUP"
		case <-w.notify.Events:
			quiet.Reset(settle)
		case err := <-w.notify.Errors:
			log.Warn("watching the configuration", "file", w.path, "error", err)
		case <-quiet.C:
			if now := digest(w.path); now != nil && !bytes.Equal(now, w.seen) {
				w.seen, why = now, "it has changed"
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

// digest returns a hash of the file's content, nil if it cannot be read.
func digest(path string) []byte {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	sum := sha256.Sum256(data)
	return sum[:]
}
