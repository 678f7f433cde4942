package path

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// process is a gateway's process.
type process struct {
	cmd  *exec.Cmd
	out  *output
	done chan struct{} // closed when it has ended
	err  error         // how it has ended
}

// start starts a gateway. It ends with this process, however that ends. What it
// prints is kept for messages, unless the caller has taken its output.
func start(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, out: &output{}, done: make(chan struct{})}
	if cmd.Stdout == nil {
		cmd.Stdout = p.out
	}
	cmd.Stderr = p.out
	// A group of its own: Ctrl-C at the terminal is this process's to handle.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		// The signal comes when the thread ends that has started it, so this
		// thread does nothing else meanwhile.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// stopWithin is how long a gateway gets to end by itself.
const stopWithin = 2 * time.Second

// stop ends the process, first politely.
func (p *process) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by now
	select {
	case <-p.done:
		return nil
	case <-time.After(stopWithin):
	}
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.done
	return nil
}

// kill ends the process at once, if it has not ended.
func (p *process) kill() { _ = p.cmd.Process.Kill() }

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// failure says that the process has ended by itself.
func (p *process) failure() error {
	<-p.done
	return fmt.Errorf("the gateway has ended: %v%s", p.err, p.said())
}

// said returns what the process has printed, for the end of a message.
func (p *process) said() string {
	if p == nil {
		return ""
	}
	if text := strings.TrimSpace(p.out.String()); text != "" {
		return "\n" + text
	}
	return ""
}

// await returns once the process has printed text.
func (p *process) await(ctx context.Context, text string) error {
	ctx, cancel := context.WithTimeout(ctx, reachWithin)
	defer cancel()
	for !strings.Contains(p.out.String(), text) {
		select {
		case <-p.done:
			return p.failure()
		case <-ctx.Done():
			return fmt.Errorf("the gateway does not say %q: %w%s", text, ctx.Err(), p.said())
		case <-time.After(time.Millisecond):
		}
	}
	return nil
}

// cpuclockSched is CPUCLOCK_SCHED of linux/posix-timers.h: the clock of a
// process, in ns, threads that have ended included.
const cpuclockSched = 2

func (p *process) cpu() (time.Duration, bool) {
	var t unix.Timespec
	clock := int32(^p.cmd.Process.Pid)<<3 | cpuclockSched
	if p.ended() || unix.ClockGettime(clock, &t) != nil {
		return 0, false
	}
	return time.Duration(t.Nano()), true
}

// outputMost is how many bytes are kept of what a process prints.
const outputMost = 1 << 16

// output keeps the beginning of what a process prints.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text.Write(b[:min(len(b), outputMost-o.text.Len())])
	return len(b), nil
}

// String returns what is kept.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
