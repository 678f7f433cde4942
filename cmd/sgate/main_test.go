package main

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
)

// TestStatusOf: what a command returns, and what it ends with and says.
func TestStatusOf(t *testing.T) {
	write := func(path string, err error) error { return &fs.PathError{Op: "write", Path: path, Err: err} }
	for _, c := range []struct {
		name   string
		err    error
		status int
		says   string
	}{
		{"all is well", nil, 0, ""},
		{"it has said what there is to say", exitStatus(3), 3, ""},
		{"a failure", errors.New("no such lab"), 1, "sgate: no such lab\n"},
		{"a reader that leaves, such as head", write(os.Stdout.Name(), syscall.EPIPE), 141, ""},
		{"a full disk", write(os.Stdout.Name(), syscall.ENOSPC), 1, "sgate: write /dev/stdout: no space left on device\n"},
		{"another pipe", write("fifo", syscall.EPIPE), 1, "sgate: write fifo: broken pipe\n"},
		{"the gateway's socket", &net.OpError{Op: "write", Net: "unix", Err: syscall.EPIPE}, 1, "sgate: write unix: broken pipe\n"},
	} {
		var stderr strings.Builder
		if got := statusOf(c.err, &stderr); got != c.status || stderr.String() != c.says {
			t.Errorf("%s: status %d and %q, want %d and %q", c.name, got, stderr.String(), c.status, c.says)
		}
	}
}
