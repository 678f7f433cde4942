package top

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/sgate/sgate/control"
)

// Options say what Run shows, and where.
type Options struct {
	Gateway  Gateway
	Title    string        // what the gateway is called
	Interval time.Duration // between two samples; at least MinInterval
	Paint    Paint
	In       io.Reader // the terminal's keys; nil is standard input or, if that is no terminal, /dev/tty
	Out      io.Writer // the terminal; nil is standard output
}

// Run shows a gateway on a terminal until its user quits or ctx is done, which
// is no error. The terminal is then as it was before, also if Run panics. A
// gateway that is not there when Run begins is an error; one that goes later is
// waited for.
func Run(ctx context.Context, o Options) error {
	if err := reach(ctx, o.Gateway); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p := &poller{
		gateway: o.Gateway, interval: max(o.Interval, MinInterval),
		lines: make(chan control.EventLine, batchLines), questions: make(chan question, 1),
	}
	program := tea.NewProgram(newModel(o.Title, time.Now(), p.ask, o.Paint), o.program()...)
	crew := &crew{fail: cancel}
	p.send, p.start = program.Send, crew.start
	for _, work := range []func(context.Context){p.clock, p.samples, p.events, p.batches, p.answers} {
		crew.start(func() { work(ctx) })
	}
	// Told to quit, it ends its goroutines; killed, as by a context of its own, it
	// leaves the one that reads keys.
	crew.start(func() { <-ctx.Done(); program.Quit() })
	_, err := program.Run()
	cancel()
	crew.wait()
	return err
}

// program returns what bubbletea is told.
func (o *Options) program() []tea.ProgramOption {
	options := []tea.ProgramOption{tea.WithAltScreen(), tea.WithoutSignalHandler(), tea.WithFPS(framesPerSecond)}
	if o.In != nil {
		options = append(options, tea.WithInput(o.In))
	}
	if o.Out != nil {
		options = append(options, tea.WithOutput(o.Out))
	}
	return options
}

// framesPerSecond bounds how often the terminal is written to, and how often that
// is thought about while nothing happens.
const framesPerSecond = 20

// reachTime is how long Run waits, before it shows anything, for a gateway that
// may not be there at all.
const reachTime = 2 * time.Second

// reach returns an error if it is no use to wait for a gateway. One that is slow,
// or has no configuration yet, is waited for.
func reach(ctx context.Context, g Gateway) error {
	ctx, cancel := context.WithTimeout(ctx, reachTime)
	defer cancel()
	_, err := g.Status(ctx)
	var refusal *control.Error
	if ctx.Err() != nil || errors.As(err, &refusal) && refusal.Status >= 500 {
		return nil
	}
	return err
}

// crew are goroutines. If one panics, the terminal has to be restored before the
// process ends.
type crew struct {
	fail    func() // makes whoever has the terminal give it back
	working sync.WaitGroup
	mu      sync.Mutex
	panic   string // of the first that panicked, with its stack
}

func (c *crew) start(work func()) {
	c.working.Go(func() {
		defer func() {
			if r := recover(); r != nil {
				c.mu.Lock()
				defer c.mu.Unlock()
				if c.panic == "" {
					c.panic = fmt.Sprintf("%v\n\n%s", r, debug.Stack())
				}
				c.fail()
			}
		}()
		work()
	})
}

// wait returns when all have ended, and panics if one did.
func (c *crew) wait() {
	c.working.Wait()
	if c.panic != "" {
		panic(c.panic)
	}
}
