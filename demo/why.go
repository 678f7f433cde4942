package demo

import (
	"fmt"

	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/vpc"
)

// why says which rule decides the attempt's first packet, by asking the very
// policy that the gateway has in force.
func (s *show) why(a attempt) string {
	policy, _ := s.lab.Gateway().Policy()
	from := policy.ByID(s.endpoint(a.from).ID)
	dst := s.address(a.to, a.ipv6)
	flow := filter.Flow{
		From: from, To: policy.Resolve(from, dst),
		Src: s.address(a.from, a.ipv6), Dst: dst,
		Protocol: uint8(vpc.TCP), HasTransport: true,
		SrcPort: 50000, DstPort: a.port, // no rule sees the source port
	}
	verdict := policy.Judge(&flow)
	switch {
	case !verdict.Egress.Passes():
		return fmt.Sprintf("no egress rule of %s", a.from)
	case !verdict.Ingress.Passes():
		return fmt.Sprintf("no ingress rule of %s", a.to)
	}
	decisive := verdict.Ingress
	if decisive.Decision == filter.NotAsked {
		decisive = verdict.Egress
	}
	rule, ok := policy.Rule(decisive.Rule)
	if !ok {
		return "no security groups at either end"
	}
	return describe(policy.Snapshot(), rule)
}

// describe returns a rule such as "app ingress: tcp 8080 from web".
func describe(s *vpc.Snapshot, r vpc.Rule) string {
	group, _ := s.SecurityGroup(r.GroupID)
	return fmt.Sprintf("%s %s: %s", group.Name, r.Direction, s.RuleText(r))
}
