package flowlog

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sgate/sgate/flowlog/record"
	"github.com/sgate/sgate/tun"
	"github.com/sgate/sgate/vpc"
)

// total is packets and bytes.
type total struct{ Packets, Bytes uint64 }

func (t *total) add(packets, bytes int) {
	t.Packets += uint64(packets)
	t.Bytes += uint64(bytes)
}

// TestRecordsAddUpToThePackets sends random packets between instances and a host
// while intervals end, rules change and other logs come and go. Then, for each
// interface: what was sent from it is the sum of its egress records, what arrived
// at it that of its accepted ingress records, and the sum of both ends' records
// shows where the rest has gone.
func TestRecordsAddUpToThePackets(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := logOf("").in(t, "${"+strings.Join(record.FieldNames(), "} ${")+"}")
		l.Interval = rapid.SampledFrom([]time.Duration{MinInterval, MaxInterval}).Draw(rt, "interval")
		w := newWorld(t, lawResources(0), Options{}, l)
		sent := map[string]*total{a: {}, b: {}, c: {}, h: {}}
		addr := map[string]string{a: aAddr, b: bAddr, c: cAddr, h: hAddr}
		ends := []string{a, b, c, h}
		now := int64(epoch)
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			switch rapid.IntRange(0, 9).Draw(rt, "step") {
			case 0:
				now += int64(rapid.IntRange(1, 700).Draw(rt, "time"))
				w.tick(now)
			case 1:
				w.sync()
				w.res = lawResources(rapid.IntRange(0, 2).Draw(rt, "rules"))
				w.apply(Change{})
			case 2:
				other := logOf(a)
				other.ID, other.Destination = vpc.NewID("fl", "other"), "DIR/other"
				w.sync()
				if w.m.Remove(other.ID) != nil {
					w.apply(Change{Add: []Log{other}})
				}
			default:
				from := rapid.SampledFrom(ends).Draw(rt, "from")
				to := rapid.SampledFrom(ends).Draw(rt, "to")
				if from == to {
					continue
				}
				packets, bytes, frame := lawPacket(rt, addr[from], addr[to])
				sent[from].add(packets, bytes)
				w.sendFrame(from, packets, frame)
			}
		}
		w.sync()
		arrived := make(map[string]uint64)
		for _, id := range ends {
			arrived[id] = w.g.Port(id).Counters().Sent
		}
		got := sumUp(t, w)
		for _, id := range []string{a, b, c} {
			if diff := cmp.Diff(*sent[id], got.egress[id]); diff != "" {
				rt.Errorf("%s: sent, and recorded as egress (-want +got):\n%s", id, diff)
			}
			if diff := cmp.Diff(arrived[id], got.ingress[id].Packets); diff != "" {
				rt.Errorf("%s: arrived, and recorded as accepted ingress (-want +got):\n%s", id, diff)
			}
		}
		// Nothing is lost on the way between two interfaces: what left for another is
		// there, accepted or rejected.
		if got.between[0] != got.between[1] {
			rt.Errorf("accepted as egress to interfaces %v, recorded as ingress from interfaces %v", got.between[0], got.between[1])
		}
	})
}

const c, cAddr = "eni-ccccccccccccccccc", "10.0.1.7"

// lawResources has one of three sets of rules.
func lawResources(which int) vpc.Resources {
	rules := [][2][]vpc.Rule{
		{everything(), everything()},
		{{rule(vpc.TCP, 80, 90, "0.0.0.0/0")}, everything()},
		{{rule(vpc.UDP, 0, 65535, "10.0.1.0/24")}, {rule(vpc.TCP, 0, 65535, "0.0.0.0/0")}},
	}[which]
	return resources("10.0.0.0/16", "10.0.0.0/24", "10.0.1.0/24", rules[0], rules[1],
		instance(a, aAddr), neighbour(b, bAddr), instance2(c, cAddr), host(h, hAddr))
}

// instance2 is one of the group in the other subnet.
func instance2(id, address string) vpc.NetworkInterface {
	n := instance(id, address)
	n.SubnetID = otherSubnet
	return n
}

// lawPacket draws a frame; bytes are those of all the packets that it stands for.
func lawPacket(rt *rapid.T, from, to string) (packets, bytes int, frame []byte) {
	t := new(testing.T) // these packets can be made
	port := func(name string) int { return rapid.IntRange(79, 91).Draw(rt, name) }
	src, dst := fmt.Sprintf("%s:%d", from, port("src")), fmt.Sprintf("%s:%d", to, port("dst"))
	size := rapid.IntRange(60, 1500).Draw(rt, "size")
	packets = 1
	var packet []byte
	switch rapid.IntRange(0, 3).Draw(rt, "kind") {
	case 0:
		packet = udp(t, src, dst, size)
	case 1:
		packet = ping(t, from, to, rapid.Bool().Draw(rt, "reply"), size)
	case 2:
		packets = rapid.IntRange(2, 5).Draw(rt, "segments")
		packet = tcp(t, src, dst, ack, 40+500*packets)
		size = 540 * packets
	default:
		packet = tcp(t, src, dst, rapid.SampledFrom([]int{syn, syn | ack, ack, fin | ack, rst}).Draw(rt, "flags"), size)
	}
	frame = append(make([]byte, tun.HeaderLen), packet...)
	if packets > 1 {
		tun.Header(frame).Encode(tun.NeedsChecksum, tun.GSOTCPv4, 40, 500, 20, 16)
	}
	return packets, size, frame
}

// sums are those of a log's records.
type sums struct {
	egress, ingress map[string]total // by interface; ingress is what was accepted
	between         [2]total         // by vpc.Egress, Ingress: between interfaces
}

func sumUp(t *testing.T, w *world) sums {
	t.Helper()
	header := strings.Join(record.FieldNames(), " ")
	inside := map[string]bool{aAddr: true, bAddr: true, cAddr: true}
	s := sums{egress: make(map[string]total), ingress: make(map[string]total)}
	for _, line := range w.written() {
		r, err := parseLine(header, line)
		if err != nil {
			t.Fatal(err)
		}
		if r["log-status"] != "OK" {
			continue
		}
		packets, bytes := int(r.number("packets")), int(r.number("bytes"))
		if r["flow-direction"] == "egress" {
			of := s.egress[r["interface-id"]]
			of.add(packets, bytes)
			s.egress[r["interface-id"]] = of
			if r["action"] == "ACCEPT" && inside[r["dstaddr"]] {
				s.between[0].add(packets, bytes)
			}
			continue
		}
		if inside[r["srcaddr"]] {
			s.between[1].add(packets, bytes)
		}
		if r["action"] == "ACCEPT" {
			of := s.ingress[r["interface-id"]]
			of.add(packets, bytes)
			s.ingress[r["interface-id"]] = of
		}
	}
	return s
}
