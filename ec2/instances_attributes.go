package ec2

import (
	"cmp"
	"strconv"

	"github.com/sgate/sgate/vpc"
)

type modifyInstanceAttributeRequest struct {
	InstanceID            string     `query:"InstanceId,required"`
	GroupIDs              []string   `query:"GroupId"`
	SourceDestCheck       *boolValue `query:"SourceDestCheck"`
	InstanceType          *textValue `query:"InstanceType"`
	DisableAPITermination *boolValue `query:"DisableApiTermination"`
	DisableAPIStop        *boolValue `query:"DisableApiStop"`
	// The older form: an attribute's name, and its value.
	Attribute string  `query:"Attribute"`
	Value     *string `query:"Value"`
}

func (c *call) modifyInstanceAttribute(in *modifyInstanceAttributeRequest) (*done, error) {
	machine, err := c.instance(in.InstanceID)
	if err != nil {
		return nil, err
	}
	if err := in.normalize(); err != nil {
		return nil, err
	}
	given := []bool{in.GroupIDs != nil, in.SourceDestCheck != nil, in.InstanceType != nil, in.DisableAPITermination != nil, in.DisableAPIStop != nil}
	if err := oneOf(given...); err != nil {
		return nil, err
	}
	switch {
	case in.InstanceType != nil:
		return finished(c.retype(machine, in.InstanceType.Value))
	case in.DisableAPITermination != nil:
		return finished(protect(in.DisableAPITermination.Value))
	case in.DisableAPIStop != nil:
		return finished(protect(in.DisableAPIStop.Value))
	}
	nic, err := c.primaryOf(&machine)
	if err != nil {
		return nil, err
	}
	if in.GroupIDs != nil {
		return finished(c.replaceGroups(&nic, in.GroupIDs))
	}
	nic.SourceDestCheck = in.SourceDestCheck.Value
	return finished(c.Interfaces.Put(nic))
}

// normalize brings the older form of a request into the newer one.
func (in *modifyInstanceAttributeRequest) normalize() error {
	switch {
	case in.Value == nil: // an attribute then names what another parameter sets
		return nil
	case in.Attribute == "":
		return missing("attribute")
	}
	switch in.Attribute {
	case "instanceType":
		in.InstanceType = &textValue{*in.Value}
	case "disableApiTermination", "disableApiStop", "sourceDestCheck":
		on, err := strconv.ParseBool(*in.Value)
		if err != nil {
			return invalid("Value (%s) for parameter value is invalid. Want true or false.", *in.Value)
		}
		to := map[string]**boolValue{
			"disableApiTermination": &in.DisableAPITermination, "disableApiStop": &in.DisableAPIStop, "sourceDestCheck": &in.SourceDestCheck,
		}
		*to[in.Attribute] = &boolValue{on}
	default:
		return unknownAttribute(in.Attribute)
	}
	return nil
}

// retype changes the type of an instance, which must be stopped.
func (c *call) retype(in vpc.Instance, name string) error {
	if in.State != vpc.Stopped {
		return wrongState("The instance '%s' is not in the 'stopped' state.", in.ID)
	}
	if err := checkInstanceType(name); err != nil {
		return err
	}
	in.Type = name
	return c.Instances.Put(in)
}

// protect refuses to protect an instance; not to is what is anyway.
func protect(on bool) error {
	if on {
		return noProtection()
	}
	return nil
}

type describeInstanceAttributeRequest struct {
	InstanceID string `query:"InstanceId,required"`
	Attribute  string `query:"Attribute,required"`
}

// optionalValue is an attribute that an instance may be without.
type optionalValue struct {
	Value *string `xml:"value"`
}

type describeInstanceAttributeAnswer struct {
	InstanceID            string             `xml:"instanceId"`
	InstanceType          *optionalValue     `xml:"instanceType"`
	Groups                *[]groupIdentifier `xml:"groupSet"`
	SourceDestCheck       *boolValue         `xml:"sourceDestCheck"`
	DisableAPITermination *boolValue         `xml:"disableApiTermination"`
	DisableAPIStop        *boolValue         `xml:"disableApiStop"`
	EBSOptimized          *boolValue         `xml:"ebsOptimized"`
	ShutdownBehavior      *optionalValue     `xml:"instanceInitiatedShutdownBehavior"`
	Kernel                *optionalValue     `xml:"kernel"`
	Ramdisk               *optionalValue     `xml:"ramdisk"`
	RootDeviceName        *optionalValue     `xml:"rootDeviceName"`
	SRIOVNetSupport       *optionalValue     `xml:"sriovNetSupport"`
	UserData              *optionalValue     `xml:"userData"`
	BlockDevices          *[]deviceMapping   `xml:"blockDeviceMapping"`
	ProductCodes          *[]productCode     `xml:"productCodes"`
}

// productCode is a product of AWS's marketplace: no instance is one.
type productCode struct {
	Code string `xml:"productCode"`
}

func (c *call) describeInstanceAttribute(in *describeInstanceAttributeRequest) (*describeInstanceAttributeAnswer, error) {
	machine, err := c.instance(in.InstanceID)
	if err != nil {
		return nil, err
	}
	out := &describeInstanceAttributeAnswer{InstanceID: machine.ID}
	if out.constant(in.Attribute) {
		return out, nil
	}
	switch in.Attribute {
	case "instanceType":
		out.InstanceType = valueOf(cmp.Or(machine.Type, defaultInstanceType))
		return out, nil
	case "groupSet", "sourceDestCheck":
	default:
		return nil, unknownAttribute(in.Attribute)
	}
	nic, err := c.primaryOf(&machine)
	if err != nil {
		return nil, err
	}
	if in.Attribute == "sourceDestCheck" {
		out.SourceDestCheck = &boolValue{nic.SourceDestCheck}
		return out, nil
	}
	groups := c.identifiers(nic.GroupIDs)
	out.Groups = &groups
	return out, nil
}

func valueOf(s string) *optionalValue { return &optionalValue{&s} }

// constant tells an attribute that all instances have alike. It returns false for
// others.
func (out *describeInstanceAttributeAnswer) constant(name string) bool {
	switch name {
	case "disableApiTermination":
		out.DisableAPITermination = &boolValue{}
	case "disableApiStop":
		out.DisableAPIStop = &boolValue{}
	case "ebsOptimized":
		out.EBSOptimized = &boolValue{}
	case "instanceInitiatedShutdownBehavior":
		out.ShutdownBehavior = valueOf("stop")
	case "kernel":
		out.Kernel = &optionalValue{}
	case "ramdisk":
		out.Ramdisk = &optionalValue{}
	case "rootDeviceName":
		out.RootDeviceName = valueOf(rootDeviceName)
	case "sriovNetSupport":
		out.SRIOVNetSupport = &optionalValue{}
	case "userData":
		out.UserData = &optionalValue{}
	case "blockDeviceMapping":
		out.BlockDevices = new([]deviceMapping)
	case "productCodes":
		out.ProductCodes = new([]productCode)
	default:
		return false
	}
	return true
}
