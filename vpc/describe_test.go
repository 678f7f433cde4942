package vpc

import "testing"

func TestRuleText(t *testing.T) {
	s, err := New(world())
	if err != nil {
		t.Fatal(err)
	}
	egress := Rule{Direction: Egress, Protocol: AllProtocols, Peer: cidr("::/0")}
	for want, r := range map[string]Rule{
		"tcp 443 from 0.0.0.0/0":              rule(TCP, 443, 443, cidr("0.0.0.0/0")),
		"udp 1-2 from group web":              rule(UDP, 1, 2, Peer{GroupID: "sg-web"}),
		"icmp type 8 from prefix list office": rule(ICMP, 8, Any, Peer{PrefixListID: "pl-1"}),
		"protocol 47 from sg-gone":            rule(47, Any, Any, Peer{GroupID: "sg-gone"}),
		"all traffic to ::/0":                 egress,
	} {
		if got := s.RuleText(r); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestEntryText(t *testing.T) {
	e := NetworkACLEntry{Number: 100, Direction: Egress, Allow: true, Protocol: TCP, FromPort: 1024, ToPort: 65535, CIDR: prefix("0.0.0.0/0")}
	if got, want := e.String(), "100 allow tcp 1024-65535 to 0.0.0.0/0"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	e = NetworkACLEntry{Number: 90, Protocol: AllProtocols, CIDR: prefix("198.51.100.7/32")}
	if got, want := e.String(), "90 deny all traffic from 198.51.100.7/32"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
