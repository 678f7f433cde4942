package gateway

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sgate/sgate/conntrack"
	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/tun"
	"github.com/sgate/sgate/vpc"
)

// TestViewsFollowDevicesAndPolicies attaches and detaches devices and applies
// policies in any order: a view always has who is attached, and nobody else, by
// slot, by endpoint, by number and by address.
func TestViewsFollowDevicesAndPolicies(t *testing.T) {
	ids := make([]string, 40)
	for i := range ids {
		ids[i] = fmt.Sprintf("eni-%d", i)
	}
	rapid.Check(t, func(rt *rapid.T) {
		w := quiet(rt, fewInterfaces(rt, ids[:20]))
		g := w.gateway
		attached := make(map[string]*Port)
		numbers := make(map[string]uint32)
		rt.Repeat(map[string]func(*rapid.T){
			"attach": func(*rapid.T) {
				for _, id := range rapid.SliceOfNDistinct(rapid.SampledFrom(ids), 1, 20, rapid.ID).Draw(rt, "ids") {
					dev, err := tun.NewMemory(id, DefaultMTU)
					if err != nil {
						rt.Fatal(err)
					}
					p, err := g.Attach(id, dev)
					if (err != nil) != (attached[id] != nil) {
						rt.Fatalf("attach %s: %v", id, err)
					}
					if err != nil {
						_ = dev.Close()
						continue
					}
					attached[id] = p
					if old, ok := numbers[id]; ok && old != p.number {
						rt.Fatalf("%s has number %d, and had %d", id, p.number, old)
					}
					numbers[id] = p.number
				}
			},
			"detach": func(*rapid.T) {
				gone := rapid.SliceOfNDistinct(rapid.SampledFrom(ids), 1, 20, rapid.ID).Draw(rt, "ids")
				unknown := 0
				for _, id := range gone {
					if attached[id] == nil {
						unknown++
					}
					delete(attached, id)
				}
				err := g.Detach(gone...)
				if got := strings.Count(fmt.Sprint(err), "has no device"); got != unknown {
					rt.Fatalf("detach %v: %v, want %d errors", gone, err, unknown)
				}
			},
			"apply": func(*rapid.T) {
				n := rapid.IntRange(0, len(ids)).Draw(rt, "interfaces")
				before, _ := g.Policy()
				if err := g.Apply(filter.Update(before, fewInterfaces(rt, ids[len(ids)-n:]))); err != nil {
					rt.Fatal(err)
				}
			},
			"": func(*rapid.T) { viewHas(rt, g, attached) },
		})
	})
}

// fewInterfaces are resources with an interface for each id.
func fewInterfaces(rt *rapid.T, ids []string) *vpc.Snapshot {
	res := vpc.Resources{
		VPCs:    []vpc.VPC{{ID: theVPC, CIDR: prefix("10.0.0.0/16")}},
		Subnets: []vpc.Subnet{{ID: theSubnet, VPCID: theVPC, CIDR: prefix("10.0.1.0/24")}},
	}
	for i, id := range ids {
		res.Interfaces = append(res.Interfaces, instance(id, []string{fmt.Sprintf("10.0.1.%d", 10+i)}))
	}
	s, err := vpc.New(res)
	if err != nil {
		rt.Fatal(err)
	}
	return s
}

func viewHas(rt *rapid.T, g *Gateway, attached map[string]*Port) {
	v := g.view.Load()
	inSlots := 0
	for slot := range len(v.slots) + 1 {
		a := v.at(slot)
		if a == nil {
			continue
		}
		inSlots++
		p := attached[a.port.id]
		if p != a.port || p.slot != slot || v.numbered(p.number) != p || g.Port(p.id) != p {
			rt.Fatalf("slot %d has %s, which is not there", slot, a.port.id)
		}
		e := v.policy.ByID(p.id)
		if a.endpoint != e || v.portOf(e) != p && e != filter.NoEndpoint {
			rt.Fatalf("%s is endpoint %d, want %d", p.id, a.endpoint, e)
		}
	}
	for number := range uint32(len(v.numbers)) {
		if p := v.numbered(number); p != nil && attached[p.id] != p {
			rt.Fatalf("number %d is of %s, which is not there", number, p.id)
		}
	}
	ports := 0
	for e := range filter.Endpoint(v.policy.Len()) {
		if p := v.portOf(e); p != nil {
			ports++
			if attached[v.policy.ID(e)] != p {
				rt.Fatalf("endpoint %d has a port that is not there", e)
			}
		}
	}
	known := 0
	for id := range attached {
		if nic, ok := v.policy.Snapshot().Interface(id); ok {
			known++
			if v.portAt(0, nic.Addresses[0]) != attached[id] {
				rt.Fatalf("%s is not at its address", id)
			}
		}
	}
	if inSlots != len(attached) || ports != known || len(g.Ports()) != len(attached) {
		rt.Fatalf("%d slots and %d endpoints have ports, want %d and %d", inSlots, ports, len(attached), known)
	}
	if len(v.slots) > 64 {
		rt.Fatalf("%d slots for at most 40 devices: free ones are not used again", len(v.slots))
	}
}

// TestAChangeOfARuleKeepsTheView holds what makes it cheap to apply.
func TestAChangeOfARuleKeepsTheView(t *testing.T) {
	w := tiers(t)
	before := w.g.view.Load()
	next := before.policy.Snapshot().Resources()
	next.SecurityGroups[0].Ingress = append(next.SecurityGroups[0].Ingress[:1:1], rule(vpc.TCP, 81, 81, "0.0.0.0/0"))
	s, err := before.policy.Snapshot().Update(next)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.g.Apply(filter.Update(before.policy, s)); err != nil {
		t.Fatal(err)
	}
	after := w.g.view.Load()
	if &after.slots[0] != &before.slots[0] || &after.ports[0] != &before.ports[0] {
		t.Error("who is attached where was made anew")
	}
	if after.generation != before.generation+1 || after.policy == before.policy {
		t.Errorf("generation %d, want %d", after.generation, before.generation+1)
	}
	w.want("forwarded", "stranger", syn("198.51.100.7:4000", "10.0.1.10:81"))
}

// TestDetachingEndsFlows of those that go, and of nobody else, however long the gateway has run.
func TestDetachingEndsFlows(t *testing.T) {
	w := tiers(t)
	w.pass(30 * 24 * time.Hour)
	w.want("forwarded", "laptop", syn("203.0.113.10:4000", "10.0.1.10:22"))
	w.want("forwarded", "web", syn("10.0.1.10:4000", "10.0.1.20:8080"))
	w.want("forwarded", "app", syn("10.0.1.20:4000", "10.0.1.30:3306"))
	if err := w.g.Detach("laptop", "web"); err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, f := range w.g.FlowInfos() {
		left = append(left, strings.Join(f.Interfaces[:], " to "))
	}
	if got, want := strings.Join(left, ", "), "app to db"; got != want {
		t.Errorf("flows left: %s, want %s", got, want)
	}
	if err := w.g.Detach("db", "db"); err == nil || strings.Count(err.Error(), "has no device") != 1 {
		t.Errorf("detached twice: %v, want one error", err)
	}
}

// TestRevisionsSpareOnlyWhatTheyMay changes rules and memberships of two gateways
// alike, with live flows. In one, only flows are judged anew which the change may
// be about; in the other, all are. The same live on.
func TestRevisionsSpareOnlyWhatTheyMay(t *testing.T) {
	names := []string{"a", "b", "c", "d"}
	rapid.Check(t, func(rt *rapid.T) {
		res := vpc.Resources{
			VPCs:    []vpc.VPC{{ID: theVPC, CIDR: prefix("10.0.0.0/16")}},
			Subnets: []vpc.Subnet{{ID: theSubnet, VPCID: theVPC, CIDR: prefix("10.0.1.0/24")}},
		}
		for i, name := range names {
			res.SecurityGroups = append(res.SecurityGroups, vpc.SecurityGroup{
				ID: "sg-" + name, Name: name, VPCID: theVPC, Egress: everything()[:1], Ingress: []vpc.Rule{rule(vpc.UDP, 1, 3, "a"), rule(vpc.UDP, 3, 4, "10.0.0.0/8")},
			})
			res.Interfaces = append(res.Interfaces, instance(name, []string{fmt.Sprintf("10.0.1.%d", 10+i)}, name))
		}
		s, err := vpc.New(res)
		if err != nil {
			rt.Fatal(err)
		}
		onChange := rapid.SampledFrom([]RuleChange{KeepFlows, RevalidateFlows}).Draw(rt, "on rule change")
		var both [2]*worker
		for i := range both {
			both[i] = quiet(rt, s, names...)
			both[i].gateway.onRuleChange, both[i].gateway.reclassify = onChange, true
		}
		rt.Repeat(map[string]func(*rapid.T){
			"send": func(*rapid.T) {
				// One way only: see TestAChangeEndsNoFlowsOfOthers.
				from := rapid.IntRange(0, 2).Draw(rt, "from")
				to := rapid.IntRange(from+1, 3).Draw(rt, "to")
				packet := udpPacket(fmt.Sprintf("10.0.1.%d:9", 10+from), fmt.Sprintf("10.0.1.%d:%d", 10+to, rapid.IntRange(1, 5).Draw(rt, "port")))
				if got, want := both[0].fateOf(names[from], packet), both[1].fateOf(names[from], packet); got != want {
					rt.Fatalf("%s sends %s: %s, want %s", names[from], describe(packet), got, want)
				}
			},
			"change": func(*rapid.T) {
				next := s.Resources()
				if rapid.Bool().Draw(rt, "rules") {
					g := &next.SecurityGroups[rapid.IntRange(0, 3).Draw(rt, "group")]
					from := int32(rapid.IntRange(1, 4).Draw(rt, "port"))
					g.Ingress = []vpc.Rule{rule(vpc.UDP, from, from+1, rapid.SampledFrom(append(names, "0.0.0.0/0")).Draw(rt, "peer"))}
				} else {
					nic := &next.Interfaces[rapid.IntRange(0, 3).Draw(rt, "interface")]
					nic.GroupIDs = []string{"sg-" + rapid.SampledFrom(names).Draw(rt, "membership")}
				}
				if s, err = s.Update(next); err != nil {
					rt.Fatal(err)
				}
				before, _ := both[0].gateway.Policy()
				if err := both[0].gateway.Apply(filter.Update(before, s)); err != nil {
					rt.Fatal(err)
				}
				if err := both[1].gateway.Apply(filter.Compile(s)); err != nil {
					rt.Fatal(err)
				}
				if rulesDiffer(before.Snapshot(), s) {
					reviseAll(both[1])
				}
				if got, want := trackedFlows(both[0]), trackedFlows(both[1]); got != want {
					rt.Fatalf("after a change there are %d tracked ends of flows, want %d", got, want)
				}
			},
		})
	})
}

// reviseAll judges every flow anew, whatever has changed.
func reviseAll(w *worker) {
	v := w.gateway.view.Load()
	w.gateway.flows.Revise(0, func(f *conntrack.Flow, sides *[2]conntrack.SideState) bool {
		if sides[conntrack.Low] != conntrack.Tracked && sides[conntrack.High] != conntrack.Tracked {
			return true
		}
		return w.gateway.revise(v, f, sides)
	})
}

// TestAChangeEndsNoFlowsOfOthers has a flow that each end has opened for itself,
// so that the receiver of its first packet would not let it open. A change that
// is about neither of them is no reason to end it.
func TestAChangeEndsNoFlowsOfOthers(t *testing.T) {
	w := tiersWith(t, Options{OnRuleChange: RevalidateFlows})
	there, back := udpPacket("10.0.1.10:5", "10.0.1.20:7"), udpPacket("10.0.1.20:7", "10.0.1.10:5")
	w.want("no_ingress_rule", "web", there) // and web waits for an answer
	w.want("forwarded", "app", back)        // as app now does
	w.want("forwarded", "web", there)
	w.group("db").Ingress = nil
	w.apply()
	w.want("forwarded", "web", there)
	w.want("forwarded", "app", back)
	w.group("app").Ingress = []vpc.Rule{rule(vpc.UDP, 53, 53, "web")}
	w.apply()
	w.want("no_ingress_rule", "web", there)
}

// trackedFlows counts the ends that track a flow.
func trackedFlows(w *worker) (n int) {
	w.gateway.flows.Revise(0, func(_ *conntrack.Flow, sides *[2]conntrack.SideState) bool {
		for _, state := range sides {
			if state == conntrack.Tracked {
				n++
			}
		}
		return true
	})
	return n
}

// TestSameSets compares lists as sets.
func TestSameSets(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"", "", true}, {"x", "", false}, {"x y", "x y", true}, {"x y", "y x", true}, {"x y", "x z", false}, {"x x y", "y x", true}, {"x y", "x y z", false},
	} {
		if got := sameSet(strings.Fields(c.a), strings.Fields(c.b), itself); got != c.want {
			t.Errorf("%q and %q: %t, want %t", c.a, c.b, got, c.want)
		}
	}
}
