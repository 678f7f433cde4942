package gateway

import (
	"slices"
	"sync"

	"github.com/sgate/sgate/conntrack"
	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/internal/background"
)

// A packet that opens a flow passes by the first rule that is found to admit it.
// Which one is the narrowest takes up to five times as long to find, and most flows
// end before anybody asks. So a new flow notes under which policy it was opened,
// and is given its rules' names by that policy when somebody asks, or, once the
// policy is replaced, in the background. Policies are kept until then.

// unnamed is what a flow has in the place of its rules until then.
func unnamed(generation uint64) uint32 { return isUnnamed | uint32(generation)&(isUnnamed-1) }

const isUnnamed = 1 << 31

// maxReplaced is how many replaced policies are kept for flows without names. Of
// flows under an older one it is not known any more which rules let them in.
const maxReplaced = 16

// naming gives flows their rules' names.
type naming struct {
	mu       sync.Mutex
	replaced []*view // policies that flows may still need, the oldest first
	retiring *view   // what is being replaced; packets may still be judged by it
	wake     chan struct{}
}

// retire keeps a view's policy, which is about to be replaced, so that its flows can
// be named at any moment.
func (n *naming) retire(v *view) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.retiring = &view{policy: v.policy, generation: v.generation}
}

// replace has what was retired kept until its flows have names. There will be no more
// of them.
func (n *naming) replace() {
	n.mu.Lock()
	if n.retiring.policy != nil {
		n.replaced = append(n.replaced, n.retiring)
	}
	if n.retiring = nil; len(n.replaced) > maxReplaced {
		n.replaced = slices.Delete(n.replaced, 0, 1)
	}
	n.mu.Unlock()
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// oldest returns the first that is left, or nil.
func (n *naming) oldest() *view {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.replaced) == 0 {
		return nil
	}
	return n.replaced[0]
}

// under returns the policy that flows with that mark were opened under, nil if it
// is not kept.
func (n *naming) under(mark uint32) *filter.Policy {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, v := range n.replaced {
		if unnamed(v.generation) == mark {
			return v.policy
		}
	}
	if v := n.retiring; v != nil && unnamed(v.generation) == mark {
		return v.policy
	}
	return nil
}

func (n *naming) done(v *view) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.replaced = slices.DeleteFunc(n.replaced, func(other *view) bool { return other == v })
}

// nameFlows gives names to the flows of replaced policies, until the gateway is
// closed.
func (g *Gateway) nameFlows() {
	for {
		select {
		case <-g.naming.wake:
			_ = background.Do(g.nameReplaced) // there and not for good, so that Close need not wait for a slow thread
		case <-g.ending:
			return
		}
	}
}

// nameReplaced gives names to the flows of the policies that are replaced by now.
func (g *Gateway) nameReplaced() error {
	for v := g.naming.oldest(); v != nil; v = g.naming.oldest() {
		g.flows.ReplaceRules(g.now(), unnamed(v.generation), func(f *conntrack.Flow) (by [2]uint32, goesOn bool) {
			return g.nameUnder(v.policy, f), !g.isEnding()
		})
		g.naming.done(v)
	}
	return nil
}

// isEnding reports whether the gateway is being closed.
func (g *Gateway) isEnding() bool {
	select {
	case <-g.ending:
		return true
	default:
		return false
	}
}

// nameUnder returns the numbers, by end, of the rules that let a flow in under a
// policy: of its opener's egress and of the other end's ingress.
func (g *Gateway) nameUnder(p *filter.Policy, f *conntrack.Flow) (numbers [2]uint32) {
	flow, known := g.view.Load().openedBy(p, f)
	if !known {
		return numbers
	}
	opener := f.Origin()
	numbers[opener] = g.ruleNumbers.of(p, p.Egress(&flow).Rule)
	numbers[opener.Opposite()] = g.ruleNumbers.of(p, p.Ingress(&flow).Rule)
	return numbers
}

// rulesOf returns the ids, by end, of the rules that let a flow in. known is as with
// numbersOf.
func (g *Gateway) rulesOf(f *conntrack.Flow) (ids [2]string, known bool) {
	numbers, known := g.numbersOf(f)
	for end, number := range numbers {
		ids[end] = g.ruleNumbers.id(number)
	}
	return ids, known
}

// numbersOf returns the numbers, by end, of the rules that let a flow in. known is
// false if the policy that they are to be named by is not kept.
func (g *Gateway) numbersOf(f *conntrack.Flow) (numbers [2]uint32, known bool) {
	known = true
	var of uint32 // the mark that named is for
	var named [2]uint32
	for end := range numbers {
		mark := f.Rule(conntrack.End(end))
		switch {
		case mark&isUnnamed == 0:
			numbers[end] = mark
			continue
		case mark != of:
			of, named = mark, [2]uint32{}
			if p := g.openedUnder(mark); p != nil {
				named = g.nameUnder(p, f)
			} else {
				known = false
			}
		}
		numbers[end] = named[end]
	}
	return numbers, known
}

// name gives a live flow, whose shard is locked, its rules' numbers if they are known,
// so that who asks next finds them, and returns them by end.
func (g *Gateway) name(shard *conntrack.Shard, live *conntrack.Entry, now int64) [2]uint32 {
	flow := shard.Flow(live, now)
	numbers, known := g.numbersOf(&flow)
	if known {
		shard.SetRule(live, conntrack.Low, numbers[conntrack.Low])
		shard.SetRule(live, conntrack.High, numbers[conntrack.High])
	}
	return numbers
}

// openedUnder returns the policy that flows with that mark were opened under, nil if
// it is not kept.
func (g *Gateway) openedUnder(mark uint32) *filter.Policy {
	// What is in force comes first: it is kept before it is replaced.
	if v := g.view.Load(); unnamed(v.generation) == mark {
		return v.policy
	}
	return g.naming.under(mark)
}
