package lint

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/sgate/sgate/lint/finding"
	"github.com/sgate/sgate/vpc"
)

// The ports that replies go to (VPC User Guide, network ACLs: ephemeral ports):
// those of load balancers, NAT gateways and Lambda, which have all others in
// them, and those of Linux (net.ipv4.ip_local_port_range).
const (
	firstEphemeral, lastEphemeral = 1024, 65535
	firstLinux, lastLinux         = 32768, 60999
)

// dropped is what becomes of the replies to what an entry admits: the ports at
// which they are dropped, and from or to whom.
type dropped struct {
	ports    []portRange
	protocol vpc.Protocol
	linux    bool // Linux's own ports are among them
	all      bool // everyone whom the entry admits has that trouble
	such     netip.Addr
}

// droppedReplies finds entries that admit requests whose replies the other
// direction drops. Entries that have the same trouble make one finding.
func (l *linter) droppedReplies(p *probe) {
	told := make(map[string]int) // by trouble: the place among the findings
	for i := range p.acl.Entries {
		e := &p.acl.Entries[i]
		if !e.Allow || !p.concerns(e.CIDR) || isForReplies(e) {
			continue
		}
		d, ok := p.dropped(e)
		if !ok {
			continue
		}
		severity := l.severities[finding.ACLBlocksReplies]
		if !d.linux || allPorts(e) {
			severity = finding.Note // some have trouble, or nobody may ask
		}
		same := fmt.Sprint(e.Direction, severity, d.protocol, d.ports)
		if at, ok := told[same]; ok {
			l.found[at].Related = append(l.found[at].Related, finding.Place{Origin: e.Origin, Message: entry(e) + ", too"})
			continue
		}
		told[same] = len(l.found)
		f := l.ofACL(finding.ACLBlocksReplies, p.acl)
		f.Severity, f.Origin = severity, e.Origin
		f.Message, f.Remedy = d.message(e), d.remedy(e)
		l.addACL(f, p.acl)
	}
}

// isForReplies reports whether an entry is itself there for replies, as far as
// that can be seen: it is for many ports, and none of a service's.
func isForReplies(e *vpc.NetworkACLEntry) bool {
	const many = 10_000
	return e.Protocol.HasPorts() && e.FromPort >= firstEphemeral && e.ToPort-e.FromPort >= many
}

func allPorts(e *vpc.NetworkACLEntry) bool {
	return e.Protocol == vpc.AllProtocols || e.Protocol.HasPorts() && e.FromPort <= 1 && e.ToPort == 65535
}

// dropped asks the policy for the replies to what an entry admits. What an entry
// denies that is narrower than that is meant to be denied.
func (p *probe) dropped(e *vpc.NetworkACLEntry) (worst dropped, ok bool) {
	protocol := e.Protocol
	if protocol == vpc.AllProtocols {
		protocol = vpc.TCP
	}
	if !protocol.HasPorts() {
		return dropped{}, false
	}
	asked, troubled := 0, 0
	for _, addr := range p.addresses(e.CIDR) {
		if !p.admits(e, protocol, addr, portRange{0, 65535}) {
			continue
		}
		asked++
		d := dropped{ports: p.droppedPorts(e, protocol, addr), protocol: protocol, such: addr}
		if len(d.ports) == 0 {
			continue
		}
		troubled++
		d.linux = slices.ContainsFunc(d.ports, func(r portRange) bool { return r.from <= lastLinux && firstLinux <= r.to })
		if !ok || d.linux && !worst.linux || d.linux == worst.linux && worst.such.IsUnspecified() {
			worst, ok = d, true
		}
	}
	worst.all = asked == troubled
	return worst, ok
}

// admits reports whether it is entry e that lets something through between the
// interface and an address, to some port of a range.
func (p *probe) admits(e *vpc.NetworkACLEntry, protocol vpc.Protocol, addr netip.Addr, within portRange) bool {
	if e.Protocol.HasPorts() {
		within = portRange{max(within.from, e.FromPort), min(within.to, e.ToPort)}
	}
	if within.from > within.to {
		return false
	}
	for _, r := range p.portRanges(within) {
		if passes, by := p.ask(e.Direction, protocol, addr, r.from); passes && by.Number == e.Number {
			return true
		}
	}
	return false
}

// droppedPorts returns the ephemeral ports at which replies are dropped.
func (p *probe) droppedPorts(e *vpc.NetworkACLEntry, protocol vpc.Protocol, addr netip.Addr) []portRange {
	var out []portRange
	for _, r := range p.portRanges(portRange{firstEphemeral, lastEphemeral}, firstLinux, lastLinux+1) {
		passes, by := p.ask(e.Direction.Opposite(), protocol, addr, r.from)
		switch n := len(out); {
		case passes || isDeliberate(&by, e):
		case n > 0 && out[n-1].to+1 == r.from:
			out[n-1].to = r.to
		default:
			out = append(out, r)
		}
	}
	return out
}

// isDeliberate reports whether an entry drops replies on purpose: a denial of
// fewer addresses than e admits, or of less than all ephemeral ports. The last
// entry, "*", drops what nobody thought of, and so does one that is as wide.
func isDeliberate(by, e *vpc.NetworkACLEntry) bool {
	all := serviceOfEntry(by).covers(service{by.Protocol, firstLinux, lastLinux})
	return by.CIDR.Bits() > e.CIDR.Bits() || !all
}

func (d dropped) message(e *vpc.NetworkACLEntry) string {
	whom := e.CIDR.String()
	if !d.all {
		whom = "some of " + whom + ", such as " + d.such.String()
	}
	other := e.Direction.Opposite()
	return fmt.Sprintf("%s admits requests, and no %s entry admits their replies%s%s at %s %s",
		entry(e), other, preposition(other), whom, d.protocol, and(d.said()))
}

func (d dropped) said() []string {
	var out []string
	for _, r := range d.ports {
		out = append(out, fmt.Sprintf("%d-%d", r.from, r.to))
	}
	return out
}

func (d dropped) remedy(e *vpc.NetworkACLEntry) string {
	key := "destination"
	if e.Direction == vpc.Egress {
		key = "source"
	}
	remedy := fmt.Sprintf("Add to %s: {number: N, action: allow, protocol: %s, port_range: 1024-65535, %s: %s}.",
		e.Direction.Opposite(), d.protocol, key, e.CIDR)
	if !d.linux {
		remedy += " Linux's own ports are open; Windows, load balancers, NAT gateways and Lambda use others."
	}
	return remedy
}

// adminPorts finds entries that admit SSH or RDP from the world.
func (l *linter) adminPorts(p *probe) {
	for i := range p.acl.Entries {
		e := &p.acl.Entries[i]
		if !e.Allow || e.Direction != vpc.Ingress || !isWorld(e.CIDR) || !p.concerns(e.CIDR) ||
			e.Protocol != vpc.TCP && e.Protocol != vpc.AllProtocols {
			continue
		}
		var open []string
		for _, w := range []watched{{port: 22, name: "SSH"}, {port: 3389, name: "RDP"}} {
			if slices.ContainsFunc(p.addresses(e.CIDR), func(addr netip.Addr) bool {
				return p.admits(e, vpc.TCP, addr, portRange{w.port, w.port})
			}) {
				open = append(open, w.name)
			}
		}
		if len(open) == 0 {
			continue
		}
		f := l.ofACL(finding.ACLAdminPortOpen, p.acl)
		f.Origin = e.Origin
		f.Message = fmt.Sprintf("%s admits %s from the world", entry(e), and(open))
		f.Remedy = "Deny ports 22 and 3389 by an entry with a lower number, but for where they are used from."
		l.addACL(f, p.acl)
	}
}
