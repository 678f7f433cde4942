package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/sgate/sgate/internal/needs"
)

// TestFollowInALab follows the verdicts of a lab while real connections are
// allowed and blocked, until the lab goes down.
func TestFollowInALab(t *testing.T) {
	needs.Root(t)
	lab := labUp(t, threeTier)
	all := start(t, "flows", "--follow", "--lab", lab)
	drops := start(t, "flows", "--follow", "--lab", lab, "--verdict", "drop", "--instance", "db", "--port", "3306", "--output", "json")
	all.says(t, "following")
	drops.says(t, "following")
	wantConnect(t, "connects", lab, "app", "10.0.2.30", "3306")
	wantConnect(t, "times out", lab, "stranger", "10.0.1.10", "22")
	wantConnect(t, "times out", lab, "web", "10.0.2.30", "3306")
	drops.says(t, `"reason"`)
	if err := drops.end(t, syscall.SIGINT); err != nil {
		t.Errorf("interrupted: %v", err)
	}
	for line := range strings.Lines(drops.output(t)) {
		var e struct {
			Verdict, Reason string
			From, To        struct{ Name string }
		}
		if json.Unmarshal([]byte(line), &e) == nil && (e.Verdict != "drop" || e.Reason != "no_ingress_rule" || e.From.Name != "web" || e.To.Name != "db") {
			t.Errorf("not asked for: %s", line)
		}
	}
	must(t, "lab", "down", lab)
	if err := all.end(t, syscall.Signal(0)); err != nil { // it ends by itself
		t.Errorf("after the gateway's end: %v", err)
	}
	out := all.output(t)
	if !strings.HasSuffix(out, "the gateway has ended\n") {
		t.Errorf("it does not say that the gateway has ended:\n%s", out)
	}
	for _, want := range [][]string{
		{" ALLOW app:", " -> db:3306 tcp SYN  rule  (app: all traffic to 0.0.0.0/0; db: tcp 3306 from group app)"},
		{" ALLOW db:3306 -> app:", " tcp SYN-ACK  flow  (db: live flow, let in by tcp 3306 from group app; app: live flow, let in by all traffic to 0.0.0.0/0)"},
		{" DROP  stranger:", " -> web:22 tcp SYN  no_ingress_rule  (web: no rule admits tcp 22 from stranger)"},
		{" DROP  web:", " -> db:3306 tcp SYN  no_ingress_rule  (db: no rule admits tcp 3306 from web)"},
	} {
		if !hasLine(out, want...) {
			t.Errorf("no line with %q:\n%s", want, out)
		}
	}
}

// TestFollowIntoAPipe has a reader that takes one line, as head does: the command
// ends well.
func TestFollowIntoAPipe(t *testing.T) {
	needs.Root(t)
	lab := labUp(t, threeTier)
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary(t), "flows", "--follow", "--lab", lab, "--verdict", "drop")
	cmd.Stdout = writer
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	writer.Close()
	first := make(chan string)
	go func() {
		line := make([]byte, 1<<10)
		n, _ := reader.Read(line)
		reader.Close()
		first <- string(line[:n])
	}()
	var line string
	until(t, "a line", func() bool { // the command may not follow yet
		wantConnect(t, "times out", lab, "stranger", "10.0.1.10", "22")
		select {
		case line = <-first:
			return true
		default:
			return false
		}
	})
	wantConnect(t, "times out", lab, "stranger", "10.0.1.10", "22") // for which there is no reader any more
	if err := cmd.Wait(); err != nil || said.String() != "following; Ctrl-C ends\n" || !strings.Contains(line, " DROP  stranger:") {
		t.Errorf("%v, it said %q and printed %q", err, said.String(), line)
	}
}

// TestFlowsOfALab lists the flows of a lab.
func TestFlowsOfALab(t *testing.T) {
	needs.Root(t)
	lab := labUp(t, threeTier)
	if out := must(t, "flows", "--lab", lab).stdout; out != "no flows\n" {
		t.Errorf("before the first connection:\n%s", out)
	}
	wantConnect(t, "connects", lab, "app", "10.0.2.30", "3306")
	wantConnect(t, "times out", lab, "web", "10.0.2.30", "3306")
	wide := must(t, "flows", "--lab", lab, "--wide", "--to", "db", "--state", "time_wait,fin_wait,established").stdout
	if strings.Contains(wide, "web") || !hasLine(wide, "app 10.0.2.20:", " db 10.0.2.30:3306 ", " both ", " (app: all traffic to 0.0.0.0/0) ", " (db: tcp 3306 from group app)") {
		t.Errorf("the connection that was made:\n%s", wide)
	}
	var object struct {
		Matched int
		Flows   []struct {
			State    string
			From, To struct{ Name string }
			Ingress  struct {
				Rule string `json:"rule"`
			}
		}
	}
	if err := json.Unmarshal([]byte(must(t, "flows", "--lab", lab, "--port", "3306", "--output", "json").stdout), &object); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range object.Flows {
		got = append(got, strings.Join([]string{f.From.Name, f.To.Name, f.Ingress.Rule}, " "))
	}
	slices.Sort(got) // who connects may have tried more than once
	if want := []string{"app db tcp 3306 from group app", "web db "}; !slices.Equal(slices.Compact(slices.Clone(got)), want) || object.Matched != len(got) {
		t.Errorf("matched %d: %q", object.Matched, got)
	}
}
