package ec2

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sgate/sgate/ec2/query"
	"github.com/sgate/sgate/vpc"
)

type describeInstanceTypesRequest struct {
	filtered
	paged
	Names []string `query:"InstanceType"`
}

type describeInstanceTypesAnswer struct {
	Types []instanceType `xml:"instanceTypeSet"`
	nextPage
}

// instanceType is an instance type, as far as it makes a difference here.
type instanceType struct {
	Name                 string        `xml:"instanceType"`
	CurrentGeneration    bool          `xml:"currentGeneration"`
	UsageClasses         []string      `xml:"supportedUsageClasses"`
	RootDeviceTypes      []string      `xml:"supportedRootDeviceTypes"`
	VirtualizationTypes  []string      `xml:"supportedVirtualizationTypes"`
	BareMetal            bool          `xml:"bareMetal"`
	Processor            processorInfo `xml:"processorInfo"`
	Network              networkInfo   `xml:"networkInfo"`
	InstanceStorage      bool          `xml:"instanceStorageSupported"`
	Hibernation          bool          `xml:"hibernationSupported"`
	BurstablePerformance bool          `xml:"burstablePerformanceSupported"`
	DedicatedHosts       bool          `xml:"dedicatedHostsSupported"`
	AutoRecovery         bool          `xml:"autoRecoverySupported"`
}

type processorInfo struct {
	Architectures []string `xml:"supportedArchitectures"`
}

type networkInfo struct {
	MaximumInterfaces int             `xml:"maximumNetworkInterfaces"`
	IPv4PerInterface  int             `xml:"ipv4AddressesPerInterface"`
	IPv6PerInterface  int             `xml:"ipv6AddressesPerInterface"`
	IPv6Supported     bool            `xml:"ipv6Supported"`
	Tracking          defaultTracking `xml:"connectionTrackingConfiguration"`
}

// defaultTracking is the idle timeouts of interfaces that set none, in seconds.
type defaultTracking struct {
	TCPEstablished int `xml:"defaultTcpEstablishedTimeout"`
	UDP            int `xml:"defaultUdpTimeout"`
	UDPStream      int `xml:"defaultUdpStreamTimeout"`
}

// describeInstanceTypes tells the types that a request names, or else those of the
// instances that there are. A namespace is the same whatever its type.
func (c *call) describeInstanceTypes(in *describeInstanceTypesRequest) (*describeInstanceTypesAnswer, error) {
	if in.Names != nil && in.MaxResults != nil {
		return nil, notTogether("instanceTypes", "maxResults")
	}
	names := slices.Clone(in.Names)
	var unfit []string
	for _, name := range names {
		if checkInstanceType(name) != nil {
			unfit = append(unfit, name)
		}
	}
	if unfit != nil {
		return nil, query.Errorf("InvalidInstanceType", "The following supplied instance types do not exist: [%s]", strings.Join(unfit, ", "))
	}
	if in.Names == nil {
		names = c.typesInUse()
	}
	slices.Sort(names)
	var all []instanceType
	for _, name := range slices.Compact(names) {
		all = append(all, instanceTypeNamed(name))
	}
	all, err := selected(c, all, in.Filters, typeFilters, nil)
	if err != nil {
		return nil, err
	}
	all, next, err := page(all, in.paged, pageSizes{5, 100}, func(t *instanceType) string { return t.Name })
	return &describeInstanceTypesAnswer{all, next}, err
}

func (c *call) typesInUse() []string {
	names := []string{defaultInstanceType}
	for _, in := range c.Instances.All() {
		if in.Type != "" {
			names = append(names, in.Type)
		}
	}
	return names
}

func instanceTypeNamed(name string) instanceType {
	return instanceType{
		Name: name, CurrentGeneration: true, UsageClasses: []string{"on-demand"}, RootDeviceTypes: []string{rootDeviceType},
		VirtualizationTypes: []string{virtualizationType}, Processor: processorInfo{[]string{architecture()}},
		Network: networkInfo{
			MaximumInterfaces: maxInterfaces, IPv4PerInterface: maxAddresses, IPv6PerInterface: maxAddresses, IPv6Supported: true,
			Tracking: defaultTracking{
				int(vpc.MaxTCPEstablishedTimeout / time.Second), int(vpc.MinUDPTimeout / time.Second), int(vpc.MaxUDPStreamTimeout / time.Second),
			},
		},
	}
}

// typeFilters are those of DescribeInstanceTypes: a namespace has neither
// processors, memory nor disks of its own.
var typeFilters = filters[instanceType]{
	"auto-recovery-supported":               ofType(func(t *instanceType) string { return strconv.FormatBool(t.AutoRecovery) }),
	"bare-metal":                            ofType(func(t *instanceType) string { return strconv.FormatBool(t.BareMetal) }),
	"burstable-performance-supported":       ofType(func(t *instanceType) string { return strconv.FormatBool(t.BurstablePerformance) }),
	"current-generation":                    ofType(func(t *instanceType) string { return strconv.FormatBool(t.CurrentGeneration) }),
	"dedicated-hosts-supported":             ofType(func(t *instanceType) string { return strconv.FormatBool(t.DedicatedHosts) }),
	"hibernation-supported":                 ofType(func(t *instanceType) string { return strconv.FormatBool(t.Hibernation) }),
	"instance-storage-supported":            ofType(func(t *instanceType) string { return strconv.FormatBool(t.InstanceStorage) }),
	"instance-type":                         ofType(func(t *instanceType) string { return t.Name }),
	"network-info.ipv6-supported":           ofType(func(t *instanceType) string { return strconv.FormatBool(t.Network.IPv6Supported) }),
	"processor-info.supported-architecture": ofType(func(t *instanceType) string { return t.Processor.Architectures[0] }),
	"supported-root-device-type":            ofType(func(t *instanceType) string { return t.RootDeviceTypes[0] }),
	"supported-usage-class":                 ofType(func(t *instanceType) string { return t.UsageClasses[0] }),
	"supported-virtualization-type":         ofType(func(t *instanceType) string { return t.VirtualizationTypes[0] }),

	"network-info.ipv4-addresses-per-interface": ofType(func(t *instanceType) string { return strconv.Itoa(t.Network.IPv4PerInterface) }),
	"network-info.ipv6-addresses-per-interface": ofType(func(t *instanceType) string { return strconv.Itoa(t.Network.IPv6PerInterface) }),
	"network-info.maximum-network-interfaces":   ofType(func(t *instanceType) string { return strconv.Itoa(t.Network.MaximumInterfaces) }),
}.without(`ebs-info.attachment-limit-type ebs-info.ebs-optimized-info.baseline-bandwidth-in-mbps
	ebs-info.ebs-optimized-info.baseline-iops ebs-info.ebs-optimized-info.baseline-throughput-in-mbps
	ebs-info.ebs-optimized-info.maximum-bandwidth-in-mbps ebs-info.ebs-optimized-info.maximum-iops
	ebs-info.ebs-optimized-info.maximum-throughput-in-mbps ebs-info.ebs-optimized-support ebs-info.encryption-support
	ebs-info.maximum-ebs-attachments ebs-info.nvme-support free-tier-eligible hypervisor instance-storage-info.disk.count
	instance-storage-info.disk.size-in-gb instance-storage-info.disk.type instance-storage-info.encryption-support
	instance-storage-info.nvme-support instance-storage-info.total-size-in-gb memory-info.size-in-mib network-info.bandwidth-weightings
	network-info.efa-info.maximum-efa-interfaces network-info.efa-supported network-info.ena-support
	network-info.encryption-in-transit-supported network-info.flexible-ena-queues-support network-info.maximum-network-cards
	network-info.network-performance nitro-enclaves-support nitro-tpm-info.supported-versions nitro-tpm-support
	processor-info.supported-features processor-info.sustained-clock-speed-in-ghz reboot-migration-support supported-boot-mode
	vcpu-info.default-cores vcpu-info.default-threads-per-core vcpu-info.default-vcpus vcpu-info.valid-cores
	vcpu-info.valid-threads-per-core`)

func ofType(of func(*instanceType) string) func(*call, *instanceType) []string {
	return func(_ *call, t *instanceType) []string { return []string{of(t)} }
}
