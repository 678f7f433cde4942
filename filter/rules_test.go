package filter

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sgate/sgate/vpc"
)

// The machines of the rule tests: self has the rule under test, the others are
// its peers.
const (
	self4, self6     = "10.0.1.10", "fd00:10:0:1::10"
	app4, app6       = "10.0.1.20", "fd00:10:0:1::20" // in group app
	appSecond        = "10.0.1.21"                    // app's second address
	twin4            = "10.0.1.30"                    // in the same group as self
	laptop4, laptop6 = "203.0.113.10", "2001:db8::10" // a host
)

// TestEveryKindOfRule asks one rule, as an ingress and as an egress rule, about
// packets from and to a peer. A packet is "PROTOCOL PEER [PORT or TYPE/CODE]".
func TestEveryKindOfRule(t *testing.T) {
	cases := []struct {
		rule  string
		allow []string
		drop  []string
	}{
		{
			rule:  "tcp 443 0.0.0.0/0",
			allow: []string{"tcp 203.0.113.10 443", "tcp 10.0.1.20 443", "tcp 10.0.1.30 443"},
			drop: []string{
				"tcp 203.0.113.10 442", "tcp 203.0.113.10 444", "udp 203.0.113.10 443", "icmp 203.0.113.10 8/0",
				"tcp 2001:db8::10 443", "47 203.0.113.10", "tcp 203.0.113.10", // the last with its ports unknown
			},
		},
		{
			rule:  "udp 8000-8100 0.0.0.0/0",
			allow: []string{"udp 203.0.113.10 8000", "udp 203.0.113.10 8050", "udp 203.0.113.10 8100"},
			drop:  []string{"udp 203.0.113.10 7999", "udp 203.0.113.10 8101", "tcp 203.0.113.10 8050", "udp 2001:db8::10 8050"},
		},
		{
			rule:  "tcp 0-65535 0.0.0.0/0",
			allow: []string{"tcp 203.0.113.10 0", "tcp 203.0.113.10 65535"},
			drop:  []string{"udp 203.0.113.10 0", "tcp 203.0.113.10", "tcp 2001:db8::10 1"},
		},
		{
			rule:  "tcp 443 ::/0",
			allow: []string{"tcp 2001:db8::10 443", "tcp fd00:10:0:1::20 443"},
			drop:  []string{"tcp 203.0.113.10 443", "tcp 2001:db8::10 442"},
		},
		{
			rule:  "icmp 3/4 0.0.0.0/0", // a pair and not the range from 3 to 4
			allow: []string{"icmp 203.0.113.10 3/4"},
			drop: []string{
				"icmp 203.0.113.10 3/3", "icmp 203.0.113.10 4/4", "icmp 203.0.113.10 4/0", "icmp 203.0.113.10 3/0",
				"icmp 203.0.113.10", "icmpv6 2001:db8::10 3/4",
			},
		},
		{
			rule:  "icmp 8 0.0.0.0/0",
			allow: []string{"icmp 203.0.113.10 8/0", "icmp 203.0.113.10 8/9"},
			drop:  []string{"icmp 203.0.113.10 0/0", "icmp 203.0.113.10 0/8", "icmp 203.0.113.10", "icmpv6 203.0.113.10 8/0"},
		},
		{
			rule:  "icmp 0.0.0.0/0",
			allow: []string{"icmp 203.0.113.10 0/0", "icmp 203.0.113.10 255/255", "icmp 203.0.113.10"},
			drop:  []string{"icmpv6 203.0.113.10 0/0", "icmpv6 2001:db8::10 128/0", "tcp 203.0.113.10 8", "icmp 2001:db8::10 8/0"},
		},
		{
			rule:  "icmpv6 ::/0",
			allow: []string{"icmpv6 2001:db8::10 128/0", "icmpv6 2001:db8::10"},
			drop:  []string{"icmp 203.0.113.10 8/0", "icmpv6 203.0.113.10 128/0"},
		},
		{
			rule:  "icmpv6 128/0 ::/0",
			allow: []string{"icmpv6 2001:db8::10 128/0"},
			drop:  []string{"icmpv6 2001:db8::10 129/0", "icmpv6 2001:db8::10 128/1"},
		},
		{
			rule:  "icmpv6 0.0.0.0/0", // stored by AWS; only IPv4 packets of protocol 58
			allow: []string{"icmpv6 203.0.113.10"},
			drop:  []string{"icmp 203.0.113.10 8/0", "icmpv6 2001:db8::10 128/0"},
		},
		{
			rule:  "47 0.0.0.0/0",
			allow: []string{"47 203.0.113.10"},
			drop:  []string{"50 203.0.113.10", "47 2001:db8::10", "tcp 203.0.113.10 47"},
		},
		{
			rule:  "0 ::/0",
			allow: []string{"0 2001:db8::10"},
			drop:  []string{"1 2001:db8::10", "tcp 2001:db8::10 0", "255 2001:db8::10"},
		},
		{
			rule: "-1 0.0.0.0/0",
			allow: []string{
				"tcp 203.0.113.10 1", "udp 203.0.113.10 1", "icmp 203.0.113.10 3/4", "icmpv6 203.0.113.10 3/4",
				"0 203.0.113.10", "47 203.0.113.10", "255 203.0.113.10", "tcp 203.0.113.10", "icmp 203.0.113.10",
			},
			drop: []string{"tcp 2001:db8::10 1", "icmpv6 2001:db8::10 128/0", "47 2001:db8::10"},
		},
		{
			rule:  "tcp 22 203.0.113.10/32",
			allow: []string{"tcp 203.0.113.10 22"},
			drop:  []string{"tcp 203.0.113.11 22", "tcp 10.0.1.20 22", "tcp 2001:db8::10 22"},
		},
		{
			rule:  "tcp 22 2001:db8::/64",
			allow: []string{"tcp 2001:db8::10 22"},
			drop:  []string{"tcp 2001:db8:0:1::10 22", "tcp 203.0.113.10 22"},
		},
		{
			rule:  "tcp 22 ::ffff:203.0.113.0/120", // IPv6, whatever it looks like
			allow: []string{"tcp ::ffff:203.0.113.10 22"},
			drop:  []string{"tcp 203.0.113.10 22"},
		},
		{
			rule: "tcp 22 group:app",
			allow: []string{
				"tcp 10.0.1.20 22", "tcp 10.0.1.21 22", "tcp fd00:10:0:1::20 22",
			},
			drop: []string{"tcp 203.0.113.10 22", "tcp 10.0.1.30 22", "tcp 10.0.1.20 23", "tcp 10.0.1.99 22"},
		},
		{
			rule:  "-1 group:app",
			allow: []string{"47 10.0.1.20", "icmp 10.0.1.20 8/0", "icmpv6 fd00:10:0:1::20 128/0"},
			drop:  []string{"47 10.0.1.30", "icmpv6 2001:db8::10 128/0"},
		},
		{
			rule:  "tcp 22 group:self",
			allow: []string{"tcp 10.0.1.30 22"},
			drop:  []string{"tcp 10.0.1.20 22", "tcp 203.0.113.10 22"},
		},
		{
			rule:  "udp 53 list:office", // 203.0.113.0/25 and 198.51.100.7/32
			allow: []string{"udp 203.0.113.10 53", "udp 198.51.100.7 53"},
			drop:  []string{"udp 203.0.113.200 53", "udp 198.51.100.8 53", "udp 203.0.113.10 54", "udp 2001:db8::10 53"},
		},
		{
			rule:  "udp 53 list:office6",
			allow: []string{"udp 2001:db8::10 53"},
			drop:  []string{"udp 2001:db8:0:1::10 53", "udp 203.0.113.10 53"},
		},
	}
	for _, c := range cases {
		for _, direction := range []string{"in", "out"} {
			w := ruleWorld(t, direction+" "+c.rule)
			for want, packets := range map[bool][]string{true: c.allow, false: c.drop} {
				for _, packet := range packets {
					got := w.ask(direction, packet)
					if got.Passes() != want {
						t.Errorf("rule %q: %s %s: %s, want allowed %t", c.rule, direction, packet, w.decider(got), want)
					}
					if opposite := w.ask(map[string]string{"in": "out", "out": "in"}[direction], packet); opposite.Passes() {
						t.Errorf("rule %q: %s %s: passes in the rule's opposite direction", c.rule, direction, packet)
					}
				}
			}
		}
	}
}

// ruleWorld is the rule tests' world with one rule in group self.
func ruleWorld(t *testing.T, rules ...string) world {
	t.Helper()
	return compile(t,
		sg("self", rules...), sg("app"),
		list("office", "203.0.113.0/25", "198.51.100.7/32"), list("office6", "2001:db8::/64"),
		nic("self", self4+" "+self6, "self"), nic("twin", twin4, "self"),
		nic("app", app4+" "+appSecond+" "+app6, "app"), host("laptop", laptop4+" "+laptop6),
	)
}

// ask asks self's rules of one direction about a packet of a peer.
func (w world) ask(direction, packet string) Side {
	w.t.Helper()
	protocol, rest, _ := strings.Cut(packet, " ")
	peer, what, _ := strings.Cut(rest, " ")
	own := self4
	if address(peer).Is6() {
		own = self6
	}
	if p, err := vpc.ParseProtocol(protocol); err == nil && p.HasPorts() && what != "" {
		what = " " + what
		own += " 40000"
	} else if what != "" {
		what = " " + what
	}
	f := w.flow(fmt.Sprintf("%s %s > %s%s", protocol, own, peer, what))
	if direction == "out" {
		return w.Egress(f)
	}
	f.From, f.To, f.Src, f.Dst = f.To, f.From, f.Dst, f.Src
	return w.Ingress(f)
}

func TestNestedPrefixesAddUp(t *testing.T) {
	for _, direction := range []string{"in", "out"} {
		w := ruleWorld(t,
			direction+" tcp 1 0.0.0.0/0", direction+" tcp 2 203.0.0.0/8", direction+" tcp 3 203.0.113.0/24",
			direction+" tcp 4 203.0.113.0/28", direction+" tcp 5 203.0.113.10/32", direction+" tcp 6 list:office",
			direction+" tcp 7 203.0.113.128/25",
			direction+" tcp 1 ::/0", direction+" tcp 2 2001:db8::/32", direction+" tcp 3 2001:db8::/64", direction+" tcp 4 2001:db8::10/128",
		)
		for peer, want := range map[string]string{
			"203.0.113.10":  "123456",
			"203.0.113.11":  "12346",
			"203.0.113.99":  "1236",
			"203.0.113.200": "1237",
			"203.1.1.1":     "12",
			"198.51.100.7":  "16",
			"192.0.2.1":     "1",
			"2001:db8::10":  "1234",
			"2001:db8::11":  "123",
			"2001:db8:1::1": "12",
			"2001:db9::":    "1",
		} {
			var got string
			for port := '0'; port <= '9'; port++ {
				if w.ask(direction, fmt.Sprintf("tcp %s %c", peer, port)).Passes() {
					got += string(port)
				}
			}
			if got != want {
				t.Errorf("%s %s: ports %q pass, want %q", direction, peer, got, want)
			}
		}
	}
}

// TestOverlappingPortRanges asks every port of ranges that overlap in each way,
// and which rule is named for it.
func TestOverlappingPortRanges(t *testing.T) {
	ranges := [][2]int{{0, 65535}, {0, 0}, {65535, 65535}, {100, 200}, {150, 250}, {200, 300}, {160, 170}, {301, 400}, {100, 400}, {50, 99}, {100, 199}}
	var rules []string
	for _, r := range ranges[1:] {
		rules = append(rules, fmt.Sprintf("in tcp %d-%d 203.0.113.0/24", r[0], r[1]))
	}
	for _, all := range []bool{false, true} {
		if all {
			rules = append(rules, "in tcp 0-65535 203.0.113.0/24")
		}
		w := ruleWorld(t, rules...)
		for port := 0; port <= 65535; port++ {
			if port == 500 {
				port = 65000
			}
			narrowest := -1
			for i, r := range ranges {
				if (all || i > 0) && r[0] <= port && port <= r[1] && (narrowest < 0 || r[1]-r[0] < ranges[narrowest][1]-ranges[narrowest][0]) {
					narrowest = i
				}
			}
			got, ok := w.Rule(w.ask("in", fmt.Sprintf("tcp 203.0.113.10 %d", port)).Rule)
			switch {
			case ok != (narrowest >= 0):
				t.Errorf("port %d: passes %t, want %t", port, ok, narrowest >= 0)
			case ok && (int(got.FromPort) != ranges[narrowest][0] || int(got.ToPort) != ranges[narrowest][1]):
				t.Errorf("port %d: named %s, want %v", port, got.Service(), ranges[narrowest])
			}
		}
	}
}
