package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/internal/pty"
)

// counting is a gateway with one interface, which has sent ten more packets, one
// of them in vain, each time it is asked.
type counting struct {
	control.Backend
	asked atomic.Uint64
}

func (c *counting) Status(context.Context) (control.Status, error) {
	return control.Status{Generation: 3, MaxFlows: 100}, nil
}

func (c *counting) Counters(context.Context, control.CountersRequest) (control.CountersReply, error) {
	n := c.asked.Add(1)
	return control.CountersReply{Interfaces: []control.Counters{{
		Name: "web", ID: "eni-0123456789abcdef0", Received: 10 * n, ReceivedBytes: 600 * n, Dropped: n, Drops: map[string]uint64{"no_ingress_rule": n},
		ConntrackAllowanceAvailable: 7,
	}}}, nil
}

func (c *counting) Events(ctx context.Context, _ control.EventsRequest, send func(...control.EventLine) error) error {
	if err := send(); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// countingGateway returns the socket of one.
func countingGateway(t *testing.T) string {
	t.Helper()
	s, err := control.Listen(filepath.Join(t.TempDir(), "s.sock"))
	if err != nil {
		t.Fatal(err)
	}
	s.Serve(new(counting), slog.New(slog.DiscardHandler))
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s.Path()
}

// runRoot runs the command in this process.
func runRoot(args ...string) (stdout, stderr string, err error) {
	root := newRoot()
	var out, errs bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&errs)
	root.SetArgs(args)
	err = root.Execute()
	return out.String(), errs.String(), err
}

// TestTopPlain holds what is printed where there is no terminal. Times and rates
// are the machine's.
func TestTopPlain(t *testing.T) {
	socket := countingGateway(t)
	number := regexp.MustCompile(`[0-9]{4}-[0-9T:-]+Z|[0-9]+\.[0-9]|[0-9]+`)
	shape := func(s string) string {
		s = regexp.MustCompile(`eni-[0-9a-f]+`).ReplaceAllString(s, "eni")
		return regexp.MustCompile(` +`).ReplaceAllString(number.ReplaceAllString(s, "N"), " ")
	}
	out, errs, err := runRoot("top", "--control", socket, "--interval", "100ms", "--count", "2")
	if err != nil || errs != "" {
		t.Fatalf("%v, %s", err, errs)
	}
	interval := "N web eni N N N N N N N no_ingress_rule=N\nN total - N N N N N N - no_ingress_rule=N\n"
	want := "TIME NAME INTERFACE IN_PPS IN_BIT/S OUT_PPS OUT_BIT/S DROP/S DROPPED CT_AVAIL REASONS\n" + interval + interval
	if diff := cmp.Diff(want, shape(out)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	out, errs, err = runRoot("top", "--control", socket, "--interval", "100ms", "--count", "1", "--output", "json")
	if err != nil || errs != "" || strings.Count(out, "\n") != 1 || !strings.Contains(out, `"conntrack_allowance_available":7`) {
		t.Errorf("%v, %s, printed %s", err, errs, out)
	}
	for _, c := range []struct{ want, args string }{
		{"--interval 1ms: want at least 100ms", "--interval 1ms"}, {"want text or json", "--output yaml"}, {"--control is empty", "--control="}, {"no gateway listens there", "--control none.sock"},
		{"--count", "--count -1"},
	} {
		out, _, err := runRoot(append([]string{"top"}, strings.Fields(c.args)...)...)
		if err == nil || !strings.Contains(err.Error(), c.want) || out != "" {
			t.Errorf("%s: %v, printed %q: want an error that says %q", c.args, err, out, c.want)
		}
	}
}

// onTerminal runs sgate on a terminal of its own, types keys once it has been sent
// a text, and returns all that it was sent.
func onTerminal(t *testing.T, env []string, await, keys string, args ...string) string {
	t.Helper()
	person, program, err := pty.Open(100, 30)
	if err != nil {
		t.Fatal(err)
	}
	defer person.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, self)
	cmd.Args = append([]string{"sgate"}, args...) // see testscript.Main
	cmd.Env = append(os.Environ(), append([]string{"TERM=xterm", "CI="}, env...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = program, program, program
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	program.Close()
	var seen strings.Builder
	buffer := make([]byte, 4096)
	for {
		n, err := person.Read(buffer)
		seen.Write(buffer[:n])
		if keys != "" && strings.Contains(seen.String(), await) {
			if _, err := io.WriteString(person, keys); err != nil {
				t.Fatal(err)
			}
			keys = ""
		}
		if err != nil { // it has closed its end
			break
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %v\n%q", args, err, seen.String())
	}
	return seen.String()
}

// TestNothingAsksTheTerminal holds that no command speaks to the terminal before
// it has something to say: see package quiet.
func TestNothingAsksTheTerminal(t *testing.T) {
	if out := onTerminal(t, nil, "", "", "--version"); out != "sgate version "+version()+"\r\n" {
		t.Errorf("%q", out)
	}
}

// TestTopOnTerminal holds where the view is drawn, where lines are printed, and
// that colours can be refused.
func TestTopOnTerminal(t *testing.T) {
	socket := countingGateway(t)
	for _, c := range []struct {
		name          string
		env           []string
		args          []string
		drawn, colour bool
	}{
		{"a terminal", nil, nil, true, true},
		{"no colours", []string{"NO_COLOR=1"}, nil, true, false},
		{"a terminal that cannot move its cursor", []string{"TERM=dumb"}, []string{"--count", "1"}, false, false},
		{"dumb, without a count", []string{"TERM=dumb"}, nil, false, false},
		{"lines are asked for", nil, []string{"--plain"}, false, false},
	} {
		// Whatever is drawn ends by q, and what is printed by ctrl+c.
		keys, await := "q", "Interfaces 1"
		if !c.drawn {
			keys, await = "\x03", "no_ingress_rule="
		}
		if len(c.args) > 1 {
			keys = ""
		}
		out := onTerminal(t, c.env, await, keys, append([]string{"top", "--control", socket, "--interval", "100ms"}, c.args...)...)
		if strings.Contains(out, "\x1b[?1049h") != c.drawn || strings.Contains(out, "\x1b[?1049l") != c.drawn || !strings.Contains(out, await) {
			t.Errorf("%s: drawn is %v, want %v: %q", c.name, !c.drawn, c.drawn, out)
		}
		if got := regexp.MustCompile("\x1b\\[[0-9;]*3[0-7]m").MatchString(out); got != c.colour {
			t.Errorf("%s: coloured is %v, want %v: %q", c.name, got, c.colour, out)
		}
	}
}
