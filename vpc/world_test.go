package vpc

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }
func address(s string) netip.Addr  { return netip.MustParseAddr(s) }

// line is a place in the test's imaginary file.
func line(n int) Origin { return Origin{File: "lab.yaml", Line: n, Column: 3} }

func cidr(s string) Peer { return Peer{CIDR: prefix(s)} }

// rule returns a rule as a reader of some source makes it: without its id, its
// group and its direction.
func rule(p Protocol, from, to int32, peer Peer) Rule {
	return Rule{Protocol: p, FromPort: from, ToPort: to, Peer: peer}
}

// world returns resources without a fault: one of each kind, each declared on
// a line of its own.
func world() Resources {
	return Resources{
		VPCs: []VPC{{
			ID: "vpc-1", Name: "main", Origin: line(1),
			CIDR: prefix("10.0.0.0/16"), IPv6CIDR: prefix("fd00:10::/56"),
		}},
		Subnets: []Subnet{{
			ID: "subnet-1", Name: "public", VPCID: "vpc-1", Origin: line(2),
			CIDR: prefix("10.0.1.0/24"), IPv6CIDR: prefix("fd00:10:0:1::/64"),
		}},
		SecurityGroups: []SecurityGroup{{
			ID: "sg-web", Name: "web", VPCID: "vpc-1", Origin: line(3),
			Ingress: []Rule{rule(TCP, 443, 443, cidr("0.0.0.0/0"))},
		}},
		PrefixLists: []PrefixList{{
			ID: "pl-1", Name: "office", MaxEntries: 5, Origin: line(4),
			Entries: []PrefixListEntry{{CIDR: prefix("203.0.113.0/24"), Description: "HQ", Origin: line(5)}},
		}},
		Interfaces: []NetworkInterface{{
			ID: "eni-1", Name: "web-1", VPCID: "vpc-1", SubnetID: "subnet-1", Origin: line(6),
			Addresses: []netip.Addr{address("10.0.1.10"), address("fd00:10:0:1::10")},
			GroupIDs:  []string{"sg-web"}, SourceDestCheck: true,
		}},
		Hosts: []Host{{
			ID: "host-1", Name: "laptop", VPCID: "vpc-1", Origin: line(7),
			Addresses: []netip.Addr{address("203.0.113.10")},
		}},
	}
}

// with returns world, changed.
func with(change func(*Resources)) Resources {
	res := world()
	change(&res)
	return res
}

// must returns the snapshot of resources that have no fault.
func must(t *testing.T, res Resources) *Snapshot {
	t.Helper()
	s, err := New(res)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return s
}

// faults returns each fault of the resources as "Code message".
func faults(t *testing.T, res Resources) []string {
	t.Helper()
	s, err := New(res)
	if err == nil {
		return nil
	}
	if s != nil {
		t.Error("New returned a snapshot besides its error")
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("New's error is a %T, want several joined", err)
	}
	var all []string
	for _, e := range joined.Unwrap() {
		var fault *Error
		if !errors.As(e, &fault) {
			t.Fatalf("fault %v is a %T, want *Error", e, e)
		}
		text, says := strings.CutSuffix(fault.Error(), " ("+fault.Code+")")
		if quota := strings.HasSuffix(fault.Code, "Exceeded"); says != quota {
			t.Errorf("%v: names its code %t, want %t", fault, says, quota)
		}
		all = append(all, fault.Code+" "+text)
	}
	return all
}
