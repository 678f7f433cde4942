package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sgate/sgate/internal/needs"
)

// settled is a client and a server on two ports, with settings of the gateway.
const settled = `
gateway: {%s}
vpc: {cidr: 10.0.0.0/16, ipv6_cidr: fd00:10::/56}
subnets: [{name: net, cidr: 10.0.1.0/24, ipv6_cidr: "fd00:10:0:1::/64"}]
security_groups:
  - {name: client}
  - name: server
    ingress:
      - {type: SSH, source: client}
      - {type: HTTP, source: client}
      - {type: All UDP, source: client}
    egress: []
instances:
  - {name: client, address: 10.0.1.10, ipv6_address: "fd00:10:0:1::10", security_groups: [client]}
  - name: server
    address: 10.0.1.20
    ipv6_address: "fd00:10:0:1::20"
    secondary_addresses: [10.0.1.21, "fd00:10:0:1::21"]
    security_groups: [server]
    command: [sgate, listen, "22", "80"]
`

// TestICMPErrors asks at a port where nobody listens. The server's answer, an
// ICMP error, has no rule: the client hears it only where errors about tracked
// flows are let in (docs/semantics.md, 4.5).
func TestICMPErrors(t *testing.T) {
	needs.Root(t)
	t.Parallel()
	for setting, want := range map[string]string{"strict": "times out", "related": "refused"} {
		lab := labName(t) + "-" + setting
		upNamed(t, lab, writeFile(t, "errors.yaml", fmt.Sprintf(settled, "icmp_errors: "+setting)))
		together(
			func() { wantDatagrams(t, want, lab, "client", "10.0.1.20", "54", "100") },
			func() { wantDatagrams(t, want, lab, "client", "fd00:10:0:1::20", "54", "100") },
		)
	}
}

// TestPathMTUDiscovery gives the server's second addresses to a container behind
// a link of 1400 bytes, as network plugins of Kubernetes do. Datagrams that must
// not be cut are too big for it, which the server says by an ICMP error. In
// strict mode the client never learns it and waits: AWS documents that path MTU
// discovery takes a rule (docs/semantics.md, 4.5).
func TestPathMTUDiscovery(t *testing.T) {
	needs.Root(t)
	t.Parallel()
	for _, c := range []struct{ setting, want string }{
		{"strict", "times out"}, {"related", "too big for a path of 1400"},
	} {
		lab := labName(t) + "-" + c.setting
		upNamed(t, lab, writeFile(t, "mtu.yaml", fmt.Sprintf(settled, "icmp_errors: "+c.setting)))
		container(t, lab, netns(t, "container-"+c.setting))
		for _, host := range []string{"10.0.1.21", "fd00:10:0:1::21"} {
			until(t, "the container", func() bool {
				return in(t, lab, "client", python(t), script(t, "datagrams.py"), host, "9000", "1", "100").stdout == "intact\n"
			})
			wantDatagrams(t, c.want, lab, "client", host, "9000", "whole", "3000")
		}
	}
}

// container gives a lab's server a container with its second addresses and an
// echo server.
func container(t *testing.T, lab, inner string) {
	t.Helper()
	setUp := `set -e
		sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv6.conf.default.accept_dad=0
		ip netns exec $0 sysctl -q -w net.ipv6.conf.default.accept_dad=0
		ip address del 10.0.1.21/24 dev eth0
		ip address del fd00:10:0:1::21/64 dev eth0
		ip link add outer mtu 1400 type veth peer name inner mtu 1400 netns $0
		ip address add 192.0.2.1/30 dev outer
		ip address add fd00:99::1/64 dev outer nodad
		ip link set outer up
		ip -n $0 address add 10.0.1.21/32 dev inner
		ip -n $0 address add 192.0.2.2/30 dev inner
		ip -n $0 address add fd00:10:0:1::21/128 dev inner nodad
		ip -n $0 address add fd00:99::2/64 dev inner nodad
		ip -n $0 link set inner up
		ip -n $0 link set lo up
		ip -n $0 route add default via 192.0.2.1 src 10.0.1.21
		ip -n $0 route add default via fd00:99::1 src fd00:10:0:1::21
		ip route add 10.0.1.21 via 192.0.2.2
		ip route add fd00:10:0:1::21 via fd00:99::2`
	if r := in(t, lab, "server", "sh", "-c", setUp, inner); r.code != 0 {
		t.Fatalf("%s%s", r.stdout, r.stderr)
	}
	start(t, "lab", "exec", "--lab", lab, "server", "--", "ip", "netns", "exec", inner, binary(t), "listen", "udp/9000")
}

// TestTheRoutersErrorsArrive raises the MTU of a client's device above the
// gateway's: what is too big is answered by the VPC router, whose errors no rule
// keeps out.
func TestTheRoutersErrorsArrive(t *testing.T) {
	needs.Root(t)
	t.Parallel()
	lab := labUp(t, writeFile(t, "mtu.yaml", fmt.Sprintf(settled, "mtu: 1500, icmp_errors: strict")))
	if r := in(t, lab, "client", "ip", "link", "set", "eth0", "mtu", "2000"); r.code != 0 {
		t.Fatal(r.stderr)
	}
	for _, host := range []string{"10.0.1.20", "fd00:10:0:1::20"} {
		wantDatagrams(t, "too big for a path of 1500", lab, "client", host, "9000", "whole", "1800")
	}
}

// TestMidstream cuts a connection's flow. Its next segment begins no connection:
// whether a rule for the port is enough is a setting.
func TestMidstream(t *testing.T) {
	needs.Root(t)
	t.Parallel()
	for _, setting := range []string{"admit", "drop"} {
		lab := labName(t) + "-" + setting
		upNamed(t, lab, writeFile(t, "midstream.yaml", fmt.Sprintf(settled, "tcp_midstream: "+setting)))
		wantConnect(t, "connects", lab, "client", "10.0.1.20", "22")
		ssh := connectTo(t, lab, "client", "10.0.1.20", "22")
		ssh.echoes(t, "before")
		must(t, "flows", "cut", "--lab", lab, "--all")
		if setting == "admit" {
			ssh.echoes(t, "after the cut")
		} else {
			ssh.stalls(t, lab, "client", "tcp_midstream")
		}
		wantConnect(t, "connects", lab, "client", "10.0.1.20", "22")
	}
}

// TestOnRuleChange removes the rule of one of two open connections.
func TestOnRuleChange(t *testing.T) {
	needs.Root(t)
	t.Parallel()
	for _, c := range []struct {
		setting   string
		ssh, http bool // whether each goes on
	}{
		{"keep", true, true}, {"revalidate", false, true}, {"flush", false, false},
	} {
		t.Run(c.setting, func(t *testing.T) {
			file := fmt.Sprintf(settled, "tcp_midstream: drop, on_rule_change: "+c.setting)
			l := liveUp(t, file)
			wantConnects(t, l.name, attempt{"connects", "client", "10.0.1.20", "22"}, attempt{"connects", "client", "10.0.1.20", "80"})
			ssh, http := connectTo(t, l.name, "client", "10.0.1.20", "22"), connectTo(t, l.name, "client", "10.0.1.20", "80")
			ssh.echoes(t, "before")
			http.echoes(t, "before")
			l.change(t, strings.Replace(file, "name: net", "name: renamed", 1))
			ssh.echoes(t, "after a change of no rule")
			http.echoes(t, "after a change of no rule")
			l.change(t, without(file, "{type: SSH"))
			for _, x := range []struct {
				connection *connection
				goesOn     bool
			}{{ssh, c.ssh}, {http, c.http}} {
				if x.goesOn {
					x.connection.echoes(t, "after the change")
				} else {
					x.connection.stalls(t, l.name, "client", anyReason)
				}
			}
		})
	}
}
