package ec2

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/sgate/sgate/ec2/query"
	"github.com/sgate/sgate/vpc"
)

// maxLaunch is how many instances one call may launch: each is a namespace of this
// machine, and a slip of the pen should not fill it.
const maxLaunch = 100

// defaultInstanceType is what RunInstances launches if it is told no type.
const defaultInstanceType = "m1.small"

type runInstancesRequest struct {
	tagSpecified
	clientToken
	ImageID               string            `query:"ImageId"`
	MinCount              int               `query:"MinCount,required"`
	MaxCount              int               `query:"MaxCount,required"`
	InstanceType          string            `query:"InstanceType"`
	KeyName               string            `query:"KeyName"`
	SubnetID              string            `query:"SubnetId"`
	GroupIDs              []string          `query:"SecurityGroupId"`
	GroupNames            []string          `query:"SecurityGroup"`
	PrivateAddress        string            `query:"PrivateIpAddress"`
	IPv6Addresses         []ipv6Address     `query:"Ipv6Address"`
	IPv6Count             *int              `query:"Ipv6AddressCount"`
	Interfaces            []launchInterface `query:"NetworkInterface"`
	Placement             launchPlacement   `query:"Placement"`
	DisableAPITermination bool              `query:"DisableApiTermination"`
	DisableAPIStop        bool              `query:"DisableApiStop"`
	Hibernation           hibernation       `query:"HibernationOptions"`
	// What AWS's machines have and a namespace has not.
	_ query.Ignored `query:"AdditionalInfo"`
	_ query.Ignored `query:"BlockDeviceMapping"`
	_ query.Ignored `query:"CapacityReservationSpecification"`
	_ query.Ignored `query:"CpuOptions"`
	_ query.Ignored `query:"CreditSpecification"`
	_ query.Ignored `query:"EbsOptimized"`
	_ query.Ignored `query:"EnablePrimaryIpv6"`
	_ query.Ignored `query:"EnclaveOptions"`
	_ query.Ignored `query:"IamInstanceProfile"`
	_ query.Ignored `query:"InstanceInitiatedShutdownBehavior"`
	_ query.Ignored `query:"KernelId"`
	_ query.Ignored `query:"MaintenanceOptions"`
	_ query.Ignored `query:"MetadataOptions"`
	_ query.Ignored `query:"Monitoring"`
	_ query.Ignored `query:"NetworkPerformanceOptions"`
	_ query.Ignored `query:"PrivateDnsNameOptions"`
	_ query.Ignored `query:"RamdiskId"`
	_ query.Ignored `query:"UserData"` // no image reads it
}

// hibernation says whether an instance can be hibernated.
type hibernation struct {
	Configured bool `query:"Configured"`
}

// launchPlacement says where instances are to run.
type launchPlacement struct {
	AvailabilityZone   string        `query:"AvailabilityZone"`
	AvailabilityZoneID string        `query:"AvailabilityZoneId"`
	_                  query.Ignored `query:"GroupName"`
	_                  query.Ignored `query:"Tenancy"`
}

func (c *call) runInstances(in *runInstancesRequest) (*reservation, error) {
	if err := c.checkLaunch(in); err != nil {
		return nil, err
	}
	tags, err := in.tagsFor("instance", "network-interface", "volume", "elastic-gpu", "spot-instances-request")
	if err != nil {
		return nil, err
	}
	interfaceTags, err := in.tagsFor("network-interface", "instance", "volume", "elastic-gpu", "spot-instances-request")
	if err != nil {
		return nil, err
	}
	slots, err := c.slots(in)
	if err != nil {
		return nil, err
	}
	if err := c.forget(); err != nil {
		return nil, err
	}
	l := launcher{call: c, in: in, slots: slots, names: c.takenNames(), tags: tags, interfaceTags: interfaceTags}
	return l.launch()
}

// checkLaunch refuses a request for what cannot be launched, interfaces aside.
func (c *call) checkLaunch(in *runInstancesRequest) error {
	images := c.options.Images()
	switch {
	case len(images) == 0:
		return query.Errorf("UnsupportedOperation", "This gateway runs no lab: instances are launched where sgate lab up serves the API.")
	case in.ImageID == "":
		return missing("ImageId")
	case !strings.HasPrefix(in.ImageID, "ami-"):
		return malformedID("InvalidAMIID.Malformed", "ami", in.ImageID)
	case !slices.ContainsFunc(images, func(im Image) bool { return im.ID == in.ImageID }):
		return noImage(in.ImageID)
	case in.MinCount < 1:
		return invalid("Value (%d) for parameter minCount is invalid. Want at least 1.", in.MinCount)
	case in.MaxCount < in.MinCount:
		return invalid("Value (%d) for parameter maxCount is invalid. Want at least minCount, %d.", in.MaxCount, in.MinCount)
	case in.MaxCount > maxLaunch:
		return query.Errorf("InstanceLimitExceeded", "You have requested %d instances at once: want at most %d in one request.", in.MaxCount, maxLaunch)
	case in.DisableAPITermination || in.DisableAPIStop:
		return noProtection()
	case in.Hibernation.Configured:
		return query.Errorf("UnsupportedOperation", "Instances cannot be hibernated here.")
	}
	if in.InstanceType == "" {
		in.InstanceType = defaultInstanceType
	}
	return checkInstanceType(in.InstanceType)
}

func noImage(id string) error {
	return query.Errorf("InvalidAMIID.NotFound", "The image id '[%s]' does not exist", id)
}

// noProtection refuses what would not be kept.
func noProtection() error {
	return query.Errorf("UnsupportedOperation", "Instances cannot be protected from being stopped or terminated here.")
}

var instanceTypeForm = regexp.MustCompile(`^[a-z][a-z0-9-]{0,30}\.[a-z0-9-]{1,30}$`)

// checkInstanceType refuses what is no instance type. Which types AWS has is no
// matter to a namespace.
func checkInstanceType(name string) error {
	if !instanceTypeForm.MatchString(name) {
		return invalid("Invalid value '%s' for InstanceType.", name)
	}
	return nil
}

// launcher launches the instances of one call.
type launcher struct {
	*call
	in                  *runInstancesRequest
	slots               []slot
	names               map[string]bool // that no other instance may have
	tags, interfaceTags []vpc.Tag
}

// launch launches as many instances as there are addresses for, MinCount at least.
func (l *launcher) launch() (*reservation, error) {
	out := &reservation{ID: l.newID("r"), OwnerID: l.owner()}
	for i := range l.in.MaxCount {
		m, err := l.make(out.ID, i)
		var fault *query.Error
		if errors.As(err, &fault) && fault.Code == noAddresses && i >= l.in.MinCount {
			return out, nil
		}
		if err == nil {
			err = l.put(&m)
		}
		if err != nil {
			return nil, err
		}
		out.Instances = append(out.Instances, l.tellInstance(&m, "pending"))
	}
	return out, nil
}

// make returns an instance that is to be launched, with its interfaces.
func (l *launcher) make(reservationID string, index int) (wiredInstance, error) {
	now := l.now()
	in := vpc.Instance{
		ID: l.newID("i"), VPCID: l.slots[0].subnet.VPCID, SubnetID: l.slots[0].subnet.ID, ImageID: l.in.ImageID, Type: l.in.InstanceType,
		KeyName: l.in.KeyName, ReservationID: reservationID, LaunchIndex: index, LaunchTime: now, State: vpc.Running, StateTime: now,
	}
	in.Name = instanceName(in.ID, l.tags, l.names)
	m := wiredInstance{Instance: in}
	for _, s := range l.slots {
		nic, err := l.interfaceFor(s)
		if err != nil {
			return m, err
		}
		nic.Attachment = vpc.Attachment{InstanceID: in.ID, DeviceIndex: s.index, DeleteOnTermination: s.deleteOnTermination, Time: now}
		if s.index == 0 {
			nic.Name = in.Name
		}
		m.nics = append(m.nics, nic)
	}
	return m, nil
}

func (l *launcher) interfaceFor(s slot) (vpc.NetworkInterface, error) {
	if s.existing != nil {
		return *s.existing, nil
	}
	return l.newInterface(s.pool, s.new)
}

// put adds an instance and its interfaces to the draft, with the tags of the
// request.
func (l *launcher) put(m *wiredInstance) error {
	if err := l.Instances.Put(m.Instance); err != nil {
		return err
	}
	l.names[m.Name] = true
	if err := l.tagNew(m.ID, l.tags); err != nil {
		return err
	}
	for i, nic := range m.nics {
		if err := l.Interfaces.Put(nic); err != nil {
			return err
		}
		if l.slots[i].existing != nil {
			continue
		}
		if err := l.tagNew(nic.ID, l.interfaceTags); err != nil {
			return err
		}
	}
	return nil
}

var instanceNameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// instanceName returns what programs call an instance: its Name tag, if that can be
// part of a file's name and is free, or its id.
func instanceName(id string, tags []vpc.Tag, taken map[string]bool) string {
	for _, t := range tags {
		if t.Key == vpc.NameTag && instanceNameForm.MatchString(t.Value) && !taken[t.Value] {
			return t.Value
		}
	}
	return id
}

// takenNames returns the names and ids by which instances, interfaces and hosts are
// found.
func (c *call) takenNames() map[string]bool {
	taken := make(map[string]bool)
	for _, in := range c.Instances.All() {
		if in.State != vpc.Terminated {
			taken[in.Name], taken[in.ID] = true, true
		}
	}
	for _, nic := range c.Interfaces.All() {
		taken[nic.Name], taken[nic.ID] = true, true
	}
	for _, h := range c.options.Store.View().Hosts() {
		taken[h.Name], taken[h.ID] = true, true
	}
	return taken
}
