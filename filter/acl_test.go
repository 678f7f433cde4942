package filter

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sgate/sgate/vpc"
)

// twoSubnets is a world of two subnets with the ACLs: web-1 and web-2 in
// subnet-1, db in subnet-2, laptop outside.
func twoSubnets(t testing.TB, acls ...vpc.NetworkACL) world {
	t.Helper()
	parts := []any{
		subnet("subnet-2", "10.0.2.0/24", "fd00:10:0:2::/64"),
		nic("web-1", "10.0.1.10 fd00:10:0:1::10", ""), nic("web-2", "10.0.1.11 fd00:10:0:1::11", ""),
		inSubnet("subnet-2", nic("db", "10.0.2.20 fd00:10:0:2::20", "")), host("laptop", "203.0.113.10 2001:db8::10"),
	}
	for _, a := range acls {
		parts = append(parts, a)
	}
	return compile(t, parts...)
}

// testACLs compares what the ACLs of the sender's and of the receiver's subnet
// say of flows.
func testACLs(t *testing.T, w world, want map[string][2]string) {
	t.Helper()
	for text, want := range want {
		f := w.flow(text)
		got := [2]string{w.entry(w.ACLEgress(f)), w.entry(w.ACLIngress(f))}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
		asked := got[0] != "not asked" || got[1] != "not asked"
		if has := w.HasACL(f.From, f.To); asked && !has {
			t.Errorf("%s: an ACL is asked, and HasACL says that there is none", text)
		}
	}
}

// TestFirstMatchByNumberDecides has the entries in another order than their
// numbers.
func TestFirstMatchByNumberDecides(t *testing.T) {
	w := twoSubnets(t, acl("acl-db", "subnet-2",
		"in 300 deny tcp 3306 10.0.1.10/32",
		"in 200 allow tcp 3306 10.0.1.0/24",
		"in 100 deny tcp 3306 10.0.1.11/32",
		"out 100 deny -1 10.0.1.11/32", "out 200 allow tcp 1024-65535 10.0.0.0/16",
	))
	testACLs(t, w, map[string][2]string{
		"tcp 10.0.1.10 40000 > 10.0.2.20 3306":    {"not asked", "allow: acl-db in 200"},
		"tcp 10.0.1.11 40000 > 10.0.2.20 3306":    {"not asked", "drop: acl-db in 100"},
		"tcp 10.0.1.10 40000 > 10.0.2.20 3307":    {"not asked", "drop: acl-db in *"},
		"tcp 203.0.113.10 40000 > 10.0.2.20 3306": {"not asked", "drop: acl-db in *"},
		// Stateless: the answer needs an entry, for the port that it goes to.
		"tcp 10.0.2.20 3306 > 10.0.1.10 40000": {"allow: acl-db out 200", "not asked"},
		"tcp 10.0.2.20 3306 > 10.0.1.10 1023":  {"drop: acl-db out *", "not asked"},
		"tcp 10.0.2.20 3306 > 10.0.1.11 40000": {"drop: acl-db out 100", "not asked"},
	})
}

func TestACLsActAtTheBorderOfASubnet(t *testing.T) {
	w := twoSubnets(t, acl("acl-web", "subnet-1"), acl("acl-db", "subnet-2", "in 1 allow -1 0.0.0.0/0"), acl("acl-spare", ""))
	testACLs(t, w, map[string][2]string{
		"tcp 10.0.1.10 9 > 10.0.1.11 80":             {"not asked", "not asked"}, // stays in the subnet
		"tcp fd00:10:0:1::10 9 > fd00:10:0:1::11 80": {"not asked", "not asked"},
		"tcp 10.0.1.10 9 > 10.0.2.20 80":             {"drop: acl-web out *", "allow: acl-db in 1"},
		"tcp fd00:10:0:1::10 9 > fd00:10:0:2::20 80": {"drop: acl-web out *", "drop: acl-db in *"},
		"tcp 10.0.2.20 80 > 10.0.1.10 9":             {"drop: acl-db out *", "drop: acl-web in *"},
		"tcp 203.0.113.10 9 > 10.0.2.20 80":          {"not asked", "allow: acl-db in 1"},
		"tcp 10.0.2.20 80 > 203.0.113.10 9":          {"drop: acl-db out *", "not asked"},
		"tcp 10.0.1.10 9 > 192.0.2.1 80":             {"drop: acl-web out *", "not asked"}, // nobody's
		"tcp 10.0.1.10 9 > 10.0.1.99 80":             {"drop: acl-web out *", "not asked"}, // nobody's, in the subnet
		"udp 10.0.1.10 9 > 10.0.1.1 53":              {"not asked", "not asked"},           // the router
		"udp 10.0.1.10 9 > 10.0.2.1 53":              {"not asked", "not asked"},           // of the other subnet
		"icmp 10.0.2.1 > 10.0.1.10 3/4":              {"not asked", "not asked"},
		"udp 10.0.1.10 9 > 10.0.0.2 53":              {"not asked", "not asked"}, // Amazon DNS
		"udp 10.0.0.2 53 > 10.0.1.10 9":              {"not asked", "not asked"},
		"udp fd00:10:0:1::10 9 > fd00:ec2::253 53":   {"not asked", "not asked"},
		"tcp 10.0.1.10 9 > 169.254.169.254 80":       {"not asked", "not asked"}, // instance metadata
	})
	router, dns := w.ResolveIn(vpcID, address("10.0.1.1")), w.ResolveIn(vpcID, address("10.0.0.2"))
	web1, web2, db, laptop := w.ByID("eni-web-1"), w.ByID("eni-web-2"), w.ByID("eni-db"), w.ByID("laptop")
	for _, c := range []struct {
		from, to Endpoint
		want     bool
	}{
		{web1, db, true}, {web1, web2, false}, {web1, web1, false}, {web1, laptop, true}, {web1, NoEndpoint, true},
		{laptop, laptop, false}, {laptop, NoEndpoint, false}, {NoEndpoint, NoEndpoint, false},
		{router, web1, false}, {dns, web1, false}, {router, dns, false}, {laptop, router, false}, {NoEndpoint, dns, false},
	} {
		if a, b := w.HasACL(c.from, c.to), w.HasACL(c.to, c.from); a != c.want || b != c.want {
			t.Errorf("endpoints %d and %d: HasACL is %t, and %t the other way, want %t", c.from, c.to, a, b, c.want)
		}
	}
}

// TestASubnetWithoutAnACLIsNotAsked also holds that one side's ACL is enough.
func TestASubnetWithoutAnACLIsNotAsked(t *testing.T) {
	toDB := "tcp 10.0.1.10 9 > 10.0.2.20 80"
	for _, c := range []struct {
		subnets string
		want    [2]string
	}{
		{"", [2]string{"not asked", "not asked"}},
		{"subnet-1", [2]string{"drop: acl-1 out *", "not asked"}},
		{"subnet-2", [2]string{"not asked", "drop: acl-1 in *"}},
		{"subnet-1 subnet-2", [2]string{"drop: acl-1 out *", "drop: acl-1 in *"}}, // two subnets of one ACL are two
	} {
		w := twoSubnets(t, acl("acl-1", c.subnets))
		testACLs(t, w, map[string][2]string{toDB: c.want})
		f := w.flow(toDB)
		if got, want := w.HasACL(f.From, f.To), c.subnets != ""; got != want {
			t.Errorf("ACL of %q: HasACL is %t, want %t", c.subnets, got, want)
		}
	}
	w := twoSubnets(t)
	if f := w.flow(toDB); w.HasACL(f.From, f.To) {
		t.Error("without ACLs, HasACL is true")
	}
}

// TestAForwarderIsInItsSubnet has an interface send in another's name: what
// counts is where it is, and the packet's addresses.
func TestAForwarderIsInItsSubnet(t *testing.T) {
	w := twoSubnets(t, acl("acl-db", "subnet-2", "in 1 allow -1 203.0.113.0/24"))
	for by, want := range map[string]string{"eni-web-1": "allow: acl-db in 1", "eni-db": "not asked"} {
		f := w.flow("tcp 203.0.113.10 9 > 10.0.2.20 80")
		f.From = w.ByID(by)
		if got := w.entry(w.ACLIngress(f)); got != want {
			t.Errorf("%s sends for the laptop: got %q, want %q", by, got, want)
		}
	}
}

// TestEveryKindOfEntry asks one entry about packets from a host, as an allow
// entry and as a deny entry before one that allows all. A packet is "PROTOCOL
// [PORT or TYPE/CODE]", of IPv6 if it begins with 6.
func TestEveryKindOfEntry(t *testing.T) {
	for _, c := range []struct {
		entry         string
		match, others []string
		// unknown are packets with ports or types that the entry has and that
		// are not known: a deny matches them, an allow does not.
		unknown []string
	}{
		{"tcp 80-81 0.0.0.0/0", []string{"tcp 80", "tcp 81"}, []string{"tcp 79", "tcp 82", "udp 80", "6tcp 80", "icmp 8/0", "47", "udp"}, []string{"tcp"}},
		{"udp 0-65535 ::/0", []string{"6udp 0", "6udp 65535"}, []string{"udp 1", "6tcp 1"}, []string{"6udp"}},
		{"-1 0.0.0.0/0", []string{"tcp 1", "udp 1", "icmp 8/0", "47", "tcp", "icmp", "icmpv6"}, []string{"6tcp 1", "6icmpv6 128/0", "647"}, nil},
		{"-1 ::/0", []string{"6tcp 1", "6icmpv6 128/0", "647", "6tcp"}, []string{"tcp 1", "icmp 8/0", "47"}, nil},
		{"icmp 3/4 0.0.0.0/0", []string{"icmp 3/4"}, []string{"icmp 3/3", "icmp 4/4", "icmpv6 3/4"}, []string{"icmp"}},
		{"icmp 8 0.0.0.0/0", []string{"icmp 8/0", "icmp 8/9"}, []string{"icmp 0/0"}, []string{"icmp"}},
		{"icmp 0.0.0.0/0", []string{"icmp 8/0", "icmp"}, []string{"icmpv6 8/0", "tcp 8"}, nil},
		{"icmp ::/0", nil, []string{"6icmp 8/0", "icmp 8/0", "6icmpv6 128/0", "6icmp"}, nil}, // ICMP is IPv4's own
		{"icmpv6 128/0 ::/0", []string{"6icmpv6 128/0"}, []string{"6icmpv6 129/0", "6icmpv6 128/1"}, []string{"6icmpv6"}},
		{"icmpv6 ::/0", []string{"6icmpv6 128/0", "6icmpv6"}, []string{"icmpv6 128/0"}, nil},
		{"icmpv6 128/0 0.0.0.0/0", []string{"icmpv6 128/0", "icmpv6 1/1", "icmpv6"}, []string{"icmp 8/0", "6icmpv6 128/0"}, nil}, // ignores the type
		{"47 0.0.0.0/0", []string{"47"}, []string{"50", "647", "tcp 47"}, nil},
		{"tcp 22 203.0.113.10/32", []string{"tcp 22"}, nil, []string{"tcp"}},
		{"tcp 22 203.0.113.11/32", nil, []string{"tcp 22", "tcp"}, nil},
		{"tcp 22 2001:db8::/64", []string{"6tcp 22"}, []string{"tcp 22"}, []string{"6tcp"}},
	} {
		for _, d := range []string{"in", "out"} {
			allow := twoSubnets(t, acl("acl-1", "subnet-1", d+" 1 allow "+c.entry))
			deny := twoSubnets(t, acl("acl-1", "subnet-1", d+" 1 deny "+c.entry, d+" 2 allow -1 0.0.0.0/0", d+" 3 allow -1 ::/0"))
			check := func(packets []string, allowed, denied bool) {
				for _, packet := range packets {
					if got := allow.passesACL(d, packet); got != allowed {
						t.Errorf("%s allow %s: %s: passes %t, want %t", d, c.entry, packet, got, allowed)
					}
					if got := !deny.passesACL(d, packet); got != denied {
						t.Errorf("%s deny %s: %s: denied %t, want %t", d, c.entry, packet, got, denied)
					}
				}
			}
			check(c.match, true, true)
			check(c.others, false, false)
			check(c.unknown, false, true)
		}
	}
}

// passesACL asks web-1's ACL about a packet of TestEveryKindOfEntry, from the
// laptop or to it.
func (w world) passesACL(direction, packet string) bool {
	w.t.Helper()
	own, peer := "10.0.1.10", "203.0.113.10"
	if len(packet) > 2 && packet[0] == '6' {
		packet, own, peer = packet[1:], "fd00:10:0:1::10", "2001:db8::10"
	}
	var protocol, what string
	fmt.Sscan(packet, &protocol, &what)
	from, to := own, peer
	if direction == "in" {
		from, to = peer, own
	}
	if (protocol == "tcp" || protocol == "udp") && what != "" {
		from += " 40000"
	}
	f := w.flow(fmt.Sprintf("%s %s > %s %s", protocol, from, to, what))
	if direction == "in" {
		return w.ACLIngress(f).Passes()
	}
	return w.ACLEgress(f).Passes()
}

func TestACLZeroValuesDrop(t *testing.T) {
	if (ACLSide{}).Passes() {
		t.Error("the zero ACLSide lets a flow through")
	}
	w := twoSubnets(t, acl("acl-1", "subnet-1", "in 1 allow -1 0.0.0.0/0", "in 2 allow -1 ::/0"))
	f := w.flow("tcp 10.0.2.20 9 > 10.0.1.10 80")
	f.Src = netip.Addr{} // no entry's, not even that of "*"
	if got := w.ACLIngress(f); got != (ACLSide{}) {
		t.Errorf("a flow without a source: got %+v, want the zero value", got)
	}
	for _, none := range []ACLEntry{NoACLEntry, -1, ACLEntry(2 + 4 + 1)} {
		if e, id, ok := w.ACLEntry(none); ok {
			t.Errorf("number %d is %+v of %q, want no entry", none, e, id)
		}
	}
	if e, id, ok := w.ACLEntry(2 + 4); !ok || id != "acl-1" || e.Number != LastEntryNumber+1 || e.Allow {
		t.Errorf("the last entry is %+v of %q, want the * of IPv6", e, id)
	}
}

// TestACLsAgreeWithTheUserGuide holds the compiled ACLs against the naive
// reading, on random worlds.
func TestACLsAgreeWithTheUserGuide(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := compiled(t, drawResources(rt))
		twin := naive{w.Snapshot()}
		for range 60 {
			p := drawPacket(rt, w)
			agree := func(side string, got ACLSide, d vpc.Direction) (asked bool) {
				asked, want := twin.acl(d, p)
				entry, id, ok := w.ACLEntry(got.Entry)
				switch {
				case asked == (got.Decision == NotAsked), asked != ok:
					rt.Fatalf("%s ACL of %+v: got %+v, want asked %t", side, p.Flow, got, asked)
				case !asked:
				case want == nil && (got.Passes() || entry.Number < LastEntryNumber || entry.Direction != d):
					rt.Fatalf("%s ACL of %+v: got %+v (%s: %+v), want * to deny", side, p.Flow, got, id, entry)
				case want != nil && (got.Passes() != want.Allow || entry != *want):
					rt.Fatalf("%s ACL of %+v: got %+v (%s: %+v), want %+v", side, p.Flow, got, id, entry, *want)
				}
				return asked
			}
			out, in := agree("outbound", w.ACLEgress(&p.Flow), vpc.Egress), agree("inbound", w.ACLIngress(&p.Flow), vpc.Ingress)
			if has := w.HasACL(p.From, p.To); has != (out || in) {
				rt.Fatalf("%+v: HasACL is %t; outbound asked %t, inbound asked %t", p.Flow, has, out, in)
			}
		}
	})
}

func TestACLsDoNotAllocate(t *testing.T) {
	w := twoSubnets(t, acl("acl-web", "subnet-1", "out 1 deny icmp 8 0.0.0.0/0", "out 2 allow tcp 1-1023 10.0.0.0/8"), acl("acl-db", "subnet-2", "in 1 allow -1 ::/0"))
	for _, text := range []string{
		"tcp 10.0.1.10 9 > 10.0.2.20 80", "icmp 10.0.1.10 > 10.0.2.20 8/0", "47 10.0.1.10 > 10.0.2.20",
		"tcp fd00:10:0:1::10 9 > fd00:10:0:2::20 80", "tcp 10.0.1.10 9 > 10.0.1.11 80", "tcp 10.0.1.10 9 > 192.0.2.1 80",
	} {
		f := w.flow(text)
		if n := testing.AllocsPerRun(100, func() {
			if w.HasACL(f.From, f.To) {
				w.ACLEgress(f)
				w.ACLIngress(f)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations, want 0", text, n)
		}
	}
}

// TestADefaultACLThatAllowsEverythingIsNotAsked has subnet-1 with the default ACL
// and subnet-2 with one of its own.
func TestADefaultACLThatAllowsEverythingIsNotAsked(t *testing.T) {
	everything := []string{"in 100 allow -1 0.0.0.0/0", "in 101 allow -1 ::/0", "out 100 allow -1 0.0.0.0/0", "out 101 allow -1 ::/0"}
	standard := func(entries ...string) vpc.NetworkACL {
		a := acl("acl-default", "", entries...)
		a.Default = true
		return a
	}
	const there, back = "tcp 10.0.1.10 9 > 10.0.2.20 80", "tcp 10.0.2.20 80 > 10.0.1.10 9"
	for name, c := range map[string]struct {
		acl         vpc.NetworkACL
		there, back string // what the ACL of subnet-1 says
	}{
		"AWS's own":                       {standard(everything...), "not asked", "not asked"},
		"with entries that come too late": {standard(append(everything, "in 200 deny tcp 9 0.0.0.0/0")...), "not asked", "not asked"},
		"with a deny before":              {standard(append(everything, "in 50 deny udp 53 0.0.0.0/0")...), "allow: acl-default out 100", "allow: acl-default in 100"},
		"without one of the entries":      {standard(everything[1:]...), "allow: acl-default out 100", "drop: acl-default in *"},
		"for some only":                   {standard("in 100 allow -1 0.0.0.0/1", everything[1], everything[2], everything[3]), "allow: acl-default out 100", "allow: acl-default in 100"},
		"for TCP only":                    {standard("in 100 allow tcp 0-65535 0.0.0.0/0", everything[1], everything[2], everything[3]), "allow: acl-default out 100", "allow: acl-default in 100"},
		"that denies":                     {standard("in 100 deny -1 0.0.0.0/0", everything[1], everything[2], everything[3]), "allow: acl-default out 100", "drop: acl-default in 100"},
		"of somebody":                     {acl("acl-default", "subnet-1", everything...), "allow: acl-default out 100", "allow: acl-default in 100"},
	} {
		t.Run(name, func(t *testing.T) {
			w := twoSubnets(t, c.acl, acl("acl-db", "subnet-2", "in 1 allow -1 0.0.0.0/0", "out 1 allow -1 0.0.0.0/0"))
			testACLs(t, w, map[string][2]string{
				there: {c.there, "allow: acl-db in 1"},
				back:  {"allow: acl-db out 1", c.back},
			})
			f := twoSubnets(t, c.acl).flow(there) // both subnets have it, if it is a default one
			if got, want := twoSubnets(t, c.acl).HasACL(f.From, f.To), c.there != "not asked"; got != want {
				t.Errorf("HasACL is %t, want %t", got, want)
			}
		})
	}
}
