package path

import (
	"context"
	"fmt"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sgate/sgate/tun"
)

// Namespace is a network namespace of a world.
type Namespace struct {
	Name string // as `ip netns` knows it
}

// Command returns a command that starts in the namespace. It is started and
// waited for as any other; its process is that of the program itself.
func (n Namespace) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	enter := []string{"--net=" + n.path(), "--", name}
	return exec.CommandContext(ctx, "nsenter", append(enter, args...)...)
}

// Do runs f on a thread that is in the namespace: the sockets that f opens stay
// in it.
func (n Namespace) Do(f func() error) error { return n.tun().Do(f) }

func (n Namespace) tun() tun.Namespace { return tun.Namespace{Name: n.Name} }

func (n Namespace) path() string { return n.tun().Path() }

// makeNamespace makes a namespace for a role.
func makeNamespace(role string) (Namespace, error) {
	n := Namespace{ownName(role)}
	return n, n.tun().Make()
}

// killWithin is how long killed processes may take to be gone.
const killWithin = 5 * time.Second

// remove kills every process in the namespace and removes it.
func (n Namespace) remove() error {
	for deadline := time.Now().Add(killWithin); ; time.Sleep(time.Millisecond) {
		pids, err := n.tun().Processes()
		if err != nil {
			return err
		}
		if len(pids) == 0 {
			return n.tun().Delete()
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("processes %v in the %v do not end", pids, n.tun())
		}
		for _, pid := range pids {
			_ = unix.Kill(pid, unix.SIGKILL) // it may have ended by now
		}
	}
}
