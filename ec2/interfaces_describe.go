package ec2

import (
	"slices"
	"strconv"

	"github.com/sgate/sgate/vpc"
)

type describeNetworkInterfacesRequest struct {
	filtered
	paged
	IDs []string `query:"NetworkInterfaceId"`
}

type describeNetworkInterfacesAnswer struct {
	Interfaces []networkInterface `xml:"networkInterfaceSet"`
	nextPage
}

func (c *call) describeNetworkInterfaces(in *describeNetworkInterfacesRequest) (*describeNetworkInterfacesAnswer, error) {
	if in.IDs != nil && in.MaxResults != nil {
		return nil, notTogether("networkInterfaceIds", "maxResults")
	}
	for _, id := range in.IDs {
		if _, err := c.networkInterface(id); err != nil {
			return nil, err
		}
	}
	nics, err := named(c.Interfaces.All(), in.IDs, idOfInterface, noInterface)
	if err != nil {
		return nil, err
	}
	nics, err = selected(c, nics, in.Filters, interfaceFilters, idOfInterface)
	if err != nil {
		return nil, err
	}
	nics, next, err := page(nics, in.paged, ordinaryPages, idOfInterface)
	out := &describeNetworkInterfacesAnswer{nextPage: next}
	byAttachment := slices.ContainsFunc(in.Filters, func(f Filter) bool { return f.Name == attachmentIDFilter })
	for i := range nics {
		told := c.tell(&nics[i])
		if byAttachment && told.Attachment == nil {
			told.Attachment = c.lastAttachment(&nics[i])
		}
		out.Interfaces = append(out.Interfaces, told)
	}
	return out, err
}

// attachmentIDFilter asks for the interface of an attachment. It finds a detached
// one, too, and that is then told with it: Terraform waits until it sees the state
// detached, and gives up after minutes where there is no attachment any more.
const attachmentIDFilter = "attachment.attachment-id"

func ofAttachmentID(_ *call, nic *vpc.NetworkInterface) []string {
	if nic.Attachment.InstanceID == "" && nic.DetachedFrom == "" {
		return nil
	}
	return []string{attachmentID(nic)}
}

func idOfInterface(nic *vpc.NetworkInterface) string { return nic.ID }

// notTogether refuses two parameters that do not go together.
func notTogether(one, other string) error {
	return combination("The parameter %s cannot be used with the parameter %s", one, other)
}

// ofInterface is what a filter compares of an interface.
type ofInterface = func(*call, *vpc.NetworkInterface) []string

// interfaceFilters are those of DescribeNetworkInterfaces. No interface has a
// public address, so filters about those pass none.
var interfaceFilters = filters[vpc.NetworkInterface]{
	"addresses.association.owner-id":  nothing[vpc.NetworkInterface],
	"addresses.association.public-ip": nothing[vpc.NetworkInterface],
	"addresses.primary":               ofPrivateAddresses(func(a privateAnswer) string { return strconv.FormatBool(a.Primary) }),
	"addresses.private-ip-address":    ofPrivateAddresses(func(a privateAnswer) string { return a.Address }),
	"association.allocation-id":       nothing[vpc.NetworkInterface],
	"association.association-id":      nothing[vpc.NetworkInterface],
	"association.ip-owner-id":         nothing[vpc.NetworkInterface],
	"association.public-dns-name":     nothing[vpc.NetworkInterface],
	"association.public-ip":           nothing[vpc.NetworkInterface],
	"attachment.attach-time":          ofAttachment(func(_ *call, a *interfaceAttachment) string { return timeText(a.AttachTime) }),
	attachmentIDFilter:                ofAttachmentID,
	"attachment.delete-on-termination": ofAttachment(func(_ *call, a *interfaceAttachment) string {
		return strconv.FormatBool(a.DeleteOnTermination)
	}),
	"attachment.device-index":      ofAttachment(func(_ *call, a *interfaceAttachment) string { return strconv.Itoa(a.DeviceIndex) }),
	"attachment.instance-id":       ofAttachment(func(_ *call, a *interfaceAttachment) string { return a.InstanceID }),
	"attachment.instance-owner-id": ofAttachment(func(_ *call, a *interfaceAttachment) string { return a.InstanceOwnerID }),
	"attachment.status":            ofAttachment(func(_ *call, a *interfaceAttachment) string { return a.Status }),
	"availability-zone":            ofTold(func(n networkInterface) string { return n.AvailabilityZone }),
	"availability-zone-id":         ofTold(func(n networkInterface) string { return n.AvailabilityZoneID }),
	"description":                  func(_ *call, nic *vpc.NetworkInterface) []string { return []string{nic.Description} },
	"group-id":                     func(_ *call, nic *vpc.NetworkInterface) []string { return nic.GroupIDs },
	"group-name": func(c *call, nic *vpc.NetworkInterface) []string {
		var names []string
		for _, g := range c.identifiers(nic.GroupIDs) {
			names = append(names, g.Name)
		}
		return names
	},
	"interface-type":              func(*call, *vpc.NetworkInterface) []string { return []string{interfaceType} },
	"ipv6-addresses.ipv6-address": ipv6AddressesOf,
	"mac-address":                 func(_ *call, nic *vpc.NetworkInterface) []string { return []string{macAddress(nic.ID)} },
	"network-interface-id":        func(_ *call, nic *vpc.NetworkInterface) []string { return []string{nic.ID} },
	"operator.managed":            func(*call, *vpc.NetworkInterface) []string { return []string{"false"} },
	"operator.principal":          nothing[vpc.NetworkInterface],
	"owner-id":                    func(c *call, _ *vpc.NetworkInterface) []string { return []string{c.owner()} },
	"private-dns-name":            ofTold(func(n networkInterface) string { return n.PrivateDNSName }),
	"private-ip-address":          ofTold(func(n networkInterface) string { return n.PrivateAddress }),
	"requester-id":                nothing[vpc.NetworkInterface],
	"requester-managed":           func(*call, *vpc.NetworkInterface) []string { return []string{"false"} },
	"source-dest-check": func(_ *call, nic *vpc.NetworkInterface) []string {
		return []string{strconv.FormatBool(nic.SourceDestCheck)}
	},
	"status":    func(_ *call, nic *vpc.NetworkInterface) []string { return []string{interfaceStatus(nic)} },
	"subnet-id": func(_ *call, nic *vpc.NetworkInterface) []string { return []string{nic.SubnetID} },
	"vpc-id":    func(_ *call, nic *vpc.NetworkInterface) []string { return []string{nic.VPCID} },
}

// ofTold compares what is told of an interface, unless that is nothing.
func ofTold(of func(networkInterface) string) ofInterface {
	return func(c *call, nic *vpc.NetworkInterface) []string {
		return slices.DeleteFunc([]string{of(c.tell(nic))}, func(s string) bool { return s == "" })
	}
}

func ofAttachment(of func(*call, *interfaceAttachment) string) ofInterface {
	return func(c *call, nic *vpc.NetworkInterface) []string {
		if a := c.attachmentOf(nic); a != nil {
			return []string{of(c, a)}
		}
		return nil
	}
}

// ipv6AddressesOf returns an interface's IPv6 addresses.
func ipv6AddressesOf(_ *call, nic *vpc.NetworkInterface) []string {
	var out []string
	for _, addr := range ofFamily(nic.Addresses, true) {
		out = append(out, addr.String())
	}
	return out
}

// ofPrivateAddresses compares what is told of each IPv4 address, unless that is
// nothing.
func ofPrivateAddresses(of func(privateAnswer) string) ofInterface {
	return func(c *call, nic *vpc.NetworkInterface) []string {
		var out []string
		for _, a := range c.privateAnswers(nic) {
			if value := of(a); value != "" {
				out = append(out, value)
			}
		}
		return out
	}
}
