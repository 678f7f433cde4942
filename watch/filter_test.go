package watch

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/stack"
	"github.com/sgate/sgate/vpc"
)

func TestFilter(t *testing.T) {
	w := newWorld(t)
	ping := func(src, dst string) stack.Composition {
		return stack.Composition{Src: netip.MustParseAddr(src), Dst: netip.MustParseAddr(dst), Protocol: 1, ICMPType: 8}
	}
	malformed := stack.Compose(tcp("10.0.1.10", "10.0.1.20", 443))[:30]
	all := map[string]*gateway.Event{
		"allowed":   w.event("web", tcp("10.0.1.10", "10.0.1.20", 443)),
		"dropped":   w.event("web", tcp("10.0.1.10", "10.0.1.20", 3306)),
		"back":      w.event("db", tcp("10.0.1.20", "10.0.1.10", 3306)),
		"ipv6":      w.event("web", tcp("fd00:10:0:1::10", "fd00:10:0:1::20", 443)),
		"ping":      w.event("laptop", ping("203.0.113.10", "10.0.1.10")),
		"router":    w.event("web", ping("10.0.1.10", "10.0.1.1")),
		"spoofed":   w.event("web", tcp("10.0.1.99", "10.0.1.20", 443)),
		"malformed": w.eventOf("web", malformed),
		"other VPC": w.event("other", tcp("10.0.1.10", "10.0.1.20", 443)), // no route
		"unread":    {Reason: gateway.Reason(stack.Truncated), Packet: &stack.Packet{}, Packets: 1},
		"pieces":    {Reason: gateway.ReasonNotCompiled, Packets: 2},
	}
	prefix := func(s string) End { return End{Prefix: netip.MustParsePrefix(s)} }
	for _, c := range []struct {
		name   string
		filter Filter
		want   []string
	}{
		{"none", Filter{}, []string{"allowed", "back", "dropped", "ipv6", "malformed", "other VPC", "pieces", "ping", "router", "spoofed", "unread"}},
		{"a VPC", Filter{VPCID: "vpc-2"}, []string{"other VPC"}},
		{"either end", Filter{Interface: "db"}, []string{"allowed", "back", "dropped", "ipv6"}},
		{"either end, a host", Filter{Interface: "laptop"}, []string{"ping"}},
		{"the sender", Filter{From: End{ID: "db"}}, []string{"back"}},
		{"the receiver", Filter{To: End{ID: "db"}}, []string{"allowed", "dropped", "ipv6"}},
		{"the sender's address", Filter{From: prefix("10.0.1.10/32")}, []string{"allowed", "dropped", "malformed", "other VPC", "router"}},
		{"the receiver's address", Filter{To: prefix("10.0.1.1/32")}, []string{"router"}},
		{"of IPv6", Filter{To: prefix("::/0")}, []string{"ipv6"}},
		{"a protocol", Filter{Protocols: []vpc.Protocol{vpc.ICMP}}, []string{"ping", "router"}},
		{"protocol 0", Filter{Protocols: []vpc.Protocol{0}}, nil},
		{"two protocols", Filter{Protocols: []vpc.Protocol{vpc.ICMP, vpc.TCP}, VPCID: "vpc-1", Reasons: []gateway.Reason{gateway.ReasonRouterAddress, gateway.ReasonSourceCheck}}, []string{"router", "spoofed"}},
		{"the receiver's port", Filter{Port: 3306}, []string{"back", "dropped"}},
		{"the sender's port", Filter{Port: 40000, Interface: "db"}, []string{"allowed", "back", "dropped", "ipv6"}},
		{"a fate", Filter{Fates: []gateway.Fate{gateway.Local}}, []string{"router"}},
		{"drops", Filter{Fates: []gateway.Fate{gateway.Dropped}, Interface: "db"}, []string{"back", "dropped", "ipv6"}},
		{"a reason", Filter{Reasons: []gateway.Reason{gateway.ReasonNoIngressRule}}, []string{"back", "dropped", "ping"}},
		{"all at once", Filter{
			VPCID: "vpc-1", Interface: "web", From: End{"web", netip.MustParsePrefix("10.0.0.0/16")}, To: End{"db", netip.MustParsePrefix("10.0.1.20/32")},
			Protocols: []vpc.Protocol{vpc.TCP}, Port: 443, Fates: []gateway.Fate{gateway.Forwarded}, Reasons: []gateway.Reason{gateway.ReasonRule},
		}, []string{"allowed"}},
	} {
		s := compile(c.filter)
		var got []string
		for name, e := range all {
			if !s.wants(e) {
				continue
			}
			if got = append(got, name); !s.wantsReason(e.Reason) {
				t.Errorf("%s: it wants %s, and says that it wants no %s", c.name, name, e.Reason)
			}
		}
		if slices.Sort(got); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}
