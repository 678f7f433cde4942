package path

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"unsafe"

	"github.com/sgate/sgate/tun"
)

//go:embed limit/limit.c
var limitSource []byte

// findLimit returns the barest copy that can be written: in C where there is a
// compiler, else in Go.
func findLimit(string) (Path, error) {
	program, compiler, err := compileLimit()
	if err != nil {
		return Path{
			Description: fmt.Sprintf("bare TUN-to-TUN copy, %s (no C compiler works here)", runtime.Version()),
			build: func(ctx context.Context, w *World) error {
				return w.startBetween(ctx, ownProgram(limitGateway), withOffload)
			},
		}, nil
	}
	return Path{
		Description: "bare TUN-to-TUN copy, C, " + compiler,
		build: func(ctx context.Context, w *World) error {
			file := filepath.Join(w.dir, limitGateway)
			if err := os.WriteFile(file, program, 0o700); err != nil {
				return err
			}
			return w.startBetween(ctx, exec.Command(file), withOffload)
		},
	}, nil
}

// compileLimit returns the C program and the compiler's name and version.
func compileLimit() (program []byte, compiler string, err error) {
	version, err := exec.Command("cc", "--version").Output()
	if err != nil {
		return nil, "", err
	}
	owner, err := claim() // or another benchmark would clear the folder away
	if err != nil {
		return nil, "", err
	}
	defer owner.Close()
	dir, err := os.MkdirTemp("", ownName(""))
	if err != nil {
		return nil, "", err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, limitGateway)
	cc := exec.Command("cc", "-O2", "-Wall", "-pthread", "-x", "c", "-", "-o", file)
	cc.Stdin = bytes.NewReader(limitSource)
	if said, err := cc.CombinedOutput(); err != nil {
		return nil, "", errors.Join(err, errors.New(string(said)))
	}
	program, err = os.ReadFile(file)
	first, _, _ := strings.Cut(string(version), "\n")
	return program, first, err
}

// runLimit is limit.c in Go. Its reads and writes keep their processors while
// they block, so that the runtime does not come between; there are enough.
func runLimit() error {
	runtime.GOMAXPROCS(2 + runtime.NumCPU())
	debug.SetGCPercent(-1) // nothing is allocated, and a blocked thread cannot be stopped
	failed := make(chan error)
	for _, way := range [][2]uintptr{{clientFD, serverFD}, {serverFD, clientFD}} {
		go func() {
			runtime.LockOSThread()
			failed <- copyFrames(way[0], way[1])
		}()
	}
	return <-failed
}

func copyFrames(from, to uintptr) error {
	var frame [tun.MaxFrame]byte
	for {
		n, _, errno := syscall.RawSyscall(syscall.SYS_READ, from, uintptr(unsafe.Pointer(&frame)), uintptr(len(frame)))
		if errno == syscall.EINTR {
			continue
		}
		if errno != 0 {
			return fmt.Errorf("read: %w", errno)
		}
		// What the other device does not take is lost, as on any wire.
		_, _, _ = syscall.RawSyscall(syscall.SYS_WRITE, to, uintptr(unsafe.Pointer(&frame)), n)
	}
}
