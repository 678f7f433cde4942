package capture

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/stack"
	"github.com/sgate/sgate/vpc"
)

// TestEveryFate captures a packet of each fate, and compares all there is in the
// file with what was sent and what became of it.
func TestEveryFate(t *testing.T) {
	w := newWorld(t)
	now := epoch.Add(time.Hour)
	r := w.run(Options{Filter: "all of it", Now: func() time.Time { return now }})
	want := []struct {
		from    string
		sent    []byte
		verdict uint64
		comment string
	}{
		{
			"eni-web", tcp("10.0.1.10:40000", "10.0.1.20:3306"), actOK,
			"sgate: ALLOW rule, to db; egress: allowed by sgr-web4 (web); ingress: allowed by sgr-db (data base)" +
				" | verdict=allow fate=forwarded reason=rule from=web to=db egress=rule egress_rule_id=sgr-web4 ingress=rule ingress_rule_id=sgr-db packets=1 generation=1",
		}, {
			"eni-web", tcp("10.0.1.10:40000", "10.0.1.20:3306"), actOK,
			"sgate: ALLOW flow, to db; egress: live flow, allowed by sgr-web4 (web); ingress: live flow, allowed by sgr-db (data base)" +
				" | verdict=allow fate=forwarded reason=flow from=web to=db egress=flow egress_rule_id=sgr-web4 ingress=flow ingress_rule_id=sgr-db packets=1 generation=1",
		}, {
			"eni-web", udp("[fd00:10:0:1::10]:40000", "[fd00:10:0:1::20]:53", 'h', 'i'), actShot,
			"sgate: DROP no_ingress_rule, to db; egress: allowed by sgr-web6 (web); ingress: no rule of db admits udp 53 from fd00:10:0:1::10" +
				" | verdict=drop fate=dropped reason=no_ingress_rule from=web to=db egress=rule egress_rule_id=sgr-web6 ingress=no_rule packets=1 generation=1",
		}, {
			"eni-db", ping("10.0.1.20", "203.0.113.10"), actShot,
			"sgate: DROP no_egress_rule, to laptop; egress: no rule of db admits icmp type 8 code 0 to 203.0.113.10" +
				" | verdict=drop fate=dropped reason=no_egress_rule from=db to=laptop egress=no_rule ingress=not_asked packets=1 generation=1",
		}, {
			"host-1", ping("203.0.113.10", "10.0.1.20"), actShot,
			"sgate: DROP no_ingress_rule, to db; egress: no security groups; ingress: no rule of db admits icmp type 8 code 0 from 203.0.113.10" +
				" | verdict=drop fate=dropped reason=no_ingress_rule from=laptop to=db egress=no_groups ingress=no_rule packets=1 generation=1",
		}, {
			"eni-web", ping("10.0.1.10", "10.0.1.1"), actStolen,
			"sgate: ALLOW router_address | verdict=allow fate=local reason=router_address from=web egress=not_asked ingress=not_asked packets=1 generation=1",
		}, {
			"eni-web", udp("10.0.1.10:1", "10.0.1.99:2"), actShot,
			"sgate: DROP no_route; nobody has 10.0.1.99; egress: allowed by sgr-web4 (web)" +
				" | verdict=drop fate=dropped reason=no_route from=web egress=rule egress_rule_id=sgr-web4 ingress=not_asked packets=1 generation=1",
		}, {
			"eni-web", udp("10.0.9.9:1", "10.0.1.20:2"), actShot,
			"sgate: DROP source_check; 10.0.9.9 is not an address of web" +
				" | verdict=drop fate=dropped reason=source_check from=web egress=not_asked ingress=not_asked packets=1 generation=1",
		}, {
			"eni-web", []byte{0x45, 0, 0}, actShot,
			"sgate: DROP truncated | verdict=drop fate=dropped reason=truncated from=web egress=not_asked ingress=not_asked packets=1 generation=1",
		},
	}
	for i, c := range want {
		w.clock.Store(int64(i+1) * 1001)
		w.send(c.from, c.sent)
	}
	f := r.end()

	if f.section.Application != "sgate" || len(f.packets) != len(want) {
		t.Fatalf("%+v, %d packets of %d", f.section, len(f.packets), len(want))
	}
	index := map[string]int{"eni-web": 0, "eni-db": 1, "host-1": 2}
	for i, c := range want {
		p := f.packets[i]
		if diff := cmp.Diff([]string{c.comment}, p.Comments); diff != "" {
			t.Errorf("packet %d: comment (-want +got):\n%s", i, diff)
		}
		if !bytes.Equal(p.data, c.sent) || p.Length != len(c.sent) || p.CaptureLength != len(c.sent) {
			t.Errorf("packet %d is captured as %x, %d of %d bytes; %x was sent", i, p.data, p.CaptureLength, p.Length, c.sent)
		}
		if p.InterfaceIndex != index[c.from] || p.Flags == nil || p.Flags.Direction != pcapgo.NgEpbFlagDirectionInbound || p.DropCount != nil {
			t.Errorf("packet %d: interface %d, flags %v, drops %v", i, p.InterfaceIndex, p.Flags, p.DropCount)
		}
		if at := epoch.Add(time.Duration(i+1) * 1001); !p.Timestamp.Equal(at) {
			t.Errorf("packet %d: %v, want %v", i, p.Timestamp, at)
		}
		if len(p.Verdicts) != 1 || p.Verdicts[0].Type != pcapgo.NgEpbVerdictTypeLinuxeBPFTC || binary.LittleEndian.Uint64(p.Verdicts[0].Data) != c.verdict {
			t.Errorf("packet %d: verdict %v, want %d", i, p.Verdicts, c.verdict)
		}
	}
	var got []string
	for _, i := range f.interfaces {
		s := i.Statistics
		got = append(got, fmt.Sprintf("%s: %s; %s; %v %d; %d - %d; %v", i.Name, i.Description, i.Filter, i.LinkType, i.TimestampResolution, s.PacketsReceived, s.PacketsDropped, s.EndTime.Equal(now) && s.StartTime.Equal(now)))
	}
	if diff := cmp.Diff([]string{
		"web: eni-web, in VPC main, 10.0.1.10 fd00:10:0:1::10; all of it; Raw 9; 7 - 0; true",
		"db: eni-db, in VPC main, 10.0.1.20 fd00:10:0:1::20; all of it; Raw 9; 1 - 0; true",
		"laptop: host-1, a host outside of VPC main, 203.0.113.10; all of it; Raw 9; 1 - 0; true",
	}, got); diff != "" {
		t.Errorf("interfaces (-want +got):\n%s", diff)
	}
	if f.interfaces[0].LinkType != layers.LinkTypeRaw || f.interfaces[0].SnapLength != DefaultSnaplen {
		t.Errorf("%+v", f.interfaces[0])
	}
}

func TestNetworkACL(t *testing.T) {
	w := newWorld(t)
	w.res.Subnets = append(w.res.Subnets, vpc.Subnet{ID: "subnet-2", VPCID: "vpc-1", CIDR: netip.MustParsePrefix("10.0.2.0/24")})
	w.res.Interfaces[1].SubnetID, w.res.Interfaces[1].Addresses = "subnet-2", []netip.Addr{netip.MustParseAddr("10.0.2.20")}
	w.res.NetworkACLs = []vpc.NetworkACL{{ID: "acl-2", VPCID: "vpc-1", SubnetIDs: []string{"subnet-2"}}} // denies all
	w.apply()
	r := w.run(Options{})
	w.send("eni-web", tcp("10.0.1.10:40000", "10.0.2.20:3306"))
	if got := r.end().packets[0].Comments[0]; !strings.HasPrefix(got, "sgate: DROP network_acl_ingress, to db; network ACL acl-2 denies it; egress: allowed by sgr-web4 (web) | ") {
		t.Error(got)
	}
}

func TestSnaplen(t *testing.T) {
	w := newWorld(t)
	r := w.run(Options{Snaplen: 30})
	long := udp("10.0.1.10:1", "10.0.1.20:2", make([]byte, 100)...)
	short := ping("10.0.1.10", "10.0.1.1")
	w.send("eni-web", long, short)
	f := r.end()
	if p := f.packets[0]; !bytes.Equal(p.data, long[:30]) || p.Length != len(long) {
		t.Errorf("%d of %d bytes, want 30 of %d", len(p.data), p.Length, len(long))
	}
	if p := f.packets[1]; !bytes.Equal(p.data, short[:min(30, len(short))]) || p.Length != len(short) {
		t.Errorf("%d of %d bytes of %d", len(p.data), p.Length, len(short))
	}
	if f.interfaces[0].SnapLength != 30 {
		t.Errorf("snaplen %d", f.interfaces[0].SnapLength)
	}
}

// TestBothEnds sees what was forwarded twice: as it came, and as it left.
func TestBothEnds(t *testing.T) {
	w := newWorld(t)
	r := w.run(Options{BothEnds: true})
	for _, p := range [][]byte{
		tcp("10.0.1.10:40000", "10.0.1.20:3306"),
		tcp("[fd00:10:0:1::10]:40000", "[fd00:10:0:1::20]:3306"),
		udp("10.0.1.10:1", "10.0.1.20:2"),
	} {
		w.send("eni-web", p)
	}
	f := r.end()
	if len(f.packets) != 5 {
		t.Fatalf("%d packets, want 2 twice and 1", len(f.packets))
	}
	for i := 0; i < 4; i += 2 {
		in, out := f.packets[i], f.packets[i+1]
		if in.Flags.Direction != pcapgo.NgEpbFlagDirectionInbound || out.Flags.Direction != pcapgo.NgEpbFlagDirectionOutbound ||
			in.InterfaceIndex != 0 || out.InterfaceIndex != 1 || in.Comments[0] != out.Comments[0] || !in.Timestamp.Equal(out.Timestamp) {
			t.Errorf("%+v\n%+v", in, out)
		}
		var before, after stack.Packet
		if before.Parse(in.data) != stack.Parsed || after.Parse(out.data) != stack.Parsed || before.TTL != 64 || after.TTL != 63 {
			t.Errorf("TTL %d, then %d", before.TTL, after.TTL)
		}
	}
	if s := f.interfaces[0].Statistics; s.PacketsReceived != 3 {
		t.Errorf("%+v", s)
	}
	if s := f.interfaces[1].Statistics; s.PacketsReceived != 0 {
		t.Errorf("what was sent is not received: %+v", s)
	}
}

func TestSelect(t *testing.T) {
	w := newWorld(t)
	r := w.run(Options{Select: func(e *gateway.Event) bool { return e.Fate == gateway.Dropped }})
	w.send("eni-web", tcp("10.0.1.10:40000", "10.0.1.20:3306"), udp("10.0.1.10:1", "10.0.1.20:2"))
	if f := r.end(); len(f.packets) != 1 || f.interfaces[0].Statistics.PacketsReceived != 1 {
		t.Errorf("%d packets, %+v", len(f.packets), f.interfaces[0].Statistics)
	}
}

// TestCount ends by itself, with just as many packets.
func TestCount(t *testing.T) {
	w := newWorld(t)
	r := w.run(Options{Count: 2})
	p := udp("10.0.1.10:1", "10.0.1.20:2")
	w.send("eni-web", p, p, p)
	if f := r.ended(); len(f.packets) != 2 {
		t.Errorf("%d packets", len(f.packets))
	}
}

// TestSlowReader shuts the output for a while: what finds no room is missing from
// the file, which says how much, and no packet waits.
func TestSlowReader(t *testing.T) {
	w := newWorld(t)
	r := w.run(Options{Buffer: MinBuffer})
	r.out.shut()
	const burst = 400
	p := udp("10.0.1.10:1", "10.0.1.20:2", make([]byte, 8000)...)
	for range burst / 100 {
		w.send("eni-web", slices.Repeat([][]byte{p}, 100)...) // returns: the gateway did not wait
	}
	r.out.open()
	// The loss is told with the next packet that finds room.
	probe, sent := udp("10.0.1.10:1", "10.0.1.20:2", []byte("probe")...), uint64(burst)
	await(t, "room", func() bool {
		w.send("eni-web", probe)
		sent++
		return bytes.Contains(r.out.bytes(), []byte("probe"))
	})
	f := r.end()

	var captured, missing uint64
	for _, p := range f.packets {
		if p.InterfaceIndex != 0 {
			continue
		}
		captured++
		if p.DropCount != nil {
			missing += *p.DropCount
		}
	}
	s := f.interfaces[0].Statistics
	if captured+missing != sent || missing < burst/2 || captured < 20 {
		t.Errorf("%d captured and %d missing of %d", captured, missing, sent)
	}
	if s.PacketsReceived != sent || s.PacketsDropped != missing {
		t.Errorf("the file says %d and %d missing", s.PacketsReceived, s.PacketsDropped)
	}
}

// TestNothingIsLostAtTheEnd ends while packets wait: they are written.
func TestNothingIsLostAtTheEnd(t *testing.T) {
	w := newWorld(t)
	r := w.run(Options{})
	r.out.shut()
	p := udp("10.0.1.10:1", "10.0.1.20:2")
	w.send("eni-web", p, p, p)
	r.cancel()
	r.out.open()
	if f := r.ended(); len(f.packets) != 3 || f.interfaces[0].Statistics.PacketsReceived != 3 {
		t.Errorf("%d packets", len(f.packets))
	}
}

// counting counts the watchers of a gateway.
type counting struct {
	*gateway.Gateway
	watchers atomic.Int32
}

func (c *counting) Watch(w gateway.Watcher) (stop func()) {
	c.watchers.Add(1)
	end := c.Gateway.Watch(w)
	return sync.OnceFunc(func() {
		end()
		c.watchers.Add(-1)
	})
}

// TestNobodyWatchesAfterwards holds that a capture that has ended costs nothing
// any more, whether it was told to or could not write.
func TestNobodyWatchesAfterwards(t *testing.T) {
	broken := errors.New("broken pipe")
	for _, fail := range []error{nil, broken} {
		w := newWorld(t)
		g := &counting{Gateway: w.g}
		out := newOutput()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- Run(ctx, g, out, Options{Interfaces: []string{"eni-web"}}) }()
		<-out.begun
		if g.watchers.Load() != 1 {
			t.Errorf("%d watchers", g.watchers.Load())
		}
		out.mu.Lock()
		out.fail = fail
		out.mu.Unlock()
		w.send("eni-web", udp("10.0.1.10:1", "10.0.1.20:2"))
		if fail == nil {
			cancel()
		}
		if err := <-done; !errors.Is(err, fail) || g.watchers.Load() != 0 {
			t.Errorf("%v, %d watchers", err, g.watchers.Load())
		}
		cancel()
	}
}

// TestInterfaceComes attaches a device while a capture runs, and opens one anew.
func TestInterfaceComes(t *testing.T) {
	w := newWorld(t)
	r := w.run(Options{Interfaces: []string{"eni-web"}})
	w.res.Interfaces = append(w.res.Interfaces, vpc.NetworkInterface{
		ID: "eni-new", Name: "new", VPCID: "vpc-1", SubnetID: "subnet-1", SourceDestCheck: true,
		GroupIDs: []string{"sg-web"}, Addresses: []netip.Addr{netip.MustParseAddr("10.0.1.30")},
	})
	w.attach("eni-new")
	w.send("eni-new", udp("10.0.1.30:1", "10.0.1.20:2")) // the policy does not know it yet
	w.apply()
	w.send("eni-new", udp("10.0.1.30:1", "10.0.1.20:2"))
	if err := w.g.Detach("eni-new"); err != nil {
		t.Fatal(err)
	}
	w.attach("eni-new")
	w.send("eni-new", udp("10.0.1.30:1", "10.0.1.20:2"))
	f := r.end()
	var got []string
	for _, p := range f.packets {
		got = append(got, fmt.Sprint(p.InterfaceIndex, " ", strings.Fields(p.Comments[0])[2]))
	}
	if diff := cmp.Diff([]string{"1 interface_not_compiled", "1 no_ingress_rule,", "1 no_ingress_rule,"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(f.interfaces) != 2 || f.interfaces[1].Statistics.PacketsReceived != 3 {
		t.Errorf("%+v", f.interfaces)
	}
}

// TestSeveral runs two captures beside each other.
func TestSeveral(t *testing.T) {
	w := newWorld(t)
	a, b := w.run(Options{}), w.run(Options{Snaplen: 20})
	p := udp("10.0.1.10:1", "10.0.1.20:2")
	w.send("eni-web", p)
	if f := a.end(); len(f.packets) != 1 {
		t.Errorf("the first: %d packets", len(f.packets))
	}
	w.send("eni-web", p)
	if f := b.end(); len(f.packets) != 2 || len(f.packets[1].data) != 20 {
		t.Errorf("the second: %d packets", len(f.packets))
	}
}
