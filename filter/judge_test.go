package filter

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sgate/sgate/vpc"
)

// tiers is the world of a web, an app and a db instance, as in the README.
func tiers(t testing.TB) world {
	return compile(t,
		sg("web", "in tcp 443 0.0.0.0/0", "in tcp 443 ::/0", "in tcp 22 203.0.113.10/32", "out -1 0.0.0.0/0"),
		sg("app", "in tcp 8080 group:web", "out tcp 3306 group:db"),
		sg("db", "in tcp 3306 group:app"),
		nic("web", "10.0.1.10 fd00:10:0:1::10", "web"),
		nic("app", "10.0.1.20 fd00:10:0:1::20", "app"),
		nic("db", "10.0.1.30", "db"),
		host("laptop", "203.0.113.10 2001:db8::10"), host("stranger", "198.51.100.7"),
	)
}

func TestBothEndsAreAsked(t *testing.T) {
	w := tiers(t)
	for flow, want := range map[string][2]string{ // egress of the sender, ingress of the receiver
		"tcp 203.0.113.10 40000 > 10.0.1.10 22":           {"not asked", "web: tcp 22 203.0.113.10/32"},
		"tcp 198.51.100.7 40000 > 10.0.1.10 22":           {"not asked", "drop"},
		"tcp 198.51.100.7 40000 > 10.0.1.10 443":          {"not asked", "web: tcp 443 0.0.0.0/0"},
		"tcp 2001:db8::10 40000 > fd00:10:0:1::10 443":    {"not asked", "web: tcp 443 ::/0"},
		"tcp 10.0.1.10 40000 > 10.0.1.20 8080":            {"web: all traffic 0.0.0.0/0", "app: tcp 8080 web"},
		"tcp fd00:10:0:1::10 40000 > fd00:10:0:1::20 1":   {"drop", "drop"},
		"tcp 10.0.1.20 40000 > 10.0.1.30 3306":            {"app: tcp 3306 db", "db: tcp 3306 app"},
		"tcp 10.0.1.10 40000 > 10.0.1.30 3306":            {"web: all traffic 0.0.0.0/0", "drop"},
		"tcp 10.0.1.30 40000 > 10.0.1.20 8080":            {"drop", "drop"},
		"tcp 10.0.1.10 40000 > 203.0.113.10 9":            {"web: all traffic 0.0.0.0/0", "not asked"},
		"tcp 10.0.1.10 40000 > 192.0.2.1 9":               {"web: all traffic 0.0.0.0/0", "not asked"}, // nobody's address
		"tcp 10.0.1.10 40000 > 10.0.1.1 9":                {"web: all traffic 0.0.0.0/0", "not asked"}, // the router's
		"tcp 203.0.113.10 40000 > 198.51.100.7 9":         {"not asked", "not asked"},
		"icmp 10.0.1.1 > 10.0.1.10 3/4":                   {"not asked", "drop"},
		"tcp 10.0.1.20 40000 > 203.0.113.10 3306":         {"drop", "drop"},
		"tcp fd00:10:0:1::10 40000 > fd00:10:0:1::20 443": {"drop", "drop"},
	} {
		v := w.Judge(w.flow(flow))
		got := [2]string{w.decider(v.Egress), w.decider(v.Ingress)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", flow, diff)
		}
		if want := got[0] != "drop" && got[1] != "drop"; v.Allowed() != want {
			t.Errorf("%s: Allowed is %t with %q", flow, v.Allowed(), got)
		}
	}
}

func TestZeroValuesDrop(t *testing.T) {
	if (Verdict{}).Allowed() || (Side{}).Passes() {
		t.Error("a zero verdict lets a flow through")
	}
	// Where egress drops, the other side names no rule.
	w := tiers(t)
	v := w.Judge(w.flow("tcp 10.0.1.30 40000 > 10.0.1.20 8080"))
	if want := (Verdict{Egress: Side{Rule: NoRule}, Ingress: Side{Rule: NoRule}}); v != want {
		t.Errorf("a drop at the sender: got %+v, want %+v", v, want)
	}
	if _, ok := w.Rule(NoRule); ok {
		t.Error("NoRule is a rule")
	}
	if _, ok := w.Rule(-1); ok {
		t.Error("-1 is a rule")
	}
}

func TestGroupsOfAnInterfaceAddUp(t *testing.T) {
	one, two, none := sg("one", "in tcp 1 0.0.0.0/0", "in tcp 3 203.0.113.0/24"), sg("two", "in tcp 2 203.0.113.10/32", "out -1 0.0.0.0/0"), sg("none")
	for _, groups := range []string{"one two none", "none two one"} {
		w := compile(t, one, two, none, nic("a", "10.0.1.10", groups), nic("b", "10.0.1.11", "one"), host("laptop", "203.0.113.10"))
		w.expect(true,
			"tcp 203.0.113.10 9 > 10.0.1.10 1", "tcp 203.0.113.10 9 > 10.0.1.10 2", "tcp 203.0.113.10 9 > 10.0.1.10 3",
			"tcp 10.0.1.10 9 > 203.0.113.10 77", "tcp 203.0.113.10 9 > 10.0.1.11 1", "tcp 203.0.113.10 9 > 10.0.1.11 3",
		)
		w.expect(false, "tcp 203.0.113.10 9 > 10.0.1.10 4", "tcp 203.0.113.10 9 > 10.0.1.11 2", "tcp 10.0.1.11 9 > 203.0.113.10 77")
	}
}

func TestAReferenceAdmitsMembersAndNotTheirRules(t *testing.T) {
	// db names app; app names web. Web is not admitted to db by that.
	w := compile(t,
		sg("web", "out -1 0.0.0.0/0"), sg("app", "in tcp 3306 group:web", "out -1 0.0.0.0/0"), sg("db", "in tcp 3306 group:app"),
		nic("web", "10.0.1.10", "web"), nic("app", "10.0.1.20", "app"), nic("both", "10.0.1.21", "web app"), nic("db", "10.0.1.30", "db"),
	)
	w.expect(true, "tcp 10.0.1.20 9 > 10.0.1.30 3306", "tcp 10.0.1.21 9 > 10.0.1.30 3306")
	w.expect(false, "tcp 10.0.1.10 9 > 10.0.1.30 3306")
}

func TestMembershipAloneGivesNothing(t *testing.T) {
	w := compile(t,
		sg("quiet", "out -1 0.0.0.0/0"), sg("chatty", "in -1 group:chatty", "out -1 group:chatty"),
		nic("q1", "10.0.1.10", "quiet"), nic("q2", "10.0.1.11", "quiet"),
		nic("c1", "10.0.1.20", "chatty"), nic("c2", "10.0.1.21", "chatty"),
	)
	w.expect(false, "tcp 10.0.1.10 9 > 10.0.1.11 80", "tcp 10.0.1.10 9 > 10.0.1.20 80", "tcp 10.0.1.20 9 > 10.0.1.10 80")
	w.expect(true, "tcp 10.0.1.20 9 > 10.0.1.21 80", "icmp 10.0.1.21 > 10.0.1.20 8/0")
}

func TestDefaultGroup(t *testing.T) {
	w := compile(t, nic("a", "10.0.1.10", ""), nic("b", "10.0.1.11 fd00:10:0:1::11", ""), host("laptop", "203.0.113.10 2001:db8::10"))
	w.expect(true, "tcp 10.0.1.10 9 > 10.0.1.11 80", "tcp 10.0.1.10 9 > 203.0.113.10 80", "tcp fd00:10:0:1::11 9 > 2001:db8::10 80")
	w.expect(false, "tcp 203.0.113.10 9 > 10.0.1.10 80", "tcp 2001:db8::10 9 > fd00:10:0:1::11 80")
}

// TestReferenceMatchesTheSenderAndItsAddress plays the two ways to borrow a
// membership: a member that forwards a stranger's packet, and a stranger with a
// member's address.
func TestReferenceMatchesTheSenderAndItsAddress(t *testing.T) {
	forwarder := nic("forwarder", "10.0.1.20 10.0.1.21", "app")
	forwarder.SourceDestCheck = false
	w := compile(t,
		sg("app", "out -1 0.0.0.0/0"), sg("other", "out -1 0.0.0.0/0"), sg("db", "in tcp 3306 group:app", "in tcp 80 203.0.113.0/24"),
		forwarder, nic("other", "10.0.1.22", "other"), nic("app", "10.0.1.23", "app"), nic("db", "10.0.1.30", "db"), host("laptop", "203.0.113.10"),
	)
	sent := func(by, text string) bool {
		f := w.flow(text)
		f.From = w.ByID("eni-" + by)
		return w.Judge(f).Allowed()
	}
	for _, c := range []struct {
		name, by, flow string
		want           bool
	}{
		{"a member", "forwarder", "tcp 10.0.1.20 9 > 10.0.1.30 3306", true},
		{"a member's second address", "forwarder", "tcp 10.0.1.21 9 > 10.0.1.30 3306", true},
		{"a stranger's packet by a member", "forwarder", "tcp 203.0.113.10 9 > 10.0.1.30 3306", false},
		{"another member's packet by a member", "forwarder", "tcp 10.0.1.23 9 > 10.0.1.30 3306", false},
		{"a member's address by another", "other", "tcp 10.0.1.20 9 > 10.0.1.30 3306", false},
		{"a CIDR rule matches the address, whoever sends", "forwarder", "tcp 203.0.113.10 9 > 10.0.1.30 80", true},
	} {
		if got := sent(c.by, c.flow); got != c.want {
			t.Errorf("%s: %s sends %s: allowed %t, want %t", c.name, c.by, c.flow, got, c.want)
		}
	}
	for _, c := range []struct {
		by, src string
		want    bool
	}{
		{"forwarder", "10.0.1.20", true}, {"forwarder", "203.0.113.10", true}, {"forwarder", "192.0.2.1", true},
		{"other", "10.0.1.22", true}, {"other", "10.0.1.20", false}, {"other", "192.0.2.1", false}, {"other", "10.0.1.1", false},
	} {
		if got := w.MaySend(w.ByID("eni-"+c.by), address(c.src)); got != c.want {
			t.Errorf("may %s send from %s: got %t, want %t", c.by, c.src, got, c.want)
		}
	}
	if w.MaySend(w.ByID("laptop"), address("198.51.100.7")) {
		t.Error("a host may send from another's address")
	}
}

// TestTwoVPCsNeverMeet puts machines with the same addresses and groups of the
// same name in two VPCs with opposite rules.
func TestTwoVPCsNeverMeet(t *testing.T) {
	res := resources(sg("web", "in tcp 80 group:web", "out -1 10.0.1.11/32"), nic("a", "10.0.1.10", "web"), nic("b", "10.0.1.11", "web"), host("laptop", "203.0.113.10"))
	second := resources(sg("web2"), nic("a2", "10.0.1.10", "web2"), nic("b2", "10.0.1.11", "web2"), nic("c2", "10.0.1.12", "web2"))
	second.VPCs[0].ID, second.Subnets[0].ID, second.Subnets[0].VPCID = "vpc-2", "subnet-2", "vpc-2"
	second.SecurityGroups[0].Name, second.SecurityGroups[0].VPCID = "web", "vpc-2"
	for i := range second.Interfaces {
		second.Interfaces[i].VPCID, second.Interfaces[i].SubnetID = "vpc-2", "subnet-2"
	}
	res.VPCs, res.Subnets = append(res.VPCs, second.VPCs...), append(res.Subnets, second.Subnets...)
	res.SecurityGroups, res.Interfaces = append(res.SecurityGroups, second.SecurityGroups...), append(res.Interfaces, second.Interfaces...)
	w := compiled(t, res)

	resolve := func(from, addr string) string {
		e := w.Resolve(w.ByID(from), address(addr))
		if e == NoEndpoint {
			return "nobody"
		}
		return w.ID(e)
	}
	for _, c := range [][3]string{
		{"eni-a", "10.0.1.11", "eni-b"}, {"eni-a2", "10.0.1.11", "eni-b2"}, {"eni-a", "10.0.1.12", "nobody"}, {"eni-b2", "10.0.1.12", "eni-c2"},
		{"eni-a", "203.0.113.10", "laptop"}, {"eni-a2", "203.0.113.10", "nobody"}, {"eni-a", "10.0.1.1", ""}, {"laptop", "10.0.1.10", "eni-a"},
	} {
		if got := resolve(c[0], c[1]); got != c[2] {
			t.Errorf("%s is %q to %s, want %q", c[1], got, c[0], c[2])
		}
	}
	if w.ResolveIn("vpc-1", address("10.0.1.10")) == w.ResolveIn("vpc-2", address("10.0.1.10")) {
		t.Error("one address is one machine in two VPCs")
	}
	if w.ResolveIn("vpc-1", address("10.0.1.1")) == w.ResolveIn("vpc-2", address("10.0.1.1")) {
		t.Error("two VPCs have one router")
	}
	if got := w.ResolveIn("vpc-9", address("10.0.1.10")); got != NoEndpoint {
		t.Errorf("in no VPC, an address is endpoint %d", got)
	}
	judge := func(from string) bool {
		e := w.ByID(from)
		return w.Judge(&Flow{From: e, To: w.Resolve(e, address("10.0.1.11")), Src: address("10.0.1.10"), Dst: address("10.0.1.11"),
			Protocol: 6, HasTransport: true, SrcPort: 9, DstPort: 80}).Allowed()
	}
	if !judge("eni-a") || judge("eni-a2") {
		t.Errorf("10.0.1.10 to 10.0.1.11: allowed %t in the first VPC and %t in the second, want true and false", judge("eni-a"), judge("eni-a2"))
	}
}

func TestEndpoints(t *testing.T) {
	w := tiers(t)
	kinds := make(map[Kind]int)
	for e := range Endpoint(w.Len()) {
		kinds[w.Kind(e)]++
		if id := w.ID(e); id != "" && w.ByID(id) != e {
			t.Errorf("endpoint %d has id %q, which is endpoint %d", e, id, w.ByID(id))
		}
	}
	if diff := cmp.Diff(map[Kind]int{KindInterface: 3, KindHost: 2, KindRouter: 1, KindService: 1}, kinds); diff != "" {
		t.Errorf("kinds of endpoints (-want +got):\n%s", diff)
	}
	if got := w.ByID("eni-9"); got != NoEndpoint {
		t.Errorf("an unknown id is endpoint %d", got)
	}
	if !w.Owns(w.ByID("eni-web"), address("fd00:10:0:1::10")) || w.Owns(w.ByID("eni-web"), address("10.0.1.20")) ||
		w.Owns(w.ByID("eni-web"), address("::ffff:10.0.1.10")) {
		t.Error("web owns its own addresses and no others, want so")
	}
	if w.Snapshot() == nil || w.Rules() != 10 { // default group included
		t.Errorf("got %d rules, want 10", w.Rules())
	}
}

// TestTheNarrowestRuleIsNamed has rules that all admit one flow, from the
// narrowest on, and takes them away one by one.
func TestTheNarrowestRuleIsNamed(t *testing.T) {
	ladder := []string{
		"in tcp 80 group:app", "in tcp 80-81 list:all", "in -1 group:app",
		"in tcp 80 10.0.1.20/32", "in tcp 79-80 10.0.1.20/32", "in tcp 80-81 10.0.1.20/32", "in tcp 0-65535 10.0.1.20/32", "in -1 10.0.1.20/32",
		"in tcp 80 10.0.1.0/24", "in -1 10.0.0.0/8", "in tcp 80 0.0.0.0/0", "in -1 0.0.0.0/0",
	}
	for i := range ladder {
		rules := slices.Clone(ladder[i:])
		for range 2 { // the order that they are written in does not matter
			w := compile(t, sg("web", rules...), sg("app", "out -1 0.0.0.0/0"), list("all", "0.0.0.0/0"), nic("web", "10.0.1.10", "web"), nic("app", "10.0.1.20", "app"))
			r, ok := w.Rule(w.Judge(w.flow("tcp 10.0.1.20 9 > 10.0.1.10 80")).Ingress.Rule)
			want := rule(ladder[i][len("in "):])
			want.GroupID = "web"
			if !ok || r.Key() != want.Key() {
				t.Errorf("rules %q: named %v, want %v", rules, r, want)
			}
			slices.Reverse(rules)
		}
	}
	// Equal rules of two groups: one of them, always the same.
	for _, groups := range []string{"one two", "two one"} {
		w := compile(t, sg("two", "in tcp 80 0.0.0.0/0"), sg("one", "in tcp 80 0.0.0.0/0"), nic("web", "10.0.1.10", groups), host("laptop", "203.0.113.10"))
		if got, want := w.decider(w.Judge(w.flow("tcp 203.0.113.10 9 > 10.0.1.10 80")).Ingress), "one: tcp 80 0.0.0.0/0"; got != want {
			t.Errorf("groups %q: named %q, want %q", groups, got, want)
		}
	}
	// ICMP: pair, type, all types, all traffic.
	ladder = []string{"in icmp 8/0 list:all", "in icmp 8/0 0.0.0.0/0", "in icmp 8 0.0.0.0/0", "in icmp 0.0.0.0/0", "in -1 0.0.0.0/0"}
	for i := range ladder {
		w := compile(t, sg("web", ladder[i:]...), list("all", "0.0.0.0/0"), nic("web", "10.0.1.10", "web"), host("laptop", "203.0.113.10"))
		r, _ := w.Rule(w.Judge(w.flow("icmp 203.0.113.10 > 10.0.1.10 8/0")).Ingress.Rule)
		if want := rule(ladder[i][len("in "):]); r.Key() != want.Key() {
			t.Errorf("rules %q: named %v, want %v", ladder[i:], r, want)
		}
	}
}

// TestOrderDoesNotMatter compiles the same resources in reverse.
func TestOrderDoesNotMatter(t *testing.T) {
	res := tiers(t).Snapshot().Resources()
	back := tiers(t).Snapshot().Resources()
	slices.Reverse(back.SecurityGroups)
	slices.Reverse(back.Interfaces)
	slices.Reverse(back.Hosts)
	for i := range back.SecurityGroups {
		g := &back.SecurityGroups[i]
		g.Ingress, g.Egress = slices.Clone(g.Ingress), slices.Clone(g.Egress)
		slices.Reverse(g.Ingress)
		slices.Reverse(g.Egress)
	}
	a, b := compiled(t, res), compiled(t, back)
	addrs := []string{"10.0.1.10", "10.0.1.20", "10.0.1.30", "203.0.113.10", "198.51.100.7"}
	for _, src := range addrs {
		for _, dst := range addrs {
			for _, port := range []string{"22", "443", "3306", "8080"} {
				flow := "tcp " + src + " 9 > " + dst + " " + port
				if got, want := b.Judge(b.flow(flow)), a.Judge(a.flow(flow)); got != want {
					t.Errorf("%s: got %+v reversed, want %+v", flow, got, want)
				}
			}
		}
	}
	for n := range Rule(a.Rules()) {
		ra, _ := a.Rule(n)
		rb, _ := b.Rule(n)
		if ra.ID != rb.ID || vpc.CompareRules(ra, rb) != 0 {
			t.Errorf("rule %d is %v, reversed %v", n, ra, rb)
		}
	}
}
