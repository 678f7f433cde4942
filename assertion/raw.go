package assertion

import "github.com/sgate/sgate/config"

// The raw structs are the file's format, see config.ReadDocument.

type rawFile struct {
	Config string    `mapstructure:"config"`
	Tests  []rawTest `mapstructure:"tests" label:"test"`
}

type rawTest struct {
	Name       string       `mapstructure:"name"`
	From       config.Texts `mapstructure:"from"`
	To         config.Texts `mapstructure:"to"`
	Protocol   config.Text  `mapstructure:"protocol"`
	Port       config.Texts `mapstructure:"port"`
	SourcePort config.Text  `mapstructure:"source_port"`
	ICMPType   config.Text  `mapstructure:"icmp_type"`
	ICMPCode   config.Text  `mapstructure:"icmp_code"`
	IPv6       config.Word  `mapstructure:"ipv6"`
	VPC        string       `mapstructure:"vpc"`
	Expect     string       `mapstructure:"expect"`
	Reason     string       `mapstructure:"reason"`
	Rule       string       `mapstructure:"rule"`
}
