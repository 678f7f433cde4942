package fragment

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gvisor.dev/gvisor/pkg/tcpip/header"

	"github.com/sgate/sgate/stack"
)

// assemble puts the data of pieces together as a careless machine would: what
// came later wins, or what came first does. Both kinds exist.
func assemble(laterWins bool, way []raw) []byte {
	var data []byte
	var known []bool
	for _, r := range way {
		for i, b := range r.data {
			at := r.offset + i
			for len(data) <= at {
				data, known = append(data, 0), append(known, false)
			}
			if !known[at] || laterWins {
				data[at], known[at] = b, true
			}
		}
	}
	return data
}

// segment is a TCP header without options, and 12 bytes of data.
func segment(dst uint16, flags header.TCPFlags) []byte {
	b := make([]byte, 20)
	header.TCP(b).Encode(&header.TCPFields{SrcPort: 40000, DstPort: dst, SeqNum: 1, Flags: flags, DataOffset: 20, WindowSize: 1000})
	return append(b, payload(12)...)
}

// attack is a sequence of pieces, and what becomes of each.
type attack struct {
	name string
	way  []raw
	want []string
}

// run replays attacks with both families. Whatever came before the piece that
// gives it away must be gone, and told as lost for the same reason.
func run(t *testing.T, attacks []attack) {
	t.Helper()
	for _, a := range attacks {
		for _, ipv6 := range []bool{false, true} {
			w := newWorld(t, DefaultLimits())
			var got []string
			var want []loss
			held := 0
			for i, r := range a.way {
				r.ipv6 = ipv6
				packet := r.bytes()
				got = append(got, word(w.add(mallory, packet)))
				if i < len(a.want) && a.want[i] == "held" {
					held += len(packet)
				} else if want == nil && i > 0 && held > 0 {
					want = []loss{{mallory, a.want[i], i, held}}
				}
			}
			if diff := cmp.Diff(got, a.want); diff != "" {
				t.Errorf("%s, IPv6 %t (-got +want):\n%s", a.name, ipv6, diff)
			}
			if diff := cmp.Diff(w.losses, want); diff != "" {
				t.Errorf("%s, IPv6 %t: losses (-got +want):\n%s", a.name, ipv6, diff)
			}
			if pieces, size := w.Held(mallory); pieces != 0 || size != 0 {
				t.Errorf("%s, IPv6 %t: %d pieces, %d bytes of the dead are held", a.name, ipv6, pieces, size)
			}
		}
	}
}

// TestRewriting replays pieces of which one machine would make an allowed
// packet and another a forbidden one. It first shows that this is so.
func TestRewriting(t *testing.T) {
	open := segment(80, header.TCPFlagAck) // port 80 is open to Mallory
	shut := segment(22, header.TCPFlagSyn) // 22 is not, nor is opening a connection
	tcp := func(offset int, more bool, data []byte) raw {
		return raw{protocol: protoTCP, offset: offset, more: more, data: data}
	}
	killed := []string{"held", "fragment_overlap", "fragment_dead"}
	attacks := []attack{
		{"ports", []raw{tcp(0, true, open[:24]), tcp(0, true, shut[:24]), tcp(24, false, open[24:])}, killed},
		{"flags, from offset 8 (RFC 3128)", []raw{tcp(0, true, open[:24]), tcp(8, true, shut[8:24]), tcp(24, false, open[24:])}, killed},
		{"flags, the forged ones first", []raw{tcp(8, true, shut[8:24]), tcp(0, true, open[:24]), tcp(24, false, open[24:])}, killed},
		{"ports, by the last piece", []raw{tcp(0, true, open[:24]), tcp(24, true, open[24:32]), tcp(16, false, shut[:16])},
			[]string{"held", "held", "fragment_overlap"}},
	}
	for _, a := range attacks {
		if bytes.Equal(assemble(true, a.way), assemble(false, a.way)) {
			t.Errorf("%s is no attack: all machines read the same", a.name)
		}
	}
	run(t, attacks)
}

func TestOverlaps(t *testing.T) {
	plain := func(offset int, more bool, n int) raw { return raw{offset: offset, more: more, data: payload(n)} }
	other := plain(8, true, 8)
	other.data = bytes.Repeat([]byte{9}, 8)
	killed := []string{"held", "fragment_overlap"}
	run(t, []attack{
		{"teardrop: a last piece within another", []raw{plain(0, true, 32), plain(8, false, 4)}, killed},
		{"8 bytes, from before", []raw{plain(16, false, 8), plain(0, true, 24)}, killed},
		{"8 bytes, from behind", []raw{plain(0, true, 24), plain(16, false, 16)}, killed},
		{"around another", []raw{plain(16, true, 8), plain(8, true, 24)}, killed},
		{"around two", []raw{plain(16, true, 8), plain(32, true, 8), plain(8, true, 64)}, []string{"held", "held", "fragment_overlap"}},
		{"across a gap", []raw{plain(0, true, 16), plain(24, true, 16), plain(8, true, 24)}, []string{"held", "held", "fragment_overlap"}},
		{"the same place, another byte", []raw{plain(8, true, 8), other}, killed},
		{"the same, said to be the last", []raw{plain(8, true, 8), plain(8, false, 8)}, killed},
		{"the last, said not to be", []raw{plain(8, false, 8), plain(8, true, 8)}, killed},
		{"the same start, longer", []raw{plain(8, true, 8), plain(8, true, 16)}, killed},
		{"the same start, shorter", []raw{plain(8, true, 16), plain(8, true, 8)}, killed},
	})
}

func TestEnds(t *testing.T) {
	plain := func(offset int, more bool, n int) raw { return raw{offset: offset, more: more, data: payload(n)} }
	run(t, []attack{
		{"two ends", []raw{plain(16, false, 8), plain(32, false, 8)}, []string{"held", "fragment_bad_end"}},
		{"two ends, the nearer one later", []raw{plain(32, false, 8), plain(16, false, 8)}, []string{"held", "fragment_bad_end"}},
		{"data past the end", []raw{plain(16, false, 8), plain(24, true, 8)}, []string{"held", "fragment_bad_end"}},
		{"an end before data", []raw{plain(24, true, 8), plain(8, false, 8)}, []string{"held", "fragment_bad_end"}},
		{"an empty last piece", []raw{plain(0, true, 16), plain(16, false, 0)}, []string{"held", "fragment_bad_piece"}},
		{"an empty piece, then another", []raw{plain(16, true, 0), plain(0, true, 16)}, []string{"fragment_bad_piece", "fragment_dead"}},
		{"9 bytes and more to come", []raw{plain(0, true, 16), plain(16, true, 9)}, []string{"held", "fragment_bad_piece"}},
		{"ping of death", []raw{plain(0, true, 16), plain(65528, false, 16)}, []string{"held", "fragment_too_long"}},
		{"ping of death, from its end", []raw{plain(65528, false, 16), plain(0, true, 16)}, []string{"fragment_too_long", "fragment_dead"}},
	})
}

// TestOneByteTooLong holds the edge that TestLongest has the other side of. That
// IPv4's first piece has a longer header may come out late.
func TestOneByteTooLong(t *testing.T) {
	last := func(headers int) int { return 65535 - headers - 65504 + 1 } // bytes at offset 65504
	timestamp := []byte{68, 8, 5, 0, 0, 0, 0, 0}
	for _, c := range []struct {
		name string
		way  []raw
		want []string
	}{
		{"IPv4", []raw{{offset: 65504, data: payload(last(20))}}, []string{"fragment_too_long"}},
		{
			"IPv4, options of the first piece", []raw{{offset: 65504, data: payload(last(28))}, {more: true, options: timestamp, data: payload(16)}},
			[]string{"held", "fragment_too_long"},
		},
		{
			"the same in order", []raw{{more: true, options: timestamp, data: payload(16)}, {offset: 65504, data: payload(last(28))}},
			[]string{"held", "fragment_too_long"},
		},
		{"IPv6", []raw{{ipv6: true, offset: 65504, data: payload(last(0))}}, []string{"fragment_too_long"}},
		{
			"IPv6, unfragmentable part", []raw{{ipv6: true, offset: 65504, before: []extension{options(hopByHop, 3)}, data: payload(last(24))}},
			[]string{"fragment_too_long"},
		},
	} {
		w := newWorld(t, DefaultLimits())
		var got []string
		for _, r := range c.way {
			got = append(got, word(w.add(mallory, r.bytes())))
		}
		if diff := cmp.Diff(got, c.want); diff != "" {
			t.Errorf("%s (-got +want):\n%s", c.name, diff)
		}
	}
}

// TestChangedHeader holds that pieces agree in what says how to read them.
func TestChangedHeader(t *testing.T) {
	routerAlert, changed := []byte{148, 4, 0, 0}, []byte{148, 4, 0, 1}
	recordRoute := []byte{7, 3, 4, 1} // not copied; and a NOP
	four := func(protocol uint8, options []byte) raw { return raw{protocol: protocol, options: options} }
	six := func(protocol uint8, before ...extension) raw {
		return raw{ipv6: true, protocol: protocol, before: before}
	}
	longer := options(destinationOptions, 2)
	padded := options(destinationOptions, 1)
	padded.rest = []byte{0, 1, 4, 0, 0, 0, 1}
	for _, c := range []struct {
		name     string
		one, two raw
		want     string
	}{
		{"the same", four(protoUDP, nil), four(protoUDP, nil), "complete"},
		{"protocol", four(protoUDP, nil), four(protoTCP, nil), "fragment_changed_header"},
		{"a copied option is gone", four(protoUDP, routerAlert), four(protoUDP, nil), "fragment_changed_header"},
		{"a copied option comes up", four(protoUDP, nil), four(protoUDP, routerAlert), "fragment_changed_header"},
		{"a copied option changes", four(protoUDP, routerAlert), four(protoUDP, changed), "fragment_changed_header"},
		{"an option is not copied", four(protoUDP, append(recordRoute[:4:4], routerAlert...)), four(protoUDP, routerAlert), "complete"},
		{"behind the end there are no options", four(protoUDP, []byte{0, 148, 4, 0}), four(protoUDP, nil), "complete"},
		{"the same", six(protoUDP, longer), six(protoUDP, longer), "complete"},
		{"protocol", six(protoUDP), six(protoTCP), "fragment_changed_header"},
		{"an extension header is gone", six(protoUDP, padded), six(protoUDP), "fragment_changed_header"},
		{"one grows", six(protoUDP, padded), six(protoUDP, longer), "fragment_changed_header"},
		{"a byte of one changes", six(protoUDP, options(destinationOptions, 1)), six(protoUDP, padded), "fragment_changed_header"},
		{"one becomes another", six(protoUDP, options(destinationOptions, 1)), six(protoUDP, options(hopByHop, 1)), "fragment_changed_header"},
	} {
		c.one.more, c.one.data = true, payload(16)
		c.two.offset, c.two.data = 16, payload(8)
		w := newWorld(t, DefaultLimits())
		got := w.words(mallory, c.two.bytes(), c.one.bytes())
		if diff := cmp.Diff(got, []string{"held", c.want}); diff != "" {
			t.Errorf("%s, IPv6 %t (-got +want):\n%s", c.name, c.one.ipv6, diff)
		}
	}
}

// TestUnreadableOptions holds that options which Parse refuses are compared
// as they stand, not read past their end.
func TestUnreadableOptions(t *testing.T) {
	for _, o := range [][]byte{{148}, {148, 0, 0, 0}, {148, 1, 0, 0}, {148, 5, 0, 0}, {7, 9}} {
		got := copiedOptions(nil, append(make([]byte, 20), o...))
		if diff := cmp.Diff(got, o); diff != "" {
			t.Errorf("% x (-got +want):\n%s", o, diff)
		}
	}
}

// TestTinyFirst holds that no first piece gets by with a part of the headers.
// Most never get here: Parse refuses them (RFC 1858, RFC 7112).
func TestTinyFirst(t *testing.T) {
	withOptions := segment(80, header.TCPFlagSyn)
	withOptions[12] = 8 << 4 // 12 bytes of options
	clear(withOptions[20:32])
	opts := append([]byte{protoTCP}, options(destinationOptions, 1).rest...)
	cutOpts := append([]byte{protoTCP}, options(destinationOptions, 3).rest...)[:16]
	opaque := append([]byte{protoXNS}, options(destinationOptions, 1).rest...)
	six := func(protocol uint8, data []byte) raw {
		return raw{ipv6: true, protocol: protocol, more: true, data: data}
	}
	for _, c := range []struct {
		name   string
		first  raw
		parsed stack.Problem
		want   string
	}{
		{"the ports of TCP alone", raw{protocol: protoTCP, more: true, data: withOptions[:8]}, stack.Truncated, ""},
		{"TCP without its flags", raw{protocol: protoTCP, more: true, data: withOptions[:16]}, stack.Truncated, ""},
		{"TCP without its options", raw{protocol: protoTCP, more: true, data: withOptions[:24]}, stack.Truncated, ""},
		{"TCP with its options", raw{protocol: protoTCP, more: true, data: withOptions[:32]}, stack.Parsed, "held"},
		{"IPv6, the ports of TCP alone", six(protoTCP, withOptions[:8]), stack.Truncated, ""},
		{"IPv6, an extension header alone", six(destinationOptions, opts), stack.Truncated, ""},
		{"IPv6, a part of an extension header", six(destinationOptions, cutOpts), stack.ExtensionsOverflow, ""},
		{"IPv6, an extension header and TCP's ports", six(destinationOptions, append(opts, withOptions[:8]...)), stack.Truncated, ""},
		{"IPv6, an extension header and TCP", six(destinationOptions, append(opts, withOptions...)), stack.Parsed, "held"},
		{"IPv6, an extension header alone, before no known protocol", six(destinationOptions, opaque), stack.Parsed, "fragment_tiny_first"},
		{"IPv6, the same and 8 bytes", six(destinationOptions, append(opaque, payload(8)...)), stack.Parsed, "held"},
		{"IPv6, no known protocol", six(protoXNS, payload(8)), stack.Parsed, "held"},
		{"no known protocol", raw{protocol: protoXNS, more: true, data: payload(8)}, stack.Parsed, "held"},
	} {
		packet := c.first.bytes()
		var p stack.Packet
		if problem := p.Parse(packet); problem != c.parsed {
			t.Errorf("%s: Parse says %v, want %v", c.name, problem, c.parsed)
		}
		if c.parsed != stack.Parsed {
			continue
		}
		if got := word(newWorld(t, DefaultLimits()).add(mallory, packet)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// TestDuplicate holds that a piece which comes twice, as by a fault of the
// network, harms nothing (RFC 8200, section 4.5).
func TestDuplicate(t *testing.T) {
	for name, c := range wholes(t, 1500) {
		w := newWorld(t, DefaultLimits())
		pieces := c[1]
		last := len(pieces) - 1
		for _, piece := range pieces[:last] {
			again := append([]byte(nil), piece...)
			if again[0]>>4 == 4 {
				again[8]-- // it took another way
				sealIPv4(again)
			} else {
				again[7]--
			}
			got := w.words(alice, piece, piece, again)
			if diff := cmp.Diff(got, []string{"held", "fragment_duplicate", "fragment_duplicate"}); diff != "" {
				t.Errorf("%s (-got +want):\n%s", name, diff)
			}
		}
		if n, _ := w.Held(alice); n != last {
			t.Errorf("%s: %d pieces are held, want %d", name, n, last)
		}
		if diff := cmp.Diff(w.add(alice, pieces[last]).Whole, c[0][0]); diff != "" {
			t.Errorf("%s (-got +want):\n%s", name, diff)
		}
	}
}

// TestTheDeadStayDead holds that a killed datagram cannot be begun again before
// its time is over, and that its id is free afterwards.
func TestTheDeadStayDead(t *testing.T) {
	w := newWorld(t, DefaultLimits())
	pieces := cut4(whole4(t, 7, nil, udp(), payload(24)), 16)
	overlap := raw{id: 7, offset: 8, more: true, data: payload(16)}.bytes()
	got := w.words(mallory, pieces[0])
	w.pass(10 * time.Second)
	got = append(got, w.words(mallory, overlap, pieces[0], pieces[1], overlap)...)
	w.pass(20*time.Second - 1)
	got = append(got, w.words(mallory, pieces[0])...)
	w.pass(1)
	got = append(got, w.words(mallory, pieces...)...)
	want := []string{"held", "fragment_overlap", "fragment_dead", "fragment_dead", "fragment_dead", "fragment_dead", "held", "complete"}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
	if diff := cmp.Diff(w.losses, []loss{{mallory, "fragment_overlap", 1, 36}}); diff != "" {
		t.Errorf("losses (-got +want):\n%s", diff)
	}
	w.empty()
}
