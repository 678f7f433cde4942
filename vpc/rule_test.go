package vpc

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestFaultsOfRules(t *testing.T) {
	group, list := Peer{GroupID: "sg-web"}, Peer{PrefixListID: "pl-1"}
	anywhere := cidr("0.0.0.0/0")
	described := func(d string) Rule { r := rule(TCP, 80, 80, anywhere); r.Description = d; return r }
	cases := []struct {
		name string
		rule Rule
		want string // "" if the rule is valid
	}{
		{"tcp", rule(TCP, 0, 65535, anywhere), ""},
		{"a group", rule(UDP, 53, 53, group), ""},
		{"a prefix list", rule(UDP, 53, 53, list), ""},
		{"all", rule(AllProtocols, 0, 0, anywhere), ""},
		{"echo request, a pair and not a reversed range", rule(ICMP, 8, 0, anywhere), ""},
		{"type, any code", rule(ICMP, 8, Any, anywhere), ""},
		{"any type", rule(ICMPv6, Any, Any, anywhere), ""},
		{"the highest pair", rule(ICMPv6, 255, 255, anywhere), ""},
		{"gre with ports, which are ignored", rule(47, 99999, -7, anywhere), ""},
		{"every character that AWS takes", described("aZ09 ._-:/()#,@[]+=&;{}!$*"), ""},
		{"the longest description", described(strings.Repeat("a", 255)), ""},

		{"protocol too low", rule(-2, 0, 0, anywhere), `protocol -2: want a number from 0 to 255, or -1 for all`},
		{"protocol too high", rule(256, 0, 0, anywhere), `protocol 256: want a number from 0 to 255, or -1 for all`},
		{"port too low", rule(TCP, -1, -1, anywhere), `TCP/UDP port (-1) out of range: want 0 to 65535`},
		{"port too high", rule(UDP, 80, 65536, anywhere), `TCP/UDP port (65536) out of range: want 0 to 65535`},
		{"reversed", rule(TCP, 80, 79, anywhere), `port range 80-79: the first port is above the last`},
		{"icmp type too high", rule(ICMP, 256, 0, anywhere), `ICMP type (256) out of range: want 0 to 255, or -1 for all`},
		{"icmp with the ports of all tcp", rule(ICMP, 0, 65535, anywhere), `ICMP code (65535) out of range: want 0 to 255, or -1 for all`},
		{"icmp type too low", rule(ICMPv6, -2, -1, anywhere), `ICMP type (-2) out of range: want 0 to 255, or -1 for all`},
		{"code without type", rule(ICMP, Any, 4, anywhere), `ICMP code 4 without a type: all types (-1) go with all codes (-1)`},
		{"no peer", rule(TCP, 80, 80, Peer{}), `want exactly one of a CIDR, a security group or a prefix list as its peer`},
		{"two peers", rule(TCP, 80, 80, Peer{CIDR: prefix("10.0.0.0/8"), GroupID: "sg-web"}), `want exactly one of a CIDR, a security group or a prefix list as its peer`},
	}
	for _, c := range cases {
		for _, d := range []Direction{Ingress, Egress} {
			t.Run(fmt.Sprintf("%s/%s", d, c.name), func(t *testing.T) {
				r := c.rule
				r.Origin = line(70)
				res := with(func(res *Resources) {
					g := &res.SecurityGroups[0]
					g.Ingress, g.Egress = nil, nil
					if d == Ingress {
						g.Ingress = []Rule{r}
					} else {
						g.Egress = []Rule{r}
					}
				})
				var want []string
				if c.want != "" {
					want = []string{fmt.Sprintf(`InvalidParameterValue lab.yaml:70:3: security group "web": %s rule 1: %s`, d, c.want)}
				}
				if diff := cmp.Diff(want, faults(t, res)); diff != "" {
					t.Errorf("faults (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestFaultsOfReferences(t *testing.T) {
	ingress := func(rules ...Rule) func(*Resources) {
		for i := range rules {
			rules[i].Origin = line(70 + i)
		}
		return func(r *Resources) { r.SecurityGroups[0].Ingress = rules }
	}
	testFaults(t, []faultCase{
		{"unknown group", ingress(rule(TCP, 80, 80, Peer{GroupID: "sg-9"})), []string{
			`InvalidGroup.NotFound lab.yaml:70:3: security group "web": ingress rule 1: the security group "sg-9" does not exist in this vpc`,
		}},
		{"group of another vpc", func(r *Resources) {
			r.VPCs = append(r.VPCs, VPC{ID: "vpc-2", CIDR: prefix("10.0.0.0/16")})
			r.SecurityGroups = append(r.SecurityGroups, SecurityGroup{ID: "sg-far", Name: "far", VPCID: "vpc-2"})
			ingress(rule(TCP, 80, 80, Peer{GroupID: "sg-far"}))(r)
		}, []string{
			`InvalidGroup.NotFound lab.yaml:70:3: security group "web": ingress rule 1: the security group "sg-far" does not exist in this vpc`,
		}},
		{"unknown prefix list", ingress(rule(TCP, 80, 80, Peer{PrefixListID: "pl-9"})), []string{
			`InvalidPrefixListID.NotFound lab.yaml:70:3: security group "web": ingress rule 1: the prefix list "pl-9" does not exist`,
		}},
		{"itself", ingress(rule(TCP, 80, 80, Peer{GroupID: "sg-web"})), nil},
	})
}

func TestIdentityOfRules(t *testing.T) {
	described := func(r Rule, d string) Rule { r.Description = d; return r }
	all := cidr("0.0.0.0/0")
	cases := []struct {
		name string
		a, b Rule
		want string // AWS's words for the duplicate; "" if these are two rules
	}{
		{"another description", described(rule(TCP, 80, 80, all), "one"), described(rule(TCP, 80, 80, all), "two"),
			"peer: 0.0.0.0/0, TCP, from port: 80, to port: 80, ALLOW"},
		{"host bits", rule(UDP, 53, 54, cidr("100.68.0.18/18")), rule(UDP, 53, 54, cidr("100.68.0.0/18")),
			"peer: 100.68.0.0/18, UDP, from port: 53, to port: 54, ALLOW"},
		{"IPv6 host bits", rule(TCP, 80, 80, cidr("2001:db8::1/32")), rule(TCP, 80, 80, cidr("2001:db8::2/32")),
			"peer: 2001:db8::/32, TCP, from port: 80, to port: 80, ALLOW"},
		{"all protocols, with ports and without", rule(AllProtocols, 0, 0, all), rule(AllProtocols, Any, Any, all),
			"peer: 0.0.0.0/0, ALL, ALLOW"},
		{"gre, with ports and without", rule(47, 0, 65535, all), rule(47, Any, Any, all),
			"peer: 0.0.0.0/0, protocol: 47, ALLOW"},
		{"icmp", rule(ICMP, 8, 0, all), rule(ICMP, 8, 0, all), "peer: 0.0.0.0/0, ICMP, type: 8, code: 0, ALLOW"},
		{"icmpv6", rule(ICMPv6, Any, Any, all), rule(ICMPv6, Any, Any, all), "peer: 0.0.0.0/0, ICMPV6, type: -1, code: -1, ALLOW"},
		{"a group", rule(TCP, 80, 80, Peer{GroupID: "sg-web"}), rule(TCP, 80, 80, Peer{GroupID: "sg-web"}),
			"peer: sg-web, TCP, from port: 80, to port: 80, ALLOW"},
		{"a prefix list", rule(TCP, 80, 80, Peer{PrefixListID: "pl-1"}), rule(TCP, 80, 80, Peer{PrefixListID: "pl-1"}),
			"peer: pl-1, TCP, from port: 80, to port: 80, ALLOW"},
		{"other ports", rule(TCP, 80, 80, all), rule(TCP, 80, 81, all), ""},
		{"other protocol", rule(TCP, 80, 80, all), rule(UDP, 80, 80, all), ""},
		{"other length", rule(TCP, 80, 80, cidr("10.0.0.0/8")), rule(TCP, 80, 80, cidr("10.0.0.0/9")), ""},
		{"both families", rule(TCP, 80, 80, all), rule(TCP, 80, 80, cidr("::/0")), ""},
		{"IPv4 and the same mapped to IPv6", rule(TCP, 80, 80, cidr("10.0.0.0/8")), rule(TCP, 80, 80, cidr("::ffff:10.0.0.0/104")), ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.a.Origin, c.b.Origin = line(70), line(71)
			res := with(func(r *Resources) { r.SecurityGroups[0].Ingress = []Rule{c.a, c.b} })
			var want []string
			if c.want != "" {
				want = []string{fmt.Sprintf(`InvalidPermission.Duplicate lab.yaml:71:3: security group "web": ingress rule 2: `+
					`the specified rule %q already exists (declared at lab.yaml:70:3)`, c.want)}
			}
			if diff := cmp.Diff(want, faults(t, res)); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
			// In the other direction it is another rule.
			res.SecurityGroups[0].Ingress, res.SecurityGroups[0].Egress = []Rule{c.a}, []Rule{c.b}
			if got := faults(t, res); got != nil {
				t.Errorf("one an ingress and one an egress rule: got faults %q, want none", got)
			}
			if same := RuleID(c.a.Canonical()) == RuleID(c.b.Canonical()); same != (c.want != "") {
				t.Errorf("ids are the same: %t, want %t", same, c.want != "")
			}
		})
	}
}

func TestRulesAreStoredInCanonicalForm(t *testing.T) {
	in := []Rule{
		rule(TCP, 80, 81, cidr("100.68.0.18/18")),
		rule(TCP, 80, 81, cidr("2001:DB8::1/64")),
		rule(AllProtocols, 0, 0, cidr("10.0.0.5/24")),
		rule(50, 0, 65535, cidr("10.0.0.0/8")),
		rule(ICMP, 3, 4, cidr("10.0.0.0/8")),
	}
	want := []Rule{
		rule(TCP, 80, 81, cidr("100.68.0.0/18")),
		rule(TCP, 80, 81, cidr("2001:db8::/64")),
		rule(AllProtocols, Any, Any, cidr("10.0.0.0/24")),
		rule(50, Any, Any, cidr("10.0.0.0/8")),
		rule(ICMP, 3, 4, cidr("10.0.0.0/8")),
	}
	s := must(t, with(func(r *Resources) { r.SecurityGroups[0].Egress = in }))
	got, _ := s.SecurityGroup("sg-web")
	for i := range want {
		want[i].GroupID, want[i].Direction = "sg-web", Egress
	}
	ignoreID := cmpopts.IgnoreFields(Rule{}, "ID")
	if diff := cmp.Diff(want, got.Egress, ignoreID, cmpopts.EquateComparable(in[0].Peer.CIDR)); diff != "" {
		t.Errorf("egress rules (-want +got):\n%s", diff)
	}
}

func TestServiceInWords(t *testing.T) {
	for _, c := range []struct {
		rule Rule
		want string
	}{
		{rule(TCP, 443, 443, Peer{}), "tcp 443"},
		{rule(UDP, 8000, 8100, Peer{}), "udp 8000-8100"},
		{rule(ICMP, Any, Any, Peer{}), "icmp"},
		{rule(ICMPv6, 128, Any, Peer{}), "icmpv6 type 128"},
		{rule(ICMP, 3, 4, Peer{}), "icmp type 3 code 4"},
		{rule(47, Any, Any, Peer{}), "protocol 47"},
		{rule(AllProtocols, Any, Any, Peer{}), "all traffic"},
	} {
		if got := c.rule.Service(); got != c.want {
			t.Errorf("Service of %v: got %q, want %q", c.rule, got, c.want)
		}
	}
}

func TestParseProtocol(t *testing.T) {
	for in, want := range map[string]Protocol{
		"tcp": TCP, "TCP": TCP, "6": TCP, "Udp": UDP, "17": UDP, "icmp": ICMP, "1": ICMP,
		"icmpv6": ICMPv6, "ICMPv6": ICMPv6, "58": ICMPv6, "-1": AllProtocols, "all": AllProtocols,
		"0": 0, "47": 47, "255": 255,
	} {
		if got, err := ParseProtocol(in); err != nil || got != want {
			t.Errorf("ParseProtocol(%q) = %v, %v, want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "http", "-2", "256", "6.0", " tcp"} {
		want := fmt.Sprintf("protocol %q: want tcp, udp, icmp, icmpv6, a number from 0 to 255, or -1 for all", in)
		if _, err := ParseProtocol(in); err == nil || err.Error() != want {
			t.Errorf("ParseProtocol(%q): got error %v, want %q", in, err, want)
		}
	}
	for p, want := range map[Protocol]string{TCP: "tcp", UDP: "udp", ICMP: "icmp", ICMPv6: "icmpv6", 47: "47", AllProtocols: "-1"} {
		if got := p.String(); got != want {
			t.Errorf("Protocol(%d).String() = %q, want %q", int(p), got, want)
		}
	}
}

func TestCompareRulesIsATotalOrder(t *testing.T) {
	var rules []Rule
	for _, group := range []string{"sg-a", "sg-b"} {
		for _, d := range []Direction{Ingress, Egress} {
			for _, peer := range []Peer{
				cidr("10.0.0.0/8"), cidr("10.0.0.0/9"), cidr("::/0"),
				{GroupID: "sg-a"}, {GroupID: "sg-b"}, {PrefixListID: "pl-1"}, {PrefixListID: "pl-2"},
			} {
				for _, r := range []Rule{rule(TCP, 80, 80, peer), rule(TCP, 80, 81, peer), rule(TCP, 79, 80, peer), rule(UDP, 80, 80, peer)} {
					r.GroupID, r.Direction = group, d
					rules = append(rules, r)
				}
			}
		}
	}
	slices.SortFunc(rules, CompareRules)
	for i := 1; i < len(rules); i++ {
		if CompareRules(rules[i-1], rules[i]) >= 0 {
			t.Errorf("%v and %v of %s are not told apart", rules[i-1], rules[i], rules[i].GroupID)
		}
	}
	shuffled := slices.Clone(rules)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	slices.SortFunc(shuffled, CompareRules)
	if diff := cmp.Diff(rules, shuffled, cmpopts.EquateComparable(rules[0].Peer.CIDR)); diff != "" {
		t.Errorf("the order depends on the input's (-want +got):\n%s", diff)
	}
}
