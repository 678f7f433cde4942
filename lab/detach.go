package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// starterFD names, in the environment of a lab in the background, the
// descriptor on which its starter waits.
const starterFD = "SGATE_LAB_STARTER_FD"

// upWord is what comes over that descriptor when the lab is up.
const upWord = "up"

// InBackground reports whether this process was started by Detach, and is the
// one to run the lab.
func InBackground() bool {
	_, is := os.LookupEnv(starterFD)
	return is
}

// Detach starts this program's own command line again in a session of its own,
// where InBackground is true, and returns when that lab has told its Starter
// that it is up, or with what it said if it ends before.
func Detach(ctx context.Context, name string, out io.Writer) error {
	if !nameForm.MatchString(name) {
		return badName(name)
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("lab %q: %w", name, errNotRoot)
	}
	if err := os.MkdirAll(StateDir, 0o700); err != nil {
		return fmt.Errorf("lab %q: %w", name, err)
	}
	// Under a passing name: the lab's folder may be another lab's until the
	// new one has claimed it.
	log, err := os.CreateTemp(filepath.Dir(StateDir), "lab-*.log")
	if err != nil {
		return fmt.Errorf("lab %q: %w", name, err)
	}
	defer log.Close()
	pid, notes, err := startBackground(ctx, log)
	if err != nil {
		defer os.Remove(log.Name())
		said, readErr := os.ReadFile(log.Name())
		return errors.Join(fmt.Errorf("lab %q did not come up: %w\n%s", name, err, strings.TrimSpace(string(said))), readErr)
	}
	logPath := filepath.Join(folderOf(name), "lab.log")
	if err := os.Rename(log.Name(), logPath); err != nil {
		return fmt.Errorf("lab %q is up, but its log stays at %s: %w", name, log.Name(), err)
	}
	fmt.Fprintf(out, "lab %s is up (process %d); its log: %s\n%s", name, pid, logPath, notes)
	return nil
}

// startBackground returns the process id of a lab that is up, and what it has to
// say.
func startBackground(ctx context.Context, log *os.File) (pid int, notes string, err error) {
	told, starter, err := os.Pipe()
	if err != nil {
		return 0, "", err
	}
	defer told.Close()
	cmd, err := background(starter, log)
	if err == nil {
		err = cmd.Start()
	}
	starter.Close()
	if err != nil {
		return 0, "", err
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })
	defer stop()
	said, _ := io.ReadAll(told) // all of it: the lab closes the pipe
	word, notes, _ := strings.Cut(string(said), "\n")
	// stop is false if the lab has been told to end: then it is not up, even
	// if it was for a moment.
	if word == upWord && stop() {
		pid = cmd.Process.Pid // Release forgets it
		return pid, notes, cmd.Process.Release()
	}
	if err := cmd.Wait(); err != nil {
		return 0, "", err
	}
	return 0, "", context.Cause(ctx)
}

// background is this program's command line once more, to run by itself.
func background(starter, log *os.File) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{starter} // descriptor 3 there
	cmd.Env = append(os.Environ(), starterFD+"=3")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd, nil
}

// Starter is whoever waits for a lab in the background to be up.
type Starter struct {
	pipe *os.File // nil if nobody does
}

// NewStarter takes the starter from the environment, before the lab starts
// processes that would inherit it.
func NewStarter() (*Starter, error) {
	value, is := os.LookupEnv(starterFD)
	if !is {
		return &Starter{}, nil
	}
	fd, err := strconv.Atoi(value)
	if err != nil {
		return nil, fmt.Errorf("%s=%q: want a descriptor's number", starterFD, value)
	}
	unix.CloseOnExec(fd)
	return &Starter{os.NewFile(uintptr(fd), "starter")}, os.Unsetenv(starterFD)
}

// Up tells the starter, if there is one, that the lab is up, and what else its user
// is to read then: a line each.
func (s *Starter) Up(notes ...string) error {
	if s.pipe == nil {
		return nil
	}
	_, err := fmt.Fprintln(s.pipe, strings.Join(append([]string{upWord}, notes...), "\n"))
	return errors.Join(err, s.pipe.Close())
}
