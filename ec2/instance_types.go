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

var typeFilters = filters[instanceType]{
	"bare-metal":                            ofType(func(t *instanceType) string { return strconv.FormatBool(t.BareMetal) }),
	"burstable-performance-supported":       ofType(func(t *instanceType) string { return strconv.FormatBool(t.BurstablePerformance) }),
	"current-generation":                    ofType(func(t *instanceType) string { return strconv.FormatBool(t.CurrentGeneration) }),
	"instance-type":                         ofType(func(t *instanceType) string { return t.Name }),
	"processor-info.supported-architecture": ofType(func(t *instanceType) string { return t.Processor.Architectures[0] }),
	"supported-root-device-type":            ofType(func(t *instanceType) string { return t.RootDeviceTypes[0] }),
	"supported-usage-class":                 ofType(func(t *instanceType) string { return t.UsageClasses[0] }),
	"supported-virtualization-type":         ofType(func(t *instanceType) string { return t.VirtualizationTypes[0] }),
}

func ofType(of func(*instanceType) string) func(*call, *instanceType) []string {
	return func(_ *call, t *instanceType) []string { return []string{of(t)} }
}
