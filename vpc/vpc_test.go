package vpc

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPresets holds the list to the console's types, by name, in any letter
// case.
func TestPresets(t *testing.T) {
	tcp := func(port int32) Preset { return Preset{Protocol: TCP, FromPort: port, ToPort: port} }
	want := map[string]Preset{
		"SSH": tcp(22), "SMTP": tcp(25), "DNS (TCP)": tcp(53), "HTTP": tcp(80), "POP3": tcp(110), "IMAP": tcp(143),
		"LDAP": tcp(389), "HTTPS": tcp(443), "SMB": tcp(445), "SMTPS": tcp(465), "IMAPS": tcp(993), "POP3S": tcp(995),
		"MSSQL": tcp(1433), "Oracle-RDS": tcp(1521), "Elastic Graphics": tcp(2007), "NFS": tcp(2049),
		"MYSQL/Aurora": tcp(3306), "RDP": tcp(3389), "PostgreSQL": tcp(5432), "Redshift": tcp(5439),
		"WinRM-HTTP": tcp(5985), "WinRM-HTTPS": tcp(5986), "HTTP*": tcp(8080), "HTTPS*": tcp(8443), "CQLSH / CASSANDRA": tcp(9042),
		"DNS (UDP)":       {Protocol: UDP, FromPort: 53, ToPort: 53},
		"All TCP":         {Protocol: TCP, FromPort: 0, ToPort: 65535},
		"All UDP":         {Protocol: UDP, FromPort: 0, ToPort: 65535},
		"All ICMP - IPv4": {Protocol: ICMP, FromPort: Any, ToPort: Any},
		"All ICMP - IPv6": {Protocol: ICMPv6, FromPort: Any, ToPort: Any},
		"All traffic":     {Protocol: AllProtocols, FromPort: Any, ToPort: Any},
	}
	for name, preset := range want {
		for _, spelt := range []string{name, strings.ToLower(name), strings.ToUpper(name)} {
			got, ok := LookupPreset(spelt)
			got.Name = ""
			if !ok || got != preset {
				t.Errorf("LookupPreset(%q) = %+v, %t, want %+v", spelt, got, ok, preset)
			}
		}
		r := rule(preset.Protocol, preset.FromPort, preset.ToPort, cidr("0.0.0.0/0"))
		if err := r.Validate(); err != nil {
			t.Errorf("a rule of type %q: %v", name, err)
		}
	}
	for _, name := range []string{"", "SSH ", "Custom TCP", "HTTP3"} {
		if p, ok := LookupPreset(name); ok {
			t.Errorf("LookupPreset(%q) = %+v, want none", name, p)
		}
	}

	names := PresetNames()
	var got, all []string
	for _, name := range names {
		got = append(got, strings.ToLower(name))
	}
	for name := range want {
		all = append(all, strings.ToLower(name))
	}
	slices.Sort(all)
	if diff := cmp.Diff(all, got); diff != "" {
		t.Errorf("PresetNames, letter case aside (-want +got):\n%s", diff)
	}
}

func TestReservedAddresses(t *testing.T) {
	n := Subnet{CIDR: prefix("10.0.1.0/24"), IPv6CIDR: prefix("fd00:10:0:1::/64")}
	smallest := Subnet{CIDR: prefix("10.0.1.16/28")}
	for _, c := range []struct {
		subnet Subnet
		addr   string
		want   string
	}{
		{n, "10.0.1.0", "the subnet's base address"},
		{n, "10.0.1.1", "the VPC router"},
		{n, "10.0.1.2", "Amazon DNS"},
		{n, "10.0.1.3", "reserved for future use"},
		{n, "10.0.1.4", ""},
		{n, "10.0.1.254", ""},
		{n, "10.0.1.255", "the subnet's broadcast address"},
		{n, "fd00:10:0:1::", "the subnet's base address"},
		{n, "fd00:10:0:1::1", "the VPC router"},
		{n, "fd00:10:0:1::2", "Amazon DNS"},
		{n, "fd00:10:0:1::3", "reserved for future use"},
		{n, "fd00:10:0:1::4", ""},
		{n, "fd00:10:0:1:ffff:ffff:ffff:fffe", ""},
		{n, "fd00:10:0:1:ffff:ffff:ffff:ffff", "the subnet's last address"},
		{smallest, "10.0.1.19", "reserved for future use"},
		{smallest, "10.0.1.20", ""},
		{smallest, "10.0.1.31", "the subnet's broadcast address"},
		{smallest, "fd00:10:0:1::1", ""}, // without IPv6, nothing of it is kept
	} {
		if got := c.subnet.Reserved(address(c.addr)); got != c.want {
			t.Errorf("Reserved(%s) in %s = %q, want %q", c.addr, c.subnet.CIDR, got, c.want)
		}
	}
}

func TestLastAddr(t *testing.T) {
	for in, want := range map[string]string{
		"10.0.0.0/8": "10.255.255.255", "10.0.1.16/28": "10.0.1.31", "10.0.1.17/28": "10.0.1.31", "10.0.0.1/32": "10.0.0.1",
		"0.0.0.0/0": "255.255.255.255", "fd00::/127": "fd00::1", "::/0": "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	} {
		if got := LastAddr(prefix(in)); got != address(want) {
			t.Errorf("LastAddr(%s) = %s, want %s", in, got, want)
		}
	}
}

func TestAddressesMeanTheirOwnFamily(t *testing.T) {
	v := VPC{CIDR: prefix("10.0.0.0/16"), IPv6CIDR: prefix("fd00:10::/56")}
	for addr, want := range map[string]bool{
		"10.0.255.255": true, "10.1.0.0": false, "fd00:10::1": true, "fd00:11::1": false, "::ffff:10.0.0.1": false,
	} {
		if got := v.Contains(address(addr)); got != want {
			t.Errorf("Contains(%s) = %t, want %t", addr, got, want)
		}
	}
	if (VPC{CIDR: prefix("10.0.0.0/16")}).Contains(address("fd00::1")) {
		t.Error("a VPC without IPv6 contains an IPv6 address")
	}
}

func TestOrigin(t *testing.T) {
	if got := line(4).String(); got != "lab.yaml:4:3" {
		t.Errorf("got %q, want lab.yaml:4:3", got)
	}
	if got := (Origin{}).String(); got != "" {
		t.Errorf("the unknown origin reads %q, want nothing", got)
	}
}
