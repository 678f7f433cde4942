package control

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// String returns the end in a person's words: "web:43210", "10.0.1.10",
// "[fd00::1]:443"; "?" where nothing of it is known.
func (e EventEnd) String() string {
	s := e.who()
	switch {
	case e.Port == 0:
		return s
	case e.Name == "":
		return netip.AddrPortFrom(e.Address, e.Port).String()
	}
	return net.JoinHostPort(s, strconv.Itoa(int(e.Port)))
}

// who is the end without its port.
func (e EventEnd) who() string {
	switch {
	case e.Name != "":
		return e.Name
	case e.Address.IsValid():
		return e.Address.String()
	case e.ID != "":
		return e.ID
	}
	return "?"
}

// Packet returns what kind of packet it was: "tcp SYN", "udp IPv6", "icmp type
// 8", "protocol 47", "" if it could not be read. A super-packet says how many it
// stands for: "tcp ACK x12".
func (e *Event) Packet() string {
	s := e.kind()
	switch {
	case s == "":
	case e.TCPFlags != "":
		s += " " + flagNames(e.TCPFlags)
	case e.ICMPType != nil:
		s += fmt.Sprintf(" type %d", *e.ICMPType)
		if e.ICMPCode != nil && *e.ICMPCode != 0 {
			s += fmt.Sprintf(" code %d", *e.ICMPCode)
		}
	}
	if e.Protocol != "icmpv6" && e.To.Address.Is6() {
		s += " IPv6"
	}
	if e.Packets > 1 {
		s += fmt.Sprintf(" x%d", e.Packets)
	}
	return strings.TrimSpace(s)
}

// kind is the protocol, as a word where it has one.
func (e *Event) kind() string {
	if _, err := strconv.Atoi(e.Protocol); err == nil {
		return "protocol " + e.Protocol
	}
	return e.Protocol
}

// flagNames turns tcpdump's letters into words: "S." into "SYN-ACK".
func flagNames(letters string) string {
	var names []string
	for _, letter := range letters {
		name := map[rune]string{
			'F': "FIN", 'S': "SYN", 'R': "RST", 'P': "PSH", '.': "ACK", 'U': "URG", 'E': "ECE", 'W': "CWR",
		}[letter]
		if name == "" {
			name = string(letter)
		}
		names = append(names, name)
	}
	return strings.Join(names, "-")
}

// Why returns what decided, in words: "db: no rule admits tcp 3306 from web", or
// "web: all traffic to 0.0.0.0/0; db: tcp 3306 from group app". It is "" where
// neither end was asked: Reason then says all.
func (e *Event) Why() string {
	var parts []string
	for _, side := range []struct {
		at, peer    EventEnd
		EventSide   // of the end that is asked
		preposition string
	}{
		{e.From, e.To, e.Egress, "to"}, {e.To, e.From, e.Ingress, "from"},
	} {
		switch side.Answer {
		case AnswerNoRule:
			// What the other end said is of no account.
			return fmt.Sprintf("%s: no rule admits %s %s %s", side.at.who(), e.service(), side.preposition, side.peer.who())
		case AnswerRule:
			parts = append(parts, side.at.who()+": "+side.text())
		case AnswerFlow:
			part := side.at.who() + ": live flow"
			if side.RuleID != "" {
				part += ", let in by " + side.text()
			}
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, "; ")
}

// text is the rule in words or, if it is gone, its id.
func (r RuleRef) text() string {
	if r.Rule == "" {
		return r.RuleID
	}
	return r.Rule
}

// service is what a rule would have to admit.
func (e *Event) service() string {
	switch {
	case e.To.Port != 0:
		return fmt.Sprintf("%s %d", e.Protocol, e.To.Port)
	case e.ICMPType != nil:
		return fmt.Sprintf("%s type %d", e.Protocol, *e.ICMPType)
	}
	return e.kind()
}
