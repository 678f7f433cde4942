package traffic

import (
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

func newEcho() *cobra.Command {
	return &cobra.Command{
		Use:   "echo",
		Short: "Answer each byte of a TCP connection by a byte, until standard input ends",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return serve(echo, roundTripPort) },
	}
}

// echo answers each byte of a connection by a byte, until it ends.
func echo(fd int, one []byte) {
	if noDelay(fd) != nil {
		return
	}
	for readOne(fd, one) == nil && writeOne(fd, one) == nil {
	}
}

// serve accepts connections, on a thread for each port, and handles them one
// after the other. It returns when standard input ends.
func serve(handle func(fd int, one []byte), ports ...uint16) error {
	for _, port := range ports {
		fd, err := listen(unix.SOCK_STREAM, port)
		if err != nil {
			return err
		}
		go accept(fd, handle)
	}
	sayReady()
	return eachLine(func() error { return nil })
}

func accept(listener int, handle func(fd int, one []byte)) {
	runtime.LockOSThread()
	one := make([]byte, 1)
	for {
		fd, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
		if err == unix.EINTR || err == unix.ECONNABORTED {
			continue
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "accept:", err)
			os.Exit(1)
		}
		handle(fd, one)
		_ = unix.Close(fd)
	}
}

// exchange sends a byte and awaits one.
func exchange(fd int, one []byte) error {
	if err := writeOne(fd, one); err != nil {
		return err
	}
	return readOne(fd, one)
}

func writeOne(fd int, one []byte) error {
	for {
		_, err := unix.Write(fd, one)
		if err != unix.EINTR {
			return err
		}
	}
}

func readOne(fd int, one []byte) error {
	for {
		n, err := unix.Read(fd, one)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return err
		case n == 0:
			return io.EOF
		default:
			return nil
		}
	}
}
