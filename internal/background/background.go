// Package background runs work that others must not have to wait for: a change of
// the configuration is long, in terms of packets.
//
// The package imports nothing else of this project.
package background

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// nice is the niceness of work in the background: whoever else wants the
// processor gets it (sched(7)).
const nice = 19

// Do runs f on a thread of its own, at the lowest priority, and returns what f
// returns. Where the system does not grant that, f runs all the same.
func Do(f func() error) error {
	done := make(chan error)
	go func() {
		// Never unlocked: what was made nice is not to run anything else, and
		// ends with its goroutine.
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			// All but the main thread, which cannot be ended: the whole process
			// would look nice for good. It is kept busy meanwhile.
			defer runtime.UnlockOSThread()
			done <- Do(f)
			return
		}
		_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), nice)
		done <- f()
	}()
	return <-done
}
