package watch

import (
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/stack"
	"github.com/sgate/sgate/tun"
	"github.com/sgate/sgate/vpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a gateway that tries packets: its events are real ones. An endpoint's
// id is its name.
type world struct {
	t testing.TB
	g *gateway.Gateway
}

func newWorld(t testing.TB) *world {
	t.Helper()
	g, err := gateway.NewModel(policy(t), gateway.Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &world{t, g}
}

// newLiveWorld is one in which web and db have devices, and a live flow.
func newLiveWorld(t testing.TB) *world {
	t.Helper()
	g, err := gateway.New(gateway.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	devs := make(map[string]*tun.Memory)
	for _, id := range []string{"web", "db"} {
		if devs[id], err = tun.NewMemory(id, gateway.DefaultMTU); err != nil {
			t.Fatal(err)
		}
		if _, err := g.Attach(id, devs[id]); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.Apply(policy(t)); err != nil {
		t.Fatal(err)
	}
	if err := devs["web"].Send(stack.Compose(tcp("10.0.1.10", "10.0.1.20", 443))); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); g.Port("web").Counters().Forwarded == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the packet is not forwarded")
		}
	}
	return &world{t, g}
}

func policy(t testing.TB) *filter.Policy {
	t.Helper()
	addrs := func(list ...string) (all []netip.Addr) {
		for _, s := range list {
			all = append(all, netip.MustParseAddr(s))
		}
		return all
	}
	rule := vpc.Rule{Protocol: vpc.TCP, FromPort: 443, ToPort: 443, Peer: vpc.Peer{CIDR: netip.MustParsePrefix("10.0.0.0/8")}}
	s, err := vpc.New(vpc.Resources{
		VPCs: []vpc.VPC{
			{ID: "vpc-1", CIDR: netip.MustParsePrefix("10.0.0.0/16"), IPv6CIDR: netip.MustParsePrefix("fd00:10::/56")},
			{ID: "vpc-2", CIDR: netip.MustParsePrefix("10.0.0.0/16")},
		},
		Subnets: []vpc.Subnet{
			{ID: "subnet-1", VPCID: "vpc-1", CIDR: netip.MustParsePrefix("10.0.1.0/24"), IPv6CIDR: netip.MustParsePrefix("fd00:10:0:1::/64")},
			{ID: "subnet-2", VPCID: "vpc-2", CIDR: netip.MustParsePrefix("10.0.1.0/24")},
		},
		SecurityGroups: []vpc.SecurityGroup{
			{ID: "sg-web", Name: "web", VPCID: "vpc-1", Ingress: []vpc.Rule{rule}, Egress: []vpc.Rule{{Protocol: vpc.AllProtocols, Peer: rule.Peer}}},
		},
		Interfaces: []vpc.NetworkInterface{
			{ID: "web", Name: "web", VPCID: "vpc-1", SubnetID: "subnet-1", Addresses: addrs("10.0.1.10", "fd00:10:0:1::10"), GroupIDs: []string{"sg-web"}, SourceDestCheck: true},
			{ID: "db", Name: "db", VPCID: "vpc-1", SubnetID: "subnet-1", Addresses: addrs("10.0.1.20", "fd00:10:0:1::20"), GroupIDs: []string{"sg-web"}, SourceDestCheck: true},
			{ID: "other", Name: "other", VPCID: "vpc-2", SubnetID: "subnet-2", Addresses: addrs("10.0.1.10"), SourceDestCheck: true},
		},
		Hosts: []vpc.Host{{ID: "laptop", Name: "laptop", VPCID: "vpc-1", Addresses: addrs("203.0.113.10")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return filter.Compile(s)
}

// event returns what becomes of a packet from an endpoint.
func (w *world) event(from string, c stack.Composition) *gateway.Event {
	w.t.Helper()
	return w.eventOf(from, stack.Compose(c))
}

func (w *world) eventOf(from string, packet []byte) *gateway.Event {
	w.t.Helper()
	trial, err := w.g.Try(gateway.Source{ID: from}, packet)
	if err != nil {
		w.t.Fatal(err)
	}
	return &trial.Event
}

func tcp(src, dst string, port uint16) stack.Composition {
	return stack.Composition{Src: netip.MustParseAddr(src), Dst: netip.MustParseAddr(dst), Protocol: 6, SrcPort: 40000, DstPort: port}
}
