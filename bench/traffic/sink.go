package traffic

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// endWithin is how long a process that has been told to end may take.
const endWithin = 2 * time.Second

// sinkProcess is a sink that runs. It ends when its standard input does, so
// that it cannot outlive the one who started it.
type sinkProcess struct {
	name  string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines *bufio.Scanner
	said  said // on standard error
}

// startSink starts a sink and returns once it listens. The context bounds its
// whole life.
func startSink(cmd *exec.Cmd, listening string) (*sinkProcess, error) {
	s := &sinkProcess{name: strings.Join(cmd.Args, " "), cmd: cmd}
	cmd.WaitDelay = endWithin
	cmd.Stderr = &s.said
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.stdin, s.lines = stdin, bufio.NewScanner(stdout)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	for s.lines.Scan() {
		if strings.Contains(s.lines.Text(), listening) {
			return s, nil
		}
	}
	err = s.end()
	return nil, errors.Join(s.failure(s.lines.Err()), err)
}

// ask sends the sink a line and decodes its answer.
func (s *sinkProcess) ask(answer any) error {
	if _, err := io.WriteString(s.stdin, "\n"); err != nil {
		return s.failure(err)
	}
	if !s.lines.Scan() {
		return s.failure(s.lines.Err())
	}
	return json.Unmarshal(s.lines.Bytes(), answer)
}

func (s *sinkProcess) failure(err error) error {
	if err == nil {
		err = errors.New("it has ended")
	}
	return fmt.Errorf("%s: %w %v", s.name, err, &s.said)
}

// end ends the sink. That it was killed for it is no failure.
func (s *sinkProcess) end() error {
	_ = s.stdin.Close()
	kill := time.AfterFunc(endWithin, func() { _ = s.cmd.Process.Kill() })
	defer kill.Stop()
	err := s.cmd.Wait()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return nil
	}
	return err
}

// run runs a generator to its end and decodes what it prints.
func run(cmd *exec.Cmd, result any) error {
	cmd.WaitDelay = endWithin
	var said said
	cmd.Stderr = &said
	out, err := cmd.Output()
	if decoded := json.Unmarshal(out, result); err == nil {
		err = decoded // of one that failed, the result may say why
	}
	if err != nil {
		return fmt.Errorf("%s: %w %v", strings.Join(cmd.Args, " "), err, &said)
	}
	return nil
}

// said is what a process says on standard error, for messages.
type said struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements io.Writer.
func (s *said) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

// String returns all of it.
func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.TrimSpace(s.text.String())
}

// patience is how much longer than its own time a generator may take before it
// is given up: a path that has lost the connection's last packets.
const patience = 10 * time.Second

// bounded is a context for a generator that runs for span.
func bounded(ctx context.Context, span time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, span+patience)
}
