package watch

import (
	"net/netip"

	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/vpc"
)

// Filter chooses events: those that meet all of its conditions. The zero value of
// a field is no condition; a packet that could not be read so far meets none
// about addresses, protocol or port.
type Filter struct {
	VPCID     string // the sender's
	Interface string // the id of the interface or host that sent the packet, or that it is for
	From      End    // the sender
	To        End    // whom the packet is for
	Protocols []vpc.Protocol
	Port      uint16 // either end's, of TCP and UDP
	Fates     []gateway.Fate
	Reasons   []gateway.Reason
}

// End is a condition on one end of a packet.
type End struct {
	ID     string // of the interface or host
	Prefix netip.Prefix
}

// selector is a filter, compiled so that an event which is not wanted is found
// out soon.
type selector struct {
	Filter
	reasons   *[gateway.Reasons]bool // nil stands for all, as below
	fates     *[3]bool
	protocols *[256]bool
	ofPacket  bool // it asks for something that is in the packet
}

func compile(f Filter) selector {
	s := selector{Filter: f}
	if len(f.Reasons) > 0 {
		s.reasons = new([gateway.Reasons]bool)
	}
	for _, r := range f.Reasons {
		s.reasons[r] = true
	}
	if len(f.Fates) > 0 {
		s.fates = new([3]bool)
	}
	for _, fate := range f.Fates {
		s.fates[fate] = true
	}
	if len(f.Protocols) > 0 {
		s.protocols = new([256]bool)
	}
	for _, p := range f.Protocols {
		s.protocols[uint8(p)] = true
	}
	s.ofPacket = s.protocols != nil || f.Port != 0 || f.From.Prefix.IsValid() || f.To.Prefix.IsValid()
	return s
}

// wants reports whether an event meets the conditions, the cheap and the rare
// ones first.
func (s *selector) wants(e *gateway.Event) bool {
	switch {
	case s.reasons != nil && !s.reasons[e.Reason],
		s.fates != nil && !s.fates[e.Fate],
		s.ofPacket && (e.Packet == nil || !s.wantsPacket(e)),
		s.VPCID != "" && e.VPCID != s.VPCID,
		s.Interface != "" && senderID(e) != s.Interface && receiverID(e) != s.Interface,
		s.From.ID != "" && senderID(e) != s.From.ID,
		s.To.ID != "" && receiverID(e) != s.To.ID:
		return false
	}
	return true
}

func (s *selector) wantsPacket(e *gateway.Event) bool {
	p := e.Packet
	switch {
	case s.Port != 0 && p.SrcPort != s.Port && p.DstPort != s.Port,
		// An address that was read comes with its protocol.
		s.protocols != nil && (!p.Dst.IsValid() || !s.protocols[p.Protocol]),
		s.From.Prefix.IsValid() && !s.From.Prefix.Contains(p.Src),
		s.To.Prefix.IsValid() && !s.To.Prefix.Contains(p.Dst):
		return false
	}
	return true
}

// senderID returns the id of the interface or host that the packet came in by.
func senderID(e *gateway.Event) string {
	if e.In == nil {
		return ""
	}
	return e.In.ID()
}

// receiverID returns the id of the interface or host that the packet is for, ""
// where that is nobody, or was not asked.
func receiverID(e *gateway.Event) string {
	if to := e.To(); to != filter.NoEndpoint && e.Policy != nil {
		return e.Policy.ID(to)
	}
	return ""
}
