package daemon

import (
	"strings"
	"testing"

	"github.com/sgate/sgate/control"
)

// TestExplain asks a running gateway over its socket, before and after a change
// of the rules.
func TestExplain(t *testing.T) {
	w := newWorld(t, twoVPCs)
	ask := func(from string) control.Explanation {
		t.Helper()
		e, err := w.client.Explain(t.Context(), control.ExplainRequest{From: from, To: "db", Port: 3306})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	if e := ask("app"); !e.Allowed() || e.Reason != "rule" || e.Ingress.Rule == nil || e.Ingress.Rule.Text != "all traffic from group app" {
		t.Errorf("app: %+v", e)
	}
	e := ask("laptop")
	if e.Allowed() || e.Reason != "no_ingress_rule" || len(e.Remedies) != 1 || !e.RemediesSuffice {
		t.Errorf("laptop: %+v", e)
	}
	w.apply(strings.ReplaceAll(twoVPCs, "source: app", "source: 203.0.113.0/24"))
	if then := ask("laptop"); !then.Allowed() || then.Generation != e.Generation+1 {
		t.Errorf("laptop, after the change: %+v", then)
	}
	_, err := w.client.Explain(t.Context(), control.ExplainRequest{From: "nobody", To: "db", Port: 3306})
	if err == nil || !strings.Contains(err.Error(), `no instance or host "nobody"; there are: web, app`) {
		t.Errorf("an unknown name: %v", err)
	}
}

func TestMatrix(t *testing.T) {
	w := newWorld(t, twoVPCs)
	m, err := w.client.Matrix(t.Context(), control.MatrixRequest{From: []string{"app", "laptop"}, To: []string{"db"}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range m.Pairs {
		line := p.From + " " + p.Dest
		for _, s := range p.Services {
			line += " " + s.Protocol
		}
		got = append(got, line)
	}
	if want := "app 10.0.1.20 -1, app fd00:10:0:1::20 -1, laptop 10.0.1.20"; strings.Join(got, ", ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestExplainBeforeAConfiguration asks a gateway that has none yet.
func TestExplainBeforeAConfiguration(t *testing.T) {
	w := newWorld(t, "")
	if _, err := w.client.Explain(t.Context(), control.ExplainRequest{}); err == nil || !strings.Contains(err.Error(), "no configuration yet") {
		t.Errorf("explain: %v", err)
	}
}
