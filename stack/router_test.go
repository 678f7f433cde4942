package stack

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

var (
	router4 = netip.MustParseAddr("10.0.1.1")
	router6 = netip.MustParseAddr("fd00:10:0:1::1")
)

// wire is where a router's packets arrive.
type wire chan sent

type sent struct {
	vpc    int
	packet []byte
}

// newRouter returns a router that owns router4 and router6 in VPC 0.
func newRouter(t *testing.T) (*Router, wire) {
	t.Helper()
	w := make(wire, 4096)
	r := NewRouter(9001, func(vpc int, packet []byte) {
		w <- sent{vpc, append([]byte(nil), packet...)}
	})
	t.Cleanup(r.Close)
	setNetworks(t, r, Network{VPC: 0, Addrs: []netip.Addr{router4, router6}})
	return r, w
}

func setNetworks(t *testing.T, r *Router, networks ...Network) {
	t.Helper()
	if err := r.SetNetworks(networks); err != nil {
		t.Fatal(err)
	}
}

// next returns the next packet that was sent, its checksums verified.
func (w wire) next(t *testing.T) (int, *Packet, []byte) {
	t.Helper()
	select {
	case s := <-w:
		return s.vpc, checksums(t, s.packet), s.packet
	case <-time.After(5 * time.Second):
		t.Fatal("the router sent nothing")
		return 0, nil, nil
	}
}

// ping returns an echo request of Alice's to an address.
func ping(to netip.Addr, id uint16) []byte {
	if to.Is4() {
		return seal(v4{dst: to, protocol: icmp4, payload: icmpMessage(8, 0, id, "are you there?")}.bytes())
	}
	return seal(v6{dst: to, protocol: icmp6, payload: icmpMessage(128, 0, id, "are you there?")}.bytes())
}

// pong reports what answers a ping: the id, or 0 for silence. The netstack
// answers before Deliver returns, or it does not.
func pong(t *testing.T, r *Router, w wire, vpc int, to netip.Addr, id uint16) uint16 {
	t.Helper()
	deliver(r, vpc, ping(to, id), false)
	if len(w) == 0 {
		return 0
	}
	from, p, _ := w.next(t)
	if _, reply, _ := p.ICMPQuery(); !reply || from != vpc || p.Src != to {
		t.Errorf("a ping to %v in VPC %d was answered in VPC %d by %+v", to, vpc, from, p)
	}
	return p.ICMPID
}

// quiet fails the test if the router has sent anything.
func (w wire) quiet(t *testing.T, why string) {
	t.Helper()
	select {
	case s := <-w:
		t.Errorf("%s: the router sent % x", why, s.packet)
	default:
	}
}

func TestRouterAnswersPing(t *testing.T) {
	r, w := newRouter(t)
	for _, test := range []struct {
		name     string
		ping     []byte
		want     Packet
		src, dst netip.Addr
	}{
		{"IPv4", ping(router4, 77), Packet{ICMPType: 0, ICMPID: 77}, router4, alice4},
		{"IPv6", ping(router6, 78), Packet{ICMPType: 129, ICMPID: 78}, router6, alice6},
	} {
		t.Run(test.name, func(t *testing.T) {
			deliver(r, 0, test.ping, false)
			_, p, packet := w.next(t)
			got := Packet{Src: p.Src, Dst: p.Dst, ICMPType: p.ICMPType, ICMPID: p.ICMPID}
			test.want.Src, test.want.Dst = test.src, test.dst
			if diff := cmp.Diff(got, test.want, equateAddrs); diff != "" {
				t.Errorf("(-got +want):\n%s", diff)
			}
			if payload := string(packet[p.PayloadStart:]); payload != "are you there?" {
				t.Errorf("it answered %q", payload)
			}
			if p.TTL < 32 {
				t.Errorf("the answer has %d hops left", p.TTL)
			}
			w.quiet(t, "after the answer")
		})
	}
}

func TestRouterAnswersForNobodyElse(t *testing.T) {
	r, w := newRouter(t)
	for _, to := range []string{
		"10.0.1.2", "10.0.1.10", "10.0.1.255", "255.255.255.255", "224.0.0.1", "127.0.0.1", "0.0.0.0", "169.254.169.254",
		"fd00:10:0:1::2", "fd00:10:0:1::10", "fd00:10:0:1::", "::1", "::", "fe80::1",
	} {
		if id := pong(t, r, w, 0, netip.MustParseAddr(to), 77); id != 0 {
			t.Errorf("the router answers for %s", to)
		}
	}
	if id := pong(t, r, w, 0, router4, 78); id != 78 {
		t.Errorf("afterwards, its own ping: %d, want 78", id)
	}
	deliver(r, 1, ping(router4, 77), false)
	w.quiet(t, "a VPC that it is not in")
}

func TestRouterRefuses(t *testing.T) {
	datagram := udpDatagram(40000, 53, "question")
	segment := tcpSegment(40000, 80, header.TCPFlagSyn, 0, "")
	r, w := newRouter(t)
	for _, test := range []struct {
		name   string
		packet []byte
		want   Packet
	}{
		{
			"UDP", seal(v4{dst: router4, protocol: udpNo, payload: datagram}.bytes()),
			Packet{Src: router4, Dst: alice4, Protocol: icmp4, ICMPType: 3, ICMPCode: 3},
		},
		{
			"UDP6", seal(v6{dst: router6, protocol: udpNo, payload: datagram}.bytes()),
			Packet{Src: router6, Dst: alice6, Protocol: icmp6, ICMPType: 1, ICMPCode: 4},
		},
		{
			"TCP", seal(v4{dst: router4, protocol: tcpNo, payload: segment}.bytes()),
			Packet{Src: router4, Dst: alice4, Protocol: tcpNo, SrcPort: 80, DstPort: 40000, TCPFlags: header.TCPFlagRst | header.TCPFlagAck},
		},
		{
			"TCP6", seal(v6{dst: router6, protocol: tcpNo, payload: segment}.bytes()),
			Packet{Src: router6, Dst: alice6, Protocol: tcpNo, SrcPort: 80, DstPort: 40000, TCPFlags: header.TCPFlagRst | header.TCPFlagAck},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			check := func(packet []byte, pending bool) {
				t.Helper()
				deliver(r, 0, packet, pending)
				_, p, _ := w.next(t)
				got := Packet{
					Src: p.Src, Dst: p.Dst, Protocol: p.Protocol, SrcPort: p.SrcPort, DstPort: p.DstPort,
					TCPFlags: p.TCPFlags, ICMPType: p.ICMPType, ICMPCode: p.ICMPCode,
				}
				if diff := cmp.Diff(got, test.want, equateAddrs); diff != "" {
					t.Errorf("(-got +want):\n%s", diff)
				}
				w.quiet(t, "after the refusal")
			}
			check(test.packet, false)

			// As an instance with checksum offload sends it: the sum of the
			// pseudo-header alone, which the virtio header says.
			pending := unseal(append([]byte(nil), test.packet...))
			check(pending, true)
			deliver(r, 0, pending, false)
			w.quiet(t, "a bad checksum that nobody has promised to mend")
		})
	}
}

// TestRouterOwnsServiceAddresses asks at the addresses of AWS's services that a
// VPC has beside its routers' (docs/semantics.md, section 3.1): they are there,
// and each answers as itself, though nothing listens.
func TestRouterOwnsServiceAddresses(t *testing.T) {
	r, w := newRouter(t)
	var addrs []netip.Addr
	for _, a := range []string{
		"10.0.0.2", "169.254.169.253", "169.254.169.254", "169.254.170.2", "169.254.169.123", "169.254.169.250",
		"fd00:ec2::253", "fd00:ec2::254", "fd00:ec2::123",
	} {
		addrs = append(addrs, netip.MustParseAddr(a))
	}
	for _, a := range addrs {
		if id := pong(t, r, w, 0, a, 7); id != 0 {
			t.Errorf("%v answers before it is the router's", a)
		}
	}
	setNetworks(t, r, Network{VPC: 0, Addrs: append([]netip.Addr{router4, router6}, addrs...)})
	for _, a := range append(addrs, router4, router6) {
		if id := pong(t, r, w, 0, a, 7); id != 7 {
			t.Errorf("%v does not answer a ping", a)
		}
		asker, unreachable := alice4, Packet{Protocol: icmp4, ICMPType: 3, ICMPCode: 3}
		if a.Is6() {
			asker, unreachable = alice6, Packet{Protocol: icmp6, ICMPType: 1, ICMPCode: 4}
		}
		reset := Packet{Protocol: tcpNo, SrcPort: 80, DstPort: 40000, TCPFlags: header.TCPFlagRst | header.TCPFlagAck, TCPAck: 1001}
		for _, test := range []struct {
			name   string
			packet []byte
			want   Packet
		}{
			{"UDP", to(a, udpNo, udpDatagram(40000, 53, "question")), unreachable},
			{"TCP", to(a, tcpNo, tcpSegment(40000, 80, header.TCPFlagSyn, 0, "")), reset},
		} {
			deliver(r, 0, test.packet, false)
			_, p, _ := w.next(t)
			got := Packet{
				Src: p.Src, Dst: p.Dst, Protocol: p.Protocol, SrcPort: p.SrcPort, DstPort: p.DstPort,
				TCPFlags: p.TCPFlags, TCPAck: p.TCPAck, ICMPType: p.ICMPType, ICMPCode: p.ICMPCode,
			}
			test.want.Src, test.want.Dst = a, asker
			if diff := cmp.Diff(got, test.want, equateAddrs); diff != "" {
				t.Errorf("%s to %v (-got +want):\n%s", test.name, a, diff)
			}
			w.quiet(t, "after the refusal")
		}
	}
	if id := pong(t, r, w, 0, netip.MustParseAddr("169.254.169.252"), 7); id != 0 {
		t.Error("it answers for an address beside them")
	}
}

// to returns a packet of Alice's, its checksum right.
func to(dst netip.Addr, protocol uint8, payload []byte) []byte {
	if dst.Is4() {
		return seal(v4{dst: dst, protocol: protocol, payload: payload}.bytes())
	}
	return seal(v6{dst: dst, protocol: protocol, payload: payload}.bytes())
}

func TestRouterPutsFragmentsTogether(t *testing.T) {
	message := seal(v4{dst: router4, protocol: icmp4, payload: icmpMessage(8, 0, 77, "are you there, in two pieces?")}.bytes())[20:]
	r, w := newRouter(t)
	deliver(r, 0, v4{dst: router4, protocol: icmp4, id: 3, mf: true, payload: message[:24]}.bytes(), false)
	w.quiet(t, "a first fragment")
	deliver(r, 0, v4{dst: router4, protocol: icmp4, id: 3, offset: 24, payload: message[24:]}.bytes(), false)
	_, p, packet := w.next(t)
	if p.ICMPID != 77 || string(packet[p.PayloadStart:]) != "are you there, in two pieces?" {
		t.Errorf("the answer is % x", packet)
	}
}

func TestRouterKeepsNoReferenceToWhatIsDelivered(t *testing.T) {
	r, w := newRouter(t)
	packet := ping(router4, 77)
	want := string(packet)
	deliver(r, 0, packet, false)
	if string(packet) != want {
		t.Error("the router changed the packet that it was handed")
	}
	w.next(t)
}

func TestRouterIsQuietByItself(t *testing.T) {
	_, w := newRouter(t)
	time.Sleep(100 * time.Millisecond)
	w.quiet(t, "duplicate address detection, router solicitation or group reports") // to nobody
}

func TestSetNetworksLive(t *testing.T) {
	r, w := newRouter(t)
	second4, second6 := netip.MustParseAddr("10.0.2.1"), netip.MustParseAddr("fd00:10:0:2::1")
	answers := func(vpc int) (got []netip.Addr) {
		t.Helper()
		for _, a := range []netip.Addr{router4, router6, second4, second6} {
			if pong(t, r, w, vpc, a, 77) == 77 {
				got = append(got, a)
			}
		}
		return got
	}
	for _, step := range []struct {
		name     string
		networks []Network
		want     map[int][]netip.Addr
	}{
		{"as made", []Network{{0, []netip.Addr{router4, router6}}}, map[int][]netip.Addr{0: {router4, router6}}},
		{"a subnet more, twice named", []Network{{0, []netip.Addr{router4, router6, second4, second4}}}, map[int][]netip.Addr{0: {router4, router6, second4}}},
		{"others", []Network{{0, []netip.Addr{second4, second6}}}, map[int][]netip.Addr{0: {second4, second6}}},
		{
			"a VPC more", []Network{{0, []netip.Addr{second4}}, {5, []netip.Addr{router4, second6}}},
			map[int][]netip.Addr{0: {second4}, 5: {router4, second6}},
		},
		{"the first gone", []Network{{5, []netip.Addr{router4}}}, map[int][]netip.Addr{5: {router4}}},
		{"none", nil, nil},
		{"the first back", []Network{{0, []netip.Addr{router4}}}, map[int][]netip.Addr{0: {router4}}},
	} {
		setNetworks(t, r, step.networks...)
		for _, vpc := range []int{0, 5} {
			if diff := cmp.Diff(answers(vpc), step.want[vpc], equateAddrs); diff != "" {
				t.Errorf("%s: addresses that answer in VPC %d (-got +want):\n%s", step.name, vpc, diff)
			}
		}
	}
}

func TestVPCsDoNotMeet(t *testing.T) {
	r, w := newRouter(t)
	both := []netip.Addr{router4, router6}
	setNetworks(t, r, Network{0, both}, Network{1, both})
	for _, vpc := range []int{0, 1, 1, 0} {
		for _, to := range both {
			if id := pong(t, r, w, vpc, to, uint16(10+vpc)); id != uint16(10+vpc) {
				t.Errorf("ping to %v in VPC %d: answer %d", to, vpc, id)
			}
		}
		for name, packet := range map[string][]byte{
			"UDP": seal(v4{dst: router4, protocol: udpNo, payload: udpDatagram(1, 53, "")}.bytes()),
			"TCP": seal(v4{dst: router4, protocol: tcpNo, payload: tcpSegment(1, 80, header.TCPFlagSyn, 0, "")}.bytes()),
		} {
			deliver(r, vpc, packet, false)
			if got, _, _ := w.next(t); got != vpc {
				t.Errorf("%s in VPC %d was refused in VPC %d", name, vpc, got)
			}
		}
		p, packet := parsed(t, v4{protocol: udpNo, ttl: 1, payload: udpDatagram(1, 2, "")}.bytes())
		if !r.TimeExceeded(vpc, router4, p, packet) {
			t.Fatalf("no error was sent in VPC %d", vpc)
		}
		if got, _, _ := w.next(t); got != vpc {
			t.Errorf("an error of VPC %d went to VPC %d", vpc, got)
		}
	}
}

func TestCloseEndsEverything(t *testing.T) {
	before := goleak.IgnoreCurrent()
	r := NewRouter(9001, func(int, []byte) {})
	setNetworks(t, r, Network{0, []netip.Addr{router4, router6}}, Network{1, []netip.Addr{router4}})
	deliver(r, 0, ping(router4, 1), false)
	deliver(r, 1, seal(v4{dst: router4, protocol: tcpNo, payload: tcpSegment(1, 80, header.TCPFlagSyn, 0, "")}.bytes()), false)
	deliver(r, 0, v4{dst: router4, protocol: icmp4, mf: true, payload: make([]byte, 8)}.bytes(), false)
	r.Close()
	goleak.VerifyNone(t, before)
}

func TestRouterFromManyGoroutines(t *testing.T) {
	r := NewRouter(9001, func(int, []byte) {})
	defer r.Close()
	done := make(chan error, 8)
	for i := range 8 {
		go func() {
			for n := range 50 {
				deliver(r, i%2, ping(router4, uint16(n)), false)
				if i < 2 {
					if err := r.SetNetworks([]Network{{n % 2, []netip.Addr{router4, router6}}}); err != nil {
						done <- err
						return
					}
				}
			}
			done <- nil
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// deliver hands the router a packet as the gateway does: parsed.
func deliver(r *Router, vpc int, packet []byte, checksumPending bool) {
	var p Packet
	if p.Parse(packet) == Parsed {
		r.Deliver(vpc, &p, packet, checksumPending)
	}
}
