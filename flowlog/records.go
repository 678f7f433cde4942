package flowlog

import (
	"cmp"
	"net/netip"

	"github.com/sgate/sgate/flowlog/record"
	"github.com/sgate/sgate/vpc"
)

// recordKey is what makes two packets part of the same record: one flow, one
// direction, one interface, one action.
type recordKey struct {
	interfaceID      string
	src, dst         netip.Addr
	srcPort, dstPort uint16
	protocol         uint8
	direction        vpc.Direction
	action           record.Action
}

// sum is a record that grows.
type sum struct {
	nic            *nic
	packets, bytes uint64
	flags, path    uint8
	span
}

// span is from one Unix second to another.
type span struct{ start, end int64 }

// and returns the span that has both.
func (s span) and(other span) span {
	return span{min(s.start, other.start), max(s.end, other.end)}
}

// entry is a record on its way out.
type entry struct {
	recordKey
	*sum
}

// record returns an entry as it is written.
func (e entry) record(p Place) record.Record {
	out := p.recordOf(e.nic, e.span)
	out.Direction, out.Action = e.direction, e.action
	out.Src, out.Dst, out.PktSrc, out.PktDst = e.src, e.dst, e.src, e.dst
	if e.direction == vpc.Egress {
		out.Src = e.nic.shown(e.src)
	} else {
		out.Dst = e.nic.shown(e.dst)
	}
	out.SrcPort, out.DstPort, out.Protocol = e.srcPort, e.dstPort, e.protocol
	out.Packets, out.Bytes, out.TCPFlags = e.packets, e.bytes, e.flags
	if e.action == record.Accept {
		out.TrafficPath = e.path // what is kept in takes none
	}
	return out
}

// recordOf returns what all records of an interface say of it.
func (p Place) recordOf(n *nic, during span) record.Record {
	return record.Record{
		AccountID: p.AccountID, Region: p.Region, ZoneID: p.ZoneID,
		InterfaceID: n.id, VPCID: n.vpcID, SubnetID: n.subnetID, InstanceID: n.instanceID,
		Start: during.start, End: during.end,
	}
}

// inOrder compares entries by time, then by interface, then by flow, so that the
// order of the lines does not depend on chance.
func inOrder(a, b entry) int {
	return cmp.Or(
		cmp.Compare(a.start, b.start), cmp.Compare(a.end, b.end), cmp.Compare(a.interfaceID, b.interfaceID),
		cmp.Compare(a.direction, b.direction), a.src.Compare(b.src), a.dst.Compare(b.dst),
		cmp.Compare(a.protocol, b.protocol), cmp.Compare(a.srcPort, b.srcPort), cmp.Compare(a.dstPort, b.dstPort),
		cmp.Compare(a.action, b.action),
	)
}
