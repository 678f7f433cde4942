package daemon

import (
	gocmp "cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/gopacket/gopacket/layers"

	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/vpc"
)

// list asks for flows.
func (w *world) list(r control.FlowsRequest) (flows []control.Flow, matched int) {
	w.t.Helper()
	matched, err := w.client.Flows(w.t.Context(), r, func(f control.Flow) error {
		flows = append(flows, f)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return flows, matched
}

func TestListFlows(t *testing.T) {
	w := withFlows(t)
	w.send("db", "10.0.1.20", "10.0.1.10", udp(53, 3306)) // answers the third
	for range 3 {
		w.send("db", "10.0.1.20", "203.0.113.10", udp(5000, 123))
	}
	flows := everyFlow
	limit := control.MaxListedFlows
	for _, c := range []struct {
		name    string
		request control.FlowsRequest
		want    []string
		matched int
	}{
		{"all, the oldest first", control.FlowsRequest{Limit: limit}, flows, 9},
		{"a few", control.FlowsRequest{Limit: 2}, flows[:2], 9},
		{"some in a state", control.FlowsRequest{States: []string{"answered"}, Limit: limit}, flows[2:3], 1},
		{"in two states", control.FlowsRequest{States: []string{"ANSWERED", "Syn_Sent"}, Limit: limit}, []string{flows[0], flows[1], flows[2], flows[3], flows[6]}, 5},
		{"in none", control.FlowsRequest{States: []string{"CLOSED"}, Limit: limit}, nil, 0},
		{"by a filter", control.FlowsRequest{FlowFilter: control.FlowFilter{VPC: "blue", To: "db", Port: 3306}, Limit: 1}, flows[:1], 2},
		{"the most packets", control.FlowsRequest{Sort: control.SortPackets, Limit: 2}, []string{flows[7], flows[2]}, 9},
		{"the most bytes", control.FlowsRequest{Sort: control.SortBytes, Limit: 3}, []string{flows[7], flows[3], flows[2]}, 9},
		{"the soonest end", control.FlowsRequest{Sort: control.SortExpires, FlowFilter: control.FlowFilter{Protocol: "udp"}, Limit: limit}, []string{flows[8], flows[2], flows[7]}, 3},
	} {
		got, matched := w.list(c.request)
		if diff := cmp.Diff(c.want, shorts(got), cmpopts.EquateEmpty()); diff != "" || matched != c.matched {
			t.Errorf("%s: matched %d, want %d (-want +got):\n%s", c.name, matched, c.matched, diff)
		}
	}
	got, matched := w.list(control.FlowsRequest{}) // all, in no order
	all := shorts(got)
	slices.Sort(all)
	if want := slices.Sorted(slices.Values(flows)); !slices.Equal(all, want) || matched != 9 {
		t.Errorf("in no order: matched %d, %q", matched, all)
	}
	for _, f := range got {
		if short(f) == flows[7] && (f.From.Packets != 4 || f.From.Bytes != 4*28 || f.To.Packets != 0) {
			t.Errorf("%+v", f)
		}
	}
	_, err := w.client.Flows(t.Context(), control.FlowsRequest{States: []string{"open"}}, nil)
	if err == nil || !strings.Contains(err.Error(), `no state "open"; there are: SYN_SENT, SYN_RECEIVED,`) || !strings.Contains(err.Error(), "ASKED") {
		t.Errorf("an unknown state: %v", err)
	}
	if _, err = w.client.Flows(t.Context(), control.FlowsRequest{FlowFilter: control.FlowFilter{Instance: "nobody"}}, nil); err == nil {
		t.Error("an unknown instance is none")
	}
}

// TestRuleOfAFlow holds that a flow names its rule in words as long as there is
// one, and by its id for as long as it lives.
func TestRuleOfAFlow(t *testing.T) {
	w := withFlows(t)
	request := control.FlowsRequest{FlowFilter: control.FlowFilter{From: "app", To: "db", Protocol: "udp"}, Limit: 1}
	flows, _ := w.list(request)
	before := flows[0].Ingress
	if before.RuleID != w.rule("db", vpc.Ingress, 0) || before.Group != "db" || before.Rule != "all traffic from group app" {
		t.Errorf("%+v", before)
	}
	w.apply(strings.Replace(twoVPCs, "ingress: [{type: All traffic, source: app}]", "ingress: []", 1))
	flows, _ = w.list(request)
	if diff := cmp.Diff(control.RuleRef{RuleID: before.RuleID}, flows[0].Ingress); diff != "" {
		t.Errorf("after the rule was removed (-want +got):\n%s", diff)
	}
}

// TestFirst holds it against sorting all.
func TestFirst(t *testing.T) {
	for n := range 40 {
		var flows []gateway.FlowInfo
		for i := range n {
			flows = append(flows, gateway.FlowInfo{
				Bytes: [2]uint64{uint64(i * 7919 % 31), 1}, Packets: [2]uint64{1, uint64(i * 31 % 7)},
				Expires: int64(i * 17 % 13), Created: int64(i * 7919 % 41),
			})
		}
		for by, less := range map[string]func(a, b gateway.FlowInfo) int{
			control.SortAge:     func(_, _ gateway.FlowInfo) int { return 0 },
			control.SortBytes:   func(a, b gateway.FlowInfo) int { return gocmp.Compare(b.Bytes[0], a.Bytes[0]) },
			control.SortPackets: func(a, b gateway.FlowInfo) int { return gocmp.Compare(b.Packets[1], a.Packets[1]) },
			control.SortExpires: func(a, b gateway.FlowInfo) int { return gocmp.Compare(a.Expires, b.Expires) },
		} {
			want := slices.SortedFunc(slices.Values(flows), func(a, b gateway.FlowInfo) int {
				return gocmp.Or(less(a, b), gocmp.Compare(a.Created, b.Created))
			})
			for limit := 1; limit < 12; limit++ {
				var got []gateway.FlowInfo
				for f := range first(limit, by, pointers(flows)) {
					got = append(got, *f)
				}
				if diff := cmp.Diff(want[:min(limit, n)], got, cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
					t.Fatalf("%d of %d by %s (-want +got):\n%s", limit, n, by, diff)
				}
			}
		}
	}
}

// pointers yields flows as Flows does: in one and the same place.
func pointers(flows []gateway.FlowInfo) iter.Seq[*gateway.FlowInfo] {
	return func(yield func(*gateway.FlowInfo) bool) {
		var f gateway.FlowInfo
		for _, f = range flows {
			if !yield(&f) {
				return
			}
		}
	}
}

// TestListEndsWithItsReader holds that no more flows are looked at than are taken.
func TestListEndsWithItsReader(t *testing.T) {
	w := newWorld(t, twoVPCs)
	for i := range flowLines + 1 {
		w.send("app", "10.0.1.10", "10.0.1.20", udp(1, layers.UDPPort(1000+i)))
	}
	calls, gone := 0, errors.New("gone")
	err := backend{gateway: w.g}.Flows(context.Background(), control.FlowsRequest{}, func(...control.FlowLine) error {
		calls++
		return gone
	})
	if calls != 1 || err != gone {
		t.Errorf("%d calls, %v", calls, err)
	}
}

func BenchmarkListFlows(b *testing.B) {
	flows := make([]gateway.FlowInfo, 1_000_000)
	for i := range flows {
		flows[i] = gateway.FlowInfo{Created: int64(i * 7919 % len(flows)), Bytes: [2]uint64{uint64(i * 104729 % len(flows))}}
	}
	for _, by := range control.FlowOrders() {
		b.Run(fmt.Sprintf("the first %d of a million by %s", control.MaxListedFlows, by), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for range first(control.MaxListedFlows, by, pointers(flows)) {
				}
			}
		})
	}
}
