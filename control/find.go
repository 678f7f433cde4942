package control

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// DefaultDir is where gateways that nobody told otherwise make their sockets.
const DefaultDir = "/run/sgate/gateways"

// ending is that of sockets in DefaultDir.
const ending = ".sock"

// DefaultPath returns the path of this process's socket in DefaultDir.
func DefaultPath() string { return ownPath(DefaultDir) }

func ownPath(dir string) string { return filepath.Join(dir, fmt.Sprint(os.Getpid(), ending)) }

// Running returns the paths of the sockets in a folder that somebody listens
// on, in the order of their names. Without such a folder there are none.
func Running(dir string) ([]string, error) {
	var found []string
	err := eachSocket(dir, func(path string) error {
		alive, err := answers(path)
		if alive {
			found = append(found, path)
		}
		return err
	})
	return found, err
}

// removeStale removes the sockets in a folder that nobody listens on. One that
// does not say stays. The folder is locked: a socket that is just being made
// does not answer yet.
func removeStale(dir string) error {
	return eachSocket(dir, func(path string) error {
		if alive, err := answers(path); alive || err != nil {
			return nil
		}
		if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
}

func eachSocket(dir string, do func(path string) error) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return hint(err)
	}
	for _, entry := range entries {
		if entry.Type() != fs.ModeSocket || filepath.Ext(entry.Name()) != ending {
			continue
		}
		path := filepath.Join(dir, entry.Name())
		if err := do(path); err != nil {
			return fmt.Errorf("control socket %s: %w", path, hint(err))
		}
	}
	return nil
}

// Target is a gateway that a command can be meant for.
type Target struct {
	Flag string // how to name it on the command line: "--lab three-tier"
	Path string // of its socket
}

// Only returns the path of the one gateway that runs; it is an error if there
// is none, or if the user has to choose.
func Only(running []Target) (string, error) {
	switch len(running) {
	case 0:
		return "", errors.New("no gateway is running: start one with `sgate lab up FILE` or `sgate run --config FILE`")
	case 1:
		return running[0].Path, nil
	}
	var flags []string
	for _, t := range running {
		flags = append(flags, t.Flag)
	}
	return "", fmt.Errorf("several gateways are running, name one: %s", strings.Join(flags, ", "))
}

// hint says what to do about a refusal.
func hint(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: the socket is its owner's alone: run it with sudo", err)
	}
	return err
}
