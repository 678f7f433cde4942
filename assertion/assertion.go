// Package assertion reads and runs unit tests for security groups: a file that
// says who reaches whom, held against what the gateway would do with each such
// packet and, in a running lab, against what real packets meet.
//
// A test file goes through three steps: [Parse] reads it and collects every
// fault, [File.Check] adds the names that its target does not know and returns
// them all, and a [Runner] runs its tests. WriteText, WriteJUnit and WriteJSON
// print what came out.
//
// Nothing here judges a packet: verdicts come from an [Explainer], which asks
// the data path, and from a [Prober], which sends packets through it.
//
// The package imports config, control, gateway and vpc.
package assertion

import (
	"fmt"
	"net/netip"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/vpc"
)

// File is a test file.
type File struct {
	Path   string // as the user named it
	Config string // the configuration that it is about, from where the program runs; "" if it names none
	Tests  []Test // in the file's order

	document *config.Document
}

// MaxCases is how many cases the tests of one file may come to.
const MaxCases = 10_000

// Test is one assertion. Each of its lists multiplies its cases.
type Test struct {
	Name   string // the file's, or one made of what it asserts
	Origin vpc.Origin

	From, To   []string // names or ids of instances and hosts, and addresses
	Protocol   vpc.Protocol
	Ports      []Ports // of the destination; for TCP and UDP
	SourcePort uint16  // 0 leaves it open
	ICMPType   *uint8  // nil is an echo request
	ICMPCode   *uint8
	VPC        string // name or id; "" leaves it to from and to

	Expect Verdict
	Reason string // that the drop must have, "" for any
	Rule   string // the id of the rule, or the name or id of the group, that must admit it; "" for any

	ipv6 families
	at   config.Mapping
}

// Ports is a range of ports, both ends included.
type Ports struct{ First, Last uint16 }

// String returns "443" or "8000-8010".
func (p Ports) String() string {
	if p.First == p.Last {
		return fmt.Sprint(p.First)
	}
	return fmt.Sprintf("%d-%d", p.First, p.Last)
}

// Verdict is what becomes of a packet, as a test says it.
type Verdict string

// The verdicts. Allow is a packet that arrives.
const (
	Allow Verdict = "allow"
	Drop  Verdict = "drop"
)

// families says in which families a test's cases are.
type families uint8

const (
	fromAddresses families = iota // IPv6 where an address is of it, else IPv4
	onlyIPv4
	onlyIPv6
	bothFamilies
)

// of returns the families of a test's packets between two ends: whether each
// is IPv6.
func (f families) of(from, to string) []bool {
	switch f {
	case onlyIPv4:
		return []bool{false}
	case onlyIPv6:
		return []bool{true}
	case bothFamilies:
		return []bool{false, true}
	}
	return []bool{isIPv6(from) || isIPv6(to)}
}

func isIPv6(ref string) bool {
	addr, err := netip.ParseAddr(ref)
	return err == nil && addr.Is6() && !addr.Is4In6()
}
