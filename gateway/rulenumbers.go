package gateway

import (
	"sync"

	"github.com/sgate/sgate/filter"
)

// ruleNumbers gives rules the numbers that flow entries know them by, from 1 on.
// A number is never another rule's, so that a flow names the rule that let it in
// also when that has gone.
type ruleNumbers struct {
	mu      sync.Mutex
	numbers map[string]uint32 // by id
	ids     []string          // by number, from 1 on
}

// of returns the number of a policy's rule, 0 for filter.NoRule.
func (n *ruleNumbers) of(p *filter.Policy, r filter.Rule) uint32 {
	rule, ok := p.Rule(r)
	if !ok {
		return 0
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if number, known := n.numbers[rule.ID]; known {
		return number
	}
	if n.numbers == nil {
		n.numbers = make(map[string]uint32)
	}
	n.ids = append(n.ids, rule.ID)
	number := uint32(len(n.ids))
	n.numbers[rule.ID] = number
	return number
}

// id returns the id of the rule with that number, "" if there is none.
func (n *ruleNumbers) id(number uint32) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if number == 0 || int64(number) > int64(len(n.ids)) {
		return ""
	}
	return n.ids[number-1]
}
