package savefile

import (
	"fmt"
	"strings"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// line is a packet in words, as tcpdump prints one that is captured on any
// interface, with what became of it behind:
//
//	12:00:00.000000 web In  IP 10.0.1.10.40000 > 10.0.2.30.3306: TCP S, length 0: DROP no_ingress_rule, to db; ...
func line(p packet, device string, zone *time.Location) string {
	direction := "In "
	if p.isOutbound() {
		direction = "Out"
	}
	words, _, _ := strings.Cut(strings.TrimPrefix(p.comment(), "sgate: "), " | ")
	return fmt.Sprintf("%s %s %s %s: %s\n", p.info.Timestamp.In(zone).Format("15:04:05.000000"), device, direction, headers(p), words)
}

// headers are a packet's headers in words, as far as they were captured.
func headers(p packet) string {
	h := network{rest: p.info.Length}
	for _, layer := range gopacket.NewPacket(p.data, networkType(p.data), gopacket.DecodeOptions{NoCopy: true}).Layers() {
		if len(layer.LayerContents()) == 0 {
			break // it was cut
		}
		if !h.add(layer) {
			return h.before(layer)
		}
	}
	return h.alone()
}

// network is what is known of a packet's IP header and extension headers.
type network struct {
	family   string // "" without an IP header
	src, dst gopacket.Endpoint
	next     layers.IPProtocol
	rest     int // bytes that follow
}

// add reads a header; it returns false for what is not IP's own, and for another
// IP packet within this one.
func (h *network) add(layer gopacket.Layer) bool {
	ip, isIP := layer.(gopacket.NetworkLayer)
	if isIP == (h.family != "") {
		return false
	}
	switch l := layer.(type) {
	case *layers.IPv4:
		h.family, h.next = "IP", l.Protocol
	case *layers.IPv6:
		h.family, h.next = "IP6", l.NextHeader
	case *layers.IPv6HopByHop:
		h.next = l.NextHeader
	case *layers.IPv6Routing:
		h.next = l.NextHeader
	case *layers.IPv6Destination:
		h.next = l.NextHeader
	case *layers.IPv6Fragment:
		h.next = l.NextHeader
	default:
		return false
	}
	if isIP {
		h.src, h.dst = ip.NetworkFlow().Endpoints()
	}
	h.rest -= len(layer.LayerContents())
	return true
}

// before returns the headers, of which layer is the last.
func (h *network) before(layer gopacket.Layer) string {
	switch l := layer.(type) {
	case *layers.TCP:
		payload := h.rest - 4*int(l.DataOffset) // options may have been cut
		return fmt.Sprintf("%s %s.%d > %s.%d: Flags [%s], length %d", h.family, h.src, l.SrcPort, h.dst, l.DstPort, flags(l), payload)
	case *layers.UDP:
		return fmt.Sprintf("%s %s.%d > %s.%d: UDP, length %d", h.family, h.src, l.SrcPort, h.dst, l.DstPort, h.rest-len(l.Contents))
	case *layers.ICMPv4:
		return fmt.Sprintf("%s %s > %s: ICMP %s, length %d", h.family, h.src, h.dst, l.TypeCode, h.rest)
	case *layers.ICMPv6:
		return fmt.Sprintf("%s %s > %s: ICMP6 %s, length %d", h.family, h.src, h.dst, l.TypeCode, h.rest)
	}
	return h.alone()
}

// alone returns the headers where nothing is known of what follows.
func (h *network) alone() string {
	if h.family == "" {
		return fmt.Sprintf("no IP header, length %d", h.rest)
	}
	return fmt.Sprintf("%s %s > %s: protocol %d, length %d", h.family, h.src, h.dst, h.next, h.rest)
}

// networkType returns what a packet begins with.
func networkType(data []byte) gopacket.LayerType {
	if len(data) > 0 && data[0]>>4 == 6 {
		return layers.LayerTypeIPv6
	}
	return layers.LayerTypeIPv4
}

// flags are TCP's, as tcpdump has them: "S", "S.", "P.".
func flags(t *layers.TCP) string {
	var b strings.Builder
	for _, f := range []struct {
		set    bool
		letter byte
	}{{t.FIN, 'F'}, {t.SYN, 'S'}, {t.RST, 'R'}, {t.PSH, 'P'}, {t.ACK, '.'}, {t.URG, 'U'}, {t.ECE, 'E'}, {t.CWR, 'W'}} {
		if f.set {
			b.WriteByte(f.letter)
		}
	}
	return b.String()
}
