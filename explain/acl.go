package explain

import (
	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/vpc"
)

// What an entry of a network ACL does.
const (
	actionAllow = "allow"
	actionDeny  = "deny"
)

// askedACLs reports whether the packet came so far that the network ACLs on its
// way were asked: past the sender's security groups.
func (a *answer) askedACLs() bool {
	switch a.trial.Reason {
	case gateway.ReasonNetworkACLEgress, gateway.ReasonNetworkACLIngress:
		return true
	}
	return a.trial.Side(vpc.Ingress).Answer != gateway.SideNotAsked
}

// acls asks the network ACLs on a flow's way, as the data path does: that of the
// subnet which it leaves, and unless that denies it that of the one it enters.
func (a *answer) acls(f *filter.Flow) []control.ExplainedACL {
	out := []control.ExplainedACL{}
	if !a.policy.HasACL(f.From, f.To) {
		return out
	}
	egress := a.policy.ACLEgress(f)
	if egress.Decision != filter.NotAsked {
		out = append(out, a.acl(egress, f.From))
	}
	if !egress.Passes() {
		return out
	}
	if ingress := a.policy.ACLIngress(f); ingress.Decision != filter.NotAsked {
		out = append(out, a.acl(ingress, f.To))
	}
	return out
}

// acl describes an ACL's answer about an end's subnet.
func (a *answer) acl(side filter.ACLSide, e filter.Endpoint) control.ExplainedACL {
	entry, id, _ := a.policy.ACLEntry(side.Entry)
	acl, _ := a.snapshot.NetworkACL(id)
	nic, _ := a.snapshot.Interface(a.policy.ID(e))
	return control.ExplainedACL{
		ID: id, Name: nameOr(acl.Name, id), Subnet: a.subnetName(nic.SubnetID), SubnetID: nic.SubnetID,
		Direction: entry.Direction.String(), Action: action(entry.Allow), EntryNumber: entry.Number,
		Entry: entryText(entry), Origin: entry.Origin.String(),
	}
}

func action(allow bool) string {
	if allow {
		return actionAllow
	}
	return actionDeny
}

// entryText describes an entry: the last one, which stands in no configuration,
// as "* deny what no other entry allows".
func entryText(e vpc.NetworkACLEntry) string {
	if e.Number > vpc.MaxNetworkACLEntryNumber {
		return "* deny what no other entry allows"
	}
	return e.String()
}

// nameOr returns a name, or the id of what has none.
func nameOr(name, id string) string {
	if name == "" {
		return id
	}
	return name
}
