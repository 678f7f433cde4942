package filter

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sgate/sgate/vpc"
)

// TestARuleThatLacksNothingIsThereExactlyWhenTheSidePasses holds the misses
// against the policy, which alone decides: on random worlds a rule with nothing
// missing is there exactly if the side passes, and the rule that the side names
// is one of them.
func TestARuleThatLacksNothingIsThereExactlyWhenTheSidePasses(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := compiled(t, drawResources(rt))
		for range 40 {
			p := drawPacket(rt, w)
			for d, side := range map[vpc.Direction]Side{vpc.Egress: w.Egress(&p.Flow), vpc.Ingress: w.Ingress(&p.Flow)} {
				misses := w.Misses(d, &p.Flow)
				if side.Decision == NotAsked {
					if len(misses) > 0 {
						rt.Fatalf("%s of %+v: no groups, yet %d rules", d, p.Flow, len(misses))
					}
					continue
				}
				admits := len(misses) > 0 && misses[0].But == 0
				if admits != side.Passes() {
					rt.Fatalf("%s of %+v: the side passes: %v; misses: %+v", d, p.Flow, side.Passes(), misses)
				}
				if named, ok := w.Rule(side.Rule); ok && (misses[0].Rule.ID != named.ID) {
					rt.Fatalf("%s of %+v: the side names %v, the nearest is %+v", d, p.Flow, named, misses[0])
				}
			}
		}
	})
}

// missWorld has an app behind rules of every kind, a web and an outsider.
func missWorld(t *testing.T, rules ...string) world {
	t.Helper()
	res := resources(sg("app", rules...), sg("web"))
	res.PrefixLists = append(res.PrefixLists, list("office", "203.0.113.0/24"), list("office6", "2001:db8::/32"), list("none"))
	res.PrefixLists[2].MaxEntries = 1
	res.Interfaces = append(res.Interfaces, nic("app", "10.0.1.20 fd00:10:0:1::20", "app"), nic("web", "10.0.1.10 fd00:10:0:1::10", "web"))
	return compiled(t, res)
}

// names are the properties' as a text, in their order.
func (p Properties) names() string {
	var out []string
	for i, name := range []string{"port", "icmp", "peer", "family", "protocol"} {
		if p.Has(1 << i) {
			out = append(out, name)
		}
	}
	return strings.Join(out, " ")
}

func TestMisses(t *testing.T) {
	for _, c := range []struct {
		name, rule, want string
		change           func(*Flow)
	}{
		{"it admits", "in tcp 3306 group:web", "", nil},
		{"another port", "in tcp 5432 group:web", "port", nil},
		{"the port before", "in tcp 3300-3305 10.0.1.10/32", "port", nil},
		{"another address", "in tcp 3306 10.0.1.7/32", "peer", nil},
		{"another group", "in tcp 3306 group:app", "peer", nil},
		{"another list", "in tcp 3306 list:office", "peer", nil},
		{"an empty list", "in tcp 3306 list:none", "peer", nil},
		{"a list of the other family", "in tcp 3306 list:office6", "family", nil},
		{"the other family", "in tcp 3306 ::/0", "family", nil},
		{"another protocol, the same port", "in udp 3306 0.0.0.0/0", "protocol", nil},
		{"another protocol and port", "in udp 53 0.0.0.0/0", "port protocol", nil},
		{"a protocol without ports", "in 47 0.0.0.0/0", "port protocol", nil},
		{"all of another protocol", "in icmp 0.0.0.0/0", "port protocol", nil},
		{"port and address", "in tcp 22 10.0.1.7/32", "port peer", nil},
		{"all traffic from elsewhere", "in all 10.0.1.7/32", "peer", nil},
		{"a port where there is none", "in tcp 0-65535 0.0.0.0/0", "port", func(f *Flow) { f.HasTransport = false }},
		{"another ICMP type", "in icmp 0/-1 0.0.0.0/0", "icmp", askPing},
		{"another ICMP code", "in icmp 8/4 0.0.0.0/0", "icmp", askPing},
		{"all ICMP", "in icmp 0.0.0.0/0", "", askPing},
		{"ICMP of the other family", "in icmpv6 0.0.0.0/0", "protocol", askPing},
		{"a port where ICMP is asked", "in tcp 22 0.0.0.0/0", "icmp protocol", askPing},
		{"ICMP in IPv6", "in icmp group:web", "family", func(f *Flow) {
			askPing(f)
			f.Src, f.Dst = address("fd00:10:0:1::10"), address("fd00:10:0:1::20")
		}},
		{"an empty list has no family", "in tcp 3306 list:none", "peer", func(f *Flow) {
			f.Src, f.Dst = address("fd00:10:0:1::10"), address("fd00:10:0:1::20")
		}},
		{"another number", "in 50 0.0.0.0/0", "protocol", func(f *Flow) { f.Protocol = 47 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := missWorld(t, c.rule)
			f := Flow{
				From: w.ByID("eni-web"), To: w.ByID("eni-app"), Src: address("10.0.1.10"), Dst: address("10.0.1.20"),
				Protocol: uint8(vpc.TCP), HasTransport: true, SrcPort: 50000, DstPort: 3306,
			}
			if c.change != nil {
				c.change(&f)
			}
			misses := w.Misses(vpc.Ingress, &f)
			if len(misses) != 1 || misses[0].But.names() != c.want {
				t.Errorf("%s: got %+v, want but for %q", c.rule, misses, c.want)
			}
			if passes := w.Ingress(&f).Passes(); passes != (c.want == "") {
				t.Errorf("the side passes: %v", passes)
			}
		})
	}
}

func askPing(f *Flow) { f.Protocol, f.ICMPType, f.SrcPort, f.DstPort = uint8(vpc.ICMP), 8, 0, 0 }

// TestAForwardersGroupsAreNotTheSenders: a rule that names the group of a
// machine which forwards for another misses by the peer.
func TestAForwardersGroupsAreNotTheSenders(t *testing.T) {
	w := missWorld(t, "in tcp 22 group:web")
	f := Flow{From: w.ByID("eni-web"), To: w.ByID("eni-app"), Src: address("192.0.2.1"), Dst: address("10.0.1.20"), Protocol: 6, HasTransport: true, DstPort: 22}
	if misses := w.Misses(vpc.Ingress, &f); misses[0].But != MissPeer {
		t.Errorf("got %+v, want a miss by the peer", misses)
	}
}

// TestTheNearestMissIsFirst: fewer misses first, a port before a peer, a peer
// before a protocol, then the narrowest.
func TestTheNearestMissIsFirst(t *testing.T) {
	want := []string{
		"tcp 5432 from 10.0.1.10/32", "tcp 5432 from 10.0.1.0/24", "tcp 3306 from 10.0.1.7/32", "tcp 3306 from ::/0",
		"udp 3306 from 0.0.0.0/0", "tcp 22 from 10.0.1.7/32", "udp 53 from 10.0.1.7/32",
	}
	w := missWorld(t, "in udp 53 10.0.1.7/32", "in tcp 22 10.0.1.7/32", "in udp 3306 0.0.0.0/0", "in tcp 3306 ::/0",
		"in tcp 3306 10.0.1.7/32", "in tcp 5432 10.0.1.0/24", "in tcp 5432 10.0.1.10/32")
	f := Flow{From: w.ByID("eni-web"), To: w.ByID("eni-app"), Src: address("10.0.1.10"), Dst: address("10.0.1.20"), Protocol: 6, HasTransport: true, DstPort: 3306}
	var got []string
	for _, m := range w.Misses(vpc.Ingress, &f) {
		got = append(got, m.Rule.Service()+" from "+m.Rule.Peer.String())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
