package e2e

import (
	"fmt"
	"testing"

	"github.com/sgate/sgate/internal/needs"
)

// cut is a server on links of 1500 bytes. It may send nothing of its own, so
// that what it answers passes as part of a flow.
const cut = `
gateway: {mtu: 1500, offload: %t}
vpc: {cidr: 10.0.0.0/16, ipv6_cidr: fd00:10::/56}
subnets: [{name: net, cidr: 10.0.1.0/24, ipv6_cidr: "fd00:10:0:1::/64"}]
security_groups:
  - {name: client}
  - name: server
    ingress:
      - {protocol: udp, port_range: 9000, source: client}
      - {type: All ICMP - IPv4, source: client}
      - {type: All ICMP - IPv6, source: client}
    egress: []
instances:
  - {name: client, address: 10.0.1.10, ipv6_address: "fd00:10:0:1::10", security_groups: [client]}
  - {name: pieces, address: 10.0.1.11, ipv6_address: "fd00:10:0:1::11", security_groups: [client]}
  - {name: stranger, address: 10.0.1.12, ipv6_address: "fd00:10:0:1::12"}
  - {name: server, address: 10.0.1.20, ipv6_address: "fd00:10:0:1::20", security_groups: [server], command: [sgate, listen, "udp/9000", "udp/9001"]}
`

// TestLargeDatagrams sends datagrams that the kernel cuts, and pings. The allowed
// come back as they were sent; of the blocked no piece arrives.
func TestLargeDatagrams(t *testing.T) {
	needs.Root(t)
	t.Parallel()
	for _, offload := range []bool{true, false} {
		t.Run(fmt.Sprintf("offload=%t", offload), func(t *testing.T) {
			lab := labUp(t, writeFile(t, "cut.yaml", fmt.Sprintf(cut, offload)))
			const ipv4, ipv6 = "10.0.1.20", "fd00:10:0:1::20"
			until(t, "the server", func() bool {
				return in(t, lab, "client", python(t), script(t, "datagrams.py"), ipv4, "9000", "1", "1").stdout == "intact\n"
			})
			var checks []func()
			for _, host := range []string{ipv4, ipv6} {
				checks = append(checks,
					func() {
						wantDatagrams(t, "intact, intact, intact, intact", lab, "client", host, "9000", "1473", "8000", "32768", "65507")
					},
					func() { wantPing(t, true, lab, "client", host, "-s", "8000") },
					func() { wantDatagrams(t, "times out", lab, "client", host, "9001", "8000") },
					func() { wantDatagrams(t, "times out", lab, "stranger", host, "9000", "8000") },
					func() { wantPing(t, false, lab, "stranger", host, "-s", "8000") },
				)
			}
			together(checks...)
			// 8008 bytes are 6 pieces; every one shares the fate of the whole.
			for member, want := range map[string]uint64{"client": 2 * 6, "stranger": 4 * 6} {
				if got := drops(t, lab, member, "no_ingress_rule"); got != want {
					t.Errorf("%s: %d pieces are dropped, want %d", member, got, want)
				}
			}
		})
	}
}

// TestPiecesInAnyOrder sends pings in small pieces that come in all orders: each
// is answered (cilium #25709 and #16036, docs/semantics.md, 11.2).
func TestPiecesInAnyOrder(t *testing.T) {
	needs.Root(t)
	t.Parallel()
	lab := labUp(t, writeFile(t, "cut.yaml", fmt.Sprintf(cut, true)))
	sender := newCrafter(t, lab, "pieces", 40000, "me=10.0.1.11", "me6=fd00:10:0:1::11", "server=10.0.1.20", "server6=fd00:10:0:1::20")
	back := newTap(t, lab, "pieces")
	const question4 = `IP(src=me, dst=server, id=ID)/ICMP(id=ID, seq=7)/Raw(b"a small ping in three pieces")`
	const question6 = `IPv6(src=me6, dst=server6, fl=ID)/ICMPv6EchoRequest(id=ID, seq=7, data=b"a small ping in three pieces")`
	for _, question := range []string{question4, question6} {
		for _, order := range []string{
			"(0, 8), (8, 16), (16, None)", "(16, None), (8, 16), (0, 8)", "(8, 16), (0, 8), (16, None)", "(8, 16), (16, None), (0, 8)",
		} {
			id, _ := sender.send(t, "pieces("+question+", "+order+")")
			until(t, "the answer to a ping whose pieces come as "+order, func() bool { return back.answered(t, id) })
		}
	}
}

// answered reports whether an echo reply with that identifier has come in.
func (p tap) answered(t *testing.T, id int) bool {
	t.Helper()
	for _, packet := range p.packets(t, "in") {
		message := packet[min(20, len(packet)):]
		if packet[0]>>4 == 6 {
			message = packet[min(40, len(packet)):]
		}
		if len(message) >= 8 && (message[0] == 0 || message[0] == 129) && int(message[4])<<8|int(message[5]) == id {
			return true
		}
	}
	return false
}
