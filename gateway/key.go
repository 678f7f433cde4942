package gateway

import (
	"github.com/sgate/sgate/conntrack"
	"github.com/sgate/sgate/stack"
)

// setKey sets the key of a packet's flow, and returns which end sent the packet.
// opens says that it may open a flow; is is false for packets that are never part
// of one: ICMP that is neither question nor answer.
func setKey(key *conntrack.Key, vpc uint16, p *stack.Packet) (from conntrack.End, opens, is bool) {
	if !p.IsICMP() {
		return key.Set(vpc, p.Protocol, &p.Src, &p.Dst, p.SrcPort, p.DstPort), true, true
	}
	request, reply, is := p.ICMPQuery()
	switch {
	case !is:
		return conntrack.Low, false, false
	case reply:
		key.SetQuery(vpc, p.Protocol, &p.Dst, &p.Src, p.ICMPID, request)
		return conntrack.High, false, true
	}
	key.SetQuery(vpc, p.Protocol, &p.Src, &p.Dst, p.ICMPID, request)
	return conntrack.Low, true, true
}

// setQuotedKey sets the key of the flow of a packet that an ICMP error quotes, and
// returns which end sent that packet.
func setQuotedKey(key *conntrack.Key, vpc uint16, q *stack.Quote) (sender conntrack.End) {
	switch {
	case !q.IsQuery:
		return key.Set(vpc, q.Protocol, &q.Src, &q.Dst, q.SrcPort, q.DstPort)
	case q.IsReply:
		key.SetQuery(vpc, q.Protocol, &q.Dst, &q.Src, q.ICMPID, q.ICMPType)
		return conntrack.High
	}
	key.SetQuery(vpc, q.Protocol, &q.Src, &q.Dst, q.ICMPID, q.ICMPType)
	return conntrack.Low
}

// flowKey returns the key of the flow that a packet is part of, or an error about,
// and the end of it that the packet's sender is.
func flowKey(vpc uint16, p *stack.Packet, packet []byte) (key conntrack.Key, from conntrack.End, ok bool) {
	if !p.IsICMPError() {
		from, _, ok = setKey(&key, vpc, p)
		return key, from, ok
	}
	quote, ok := p.Quoted(packet)
	if !ok {
		return key, from, false
	}
	return key, setQuotedKey(&key, vpc, &quote).Opposite(), true
}
