package top

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/sgate/sgate/control"
)

// TestFrames holds whole screens.
func TestFrames(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {120, 40}, {40, 12}, {200, 60}} {
		newView(t, size[0], size[1]).golden(fmt.Sprintf("frame-%dx%d", size[0], size[1]))
	}
	v := emptyView(t, 80, 24)
	v.golden("waiting")
	v = newView(t, 80, 24)
	v.press("?")
	v.golden("help")
	v = newView(t, 80, 24)
	v.send(sampleMsg{err: errGone}, streamMsg{errGone}, tickMsg(at(10)))
	v.golden("gone")
}

// TestGatewayGoesAndComesBack holds what is shown meanwhile.
func TestGatewayGoesAndComesBack(t *testing.T) {
	v := newView(t, 100, 30)
	v.lacks("no answer")
	v.send(sampleMsg{err: errGone}, tickMsg(at(9)))
	v.has("no answer since 12:00:02, trying again: control socket /run/s.sock: no gateway listens there", "- drops/s", "up 1h0m")
	again := sample(60, face("web", 5, reason(2)))
	again.Status.Started = at(58)
	v.send(sampleMsg{snapshot: again}, streamMsg{}, tickMsg(at(60)))
	v.lacks("no answer")
	v.has("up 2s", "- drops/s", "Interfaces 1")
	next := sample(61, face("web", 6, reason(3)))
	next.Status.Started = at(58)
	v.send(sampleMsg{snapshot: next})
	v.has(" 1 drops/s")
	v.send(streamMsg{errors.New("the stream has broken")})
	v.has("newest drops are not shown, trying again: the stream has broken")
	v.send(streamMsg{}, tickMsg(at(80)))
	v.has("no answer for 19s")
	next.Status.FailedWorkers, next.At = 1, at(81)
	v.send(sampleMsg{snapshot: next})
	v.has("1 of 2 workers have failed")
}

// TestFirstAnswerIsLate holds that a gateway that was never heard of is waited
// for.
func TestFirstAnswerIsLate(t *testing.T) {
	v := emptyView(t, 80, 24)
	v.has("waiting for the gateway to answer")
	v.send(tickMsg(at(7)))
	v.has("no answer for 7s")
	v.send(sampleMsg{err: &control.Error{Status: 503, Message: "the gateway has no configuration yet"}})
	v.has("no answer, trying again: the gateway has no configuration yet")
}

// rowsOf returns the names in the first column of the interfaces' panel, the
// chosen one with its mark.
func (v *view) rowsOf() string {
	var names []string
	on := false
	for line := range strings.Lines(v.View()) {
		switch {
		case strings.Contains(line, "Interfaces"):
			on = true
		case strings.HasPrefix(line, "─"):
			on = false
		case on && !strings.Contains(line, "NAME"):
			names = append(names, line[:1]+strings.Fields(line[1:] + " ?")[0])
		}
	}
	return strings.TrimSpace(strings.Join(names, ""))
}

// TestSort holds the orders of interfaces, and that the chosen one stays chosen.
func TestSort(t *testing.T) {
	v := newView(t, 120, 40)
	if got, want := v.rowsOf(), ">stranger web app db laptop"; got != want { // by drops, then as configured
		t.Errorf("%q, want %q", got, want)
	}
	for _, c := range []struct{ keys, want string }{
		{"j", "stranger>web app db laptop"},
		{"S", "app db laptop>web stranger"},
		{"S s", "stranger>web app db laptop"},        // in all dropped
		{"s", "web app db laptop stranger"},          // what is available: equal
		{"s", "app db laptop stranger>web"},          // names
		{"S", ">web stranger laptop db app"},         //
		{"s", ">web db stranger laptop app"},         // packets in
		{"s", ">web db stranger laptop app"},         // bits
		{"down G", "web db stranger laptop>app"},     //
		{"home", ">web db stranger laptop app"},      //
		{"1 tab tab", " web db stranger laptop app"}, // another panel has the focus
		{"shift+tab shift+tab end", "web db stranger laptop>app"},
	} {
		v.press(strings.Fields(c.keys)...)
		if got := strings.ReplaceAll(v.rowsOf(), " >", ">"); strings.TrimLeft(got, " ") != strings.TrimLeft(c.want, " ") && got != ">"+c.want {
			t.Errorf("%s: %q, want %q", c.keys, got, c.want)
		}
	}
	// What is at the top is chosen, whatever that is, until the cursor is moved.
	v = newView(t, 120, 40)
	busy := sample(3, face("web", 3100, reason(27+500)), face("app", 50, nil), face("db", 90, nil), face("laptop", 1, nil), face("stranger", 29, map[string]uint64{"no_ingress_rule": 1190, "bad_checksum": 20}))
	v.send(sampleMsg{snapshot: busy})
	if got := v.rowsOf(); !strings.HasPrefix(got, ">web") {
		t.Errorf("%q", got)
	}
	v.press("down")
	if got := v.rowsOf(); !strings.Contains(got, ">app") && !strings.Contains(got, ">stranger") {
		t.Errorf("%q", got)
	}
}

// TestFilters holds what each filter leaves, and how it goes.
func TestFilters(t *testing.T) {
	v := newView(t, 120, 40)
	v.press("/", "S", "t", "r", "x", "backspace")
	v.has("enter keeps the filter", " /Str", "Interfaces 1 of 5", "Newest drops 1 of 3")
	v.press("q") // a letter like any other
	v.has("/Strq", "Interfaces 0 of 5", "no interfaces")
	v.press("backspace", "enter")
	v.lacks("enter keeps")
	v.has("─ /Str")
	v.press("/", "ctrl+u", "2", "0", "0", "1", ":", "d", "b", "8")
	v.has("Newest drops 1 of 3", "Interfaces 0 of 5")
	v.press("esc") // back to what it was
	v.has("─ /Str")
	v.press("esc")
	v.has("Interfaces 5", "Newest drops 3")

	v.press("2", "down", "r") // the reasons, by rate: no_ingress_rule comes first
	v.has("─ bad_checksum only", "Newest drops 1 of 3")
	v.press("r")
	v.lacks("bad_checksum only")
	v.press("3", "r") // the newest drop's
	v.has("no_ingress_rule only", "Newest drops 2 of 3")
	v.press("1", "r")
	v.lacks("only")

	v.press("down", "enter") // web
	v.has("Drops by reason ─ web only", "Newest drops 3 ─ web only")
	v.press("2", "enter") // its reason
	v.has("no_ingress_rule only", "web only", "Newest drops 2 of 3")
	v.press("esc")
	v.lacks("no_ingress_rule only")
	v.press("esc")
	v.lacks("web only")
	v.press("1", "end", "enter")
	v.has("Newest drops 0 of 3", "nothing has been dropped", "none since")
	// What is shown alone goes.
	v.send(sampleMsg{snapshot: sample(3, face("web", 4000, nil))})
	v.has("nothing has been dropped")
	v.press("esc")
	v.has("Newest drops 3")
}

// TestPauseAndClear holds that nothing moves in a pause, and nothing is lost.
func TestPauseAndClear(t *testing.T) {
	v := newView(t, 120, 40)
	v.press("p")
	before := strings.Split(v.View(), "\n")[1:]
	v.has("PAUSED at 12:00:02")
	v.send(
		sampleMsg{snapshot: sample(3, face("web", 9999, reason(99)))},
		told(dropped(3, stranger, db, "tcp", "no_ingress_rule")), tickMsg(at(4)),
	)
	if after := strings.Split(v.View(), "\n")[1:]; strings.Join(before, "\n") != strings.Join(after, "\n") {
		t.Errorf("the view has moved:\n%s\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
	v.press("s", "S", "/", "w", "enter") // its user can
	v.has("Interfaces 1 of 5")
	v.press("esc", "p")
	v.has("Interfaces 1", "Newest drops 4")
	v.lacks("PAUSED")
	v.send(dropsMsg{{Lost: 1204}})
	v.has("1,204 events lost")
	v.press("p", "c")
	v.has("Newest drops 0", " 0 dropped")
	v.lacks("PAUSED", "events lost", "no_ingress_rule")
	v.send(sampleMsg{snapshot: sample(5, face("web", 10001, reason(101)))})
	v.has(" 1 drops/s", " 2 dropped")
}

// TestExplain holds what is asked for a drop, and what is shown of it.
func TestExplain(t *testing.T) {
	v := newView(t, 100, 30)
	v.press("3", "enter")
	want := question{1, control.ExplainRequest{VPC: "main", From: web.ID, To: "10.0.2.30", Protocol: "tcp", Port: 3306, SourceAddress: "10.0.1.10"}}
	if len(v.questions) != 1 || v.questions[0] != want {
		t.Errorf("asked %+v, want %+v", v.questions, want)
	}
	v.has("web:43999 -> db:3306 tcp SYN", "12:00:01.700, the last of 2 since 12:00:01.000", "db  10.0.2.30:3306  "+db.ID, "judged by policy 3",
		"Asking the gateway", "esc back")
	answer := control.Explanation{Verdict: control.VerdictDrop, Reason: "no_ingress_rule", Meaning: "no ingress rule of the receiver's groups admits it"}
	v.send(explanationMsg{1, answer, nil})
	v.has("What would become now", "no_ingress_rule: no ingress rule of the receiver's groups admits it")
	v.lacks("Asking the gateway")
	v.press("x", "esc")
	v.has("Interfaces 5")

	v.press("down", "enter", "end")
	if q := v.questions[1]; q.From != "2001:db8:ffff:ffff:ffff:ffff:ffff:fffe" || q.SourceAddress != "" || q.Protocol != "udp" || q.Port != 53 {
		t.Errorf("asked %+v", q)
	}
	v.send(explanationMsg{1, answer, nil}) // too late
	v.has("Asking the gateway")
	v.send(explanationMsg{2, control.Explanation{}, errors.New("from: no instance\x1b[2J")})
	v.has("cannot be told: from: no instance?[2J")
	v.press("q") // closes it, no more
	v.has("Interfaces 5")
	v.send(explanationMsg{2, answer, nil})
	v.has("Interfaces 5")
}

// TestLongExplanation holds that all of it can be read on a small screen.
func TestLongExplanation(t *testing.T) {
	v := newView(t, 30, 10)
	v.press("3", "enter")
	v.send(explanationMsg{1, control.Explanation{Verdict: control.VerdictDrop, Reason: "no_ingress_rule", Notes: []string{"first", "the very last note of all, which is long"}}, nil})
	v.lacks("last note")
	v.press("end")
	v.has("note     the very last", "           of all, which is", "100%")
	v.press("k")
	v.lacks("100%")
	v.press("home")
	v.has("dropped  no_ingress_rule", " 0%")
}

// TestQuestions holds that the request is about the packet that was dropped.
func TestQuestions(t *testing.T) {
	kind, code := uint8(8), uint8(1)
	ping := dropped(1, web, db, "icmp", "no_ingress_rule")
	ping.From.Port, ping.To.Port, ping.ICMPType, ping.ICMPCode = 0, 0, &kind, &code
	midstream := dropped(1, web, db, "tcp", "tcp_out_of_window")
	midstream.TCPFlags = "."
	unread := dropped(9, control.EventEnd{Name: "web", ID: web.ID}, control.EventEnd{}, "", "truncated")
	for _, c := range []struct {
		event control.Event
		want  control.ExplainRequest
		ok    bool
	}{
		{ping, control.ExplainRequest{VPC: "main", From: web.ID, To: "10.0.2.30", Protocol: "icmp", SourceAddress: "10.0.1.10", ICMPType: &kind, ICMPCode: 1}, true},
		{midstream, control.ExplainRequest{VPC: "main", From: web.ID, To: "10.0.2.30", Protocol: "tcp", SourceAddress: "10.0.1.10", Port: 3306, SourcePort: 43210}, true},
		{unread, control.ExplainRequest{}, false},
	} {
		d := drop{Event: c.event, Count: 1}
		got, ok := d.request()
		if got != c.want || ok != c.ok {
			t.Errorf("%s: %+v, %v, want %+v", c.event.Reason, got, ok, c.want)
		}
	}
	v := newView(t, 100, 30)
	v.send(told(unread))
	v.press("3", "enter")
	v.has("web -> ?", "Too little of the packet could be read")
	if len(v.questions) != 0 {
		t.Errorf("asked %+v", v.questions)
	}
}

// TestQuit holds which keys end the view, from everywhere.
func TestQuit(t *testing.T) {
	quits := func(v *view, k tea.KeyMsg) bool {
		_, cmd := v.Update(k)
		if cmd == nil {
			return false
		}
		_, is := cmd().(tea.QuitMsg)
		return is
	}
	interrupt := tea.KeyMsg{Type: tea.KeyCtrlC}
	if v := newView(t, 80, 24); !quits(v, keyOfName("q")) || !quits(v, interrupt) {
		t.Error("q and ctrl+c do not quit")
	}
	for _, key := range []string{"/", "?"} {
		v := newView(t, 80, 24)
		v.press(key)
		if quits(v, keyOfName("q")) || !quits(v, interrupt) {
			t.Errorf("after %s, q quits or ctrl+c does not", key)
		}
	}
}

// TestManyInterfaces holds that every row can be reached, and which are shown.
func TestManyInterfaces(t *testing.T) {
	v := emptyView(t, 80, 24)
	faces := func(n uint64) (all []control.Counters) {
		for i := range 400 {
			all = append(all, face(fmt.Sprintf("instance-with-a-rather-long-name-%03d", i), n, nil))
		}
		return all
	}
	v.send(sampleMsg{snapshot: sample(0, faces(1)...)}, sampleMsg{snapshot: sample(1, faces(2)...)})
	v.has("Interfaces 400")
	v.press("end")
	v.golden("many-end")
	v.press("pgup")
	v.lacks("name-399")
	v.press("home")
	v.has("…")
	for i := range 399 {
		v.press("j")
		if want := v.interfaces.chosen().Name; want != fmt.Sprintf("instance-with-a-rather-long-name-%03d", i+1) {
			t.Fatalf("row %d is %s", i, want)
		}
		if !strings.Contains(v.View(), "\n>") {
			t.Fatalf("the chosen row %d is not on the screen", i)
		}
	}
	v.press("down") // beyond the end
	// All but one go.
	v.send(sampleMsg{snapshot: sample(2, faces(3)[:1]...)})
	v.has(">instance", "Interfaces 1")
}

// TestColors holds that colours are the terminal's own, that NO_COLOR leaves none,
// and that the chosen row is seen without.
func TestColors(t *testing.T) {
	color := regexp.MustCompile("\x1b\\[([0-9;]*)m")
	for paint, want := range map[Paint]string{NoStyle: "", NoColor: "1 2 7", Color: "1 2 7 31 32 36"} {
		v := newView(t, 120, 40)
		v.model.paint, v.styles = paint, newStyles(paint)
		v.press("down", "enter")
		found := make(map[string]bool)
		for _, m := range color.FindAllStringSubmatch(v.View(), -1) {
			for _, code := range strings.Split(m[1], ";") {
				found[code] = true
			}
		}
		delete(found, "0")
		delete(found, "")
		for _, code := range strings.Fields(want) {
			if !found[code] {
				t.Errorf("paint %d: no %s", paint, code)
			}
			delete(found, code)
		}
		if len(found) > 0 {
			t.Errorf("paint %d: unexpected %v", paint, found)
		}
	}
}

// TestEverySize holds that any screen is filled and never exceeded, whatever is
// typed and told.
func TestEverySize(t *testing.T) {
	keys := []string{"tab", "j", "k", "pgdown", "pgup", "end", "home", "s", "S", "/", "w", "enter", "esc", "r", "p", "c", "?", "1", "2", "3", "backspace"}
	r := rand.New(rand.NewPCG(1, 2))
	for _, height := range []int{1, 2, 3, 4, 5, 8, 15, 16, 17, 18, 19, 20, 24, 50} {
		for _, width := range []int{1, 2, 3, 10, 30, 79, 80, 109, 110, 111, 250} {
			v := newView(t, width, height)
			for range 40 {
				switch r.IntN(8) {
				case 0:
					v.send(sampleMsg{err: errGone})
				case 1:
					v.send(told(dropped(r.Float64(), stranger, end("", fmt.Sprintf("2001:db8::%x", r.IntN(9)), uint16(r.IntN(4))), "tcp", "no_ingress_rule")))
				case 2:
					v.send(sampleMsg{snapshot: sample(3, face("web", 9999, reason(99)))})
				default:
					v.press(keys[r.IntN(len(keys))])
				}
			}
			v.send(tea.WindowSizeMsg{Width: r.IntN(200), Height: r.IntN(60)})
		}
	}
}
