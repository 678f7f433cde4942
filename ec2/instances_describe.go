package ec2

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sgate/sgate/ec2/query"
	"github.com/sgate/sgate/vpc"
)

type describeInstancesRequest struct {
	filtered
	paged
	IDs []string `query:"InstanceId"`
}

type describeInstancesAnswer struct {
	Reservations []reservation `xml:"reservationSet"`
	nextPage
}

func (c *call) describeInstances(in *describeInstancesRequest) (*describeInstancesAnswer, error) {
	machines, err := c.machinesNamed(in.IDs, in.paged)
	if err != nil {
		return nil, err
	}
	machines, err = selected(c, machines, in.Filters, instanceFilters, idOfMachine)
	if err != nil {
		return nil, err
	}
	machines, next, err := page(machines, in.paged, ordinaryPages, machineOrder)
	return &describeInstancesAnswer{c.reservations(machines), next}, err
}

// machinesNamed returns the machines with those ids, all without any.
func (c *call) machinesNamed(ids []string, p paged) ([]wiredInstance, error) {
	if ids != nil && p.MaxResults != nil {
		return nil, notTogether("instancesSet", "maxResults")
	}
	if _, err := c.instancesNamed(ids); err != nil {
		return nil, err
	}
	return named(c.machines(), ids, idOfMachine, noInstance)
}

func idOfMachine(m *wiredInstance) string { return m.ID }

// machineOrder sorts instances so that those of a reservation stand together.
func machineOrder(m *wiredInstance) string {
	return fmt.Sprintf("%s %06d %s", m.ReservationID, m.LaunchIndex, m.ID)
}

// reservations returns what is told of instances.
func (c *call) reservations(machines []wiredInstance) []reservation {
	var out []reservation
	at := make(map[string]int)
	for i := range machines {
		m := &machines[i]
		j, is := at[m.ReservationID]
		if !is {
			j = len(out)
			at[m.ReservationID] = j
			out = append(out, reservation{ID: m.ReservationID, OwnerID: c.owner()})
		}
		out[j].Instances = append(out[j].Instances, c.tellInstance(m, m.State))
	}
	return out
}

// instanceFilters are those of DescribeInstances. Filters about what no instance
// has here, such as volumes and public addresses, pass none; group-id and
// group-name are about groups of EC2-Classic.
var instanceFilters = newInstanceFilters()

func newInstanceFilters() filters[wiredInstance] {
	all := filters[wiredInstance]{
		"availability-zone":    ofInstance(func(i *instanceItem) string { return i.Placement.AvailabilityZone }),
		"availability-zone-id": ofInstance(func(i *instanceItem) string { return i.Placement.AvailabilityZoneID }),
		"image-id":             ofInstance(func(i *instanceItem) string { return i.ImageID }),
		"instance-id":          func(_ *call, m *wiredInstance) []string { return []string{m.ID} },
		"instance-state-code":  ofInstance(func(i *instanceItem) string { return strconv.Itoa(i.State.Code) }),
		"instance-state-name":  func(_ *call, m *wiredInstance) []string { return []string{string(m.State)} },
		"instance-type":        ofInstance(func(i *instanceItem) string { return i.InstanceType }),
		"instance.group-id":    ofInstanceGroups(func(g groupIdentifier) string { return g.ID }),
		"instance.group-name":  ofInstanceGroups(func(g groupIdentifier) string { return g.Name }),
		"ipv6-address":         ofInstance(func(i *instanceItem) string { return i.IPv6Address }),
		"key-name":             ofInstance(func(i *instanceItem) string { return i.KeyName }),
		"launch-index":         ofInstance(func(i *instanceItem) string { return strconv.Itoa(i.LaunchIndex) }),
		"launch-time":          ofInstance(func(i *instanceItem) string { return timeText(i.LaunchTime) }),
		"owner-id":             func(c *call, _ *wiredInstance) []string { return []string{c.owner()} },
		"private-dns-name":     ofInstance(func(i *instanceItem) string { return i.PrivateDNSName }),
		"private-ip-address":   ofInstance(func(i *instanceItem) string { return i.PrivateAddress }),
		"reason":               ofInstance(func(i *instanceItem) string { return i.Reason }),
		"reservation-id":       func(_ *call, m *wiredInstance) []string { return []string{m.ReservationID} },
		"source-dest-check": ofInstance(func(i *instanceItem) string {
			return boolText(i.SourceDestCheck)
		}),
		"state-reason-code":           ofReason(func(r *stateReason) string { return r.Code }),
		"state-reason-message":        ofReason(func(r *stateReason) string { return r.Message }),
		"subnet-id":                   ofInstance(func(i *instanceItem) string { return i.SubnetID }),
		"vpc-id":                      ofInstance(func(i *instanceItem) string { return i.VPCID }),
		"network-interface.tag-key":   ofInterfaceTags("tag-key"),
		"network-interface.tag-value": ofInterfaceTags("tag-value"),
	}
	for name, value := range map[string]string{
		"architecture": architecture(), "ebs-optimized": "false", "ena-support": "true", "hypervisor": hypervisor,
		"monitoring-state": "disabled", "operator.managed": "false", "platform-details": platformDetails,
		"root-device-name": rootDeviceName, "root-device-type": rootDeviceType, "tenancy": tenancy,
		"virtualization-type": virtualizationType,
	} {
		all[name] = func(*call, *wiredInstance) []string { return []string{value} }
	}
	all.without(`affinity block-device-mapping.attach-time block-device-mapping.delete-on-termination
		block-device-mapping.device-name block-device-mapping.status block-device-mapping.volume-id boot-mode capacity-reservation-id
		capacity-reservation-specification.capacity-reservation-preference
		capacity-reservation-specification.capacity-reservation-target.capacity-reservation-id
		capacity-reservation-specification.capacity-reservation-target.capacity-reservation-resource-group-arn client-token
		current-instance-boot-mode dns-name enclave-options.enabled group-id group-name hibernation-options.configured host-id iam-instance-profile.arn
		iam-instance-profile.id instance-lifecycle ip-address kernel-id maintenance-options.auto-recovery metadata-options.http-endpoint
		metadata-options.http-protocol-ipv4 metadata-options.http-protocol-ipv6 metadata-options.http-put-response-hop-limit
		metadata-options.http-tokens metadata-options.instance-metadata-tags metadata-options.state
		network-performance-options.bandwidth-weighting operator.principal outpost-arn placement-group-name placement-partition-number
		platform private-dns-name-options.enable-resource-name-dns-a-record private-dns-name-options.enable-resource-name-dns-aaaa-record
		private-dns-name-options.hostname-type product-code product-code.type ramdisk-id requester-id spot-instance-request-id tpm-support
		usage-operation usage-operation-update-time`)
	maps.Copy(all, filtersOfInterfaces())
	return all
}

// moreOfInterfaces are the filters on interfaces that DescribeInstances has and
// DescribeNetworkInterfaces has not.
func moreOfInterfaces() filters[vpc.NetworkInterface] {
	all := filters[vpc.NetworkInterface]{
		"addresses.private-dns-name":    ofPrivateAddresses(func(a privateAnswer) string { return a.DNSName }),
		"attachment.network-card-index": ofAttachment(func(_ *call, a *interfaceAttachment) string { return strconv.Itoa(a.NetworkCardIndex) }),
		"deny-all-igw-traffic":          ofTold(func(n networkInterface) string { return strconv.FormatBool(n.DenyAllIGWTraffic) }),
		"ipv6-address":                  ipv6AddressesOf,
		"ipv6-native":                   ofTold(func(n networkInterface) string { return strconv.FormatBool(n.IPv6Native) }),
	}
	all.without(`addresses.association.allocation-id addresses.association.association-id addresses.association.carrier-ip
		addresses.association.customer-owned-ip addresses.association.public-dns-name association.carrier-ip association.customer-owned-ip
		ipv4-prefixes.ipv4-prefix ipv6-addresses.is-primary-ipv6 ipv6-prefixes.ipv6-prefix outpost-arn public-dns-name`)
	return all
}

// filtersOfInterfaces are those of interfaces, as DescribeInstances calls them: an
// instance passes if one of its interfaces does.
func filtersOfInterfaces() filters[wiredInstance] {
	known := moreOfInterfaces()
	maps.Copy(known, interfaceFilters)
	out := make(filters[wiredInstance], len(known))
	for name, of := range known {
		if name == "interface-type" || name == "availability-zone-id" {
			continue // DescribeInstances has none
		}
		name = strings.Replace(name, "addresses.association.owner-id", "addresses.association.ip-owner-id", 1)
		out["network-interface."+name] = func(c *call, m *wiredInstance) []string {
			var values []string
			for i := range m.nics {
				values = append(values, of(c, &m.nics[i])...)
			}
			return values
		}
	}
	return out
}

// ofInstance compares what is told of an instance, unless that is nothing.
func ofInstance(of func(*instanceItem) string) func(*call, *wiredInstance) []string {
	return func(c *call, m *wiredInstance) []string {
		item := c.tellInstance(m, m.State)
		return slices.DeleteFunc([]string{of(&item)}, func(s string) bool { return s == "" })
	}
}

func ofInstanceGroups(of func(groupIdentifier) string) func(*call, *wiredInstance) []string {
	return func(c *call, m *wiredInstance) []string {
		var out []string
		if len(m.nics) > 0 {
			for _, g := range c.identifiers(m.nics[0].GroupIDs) {
				out = append(out, of(g))
			}
		}
		return out
	}
}

func ofReason(of func(*stateReason) string) func(*call, *wiredInstance) []string {
	return ofInstance(func(i *instanceItem) string {
		if i.StateReason == nil {
			return ""
		}
		return of(i.StateReason)
	})
}

func ofInterfaceTags(filter string) func(*call, *wiredInstance) []string {
	return func(c *call, m *wiredInstance) []string {
		var out []string
		for i := range m.nics {
			out = append(out, c.tagValues(filter, m.nics[i].ID)...)
		}
		return out
	}
}

// timeText and boolText write values as answers have them, for filters.
func timeText(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func boolText(b *bool) string {
	if b == nil {
		return ""
	}
	return strconv.FormatBool(*b)
}

// primaryOf returns an instance's primary interface and refuses what is said of
// the instance where it could mean any of several.
func (c *call) primaryOf(in *vpc.Instance) (vpc.NetworkInterface, error) {
	switch nics := c.interfacesOf(in.ID); len(nics) {
	case 0:
		return vpc.NetworkInterface{}, wrongState("The instance '%s' has no network interface: it is %s.", in.ID, in.State)
	case 1:
		return nics[0], nil
	}
	return vpc.NetworkInterface{}, query.Errorf("InvalidInstanceID",
		"There are multiple interfaces attached to instance '%s'. Please specify an interface ID for the operation instead.", in.ID)
}
