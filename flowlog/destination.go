package flowlog

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// destination takes whole lines. If it returns an error, it may have taken some
// of them; none is there in part and goes on in the next.
type destination interface {
	// start tells that writes follow, which all together must not take long.
	start()
	write(lines []byte) error
	close() error
}

// open opens a log's destination.
func open(l Log, stdout *os.File) (destination, error) {
	header := ""
	if l.Header {
		header = l.Format.Header() + "\n"
	}
	if l.Destination == StandardOutput {
		return &stream{to: stdout, header: header}, nil
	}
	return openFile(l, header)
}

// stream is a destination that somebody else reads, such as standard output.
type stream struct {
	to     *os.File
	header string        // that has not been written; "" for none
	torn   bool          // the last line was taken in part
	waited time.Duration // for the reader, since start
}

const (
	// patience is how long a reader is waited for that does not keep up.
	patience = 2 * time.Second
	// atOnce is how many bytes fit a pipe that says it has room (pipe(7), PIPE_BUF).
	atOnce = 4096
)

var errSlow = errors.New("its reader does not keep up")

func (s *stream) start() { s.waited = 0 }

func (s *stream) write(lines []byte) error {
	if s.header != "" {
		lines = append([]byte(s.header), lines...)
	}
	if s.torn {
		lines = append([]byte("\n"), lines...)
	}
	for written := 0; written < len(lines); {
		n, err := s.writeSome(lines[written:min(len(lines), written+atOnce)])
		if written += n; written > 0 {
			s.torn = lines[written-1] != '\n'
		}
		if err != nil {
			return err
		}
	}
	s.header = ""
	return nil
}

// writeSome writes to the descriptor as such: os.File would end the process if
// nobody reads its standard output any more.
func (s *stream) writeSome(some []byte) (n int, err error) {
	raw, err := s.to.SyscallConn()
	if err != nil {
		return 0, err
	}
	controlErr := raw.Control(func(fd uintptr) {
		if err = s.await(int(fd)); err == nil {
			n, err = unix.Write(int(fd), some)
		}
	})
	return max(0, n), errors.Join(err, controlErr)
}

// await waits until the descriptor has room, for as long as there is patience.
func (s *stream) await(fd int) error {
	for s.waited < patience {
		before := time.Now()
		ready := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
		n, err := unix.Poll(ready, int((patience - s.waited).Milliseconds()))
		s.waited += time.Since(before)
		if n > 0 || err != nil && err != unix.EINTR {
			return err
		}
	}
	return errSlow
}

// close leaves standard output open: it is not ours.
func (s *stream) close() error { return nil }
