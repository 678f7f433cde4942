package lint

import (
	"fmt"

	"github.com/sgate/sgate/lint/finding"
	"github.com/sgate/sgate/vpc"
)

// watched is a port that should not be open to the world.
type watched struct {
	kind     string // of finding
	protocol vpc.Protocol
	port     int32
	name     string // of what answers there
}

// watchedPorts are those of Security Hub EC2.13, EC2.14 and EC2.19, of Trusted
// Advisor's "Specific Ports Unrestricted", and some more services that were not
// made for strangers. UDP is there where the service has it.
func watchedPorts() []watched {
	database := func(port int32, name string) watched { return watched{finding.DatabaseOpen, vpc.TCP, port, name} }
	risky := func(port int32, name string) watched { return watched{finding.HighRiskPortOpen, vpc.TCP, port, name} }
	return []watched{
		{finding.SSHOpen, vpc.TCP, 22, "SSH"},
		{finding.RDPOpen, vpc.TCP, 3389, "RDP"},
		{finding.RDPOpen, vpc.UDP, 3389, "RDP"},

		database(1433, "SQL Server"), database(1434, "SQL Server"), // EC2.19
		{finding.DatabaseOpen, vpc.UDP, 1434, "SQL Server Browser"}, // Trusted Advisor
		database(3306, "MySQL"), database(5432, "PostgreSQL"), database(9200, "OpenSearch"), database(9300, "OpenSearch"), // EC2.19
		database(1521, "Oracle"), database(5439, "Redshift"), database(6379, "Redis"), database(9042, "Cassandra"),
		database(11211, "memcached"), {finding.DatabaseOpen, vpc.UDP, 11211, "memcached"}, database(27017, "MongoDB"),

		risky(20, "FTP"), risky(21, "FTP"), risky(23, "Telnet"), risky(25, "SMTP"), risky(110, "POP3"), // EC2.19, to 8888
		risky(135, "RPC"), risky(143, "IMAP"), risky(445, "SMB"), risky(3000, "a development server"), risky(4333, "mSQL"),
		risky(5000, "a development server"), risky(5500, "VNC"), risky(5601, "OpenSearch Dashboards"),
		risky(8080, "a proxy or an application server"), risky(8088, "an application server"), risky(8888, "an application server"),
		risky(139, "NetBIOS"), risky(2049, "NFS"), risky(2375, "Docker without TLS"), risky(5900, "VNC"),
		risky(5985, "WinRM"), risky(5986, "WinRM"),
	}
}

// isEverything reports whether a rule admits all traffic or all of TCP.
func isEverything(r *vpc.Rule) bool {
	return r.Protocol == vpc.AllProtocols || r.Protocol == vpc.TCP && r.FromPort <= 1 && r.ToPort == 65535
}

// isWide reports whether a rule admits more ports than anybody runs services on.
// FTP's passive mode and Kubernetes' node ports need wide ranges: a silence can
// say so.
func isWide(r *vpc.Rule) bool {
	const many = 1000
	return r.Protocol == vpc.AllProtocols || r.Protocol.HasPorts() && r.ToPort-r.FromPort >= many
}

// isWeb reports whether a rule is for ports 80 and 443 alone, which EC2.18 takes
// for authorised.
func isWeb(r *vpc.Rule) bool {
	return r.FromPort == r.ToPort && (r.FromPort == 80 || r.FromPort == 443)
}

// openings finds what a statement opens too far.
func (l *linter) openings(st *statement) {
	if st.Direction == vpc.Egress {
		l.allEgress(st)
		return
	}
	world := st.those(func(r *vpc.Rule) bool { return l.isWorldPeer(r.Peer) })
	var everything, rest []*vpc.Rule
	for _, r := range world {
		if isEverything(r) {
			everything = append(everything, r)
		} else {
			rest = append(rest, r)
		}
	}
	if len(everything) > 0 {
		l.addRule(l.finding(finding.EverythingOpen, st, everything, "everything is open to the world",
			"Admit single ports, and those that are not for everyone from known CIDRs, groups or prefix lists."), st)
	}
	told := l.openPorts(st, rest)
	l.wideRanges(st, everything)
	l.otherPorts(st, rest, told)
}

// openPorts finds watched ports among rules for the world. It returns the rules
// that it has told of.
func (l *linter) openPorts(st *statement, world []*vpc.Rule) map[*vpc.Rule]bool {
	told := make(map[*vpc.Rule]bool)
	if len(world) == 0 {
		return told
	}
	rules, names := make(map[string][]*vpc.Rule), make(map[string][]string)
	for _, r := range world {
		for _, w := range watchedPorts() {
			if w.protocol != r.Protocol || w.port < r.FromPort || r.ToPort < w.port || w.kind == finding.HighRiskPortOpen && isWide(r) {
				continue
			}
			if of := rules[w.kind]; len(of) == 0 || of[len(of)-1] != r {
				rules[w.kind] = append(of, r)
			}
			names[w.kind] = appendNew(names[w.kind], fmt.Sprintf("%s (%d)", w.name, w.port))
			told[r] = true
		}
	}
	for _, said := range []struct{ kind, message, remedy string }{
		{finding.SSHOpen, "SSH is open to the world",
			"Admit the addresses that you come from, such as source: 203.0.113.10/32, or a bastion's group; Session Manager and EC2 Instance Connect Endpoint need no open port."},
		{finding.RDPOpen, "RDP is open to the world",
			"Admit the addresses that you come from, such as source: 203.0.113.10/32, or a gateway's group; Fleet Manager needs no open port."},
		{finding.DatabaseOpen, areOpen(names[finding.DatabaseOpen]),
			"Admit the group of the instances that use it, such as source: app."},
		{finding.HighRiskPortOpen, areOpen(names[finding.HighRiskPortOpen]),
			"Admit known CIDRs, groups or prefix lists, or put a load balancer with HTTPS in front."},
	} {
		if of := rules[said.kind]; len(of) > 0 {
			l.addRule(l.finding(said.kind, st, of, said.message, said.remedy), st)
		}
	}
	return told
}

func areOpen(names []string) string {
	if len(names) == 1 {
		return names[0] + " is open to the world"
	}
	return and(names) + " are open to the world"
}

// wideRanges finds wide ranges, other than those that are known to be open to
// the world entirely. Between groups they are usual and harmless.
func (l *linter) wideRanges(st *statement, everything []*vpc.Rule) {
	told := make(map[*vpc.Rule]bool)
	for _, r := range everything {
		told[r] = true
	}
	for _, world := range []bool{true, false} {
		wide := st.those(func(r *vpc.Rule) bool {
			return isWide(r) && r.Peer.GroupID == "" && l.isWorldPeer(r.Peer) == world && !told[r]
		})
		if len(wide) == 0 {
			continue
		}
		remedy := "List the ports that are served, such as port_range: [443, 8000-8100]."
		if isEphemeral(wide[0].FromPort, wide[0].ToPort) {
			remedy += " If it is there for replies to what the instances ask of others: a group is stateful, they pass without it."
		}
		f := l.finding(finding.WidePortRange, st, wide, "a wide range of ports is open", remedy)
		if !world {
			f.Severity = finding.Note
		}
		l.addRule(f, st)
	}
}

// otherPorts finds all other ports that are open to the world.
func (l *linter) otherPorts(st *statement, world []*vpc.Rule, told map[*vpc.Rule]bool) {
	var other []*vpc.Rule
	for _, r := range world {
		if r.Protocol.HasPorts() && !told[r] && !isWeb(r) && !isWide(r) {
			other = append(other, r)
		}
	}
	if len(other) > 0 {
		l.addRule(l.finding(finding.PortOpen, st, other, "a port other than 80 and 443 is open to the world",
			"If it is for everyone, silence this with the reason; else admit known CIDRs, groups or prefix lists."), st)
	}
}

func (l *linter) allEgress(st *statement) {
	all := st.those(func(r *vpc.Rule) bool { return r.Protocol == vpc.AllProtocols && l.isWorldPeer(r.Peer) })
	if len(all) > 0 {
		l.addRule(l.finding(finding.AllEgressOpen, st, all, "everything is let out",
			"List what the instances connect to, such as {type: HTTPS, destination: 0.0.0.0/0}; write egress: [] for nothing."), st)
	}
}

// isEphemeral reports whether a range of ports is one of those that are opened
// for replies: 1024-65535, 32768-60999 (Linux), 49152-65535 (Windows) and their
// like.
func isEphemeral(from, to int32) bool {
	return from >= firstEphemeral && from <= 49152 && to >= lastLinux
}
