package explain

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/stack"
	"github.com/sgate/sgate/vpc"
)

// question is a packet and where it comes from.
type question struct {
	source   gateway.Source
	packet   stack.Composition
	from, to end
	// fresh says that the source port, or the id of an ICMP query, is ours to
	// choose: one that no live flow has.
	fresh bool
	notes []string
	// hasDevice reports which interfaces and hosts have a device; nil: all.
	hasDevice func(id string) bool
}

// The first source port that is tried, and how many. It is an ephemeral port
// of every common system (RFC 6335).
const (
	firstPort  = 49152
	freshTries = 64
)

// Echo requests, which stand for all of ICMP where no type is asked for.
const (
	echoRequest   = 8
	echoRequestV6 = 128
)

// newQuestion makes a question of a request, or says what is wrong with it.
func newQuestion(p *filter.Policy, r control.ExplainRequest) (*question, error) {
	f := finder{Snapshot: p.Snapshot()}
	if r.VPC != "" {
		v, err := f.FindVPC(r.VPC)
		if err != nil {
			return nil, err
		}
		f.vpcID = v.ID
	}
	q := &question{}
	if err := q.findEnds(&f, r); err != nil {
		return nil, err
	}
	vpcID, err := f.vpcOf(&q.from, &q.to)
	if err != nil {
		return nil, err
	}
	if err := q.address(p, &f, vpcID, r); err != nil {
		return nil, err
	}
	return q, q.compose(r)
}

// findEnds finds out who is meant by from and to. Of several with an address,
// the one in the other end's VPC is.
func (q *question) findEnds(f *finder, r control.ExplainRequest) (err error) {
	besideTo := ""
	if to, err := f.find("to", r.To, ""); err == nil {
		besideTo = to.vpcID()
	}
	if q.from, err = f.find("from", r.From, besideTo); err != nil {
		return err
	}
	q.to, err = f.find("to", r.To, q.from.vpcID())
	return err
}

// address sets the packet's addresses and protocol.
func (q *question) address(p *filter.Policy, f *finder, vpcID string, r control.ExplainRequest) error {
	protocol, want, err := protocolOf(r)
	if err != nil {
		return err
	}
	sender := q.from
	if r.SourceAddress != "" {
		if sender, err = q.forwarded(r.SourceAddress); err != nil {
			return err
		}
	}
	src, dst, err := family(&sender, &q.to, want)
	if err != nil {
		return err
	}
	if protocol == vpc.ICMP && src.Is6() {
		return errors.New("protocol icmp is of IPv4, and these are IPv6 addresses: want icmpv6")
	}
	if protocol == vpc.ICMPv6 && src.Is4() {
		return errors.New("protocol icmpv6 is of IPv6, and these are IPv4 addresses: want icmp")
	}
	q.packet = stack.Composition{Src: src, Dst: dst, Protocol: uint8(protocol)}
	q.source = gateway.Source{VPCID: vpcID}
	if q.from.machine != nil {
		q.source.ID = q.from.machine.ID
	} else if err := q.stranger(p, f); err != nil {
		return err
	}
	if err := f.checkReach(p, vpcID, &q.to, dst); err != nil {
		return err
	}
	if q.to.machine != nil && q.to.machine.VPCID != vpcID {
		q.notes = append(q.notes, fmt.Sprintf("%s is in VPC %s and the sender in VPC %s: VPCs do not meet",
			q.to.machine.Name, f.VPCName(q.to.machine.VPCID), f.VPCName(vpcID)))
	}
	return nil
}

// protocolOf reads the protocol, and which families it leaves.
func protocolOf(r control.ExplainRequest) (protocol vpc.Protocol, want wanted, err error) {
	protocol = vpc.TCP
	if r.Protocol != "" {
		if protocol, err = vpc.ParseProtocol(r.Protocol); err != nil || protocol == vpc.AllProtocols {
			return 0, 0, fmt.Errorf("protocol %q: want one: tcp, udp, icmp, icmpv6 or a number from 0 to 255", r.Protocol)
		}
	}
	switch {
	case r.IPv6:
		return protocol, onlyIPv6, nil
	case protocol == vpc.ICMPv6:
		return protocol, onlyIPv6, nil
	case protocol == vpc.ICMP:
		return protocol, onlyIPv4, nil
	}
	return protocol, anyFamily, nil
}

// forwarded returns the end that a packet claims to be from.
func (q *question) forwarded(address string) (end, error) {
	addr, err := parseAddress(address)
	switch {
	case err != nil:
		return end{}, fmt.Errorf("source_address %q: want an address", address)
	case q.from.machine == nil:
		return end{}, fmt.Errorf("source_address goes with an instance or host that sends, and nobody has %s", q.from.ref)
	}
	return end{ref: address, addr: addr}, nil
}

// stranger says how a packet is judged whose sender nobody has declared.
func (q *question) stranger(p *filter.Policy, f *finder) error {
	addr, vpcID := q.from.addr, q.source.VPCID
	if addr.IsLoopback() || addr.IsMulticast() || addr.IsUnspecified() || addr == broadcast {
		return fmt.Errorf("from: %s is no machine's address: no packet comes from it", addr)
	}
	if own := p.ResolveIn(vpcID, addr); own != filter.NoEndpoint {
		return fmt.Errorf("from: %s is the gateway's own address (%s): what it sends, no rule judges", addr, kindOf(p.Kind(own)))
	}
	v, _ := f.VPC(vpcID)
	what := "a machine outside"
	if v.Contains(addr) {
		what = "a machine outside, although the address is of the VPC's own block,"
	}
	q.notes = append(q.notes, fmt.Sprintf("nobody in VPC %s has %s: it is judged as %s that the configuration does not declare", f.VPCName(vpcID), addr, what))
	return nil
}

// broadcast is the limited broadcast address of IPv4 (RFC 919).
var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// compose sets what follows the addresses.
func (q *question) compose(r control.ExplainRequest) error {
	c := &q.packet
	protocol := vpc.Protocol(c.Protocol)
	if err := checkDetails(protocol, r); err != nil {
		return err
	}
	q.fresh = r.SourcePort == 0
	switch {
	case protocol.HasPorts():
		c.SrcPort, c.DstPort, c.Window = r.SourcePort, r.Port, 65535
		if q.fresh {
			c.SrcPort = firstPort
		}
	case protocol.IsICMP():
		c.ICMPType, c.ICMPCode, c.ICMPID, c.ICMPSeq = echoRequest, r.ICMPCode, 1, 1
		if protocol == vpc.ICMPv6 {
			c.ICMPType = echoRequestV6
		}
		if r.ICMPType != nil {
			c.ICMPType = *r.ICMPType
		}
		q.quote()
	}
	return nil
}

// checkDetails refuses what a protocol does not have.
func checkDetails(protocol vpc.Protocol, r control.ExplainRequest) error {
	switch {
	case !protocol.IsICMP() && (r.ICMPType != nil || r.ICMPCode != 0):
		return fmt.Errorf("protocol %s has no ICMP type and code: want icmp or icmpv6, or leave them out", protocol)
	case protocol.HasPorts() && r.Port == 0:
		return fmt.Errorf("port is missing: want the destination's, from 1 to 65535, for %s", protocol)
	case !protocol.HasPorts() && (r.Port != 0 || r.SourcePort != 0):
		return fmt.Errorf("protocol %s has no ports: leave them out", protocol)
	case r.ICMPType == nil && r.ICMPCode != 0:
		return errors.New("an ICMP code means nothing without a type: want the type, too")
	}
	return nil
}

// quote gives an ICMP error what errors quote: a packet that its receiver may
// have sent, the first of a connection to the error's sender.
func (q *question) quote() {
	c := &q.packet
	var p stack.Packet
	if p.Parse(stack.Compose(*c)); !p.IsICMPError() {
		return
	}
	q.fresh = false
	c.ICMPID, c.ICMPSeq = 0, 0
	c.Payload = stack.Compose(stack.Composition{Src: c.Dst, Dst: c.Src, Protocol: uint8(vpc.TCP), SrcPort: firstPort, DstPort: 443})
}

// try asks a gateway.
func (q *question) try(g *gateway.Gateway) (gateway.Trial, error) {
	t, err := g.Try(q.source, stack.Compose(q.packet))
	for range freshTries {
		if err != nil || t.Live == nil || !q.fresh {
			break
		}
		q.packet.SrcPort, q.packet.ICMPID = q.nextPort(), q.packet.ICMPID+1
		t, err = g.Try(q.source, stack.Compose(q.packet))
	}
	return t, err
}

// nextPort returns the next source port, for protocols that have any.
func (q *question) nextPort() uint16 {
	if q.packet.SrcPort == 0 {
		return 0
	}
	return q.packet.SrcPort + 1
}
