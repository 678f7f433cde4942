package ec2

import (
	"net/netip"
	"time"
	"unicode/utf8"

	"github.com/sgate/sgate/ec2/query"
	"github.com/sgate/sgate/vpc"
)

// maxInterfaceDescription is the longest description of an interface, in
// characters.
const maxInterfaceDescription = 255

// trackingRequest is a ConnectionTrackingSpecification: idle timeouts in seconds.
type trackingRequest struct {
	TCPEstablished *int `query:"TcpEstablishedTimeout"`
	UDPStream      *int `query:"UdpStreamTimeout"`
	UDP            *int `query:"UdpTimeout"`
}

// over returns timeouts with those that a request sets.
func (in *trackingRequest) over(t vpc.ConnectionTracking) (vpc.ConnectionTracking, error) {
	if in == nil {
		return t, nil
	}
	for _, x := range []struct {
		name        string
		given       *int
		least, most time.Duration
		to          *time.Duration
	}{
		{"TcpEstablishedTimeout", in.TCPEstablished, vpc.MinTCPEstablishedTimeout, vpc.MaxTCPEstablishedTimeout, &t.TCPEstablished},
		{"UdpStreamTimeout", in.UDPStream, vpc.MinUDPStreamTimeout, vpc.MaxUDPStreamTimeout, &t.UDPStream},
		{"UdpTimeout", in.UDP, vpc.MinUDPTimeout, vpc.MaxUDPTimeout, &t.UDP},
	} {
		if x.given == nil {
			continue
		}
		least, most := int(x.least/time.Second), int(x.most/time.Second)
		if *x.given < least || *x.given > most {
			return t, invalid("Value (%d) for parameter %s is invalid. Want %d to %d seconds.", *x.given, x.name, least, most)
		}
		*x.to = time.Duration(*x.given) * time.Second
	}
	return t, nil
}

type createNetworkInterfaceRequest struct {
	addressed
	tagSpecified
	clientToken
	SubnetID    string           `query:"SubnetId,required"`
	Description string           `query:"Description"`
	GroupIDs    []string         `query:"SecurityGroupId"`
	Tracking    *trackingRequest `query:"ConnectionTrackingSpecification"`
	Type        string           `query:"InterfaceType"`
	_           query.Ignored    `query:"EnablePrimaryIpv6"` // no address changes by itself
}

type createNetworkInterfaceAnswer struct {
	Interface   networkInterface `xml:"networkInterface"`
	ClientToken string           `xml:"clientToken,omitempty"`
}

func (c *call) createNetworkInterface(in *createNetworkInterfaceRequest) (*createNetworkInterfaceAnswer, error) {
	subnet, ok := c.Subnets.Get(in.SubnetID)
	if !ok {
		return nil, noSubnet(in.SubnetID)
	}
	if in.Type != "" && in.Type != interfaceType {
		return nil, noSuchType(in.Type)
	}
	tags, err := in.tagsFor("network-interface")
	if err != nil {
		return nil, err
	}
	nic, err := c.newInterface(c.pool(subnet), newInterface{&in.addressed, in.Description, in.GroupIDs, in.Tracking})
	if err != nil {
		return nil, err
	}
	if err := c.Interfaces.Put(nic); err != nil {
		return nil, err
	}
	if err := c.tagNew(nic.ID, tags); err != nil {
		return nil, err
	}
	return &createNetworkInterfaceAnswer{c.tell(&nic), in.ClientToken}, nil
}

// newInterface is what a request says of an interface that it makes.
type newInterface struct {
	*addressed
	description string
	groupIDs    []string
	tracking    *trackingRequest
}

// newInterface makes an interface, which is nobody's yet.
func (c *call) newInterface(from *addressPool, in newInterface) (nic vpc.NetworkInterface, err error) {
	if err := checkInterfaceDescription(in.description); err != nil {
		return nic, err
	}
	if err := c.attachable(from.subnet, in.groupIDs); err != nil {
		return nic, err
	}
	tracking, err := in.tracking.over(vpc.ConnectionTracking{})
	if err != nil {
		return nic, err
	}
	w, err := in.wanted()
	if err != nil {
		return nic, err
	}
	addrs, err := from.allocate(w)
	if err != nil {
		return nic, err
	}
	return c.interfaceIn(from.subnet, addrs, in, tracking), nil
}

func (c *call) interfaceIn(subnet vpc.Subnet, addrs []netip.Addr, in newInterface, tracking vpc.ConnectionTracking) vpc.NetworkInterface {
	return vpc.NetworkInterface{
		ID: c.newID("eni"), VPCID: subnet.VPCID, SubnetID: subnet.ID, Addresses: addrs, Description: in.description,
		GroupIDs: c.groupsOr(subnet.VPCID, in.groupIDs), SourceDestCheck: true, ConnectionTracking: tracking,
	}
}

func noSuchType(name string) error {
	return invalid("Value (%s) for parameter InterfaceType is invalid. Want %s.", name, interfaceType)
}

func checkInterfaceDescription(s string) error {
	if utf8.RuneCountInString(s) > maxInterfaceDescription {
		return invalid("Value for parameter Description is invalid. It has more than %d characters.", maxInterfaceDescription)
	}
	return nil
}

type interfaceRequest struct {
	ID string `query:"NetworkInterfaceId,required"`
}

func (c *call) deleteNetworkInterface(in *interfaceRequest) (*done, error) {
	nic, err := c.networkInterface(in.ID)
	if err != nil {
		return nil, err
	}
	if nic.Attachment.InstanceID != "" {
		return nil, invalid("Network interface '%s' is currently in use.", in.ID)
	}
	return finished(c.removeInterface(&nic))
}

// removeInterface removes an interface and its tags.
func (c *call) removeInterface(nic *vpc.NetworkInterface) error {
	if err := c.Interfaces.Delete(nic.ID); err != nil {
		return err
	}
	return c.untag(nic.ID)
}

func interfaceActions() []action {
	return []action{
		write("CreateNetworkInterface", (*call).createNetworkInterface),
		write("DeleteNetworkInterface", (*call).deleteNetworkInterface),
		read("DescribeNetworkInterfaces", (*call).describeNetworkInterfaces),
		write("AttachNetworkInterface", (*call).attachNetworkInterface),
		write("DetachNetworkInterface", (*call).detachNetworkInterface),
		write("ModifyNetworkInterfaceAttribute", (*call).modifyNetworkInterfaceAttribute),
		read("DescribeNetworkInterfaceAttribute", (*call).describeNetworkInterfaceAttribute),
		write("ResetNetworkInterfaceAttribute", (*call).resetNetworkInterfaceAttribute),
		write("AssignPrivateIpAddresses", (*call).assignPrivateAddresses),
		write("UnassignPrivateIpAddresses", (*call).unassignPrivateAddresses),
		write("AssignIpv6Addresses", (*call).assignIPv6Addresses),
		write("UnassignIpv6Addresses", (*call).unassignIPv6Addresses),
	}
}
