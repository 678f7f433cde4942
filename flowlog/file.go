package flowlog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// file is a destination that is set aside when it has grown, and begun anew when
// somebody else, such as logrotate, has set it aside.
type file struct {
	path   string
	header string // with its newline; "" for none
	most   int64  // bytes
	files  int

	open *os.File // nil if it could not be opened anew
	info os.FileInfo
	size int64
}

func openFile(l Log, header string) (*file, error) {
	f := &file{path: l.Destination, header: header, most: l.MaxFileSize, files: l.MaxFiles}
	if err := f.begin(); err != nil {
		return nil, err
	}
	return f, nil
}

// begin opens the file, and makes it and its folder if need be.
func (f *file) begin() error {
	if info, err := os.Stat(f.path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no regular file", f.path) // opening a pipe would wait for its reader
	}
	if err := os.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
		return err
	}
	open, err := os.OpenFile(f.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|unix.O_NONBLOCK, 0o640)
	if err != nil {
		return err
	}
	info, err := open.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", f.path)
	}
	if err != nil {
		return errors.Join(err, open.Close())
	}
	f.open, f.info, f.size = open, info, info.Size()
	return nil
}

func (f *file) start() {}

func (f *file) write(lines []byte) error {
	if err := f.follow(); err != nil {
		return err
	}
	if f.size > 0 && f.size+int64(len(lines)) > f.most {
		if err := f.rotate(); err != nil {
			return fmt.Errorf("set %s aside: %w", f.path, err)
		}
	}
	if f.size == 0 {
		lines = append([]byte(f.header), lines...)
	}
	n, err := f.open.Write(lines)
	if err != nil {
		if n > 0 {
			err = errors.Join(err, f.open.Truncate(f.size)) // no half a line stays
		}
		return err
	}
	f.size += int64(n)
	return nil
}

// follow opens the file anew if it is not what is at its path any more.
func (f *file) follow() error {
	if f.open != nil {
		info, err := os.Stat(f.path)
		if err == nil && os.SameFile(info, f.info) {
			f.size = info.Size() // it may have been cut, as by logrotate's copytruncate
			return nil
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		_ = f.close() // nothing of it is held back
	}
	return f.begin()
}

// rotate sets the file aside as PATH.1, what was there as PATH.2, and so on, and
// begins it anew. The oldest goes.
func (f *file) rotate() error {
	if f.files == 1 {
		f.size = 0
		return f.open.Truncate(0)
	}
	for n := f.files - 2; n >= 0; n-- {
		if err := os.Rename(f.aside(n), f.aside(n+1)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	_ = f.close()
	return f.begin()
}

// aside returns the name of the n-th file from the newest on.
func (f *file) aside(n int) string {
	if n == 0 {
		return f.path
	}
	return f.path + "." + strconv.Itoa(n)
}

func (f *file) close() error {
	if f.open == nil {
		return nil
	}
	open := f.open
	f.open = nil
	return open.Close()
}
