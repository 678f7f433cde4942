package background

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

// niceness returns that of the thread at hand.
func niceness(t *testing.T) int {
	t.Helper()
	return nicenessOf(t, unix.Gettid())
}

// nicenessOf returns that of a thread. The system call counts downwards from 20.
func nicenessOf(t *testing.T, thread int) int {
	t.Helper()
	n, err := unix.Getpriority(unix.PRIO_PROCESS, thread)
	if err != nil {
		t.Error(err)
	}
	return 20 - n
}

func TestDo(t *testing.T) {
	before, failure := niceness(t), errors.New("no")
	err := Do(func() error {
		if n := niceness(t); n != nice {
			t.Errorf("niceness %d, want %d", n, nice)
		}
		return failure
	})
	if !errors.Is(err, failure) {
		t.Errorf("Do returned %v", err)
	}
	for range 100 { // on whichever threads there are
		if err := Do(func() error { return nil }); err != nil {
			t.Error(err)
		}
		if n := niceness(t); n != before {
			t.Fatalf("niceness %d afterwards, want %d", n, before)
		}
		if n := nicenessOf(t, unix.Getpid()); n != before {
			t.Fatalf("niceness of the process, its main thread's, %d afterwards, want %d", n, before)
		}
	}
}
