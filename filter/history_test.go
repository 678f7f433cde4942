package filter

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/sgate/sgate/vpc"
)

// change is a step in the history of a world. It replaces what hangs below a
// resource and never changes it in place, as Snapshot.Resources asks. The same
// change can be made to several resources; where what it changes is missing, it
// does nothing.
type change func(*vpc.Resources)

// replaced returns items with the one that is meant edited in a copy.
func replaced[T any](items []T, is func(T) bool, edit func(*T)) []T {
	items = slices.Clone(items)
	if i := slices.IndexFunc(items, is); i >= 0 {
		edit(&items[i])
	}
	return items
}

// drawMemberChange makes a change of who has what groups and addresses.
func drawMemberChange(t *rapid.T) change {
	v, i := rapid.IntRange(0, 1).Draw(t, "vpc"), rapid.IntRange(0, len(someInterfaces)-1).Draw(t, "interface")
	nic := randomInterface(v, i)
	is := func(n vpc.NetworkInterface) bool { return n.ID == nic.ID }
	groups := rapid.SliceOfNDistinct(rapid.SampledFrom(randomGroups(v)), 1, 3, rapid.ID).Draw(t, "groups")
	switch rapid.IntRange(0, 3).Draw(t, "change") {
	case 0, 1: // joins and leaves
		return func(res *vpc.Resources) {
			res.Interfaces = replaced(res.Interfaces, is, func(n *vpc.NetworkInterface) { n.GroupIDs = groups })
		}
	case 2: // ends, or is launched again
		nic.GroupIDs = groups
		return func(res *vpc.Resources) {
			if slices.ContainsFunc(res.Interfaces, is) {
				res.Interfaces = slices.DeleteFunc(slices.Clone(res.Interfaces), is)
			} else {
				res.Interfaces = append(slices.Clone(res.Interfaces), nic)
			}
		}
	}
	return drawAddressChange(t, v)
}

// drawAddressChange gives a secondary address to another interface of its
// subnet, or to nobody.
func drawAddressChange(t *rapid.T, v int) change {
	addr := address(rapid.SampledFrom(someSecondary).Draw(t, "address"))
	owner := randomInterface(v, rapid.IntRange(0, len(someInterfaces)-1).Draw(t, "owner"))
	nobody := rapid.IntRange(0, 3).Draw(t, "to nobody") == 0
	return func(res *vpc.Resources) {
		res.Interfaces = slices.Clone(res.Interfaces)
		for i := range res.Interfaces {
			n := &res.Interfaces[i]
			if n.VPCID != owner.VPCID {
				continue
			}
			n.Addresses = slices.DeleteFunc(slices.Clone(n.Addresses), func(a netip.Addr) bool { return a == addr })
			if n.ID == owner.ID && !nobody && subnetNumber(addr) == subnetNumber(n.Addresses[0]) {
				n.Addresses = append(n.Addresses, addr)
			}
		}
	}
}

// drawChange makes a change of any kind.
func drawChange(t *rapid.T) change {
	v := rapid.IntRange(0, 1).Draw(t, "vpc")
	groups := randomGroups(v)
	id := rapid.SampledFrom(groups).Draw(t, "group")
	isGroup := func(g vpc.SecurityGroup) bool { return g.ID == id }
	switch rapid.IntRange(0, 6).Draw(t, "kind") {
	case 0:
		r, d := drawRule(t, groups, randomLists()), rapid.SampledFrom([]vpc.Direction{vpc.Ingress, vpc.Egress}).Draw(t, "direction")
		return func(res *vpc.Resources) {
			res.SecurityGroups = replaced(res.SecurityGroups, isGroup, func(g *vpc.SecurityGroup) { authorize(g, d, r) })
		}
	case 1:
		ingress, n := rapid.Bool().Draw(t, "ingress"), rapid.IntRange(0, 8).Draw(t, "rules that stay")
		return func(res *vpc.Resources) {
			res.SecurityGroups = replaced(res.SecurityGroups, isGroup, func(g *vpc.SecurityGroup) {
				if ingress {
					g.Ingress = g.Ingress[:min(n, len(g.Ingress)):min(n, len(g.Ingress))]
				} else {
					g.Egress = g.Egress[min(n, len(g.Egress)):]
				}
			})
		}
	case 2:
		i := rapid.IntRange(0, 2).Draw(t, "list")
		l := drawList(t, randomLists()[i], i == 2)
		return func(res *vpc.Resources) {
			res.PrefixLists = replaced(res.PrefixLists, func(l vpc.PrefixList) bool { return l.ID == randomLists()[i] },
				func(old *vpc.PrefixList) { *old = l })
		}
	case 3:
		in := fmt.Sprintf("vpc-%d", v)
		acls := drawACLs(t, in)
		return func(res *vpc.Resources) {
			others := slices.DeleteFunc(slices.Clone(res.NetworkACLs), func(a vpc.NetworkACL) bool { return a.VPCID == in })
			res.NetworkACLs = append(others, acls...)
		}
	}
	return drawMemberChange(t)
}

// authorize adds a rule to a group unless it is there.
func authorize(g *vpc.SecurityGroup, d vpc.Direction, r vpc.Rule) {
	r.Direction = d
	is := func(old vpc.Rule) bool { old.Direction = d; return old.Canonical().Key() == r.Canonical().Key() }
	if slices.ContainsFunc(g.Rules(d), is) {
		return
	}
	if d == vpc.Ingress {
		g.Ingress = append(slices.Clone(g.Ingress), r)
	} else {
		g.Egress = append(slices.Clone(g.Egress), r)
	}
}

// everything is what a policy says of a flow, in the resources' own terms.
type everything struct {
	judgement [2]admission
	rules     [2]string // ids
	acls      [2]Decision
	entries   [2]string
}

func (w world) everything(f *Flow) everything {
	e := everything{judgement: admissions(w, f), acls: [2]Decision{w.ACLEgress(f).Decision, w.ACLIngress(f).Decision}}
	for i, side := range twoSides(w, f) {
		r, _ := w.Rule(side.Rule)
		e.rules[i] = r.ID
	}
	for i, side := range [2]ACLSide{w.ACLEgress(f), w.ACLIngress(f)} {
		e.entries[i] = w.entry(side)
	}
	return e
}

// TestAnyHistoryCompilesToTheFinalState changes a world step by step, each step
// on what the last one's snapshot holds, and compares it with one that is made
// of the final resources at once. The policies of the past stay as they were.
func TestAnyHistoryCompilesToTheFinalState(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		atOnce := drawResources(rt)
		first := compiled(t, atOnce)
		var packets []naivePacket
		var then []everything
		for range 10 {
			p := drawPacket(rt, first)
			packets, then = append(packets, p), append(then, first.everything(&p.Flow))
		}
		w := first
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			step := drawChange(rt)
			step(&atOnce)
			next := w.Snapshot().Resources()
			step(&next)
			w = compiled(t, next)
		}
		slices.Reverse(atOnce.SecurityGroups) // nor does the order count in which they came
		slices.Reverse(atOnce.Interfaces)
		slices.Reverse(atOnce.PrefixLists)
		slices.Reverse(atOnce.NetworkACLs)
		fresh := compiled(t, atOnce)
		for range 40 {
			p := drawPacket(rt, w)
			if got, want := w.everything(&p.Flow), fresh.everything(fresh.translate(w, p.Flow)); got != want {
				rt.Fatalf("%+v: got %+v after a history, want %+v as of its final state", p.Flow, got, want)
			}
		}
		for i, p := range packets {
			if now := first.everything(&p.Flow); now != then[i] {
				rt.Fatalf("%+v: the first policy says %+v, and said %+v before the changes", p.Flow, now, then[i])
			}
		}
	})
}

// TestAReferenceIsItsMembers writes every rule that names a group out as rules
// for the addresses that its members have at the time, while they come and go.
// The same passes: but only if a member itself sends it, so of what others send
// in its name, only the rules without references decide.
func TestAReferenceIsItsMembers(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		res := drawResources(rt)
		for range rapid.IntRange(1, 6).Draw(rt, "steps") {
			drawMemberChange(rt)(&res)
			w := compiled(t, res)
			members := memberAddresses(w.Snapshot())
			written := compiled(t, withRules(w.Snapshot().Resources(), func(r vpc.Rule) []vpc.Rule {
				if r.Peer.GroupID == "" {
					return []vpc.Rule{r}
				}
				return byCIDR(r, members[r.Peer.GroupID])
			}))
			dropped := compiled(t, withRules(w.Snapshot().Resources(), without(func(r vpc.Rule) bool { return r.Peer.GroupID != "" })))
			for range 20 {
				p := drawPacket(rt, w)
				got, want := admissions(w, &p.Flow), admissions(written, written.translate(w, p.Flow))
				if !w.Owns(p.From, p.Src) {
					want[1] = admissions(dropped, dropped.translate(w, p.Flow))[1]
				}
				if got != want {
					rt.Fatalf("%+v: got %+v with references, want %+v as of their members' addresses", p.Flow, got, want)
				}
			}
		}
	})
}

// memberAddresses are the addresses of each group's members, as CIDRs.
func memberAddresses(s *vpc.Snapshot) map[string][]netip.Prefix {
	members := make(map[string][]netip.Prefix)
	for _, n := range s.Interfaces() {
		for _, id := range n.GroupIDs {
			for _, addr := range n.Addresses {
				members[id] = append(members[id], netip.PrefixFrom(addr, addr.BitLen()))
			}
		}
	}
	return members
}
