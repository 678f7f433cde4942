package stack

import (
	"testing"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// allowedFlags says the same as validTCPFlags, in the words of RFC 9293 and
// RFC 3360 instead of a list: exactly one of SYN, RST and FIN or none of them;
// an ACK unless it opens or resets; and URG where there can be data.
func allowedFlags(flags header.TCPFlags) bool {
	has := func(f header.TCPFlags) bool { return flags&f != 0 }
	const syn, rst, fin, ack, urg = header.TCPFlagSyn, header.TCPFlagRst, header.TCPFlagFin, header.TCPFlagAck, header.TCPFlagUrg
	switch {
	case has(syn):
		return !has(rst) && !has(fin) && !(has(ack) && has(urg))
	case has(rst):
		return !has(fin) && !has(urg)
	}
	return has(ack)
}

func TestParseTCPFlags(t *testing.T) {
	for i := range 256 {
		flags := header.TCPFlags(i)
		want := Parsed
		if !allowedFlags(flags) {
			want = BadTCPFlags
		}
		for family, b := range map[string][]byte{
			"IPv4":             v4{protocol: tcpNo, payload: tcpSegment(1, 2, flags, 0, "x")}.bytes(),
			"IPv6":             v6{protocol: tcpNo, payload: tcpSegment(1, 2, flags, 12, "x")}.bytes(),
			"a first fragment": v4{protocol: tcpNo, mf: true, payload: tcpSegment(1, 2, flags, 4, "")}.bytes(),
		} {
			var p Packet
			if got := p.Parse(b); got != want {
				t.Errorf("%s, flags %v: %v, want %v", family, flags, got, want)
			}
			if p.HasTransport != (want == Parsed) {
				t.Errorf("%s, flags %v: HasTransport is %v", family, flags, p.HasTransport)
			}
		}
	}
}

// TestParseTCPFlagsByName names the scans that nobody may send any more.
func TestParseTCPFlagsByName(t *testing.T) {
	const syn, rst, fin, ack, psh, urg, ece, cwr = header.TCPFlagSyn, header.TCPFlagRst, header.TCPFlagFin,
		header.TCPFlagAck, header.TCPFlagPsh, header.TCPFlagUrg, header.TCPFlagEce, header.TCPFlagCwr
	for _, test := range []struct {
		name  string
		flags header.TCPFlags
		want  Problem
	}{
		{"null scan", 0, BadTCPFlags},
		{"FIN scan", fin, BadTCPFlags},
		{"Xmas scan", fin | psh | urg, BadTCPFlags},
		{"all flags", 0xff, BadTCPFlags},
		{"PSH alone", psh, BadTCPFlags},
		{"URG alone", urg, BadTCPFlags},
		{"ECE and CWR alone", ece | cwr, BadTCPFlags},
		{"SYN and FIN", syn | fin, BadTCPFlags},
		{"SYN, FIN and ACK", syn | fin | ack, BadTCPFlags},
		{"SYN and RST", syn | rst, BadTCPFlags},
		{"FIN and RST", fin | rst, BadTCPFlags},
		{"FIN, RST and ACK", fin | rst | ack, BadTCPFlags},
		{"SYN", syn, Parsed},
		{"SYN that asks for congestion notification", syn | ece | cwr, Parsed},
		{"SYN with data pushed", syn | psh, Parsed},
		{"SYN and ACK", syn | ack, Parsed},
		{"RST", rst, Parsed},
		{"RST and ACK", rst | ack, Parsed},
		{"FIN and ACK", fin | ack, Parsed},
		{"the last data", fin | ack | psh, Parsed},
		{"ACK", ack, Parsed},
		{"urgent data", ack | psh | urg, Parsed},
	} {
		b := v4{protocol: tcpNo, payload: tcpSegment(1, 2, test.flags, 0, "")}.bytes()
		if got := new(Packet).Parse(b); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}

	// The reserved bits beside the data offset, one of which was once a flag.
	segment := tcpSegment(1, 2, ack, 0, "")
	segment[12] |= 0x0f
	if got := new(Packet).Parse(v4{protocol: tcpNo, payload: segment}.bytes()); got != Parsed {
		t.Errorf("reserved bits: %v", got)
	}
}

func TestParseGoodOptions(t *testing.T) {
	for name, options := range map[string][]byte{
		"router alert":                       {148, 4, 0, 0},
		"record route":                       {7, 7, 4, 0, 0, 0, 0, 0},
		"timestamp":                          {68, 8, 5, 0, 0, 0, 0, 0},
		"NOPs":                               {1, 1, 1, 1},
		"no data":                            {30, 2, 1, 1},
		"the list's end, whatever is behind": {0, 131, 0, 0},
		"a source route's number as data":    {30, 4, 131, 137},
	} {
		b := v4{protocol: udpNo, options: options, payload: udpDatagram(1, 2, "")}.bytes()
		if got := new(Packet).Parse(b); got != Parsed {
			t.Errorf("IPv4 %s: %v", name, got)
		}
	}
	for name, options := range map[string][]byte{
		"those of a SYN":                     {2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7},
		"timestamps":                         {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2},
		"timestamps and SACK":                {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2},
		"unknown":                            {253, 4, 0, 0},
		"the list's end, whatever is behind": {1, 0, 2, 0},
	} {
		b := v6{protocol: tcpNo, payload: tcpWithOptions(header.TCPFlagSyn, options...)}.bytes()
		if got := new(Packet).Parse(b); got != Parsed {
			t.Errorf("TCP %s: %v", name, got)
		}
	}
}

// A first fragment has the length of the whole datagram, and a super-packet
// that of all its datagrams' payloads behind one header: neither is a lie.
func TestParseUDPLengthOfTheWhole(t *testing.T) {
	first := udpDatagram(1, 2, "01234567")
	header.UDP(first).SetLength(3000)
	for name, b := range map[string][]byte{
		"IPv4":           v4{protocol: udpNo, mf: true, payload: first}.bytes(),
		"IPv6":           v6{chain: []extension{fragment(0, true, 7)}, protocol: udpNo, payload: first}.bytes(),
		"a super-packet": v4{protocol: udpNo, payload: udpDatagram(1, 2, string(make([]byte, 40*1472)))}.bytes(),
	} {
		p, _ := parsed(t, b)
		if !p.HasTransport || p.DstPort != 2 {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

func TestPayloadLen(t *testing.T) {
	for name, want := range map[string]int{
		"tcp4": 0, "tcp4 options": 5, "udp4": 8, "icmp4 echo": 4, "ip options": 0, "gre4": 0,
		"later fragment4": 0, "udp6": 8, "all extensions": 0, "first fragment6": 8,
	} {
		if p, _ := parsed(t, samples()[name]); p.PayloadLen() != want {
			t.Errorf("%s: %d bytes, want %d", name, p.PayloadLen(), want)
		}
	}
}

func TestWindowScale(t *testing.T) {
	const syn, ack = header.TCPFlagSyn, header.TCPFlagAck
	for _, test := range []struct {
		name    string
		segment []byte
		shift   uint8
		ok      bool
	}{
		{"a SYN's", tcpWithOptions(syn, 2, 4, 5, 180, 1, 3, 3, 7), 7, true},
		{"a SYN-ACK's", tcpWithOptions(syn|ack, 1, 3, 3, 9), 9, true},
		{"of no shift", tcpWithOptions(syn, 1, 3, 3, 0), 0, true},
		{"as large as may be", tcpWithOptions(syn, 1, 3, 3, 14), 14, true},
		{"larger than may be", tcpWithOptions(syn, 1, 3, 3, 15), 14, true},
		{"as large as can be", tcpWithOptions(syn, 1, 3, 3, 255), 14, true},
		{"twice", tcpWithOptions(syn, 3, 3, 5, 3, 3, 6, 1, 1), 6, true},
		{"of another length", tcpWithOptions(syn, 3, 4, 7, 0), 0, false},
		{"behind the list's end", tcpWithOptions(syn, 0, 3, 3, 7), 0, false},
		{"in another option's data", tcpWithOptions(syn, 253, 5, 3, 3, 7, 1, 1, 1), 0, false},
		{"none", tcpWithOptions(syn, 2, 4, 5, 180), 0, false},
		{"no options", tcpWithOptions(syn), 0, false},
		{"in the payload", append(tcpWithOptions(syn), 3, 3, 7, 0), 0, false},
		{"of a segment that is no SYN", tcpWithOptions(ack, 1, 3, 3, 7), 0, false},
	} {
		p, b := parsed(t, v4{protocol: tcpNo, options: []byte{1, 1, 1, 1}, payload: test.segment}.bytes())
		if shift, ok := p.WindowScale(b); shift != test.shift || ok != test.ok {
			t.Errorf("%s: %d, %v, want %d, %v", test.name, shift, ok, test.shift, test.ok)
		}
	}
	p, b := parsed(t, v4{protocol: tcpNo, offset: 8, payload: tcpWithOptions(syn, 1, 3, 3, 7)}.bytes())
	if _, ok := p.WindowScale(b); ok {
		t.Error("a later fragment has a window scale")
	}
	p, b = parsed(t, samples()["udp4"])
	if _, ok := p.WindowScale(b); ok {
		t.Error("UDP has a window scale")
	}
}
