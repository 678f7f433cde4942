package config

// The raw structs are the file's format: what keys there are and of what kind
// each value is. The shape check reads them by reflection. The label tag is
// what an item of a list, or a mapping, is called in an error; the item's name
// follows it if it has one.

// text is a string that may be written as a number: port_range: 443.
type text string

// texts is one text or a list of them.
type texts []string

// words is a list whose items may be any scalar, taken as written.
type words []string

type rawFile struct {
	Gateway        rawGateway      `mapstructure:"gateway" label:"gateway"`
	VPC            rawVPC          `mapstructure:"vpc" label:"vpc"`
	VPCs           []rawVPC        `mapstructure:"vpcs" label:"vpc"`
	Subnets        []rawSubnet     `mapstructure:"subnets" label:"subnet"`
	SecurityGroups []rawGroup      `mapstructure:"security_groups" label:"security group"`
	PrefixLists    []rawPrefixList `mapstructure:"prefix_lists" label:"prefix list"`
	NetworkACLs    []rawNetworkACL `mapstructure:"network_acls" label:"network acl"`
	Instances      []rawInstance   `mapstructure:"instances" label:"instance"`
	Interfaces     []rawInterface  `mapstructure:"network_interfaces" label:"network interface"`
	Hosts          []rawHost       `mapstructure:"hosts" label:"host"`
	Images         []rawImage      `mapstructure:"images" label:"image"`
	Quotas         rawQuotas       `mapstructure:"quotas" label:"quotas"`
	Account        rawAccount      `mapstructure:"account" label:"account"`
	FlowLogs       []rawFlowLog    `mapstructure:"flow_logs" label:"flow log"`
	LintIgnore     []rawSilence    `mapstructure:"lint_ignore" label:"lint_ignore"`
}

type rawVPC struct {
	Name                       string       `mapstructure:"name"`
	ID                         string       `mapstructure:"id"`
	CIDR                       string       `mapstructure:"cidr"`
	IPv6CIDR                   string       `mapstructure:"ipv6_cidr"`
	Default                    bool         `mapstructure:"default"`
	DNSSupport                 *bool        `mapstructure:"dns_support"`
	DNSHostnames               bool         `mapstructure:"dns_hostnames"`
	NetworkAddressUsageMetrics bool         `mapstructure:"network_address_usage_metrics"`
	Tags                       []rawTag     `mapstructure:"tags" label:"tag"`
	LintIgnore                 []rawSilence `mapstructure:"lint_ignore" label:"lint_ignore"`
}

type rawSubnet struct {
	Name                        string   `mapstructure:"name"`
	ID                          string   `mapstructure:"id"`
	VPC                         string   `mapstructure:"vpc"`
	CIDR                        string   `mapstructure:"cidr"`
	IPv6CIDR                    string   `mapstructure:"ipv6_cidr"`
	AvailabilityZone            string   `mapstructure:"availability_zone"`
	DefaultForAZ                bool     `mapstructure:"default_for_az"`
	MapPublicIPOnLaunch         bool     `mapstructure:"map_public_ip_on_launch"`
	AssignIPv6AddressOnCreation bool     `mapstructure:"assign_ipv6_address_on_creation"`
	Tags                        []rawTag `mapstructure:"tags" label:"tag"`
}

// rawTag is a tag of a resource. Its value may be any scalar, as written.
type rawTag struct {
	Key   Word `mapstructure:"key"`
	Value Word `mapstructure:"value"`
}

type rawGroup struct {
	Name        string       `mapstructure:"name"`
	ID          string       `mapstructure:"id"`
	VPC         string       `mapstructure:"vpc"`
	Description string       `mapstructure:"description"`
	Ingress     []rawRule    `mapstructure:"ingress" label:"ingress rule"`
	Egress      []rawRule    `mapstructure:"egress" label:"egress rule"`
	Tags        []rawTag     `mapstructure:"tags" label:"tag"`
	LintIgnore  []rawSilence `mapstructure:"lint_ignore" label:"lint_ignore"`
}

type rawRule struct {
	rawService  `mapstructure:",squash"`
	Source      texts        `mapstructure:"source"`
	Destination texts        `mapstructure:"destination"`
	Description string       `mapstructure:"description"`
	ID          string       `mapstructure:"id"`
	Tags        []rawTag     `mapstructure:"tags" label:"tag"`
	LintIgnore  []rawSilence `mapstructure:"lint_ignore" label:"lint_ignore"`
}

// rawService is the kind of traffic that a rule or an entry of a network ACL
// is about.
type rawService struct {
	Type      string `mapstructure:"type"`
	Protocol  text   `mapstructure:"protocol"`
	PortRange texts  `mapstructure:"port_range"`
	ICMPType  text   `mapstructure:"icmp_type"`
	ICMPCode  text   `mapstructure:"icmp_code"`
}

type rawNetworkACL struct {
	Name       string        `mapstructure:"name"`
	ID         string        `mapstructure:"id"`
	VPC        string        `mapstructure:"vpc"`
	Default    bool          `mapstructure:"default"`
	Subnets    texts         `mapstructure:"subnets"`
	Ingress    []rawACLEntry `mapstructure:"ingress" label:"ingress entry"`
	Egress     []rawACLEntry `mapstructure:"egress" label:"egress entry"`
	Tags       []rawTag      `mapstructure:"tags" label:"tag"`
	LintIgnore []rawSilence  `mapstructure:"lint_ignore" label:"lint_ignore"`
}

type rawACLEntry struct {
	Number      int    `mapstructure:"number"`
	Action      string `mapstructure:"action"`
	rawService  `mapstructure:",squash"`
	Source      string       `mapstructure:"source"`
	Destination string       `mapstructure:"destination"`
	LintIgnore  []rawSilence `mapstructure:"lint_ignore" label:"lint_ignore"`
}

type rawPrefixList struct {
	Name          string           `mapstructure:"name"`
	ID            string           `mapstructure:"id"`
	AddressFamily string           `mapstructure:"address_family"`
	MaxEntries    int              `mapstructure:"max_entries"`
	Entries       []rawEntry       `mapstructure:"entries" label:"entry"`
	Version       int              `mapstructure:"version"`
	History       []rawListVersion `mapstructure:"history" label:"history"`
	Tags          []rawTag         `mapstructure:"tags" label:"tag"`
	LintIgnore    []rawSilence     `mapstructure:"lint_ignore" label:"lint_ignore"`
}

// rawListVersion is what the entries of a prefix list were before.
type rawListVersion struct {
	Version int        `mapstructure:"version"`
	Entries []rawEntry `mapstructure:"entries" label:"entry"`
}

type rawEntry struct {
	CIDR        string `mapstructure:"cidr"`
	Description string `mapstructure:"description"`
}

type rawInstance struct {
	Name       string `mapstructure:"name"`
	ID         string `mapstructure:"id"`
	rawNetwork `mapstructure:",squash"`
	rawPlace   `mapstructure:",squash"`
	rawLaunch  `mapstructure:",squash"`
	Interface  rawPrimary   `mapstructure:"network_interface" label:"network_interface"`
	Tags       []rawTag     `mapstructure:"tags" label:"tag"`
	LintIgnore []rawSilence `mapstructure:"lint_ignore" label:"lint_ignore"`
}

// rawNetwork is an interface's place in a subnet and what filters it.
type rawNetwork struct {
	Subnet             string      `mapstructure:"subnet"`
	Address            string      `mapstructure:"address"`
	IPv6Address        string      `mapstructure:"ipv6_address"`
	SecondaryAddresses texts       `mapstructure:"secondary_addresses"`
	SecurityGroups     texts       `mapstructure:"security_groups"`
	SourceDestCheck    *bool       `mapstructure:"source_dest_check"`
	ConnectionTracking rawTracking `mapstructure:"connection_tracking" label:"connection_tracking"`
}

// rawLaunch is what an instance was launched as, and what became of it.
type rawLaunch struct {
	Image         string `mapstructure:"image"`
	InstanceType  string `mapstructure:"instance_type"`
	KeyName       string `mapstructure:"key_name"`
	State         string `mapstructure:"state"`
	StateReason   string `mapstructure:"state_reason"`
	StateTime     string `mapstructure:"state_time"`
	LaunchTime    string `mapstructure:"launch_time"`
	LaunchIndex   int    `mapstructure:"launch_index"`
	ReservationID string `mapstructure:"reservation_id"`
}

// rawPrimary is what an instance's primary interface has that is not the
// instance's as well.
type rawPrimary struct {
	ID          string   `mapstructure:"id"`
	Description string   `mapstructure:"description"`
	Tags        []rawTag `mapstructure:"tags" label:"tag"`
	rawAttached `mapstructure:",squash"`
}

// rawAttached is how an interface is attached to an instance.
type rawAttached struct {
	DeleteOnTermination *bool  `mapstructure:"delete_on_termination"`
	AttachTime          string `mapstructure:"attach_time"`
}

// rawInterface is an interface that is no instance's primary one.
type rawInterface struct {
	Name        string `mapstructure:"name"`
	ID          string `mapstructure:"id"`
	rawNetwork  `mapstructure:",squash"`
	Description string `mapstructure:"description"`
	Instance    string `mapstructure:"instance"`
	DeviceIndex int    `mapstructure:"device_index"`
	rawAttached `mapstructure:",squash"`
	Tags        []rawTag     `mapstructure:"tags" label:"tag"`
	LintIgnore  []rawSilence `mapstructure:"lint_ignore" label:"lint_ignore"`
}

// rawTracking is the idle timeouts of an interface, in seconds.
type rawTracking struct {
	TCPEstablishedTimeout int `mapstructure:"tcp_established_timeout"`
	UDPTimeout            int `mapstructure:"udp_timeout"`
	UDPStreamTimeout      int `mapstructure:"udp_stream_timeout"`
}

type rawHost struct {
	Name        string `mapstructure:"name"`
	VPC         string `mapstructure:"vpc"`
	Address     string `mapstructure:"address"`
	IPv6Address string `mapstructure:"ipv6_address"`
	rawPlace    `mapstructure:",squash"`
}

// rawPlace is where an endpoint's device goes and what runs behind it.
type rawPlace struct {
	Command   words  `mapstructure:"command"`
	Netns     string `mapstructure:"netns"`
	PID       int    `mapstructure:"pid"`
	Device    string `mapstructure:"device"`
	Configure *bool  `mapstructure:"configure"`
}

type rawQuotas struct {
	SecurityGroups             int `mapstructure:"security_groups"`
	RulesPerSecurityGroup      int `mapstructure:"rules_per_security_group"`
	SecurityGroupsPerInterface int `mapstructure:"security_groups_per_interface"`
	PrefixLists                int `mapstructure:"prefix_lists"`
	PrefixListEntries          int `mapstructure:"prefix_list_entries"`
	NetworkACLsPerVPC          int `mapstructure:"network_acls_per_vpc"`
	NetworkACLEntries          int `mapstructure:"network_acl_entries"`
	VPCs                       int `mapstructure:"vpcs"`
	SubnetsPerVPC              int `mapstructure:"subnets_per_vpc"`
}

type rawGateway struct {
	MTU          int          `mapstructure:"mtu"`
	Offload      bool         `mapstructure:"offload"`
	Workers      int          `mapstructure:"workers"`
	ICMPErrors   string       `mapstructure:"icmp_errors"`
	TCPMidstream string       `mapstructure:"tcp_midstream"`
	OnRuleChange string       `mapstructure:"on_rule_change"`
	Log          rawLog       `mapstructure:"log" label:"log"`
	Conntrack    rawConntrack `mapstructure:"conntrack" label:"conntrack"`
	Metrics      rawMetrics   `mapstructure:"metrics" label:"metrics"`
}

type rawMetrics struct {
	Listen      string `mapstructure:"listen"`
	AllowRemote bool   `mapstructure:"allow_remote"`
	Detail      string `mapstructure:"detail"`
}

type rawLog struct {
	Level  string `mapstructure:"level"`
	Format string `mapstructure:"format"`
}

// rawConntrack has its timeouts in seconds.
type rawConntrack struct {
	MaxFlows              int  `mapstructure:"max_flows"`
	Allowance             int  `mapstructure:"allowance"`
	Reclassify            bool `mapstructure:"reclassify"`
	TCPEstablishedTimeout int  `mapstructure:"tcp_established_timeout"`
	TCPOpeningTimeout     int  `mapstructure:"tcp_opening_timeout"`
	TCPClosingTimeout     int  `mapstructure:"tcp_closing_timeout"`
	TCPResetTimeout       int  `mapstructure:"tcp_reset_timeout"`
	UDPTimeout            int  `mapstructure:"udp_timeout"`
	UDPStreamTimeout      int  `mapstructure:"udp_stream_timeout"`
	ICMPTimeout           int  `mapstructure:"icmp_timeout"`
	OtherTimeout          int  `mapstructure:"other_timeout"`
}
