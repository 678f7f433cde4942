package filter

import (
	"encoding/binary"
	"slices"

	"github.com/sgate/sgate/vpc"
)

// services is what a list of protocols and ports admits. Which peer they are
// granted to it does not know: fleets grant the same lists over and over, so
// that equal lists are compiled once and stay in the cache.
type services struct {
	all    item          // of all protocols
	open   [2]bool       // TCP, UDP: one item admits all ports; two that do so together are not open
	ports  [2][]interval // TCP, UDP
	others []other       // ICMP and protocols without ports, by key
	list   string        // what it was compiled from, see encode
}

// item is a place in a list of services.
type item uint16

// noItem is where no item matched. It is higher than every item.
const noItem item = 1<<16 - 1

// interval is a range of ports and the first item that admits it. The intervals
// of a services value are sorted and disjoint.
type interval struct {
	first, last uint16
	item        item
}

// other is a protocol, or an ICMP type and code, and the first item that admits
// it.
type other struct {
	key  uint32
	item item
}

// portsIndex is the index of a protocol with ports in services.
func portsIndex(protocol uint8) int {
	if protocol == uint8(vpc.TCP) {
		return 0
	}
	return 1
}

// otherKey packs a protocol without ports, or an ICMP protocol, type and code;
// Any is a value like others.
func otherKey(protocol vpc.Protocol, icmpType, code int32) uint32 {
	return uint32(protocol)<<20 | uint32(icmpType+1)<<10 | uint32(code+1)
}

// match returns the first item that admits the flow's protocol and ports.
func (s *services) match(f *Flow) item {
	switch protocol := vpc.Protocol(f.Protocol); {
	case protocol.HasPorts():
		if f.HasTransport {
			return s.matchPort(portsIndex(f.Protocol), f.DstPort)
		}
		return s.all
	case protocol == vpc.ICMP && f.Src.Is6():
		return s.all // ICMP is IPv4's own: its rules never match IPv6, whatever the peer
	case protocol.IsICMP():
		return min(s.all, s.matchICMP(protocol, f))
	default:
		return min(s.all, s.matchOther(otherKey(protocol, vpc.Any, vpc.Any)))
	}
}

// matchPort returns the first item that admits a port of TCP or UDP.
func (s *services) matchPort(i int, port uint16) item {
	ports := s.ports[i]
	at, end := 0, len(ports)
	for at < end {
		if middle := int(uint(at+end) >> 1); ports[middle].last < port {
			at = middle + 1
		} else {
			end = middle
		}
	}
	if at < len(ports) && ports[at].first <= port {
		return min(s.all, ports[at].item)
	}
	return s.all
}

// matchICMP tries the exact pair, the type with any code, and any type. A flow
// whose type is not known meets only the last.
func (s *services) matchICMP(protocol vpc.Protocol, f *Flow) item {
	if len(s.others) == 0 {
		return noItem
	}
	best := s.matchOther(otherKey(protocol, vpc.Any, vpc.Any))
	if f.HasTransport {
		best = min(best, s.matchOther(otherKey(protocol, int32(f.ICMPType), vpc.Any)),
			s.matchOther(otherKey(protocol, int32(f.ICMPType), int32(f.ICMPCode))))
	}
	return best
}

func (s *services) matchOther(key uint32) item {
	i, found := slices.BinarySearchFunc(s.others, key, func(o other, key uint32) int { return int(o.key) - int(key) })
	if !found {
		return noItem
	}
	return s.others[i].item
}

// portSet is a set of TCP and UDP ports that may have more in it than were added:
// a bit stands for blocks of 16 ports.
type portSet uint64

func portBit(block int) portSet { return 1 << (uint64(block) * 0x9e3779b97f4a7c15 >> 58) }

// add adds what services admit, all ports if these are not all that they admit.
func (p *portSet) add(s *services) {
	if s.all != noItem || len(s.others) > 0 {
		*p = ^portSet(0)
	}
	for _, intervals := range s.ports {
		for _, i := range intervals {
			for block := int(i.first >> 4); block <= int(i.last>>4) && *p != ^portSet(0); block++ {
				*p |= portBit(block)
			}
		}
	}
}

// mayHave reports whether the flow's port may be in the set, or it has none.
func (p portSet) mayHave(f *Flow) bool {
	if protocol := vpc.Protocol(f.Protocol); !protocol.HasPorts() || !f.HasTransport {
		return p == ^portSet(0)
	}
	return p&portBit(int(f.DstPort>>4)) != 0
}

// itemLen is the length of an item of a list, encoded.
const itemLen = 2 + 4 + 4

// encode appends a rule's services to a list.
func encode(list []byte, r *vpc.Rule) []byte {
	list = binary.LittleEndian.AppendUint16(list, uint16(r.Protocol))
	list = binary.LittleEndian.AppendUint32(list, uint32(r.FromPort))
	return binary.LittleEndian.AppendUint32(list, uint32(r.ToPort))
}

// newServices compiles a list.
func newServices(list string) *services {
	s := &services{all: noItem, list: list}
	var ports [2][]interval
	for n := range item(len(list) / itemLen) {
		raw := []byte(list[int(n)*itemLen:])
		protocol := vpc.Protocol(binary.LittleEndian.Uint16(raw))
		from, to := int32(binary.LittleEndian.Uint32(raw[2:])), int32(binary.LittleEndian.Uint32(raw[6:]))
		switch {
		case protocol == vpc.AllProtocols:
			s.all = min(s.all, n)
			s.open = [2]bool{true, true}
		case protocol.HasPorts():
			i := portsIndex(uint8(protocol))
			ports[i] = append(ports[i], interval{uint16(from), uint16(to), n})
			s.open[i] = s.open[i] || from == 0 && to == 65535
		default:
			s.others = append(s.others, other{otherKey(protocol, from, to), n})
		}
	}
	for i := range ports {
		s.ports[i] = disjoint(ports[i])
	}
	// The first of equal keys stays.
	slices.SortStableFunc(s.others, func(a, b other) int { return int(a.key) - int(b.key) })
	s.others = slices.CompactFunc(s.others, func(a, b other) bool { return a.key == b.key })
	return s
}

// disjoint turns overlapping intervals, in the order of their items, into
// sorted, disjoint ones, each with the first of the items that cover it.
func disjoint(in []interval) []interval {
	if len(in) < 2 {
		return in
	}
	var edges []int // where the set of covering intervals can change
	for _, r := range in {
		edges = append(edges, int(r.first), int(r.last)+1)
	}
	slices.Sort(edges)
	edges = slices.Compact(edges)
	// From the first item on, each takes the pieces that are still free; next
	// leads past those that are not.
	items := make([]item, len(edges))
	next := make([]int, len(edges)+1)
	for i := range next {
		next[i] = i
	}
	free := func(i int) int {
		for next[i] != i {
			next[i] = next[next[i]]
			i = next[i]
		}
		return i
	}
	for i := range items {
		items[i] = noItem
	}
	for _, r := range in {
		from, _ := slices.BinarySearch(edges, int(r.first))
		for i := free(from); i < len(edges) && edges[i] <= int(r.last); i = free(i) {
			items[i] = r.item
			next[i] = i + 1
		}
	}
	var out []interval
	for i := 0; i+1 < len(edges); i++ {
		if items[i] == noItem {
			continue
		}
		piece := interval{uint16(edges[i]), uint16(edges[i+1] - 1), items[i]}
		if n := len(out); n > 0 && out[n-1].item == piece.item && int(out[n-1].last)+1 == int(piece.first) {
			out[n-1].last = piece.last
			continue
		}
		out = append(out, piece)
	}
	return out
}
