package store

import (
	"slices"

	"github.com/sgate/sgate/vpc"
)

// records has what the API owns of one kind, in the order in which it came.
type records[T any] struct {
	items []T
	idOf  func(*T) string
}

func (r *records[T]) index(id string) int {
	return slices.IndexFunc(r.items, func(x T) bool { return r.idOf(&x) == id })
}

func (r *records[T]) put(x T) {
	if i := r.index(r.idOf(&x)); i >= 0 {
		r.items[i] = x
		return
	}
	r.items = append(r.items, x)
}

func (r *records[T]) delete(id string) {
	if i := r.index(id); i >= 0 {
		r.items = slices.Delete(r.items, i, i+1)
	}
}

// own is all that the API owns, whether in force or not.
type own struct {
	vpcs       records[vpc.VPC]
	subnets    records[vpc.Subnet]
	groups     records[vpc.SecurityGroup]
	lists      records[vpc.PrefixList]
	acls       records[vpc.NetworkACL]
	interfaces records[vpc.NetworkInterface]
	instances  records[vpc.Instance]
	tags       records[vpc.TagSet]
	attached   records[Attached]
	flowLogs   records[FlowLog]
	tokens     records[Token]
}

// Attached is the security groups that the API has given an interface of the file.
type Attached struct {
	InterfaceID string
	GroupIDs    []string
}

func newOwn() own {
	return own{
		vpcs:       records[vpc.VPC]{idOf: idOfVPC},
		subnets:    records[vpc.Subnet]{idOf: idOfSubnet},
		groups:     records[vpc.SecurityGroup]{idOf: idOfGroup},
		lists:      records[vpc.PrefixList]{idOf: idOfList},
		acls:       records[vpc.NetworkACL]{idOf: idOfACL},
		interfaces: records[vpc.NetworkInterface]{idOf: idOfInterface},
		instances:  records[vpc.Instance]{idOf: idOfInstance},
		tags:       records[vpc.TagSet]{idOf: idOfTags},
		attached:   records[Attached]{idOf: idOfAttached},
		flowLogs:   records[FlowLog]{idOf: idOfFlowLog},
		tokens:     records[Token]{idOf: idOfToken},
	}
}

func idOfVPC(x *vpc.VPC) string                    { return x.ID }
func idOfSubnet(x *vpc.Subnet) string              { return x.ID }
func idOfGroup(x *vpc.SecurityGroup) string        { return x.ID }
func idOfList(x *vpc.PrefixList) string            { return x.ID }
func idOfACL(x *vpc.NetworkACL) string             { return x.ID }
func idOfInterface(x *vpc.NetworkInterface) string { return x.ID }
func idOfInstance(x *vpc.Instance) string          { return x.ID }
func idOfTags(x *vpc.TagSet) string                { return x.ResourceID }
func idOfAttached(x *Attached) string              { return x.InterfaceID }
func idOfFlowLog(x *FlowLog) string                { return x.ID }
func idOfToken(x *Token) string                    { return x.Key }

func (o *own) empty() bool {
	return len(o.vpcs.items) == 0 && len(o.subnets.items) == 0 && len(o.groups.items) == 0 && len(o.lists.items) == 0 &&
		len(o.acls.items) == 0 && len(o.interfaces.items) == 0 && len(o.instances.items) == 0 && len(o.tags.items) == 0 &&
		len(o.attached.items) == 0 && len(o.flowLogs.items) == 0
}
