package watch

import (
	"testing"

	"github.com/sgate/sgate/gateway"
)

// TestWants: a ring is not asked about what its filter leaves out.
func TestWants(t *testing.T) {
	for name, c := range map[string]struct {
		filter Filter
		wants  map[gateway.Reason]bool
	}{
		"everything": {Filter{}, map[gateway.Reason]bool{gateway.ReasonFlow: true, gateway.ReasonNoIngressRule: true, gateway.ReasonRouterAddress: true}},
		"drops": {Filter{Fates: []gateway.Fate{gateway.Dropped}},
			map[gateway.Reason]bool{gateway.ReasonFlow: false, gateway.ReasonNoIngressRule: true, gateway.ReasonWriteFailed: true, gateway.ReasonRouterAddress: false}},
		"one reason": {Filter{Reasons: []gateway.Reason{gateway.ReasonNoRoute}},
			map[gateway.Reason]bool{gateway.ReasonNoRoute: true, gateway.ReasonNoIngressRule: false}},
		"a reason of another fate": {Filter{Reasons: []gateway.Reason{gateway.ReasonFlow}, Fates: []gateway.Fate{gateway.Dropped}},
			map[gateway.Reason]bool{gateway.ReasonFlow: false, gateway.ReasonNoRoute: false}},
	} {
		ring := New(c.filter, 1)
		for reason, want := range c.wants {
			if got := ring.Wants(reason); got != want {
				t.Errorf("%s: %v: %v, want %v", name, reason, got, want)
			}
		}
	}
}
