package filter

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/sgate/sgate/vpc"
)

// drawGroupChange makes a group of any place in the order of ids, and gives it to
// an interface, or takes it away from all that name it.
func drawGroupChange(t *rapid.T) change {
	v := rapid.IntRange(0, 1).Draw(t, "vpc")
	id := rapid.SampledFrom([]string{"a", "sg-0-1-a", "z"}).Draw(t, "id")
	group := vpc.SecurityGroup{ID: id, Name: "extra " + id, VPCID: fmt.Sprintf("vpc-%d", v)}
	group.Ingress, group.Egress = drawRules(t, append(randomGroups(v), id), randomLists()), drawRules(t, randomGroups(v), randomLists())
	member := rapid.IntRange(0, len(someInterfaces)-1).Draw(t, "member")
	isMember := func(n vpc.NetworkInterface) bool { return n.ID == randomInterface(v, member).ID }
	return func(res *vpc.Resources) {
		is := func(g vpc.SecurityGroup) bool { return g.ID == id }
		if slices.ContainsFunc(res.SecurityGroups, is) {
			*res = withRules(*res, without(func(r vpc.Rule) bool { return r.Peer.GroupID == id }))
			res.SecurityGroups = slices.DeleteFunc(res.SecurityGroups, is)
			res.Interfaces = slices.Clone(res.Interfaces)
			for i := range res.Interfaces {
				n := &res.Interfaces[i]
				n.GroupIDs = slices.DeleteFunc(slices.Clone(n.GroupIDs), func(of string) bool { return of == id })
			}
			return
		}
		at := min(member, len(res.SecurityGroups))
		res.SecurityGroups = slices.Insert(slices.Clone(res.SecurityGroups), at, group)
		res.Interfaces = replaced(res.Interfaces, isMember, func(n *vpc.NetworkInterface) { n.GroupIDs = append(slices.Clone(n.GroupIDs), id) })
	}
}

// drawRuleInPlace makes a rule another one, of which nothing else tells.
func drawRuleInPlace(t *rapid.T) change {
	v := rapid.IntRange(0, 1).Draw(t, "vpc")
	id := rapid.SampledFrom(randomGroups(v)).Draw(t, "group")
	r := drawRule(t, randomGroups(v), randomLists())
	return func(res *vpc.Resources) {
		res.SecurityGroups = replaced(res.SecurityGroups, func(g vpc.SecurityGroup) bool { return g.ID == id }, func(g *vpc.SecurityGroup) {
			if len(g.Ingress) > 0 {
				g.Ingress = slices.Clone(g.Ingress)
				g.Ingress[0] = r
				g.Ingress = distinct(g.Ingress)
			}
		})
	}
}

// drawUpdate makes a change that Update may be asked about: of one thing, of
// nothing, or of the order in which all stands.
func drawUpdate(t *rapid.T) change {
	switch rapid.IntRange(0, 9).Draw(t, "update") {
	case 0:
		return func(*vpc.Resources) {}
	case 1, 2:
		return drawGroupChange(t)
	case 3:
		return func(res *vpc.Resources) {
			slices.Reverse(res.SecurityGroups)
			slices.Reverse(res.Interfaces)
			slices.Reverse(res.PrefixLists)
			slices.Reverse(res.VPCs)
			slices.Reverse(res.Subnets)
			slices.Reverse(res.Hosts)
		}
	case 4:
		return drawRuleInPlace(t)
	case 5:
		i, swap := rapid.IntRange(0, len(someInterfaces)-1).Draw(t, "forwarder"), rapid.Bool().Draw(t, "hosts")
		return func(res *vpc.Resources) {
			if swap { // two hosts of one VPC take each other's place
				a, b := &res.Hosts[0], &res.Hosts[1]
				a.Addresses, b.Addresses = b.Addresses, a.Addresses
			} else if i < len(res.Interfaces) {
				res.Interfaces[i].SourceDestCheck = !res.Interfaces[i].SourceDestCheck
			}
		}
	}
	return drawChange(t)
}

// TestUpdateSaysWhatCompileSays follows random histories, forked at times, and
// holds each policy against one that was compiled from the same snapshot alone:
// verdicts, numbers, names and endpoints.
func TestUpdateSaysWhatCompileSays(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		res := drawResources(rt)
		history := []world{compiled(t, res)}
		for range rapid.IntRange(1, 8).Draw(rt, "steps") {
			before := rapid.SampledFrom(history).Draw(rt, "before")
			next := before.Snapshot().Resources()
			drawUpdate(rt)(&next)
			make := rapid.SampledFrom([]func(vpc.Resources) (*vpc.Snapshot, error){vpc.New, before.Snapshot().Update}).Draw(rt, "made")
			s, err := make(next)
			if err != nil {
				rt.Fatal(err)
			}
			after := world{Update(before.Policy, s), t}
			samePolicies(rt, after, world{Compile(s), t})
			history = append(history, after)
		}
		for _, w := range history { // what was made of them has not changed them
			samePolicies(rt, w, world{Compile(w.Snapshot()), t})
		}
	})
}

func samePolicies(rt *rapid.T, got, want world) {
	if got.Len() != want.Len() || got.Rules() != want.Rules() || got.Snapshot() != want.Snapshot() {
		rt.Fatalf("got %d endpoints and %d rules, want %d and %d", got.Len(), got.Rules(), want.Len(), want.Rules())
	}
	for e := range Endpoint(want.Len()) {
		if got.Kind(e) != want.Kind(e) || got.ID(e) != want.ID(e) || got.VPCID(e) != want.VPCID(e) || got.Routers(e) != want.Routers(e) {
			rt.Fatalf("endpoint %d is %s of %s, want %s of %s", e, got.ID(e), got.VPCID(e), want.ID(e), want.VPCID(e))
		}
	}
	for range 15 {
		f := drawPacket(rt, want).Flow
		if got, want := got.Resolve(f.From, f.Dst), want.Resolve(f.From, f.Dst); got != want {
			rt.Fatalf("%s is endpoint %d, want %d", f.Dst, got, want)
		}
		if got.MaySend(f.From, f.Src) != want.MaySend(f.From, f.Src) || got.HasACL(f.From, f.To) != want.HasACL(f.From, f.To) {
			rt.Fatalf("%+v: who may send, or what has an ACL, differs", f)
		}
		if got, want := got.Judge(&f), want.Judge(&f); got != want {
			rt.Fatalf("%+v: got %+v, want %+v", f, got, want)
		}
		if got, want := got.everything(&f), want.everything(&f); got != want {
			rt.Fatalf("%+v: got %+v, want %+v", f, got, want)
		}
		decidesAsNamed(rt, got, &f)
	}
}

// decidesAsNamed holds what is decided without a rule's name against what names
// one.
func decidesAsNamed(rt *rapid.T, w world, f *Flow) {
	got, sides := [2]Answer{w.DecideEgress(f), w.DecideIngress(f)}, twoSides(w, f)
	for i, side := range sides {
		if want := (Answer{side.Decision, side.Untracked}); got[i] != want {
			rt.Fatalf("side %d of %+v: decided %+v, want %+v", i, f, got[i], want)
		}
	}
}

// TestDecisionsAreJudgements asks both ways on random worlds.
func TestDecisionsAreJudgements(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := compiled(t, drawResources(rt))
		for range 40 {
			p := drawPacket(rt, w)
			decidesAsNamed(rt, w, &p.Flow)
		}
	})
}

// TestUpdateKeepsWhatIsTheSame holds what makes a change of one rule cheap: all
// but the group that it is of is taken from the policy before.
func TestUpdateKeepsWhatIsTheSame(t *testing.T) {
	before := tiers(t)
	next := before.Snapshot().Resources()
	next.SecurityGroups = replaced(next.SecurityGroups, func(g vpc.SecurityGroup) bool { return g.ID == "web" },
		func(g *vpc.SecurityGroup) { authorize(g, vpc.Ingress, rule("tcp 80 0.0.0.0/0")) })
	s, err := before.Snapshot().Update(next)
	if err != nil {
		t.Fatal(err)
	}
	after := Update(before.Policy, s)
	if !after.SameEndpoints(before.Policy) || &after.endpoints[0] != &before.endpoints[0] || after.numbers != before.numbers {
		t.Error("endpoints, memberships or numbers were made anew")
	}
	for id, number := range after.numbers.of {
		for d := range after.tables {
			is := after.tables[d][number] == before.tables[d][number]
			if want := id != "web" || d != int(vpc.Ingress); is != want {
				t.Errorf("%s %s: the table was kept: %t, want %t", id, vpc.Direction(d), is, want)
			}
		}
	}
	for _, n := range s.Interfaces() {
		e := after.ByID(n.ID)
		if got, want := after.JudgesAs(before.Policy, e), !slices.Contains(n.GroupIDs, "web"); got != want {
			t.Errorf("%s is judged as before: %t, want %t", n.ID, got, want)
		}
	}
}

// TestWhoIsJudgedAsBefore holds that flows between endpoints of which JudgesAs is
// true have the answers that they had, and that it does not depend on how the
// policies were made.
func TestWhoIsJudgedAsBefore(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		before := compiled(t, drawResources(rt))
		next := before.Snapshot().Resources()
		drawUpdate(rt)(&next)
		s, err := before.Snapshot().Update(next)
		if err != nil {
			rt.Fatal(err)
		}
		after := world{Update(before.Policy, s), t}
		alone := Compile(s)
		for e := range Endpoint(after.Len()) {
			if got, want := alone.JudgesAs(before.Policy, e), after.JudgesAs(before.Policy, e); after.ID(e) != "" && got != want {
				rt.Fatalf("%s is judged as before: %t of a policy compiled alone, %t of an update", after.ID(e), got, want)
			}
		}
		for range 30 {
			p := drawPacket(rt, before)
			if p.To == NoEndpoint || after.ByID(before.ID(p.From)) == NoEndpoint || !before.Owns(p.From, p.Src) {
				continue
			}
			q := after.translate(before, p.Flow)
			if q.To == NoEndpoint || !after.JudgesAs(before.Policy, q.From) || before.ID(p.To) != "" && !after.JudgesAs(before.Policy, q.To) {
				continue
			}
			if got, want := admissions(after, q), admissions(before, &p.Flow); got != want {
				rt.Fatalf("%+v: got %+v, want %+v as before", p.Flow, got, want)
			}
		}
	})
}

// TestWhatJudgesOtherwise changes one thing at a time, and holds who is judged as
// before then.
func TestWhatJudgesOtherwise(t *testing.T) {
	before := compile(t, sg("web", "in tcp 443 list:office", "in tcp 80 0.0.0.0/0", "out -1 0.0.0.0/0"), sg("app"), list("office", "203.0.113.0/24", "192.0.2.0/24"),
		nic("x", "10.0.1.10 10.0.1.11", "web app"), nic("y", "10.0.1.20", "app"), host("laptop", "203.0.113.10"))
	for name, c := range map[string]struct {
		change func(*vpc.Resources)
		x, y   bool // judged as before
	}{
		"nothing": {func(*vpc.Resources) {}, true, true},
		"the order of all": {func(res *vpc.Resources) {
			slices.Reverse(res.SecurityGroups)
			slices.Reverse(res.Interfaces)
			res.SecurityGroups = replaced(res.SecurityGroups, func(g vpc.SecurityGroup) bool { return g.ID == "web" }, func(g *vpc.SecurityGroup) {
				g.Ingress = []vpc.Rule{g.Ingress[1], g.Ingress[0]}
			})
			l := &res.PrefixLists[0]
			l.Entries = []vpc.PrefixListEntry{l.Entries[1], l.Entries[0]}
			for i := range res.Interfaces {
				n := &res.Interfaces[i]
				n.GroupIDs, n.Addresses = slices.Clone(n.GroupIDs), slices.Clone(n.Addresses)
				slices.Reverse(n.GroupIDs)
				slices.Reverse(n.Addresses)
			}
		}, true, true},
		"a rule": {func(res *vpc.Resources) {
			res.SecurityGroups = replaced(res.SecurityGroups, func(g vpc.SecurityGroup) bool { return g.ID == "web" }, func(g *vpc.SecurityGroup) { g.Egress = nil })
		}, false, true},
		"an entry of a list": {func(res *vpc.Resources) {
			l := &res.PrefixLists[0]
			l.Entries = []vpc.PrefixListEntry{l.Entries[0], {CIDR: prefix("192.0.2.0/25")}}
		}, false, true},
		"an address":     {func(res *vpc.Resources) { res.Interfaces[0].Addresses = addrList("10.0.1.10 10.0.1.12") }, false, true},
		"a membership":   {func(res *vpc.Resources) { res.Interfaces[1].GroupIDs = []string{"web"} }, true, false},
		"a source check": {func(res *vpc.Resources) { res.Interfaces[1].SourceDestCheck = false }, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			next := before.Snapshot().Resources()
			c.change(&next)
			s, err := before.Snapshot().Update(next)
			if err != nil {
				t.Fatal(err)
			}
			for how, p := range map[string]*Policy{"an update": Update(before.Policy, s), "compiled alone": Compile(s)} {
				x, y := p.JudgesAs(before.Policy, p.ByID("eni-x")), p.JudgesAs(before.Policy, p.ByID("eni-y"))
				if x != c.x || y != c.y || !p.JudgesAs(before.Policy, p.ByID("laptop")) {
					t.Errorf("%s: judged as before: x %t, y %t, want %t, %t, and the laptop always", how, x, y, c.x, c.y)
				}
			}
		})
	}
}

// TestEqualServicesAreOne holds that lists of services which are equal are
// compiled once, so that what a fleet grants stays in the cache, and that an
// update does not undo it.
func TestEqualServicesAreOne(t *testing.T) {
	w := compile(t, sg("one", "in tcp 443 10.0.0.0/8", "in tcp 443 192.0.2.0/24", "in tcp 22 0.0.0.0/0"), sg("two", "in tcp 443 group:one", "in tcp 80 group:two"))
	kept := func(p *Policy) []*services {
		var all []*services
		for _, id := range []string{"one", "two"} {
			for _, of := range p.tables[vpc.Ingress][p.numbers.of[id]].peers {
				if of.services.matchPort(0, 443) != noItem {
					all = append(all, of.services)
				}
			}
		}
		return slices.Compact(all)
	}
	p := w.Policy
	for i := range p.Snapshot().SecurityGroups() { // one after the other
		if n := len(kept(p)); n != 1 {
			t.Errorf("port 443 is granted by %d compiled lists, want 1", n)
		}
		next := p.Snapshot().Resources()
		authorize(&next.SecurityGroups[i], vpc.Ingress, rule("tcp 25 0.0.0.0/0"))
		s, err := p.Snapshot().Update(next)
		if err != nil {
			t.Fatal(err)
		}
		p = Update(p, s)
	}
	if n := len(kept(p)); n != 1 {
		t.Errorf("after two updates port 443 is granted by %d compiled lists, want 1", n)
	}
}

// TestManyPrefixesAndGroups has more prefixes over an address, and more groups of
// a peer, than are looked for at a time.
func TestManyPrefixesAndGroups(t *testing.T) {
	res := resources(nic("self", "10.0.1.10 fd00:10:0:1::10", "self"))
	res.Quotas = vpc.Quotas{RulesPerGroup: 62, GroupsPerInterface: 16}
	peers := map[string]string{"10.0.1.20": "fd00:10:0:1::20"}
	var memberships, rules []string
	port := 1000
	for i := range 16 {
		id := fmt.Sprintf("peer-%d", i)
		res.SecurityGroups = append(res.SecurityGroups, sg(id, "out -1 0.0.0.0/0", "out -1 ::/0"))
		memberships = append(memberships, id)
		rules = append(rules, fmt.Sprintf("in tcp %d group:%s", port+i, id))
	}
	port += 16
	for v4, v6 := range peers {
		n := nic("peer", v4+" "+v6, "")
		n.GroupIDs = memberships
		res.Interfaces = append(res.Interfaces, n)
		for bits := 1; bits <= 32; bits++ {
			p, _ := address(v4).Prefix(bits)
			rules = append(rules, fmt.Sprintf("in tcp %d %s", port+bits, p))
		}
		for bits := 3; bits <= 128; bits += 3 {
			p, _ := address(v6).Prefix(bits)
			rules = append(rules, fmt.Sprintf("in tcp %d %s", port+bits, p))
		}
	}
	res.SecurityGroups = append(res.SecurityGroups, sg("self", rules...))
	w := compiled(t, res)
	for _, r := range w.groups[w.numbers.of["self"]].rules[vpc.Ingress] {
		for src, dst := range map[string]string{"10.0.1.20": "10.0.1.10", "fd00:10:0:1::20": "fd00:10:0:1::10"} {
			if r.Peer.CIDR.IsValid() && !r.Peer.CIDR.Contains(address(src)) {
				continue
			}
			v := w.Judge(w.flow(fmt.Sprintf("tcp %s 9 > %s %d", src, dst, r.FromPort)))
			if got, _ := w.Rule(v.Ingress.Rule); got.ID != r.ID {
				t.Errorf("%s port %d: decided by %s, want %v", src, r.FromPort, w.decider(v.Ingress), r)
			}
		}
	}
}

// TestNumbersOfRules holds that they lead to the rules and order them, from the
// narrowest to the widest.
func TestNumbersOfRules(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := compiled(t, drawResources(rt))
		var numbers []Rule
		for _, g := range w.groups {
			for d, table := range g.tables {
				for at, i := range table.order {
					n := numberRule(table.widths[at], w.numbers.order[w.numbers.of[g.id]], vpc.Direction(d), position(at))
					if got, ok := w.Rule(n); !ok || got != g.rules[d][i] {
						rt.Fatalf("number %d is %v, %t, want %v", n, got, ok, g.rules[d][i])
					}
					if _, ok := w.Rule(n + 1<<(positionBits+directionBits+orderBits)); ok {
						rt.Fatalf("number %d has a rule in spite of its width", n)
					}
					numbers = append(numbers, n)
				}
			}
		}
		slices.Sort(numbers)
		for i := 1; i < len(numbers); i++ {
			a, _ := w.Rule(numbers[i-1])
			b, _ := w.Rule(numbers[i])
			x, y := narrowest([]vpc.Rule{a}), narrowest([]vpc.Rule{b})
			comparable := a.Protocol == b.Protocol || a.Protocol == vpc.AllProtocols || b.Protocol == vpc.AllProtocols
			if x[0] > y[0] || x[0] == y[0] && comparable && x[1] > y[1] || x == y && a.Protocol == b.Protocol && vpc.CompareRules(a, b) >= 0 {
				rt.Fatalf("%v comes before %v", a, b)
			}
		}
		for _, none := range []Rule{NoRule, -1, NoRule - 1} {
			if r, ok := w.Rule(none); ok {
				rt.Fatalf("number %d is %v", none, r)
			}
		}
	})
}

// TestRulesThatAdmitNothing are not counted against any quota, so there may be
// more of them than rules can be numbered.
func TestRulesThatAdmitNothing(t *testing.T) {
	group := sg("web")
	for port := range int32(1 << 16) {
		for _, protocol := range []vpc.Protocol{vpc.TCP, vpc.UDP} {
			group.Ingress = append(group.Ingress, vpc.Rule{Protocol: protocol, FromPort: port, ToPort: port, Peer: vpc.Peer{PrefixListID: "none"}})
		}
	}
	group.Ingress = append(group.Ingress, rule("tcp 443 203.0.113.0/24"), rule("tcp 80 203.0.113.10/32"))
	w := compile(t, group, list("none"), nic("web", "10.0.1.10", "web"), host("laptop", "203.0.113.10"))
	for flow, want := range map[string]string{
		"tcp 203.0.113.10 9 > 10.0.1.10 443": "web: tcp 443 203.0.113.0/24", "tcp 203.0.113.10 9 > 10.0.1.10 80": "web: tcp 80 203.0.113.10/32",
		"tcp 203.0.113.10 9 > 10.0.1.10 22": "drop",
	} {
		if got := w.decider(w.Judge(w.flow(flow)).Ingress); got != want {
			t.Errorf("%s: decided by %s, want %s", flow, got, want)
		}
	}
	if want := 1<<17 + 2 + 3; w.Rules() != want {
		t.Errorf("%d rules, want %d with the default group's", w.Rules(), want)
	}
}

// TestAddressTables fills them with addresses that differ in few bits.
func TestAddressTables(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		draw := rapid.Custom(func(t *rapid.T) netip.Addr {
			high, low := rapid.Uint16Max(40).Draw(t, "high"), rapid.Uint16Max(40).Draw(t, "low")
			if rapid.Bool().Draw(t, "IPv6") {
				return netip.AddrFrom16([16]byte{0: byte(high), 7: byte(high), 15: byte(low)})
			}
			return netip.AddrFrom4([4]byte{byte(high), 0, 0, byte(low)})
		})
		addrs := rapid.SliceOfNDistinct(draw, 0, 300, rapid.ID).Draw(rt, "addresses")
		var count [2]int
		for _, a := range addrs {
			count[family(a)]++
		}
		table := newAddresses(count)
		want := make(map[netip.Addr]Endpoint)
		for i, a := range addrs {
			table.set(a, Endpoint(i))
			want[a] = Endpoint(i)
		}
		for range 200 {
			a := draw.Draw(rt, "address")
			e, ok := want[a]
			if got := table.lookup(a); ok && got != e || !ok && got != NoEndpoint {
				rt.Fatalf("%s is endpoint %d, want %d (known %t)", a, got, e, ok)
			}
		}
	})
}
