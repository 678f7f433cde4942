package assertion

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/vpc"
)

// Known is what the tests of a file can name. A list that is empty is not known,
// and what would stand in it is not looked at.
type Known struct {
	Endpoints []vpc.Endpoint // of which Name, ID and, if they are known, InstanceID and Addresses count
	VPCs      []vpc.VPC
	Groups    []vpc.SecurityGroup
}

// KnownOf returns what the tests against a configuration can name.
func KnownOf(s *vpc.Snapshot) Known { return Known{s.Endpoints(), s.VPCs(), s.SecurityGroups()} }

// Check returns what is wrong with the file: a *vpc.Error for each fault, joined
// in the file's order; nil if there is none. It is called once.
func (f *File) Check(k Known) error {
	d := newDirectory(k)
	for i := range f.Tests {
		t := &f.Tests[i]
		d.check(t, "from", t.From, t.To)
		d.check(t, "to", t.To, t.From)
		k.checkVPC(t)
		k.checkRule(t)
	}
	return f.document.Err()
}

// checkVPC reports a VPC that there is not.
func (k Known) checkVPC(t *Test) {
	if t.VPC == "" || len(k.VPCs) == 0 {
		return
	}
	var names []string
	for _, v := range k.VPCs {
		if t.VPC == v.Name || t.VPC == v.ID {
			return
		}
		names = append(names, cmp.Or(v.Name, v.ID))
	}
	t.at.Fault("vpc", 0, t.VPC, "there is no VPC of that name or id: %s", config.Hint(t.VPC, names))
}

// checkRule reports a rule or security group that there is not.
func (k Known) checkRule(t *Test) {
	if t.Rule == "" || len(k.Groups) == 0 {
		return
	}
	var names []string
	for _, g := range k.Groups {
		if t.Rule == g.Name || t.Rule == g.ID {
			return
		}
		for _, r := range slices.Concat(g.Ingress, g.Egress) {
			if t.Rule == r.ID {
				return
			}
		}
		names = append(names, g.Name)
	}
	t.at.Fault("rule", 0, t.Rule, "there is no rule of that id, nor a security group of that name or id: %s", config.Hint(t.Rule, names))
}

// directory finds instances and hosts.
type directory struct {
	names []string
	byRef map[string]vpc.Endpoint // by name and by id; a name goes before an id
}

func newDirectory(k Known) directory {
	d := directory{byRef: make(map[string]vpc.Endpoint)}
	for _, e := range k.Endpoints {
		d.byRef[e.ID] = e
		d.byRef[e.InstanceID] = e // under "", which nobody asks for, those of none
	}
	for _, e := range k.Endpoints {
		d.names = append(d.names, e.Name)
		d.byRef[e.Name] = e
	}
	return d
}

// check reports the names that nobody has, and those of what has no address of
// a family that the test would use.
func (d directory) check(t *Test, key string, ends, others []string) {
	if len(d.byRef) == 0 {
		return
	}
	for i, end := range ends {
		_, notAddr := netip.ParseAddr(end)
		_, notPrefix := netip.ParsePrefix(end)
		if notAddr == nil || notPrefix == nil || strings.TrimSpace(end) != end || end == "" {
			continue // an address, or reported already
		}
		e, ok := d.byRef[end]
		if !ok {
			t.at.Fault(key, i, end, "no instance or host is called so: %s", config.Hint(end, d.names))
			continue
		}
		for _, other := range others {
			if missing := t.missing(e, other); missing != "" {
				t.at.Fault(key, i, end, "has no %s address", missing)
				break
			}
		}
	}
}

// missing returns the family in which a test would ask for an address of e that
// e does not have, "" if there is none.
func (t *Test) missing(e vpc.Endpoint, other string) string {
	if len(e.Addresses) == 0 || t.ipv6 == fromAddresses && !isIPv6(other) {
		return "" // it is not known, or any will do
	}
	for _, ipv6 := range t.ipv6.of("", other) {
		has := slices.ContainsFunc(e.Addresses, func(a netip.Addr) bool { return a.Is6() == ipv6 })
		switch {
		case !has && ipv6:
			return "IPv6"
		case !has:
			return "IPv4"
		}
	}
	return ""
}
