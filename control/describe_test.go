package control

import (
	"net/netip"
	"testing"
)

func TestEventInWords(t *testing.T) {
	web := EventEnd{Name: "web", ID: "eni-1", Address: netip.MustParseAddr("10.0.1.10"), Port: 43210}
	db := EventEnd{Name: "db", Address: netip.MustParseAddr("10.0.2.30"), Port: 3306}
	stranger := EventEnd{Address: netip.MustParseAddr("fd00::1"), Port: 443}
	at := func(e EventEnd, port uint16) EventEnd {
		e.Port = port
		return e
	}
	kind, code, none := uint8(3), uint8(4), uint8(0)
	rule := func(answer, id, text string) EventSide { return EventSide{answer, RuleRef{id, "group", text}} }
	out, in := rule(AnswerRule, "sgr-1", "all traffic to 0.0.0.0/0"), rule(AnswerRule, "sgr-2", "tcp 3306 from group web")
	for _, c := range []struct {
		event     Event
		ends      string
		what, why string
	}{
		{Event{Protocol: "tcp", TCPFlags: "S", From: web, To: db, Egress: out, Ingress: EventSide{Answer: AnswerNoRule}, Packets: 1},
			"web:43210 -> db:3306", "tcp SYN", "db: no rule admits tcp 3306 from web"},
		{Event{Protocol: "tcp", TCPFlags: "S.", From: db, To: stranger, Egress: EventSide{Answer: AnswerNoRule}, Packets: 1},
			"db:3306 -> [fd00::1]:443", "tcp SYN-ACK IPv6", "db: no rule admits tcp 443 to fd00::1"},
		{Event{Protocol: "tcp", TCPFlags: "FSRP.UEW?", From: web, To: db, Egress: out, Ingress: in, Packets: 12},
			"web:43210 -> db:3306", "tcp FIN-SYN-RST-PSH-ACK-URG-ECE-CWR-? x12", "web: all traffic to 0.0.0.0/0; db: tcp 3306 from group web"},
		{Event{Protocol: "udp", From: web, To: db, Egress: rule(AnswerFlow, "sgr-1", "all traffic to 0.0.0.0/0"), Ingress: rule(AnswerFlow, "sgr-2", "")},
			"web:43210 -> db:3306", "udp", "web: live flow, let in by all traffic to 0.0.0.0/0; db: live flow, let in by sgr-2"},
		{Event{Protocol: "udp", From: web, To: stranger, Egress: EventSide{Answer: AnswerFlow}, Ingress: EventSide{Answer: AnswerNoGroups}},
			"web:43210 -> [fd00::1]:443", "udp IPv6", "web: live flow"},
		{Event{Protocol: "icmp", ICMPType: &kind, ICMPCode: &code, From: at(web, 0), To: at(db, 0), Egress: EventSide{Answer: AnswerNoRule}},
			"web -> db", "icmp type 3 code 4", "web: no rule admits icmp type 3 to db"},
		{Event{Protocol: "icmpv6", ICMPType: &kind, ICMPCode: &none, From: at(stranger, 0), To: at(stranger, 0)},
			"fd00::1 -> fd00::1", "icmpv6 type 3", ""},
		{Event{Protocol: "47", From: at(web, 0), To: at(db, 0), Ingress: EventSide{Answer: AnswerNoRule}},
			"web -> db", "protocol 47", "db: no rule admits protocol 47 from web"},
		{Event{From: EventEnd{Name: "web", ID: "eni-1"}}, "web -> ?", "", ""},
		{Event{From: EventEnd{ID: "eni-1"}, Packets: 3}, "eni-1 -> ?", "x3", ""},
	} {
		if got := c.event.From.String() + " -> " + c.event.To.String(); got != c.ends {
			t.Errorf("ends: got %q, want %q", got, c.ends)
		}
		if got := c.event.Packet(); got != c.what {
			t.Errorf("packet: got %q, want %q", got, c.what)
		}
		if got := c.event.Why(); got != c.why {
			t.Errorf("why: got %q, want %q", got, c.why)
		}
	}
}
