package flowlog

import (
	"gvisor.dev/gvisor/pkg/tcpip/header"

	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/flowlog/record"
	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/stack"
	"github.com/sgate/sgate/vpc"
)

// verdict is what is recorded of a packet at each of its ends.
type verdict struct{ egress, ingress record.Action }

// judge returns what an event is to the interfaces at its ends. A record tells
// what security groups and network ACLs have answered there (docs/semantics.md,
// section 8.2), so:
//
//   - What they let pass is ACCEPT at both ends.
//   - What the sender's groups or its subnet's ACL keep in is REJECT there, and
//     nothing at the receiver.
//   - What the receiver's groups or its subnet's ACL keep out is ACCEPT at the
//     sender and REJECT at the receiver.
//   - What they let out and never got to the receiver's interface is ACCEPT at
//     the sender alone: nobody has the address, no hop was left, too large, no
//     room in the flow table or the interface's allowance. AWS documents nothing.
//   - What a device did not take, its queue being full, is ACCEPT at both: its
//     interface was asked.
//   - "Packets arrived after the connection was closed" are REJECT (VPC User
//     Guide, flow log records: action), at the first interface that does not let
//     them pass.
//   - What is dropped before groups are asked is not recorded: malformed packets,
//     the source check, martians, multicast and broadcast, lost fragments.
//   - Nor is what AWS does not record: DNS, metadata, time, licence activation,
//     DHCP, the router's addresses; and neighbour discovery, which stays on the
//     link.
//
// A host outside the VPC has no interface and gets no record.
func judge(e *gateway.Event) verdict {
	v := answered(e)
	if v == (verdict{}) {
		return v
	}
	if !isInterface(e, e.From()) || e.In == nil {
		v.egress = record.NoAction
	}
	if !isInterface(e, e.To()) || e.Out == nil {
		v.ingress = record.NoAction
	}
	return v
}

// answered returns what was answered at each end, be it an interface or not.
func answered(e *gateway.Event) verdict {
	switch e.Reason {
	case gateway.ReasonRule, gateway.ReasonFlow, gateway.ReasonRelated, gateway.ReasonWriteFailed:
		return verdict{record.Accept, record.Accept}
	case gateway.ReasonNoEgressRule, gateway.ReasonNetworkACLEgress:
		return verdict{egress: record.Reject}
	case gateway.ReasonNoIngressRule, gateway.ReasonNetworkACLIngress:
		return verdict{record.Accept, record.Reject}
	case gateway.ReasonNoRoute, gateway.ReasonTTLExceeded, gateway.ReasonTTLAnswered, gateway.ReasonTooBig, gateway.ReasonTooBigAnswered,
		gateway.ReasonFlowTableFull, gateway.ReasonAllowanceExceeded:
		return verdict{egress: record.Accept}
	case gateway.ReasonMidstream:
		if isInterface(e, e.From()) {
			return verdict{egress: record.Reject}
		}
		return verdict{ingress: record.Reject}
	case gateway.ReasonOutOfWindow, gateway.ReasonICMPErrorAboutNothing:
		return asked(e)
	}
	return verdict{}
}

// asked returns the verdict of a packet that was dropped for what one of its ends
// said, where the reason does not tell which. Such packets are few: to ask costs
// as much as a new flow.
func asked(e *gateway.Event) verdict {
	egress, ingress := e.Side(vpc.Egress).Answer, e.Side(vpc.Ingress).Answer
	switch {
	case egress == gateway.SideNotAsked:
		return verdict{}
	case egress == gateway.SideNoRule:
		return verdict{egress: record.Reject}
	case ingress == gateway.SideNoRule:
		return verdict{record.Accept, record.Reject}
	}
	return verdict{egress: record.Accept}
}

func isInterface(e *gateway.Event, end filter.Endpoint) bool {
	return end != filter.NoEndpoint && e.Policy.Kind(end) == filter.KindInterface
}

// pathOf returns the traffic-path of an event's packet. Whatever is outside the
// VPC is taken to be behind its internet gateway.
func pathOf(e *gateway.Event) uint8 {
	switch {
	case e.To() == filter.NoEndpoint:
		return record.PathUnknown
	case isInterface(e, e.To()):
		return record.PathVPC
	}
	return record.PathInternetGateway
}

// flagsOf returns the tcp-flags of a packet, 0 without TCP.
func flagsOf(p *stack.Packet) (flags uint8) {
	f := p.TCPFlags
	if f&header.TCPFlagFin != 0 {
		flags |= record.FIN
	}
	if f&header.TCPFlagRst != 0 {
		flags |= record.RST
	}
	switch f & (header.TCPFlagSyn | header.TCPFlagAck) {
	case header.TCPFlagSyn:
		flags |= record.SYN
	case header.TCPFlagSyn | header.TCPFlagAck:
		flags |= record.SYNACK
	}
	return flags
}

// bytesOf returns the bytes of all the packets that an event stands for, from
// the IP header on. A super-packet becomes several on the wire, each with headers
// of its own, of which it has one.
func bytesOf(e *gateway.Event) uint64 {
	return uint64(e.Bytes + (e.Packets-1)*e.Packet.PayloadStart)
}
