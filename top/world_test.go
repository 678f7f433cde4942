package top

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/sgate/sgate/control"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noon is when the tests' gateways have been up for an hour.
var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.Local)

func at(seconds float64) time.Time { return noon.Add(time.Duration(seconds * float64(time.Second))) }

// face is an interface's counters; it has sent what it has received, twice over.
func face(name string, received uint64, drops map[string]uint64) control.Counters {
	c := control.Counters{
		Name: name, ID: "eni-" + ("00000000000000000" + name)[len(name):], Received: 2 * received, ReceivedBytes: 2000 * received,
		Sent: received, SentBytes: 100 * received, Drops: drops, ConntrackAllowanceAvailable: 1000,
	}
	for _, n := range drops {
		c.Dropped += n
	}
	return c
}

func sample(seconds float64, faces ...control.Counters) snapshot {
	return snapshot{At: at(seconds), Interfaces: faces, Status: control.Status{
		Started: at(-3600), Generation: 3, Applied: at(-130), Flows: 1234, MaxFlows: 262144, Workers: 2,
		FlowStates: []control.FlowState{
			{Protocol: "tcp", State: "ESTABLISHED", Flows: 1000}, {Protocol: "tcp", State: "SYN_SENT", Flows: 200}, {Protocol: "udp", State: "STREAM", Flows: 34},
		},
	}}
}

// dropped is a packet that was dropped.
func dropped(seconds float64, from, to control.EventEnd, protocol, reason string) control.Event {
	e := control.Event{
		Time: at(seconds), Verdict: control.VerdictDrop, Fate: "dropped", Reason: reason, VPC: "main", Protocol: protocol,
		From: from, To: to, Packets: 1, Bytes: 60, Generation: 3,
	}
	if protocol == "tcp" {
		e.TCPFlags = "S"
	}
	return e
}

func end(name, address string, port uint16) control.EventEnd {
	e := control.EventEnd{Name: name, Address: netip.MustParseAddr(address), Port: port}
	if name != "" {
		e.ID = face(name, 0, nil).ID
	}
	return e
}

// The usual ends.
var (
	web      = end("web", "10.0.1.10", 43210)
	db       = end("db", "10.0.2.30", 3306)
	stranger = end("stranger", "198.51.100.7", 50001)
)

// view is a model in a test, and what it would have explained.
type view struct {
	*model
	t         *testing.T
	questions []question
}

// newView returns the view of a gateway with five interfaces after two samples,
// with three kinds of drops.
func newView(t *testing.T, width, height int) *view {
	t.Helper()
	v := emptyView(t, width, height)
	no := func(n uint64) map[string]uint64 { return map[string]uint64{"no_ingress_rule": n} }
	v.send(
		streamMsg{},
		sampleMsg{snapshot: sample(0, face("web", 100, no(3)), face("app", 50, nil), face("db", 70, nil), face("laptop", 0, nil), face("stranger", 9, no(1000)))},
		sampleMsg{snapshot: sample(2, face("web", 3100, no(27)), face("app", 50, nil), face("db", 90, nil), face("laptop", 1, nil), face("stranger", 29, map[string]uint64{"no_ingress_rule": 1190, "bad_checksum": 20}))},
		told(dropped(0.5, stranger, end("web", "10.0.1.10", 22), "tcp", "no_ingress_rule")),
		told(dropped(1, web, db, "tcp", "no_ingress_rule")),
		told(dropped(1.5, end("", "2001:db8:ffff:ffff:ffff:ffff:ffff:fffe", 5353), end("web", "fd00:10:0:1::10", 53), "udp", "bad_checksum")),
		told(dropped(1.7, end("web", "10.0.1.10", 43999), db, "tcp", "no_ingress_rule")),
		tickMsg(at(2.5)),
	)
	return v
}

// emptyView returns a view that knows nothing yet.
func emptyView(t *testing.T, width, height int) *view {
	v := &view{t: t}
	v.model = newModel("lab three-tier", noon, func(q question) { v.questions = append(v.questions, q) }, NoStyle)
	v.send(tea.WindowSizeMsg{Width: width, Height: height})
	return v
}

func told(e control.Event) dropsMsg { return dropsMsg{{Event: &e}} }

// send sends messages, and runs the commands that come of them.
func (v *view) send(all ...tea.Msg) {
	v.t.Helper()
	for _, msg := range all {
		_, cmd := v.Update(msg)
		v.check()
		if cmd != nil {
			cmd()
		}
	}
}

// press types keys: "tab", "enter", "G", "/".
func (v *view) press(keys ...string) {
	v.t.Helper()
	for _, k := range keys {
		v.send(keyOfName(k))
	}
}

func keyOfName(name string) tea.KeyMsg {
	for t, is := range map[tea.KeyType]string{
		tea.KeyTab: "tab", tea.KeyShiftTab: "shift+tab", tea.KeyEnter: "enter", tea.KeyEsc: "esc", tea.KeyUp: "up", tea.KeyDown: "down", tea.KeyPgUp: "pgup",
		tea.KeyPgDown: "pgdown", tea.KeyHome: "home", tea.KeyEnd: "end", tea.KeyBackspace: "backspace", tea.KeyCtrlU: "ctrl+u",
	} {
		if name == is {
			return tea.KeyMsg{Type: t}
		}
	}
	return tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(name)}
}

// check holds that the view fits its screen, whatever it shows.
func (v *view) check() {
	v.t.Helper()
	frame := v.View()
	lines := strings.Split(frame, "\n")
	if frame != "" && len(lines) > v.height {
		v.t.Errorf("%d lines on a screen of %d:\n%s", len(lines), v.height, frame)
	}
	for _, line := range lines {
		if lipgloss.Width(line) > v.width {
			v.t.Errorf("%d cells on a screen of %d: %q", lipgloss.Width(line), v.width, line)
		}
	}
}

// golden holds the view against testdata/NAME.txt; SGATE_UPDATE=1 writes that
// anew.
func (v *view) golden(name string) {
	v.t.Helper()
	path, got := filepath.Join("testdata", name+".txt"), v.View()+"\n"
	if os.Getenv("SGATE_UPDATE") != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			v.t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		v.t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		v.t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// has holds that the view shows all of that.
func (v *view) has(parts ...string) {
	v.t.Helper()
	for _, part := range parts {
		if frame := v.View(); !strings.Contains(frame, part) {
			v.t.Errorf("the view lacks %q:\n%s", part, frame)
		}
	}
}

// lacks holds that it shows none of that.
func (v *view) lacks(parts ...string) {
	v.t.Helper()
	for _, part := range parts {
		if frame := v.View(); strings.Contains(frame, part) {
			v.t.Errorf("the view has %q:\n%s", part, frame)
		}
	}
}

var errGone = errors.New("control socket /run/s.sock: no gateway listens there")
