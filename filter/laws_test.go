package filter

import (
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/sgate/sgate/vpc"
)

// What holds of security groups, whatever they are. Each law compares two
// worlds, the second made from the first by a change of which the law says what
// it does.

// withRules returns the resources with the rules of every group replaced. The
// result of rewrite may have rules twice.
func withRules(res vpc.Resources, rewrite func(vpc.Rule) []vpc.Rule) vpc.Resources {
	rules := func(old []vpc.Rule, d vpc.Direction) (rules []vpc.Rule) {
		for _, r := range old {
			r.Direction = d
			for _, r := range rewrite(r) {
				r.ID = ""
				rules = append(rules, r)
			}
		}
		return distinct(rules)
	}
	res.SecurityGroups = slices.Clone(res.SecurityGroups)
	for i := range res.SecurityGroups {
		g := &res.SecurityGroups[i]
		g.Ingress, g.Egress = rules(g.Ingress, vpc.Ingress), rules(g.Egress, vpc.Egress)
	}
	return res
}

// without drops rules.
func without(drop func(vpc.Rule) bool) func(vpc.Rule) []vpc.Rule {
	return func(r vpc.Rule) []vpc.Rule {
		if drop(r) {
			return nil
		}
		return []vpc.Rule{r}
	}
}

// byCIDR returns the rule once for each CIDR.
func byCIDR(r vpc.Rule, cidrs []netip.Prefix) (rules []vpc.Rule) {
	for _, cidr := range cidrs {
		r.Peer = vpc.Peer{CIDR: cidr}
		rules = append(rules, r)
	}
	return rules
}

// twoSides are what both ends of a flow say, each asked by itself.
func twoSides(w world, f *Flow) [2]Side { return [2]Side{w.Egress(f), w.Ingress(f)} }

// admission is a side without the number of its rule, which is another in each
// world.
type admission struct {
	Decision  Decision
	Untracked bool
}

func admissions(w world, f *Flow) (a [2]admission) {
	for i, side := range twoSides(w, f) {
		a[i] = admission{side.Decision, side.Untracked}
	}
	return a
}

// TestARuleAddedClosesNothing adds rules to a VPC's groups one by one.
func TestARuleAddedClosesNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		res := drawResources(rt)
		v := rapid.IntRange(0, 1).Draw(rt, "vpc")
		before := compiled(t, res)
		for range 8 {
			id := rapid.SampledFrom(randomGroups(v)).Draw(rt, "group")
			res.SecurityGroups = replaced(res.SecurityGroups, func(g vpc.SecurityGroup) bool { return g.ID == id }, func(g *vpc.SecurityGroup) {
				d := rapid.SampledFrom([]vpc.Direction{vpc.Ingress, vpc.Egress}).Draw(rt, "direction")
				authorize(g, d, drawRule(rt, randomGroups(v), randomLists()))
			})
			after := compiled(t, res)
			for range 20 {
				p := drawPacket(rt, before)
				was, is := twoSides(before, &p.Flow), twoSides(after, after.translate(before, p.Flow))
				for i := range was {
					if was[i].Passes() && !is[i].Passes() {
						rt.Fatalf("%+v: side %d was %+v and is %+v", p.Flow, i, was[i], is[i])
					}
				}
			}
			before = after
		}
	})
}

// TestGroupsAreAUnion gives one interface some groups, others, and all of them.
func TestGroupsAreAUnion(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		res := drawResources(rt)
		x := rapid.IntRange(0, len(res.Interfaces)-1).Draw(rt, "interface")
		groups := randomGroups(x / len(someInterfaces))
		some := rapid.SliceOfNDistinct(rapid.SampledFrom(groups), 1, 2, rapid.ID).Draw(rt, "some")
		others := rapid.SliceOfNDistinct(rapid.SampledFrom(groups), 1, 2, rapid.ID).Draw(rt, "others")
		in := func(groups []string) world {
			res.Interfaces = slices.Clone(res.Interfaces)
			res.Interfaces[x].GroupIDs = groups
			return compiled(t, res)
		}
		a, b, both := in(some), in(others), in(slices.Compact(slices.Sorted(slices.Values(slices.Concat(some, others)))))
		id := res.Interfaces[x].ID
		for range 40 {
			p := drawPacket(rt, both)
			if p.From == p.To {
				continue // its groups are the peer's too
			}
			pa, pb := a.translate(both, p.Flow), b.translate(both, p.Flow)
			if both.ID(p.From) == id {
				if got, want := both.Egress(&p.Flow).Passes(), a.Egress(pa).Passes() || b.Egress(pb).Passes(); got != want {
					rt.Fatalf("egress of %+v: passes %t with all groups, %t with some of them", p.Flow, got, want)
				}
			}
			if p.to != nil && p.to.ID == id {
				if got, want := both.Ingress(&p.Flow).Passes(), a.Ingress(pa).Passes() || b.Ingress(pb).Passes(); got != want {
					rt.Fatalf("ingress of %+v: passes %t with all groups, %t with some of them", p.Flow, got, want)
				}
			}
		}
	})
}

// TestFamiliesAreApart takes away all that has a CIDR of one family, in rules
// and in network ACLs: nothing changes for the other.
func TestFamiliesAreApart(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		res := drawResources(rt)
		ipv6 := rapid.Bool().Draw(rt, "keep IPv6")
		foreign := func(cidr netip.Prefix) bool { return cidr.IsValid() && cidr.Addr().Is6() != ipv6 }
		one := withRules(res, without(func(r vpc.Rule) bool {
			return foreign(r.Peer.CIDR) || r.Peer.PrefixListID != "" && (r.Peer.PrefixListID == randomLists()[2]) != ipv6
		}))
		one.NetworkACLs = slices.Clone(res.NetworkACLs)
		for i := range one.NetworkACLs {
			a := &one.NetworkACLs[i]
			a.Entries = slices.DeleteFunc(slices.Clone(a.Entries), func(e vpc.NetworkACLEntry) bool { return foreign(e.CIDR) })
		}
		both, alone := compiled(t, res), compiled(t, one)
		for range 60 {
			p := drawPacket(rt, both)
			if p.Src.Is6() != ipv6 {
				continue
			}
			q := alone.translate(both, p.Flow)
			if got, want := admissions(both, &p.Flow), admissions(alone, q); got != want {
				rt.Fatalf("%+v: got %+v with the other family's rules, %+v without", p.Flow, got, want)
			}
			got := [2]Decision{both.ACLEgress(&p.Flow).Decision, both.ACLIngress(&p.Flow).Decision}
			if want := [2]Decision{alone.ACLEgress(q).Decision, alone.ACLIngress(q).Decision}; got != want {
				rt.Fatalf("%+v: network ACLs: got %v with the other family's entries, %v without", p.Flow, got, want)
			}
		}
	})
}

// TestSecondaryAddressesAreTheInterfacesOwn holds that an address counts the
// same wherever it stands in the interface's list, and that rules that name
// groups take all of them for one.
func TestSecondaryAddressesAreTheInterfacesOwn(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		res := withRules(drawResources(rt), without(func(r vpc.Rule) bool { return r.Peer.GroupID == "" }))
		w := compiled(t, res)
		res.Interfaces = slices.Clone(res.Interfaces)
		for i := range res.Interfaces {
			n := &res.Interfaces[i]
			n.Addresses = rapid.Permutation(n.Addresses).Draw(rt, "addresses")
			for _, addr := range n.Addresses {
				e := w.ByID(n.ID)
				if !w.Owns(e, addr) || !w.MaySend(e, addr) || w.Resolve(e, addr) != e {
					rt.Fatalf("%s is not %s's own", addr, n.ID)
				}
			}
		}
		shuffled := compiled(t, res)
		for range 20 {
			p := drawPacket(rt, w)
			want := w.Judge(&p.Flow)
			if got := shuffled.Judge(shuffled.translate(w, p.Flow)); got != want {
				rt.Fatalf("%+v: got %+v with addresses in another order, want %+v", p.Flow, got, want)
			}
			if p.from == nil || p.to == nil || !w.Owns(p.From, p.Src) {
				continue
			}
			for _, src := range p.from.Addresses {
				for _, dst := range p.to.Addresses {
					f := p.Flow
					f.Src, f.Dst = src, dst
					if src.Is6() != p.Src.Is6() || dst.Is6() != p.Src.Is6() {
						continue
					}
					if got := w.Judge(&f); got != want {
						rt.Fatalf("%+v: got %+v between other addresses of the same interfaces, want %+v", f, got, want)
					}
				}
			}
		}
	})
}

// TestAPrefixListAdmitsWhatItsEntriesDo writes every list out: the same passes.
// But what a list admits is tracked: without the rules that name one, the same
// is untracked.
func TestAPrefixListAdmitsWhatItsEntriesDo(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		res := drawResources(rt)
		lists := make(map[string][]netip.Prefix)
		for _, l := range res.PrefixLists {
			for _, e := range l.Entries {
				lists[l.ID] = append(lists[l.ID], e.CIDR)
			}
		}
		named := compiled(t, res)
		written := compiled(t, withRules(res, func(r vpc.Rule) []vpc.Rule {
			if r.Peer.PrefixListID == "" {
				return []vpc.Rule{r}
			}
			return byCIDR(r, lists[r.Peer.PrefixListID])
		}))
		dropped := compiled(t, withRules(res, without(func(r vpc.Rule) bool { return r.Peer.PrefixListID != "" })))
		for range 40 {
			p := drawPacket(rt, named)
			got := twoSides(named, &p.Flow)
			admits, tracks := twoSides(written, written.translate(named, p.Flow)), twoSides(dropped, dropped.translate(named, p.Flow))
			for i := range got {
				if got[i].Decision != admits[i].Decision {
					rt.Fatalf("%+v: side %d is %+v with prefix lists, %+v with their entries", p.Flow, i, got[i], admits[i])
				}
				if got[i].Untracked != tracks[i].Untracked {
					rt.Fatalf("%+v: side %d is %+v with prefix lists, %+v without", p.Flow, i, got[i], tracks[i])
				}
			}
		}
	})
}
