package gateway

import (
	"testing"

	"gvisor.dev/gvisor/pkg/tcpip/header"

	"github.com/sgate/sgate/vpc"
)

// errorSenders is a client and a server in a VPC, each with no more rules than
// the connection between them needs, and a router instance between them that
// may send anything.
func errorSenders(t *testing.T, o Options) *world {
	router := instance("router", []string{"10.0.1.66", "fd00:10:0:1::66"}, "router")
	router.SourceDestCheck = false
	return newWorld(t, o,
		[]vpc.SecurityGroup{
			{Name: "client", Egress: []vpc.Rule{rule(vpc.TCP, 80, 80, "server"), rule(vpc.UDP, 53, 53, "server"), rule(vpc.ICMP, 8, 0, "server"), rule(vpc.ICMPv6, 128, 0, "server")}},
			{Name: "server", Ingress: []vpc.Rule{rule(vpc.TCP, 80, 80, "client"), rule(vpc.UDP, 53, 53, "client"), rule(vpc.ICMP, 8, 0, "client"), rule(vpc.ICMPv6, 128, 0, "client")}},
			{Name: "router", Egress: everything()},
		},
		instance("client", []string{"10.0.1.10", "fd00:10:0:1::10"}, "client"), instance("server", []string{"10.0.1.20", "fd00:10:0:1::20"}, "server"), router)
}

// The packet too big, or fragmentation needed, of each family.
func tooBig(src, dst string, about []byte) []byte {
	if about[0]>>4 == 6 {
		return icmpError(src, dst, uint8(header.ICMPv6PacketTooBig), 0, about)
	}
	return icmpError(src, dst, uint8(header.ICMPv4DstUnreachable), uint8(header.ICMPv4FragmentationNeeded), about)
}

func TestICMPErrors(t *testing.T) {
	const client, server, client6, server6 = "10.0.1.10", "10.0.1.20", "fd00:10:0:1::10", "fd00:10:0:1::20"
	request, answer := udpPacket(client+":4000", server+":53", 'q'), udpPacket(server+":53", client+":4000", 'a')
	question, echo := icmpPacket(client6, server6, 128, 0, 7), icmpPacket(server6, client6, 129, 0, 7)
	open, data := syn(client+":4000", server+":80"), ack(server+":80", client+":4000")
	for _, c := range []struct {
		name            string
		from            string
		packet          []byte
		strict, related string
	}{
		{"from the server, about the client's datagram", "server", tooBig(server, client, request), "no_egress_rule", "forwarded"},
		{"from a router, about it", "router", tooBig("10.0.1.66", client, request), "no_ingress_rule", "forwarded"},
		{"from the client, about the answer", "client", tooBig(client, server, answer), "no_egress_rule", "forwarded"},
		{"about the client's SYN", "server", tooBig(server, client, open), "no_egress_rule", "forwarded"},
		{"about the server's data", "router", tooBig("10.0.1.66", server, data), "no_ingress_rule", "forwarded"},
		{"about data that the server has not sent", "router", tooBig("10.0.1.66", server, segment(server+":80", client+":4000", header.TCPFlagAck, isn+100, isn+1)), "no_ingress_rule", "icmp_error_about_nothing"},
		{"about an echo request", "server", tooBig(server6, client6, question), "no_egress_rule", "forwarded"},
		{"about its reply", "client", tooBig(client6, server6, echo), "no_egress_rule", "forwarded"},
		{"about no flow", "router", tooBig("10.0.1.66", client, udpPacket(client+":4001", server+":53")), "no_ingress_rule", "icmp_error_about_nothing"},
		{"about another protocol's", "router", tooBig("10.0.1.66", client, udpPacket(client+":4000", server+":80")), "no_ingress_rule", "icmp_error_about_nothing"},
		{"about a flow, to the one who did not send the packet", "router", tooBig("10.0.1.66", server, request), "icmp_error_about_nothing", "icmp_error_about_nothing"},
		{"about nothing", "server", icmpPacket(server, client, 3, 4, 0), "icmp_error_about_nothing", "icmp_error_about_nothing"},
		{"about an error", "server", tooBig(server, client, tooBig(client, server, answer)), "icmp_error_about_nothing", "icmp_error_about_nothing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, related := range []bool{false, true} {
				w := errorSenders(t, Options{RelatedICMPErrors: related})
				w.want("forwarded", "client", request)
				w.want("forwarded", "server", answer)
				w.want("forwarded", "client", question)
				w.want("forwarded", "server", echo)
				w.want("forwarded", "client", open)
				w.want("forwarded", "server", synAck(server+":80", client+":4000"))
				w.want("forwarded", "client", ack(client+":4000", server+":80"))
				w.want("forwarded", "server", data)
				want := c.strict
				if related {
					want = c.related
				}
				w.want(want, c.from, c.packet)
			}
		})
	}
}

// TestICMPErrorsPassByARule in both settings, flow or none, as long as they are
// about something that their addressee may have sent.
func TestICMPErrorsPassByARule(t *testing.T) {
	for _, related := range []bool{false, true} {
		w := errorSenders(t, Options{RelatedICMPErrors: related})
		unreachable := tooBig("10.0.1.20", "10.0.1.10", udpPacket("10.0.1.10:4000", "10.0.1.20:53"))
		w.group("server").Egress = everything()
		w.group("client").Ingress = []vpc.Rule{rule(vpc.ICMP, 3, 4, "server")}
		w.apply()
		w.want("forwarded", "server", unreachable)
		w.want("icmp_error_about_nothing", "server", tooBig("10.0.1.20", "10.0.1.10", udpPacket("10.0.1.11:4000", "10.0.1.20:53")))
	}
}

// TestErrorsAboutShortPackets quote all there is.
func TestErrorsAboutShortPackets(t *testing.T) {
	for _, related := range []bool{false, true} {
		w := newWorld(t, Options{RelatedICMPErrors: related}, []vpc.SecurityGroup{{Name: "all", Egress: everything(), Ingress: everything()}},
			instance("a", []string{"10.0.1.10"}, "all"), instance("b", []string{"10.0.1.20"}, "all"))
		probe := ipPacket(addr("10.0.1.10"), addr("10.0.1.20"), 200, nil)
		w.want("forwarded", "a", probe)
		w.want("forwarded", "b", icmpError("10.0.1.20", "10.0.1.10", 3, 2, probe))
		w.want("icmp_error_about_nothing", "a", icmpError("10.0.1.10", "10.0.1.20", 3, 2, probe))
	}
}

// TestAnErrorAboutWhatWasNeverSent: that the tuple is right is not enough.
func TestAnErrorAboutWhatWasNeverSent(t *testing.T) {
	w := errorSenders(t, Options{RelatedICMPErrors: true})
	w.want("forwarded", "client", udpPacket("10.0.1.10:4000", "10.0.1.20:53"))
	answer := udpPacket("10.0.1.20:53", "10.0.1.10:4000")
	w.want("icmp_error_about_nothing", "client", tooBig("10.0.1.10", "10.0.1.20", answer))
	w.want("forwarded", "server", answer)
	w.want("forwarded", "client", tooBig("10.0.1.10", "10.0.1.20", answer))
	// Nor is a number of long ago.
	w.want("forwarded", "client", syn("10.0.1.10:4000", "10.0.1.20:80"))
	w.want("icmp_error_about_nothing", "server", tooBig("10.0.1.20", "10.0.1.10", segment("10.0.1.10:4000", "10.0.1.20:80", header.TCPFlagAck, 0xfff00000, isn)))
}

// TestRelatedIsForTheEndsThatTrack: a router between them sends by its own
// rules, and an end that tracks nothing is asked for its own.
func TestRelatedIsForTheEndsThatTrack(t *testing.T) {
	w := errorSenders(t, Options{RelatedICMPErrors: true})
	request := udpPacket("10.0.1.10:4000", "10.0.1.20:53")
	w.want("forwarded", "client", request)
	w.want("forwarded", "router", tooBig("10.0.1.66", "10.0.1.10", request))
	w.group("router").Egress = nil
	w.apply()
	w.want("no_egress_rule", "router", tooBig("10.0.1.66", "10.0.1.10", request))

	w = newWorld(t, Options{RelatedICMPErrors: true},
		[]vpc.SecurityGroup{{Name: "web", Ingress: []vpc.Rule{rule(vpc.TCP, 80, 80, "0.0.0.0/0")}, Egress: everything()}},
		instance("web", []string{"10.0.1.10"}, "web"), host("laptop", "203.0.113.10"))
	data := ack("10.0.1.10:80", "203.0.113.10:4000")
	w.want("forwarded", "laptop", syn("203.0.113.10:4000", "10.0.1.10:80"))
	w.want("forwarded", "web", data)
	w.want("no_ingress_rule", "laptop", tooBig("203.0.113.10", "10.0.1.10", data))
}

// TestAnErrorKeepsNoFlow: it neither makes one nor moves one's end.
func TestAnErrorKeepsNoFlow(t *testing.T) {
	w := errorSenders(t, Options{RelatedICMPErrors: true})
	request := udpPacket("10.0.1.10:4000", "10.0.1.20:53")
	w.want("forwarded", "client", request)
	w.pass(29 * second)
	w.want("forwarded", "server", tooBig("10.0.1.20", "10.0.1.10", request))
	w.pass(second)
	w.want("icmp_error_about_nothing", "server", tooBig("10.0.1.20", "10.0.1.10", request))
	if n := len(w.g.FlowInfos()); n != 0 {
		t.Errorf("%d flows, want none", n)
	}
}
