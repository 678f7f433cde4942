package ec2

import (
	"cmp"
	"runtime"
	"strings"
	"time"

	"github.com/sgate/sgate/ec2/query"
	"github.com/sgate/sgate/vpc"
)

// terminatedFor is how long a terminated instance is listed. AWS does not say
// exactly: about an hour.
const terminatedFor = time.Hour

// userInitiated is why an instance is stopped or terminated that a call stopped or
// terminated, as AWS says it.
const userInitiated = "Client.UserInitiatedShutdown: User initiated shutdown"

// What DescribeInstances says of instances, which are namespaces of one machine.
const (
	rootDeviceName     = "/dev/xvda"
	rootDeviceType     = "ebs" // the kind that can be stopped
	hypervisor         = "xen" // what AWS says of Nitro, too
	virtualizationType = "hvm"
	platformDetails    = "Linux/UNIX"
	tenancy            = "default"
)

// architecture is that of the machine that all instances share.
func architecture() string {
	if runtime.GOARCH == "amd64" {
		return "x86_64"
	}
	return runtime.GOARCH
}

// wiredInstance is an instance with its interfaces, in the order of their device indexes.
type wiredInstance struct {
	vpc.Instance
	nics []vpc.NetworkInterface
}

// reservation is instances that one call launched.
type reservation struct {
	ID        string            `xml:"reservationId"`
	OwnerID   string            `xml:"ownerId"`
	Groups    []groupIdentifier `xml:"groupSet"` // of EC2-Classic: always empty
	Instances []instanceItem    `xml:"instancesSet"`
}

// instanceItem is an instance as DescribeInstances tells it.
type instanceItem struct {
	ID                 string              `xml:"instanceId"`
	ImageID            string              `xml:"imageId"`
	State              instanceState       `xml:"instanceState"`
	PrivateDNSName     string              `xml:"privateDnsName"`
	DNSName            string              `xml:"dnsName"`
	Reason             string              `xml:"reason"`
	KeyName            string              `xml:"keyName,omitempty"`
	LaunchIndex        int                 `xml:"amiLaunchIndex"`
	InstanceType       string              `xml:"instanceType"`
	LaunchTime         time.Time           `xml:"launchTime"`
	Placement          placement           `xml:"placement"`
	PlatformDetails    string              `xml:"platformDetails"`
	Monitoring         blockState          `xml:"monitoring"`
	SubnetID           string              `xml:"subnetId,omitempty"`
	VPCID              string              `xml:"vpcId,omitempty"`
	PrivateAddress     string              `xml:"privateIpAddress,omitempty"`
	IPv6Address        string              `xml:"ipv6Address,omitempty"`
	SourceDestCheck    *bool               `xml:"sourceDestCheck"`
	Groups             []groupIdentifier   `xml:"groupSet"`
	StateReason        *stateReason        `xml:"stateReason"`
	Architecture       string              `xml:"architecture"`
	RootDeviceType     string              `xml:"rootDeviceType"`
	RootDeviceName     string              `xml:"rootDeviceName"`
	BlockDevices       []deviceMapping     `xml:"blockDeviceMapping"`
	VirtualizationType string              `xml:"virtualizationType"`
	Tags               []tag               `xml:"tagSet"`
	Hypervisor         string              `xml:"hypervisor"`
	Interfaces         []instanceInterface `xml:"networkInterfaceSet"`
	EBSOptimized       bool                `xml:"ebsOptimized"`
	ENASupport         bool                `xml:"enaSupport"`
}

// deviceMapping is a volume of an instance: there is none here.
type deviceMapping struct {
	DeviceName string `xml:"deviceName"`
}

type placement struct {
	AvailabilityZone   string `xml:"availabilityZone"`
	AvailabilityZoneID string `xml:"availabilityZoneId"`
	GroupName          string `xml:"groupName"`
	Tenancy            string `xml:"tenancy"`
}

// stateReason says why an instance is stopped or terminated.
type stateReason struct {
	Code    string `xml:"code"`
	Message string `xml:"message"`
}

// instanceState is a state on the wire.
type instanceState struct {
	Code int    `xml:"code"`
	Name string `xml:"name"`
}

// stateNamed returns a state, or one of those that are passed through within a
// call and seen in its answer alone.
func stateNamed(name vpc.InstanceState) instanceState {
	codes := map[vpc.InstanceState]int{
		"pending": 0, vpc.Running: 16, "shutting-down": 32, vpc.Terminated: 48, "stopping": 64, vpc.Stopped: 80,
	}
	return instanceState{codes[name], string(name)}
}

// instanceInterface is an interface as DescribeInstances tells it.
type instanceInterface struct {
	ID               string            `xml:"networkInterfaceId"`
	SubnetID         string            `xml:"subnetId"`
	VPCID            string            `xml:"vpcId"`
	Description      string            `xml:"description"`
	OwnerID          string            `xml:"ownerId"`
	Status           string            `xml:"status"`
	MACAddress       string            `xml:"macAddress"`
	PrivateAddress   string            `xml:"privateIpAddress,omitempty"`
	PrivateDNSName   string            `xml:"privateDnsName,omitempty"`
	SourceDestCheck  bool              `xml:"sourceDestCheck"`
	Groups           []groupIdentifier `xml:"groupSet"`
	Attachment       *placeInInstance  `xml:"attachment"`
	Tracking         *trackingAnswer   `xml:"connectionTrackingConfiguration"`
	PrivateAddresses []privateAnswer   `xml:"privateIpAddressesSet"`
	IPv6Addresses    []ipv6Answer      `xml:"ipv6AddressesSet"`
	InterfaceType    string            `xml:"interfaceType"`
}

// tellInstance returns what is told of an instance in a state.
func (c *call) tellInstance(m *wiredInstance, state vpc.InstanceState) instanceItem {
	subnet, _ := c.Subnets.Get(m.SubnetID)
	at := c.zoneNamed(subnet.AvailabilityZone)
	out := instanceItem{
		ID: m.ID, ImageID: m.ImageID, State: stateNamed(state), KeyName: m.KeyName, LaunchIndex: m.LaunchIndex,
		InstanceType: cmp.Or(m.Type, defaultInstanceType), LaunchTime: c.since(m.LaunchTime), Placement: placement{at.Name, at.ID, "", tenancy},
		PlatformDetails: platformDetails, Monitoring: blockState{"disabled"}, Architecture: architecture(),
		RootDeviceType: rootDeviceType, RootDeviceName: rootDeviceName, VirtualizationType: virtualizationType,
		Tags: c.tagsOf(m.ID), Hypervisor: hypervisor, ENASupport: true,
	}
	out.Reason, out.StateReason = reasonOf(&m.Instance)
	for i := range m.nics {
		out.Interfaces = append(out.Interfaces, c.tellWithin(&m.nics[i]))
	}
	if m.State != vpc.Terminated {
		out.SubnetID, out.VPCID = m.SubnetID, m.VPCID
	}
	if len(m.nics) > 0 {
		c.tellPrimary(&out, &m.nics[0])
	}
	return out
}

// tellPrimary adds what an instance has from its primary interface.
func (c *call) tellPrimary(out *instanceItem, nic *vpc.NetworkInterface) {
	out.SourceDestCheck, out.Groups = &nic.SourceDestCheck, c.identifiers(nic.GroupIDs)
	if ipv4 := ofFamily(nic.Addresses, false); len(ipv4) > 0 {
		out.PrivateAddress, out.PrivateDNSName = ipv4[0].String(), c.dnsName(ipv4[0])
	}
	if ipv6 := ofFamily(nic.Addresses, true); len(ipv6) > 0 {
		out.IPv6Address = ipv6[0].String()
	}
}

// tellWithin returns what is told of an interface below its instance.
func (c *call) tellWithin(nic *vpc.NetworkInterface) instanceInterface {
	n := c.tell(nic)
	return instanceInterface{
		ID: n.ID, SubnetID: n.SubnetID, VPCID: n.VPCID, Description: n.Description, OwnerID: n.OwnerID, Status: n.Status,
		MACAddress: n.MACAddress, PrivateAddress: n.PrivateAddress, PrivateDNSName: n.PrivateDNSName, SourceDestCheck: n.SourceDestCheck,
		Groups: n.Groups, Attachment: &n.Attachment.placeInInstance, Tracking: n.Tracking, PrivateAddresses: n.PrivateAddresses,
		IPv6Addresses: n.IPv6Addresses, InterfaceType: n.InterfaceType,
	}
}

// reasonOf returns why an instance is in its state, in both of AWS's forms.
func reasonOf(in *vpc.Instance) (string, *stateReason) {
	if in.StateReason == "" {
		return "", nil
	}
	code, _, _ := strings.Cut(in.StateReason, ":")
	reason := ""
	if in.StateReason == userInitiated {
		reason = "User initiated (" + in.StateTime.UTC().Format("2006-01-02 15:04:05") + " GMT)"
	}
	return reason, &stateReason{code, in.StateReason}
}

// machines returns all instances that are listed.
func (c *call) machines() []wiredInstance {
	attached := c.attachedTo()
	var out []wiredInstance
	for _, in := range c.Instances.All() {
		if !c.forgotten(&in) {
			out = append(out, wiredInstance{in, attached[in.ID]})
		}
	}
	return out
}

// forgotten reports whether an instance was terminated so long ago that it is not
// listed any more.
func (c *call) forgotten(in *vpc.Instance) bool {
	return in.State == vpc.Terminated && c.now().Sub(in.StateTime) > terminatedFor
}

// forget removes instances that are not listed any more.
func (c *call) forget() error {
	for _, in := range c.Instances.All() {
		if !c.forgotten(&in) {
			continue
		}
		if err := c.Instances.Delete(in.ID); err != nil {
			return err
		}
		if err := c.untag(in.ID); err != nil {
			return err
		}
	}
	return nil
}

// instance returns an instance that a request names.
func (c *call) instance(id string) (vpc.Instance, error) {
	all, err := c.instancesNamed([]string{id})
	if err != nil {
		return vpc.Instance{}, err
	}
	return all[0], nil
}

// instancesNamed returns the instances that a request names, each once.
func (c *call) instancesNamed(ids []string) ([]vpc.Instance, error) {
	var out []vpc.Instance
	var unknown []string
	seen := make(map[string]bool)
	for _, id := range ids {
		in, ok := c.Instances.Get(id)
		switch {
		case seen[id]:
		case ok && !c.forgotten(&in):
			out = append(out, in)
		case !vpc.IsID("i", id):
			return nil, malformedID("InvalidInstanceID.Malformed", "i", id)
		default:
			unknown = append(unknown, id)
		}
		seen[id] = true
	}
	switch len(unknown) {
	case 0:
		return out, nil
	case 1:
		return nil, noInstance(unknown[0])
	}
	return nil, query.Errorf("InvalidInstanceID.NotFound", "The instance IDs '%s' do not exist", strings.Join(unknown, ", "))
}

// wrongState refuses what cannot be done with an instance in its state.
func wrongState(format string, args ...any) error {
	return query.Errorf("IncorrectInstanceState", format, args...)
}

func instanceActions() []action {
	return []action{
		write("RunInstances", (*call).runInstances),
		read("DescribeInstances", (*call).describeInstances),
		write("TerminateInstances", (*call).terminateInstances),
		write("StopInstances", (*call).stopInstances),
		write("StartInstances", (*call).startInstances),
		write("ModifyInstanceAttribute", (*call).modifyInstanceAttribute),
		read("DescribeInstanceAttribute", (*call).describeInstanceAttribute),
		read("DescribeInstanceStatus", (*call).describeInstanceStatus),
		read("DescribeInstanceTypes", (*call).describeInstanceTypes),
		read("DescribeImages", (*call).describeImages),
	}
}
