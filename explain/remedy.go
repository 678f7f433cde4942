package explain

import (
	"context"
	"fmt"
	"slices"

	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/vpc"
)

// remedy is a remedy and what it makes of resources.
type remedy struct {
	control.Remedy
	apply func(*vpc.Resources)
}

// maxRemedies is more than any packet and its reply can meet: two groups, two
// ACLs on each way, and the source check.
const maxRemedies = 8

// addRemedies finds what to add so that the packet and its reply pass. Each
// remedy is put into a model of the gateway, where the packet is tried again:
// what stands in its way then is next. What a machine sends to itself needs none.
func (a *answer) addRemedies(ctx context.Context) error {
	if a.toItself() {
		return nil
	}
	at := a
	for range maxRemedies {
		if err := ctx.Err(); err != nil {
			return err
		}
		r := at.nextRemedy()
		if r == nil {
			break
		}
		then, err := at.with(r)
		if err != nil {
			a.Notes = append(a.Notes, fmt.Sprintf("%s cannot be added: %v", r.Text, err))
			break
		}
		if !then.isPast(at) {
			break // it did not help
		}
		a.Remedies = append(a.Remedies, r.Remedy)
		at = then
	}
	a.RemediesSuffice = at != a && at.Allowed() && at.replyBlock() == (control.ExplainedACL{})
	if at != a && !at.Allowed() {
		a.Notes = append(a.Notes, fmt.Sprintf("with that added, it would be dropped by %s: %s", at.Reason, at.Meaning))
	}
	return nil
}

// isPast reports whether a packet gets further than it did before.
func (a *answer) isPast(before *answer) bool {
	if a.Reason != before.Reason {
		return true
	}
	return a.Allowed() && a.replyBlock() != before.replyBlock()
}

// nextRemedy returns what to add against what stands in the way first, nil if
// nothing does or nothing can be done about it.
func (a *answer) nextRemedy() *remedy {
	switch a.trial.Reason {
	case gateway.ReasonNoEgressRule:
		return a.groupRemedy(vpc.Egress)
	case gateway.ReasonNoIngressRule:
		return a.groupRemedy(vpc.Ingress)
	case gateway.ReasonNetworkACLEgress, gateway.ReasonNetworkACLIngress:
		return a.aclRemedy(&a.flow, &a.NetworkACLs[len(a.NetworkACLs)-1], false)
	case gateway.ReasonSourceCheck:
		return a.sourceCheckRemedy()
	}
	if block := a.replyBlock(); a.Allowed() && block != (control.ExplainedACL{}) {
		reply, _ := replyTo(a.trial.Packet, a.flow)
		return a.aclRemedy(&reply, &block, true)
	}
	return nil
}

// replyBlock returns the network ACL that would drop the reply.
func (a *answer) replyBlock() control.ExplainedACL {
	if n := len(a.Reply); n > 0 && a.Reply[n-1].Action == actionDeny {
		return a.Reply[n-1]
	}
	return control.ExplainedACL{}
}

// with returns the answer that there would be with a remedy.
func (a *answer) with(r *remedy) (*answer, error) {
	res := a.snapshot.Resources()
	r.apply(&res)
	next, err := a.snapshot.Update(res)
	if err != nil {
		return nil, err
	}
	// What else a gateway is told bears on no packet that opens a flow.
	model, err := gateway.NewModel(filter.Update(a.policy, next), gateway.Options{MaxFlows: 1}, a.question.hasDevice)
	if err != nil {
		return nil, err
	}
	q := *a.question
	q.notes = nil
	t, err := q.try(model)
	if err != nil {
		return nil, err
	}
	return newAnswer(&q, &t), nil
}

// sourceCheckRemedy lets the sender forward for others.
func (a *answer) sourceCheckRemedy() *remedy {
	nic, ok := a.snapshot.Interface(a.From.ID)
	if !ok {
		return nil
	}
	return &remedy{
		Remedy: control.Remedy{
			Kind: control.RemedySourceCheck, ID: nic.ID, Name: nic.Name, Place: nic.Origin.String(),
			Choice: control.Choice{
				Text:   "switch off the source/destination check of instance " + nameOr(nic.Name, nic.ID),
				Config: "source_dest_check: false",
				AWS:    fmt.Sprintf("aws ec2 modify-network-interface-attribute --network-interface-id %s --no-source-dest-check", nic.ID),
			},
			Caution: "it may then send from any address",
		},
		apply: func(res *vpc.Resources) {
			i := slices.IndexFunc(res.Interfaces, func(n vpc.NetworkInterface) bool { return n.ID == nic.ID })
			res.Interfaces[i].SourceDestCheck = false
		},
	}
}
