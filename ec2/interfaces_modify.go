package ec2

import (
	"github.com/sgate/sgate/vpc"
)

// textValue is an attribute as requests and answers have it.
type textValue struct {
	Value string `query:"Value" xml:"value"`
}

// attachmentChange changes an interface's attachment.
type attachmentChange struct {
	ID                  string `query:"AttachmentId"`
	DeleteOnTermination *bool  `query:"DeleteOnTermination"`
}

type modifyNetworkInterfaceAttributeRequest struct {
	interfaceRequest
	GroupIDs        []string          `query:"SecurityGroupId"`
	SourceDestCheck *boolValue        `query:"SourceDestCheck"`
	Description     *textValue        `query:"Description"`
	Attachment      *attachmentChange `query:"Attachment"`
	Tracking        *trackingRequest  `query:"ConnectionTrackingSpecification"`
}

func (c *call) modifyNetworkInterfaceAttribute(in *modifyNetworkInterfaceAttributeRequest) (*done, error) {
	nic, err := c.networkInterface(in.ID)
	if err != nil {
		return nil, err
	}
	if err := oneOf(in.GroupIDs != nil, in.SourceDestCheck != nil, in.Description != nil, in.Attachment != nil, in.Tracking != nil); err != nil {
		return nil, err
	}
	switch {
	case in.GroupIDs != nil:
		return finished(c.replaceGroups(&nic, in.GroupIDs))
	case in.SourceDestCheck != nil:
		nic.SourceDestCheck = in.SourceDestCheck.Value
	case in.Description != nil:
		nic.Description = in.Description.Value
		err = checkInterfaceDescription(nic.Description)
	case in.Attachment != nil:
		err = in.Attachment.change(&nic)
	case in.Tracking != nil:
		nic.ConnectionTracking, err = in.Tracking.over(nic.ConnectionTracking)
	}
	if err != nil {
		return nil, err
	}
	return finished(c.Interfaces.Put(nic))
}

// finished is the answer of a call that has come to its end.
func finished(err error) (*done, error) {
	if err != nil {
		return nil, err
	}
	return ok()
}

// oneOf refuses a call that changes none or several.
func oneOf(given ...bool) error {
	n := 0
	for _, is := range given {
		if is {
			n++
		}
	}
	switch n {
	case 0:
		return combination("No attributes specified.")
	case 1:
		return nil
	}
	return combination("Fields for multiple attribute types specified")
}

// replaceGroups gives an interface other groups.
func (c *call) replaceGroups(nic *vpc.NetworkInterface, groupIDs []string) error {
	subnet, _ := c.Subnets.Get(nic.SubnetID)
	if err := c.attachable(subnet, groupIDs); err != nil {
		return err
	}
	return c.AttachGroups(nic.ID, groupIDs)
}

func (in *attachmentChange) change(nic *vpc.NetworkInterface) error {
	switch {
	case in.ID == "":
		return missing("Attachment.AttachmentId")
	case in.DeleteOnTermination == nil:
		return missing("Attachment.DeleteOnTermination")
	case nic.Attachment.InstanceID == "" || attachmentID(nic) != in.ID:
		return noAttachment(in.ID)
	}
	nic.Attachment.DeleteOnTermination = *in.DeleteOnTermination
	return nil
}

type describeNetworkInterfaceAttributeRequest struct {
	interfaceRequest
	Attribute string `query:"Attribute"`
}

type describeNetworkInterfaceAttributeAnswer struct {
	ID                  string               `xml:"networkInterfaceId"`
	Description         *textValue           `xml:"description"`
	Groups              *[]groupIdentifier   `xml:"groupSet"`
	SourceDestCheck     *boolValue           `xml:"sourceDestCheck"`
	Attachment          *interfaceAttachment `xml:"attachment"`
	AssociatePublicAddr *bool                `xml:"associatePublicIpAddress"`
}

func (c *call) describeNetworkInterfaceAttribute(in *describeNetworkInterfaceAttributeRequest) (*describeNetworkInterfaceAttributeAnswer, error) {
	nic, err := c.networkInterface(in.ID)
	if err != nil {
		return nil, err
	}
	out := &describeNetworkInterfaceAttributeAnswer{ID: nic.ID}
	switch in.Attribute {
	case "":
		return nil, missing("Attribute")
	case "description":
		out.Description = &textValue{nic.Description}
	case "groupSet":
		groups := c.identifiers(nic.GroupIDs)
		out.Groups = &groups
	case "sourceDestCheck":
		out.SourceDestCheck = &boolValue{nic.SourceDestCheck}
	case "attachment":
		out.Attachment = c.attachmentOf(&nic)
	case "associatePublicIpAddress":
		out.AssociatePublicAddr = new(bool)
	default:
		return nil, unknownAttribute(in.Attribute)
	}
	return out, nil
}

func unknownAttribute(name string) error {
	return invalid("Value (%s) for parameter attribute is invalid. Unknown attribute.", name)
}

type resetNetworkInterfaceAttributeRequest struct {
	interfaceRequest
	SourceDestCheck *string `query:"SourceDestCheck"`
}

func (c *call) resetNetworkInterfaceAttribute(in *resetNetworkInterfaceAttributeRequest) (*done, error) {
	nic, err := c.networkInterface(in.ID)
	if err != nil {
		return nil, err
	}
	if err := oneOf(in.SourceDestCheck != nil); err != nil {
		return nil, err
	}
	nic.SourceDestCheck = true
	return finished(c.Interfaces.Put(nic))
}
