package daemon

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gopacket/gopacket"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/flowlog"
)

// logged is a daemon whose configuration has flow logs, in a folder of its own.
type logged struct {
	*world
	dir  string
	logs *flowLogs
}

func newLogged(t *testing.T) *logged {
	w := newWorld(t, twoVPCs)
	l := &logged{world: w, dir: t.TempDir(), logs: newFlowLogs(w.g, slog.New(slog.DiscardHandler))}
	t.Cleanup(func() { l.close() })
	return l
}

// configure puts flow logs in force, as Apply does.
func (l *logged) configure(flowLogs string) error {
	l.t.Helper()
	cfg, err := config.Parse([]byte(twoVPCs+flowLogs), config.Source{Path: filepath.Join(l.dir, "sgate.yaml")})
	if err != nil {
		l.t.Fatal(err)
	}
	c, err := l.logs.change(cfg, filter.Compile(cfg.Resources).Snapshot())
	if err != nil {
		return err
	}
	return c.apply()
}

func (l *logged) mustConfigure(flowLogs string) {
	l.t.Helper()
	if err := l.configure(flowLogs); err != nil {
		l.t.Fatal(err)
	}
}

func (l *logged) close() {
	d := &Daemon{flowLogs: l.logs}
	if err := d.closeFlowLogs(); err != nil {
		l.t.Error(err)
	}
}

// ping sends a packet that db lets in, and returns once it is logged.
func (l *logged) ping() {
	l.t.Helper()
	l.send("app", "10.0.1.10", "10.0.1.20", ping(1), gopacket.Payload("x"))
	policy, _ := l.g.Policy()
	if err := l.g.Apply(policy); err != nil { // it waits for those under way
		l.t.Fatal(err)
	}
}

// lines returns those of a file, each in one word.
func (l *logged) lines(file string) []string {
	l.t.Helper()
	text, err := os.ReadFile(filepath.Join(l.dir, file))
	if err != nil {
		l.t.Fatal(err)
	}
	return strings.Fields(strings.ReplaceAll(string(text), " ", "_"))
}

const (
	keptLog    = "  - {name: kept, resource: app, destination: kept, log_format: \"${account-id} ${flow-direction} ${packets}\"}\n"
	changedLog = "  - {name: changed, resource: app, destination: changed, log_format: \"${packets}\"}\n"
	account    = "account: {id: \"123456789012\"}\n"
)

func TestFlowLogsFollowTheConfiguration(t *testing.T) {
	l := newLogged(t)
	l.mustConfigure("flow_logs:\n" + keptLog + changedLog)
	l.ping()
	l.mustConfigure("flow_logs:\n" + keptLog + strings.Replace(changedLog, "${packets}", "${bytes}", 1) + account)
	if got := l.lines("changed"); !slices.Equal(got, []string{"1"}) {
		t.Errorf("the log that was changed has written %q before it was", got)
	}
	l.ping()
	l.mustConfigure("flow_logs:\n" + keptLog + account)
	if got := l.logs.manager.List(); len(got) != 1 || got[0].Name != "kept" {
		t.Errorf("there are %+v", got)
	}
	l.close()
	if got := l.lines("changed"); !slices.Equal(got, []string{"1", "29"}) {
		t.Errorf("the log that was changed has written %q", got)
	}
	if got := l.lines("kept"); !slices.Equal(got, []string{"123456789012_egress_2"}) {
		t.Errorf("the log that was kept has written %q", got)
	}
}

// TestOtherFlowLogsStay has a log that does not come from the configuration.
func TestOtherFlowLogsStay(t *testing.T) {
	l := newLogged(t)
	l.mustConfigure("flow_logs:\n" + keptLog)
	of := l.logs.manager.List()[0].Log
	other := of
	other.ID, other.Name, other.Destination = "fl-0123456789abcdef0", "other", filepath.Join(l.dir, "other")
	if err := l.logs.manager.Add(other); err != nil {
		t.Fatal(err)
	}
	l.mustConfigure("")
	if got := l.logs.manager.List(); len(got) != 1 || got[0].Log != other {
		t.Errorf("there are %+v", got)
	}
	if of.Traffic != flowlog.AllTraffic {
		t.Errorf("%v, want all traffic", of.Traffic)
	}
}

func TestRefusedFlowLogsChangeNothing(t *testing.T) {
	l := newLogged(t)
	l.mustConfigure("flow_logs:\n" + keptLog)
	err := l.configure("flow_logs:\n  - {name: good, destination: good}\n  - {name: bad, traffic_type: REJECT, destination: kept/x}\n")
	want := filepath.Join(l.dir, "sgate.yaml") + `:22:5: flow log "bad": destination: `
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v\nwant %s...", err, want)
	}
	if got := l.logs.manager.List(); len(got) != 1 || got[0].Name != "kept" {
		t.Errorf("there are %+v", got)
	}
	l.mustConfigure("flow_logs:\n  - {name: good, traffic_type: REJECT, destination: good}\n") // nothing is held
	if got := l.logs.manager.List(); len(got) != 1 || got[0].Traffic != flowlog.RejectedTraffic {
		t.Errorf("there are %+v", got)
	}
}
