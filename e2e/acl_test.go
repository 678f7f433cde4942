package e2e

import (
	"strings"
	"testing"

	"github.com/sgate/sgate/internal/needs"
)

// separated is two subnets, of which one has a network ACL. Groups admit all
// within the VPC, so that only the ACL says no.
const separated = `
vpc: {cidr: 10.0.0.0/16, ipv6_cidr: fd00:10::/56}
subnets:
  - {name: outer, cidr: 10.0.1.0/24, ipv6_cidr: "fd00:10:0:1::/64"}
  - {name: inner, cidr: 10.0.2.0/24, ipv6_cidr: "fd00:10:0:2::/64"}
network_acls:
  - name: inner
    subnets: [inner]
    ingress:
      - {number: 90, action: deny, type: SSH, source: 10.0.1.0/24}
      - {number: 100, action: allow, type: SSH, source: 0.0.0.0/0}
      - {number: 110, action: allow, type: HTTP, source: 10.0.1.0/24}
      - {number: 120, action: allow, type: HTTP, source: "fd00:10::/56"}
    egress:
      - {number: 100, action: allow, protocol: tcp, port_range: 1024-65535, destination: 0.0.0.0/0}
      - {number: 110, action: allow, protocol: tcp, port_range: 1024-65535, destination: "::/0"}
security_groups:
  - name: open
    ingress:
      - {type: All traffic, source: 10.0.0.0/16}
      - {type: All traffic, source: "fd00:10::/56"}
      - {type: SSH, source: 203.0.113.0/24}
    egress: []
  - name: client
    egress: [{type: All traffic, destination: open}]
instances:
  - {name: client, subnet: outer, address: 10.0.1.10, ipv6_address: "fd00:10:0:1::10", security_groups: [client]}
  - {name: neighbour, subnet: inner, address: 10.0.2.10, ipv6_address: "fd00:10:0:2::10", security_groups: [client]}
  - {name: server, subnet: inner, address: 10.0.2.20, ipv6_address: "fd00:10:0:2::20", security_groups: [open], command: [sgate, listen, "22", "80", "443"]}
hosts:
  - {name: laptop, address: 203.0.113.10}
`

// TestNetworkACL holds that an ACL denies what groups admit, by number, for each
// family by itself, and everything that it does not name; and that it stands
// between subnets only (docs/semantics.md, 7).
func TestNetworkACL(t *testing.T) {
	needs.Root(t)
	t.Parallel()
	lab := labUp(t, writeFile(t, "acl.yaml", separated))
	wantConnect(t, "connects", lab, "neighbour", "10.0.2.20", "443")
	const ipv4, ipv6 = "10.0.2.20", "fd00:10:0:2::20"
	wantConnects(t, lab,
		attempt{"times out", "client", ipv4, "22"},  // denied by entry 90, though 100 allows it
		attempt{"connects", "laptop", ipv4, "22"},   // allowed by entry 100
		attempt{"times out", "client", ipv6, "22"},  // no entry of its family
		attempt{"connects", "client", ipv4, "80"},   // allowed
		attempt{"connects", "client", ipv6, "80"},   // allowed
		attempt{"times out", "client", ipv4, "443"}, // no entry
		attempt{"connects", "neighbour", ipv4, "22"},
		attempt{"connects", "neighbour", ipv6, "22"},
		attempt{"connects", "neighbour", ipv4, "443"},
	)
	if c := countersOf(t, "--lab", lab, "client").Interfaces[0]; c.Dropped == 0 || c.Drops["network_acl_ingress"] != c.Dropped {
		t.Errorf("the client's drops: %v, want all by the ACL", c.Drops)
	}
	if c := countersOf(t, "--lab", lab, "neighbour", "server"); c.Interfaces[0].Dropped+c.Interfaces[1].Dropped > 0 {
		t.Errorf("within the subnet something is dropped: %+v", c)
	}
}

// TestNetworkACLWithoutAnswers leaves the ephemeral ports shut: groups would let
// the answer out as part of a flow, but an ACL knows no flows.
func TestNetworkACLWithoutAnswers(t *testing.T) {
	needs.Root(t)
	t.Parallel()
	l := liveUp(t, strings.ReplaceAll(separated, "port_range: 1024-65535", "port_range: 80"))
	until(t, "the server", func() bool { return connect(t, l.name, "neighbour", "10.0.2.20", "80") == "connects" })
	wantConnects(t, l.name, attempt{"times out", "client", "10.0.2.20", "80"}, attempt{"times out", "client", "fd00:10:0:2::20", "80"})
	if got := drops(t, l.name, "server", "network_acl_egress"); got == 0 {
		t.Error("the server's answers were not dropped by the ACL")
	}
	l.change(t, separated)
	wantConnects(t, l.name, attempt{"connects", "client", "10.0.2.20", "80"}, attempt{"connects", "client", "fd00:10:0:2::20", "80"})
}

// TestNetworkACLCutsAndResumes denies a live connection and allows it again. The
// group's rule has gone by then, so that only the flow, which the gateway has
// remembered all the while, lets it go on (docs/semantics.md, 4.2).
func TestNetworkACLCutsAndResumes(t *testing.T) {
	needs.Root(t)
	t.Parallel()
	l := liveUp(t, separated)
	wantConnect(t, "connects", l.name, "client", "10.0.2.20", "80")
	http := connectTo(t, l.name, "client", "10.0.2.20", "80")
	http.echoes(t, "before")
	ruleless := without(separated, "{type: All traffic, source: 10.0.0.0/16}")
	l.change(t, ruleless)
	http.echoes(t, "after its rule was removed")
	l.change(t, strings.Replace(ruleless, "{number: 110, action: allow, type: HTTP", "{number: 110, action: deny, type: HTTP", 1))
	http.stalls(t, l.name, "client", "network_acl_ingress")
	l.change(t, ruleless)
	until(t, "what the ACL held up", func() bool { return len(http.lines) > 0 })
	<-http.lines
	http.echoes(t, "afterwards")
	wantConnect(t, "times out", l.name, "client", "10.0.2.20", "80") // a new one has no rule
}
