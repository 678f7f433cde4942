package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// agent is the test's end of a running agent.
type agent struct {
	cmd     *exec.Cmd
	in      io.Closer // ends it
	orders  *json.Encoder
	reports *json.Decoder
	stderr  bytes.Buffer
}

// startAgent runs a command that runs this test binary in some namespace. The
// agent ends with the test.
func startAgent(t *testing.T, name string, args ...string) *agent {
	t.Helper()
	a := &agent{cmd: exec.Command(name, args...)}
	a.cmd.Env = append(os.Environ(), agentVariable+"=1")
	a.cmd.Stderr = &a.stderr
	in, inErr := a.cmd.StdinPipe()
	out, outErr := a.cmd.StdoutPipe()
	if err := errors.Join(inErr, outErr); err != nil {
		t.Fatal(err)
	}
	a.in, a.orders, a.reports = in, json.NewEncoder(in), json.NewDecoder(out)
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		a.in.Close()
		late := time.AfterFunc(10*time.Second, func() { _ = a.cmd.Process.Kill() })
		defer late.Stop()
		if err := a.cmd.Wait(); err != nil {
			t.Errorf("agent %v: %v\n%s", a.cmd.Args, err, a.stderr.String())
		}
	})
	return a
}

// obey gives an agent an order and returns its report.
func (a *agent) obey(o order) (r report, err error) {
	late := time.AfterFunc(time.Minute, func() { _ = a.cmd.Process.Kill() })
	defer late.Stop()
	if err := a.orders.Encode(o); err != nil {
		return r, err
	}
	err = a.reports.Decode(&r)
	return r, err
}

// tell gives each agent its order, all at once, and returns the reports.
func tell(t *testing.T, agents []*agent, orders []order) []report {
	t.Helper()
	reports := make([]report, len(agents))
	var working sync.WaitGroup
	for i, a := range agents {
		working.Go(func() {
			var err error
			if reports[i], err = a.obey(orders[i]); err != nil {
				t.Errorf("agent %v: %v", a.cmd.Args, err)
			}
		})
	}
	working.Wait()
	return reports
}
