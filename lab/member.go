package lab

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sgate/sgate/tun"
)

// namespacePrefix marks the namespaces of labs.
const namespacePrefix = "sgate."

// namespaceName is how `ip netns` knows a member's namespace. Names of labs
// have no dots, so it reads back in one way only.
func namespaceName(lab, member string) string { return namespacePrefix + lab + "." + member }

// member is a namespace of a lab and the command in it.
type member struct {
	name    string
	ns      tun.Namespace
	command []string // that process runs
	process *process // nil if no command was started
}

// newMember makes the member's namespace.
func newMember(lab, name string) (*member, error) {
	m := &member{name: name, ns: tun.Namespace{Name: namespaceName(lab, name)}}
	if err := m.ns.Make(); err != nil {
		if !errors.Is(err, os.ErrExist) { // half-made, and ours
			err = errors.Join(err, removeNamespace(m.ns.Name))
		}
		return nil, err
	}
	return m, nil
}

// start starts the member's command anew, its output going to the end of a
// file.
func (m *member) start(command []string, logFile string, log *slog.Logger) error {
	m.stop()
	if len(command) == 0 {
		return nil
	}
	out, err := os.OpenFile(logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	environ := append(os.Environ(), "PATH="+searchPath())
	path, err := lookPath(command[0])
	if err != nil {
		return err
	}
	cmd := exec.Command(path, command[1:]...)
	cmd.Args[0] = command[0]
	cmd.Env, cmd.Stdout, cmd.Stderr = environ, out, out
	// A group of its own: Ctrl-C at the lab's terminal is the lab's to handle.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := m.ns.Do(cmd.Start); err != nil {
		return err
	}
	m.process, m.command = watch(m.name, cmd, log), command
	return nil
}

// searchPath is PATH with the folder of this program first, so that a command
// `sgate` is this one.
func searchPath() string {
	self, err := os.Executable()
	if err != nil {
		return os.Getenv("PATH")
	}
	return filepath.Dir(self) + string(os.PathListSeparator) + os.Getenv("PATH")
}

// lookPath finds a program as a shell would, in searchPath.
func lookPath(name string) (string, error) {
	if strings.ContainsRune(name, '/') {
		return name, nil
	}
	for _, dir := range filepath.SplitList(searchPath()) {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && !info.IsDir() && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s: %w in PATH", name, exec.ErrNotFound)
}

// process is a command that was started.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	quit chan struct{} // closed when it is being stopped
}

// watch waits for a command and logs it if it ends by itself.
func watch(name string, cmd *exec.Cmd, log *slog.Logger) *process {
	p := &process{cmd: cmd, done: make(chan struct{}), quit: make(chan struct{})}
	go func() {
		defer close(p.done)
		err := cmd.Wait()
		select {
		case <-p.quit:
		default:
			log.Warn("command has ended", "name", name, "command", cmd.Args, "status", cmd.ProcessState.String(), "error", err)
		}
	}()
	return p
}

// grace is how long processes get to end by themselves.
const grace = 2 * time.Second

// stop ends the member's command.
func (m *member) stop() {
	p := m.process
	if p == nil {
		return
	}
	m.process, m.command = nil, nil
	select {
	case <-p.done: // long ago: its id may be another's by now
		return
	default:
	}
	close(p.quit)
	_ = unix.Kill(-p.cmd.Process.Pid, unix.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(grace):
		_ = unix.Kill(-p.cmd.Process.Pid, unix.SIGKILL)
		<-p.done
	}
}

// remove takes the member away, with every process in its namespace.
func (m *member) remove() error {
	m.stop()
	return removeNamespace(m.ns.Name)
}

// removeNamespace ends every process in a named namespace and removes it. That
// there is none is no error.
func removeNamespace(name string) error {
	ns := tun.Namespace{Name: name}
	if _, err := os.Stat(ns.Path()); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err := killAll(ns); err != nil {
		return err
	}
	return ns.Delete()
}
