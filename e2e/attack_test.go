package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sgate/sgate/internal/needs"
)

// hostile is a victim with services that are open to all, a client whom it
// admits to SSH, Mallory, and a forwarder: an instance that may send for others.
const hostile = `
vpc: {cidr: 10.0.0.0/16, ipv6_cidr: fd00:10::/56}
subnets: [{name: net, cidr: 10.0.1.0/24, ipv6_cidr: "fd00:10:0:1::/64"}]
security_groups:
  - {name: client}
  - {name: attacker}
  - name: victim
    ingress:
      - {type: DNS (UDP), source: [0.0.0.0/0, "::/0"]}
      - {type: HTTP, source: [0.0.0.0/0, "::/0"]}
      - {type: All ICMP - IPv4, source: 0.0.0.0/0}
      - {type: All ICMP - IPv6, source: "::/0"}
      - {type: SSH, source: client}
instances:
  - {name: client, address: 10.0.1.10, ipv6_address: "fd00:10:0:1::10", security_groups: [client]}
  - {name: victim, address: 10.0.1.20, ipv6_address: "fd00:10:0:1::20", security_groups: [victim]}
  - {name: mallory, address: 10.0.1.66, ipv6_address: "fd00:10:0:1::66", security_groups: [attacker]}
  - {name: forwarder, address: 10.0.1.67, ipv6_address: "fd00:10:0:1::67", security_groups: [attacker], source_dest_check: false}
`

// The packets that attacks are made of, in scapy's terms. The names are those
// that crafters of the hostile lab know.
const (
	ip4      = `IP(src=me, dst=victim, id=ID)`
	ip6      = `IPv6(src=me6, dst=victim6, fl=ID)`
	question = `/UDP(sport=4000, dport=53)/Raw(b"twenty bytes of data")`
	visit    = `/TCP(sport=4000, dport=80, flags="S")/Raw(b"twenty bytes of data")`
)

// crafted are packets that the victim must not see, whatever its rules admit.
type crafted struct {
	name    string
	by      string // Mallory if empty
	packets string
	reason  string // of the drops; "" for packets that are the router's
	drops   uint64 // 1 if 0
	control string // all but the same, and nothing against it: it must arrive
}

var notHisOwn = []crafted{
	{name: "the source of another", packets: `IP(src=client, dst=victim, id=ID)` + question, reason: "source_check", control: ip4 + question},
	{name: "the source of another, IPv6", packets: `IPv6(src=client6, dst=victim6, fl=ID)` + question, reason: "source_check", control: ip6 + question},
	{name: "the source of nobody", packets: `IP(src="10.0.9.9", dst=victim, id=ID)` + question, reason: "source_check"},
	{name: "the link-local source of another", packets: `IPv6(src="fe80::20", dst=victim6, fl=ID)` + question, reason: "source_check"},
	{name: "land", by: "forwarder", packets: `IP(src=victim, dst=victim, id=ID)` + visit, reason: "land", control: `IP(src=client, dst=victim, id=ID)` + visit},
	{name: "land, IPv6", by: "forwarder", packets: `IPv6(src=victim6, dst=victim6, fl=ID)` + visit, reason: "land", control: `IPv6(src=client6, dst=victim6, fl=ID)` + visit},
	{name: "the victim's own loopback", by: "forwarder", packets: `IP(src="127.0.0.1", dst=victim, id=ID)` + question, reason: "martian_source"},
	{name: "the victim's own loopback, IPv6", by: "forwarder", packets: `IPv6(src="::1", dst=victim6, fl=ID)` + question, reason: "martian_source"},
	{name: "from a multicast group", by: "forwarder", packets: `IP(src="224.0.0.1", dst=victim, id=ID)` + question, reason: "martian_source"},
	{name: "to everybody", packets: `IP(src=me, dst="255.255.255.255", id=ID)` + question, reason: "broadcast"},
	{name: "to the subnet", packets: `IP(src=me, dst="10.0.1.255", id=ID)` + question, reason: "no_route"},
	{name: "to a multicast group", packets: `IP(src=me, dst="224.0.0.251", id=ID)` + question, reason: "multicast"},
	{name: "to all nodes", packets: `IPv6(src=me6, dst="ff02::1", fl=ID)/ICMPv6EchoRequest()`, reason: "multicast"},
	{name: "a neighbour solicitation from afar", packets: `IPv6(src=me6, dst=victim6, fl=ID, hlim=64)/ICMPv6ND_NS(tgt=victim6)`, reason: "bad_neighbour_discovery"},
	{name: "a neighbour advertisement in another's name", packets: `IPv6(src=client6, dst=victim6, fl=ID, hlim=255)/ICMPv6ND_NA(tgt=client6)`, reason: "bad_neighbour_discovery"},
	{name: "a router advertisement", packets: `IPv6(src="fe80::66", dst=victim6, fl=ID, hlim=255)/ICMPv6ND_RA(routerlifetime=9000)/ICMPv6NDOptPrefixInfo(prefix="2001:db8::")`},
	{name: "a redirect", packets: `IPv6(src=me6, dst=victim6, fl=ID, hlim=255)/ICMPv6ND_Redirect(tgt=me6, dst=client6)`},
	{name: "an ARP reply", packets: `ARP(op=2, psrc=client, pdst=victim, hwsrc="02:00:00:00:00:66", hwdst="02:00:00:00:00:20")`, reason: "bad_version"},
}

var malformed = []crafted{
	{name: "a loose source route", packets: `IP(src=me, dst=victim, id=ID, options=[IPOption_LSRR(routers=[client])])` + question, reason: "source_route",
		control: `IP(src=me, dst=victim, id=ID, options=[IPOption_RR(routers=["0.0.0.0"])])` + question},
	{name: "a strict source route", packets: `IP(src=me, dst=victim, id=ID, options=[IPOption_SSRR(routers=[client])])` + question, reason: "source_route"},
	{name: "a routing header of type 0", packets: ip6 + `/IPv6ExtHdrRouting(type=0, addresses=[client6])` + question, reason: "routing_header",
		control: ip6 + `/IPv6ExtHdrDestOpt()` + question},
	{name: "a segment routing header with a stop left", packets: ip6 + `/IPv6ExtHdrRouting(type=4, segleft=1, addresses=[client6])` + question, reason: "routing_header",
		control: ip6 + `/IPv6ExtHdrRouting(type=4, segleft=0, addresses=[victim6])` + question},
	{name: "nine extension headers", packets: ip6 + `/chain(9)` + question, reason: "extensions_too_long", control: ip6 + `/chain(8)` + question},
	{name: "an extension header past the end", packets: ip6 + `/IPv6ExtHdrDestOpt(len=200)` + question, reason: "extensions_overflow"},
	{name: "a hop-by-hop header that is not the first", packets: ip6 + `/IPv6ExtHdrDestOpt()/IPv6ExtHdrHopByHop()` + question, reason: "hop_by_hop_misplaced",
		control: ip6 + `/IPv6ExtHdrHopByHop()/IPv6ExtHdrDestOpt()` + question},
	{name: "two fragment headers", packets: ip6 + `/IPv6ExtHdrFragment(id=7)/IPv6ExtHdrFragment(id=7)` + question, reason: "bad_extensions"},
	{name: "an IPv4 address in IPv6", by: "forwarder", packets: `IPv6(src="::ffff:10.0.1.10", dst=victim6, fl=ID)` + question, reason: "bad_header"},
	{name: "no TCP flags", packets: ip4 + `/TCP(dport=80, flags=0)`, reason: "bad_tcp_flags", control: ip4 + `/TCP(dport=80, flags="S")`},
	{name: "SYN and FIN", packets: ip4 + `/TCP(dport=80, flags="SF")`, reason: "bad_tcp_flags"},
	{name: "SYN and RST, IPv6", packets: ip6 + `/TCP(dport=80, flags="SR")`, reason: "bad_tcp_flags", control: ip6 + `/TCP(dport=80, flags="S")`},
	{name: "a TCP header of 16 bytes", packets: ip4 + `/TCP(dport=80, flags="S", dataofs=4)`, reason: "bad_header"},
	{name: "a wrong TCP checksum", packets: ip4 + `/TCP(dport=80, flags="S", chksum=1)`, reason: "bad_transport_checksum"},
	{name: "a wrong UDP checksum, IPv6", packets: ip6 + `/UDP(dport=53, chksum=1)/Raw(b"x")`, reason: "bad_transport_checksum"},
	{name: "a wrong ICMP checksum", packets: ip4 + `/ICMP(chksum=1)`, reason: "bad_transport_checksum", control: ip4 + `/ICMP()`},
	{name: "a wrong IP checksum", packets: `IP(src=me, dst=victim, id=ID, chksum=1)` + question, reason: "bad_checksum"},
	{name: "less than its header says", packets: `Raw(bytes(` + ip4 + question + `)[:24])`, reason: "truncated"},
	{name: "more than its header says", packets: `Raw(bytes(` + ip4 + question + `) + b"more")`, reason: "bad_length"},
	{name: "a UDP length beyond the packet", packets: ip4 + `/UDP(dport=53, len=400)/Raw(b"x")`, reason: "bad_length"},
	{name: "a checksum to be written into the ports", packets: `unsummed(` + ip4 + question + `, 20, 2)`, reason: "bad_offload",
		control: `unsummed(` + ip4 + question + `, 20, 6)`},
}

var inPieces = []crafted{
	{name: "a piece that rewrites the port (RFC 3128)", reason: "fragment_overlap", drops: 2,
		packets: `pieces(` + ip4 + question + `, (0, 16)) + pieces(` + ip4 + `/UDP(sport=4000, dport=22)/Raw(b"twenty bytes of data"), (0, 8)) + pieces(` + ip4 + question + `, (16, None))`,
		control: `pieces(` + ip4 + question + `, (0, 16), (16, None))`},
	{name: "pieces that overlap, IPv6", packets: `pieces(` + ip6 + question + `, (0, 16), (8, None))`, reason: "fragment_overlap", drops: 2,
		control: `pieces(` + ip6 + question + `, (0, 16), (16, None))`},
	{name: "a first piece without the flags (RFC 1858)", packets: `pieces(` + ip4 + visit + `, (0, 8), (8, None))`, reason: "truncated",
		control: `pieces(` + ip4 + visit + `, (0, 24), (24, None))`},
	{name: "a first piece without the flags, IPv6", packets: `pieces(` + ip6 + visit + `, (0, 8), (8, None))`, reason: "truncated",
		control: `pieces(` + ip6 + visit + `, (24, None), (0, 24))`},
	{name: "a first piece without its protocol's header, IPv6", packets: `pieces(` + ip6 + `/IPv6ExtHdrDestOpt(nh=47)/Raw(bytes(24)), (0, 8), (8, None))`, reason: "fragment_tiny_first"},
	{name: "a ping of death", packets: `IP(src=me, dst=victim, id=ID, proto=1, frag=8189)/Raw(bytes(64))`, reason: "fragment_too_long"},
	{name: "neighbour discovery in pieces (RFC 6980)", packets: `pieces(` + ip6 + `/ICMPv6ND_NA(tgt=client6)/Raw(bytes(16)), (0, 24), (24, None))`,
		reason: "bad_neighbour_discovery", drops: 2},
	{name: "a blocked port in pieces", packets: `pieces(` + ip4 + `/UDP(dport=123)/Raw(bytes(20)), (16, None), (0, 16))`, reason: "no_ingress_rule", drops: 2},
}

var aboutNothing = []crafted{
	{name: "an ICMP error about another's packet", packets: ip4 + `/ICMP(type=3, code=4)/IP(src=client, dst=victim)/TCP(sport=4000, dport=22)`,
		reason: "icmp_error_about_nothing", control: ip4 + `/ICMP(type=3, code=4)/IP(src=victim, dst=client)/TCP(sport=22, dport=4000)`},
	{name: "an ICMPv6 error about another's packet", packets: ip6 + `/ICMPv6PacketTooBig(mtu=1280)/IPv6(src=client6, dst=victim6)/TCP(sport=4000, dport=22)`,
		reason: "icmp_error_about_nothing", control: ip6 + `/ICMPv6PacketTooBig(mtu=1280)/IPv6(src=victim6, dst=client6)/TCP(sport=22, dport=4000)`},
	{name: "an ICMP error about nothing at all", packets: ip4 + `/ICMP(type=3, code=1)`, reason: "icmp_error_about_nothing"},
	{name: "ICMP of IPv4 in IPv6", packets: ip6 + `/Raw(bytes(ICMP()))`, reason: "no_ingress_rule"},
}

// TestCraftedPackets has Mallory send what the victim must not see: it does not
// arrive, and is counted under its reason. Each attack's control, a packet like
// it but for the one thing that is wrong, does arrive.
func TestCraftedPackets(t *testing.T) {
	needs.Root(t)
	t.Parallel()
	lab := labUp(t, writeFile(t, "hostile.yaml", hostile))
	victim := newTap(t, lab, "victim")
	crafters := map[string]*crafter{
		"mallory":   newCrafter(t, lab, "mallory", 20000, names("66")...),
		"forwarder": newCrafter(t, lab, "forwarder", 30000, names("67")...),
	}
	for _, attacks := range [][]crafted{notHisOwn, malformed, inPieces, aboutNothing} {
		for _, a := range attacks {
			t.Run(strings.ReplaceAll(a.name, " ", "-"), func(t *testing.T) {
				if a.by == "" {
					a.by = "mallory"
				}
				if a.control != "" {
					arrives(t, crafters[a.by], victim, a.control)
				}
				fails(t, crafters[a.by], victim, a)
			})
		}
	}
}

// names are those of the hostile lab, seen by a machine with that last number.
func names(own string) []string {
	var all []string
	for name, n := range map[string]string{"me": own, "client": "10", "victim": "20"} {
		all = append(all, name+"=10.0.1."+n, name+"6=fd00:10:0:1::"+n)
	}
	return all
}

// arrives checks that all of some packets arrive.
func arrives(t *testing.T, c *crafter, at tap, packets string) {
	t.Helper()
	number, count := c.send(t, packets)
	until(t, "the arrival of "+packets, func() bool { return at.arrived(t, number) == count })
}

// fails checks that none of an attack's packets arrives and that the drops are
// counted where they were sent.
func fails(t *testing.T, c *crafter, at tap, a crafted) {
	t.Helper()
	var before uint64
	if a.reason != "" {
		before = drops(t, c.lab, c.member, a.reason)
	}
	number, _ := c.send(t, a.packets)
	// What was sent before it has had its fate when this one arrives.
	arrives(t, c, at, ip4+question)
	if at.arrived(t, number) > 0 || at.arrived(t, foreign) > 0 {
		t.Error("it arrives")
	}
	if a.reason == "" {
		return
	}
	if got := drops(t, c.lab, c.member, a.reason) - before; got != max(a.drops, 1) {
		t.Errorf("%d drops for %s, want %d\n%s", got, a.reason, max(a.drops, 1), must(t, "counters", "--lab", c.lab, c.member).stdout)
	}
}

// TestBlindReset resets a client's connection in the name of its server, as a
// machine can that may send for others. Only one that knows the very next
// sequence number succeeds: any other reset changes nothing, neither at the
// client nor in the gateway, which would forget the connection.
func TestBlindReset(t *testing.T) {
	needs.Root(t)
	t.Parallel()
	lab := labUp(t, writeFile(t, "reset.yaml", "gateway: {tcp_midstream: drop, conntrack: {tcp_reset_timeout: 1}}\n"+hostile))
	serve := start(t, "lab", "exec", "--lab", lab, "victim", "--", "sgate", "listen", "22")
	serve.says(t, "listening")
	client, forwarder := newTap(t, lab, "client"), newCrafter(t, lab, "forwarder", 30000, names("67")...)
	ssh := connectTo(t, lab, "client", "10.0.1.20", "22")
	ssh.echoes(t, "before")

	port, due := lastFromServer(t, client, "before")
	reset := func(seq uint32) string {
		return fmt.Sprintf(`IP(src=victim, dst=client, id=ID)/TCP(sport=22, dport=%d, flags="R", seq=%d)`, port, seq)
	}
	fails := func(what string, reason string, seq uint32) {
		t.Helper()
		before := drops(t, lab, "forwarder", reason)
		forwarder.send(t, reset(seq))
		until(t, "the drop of "+what, func() bool { return drops(t, lab, "forwarder", reason) == before+1 })
	}
	fails("a reset from outside the window", "tcp_out_of_window", due+1<<30)
	fails("a reset that is too old", "tcp_out_of_window", due-1<<30)
	arrives(t, forwarder, client, reset(due+500)) // within the window: the client asks back (RFC 5961, section 3)
	in(t, lab, "client", "sleep", "1.2")          // tcp_reset_timeout
	ssh.echoes(t, "after resets that missed")

	_, due = lastFromServer(t, client, "that missed")
	forwarder.send(t, reset(due))
	until(t, "the end of the connection, which shows that resets get through", func() bool {
		return !strings.Contains(in(t, lab, "client", "ss", "-Htn").stdout, "10.0.1.20:22")
	})
}

// lastFromServer returns the client's port of a connection to port 22, and the
// sequence number that is due next from the server, once it has echoed a text: the
// client's program may have that before the tap shows it.
func lastFromServer(t *testing.T, client tap, echo string) (port int, due uint32) {
	t.Helper()
	until(t, "the echo at the tap", func() bool {
		return slices.ContainsFunc(client.packets(t, "in"), func(p []byte) bool { return strings.Contains(string(p), echo) })
	})
	for _, p := range client.packets(t, "in") {
		if len(p) < 40 || p[0] != 0x45 || p[9] != 6 || p[20] != 0 || p[21] != 22 || p[33]&4 != 0 {
			continue // not TCP from port 22, or a reset
		}
		seq := uint32(p[24])<<24 | uint32(p[25])<<16 | uint32(p[26])<<8 | uint32(p[27])
		data := len(p) - 20 - int(p[32]>>4)*4
		port, due = int(p[22])<<8|int(p[23]), seq+uint32(data)+uint32(p[33]>>1&1)
	}
	if port == 0 {
		t.Fatal("the server has sent nothing")
	}
	return port, due
}
