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
	Instances      []rawInstance   `mapstructure:"instances" label:"instance"`
	Hosts          []rawHost       `mapstructure:"hosts" label:"host"`
}

type rawGateway struct {
	MTU       int          `mapstructure:"mtu"`
	Offload   bool         `mapstructure:"offload"`
	Workers   int          `mapstructure:"workers"`
	Log       rawLog       `mapstructure:"log" label:"log"`
	Conntrack rawConntrack `mapstructure:"conntrack" label:"conntrack"`
}

type rawLog struct {
	Level  string `mapstructure:"level"`
	Format string `mapstructure:"format"`
}

type rawConntrack struct {
	MaxFlows int `mapstructure:"max_flows"`
}

type rawVPC struct {
	Name     string `mapstructure:"name"`
	ID       string `mapstructure:"id"`
	CIDR     string `mapstructure:"cidr"`
	IPv6CIDR string `mapstructure:"ipv6_cidr"`
}

type rawSubnet struct {
	Name     string `mapstructure:"name"`
	ID       string `mapstructure:"id"`
	VPC      string `mapstructure:"vpc"`
	CIDR     string `mapstructure:"cidr"`
	IPv6CIDR string `mapstructure:"ipv6_cidr"`
}

type rawGroup struct {
	Name        string    `mapstructure:"name"`
	ID          string    `mapstructure:"id"`
	VPC         string    `mapstructure:"vpc"`
	Description string    `mapstructure:"description"`
	Ingress     []rawRule `mapstructure:"ingress" label:"ingress rule"`
	Egress      []rawRule `mapstructure:"egress" label:"egress rule"`
}

type rawRule struct {
	Type        string `mapstructure:"type"`
	Protocol    text   `mapstructure:"protocol"`
	PortRange   texts  `mapstructure:"port_range"`
	ICMPType    text   `mapstructure:"icmp_type"`
	ICMPCode    text   `mapstructure:"icmp_code"`
	Source      texts  `mapstructure:"source"`
	Destination texts  `mapstructure:"destination"`
	Description string `mapstructure:"description"`
}

type rawPrefixList struct {
	Name       string     `mapstructure:"name"`
	ID         string     `mapstructure:"id"`
	MaxEntries int        `mapstructure:"max_entries"`
	Entries    []rawEntry `mapstructure:"entries" label:"entry"`
}

type rawEntry struct {
	CIDR        string `mapstructure:"cidr"`
	Description string `mapstructure:"description"`
}

type rawInstance struct {
	Name               string `mapstructure:"name"`
	Subnet             string `mapstructure:"subnet"`
	Address            string `mapstructure:"address"`
	IPv6Address        string `mapstructure:"ipv6_address"`
	SecondaryAddresses texts  `mapstructure:"secondary_addresses"`
	SecurityGroups     texts  `mapstructure:"security_groups"`
	SourceDestCheck    *bool  `mapstructure:"source_dest_check"`
	rawPlace           `mapstructure:",squash"`
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
