package ec2

import (
	"github.com/sgate/sgate/ec2/query"
	"github.com/sgate/sgate/vpc"
)

// maxInterfaces is how many interfaces an instance may have. AWS has such a limit
// for each instance type; this is that of the largest ones.
const maxInterfaces = 15

type attachNetworkInterfaceRequest struct {
	InterfaceID string `query:"NetworkInterfaceId,required"`
	InstanceID  string `query:"InstanceId,required"`
	DeviceIndex int    `query:"DeviceIndex,required"`
	Card        int    `query:"NetworkCardIndex"`
}

type attachNetworkInterfaceAnswer struct {
	AttachmentID string `xml:"attachmentId"`
	Card         int    `xml:"networkCardIndex"`
}

func (c *call) attachNetworkInterface(in *attachNetworkInterfaceRequest) (*attachNetworkInterfaceAnswer, error) {
	nic, err := c.networkInterface(in.InterfaceID)
	if err != nil {
		return nil, err
	}
	machine, err := c.instance(in.InstanceID)
	if err != nil {
		return nil, err
	}
	if err := c.fitsInstance(&nic, &machine, in.DeviceIndex, in.Card); err != nil {
		return nil, err
	}
	nic.Attachment, nic.DetachedFrom = vpc.Attachment{InstanceID: machine.ID, DeviceIndex: in.DeviceIndex, Time: c.now()}, ""
	if err := c.Interfaces.Put(nic); err != nil {
		return nil, err
	}
	return &attachNetworkInterfaceAnswer{AttachmentID: attachmentID(&nic)}, nil
}

// fitsInstance refuses to attach an interface where it cannot be.
func (c *call) fitsInstance(nic *vpc.NetworkInterface, machine *vpc.Instance, index, card int) error {
	others := c.interfacesOf(machine.ID)
	switch {
	case nic.Attachment.InstanceID != "":
		return interfaceTaken(nic.ID)
	case machine.State == vpc.Terminated:
		return wrongState("Instance '%s' is not 'running' or 'stopped'.", machine.ID)
	case card != 0:
		return noCard(card)
	case nic.VPCID != machine.VPCID || c.zoneOfSubnet(nic.SubnetID) != c.zoneOfSubnet(machine.SubnetID):
		return combination("You may not attach a network interface to an instance if they are not in the same availability zone")
	case index < 0 || index >= maxInterfaces:
		return invalid("Value (%d) for parameter DeviceIndex is invalid. Want 0 to %d.", index, maxInterfaces-1)
	case len(others) >= maxInterfaces:
		return tooManyInterfaces(len(others)+1, machine.Type)
	}
	for i := range others {
		if others[i].Attachment.DeviceIndex == index {
			return invalid("Instance '%s' already has an interface attached at device index '%d'.", machine.ID, index)
		}
	}
	return nil
}

func noCard(index int) error {
	return invalid("Value (%d) for parameter NetworkCardIndex is invalid. Instances have one network card, 0.", index)
}

func interfaceTaken(id string) error {
	return query.Errorf("InvalidNetworkInterface.InUse", "Interface: [%s] in use.", id)
}

func tooManyInterfaces(n int, instanceType string) error {
	return query.Errorf("AttachmentLimitExceeded", "Interface count %d exceeds the limit for %s", n, instanceType)
}

// zoneOfSubnet returns the zone of the subnet with that id.
func (c *call) zoneOfSubnet(id string) zone {
	subnet, _ := c.Subnets.Get(id)
	return c.zoneNamed(subnet.AvailabilityZone)
}

type detachNetworkInterfaceRequest struct {
	AttachmentID string        `query:"AttachmentId,required"`
	_            query.Ignored `query:"Force"`
}

func (c *call) detachNetworkInterface(in *detachNetworkInterfaceRequest) (*done, error) {
	nic, ok := c.attachedAs(in.AttachmentID)
	if !ok {
		return nil, noAttachment(in.AttachmentID)
	}
	if nic.Attachment.DeviceIndex == 0 {
		return nil, query.Errorf("OperationNotPermitted", "The network interface at device index 0 and networkCard index 0 cannot be detached.")
	}
	nic.Attachment, nic.DetachedFrom = vpc.Attachment{}, nic.Attachment.InstanceID
	return finished(c.Interfaces.Put(nic))
}

// attachedAs returns the interface whose attachment has that id.
func (c *call) attachedAs(attachment string) (vpc.NetworkInterface, bool) {
	nics := c.Interfaces.All()
	for i := range nics {
		if nic := &nics[i]; nic.Attachment.InstanceID != "" && attachmentID(nic) == attachment {
			return *nic, true
		}
	}
	return vpc.NetworkInterface{}, false
}

func noAttachment(id string) error {
	return notFound("InvalidAttachmentID.NotFound", "network interface attachment ID", id)
}
