package ec2

import (
	"cmp"
	"slices"

	"github.com/sgate/sgate/ec2/query"
	"github.com/sgate/sgate/vpc"
)

// launchInterface is an interface of the instances that RunInstances launches: a
// new one, or one that there is.
type launchInterface struct {
	addressed
	DeviceIndex         *int             `query:"DeviceIndex"`
	InterfaceID         string           `query:"NetworkInterfaceId"`
	SubnetID            string           `query:"SubnetId"`
	Description         string           `query:"Description"`
	GroupIDs            []string         `query:"SecurityGroupId"`
	DeleteOnTermination *bool            `query:"DeleteOnTermination"`
	AssociatePublic     bool             `query:"AssociatePublicIpAddress"`
	Type                string           `query:"InterfaceType"`
	Card                int              `query:"NetworkCardIndex"`
	Tracking            *trackingRequest `query:"ConnectionTrackingSpecification"`
	_                   query.Ignored    `query:"PrimaryIpv6"`
}

// slot is a place for an interface in each of the instances that are launched, and
// what goes there.
type slot struct {
	index               int
	existing            *vpc.NetworkInterface // nil: a new one
	subnet              vpc.Subnet
	pool                *addressPool
	new                 newInterface
	deleteOnTermination bool
}

// slots returns the interfaces that each instance gets, by device index.
func (c *call) slots(in *runInstancesRequest) ([]slot, error) {
	var slots []slot
	var err error
	if in.Interfaces == nil {
		slots, err = c.onlySlot(in)
	} else {
		slots, err = c.listedSlots(in)
	}
	if err != nil {
		return nil, err
	}
	if err := c.checkSlots(slots, in.Placement); err != nil {
		return nil, err
	}
	pools := make(map[string]*addressPool)
	for i := range slots {
		s := &slots[i]
		if s.existing != nil {
			continue
		}
		if pools[s.subnet.ID] == nil {
			pools[s.subnet.ID] = c.pool(s.subnet)
			pools[s.subnet.ID].forLaunch = true
		}
		s.pool = pools[s.subnet.ID]
	}
	return slots, nil
}

// onlySlot reads the interface of a request that has no list of them.
func (c *call) onlySlot(in *runInstancesRequest) ([]slot, error) {
	groupIDs, err := c.groupsForLaunch(in)
	if err != nil {
		return nil, err
	}
	if in.MaxCount > 1 && (in.PrivateAddress != "" || in.IPv6Addresses != nil) {
		return nil, oneInstanceOnly("IP address")
	}
	subnet, err := c.subnetForLaunch(in.SubnetID, in.Placement)
	if err != nil {
		return nil, err
	}
	from := &addressed{PrivateAddress: in.PrivateAddress, IPv6Addresses: in.IPv6Addresses, IPv6Count: in.IPv6Count}
	return []slot{{subnet: subnet, new: newInterface{addressed: from, groupIDs: groupIDs}, deleteOnTermination: true}}, nil
}

// groupsForLaunch returns the groups that a request names by id or by name.
func (c *call) groupsForLaunch(in *runInstancesRequest) ([]string, error) {
	if len(in.GroupNames) > 0 && in.SubnetID != "" {
		return nil, combination("The parameter groupName cannot be used with the parameter subnet")
	}
	ids := slices.Clone(in.GroupIDs)
	for _, name := range in.GroupNames {
		g, err := c.groupNamed(name)
		if err != nil {
			return nil, err
		}
		ids = append(ids, g.ID)
	}
	return ids, nil
}

// oneInstanceOnly refuses for several instances what one alone can have.
func oneInstanceOnly(what string) error {
	return combination("The %s may not be specified when launching more than one instance", what)
}

// subnetForLaunch returns the subnet that a request names, or else the default
// VPC's default one in the zone that it asks for, or in the first.
func (c *call) subnetForLaunch(id string, at launchPlacement) (vpc.Subnet, error) {
	if id != "" {
		if subnet, ok := c.Subnets.Get(id); ok {
			return subnet, nil
		}
		return vpc.Subnet{}, noSubnet(id)
	}
	home, ok := c.defaultVPC()
	if !ok {
		return vpc.Subnet{}, query.Errorf("VPCIdNotSpecified", "No default VPC for this user")
	}
	inHome := slices.DeleteFunc(slices.Clone(c.Subnets.All()), func(n vpc.Subnet) bool { return n.VPCID != home.ID || !n.DefaultForAZ })
	if len(inHome) == 0 {
		return vpc.Subnet{}, query.Errorf("MissingInput", "No subnets found for the default VPC '%s'. Please specify a subnet.", home.ID)
	}
	slices.SortFunc(inHome, func(a, b vpc.Subnet) int {
		return cmp.Compare(c.zoneNamed(a.AvailabilityZone).Name, c.zoneNamed(b.AvailabilityZone).Name)
	})
	for _, n := range inHome {
		if at.fits(c.zoneNamed(n.AvailabilityZone)) {
			return n, nil
		}
	}
	asked := cmp.Or(at.AvailabilityZone, at.AvailabilityZoneID)
	if !slices.ContainsFunc(c.zones(), at.fits) {
		return vpc.Subnet{}, invalid("Invalid availability zone: [%s]", asked)
	}
	return vpc.Subnet{}, query.Errorf("MissingInput", "No default subnet for availability zone: '%s'.", asked)
}

// fits reports whether a zone is the one that is asked for, if one is.
func (p launchPlacement) fits(z zone) bool {
	return (p.AvailabilityZone == "" || p.AvailabilityZone == z.Name) && (p.AvailabilityZoneID == "" || p.AvailabilityZoneID == z.ID)
}

// listedSlots reads the list of interfaces of a request.
func (c *call) listedSlots(in *runInstancesRequest) ([]slot, error) {
	const together = "Network interfaces and an instance-level %s may not be specified on the same request"
	switch {
	case in.GroupIDs != nil || in.GroupNames != nil:
		return nil, combination(together, "security groups")
	case in.SubnetID != "":
		return nil, combination(together, "subnet ID")
	case in.PrivateAddress != "":
		return nil, combination(together, "private IP address")
	case in.IPv6Addresses != nil || in.IPv6Count != nil:
		return nil, combination(together, "IPv6 address")
	}
	var slots []slot
	for i := range in.Interfaces {
		s, err := c.listedSlot(in, &in.Interfaces[i])
		if err != nil {
			return nil, err
		}
		slots = append(slots, s)
	}
	slices.SortStableFunc(slots, func(a, b slot) int { return cmp.Compare(a.index, b.index) })
	return slots, nil
}

func (c *call) listedSlot(in *runInstancesRequest, of *launchInterface) (s slot, err error) {
	switch {
	case of.DeviceIndex == nil:
		return s, invalid("Each network interface requires a device index.")
	case *of.DeviceIndex < 0 || *of.DeviceIndex >= maxInterfaces:
		return s, invalid("Value (%d) for parameter DeviceIndex is invalid. Want 0 to %d.", *of.DeviceIndex, maxInterfaces-1)
	case of.Card != 0:
		return s, noCard(of.Card)
	case of.AssociatePublic:
		return s, query.Errorf("UnsupportedOperation", "There are no public IP addresses here: want AssociatePublicIpAddress=false, or nothing.")
	case of.Type != "" && of.Type != interfaceType:
		return s, noSuchType(of.Type)
	}
	s.index = *of.DeviceIndex
	if of.InterfaceID != "" {
		return c.existingSlot(in, of, s)
	}
	named := of.PrivateAddress != "" || of.PrivateAddresses != nil || of.IPv6Addresses != nil
	if in.MaxCount > 1 && named {
		return s, oneInstanceOnly("IP address")
	}
	s.subnet, err = c.subnetForLaunch(of.SubnetID, in.Placement)
	s.new = newInterface{&of.addressed, of.Description, of.GroupIDs, of.Tracking}
	s.deleteOnTermination = of.DeleteOnTermination == nil || *of.DeleteOnTermination
	return s, err
}

// existingSlot reads an item about an interface that there is.
func (c *call) existingSlot(in *runInstancesRequest, of *launchInterface, s slot) (slot, error) {
	const both = "A network interface may not specify a network interface ID and %s"
	switch {
	case of.SubnetID != "":
		return s, combination(both, "a subnet ID")
	case of.GroupIDs != nil:
		return s, combination(both, "security groups")
	case of.given():
		return s, combination(both, "IP addresses")
	case of.Description != "":
		return s, combination(both, "a description")
	case of.Tracking != nil:
		return s, combination(both, "a connection tracking specification")
	case of.DeleteOnTermination != nil && *of.DeleteOnTermination:
		return s, combination(both, "delete on termination as true")
	case in.MaxCount > 1:
		return s, oneInstanceOnly("network interface ID")
	}
	nic, err := c.networkInterface(of.InterfaceID)
	if err != nil {
		return s, err
	}
	if nic.Attachment.InstanceID != "" {
		return s, interfaceTaken(nic.ID)
	}
	s.existing = &nic
	s.subnet, _ = c.Subnets.Get(nic.SubnetID)
	return s, nil
}

// checkSlots refuses interfaces that one instance cannot have together.
func (c *call) checkSlots(slots []slot, at launchPlacement) error {
	if len(slots) == 0 || slots[0].index != 0 {
		return combination("When specifying network interfaces, you must include a device at index 0.")
	}
	home := c.zoneNamed(slots[0].subnet.AvailabilityZone)
	for i, s := range slots {
		switch {
		case i > 0 && s.index == slots[i-1].index:
			return combination("Two network interfaces may not have the same device index, %d", s.index)
		case s.subnet.VPCID != slots[0].subnet.VPCID || c.zoneNamed(s.subnet.AvailabilityZone) != home:
			return combination("All network interfaces must be in the same VPC and availability zone")
		case s.existing != nil && slices.ContainsFunc(slots[:i], func(o slot) bool { return o.existing != nil && o.existing.ID == s.existing.ID }):
			return combination("The network interface '%s' may not be specified twice", s.existing.ID)
		}
	}
	if !at.fits(home) {
		return invalid("The availability zone '%s' does not match the subnet '%s', which is in '%s'",
			cmp.Or(at.AvailabilityZone, at.AvailabilityZoneID), slots[0].subnet.ID, home.Name)
	}
	return nil
}
