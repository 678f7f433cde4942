package ec2

import (
	"cmp"
	"crypto/sha256"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sgate/sgate/vpc"
)

// What DescribeNetworkInterfaces says of interfaces, which are all of one kind and
// nobody's but the account's.
const (
	interfaceType     = "interface"
	interfaceInUse    = "in-use"
	interfaceAttached = "attached"
	interfaceDetached = "detached"
)

// networkInterface is an interface as DescribeNetworkInterfaces tells it.
type networkInterface struct {
	ID                 string               `xml:"networkInterfaceId"`
	SubnetID           string               `xml:"subnetId"`
	VPCID              string               `xml:"vpcId"`
	AvailabilityZone   string               `xml:"availabilityZone"`
	AvailabilityZoneID string               `xml:"availabilityZoneId"`
	Description        string               `xml:"description"`
	OwnerID            string               `xml:"ownerId"`
	RequesterManaged   bool                 `xml:"requesterManaged"`
	Status             string               `xml:"status"`
	MACAddress         string               `xml:"macAddress"`
	PrivateAddress     string               `xml:"privateIpAddress,omitempty"`
	PrivateDNSName     string               `xml:"privateDnsName,omitempty"`
	SourceDestCheck    bool                 `xml:"sourceDestCheck"`
	Groups             []groupIdentifier    `xml:"groupSet"`
	Attachment         *interfaceAttachment `xml:"attachment"`
	Tracking           *trackingAnswer      `xml:"connectionTrackingConfiguration"`
	Tags               []tag                `xml:"tagSet"`
	PrivateAddresses   []privateAnswer      `xml:"privateIpAddressesSet"`
	IPv6Addresses      []ipv6Answer         `xml:"ipv6AddressesSet"`
	IPv6Address        string               `xml:"ipv6Address,omitempty"`
	InterfaceType      string               `xml:"interfaceType"`
	DenyAllIGWTraffic  bool                 `xml:"denyAllIgwTraffic"`
	IPv6Native         bool                 `xml:"ipv6Native"`
}

// interfaceAttachment is an interface's place in an instance.
type interfaceAttachment struct {
	placeInInstance
	InstanceID      string `xml:"instanceId"`
	InstanceOwnerID string `xml:"instanceOwnerId"`
}

// placeInInstance is an interface's attachment as its instance tells it.
type placeInInstance struct {
	ID                  string    `xml:"attachmentId"`
	DeviceIndex         int       `xml:"deviceIndex"`
	NetworkCardIndex    int       `xml:"networkCardIndex"`
	Status              string    `xml:"status"`
	AttachTime          time.Time `xml:"attachTime"`
	DeleteOnTermination bool      `xml:"deleteOnTermination"`
}

// trackingAnswer is the idle timeouts that are set, in seconds.
type trackingAnswer struct {
	TCPEstablished int `xml:"tcpEstablishedTimeout,omitempty"`
	UDPStream      int `xml:"udpStreamTimeout,omitempty"`
	UDP            int `xml:"udpTimeout,omitempty"`
}

type privateAnswer struct {
	Address string `xml:"privateIpAddress"`
	DNSName string `xml:"privateDnsName,omitempty"`
	Primary bool   `xml:"primary"`
}

type ipv6Answer struct {
	Address   string `xml:"ipv6Address"`
	IsPrimary bool   `xml:"isPrimaryIpv6"`
}

// attachmentID derives the id of an interface's attachment, or of the last one
// that it had.
func attachmentID(nic *vpc.NetworkInterface) string {
	return vpc.NewID("eni-attach", nic.ID, cmp.Or(nic.Attachment.InstanceID, nic.DetachedFrom))
}

// lastAttachment returns the attachment of an interface that has been detached, nil
// of another one.
func (c *call) lastAttachment(nic *vpc.NetworkInterface) *interfaceAttachment {
	if nic.DetachedFrom == "" {
		return nil
	}
	return &interfaceAttachment{placeInInstance{ID: attachmentID(nic), Status: interfaceDetached, AttachTime: c.started}, nic.DetachedFrom, c.owner()}
}

// macAddress derives an interface's MAC address, a locally administered one, from
// its id.
func macAddress(interfaceID string) string {
	sum := sha256.Sum256([]byte("mac\x00" + interfaceID))
	mac := net.HardwareAddr(sum[:6])
	mac[0] = mac[0]&^1 | 2
	return mac.String()
}

// interfaceStatus returns "available" or "in-use".
func interfaceStatus(nic *vpc.NetworkInterface) string {
	if nic.Attachment.InstanceID == "" {
		return available
	}
	return interfaceInUse
}

// tell returns what is told of an interface.
func (c *call) tell(nic *vpc.NetworkInterface) networkInterface {
	subnet, _ := c.Subnets.Get(nic.SubnetID)
	at := c.zoneNamed(subnet.AvailabilityZone)
	out := networkInterface{
		ID: nic.ID, SubnetID: nic.SubnetID, VPCID: nic.VPCID,
		AvailabilityZone: at.Name, AvailabilityZoneID: at.ID,
		Description: nic.Description, OwnerID: c.owner(), Status: interfaceStatus(nic), MACAddress: macAddress(nic.ID),
		SourceDestCheck: nic.SourceDestCheck, Groups: c.identifiers(nic.GroupIDs),
		Attachment: c.attachmentOf(nic), Tracking: trackingOf(nic), Tags: c.tagsOf(nic.ID), InterfaceType: interfaceType,
	}
	out.PrivateAddresses, out.IPv6Addresses = c.privateAnswers(nic), ipv6Answers(nic)
	if len(out.PrivateAddresses) > 0 {
		out.PrivateAddress, out.PrivateDNSName = out.PrivateAddresses[0].Address, out.PrivateAddresses[0].DNSName
	}
	if len(out.IPv6Addresses) > 0 {
		out.IPv6Address = out.IPv6Addresses[0].Address
	}
	return out
}

// attachmentOf returns an interface's attachment, or nil if there is none.
func (c *call) attachmentOf(nic *vpc.NetworkInterface) *interfaceAttachment {
	a := nic.Attachment
	if a.InstanceID == "" {
		return nil
	}
	place := placeInInstance{
		ID: attachmentID(nic), DeviceIndex: a.DeviceIndex, Status: interfaceAttached, AttachTime: c.since(a.Time), DeleteOnTermination: a.DeleteOnTermination,
	}
	return &interfaceAttachment{place, a.InstanceID, c.owner()}
}

func trackingOf(nic *vpc.NetworkInterface) *trackingAnswer {
	t := nic.ConnectionTracking
	if t == (vpc.ConnectionTracking{}) {
		return nil
	}
	return &trackingAnswer{int(t.TCPEstablished / time.Second), int(t.UDPStream / time.Second), int(t.UDP / time.Second)}
}

// privateAnswers returns an interface's IPv4 addresses, with names where its VPC
// gives machines names.
func (c *call) privateAnswers(nic *vpc.NetworkInterface) []privateAnswer {
	in, _ := c.VPCs.Get(nic.VPCID)
	var out []privateAnswer
	for i, addr := range ofFamily(nic.Addresses, false) {
		a := privateAnswer{Address: addr.String(), Primary: i == 0}
		if in.DNSHostnames {
			a.DNSName = c.dnsName(addr)
		}
		out = append(out, a)
	}
	return out
}

func ipv6Answers(nic *vpc.NetworkInterface) []ipv6Answer {
	var out []ipv6Answer
	for _, addr := range ofFamily(nic.Addresses, true) {
		out = append(out, ipv6Answer{Address: addr.String()})
	}
	return out
}

// dnsName returns the name that Amazon DNS has for a private IPv4 address.
func (c *call) dnsName(addr netip.Addr) string {
	domain := c.options.Place().Region + ".compute"
	if domain == "us-east-1.compute" {
		domain = "ec2"
	}
	return "ip-" + strings.ReplaceAll(addr.String(), ".", "-") + "." + domain + ".internal"
}

// attachedTo returns interfaces by the instance that has them, each in the order
// of their device indexes.
func (c *call) attachedTo() map[string][]vpc.NetworkInterface {
	out := make(map[string][]vpc.NetworkInterface)
	for _, nic := range c.Interfaces.All() {
		if id := nic.Attachment.InstanceID; id != "" {
			out[id] = append(out[id], nic)
		}
	}
	for _, nics := range out {
		byDevice(nics)
	}
	return out
}

// interfacesOf returns the interfaces of one instance, in the order of their device
// indexes.
func (c *call) interfacesOf(instanceID string) []vpc.NetworkInterface {
	var out []vpc.NetworkInterface
	for _, nic := range c.Interfaces.All() {
		if nic.Attachment.InstanceID == instanceID {
			out = append(out, nic)
		}
	}
	byDevice(out)
	return out
}

// networkInterface returns an interface that a request names.
func (c *call) networkInterface(id string) (vpc.NetworkInterface, error) {
	if nic, ok := c.Interfaces.Get(id); ok {
		return nic, nil
	}
	if !vpc.IsID("eni", id) {
		return vpc.NetworkInterface{}, malformedID("InvalidNetworkInterfaceId.Malformed", "eni", id)
	}
	return vpc.NetworkInterface{}, noInterface(id)
}

// byDevice sorts the interfaces of an instance.
func byDevice(nics []vpc.NetworkInterface) {
	slices.SortFunc(nics, func(a, b vpc.NetworkInterface) int {
		return cmp.Compare(a.Attachment.DeviceIndex, b.Attachment.DeviceIndex)
	})
}
