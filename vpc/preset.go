package vpc

import (
	"slices"
	"strings"
)

// Preset is a rule type as the EC2 console offers it: a name that stands for a
// protocol and its ports.
type Preset struct {
	Name             string // as the console writes it
	Protocol         Protocol
	FromPort, ToPort int32
}

// presets are the console's rule types, in its order.
func presets() []Preset {
	tcp := func(name string, port int32) Preset { return Preset{name, TCP, port, port} }
	return []Preset{
		{"All TCP", TCP, 0, 65535},
		{"All UDP", UDP, 0, 65535},
		{"All ICMP - IPv4", ICMP, Any, Any},
		{"All ICMP - IPv6", ICMPv6, Any, Any},
		{"All traffic", AllProtocols, Any, Any},
		tcp("SSH", 22),
		tcp("SMTP", 25),
		{"DNS (UDP)", UDP, 53, 53},
		tcp("DNS (TCP)", 53),
		tcp("HTTP", 80),
		tcp("POP3", 110),
		tcp("IMAP", 143),
		tcp("LDAP", 389),
		tcp("HTTPS", 443),
		tcp("SMB", 445),
		tcp("SMTPS", 465),
		tcp("IMAPS", 993),
		tcp("POP3S", 995),
		tcp("MSSQL", 1433),
		tcp("Oracle-RDS", 1521),
		tcp("Elastic Graphics", 2007),
		tcp("NFS", 2049),
		tcp("MySQL/Aurora", 3306),
		tcp("RDP", 3389),
		tcp("PostgreSQL", 5432),
		tcp("Redshift", 5439),
		tcp("WinRM-HTTP", 5985),
		tcp("WinRM-HTTPS", 5986),
		tcp("HTTP*", 8080),
		tcp("HTTPS*", 8443),
		tcp("CQLSH / CASSANDRA", 9042),
	}
}

// LookupPreset finds a console rule type by its name, letter case aside.
func LookupPreset(name string) (Preset, bool) {
	for _, p := range presets() {
		if strings.EqualFold(p.Name, name) {
			return p, true
		}
	}
	return Preset{}, false
}

// PresetNames returns the names of all console rule types, sorted.
func PresetNames() []string {
	var names []string
	for _, p := range presets() {
		names = append(names, p.Name)
	}
	slices.SortFunc(names, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
	return names
}
