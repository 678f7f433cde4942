package lint_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/sgate/sgate/lint"
	"github.com/sgate/sgate/vpc"
)

// fleet returns a VPC with 100,000 rules: many groups on many interfaces, or the
// largest groups that AWS grants, whose rules differ by port alone.
func fleet(b *testing.B, groups, perDirection, interfaces, perInterface int, onePeer bool) *vpc.Snapshot {
	b.Helper()
	res := vpc.Resources{
		VPCs:    []vpc.VPC{{ID: "vpc-1", Name: "main", CIDR: prefix("10.0.0.0/16")}},
		Subnets: []vpc.Subnet{{ID: "subnet-1", Name: "main", VPCID: "vpc-1", CIDR: prefix("10.0.0.0/16")}},
		Quotas:  vpc.Quotas{RulesPerGroup: max(60, perDirection), GroupsPerInterface: perInterface},
	}
	id := func(i int) string { return fmt.Sprintf("sg-%017x", i) }
	for i := range groups {
		g := vpc.SecurityGroup{ID: id(i), Name: fmt.Sprint("g", i), VPCID: "vpc-1"}
		for n := range perDirection {
			r := vpc.Rule{Protocol: vpc.TCP, FromPort: int32(n), ToPort: int32(n)}
			switch {
			case onePeer:
				r.Peer.CIDR = prefix("192.0.2.0/24")
			case n%5 == 0:
				r.Peer.GroupID = id((i + n) % groups)
			default:
				r.Peer.CIDR = netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(20 + n%50), byte(i), byte(n), 0}), 8+n%24)
			}
			g.Ingress = append(g.Ingress, r)
			if onePeer || n%5 != 0 {
				r.FromPort += 2000
				r.ToPort += 2000
			}
			g.Egress = append(g.Egress, r)
		}
		res.SecurityGroups = append(res.SecurityGroups, g)
	}
	for i := range interfaces {
		nic := vpc.NetworkInterface{
			ID: fmt.Sprintf("eni-%017x", i), Name: fmt.Sprint("i", i), VPCID: "vpc-1", SubnetID: "subnet-1", SourceDestCheck: true,
			Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, 0, byte(1 + i/200), byte(10 + i%200)})},
		}
		for n := range perInterface {
			nic.GroupIDs = append(nic.GroupIDs, id((i*7+n*131)%groups))
		}
		res.Interfaces = append(res.Interfaces, nic)
	}
	s, err := vpc.New(res)
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// BenchmarkRun lints 100,000 rules.
func BenchmarkRun(b *testing.B) {
	for _, shape := range []struct {
		name                                 string
		groups, perDirection, nics, perGroup int
		onePeer                              bool
	}{
		{"small-groups", 2000, 25, 10_000, 5, false},
		{"large-groups", 50, 1000, 10_000, 1, false},
		{"large-groups-one-peer", 50, 1000, 10_000, 1, true},
	} {
		b.Run(shape.name, func(b *testing.B) {
			s := fleet(b, shape.groups, shape.perDirection, shape.nics, shape.perGroup, shape.onePeer)
			found := 0
			for b.Loop() {
				found = len(lint.Run(s))
			}
			b.ReportMetric(float64(found), "findings")
		})
	}
}
