package stack

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	gvstack "gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
)

// Router is the VPC router: a gVisor netstack that owns the gateway's own
// addresses, answers what is sent to them, and sends the ICMP errors that a
// router owes. It has one NIC for each VPC, so that VPCs with equal addresses
// do not meet in it.
//
// Its methods may be called by several goroutines at once.
type Router struct {
	stack *gvstack.Stack
	mtu   int
	send  func(vpc int, packet []byte)

	mu   sync.Mutex
	nics map[int]*nic
}

// nic is the router's foot in one VPC.
type nic struct {
	*channel.Endpoint // for all but writing
	vpc               int
	send              func(vpc int, packet []byte)
	addrs             map[netip.Addr]bool
}

// Network is what the router owns of one VPC.
type Network struct {
	VPC   int // the gateway's number for it
	Addrs []netip.Addr
}

// NewRouter returns a router without addresses. It hands each packet that it
// sends to send, from any goroutine; send must not keep it, nor call back.
func NewRouter(mtu int, send func(vpc int, packet []byte)) *Router {
	s := gvstack.New(gvstack.Options{
		NetworkProtocols: []gvstack.NetworkProtocolFactory{
			ipv4.NewProtocol,
			// No duplicate address detection: nobody else is on these links.
			ipv6.NewProtocolWithOptions(ipv6.Options{DADConfigs: gvstack.DADConfigurations{DupAddrDetectTransmits: 0}}),
		},
		TransportProtocols: []gvstack.TransportProtocolFactory{
			icmp.NewProtocol4, icmp.NewProtocol6, udp.NewProtocol, tcp.NewProtocol,
		},
	})
	return &Router{stack: s, mtu: mtu, send: send, nics: make(map[int]*nic)}
}

// SetNetworks makes the router own exactly the addresses of networks.
func (r *Router) SetNetworks(networks []Network) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	wanted := make(map[int]bool)
	for _, n := range networks {
		wanted[n.VPC] = true
		if err := r.setNetwork(n); err != nil {
			return err
		}
	}
	for vpc := range r.nics {
		if wanted[vpc] {
			continue
		}
		if err := r.stack.RemoveNIC(nicID(vpc)); err != nil {
			return fmt.Errorf("router: remove nic %d: %s", vpc, err)
		}
		delete(r.nics, vpc)
	}
	r.setRoutes()
	return nil
}

// nicID is the netstack's number for a VPC; it does not take 0.
func nicID(vpc int) tcpip.NICID { return tcpip.NICID(vpc + 1) }

func (r *Router) setNetwork(n Network) error {
	card := r.nics[n.VPC]
	if card == nil {
		card = &nic{Endpoint: channel.New(0, uint32(r.mtu), ""), vpc: n.VPC, send: r.send, addrs: make(map[netip.Addr]bool)}
		if err := r.stack.CreateNIC(nicID(n.VPC), card); err != nil {
			return fmt.Errorf("router: make nic %d: %s", n.VPC, err)
		}
		r.nics[n.VPC] = card
	}
	for addr := range card.addrs {
		if slices.Contains(n.Addrs, addr) {
			continue
		}
		if err := r.stack.RemoveAddress(nicID(n.VPC), address(addr)); err != nil {
			return fmt.Errorf("router: remove %s: %s", addr, err)
		}
		delete(card.addrs, addr)
	}
	for _, addr := range n.Addrs {
		if card.addrs[addr] {
			continue
		}
		own := tcpip.ProtocolAddress{Protocol: networkProtocol(addr.Is6()), AddressWithPrefix: address(addr).WithPrefix()}
		if err := r.stack.AddProtocolAddress(nicID(n.VPC), own, gvstack.AddressProperties{}); err != nil {
			return fmt.Errorf("router: add %s: %s", addr, err)
		}
		card.addrs[addr] = true
	}
	return nil
}

// setRoutes gives every NIC its default routes; the netstack picks among them
// by the NIC that a packet came in on.
func (r *Router) setRoutes() {
	var routes []tcpip.Route
	for vpc := range r.nics {
		routes = append(routes,
			tcpip.Route{Destination: header.IPv4EmptySubnet, NIC: nicID(vpc)},
			tcpip.Route{Destination: header.IPv6EmptySubnet, NIC: nicID(vpc)})
	}
	r.stack.SetRouteTable(routes)
}

// WritePackets implements gvstack.LinkWriter: the way out of the netstack.
func (n *nic) WritePackets(pkts gvstack.PacketBufferList) (int, tcpip.Error) {
	for _, pkt := range pkts.AsSlice() {
		view := pkt.ToView()
		n.send(n.vpc, view.AsSlice())
		view.Release()
	}
	return pkts.Len(), nil
}

// Deliver hands the router a packet, parsed into p, for one of its addresses in
// a VPC; the router copies it, and ignores packets for others: the netstack
// would answer for the groups and broadcast addresses that it listens to as
// well. checksumPending says that the transport checksum has yet to be completed
// by whoever puts the packet on a wire.
//
// What the netstack answers goes to send. Neighbour discovery is the exception,
// and the only multicast that the router listens to: its answer is returned, for
// the device that the packet came from. It is nil if there is none.
func (r *Router) Deliver(vpc int, p *Packet, packet []byte, checksumPending bool) (answer []byte) {
	if p.IsNeighbourDiscovery() {
		return r.answerNeighbour(vpc, p, packet)
	}
	card := r.owner(vpc, p.Dst)
	if card == nil {
		return nil
	}
	if checksumPending {
		packet = bytes.Clone(packet)
		completeChecksum(p, packet)
	}
	pkt := gvstack.NewPacketBuffer(gvstack.PacketBufferOptions{Payload: buffer.MakeWithData(packet)})
	defer pkt.DecRef()
	card.InjectInbound(networkProtocol(p.IPv6), pkt)
	return nil
}

// owner returns the NIC that owns an address in a VPC, nil if none does.
func (r *Router) owner(vpc int, a netip.Addr) *nic {
	r.mu.Lock()
	defer r.mu.Unlock()
	card := r.nics[vpc]
	if card == nil || !card.addrs[a] {
		return nil
	}
	return card
}

// Close ends the router's goroutines.
func (r *Router) Close() { r.stack.Destroy() }

func networkProtocol(is6 bool) tcpip.NetworkProtocolNumber {
	if is6 {
		return header.IPv6ProtocolNumber
	}
	return header.IPv4ProtocolNumber
}

func address(a netip.Addr) tcpip.Address { return tcpip.AddrFromSlice(a.AsSlice()) }
