package filter

import (
	"testing"
)

// tracking says how the only interface that is asked keeps a flow: "tracked",
// "untracked" or "drop".
func (w world) tracking(text string) string {
	w.t.Helper()
	v := w.Judge(w.flow(text))
	side := v.Ingress
	if v.Egress.Decision != NotAsked {
		side = v.Egress
	}
	switch {
	case side.Decision == NotAsked:
		w.t.Errorf("%s: no interface is asked", text)
	case !side.Passes() && side.Untracked:
		w.t.Errorf("%s: dropped, and yet untracked", text)
	case !side.Passes():
		return "drop"
	case side.Untracked:
		return "untracked"
	}
	return "tracked"
}

func trackingWorld(t *testing.T, rules ...string) world {
	t.Helper()
	return compile(t, sg("web", rules...), sg("app"), list("all", "0.0.0.0/0"), list("all6", "::/0"),
		nic("web", "10.0.1.10 fd00:10:0:1::10", "web"), host("user", "203.0.113.1 2001:db8::1"))
}

func testTracking(t *testing.T, name string, rules []string, want map[string]string) {
	t.Helper()
	w := trackingWorld(t, rules...)
	for flow, want := range want {
		if got := w.tracking(flow); got != want {
			t.Errorf("%s: %s: got %s, want %s", name, flow, got, want)
		}
	}
}

// The flows of the tests, each with its answer.
const (
	ssh, sshAnswer     = "tcp 203.0.113.1 40000 > 10.0.1.10 22", "tcp 10.0.1.10 22 > 203.0.113.1 40000"
	http, httpAnswer   = "tcp 203.0.113.1 40000 > 10.0.1.10 80", "tcp 10.0.1.10 80 > 203.0.113.1 40000"
	http6, http6Answer = "tcp 2001:db8::1 40000 > fd00:10:0:1::10 80", "tcp fd00:10:0:1::10 80 > 2001:db8::1 40000"
	ping, ping6        = "icmp 203.0.113.1 > 10.0.1.10 8/0", "icmpv6 2001:db8::1 > fd00:10:0:1::10 128/0"
	out, outAnswer     = "tcp 10.0.1.10 40000 > 203.0.113.1 443", "tcp 203.0.113.1 443 > 10.0.1.10 40000"
	out6               = "tcp fd00:10:0:1::10 40000 > 2001:db8::1 443"
	gre                = "47 203.0.113.1 > 10.0.1.10"
)

// TestWorkedExampleOfTheUserGuide is the example of EC2 User Guide, security
// group connection tracking, and its sequel.
func TestWorkedExampleOfTheUserGuide(t *testing.T) {
	ingress := []string{"in tcp 22 203.0.113.1/32", "in tcp 80 0.0.0.0/0", "in tcp 80 ::/0", "in icmp 0.0.0.0/0"}
	testTracking(t, "as written", append(ingress, "out -1 0.0.0.0/0", "out -1 ::/0"), map[string]string{
		ssh: "tracked", sshAnswer: "tracked", http: "untracked", httpAnswer: "untracked",
		http6: "untracked", http6Answer: "untracked", ping: "tracked", ping6: "drop", out: "tracked", out6: "tracked",
	})
	testTracking(t, "without the IPv4 egress rule", append(ingress, "out -1 ::/0"), map[string]string{
		ssh: "tracked", sshAnswer: "drop", http: "tracked", httpAnswer: "drop",
		http6: "untracked", http6Answer: "untracked", ping: "tracked", out: "drop", out6: "tracked",
	})
}

func TestUntrackedNeedsBothDirectionsOpen(t *testing.T) {
	for _, c := range []struct {
		name  string
		rules []string
		want  map[string]string
	}{
		{"everything, both ways", []string{"in -1 0.0.0.0/0", "out -1 0.0.0.0/0"}, map[string]string{
			http: "untracked", httpAnswer: "untracked", out: "untracked", outAnswer: "untracked",
			ping: "tracked", gre: "tracked", // always
		}},
		{"ingress alone", []string{"in -1 0.0.0.0/0"}, map[string]string{http: "tracked", httpAnswer: "drop"}},
		{"egress alone", []string{"out -1 0.0.0.0/0"}, map[string]string{out: "tracked", outAnswer: "drop"}},
		{"all ports of the protocol back", []string{"in tcp 80 0.0.0.0/0", "out tcp 0-65535 0.0.0.0/0"}, map[string]string{
			http: "untracked", httpAnswer: "untracked", out: "tracked",
		}},
		{"all ports of another protocol back", []string{"in tcp 80 0.0.0.0/0", "out udp 0-65535 0.0.0.0/0"}, map[string]string{http: "tracked", httpAnswer: "drop"}},
		{"one port short", []string{"in tcp 80 0.0.0.0/0", "out tcp 1-65535 0.0.0.0/0"}, map[string]string{http: "tracked", httpAnswer: "tracked"}},
		{"two half ranges back", []string{"in tcp 80 0.0.0.0/0", "out tcp 0-1023 0.0.0.0/0", "out tcp 1024-65535 0.0.0.0/0"}, map[string]string{
			http: "tracked", httpAnswer: "tracked",
		}},
		{"two half Internets back", []string{"in tcp 80 0.0.0.0/0", "out -1 0.0.0.0/1", "out -1 128.0.0.0/1"}, map[string]string{
			http: "tracked", httpAnswer: "tracked",
		}},
		{"two half Internets there", []string{"in tcp 80 0.0.0.0/1", "in tcp 80 128.0.0.0/1", "out -1 0.0.0.0/0"}, map[string]string{
			http: "tracked", httpAnswer: "tracked",
		}},
		{"the other family back", []string{"in tcp 80 0.0.0.0/0", "in tcp 80 ::/0", "out -1 ::/0"}, map[string]string{
			http: "tracked", http6: "untracked", http6Answer: "untracked",
		}},
		{"an open rule beside a narrow one", []string{"in tcp 80 203.0.113.1/32", "in tcp 80 0.0.0.0/0", "out -1 0.0.0.0/0"}, map[string]string{
			http: "untracked", httpAnswer: "untracked",
		}},
		{"an outgoing flow", []string{"in -1 0.0.0.0/0", "out tcp 443 0.0.0.0/0"}, map[string]string{
			out: "untracked", outAnswer: "untracked", http: "tracked",
		}},
		{"an outgoing flow that only answers could use", []string{"in tcp 80 0.0.0.0/0", "out -1 0.0.0.0/0"}, map[string]string{
			out: "tracked",
		}},
		{"a prefix list of everywhere there", []string{"in tcp 80 list:all", "out -1 0.0.0.0/0"}, map[string]string{
			http: "tracked", httpAnswer: "tracked",
		}},
		{"a prefix list of everywhere back", []string{"in tcp 80 0.0.0.0/0", "out -1 list:all"}, map[string]string{
			http: "tracked", httpAnswer: "tracked",
		}},
		{"prefix lists beside open rules", []string{"in tcp 80 0.0.0.0/0", "in tcp 80 list:all", "in tcp 22 list:all", "out -1 list:all", "out -1 0.0.0.0/0"}, map[string]string{
			http: "untracked", httpAnswer: "untracked", ssh: "tracked", sshAnswer: "tracked",
		}},
		{"a prefix list of IPv6", []string{"in tcp 80 list:all6", "out -1 ::/0"}, map[string]string{http6: "tracked", http6Answer: "tracked", http: "drop"}},
	} {
		testTracking(t, c.name, c.rules, c.want)
	}
}

func TestUntrackedByTwoGroupsTogether(t *testing.T) {
	w := compile(t, sg("in", "in tcp 80 0.0.0.0/0"), sg("out", "out -1 0.0.0.0/0"), sg("app", "in tcp 80 group:app", "out -1 0.0.0.0/0"),
		nic("web", "10.0.1.10", "in out"), nic("app", "10.0.1.20", "app"), host("user", "203.0.113.1"))
	if got := w.tracking(http); got != "untracked" {
		t.Errorf("%s: got %s, want untracked", http, got)
	}
	// Two interfaces keep the same flow each in its own way.
	v := w.Judge(w.flow("tcp 10.0.1.20 40000 > 10.0.1.10 80"))
	if !v.Allowed() || v.Egress.Untracked || !v.Ingress.Untracked {
		t.Errorf("app to web: got %+v, want it tracked by app and untracked by web", v)
	}
}

func TestAFlowWithUnknownPortsIsTracked(t *testing.T) {
	w := trackingWorld(t, "in -1 0.0.0.0/0", "out -1 0.0.0.0/0")
	if got := w.tracking("tcp 203.0.113.1 > 10.0.1.10"); got != "tracked" {
		t.Errorf("got %s, want tracked", got)
	}
}
