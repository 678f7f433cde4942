package vpc

import (
	"fmt"
	"net/netip"
	"slices"
)

// endpointsFit checks interfaces and hosts, which share the addresses of their
// VPC and one set of names.
func (v *validation) endpointsFit() {
	e := endpoints{
		validation: v, names: make(map[string]Origin),
		taken: make(map[addrInVPC]string), services: make(map[addrInVPC]bool),
	}
	for _, x := range v.res.VPCs {
		for _, addr := range x.Services() {
			e.services[addrInVPC{x.ID, addr}] = true
		}
	}
	for _, nic := range v.res.Interfaces {
		subject := nic.subject()
		e.own(nic.Origin, subject, nic.Name, nic.VPCID, nic.Addresses)
		e.interfaceFits(nic, subject)
		for _, problem := range nic.ConnectionTracking.problems() {
			v.fault(nic.Origin, subject, CodeInvalidParameter, "connection_tracking: %s", problem)
		}
	}
	for _, h := range v.res.Hosts {
		subject := fmt.Sprintf("host %q", h.Name)
		e.own(h.Origin, subject, h.Name, h.VPCID, h.Addresses)
		e.hostFits(h, subject)
	}
}

// subject is what an error calls an interface: its instance, where it is the
// primary one and so has its name.
func (n *NetworkInterface) subject() string {
	if n.Name == "" || n.Attachment.DeviceIndex > 0 {
		return fmt.Sprintf("network interface %q", orID(n.Name, n.ID))
	}
	return fmt.Sprintf("instance %q", n.Name)
}

type addrInVPC struct {
	vpcID string
	addr  netip.Addr
}

// endpoints is what interfaces and hosts are checked against.
type endpoints struct {
	*validation
	names    map[string]Origin
	taken    map[addrInVPC]string // by whom
	services map[addrInVPC]bool   // AWS's own, see VPC.Services
}

// own checks what interfaces and hosts have in common.
func (e *endpoints) own(o Origin, subject, name, vpcID string, addrs []netip.Addr) {
	if first, is := e.names[name]; is && name != "" {
		e.fault(o, subject, CodeInvalidParameter, "the name is taken by another instance or host%s", at(first))
	}
	e.names[name] = o
	if len(addrs) == 0 {
		e.fault(o, subject, CodeInvalidParameter, "has no address")
	}
	for _, addr := range addrs {
		key := addrInVPC{vpcID, addr}
		if by, is := e.taken[key]; is {
			e.fault(o, subject, CodeAddressInUse, "address %s: is taken by %s", addr, by)
		}
		e.taken[key] = subject
	}
}

func (e *endpoints) hostFits(h Host, subject string) {
	in, ok := e.VPC(h.VPCID)
	if !ok {
		e.fault(h.Origin, subject, "InvalidVpcID.NotFound", "the vpc %q does not exist", h.VPCID)
		return
	}
	for _, addr := range h.Addresses {
		switch {
		case in.Contains(addr):
			e.fault(h.Origin, subject, CodeInvalidParameter, "address %s: lies inside the vpc; a host is outside, an instance inside", addr)
		case !usable(addr):
			e.fault(h.Origin, subject, CodeInvalidParameter, "address %s: want a unicast address that a machine can have", addr)
		case e.services[addrInVPC{h.VPCID, addr}]:
			e.fault(h.Origin, subject, CodeInvalidParameter, serviceAddress, addr)
		}
	}
}

// serviceAddress is what is wrong with an address of VPC.Services.
const serviceAddress = "address %s: AWS serves instances there (DNS, metadata, time and so on): want another"

// usable reports whether a machine can have addr as its own on a network.
func usable(addr netip.Addr) bool {
	return addr.IsGlobalUnicast() && !addr.Is4In6() && addr.Zone() == ""
}

func (e *endpoints) interfaceFits(nic NetworkInterface, subject string) {
	subnet, ok := e.Subnet(nic.SubnetID)
	if !ok || subnet.VPCID != nic.VPCID {
		e.fault(nic.Origin, subject, "InvalidSubnetID.NotFound", "the subnet %q does not exist in its vpc", nic.SubnetID)
		return
	}
	for _, addr := range nic.Addresses {
		block := subnet.CIDR
		if addr.Is6() {
			block = subnet.IPv6CIDR
		}
		switch {
		case !block.IsValid() && addr.Is4(): // the subnet's fault, found there
		case !block.IsValid():
			e.fault(nic.Origin, subject, CodeInvalidParameter, "address %s: subnet %q has no IPv6 block", addr, subnet.Name)
		case !block.Contains(addr):
			e.fault(nic.Origin, subject, CodeInvalidParameter, "address %s: is not in subnet %q (%s)", addr, subnet.Name, block)
		case subnet.Reserved(addr) != "":
			e.fault(nic.Origin, subject, CodeInvalidParameter, "address %s: AWS reserves it (%s)", addr, subnet.Reserved(addr))
		case e.services[addrInVPC{nic.VPCID, addr}]:
			e.fault(nic.Origin, subject, CodeInvalidParameter, serviceAddress, addr)
		}
	}
	e.attachedFit(nic, subnet, subject)
}

func (e *endpoints) attachedFit(nic NetworkInterface, subnet Subnet, subject string) {
	for i, id := range nic.GroupIDs {
		group, ok := e.SecurityGroup(id)
		switch {
		case !ok:
			e.fault(nic.Origin, subject, CodeGroupNotFound, "the security group %q does not exist", id)
		case group.VPCID != nic.VPCID:
			e.fault(nic.Origin, subject, "InvalidParameter", "security group %q and subnet %q belong to different networks", group.Name, subnet.Name)
		case slices.Contains(nic.GroupIDs[:i], id):
			e.fault(nic.Origin, subject, CodeInvalidParameter, "security group %q is attached twice", group.Name)
		}
	}
}
