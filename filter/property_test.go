package filter

import (
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/sgate/sgate/vpc"
)

// TestPolicyAgreesWithTheUserGuide holds the compiled policy against the naive
// reading, on random worlds.
func TestPolicyAgreesWithTheUserGuide(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := compiled(t, drawResources(rt))
		twin := naive{w.Snapshot()}
		for range 40 {
			p := drawPacket(rt, w)
			agree := func(side string, got Side, own, peer *vpc.NetworkInterface, d vpc.Direction, addr netip.Addr) {
				if own == nil {
					if got != (Side{Decision: NotAsked, Rule: NoRule}) {
						rt.Fatalf("%s of %+v: got %+v of a machine without groups", side, p.Flow, got)
					}
					return
				}
				admit, untracked := twin.side(d, p, own, peer, addr)
				if got.Passes() != (len(admit) > 0) || got.Untracked != untracked {
					rt.Fatalf("%s of %+v: got %+v (%s), want untracked %t, admitted by %v", side, p.Flow, got, w.decider(got), untracked, admit)
				}
				if !got.Passes() {
					return
				}
				named, _ := w.Rule(got.Rule)
				among := slices.ContainsFunc(admit, func(r vpc.Rule) bool { return r.ID == named.ID })
				if !among || narrowest([]vpc.Rule{named}) != narrowest(admit) {
					rt.Fatalf("%s of %+v: named %v, want one of the narrowest of %v", side, p.Flow, named, admit)
				}
			}
			agree("egress", w.Egress(&p.Flow), p.from, p.to, vpc.Egress, p.Dst)
			agree("ingress", w.Ingress(&p.Flow), p.to, p.from, vpc.Ingress, p.Src)
			if v := w.Judge(&p.Flow); v.Allowed() != (w.Egress(&p.Flow).Passes() && w.Ingress(&p.Flow).Passes()) {
				rt.Fatalf("%+v: the verdict %+v is not what its sides say", p.Flow, v)
			}
		}
	})
}

// TestPermutedWorldsJudgeAlike shuffles every list of a world.
func TestPermutedWorldsJudgeAlike(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		res := drawResources(rt)
		a := compiled(t, res)
		shuffled := vpc.Resources{
			VPCs: rapid.Permutation(res.VPCs).Draw(rt, "vpcs"), Subnets: rapid.Permutation(res.Subnets).Draw(rt, "subnets"),
			SecurityGroups: rapid.Permutation(res.SecurityGroups).Draw(rt, "groups"), PrefixLists: rapid.Permutation(res.PrefixLists).Draw(rt, "lists"),
			Interfaces: rapid.Permutation(res.Interfaces).Draw(rt, "interfaces"), Hosts: rapid.Permutation(res.Hosts).Draw(rt, "hosts"),
			NetworkACLs: rapid.Permutation(res.NetworkACLs).Draw(rt, "acls"), Quotas: res.Quotas,
		}
		for i := range shuffled.SecurityGroups {
			g := &shuffled.SecurityGroups[i]
			g.Ingress, g.Egress = rapid.Permutation(g.Ingress).Draw(rt, "ingress"), rapid.Permutation(g.Egress).Draw(rt, "egress")
		}
		for i := range shuffled.Interfaces {
			n := &shuffled.Interfaces[i]
			n.GroupIDs = rapid.Permutation(n.GroupIDs).Draw(rt, "memberships")
		}
		for i := range shuffled.NetworkACLs {
			a := &shuffled.NetworkACLs[i]
			a.Entries, a.SubnetIDs = rapid.Permutation(a.Entries).Draw(rt, "entries"), rapid.Permutation(a.SubnetIDs).Draw(rt, "subnets")
		}
		b := compiled(t, shuffled)
		for range 40 {
			p := drawPacket(rt, a)
			q := b.translate(a, p.Flow)
			if got, want := b.Judge(q), a.Judge(&p.Flow); got != want {
				rt.Fatalf("%+v: got %+v after the lists were shuffled, want %+v", p.Flow, got, want)
			}
			if got, want := [2]ACLSide{b.ACLEgress(q), b.ACLIngress(q)}, [2]ACLSide{a.ACLEgress(&p.Flow), a.ACLIngress(&p.Flow)}; got != want {
				rt.Fatalf("%+v: network ACLs say %+v after the lists were shuffled, want %+v", p.Flow, got, want)
			}
		}
	})
}
