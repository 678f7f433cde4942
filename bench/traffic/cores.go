package traffic

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"

	"golang.org/x/sys/unix"
)

// cores says where the programs of traffic run: the client's on one core and
// the server's on another, as they would on machines of their own; the gateway
// runs where the scheduler puts it. Left to the scheduler, client and server
// share a core for the whole of some measurements and not of others, and that
// halves what four TCP streams carry and doubles round trips a second.
type cores struct{ client, server int }

// coresHere are the first and the last that this process may use.
func coresHere() (cores, error) {
	var allowed unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		return cores{}, fmt.Errorf("the cores that can be used: %w", err)
	}
	return endsOf(&allowed), nil
}

func endsOf(allowed *unix.CPUSet) cores {
	c := cores{client: -1}
	for core := range len(allowed) * strconv.IntSize {
		if !allowed.IsSet(core) {
			continue
		}
		if c.client < 0 {
			c.client = core
		}
		c.server = core
	}
	return c
}

// onClient is a command on the client's host and core.
func (l *Load) onClient(ctx context.Context, name string, args ...string) *exec.Cmd {
	return onCore(ctx, l.client, l.cores.client, name, args)
}

// onServer is a command on the server's host and core.
func (l *Load) onServer(ctx context.Context, name string, args ...string) *exec.Cmd {
	return onCore(ctx, l.server, l.cores.server, name, args)
}

func onCore(ctx context.Context, host Host, core int, name string, args []string) *exec.Cmd {
	return host.Command(ctx, "taskset", append([]string{"--cpu-list", strconv.Itoa(core), name}, args...)...)
}
