// Package record is the form of AWS's VPC Flow Logs: which fields a record may
// have, and how it is written. What goes into the fields is for package flowlog
// to say.
//
// The package imports vpc.
package record

import (
	"net/netip"
	"strconv"

	"github.com/sgate/sgate/vpc"
)

// Action is what was decided of a flow's packets.
type Action uint8

// The actions: security groups and network ACLs let the packets pass, or one of
// them did not.
const (
	NoAction Action = iota
	Accept
	Reject
)

// String returns "ACCEPT", "REJECT" or "-".
func (a Action) String() string { return [...]string{missing, "ACCEPT", "REJECT"}[a] }

// Status tells whether a record is one of a flow.
type Status uint8

// The statuses (VPC User Guide, flow log records).
const (
	OK       Status = iota
	NoData          // the interface had no traffic in the interval
	SkipData        // records of the interface and the interval are lost
)

// String returns "OK", "NODATA" or "SKIPDATA".
func (s Status) String() string { return [...]string{"OK", "NODATA", "SKIPDATA"}[s] }

// The bits of TCPFlags. The ACK bit counts together with SYN only (VPC User
// Guide, flow log records: tcp-flags).
const (
	FIN    = 1
	SYN    = 2
	RST    = 4
	SYNACK = 18
)

// The values of TrafficPath that sgate has: traffic within the VPC, and out of
// it through its internet gateway. 8 is what interfaces of Nitro-based instances
// have, and 2 those of others.
const (
	PathUnknown         = 0
	PathVPC             = 1
	PathInternetGateway = 8
)

// Record is a line of a flow log. Without OK, the fields from Direction on mean
// nothing.
type Record struct {
	Status      Status
	AccountID   string
	InterfaceID string
	VPCID       string
	SubnetID    string
	InstanceID  string // "" for none; so for the others
	Region      string
	ZoneID      string // of the Availability Zone
	Start, End  int64  // Unix seconds: of the first and the last packet, without OK of the interval

	Direction        vpc.Direction // of the flow, seen from the interface
	Action           Action
	Src, Dst         netip.Addr // the interface's own side is its primary private address
	PktSrc, PktDst   netip.Addr // as the packets have them
	SrcPort, DstPort uint16     // 0 without ports, as of ICMP
	Protocol         uint8
	TCPFlags         uint8
	TrafficPath      uint8 // of egress; PathUnknown for none
	Packets          uint64
	Bytes            uint64 // from the IP header on
}

// missing stands for a value that there is none of.
const missing = "-"

// Append appends the record, without a newline.
func (f Format) Append(b []byte, r *Record) []byte {
	for i := range len(f.fields) {
		if i > 0 {
			b = append(b, ' ')
		}
		b = f.appendField(b, Field(f.fields[i]), r)
	}
	return b
}

func (f Format) appendField(b []byte, field Field, r *Record) []byte {
	if text, is := r.ofInterface(field); is {
		if text == "" {
			text = missing
		}
		return append(b, text...)
	}
	switch field {
	case Version:
		return strconv.AppendInt(b, int64(f.Version()), 10)
	case Start:
		return strconv.AppendInt(b, r.Start, 10)
	case End:
		return strconv.AppendInt(b, r.End, 10)
	case LogStatus:
		return append(b, r.Status.String()...)
	}
	if r.Status != OK {
		return append(b, missing...)
	}
	return r.appendOfFlow(b, field)
}

// ofInterface returns the value of a field that says something of the interface.
func (r *Record) ofInterface(field Field) (text string, is bool) {
	switch field {
	case AccountID:
		return r.AccountID, true
	case InterfaceID:
		return r.InterfaceID, true
	case VPCID:
		return r.VPCID, true
	case SubnetID:
		return r.SubnetID, true
	case InstanceID:
		return r.InstanceID, true
	case Region:
		return r.Region, true
	case ZoneID:
		return r.ZoneID, true
	}
	return "", false
}

// appendOfFlow appends the value of a field that only records of flows have.
func (r *Record) appendOfFlow(b []byte, field Field) []byte {
	switch field {
	case SrcAddr:
		return r.Src.AppendTo(b)
	case DstAddr:
		return r.Dst.AppendTo(b)
	case PktSrcAddr:
		return r.PktSrc.AppendTo(b)
	case PktDstAddr:
		return r.PktDst.AppendTo(b)
	case SrcPort:
		return strconv.AppendUint(b, uint64(r.SrcPort), 10)
	case DstPort:
		return strconv.AppendUint(b, uint64(r.DstPort), 10)
	case Protocol:
		return strconv.AppendUint(b, uint64(r.Protocol), 10)
	case Packets:
		return strconv.AppendUint(b, r.Packets, 10)
	case Bytes:
		return strconv.AppendUint(b, r.Bytes, 10)
	case ActionField:
		return append(b, r.Action.String()...)
	case TCPFlags:
		return strconv.AppendUint(b, uint64(r.TCPFlags), 10)
	case Type:
		return append(b, r.family()...)
	case FlowDirection:
		return append(b, r.Direction.String()...)
	case TrafficPath:
		if r.Direction == vpc.Egress && r.TrafficPath != PathUnknown {
			return strconv.AppendUint(b, uint64(r.TrafficPath), 10)
		}
	}
	return append(b, missing...)
}

func (r *Record) family() string {
	if r.PktSrc.Is4() {
		return "IPv4"
	}
	return "IPv6"
}
