package path

import (
	"fmt"
	"math/rand/v2"
	"net/netip"

	"github.com/sgate/sgate/vpc"
)

// How large sgate-large is, all in.
const (
	fleetInterfaces = 10_000
	fleetRules      = 100_000
)

// The shape of the fleet's groups, within AWS's default quotas: 50 rules each,
// half of them a direction, and as many groups an interface as there may be.
const (
	rulesPerGroup      = 50
	groupsPerInterface = 5
)

// fleetSubnets are the fleet's addresses.
const (
	fleetCIDR     = "10.0.64.0/18"
	fleetIPv6CIDR = "fd00:10:0:3::/64"
)

// addFleet adds interfaces, groups and rules to resources with one VPC, until
// there are fleetInterfaces and fleetRules of them, and puts the interfaces that
// are there into some of the groups. It adds the same whenever it is called.
func addFleet(res *vpc.Resources) {
	f := fleet{res: res, vpcID: res.VPCs[0].ID, random: rand.New(rand.NewPCG(1, 2))}
	for _, g := range res.SecurityGroups {
		f.rules += len(g.Ingress) + len(g.Egress)
	}
	f.addGroups()
	for i := range res.Interfaces {
		f.join(&res.Interfaces[i])
	}
	f.addInterfaces()
}

type fleet struct {
	res    *vpc.Resources
	vpcID  string
	random *rand.Rand
	rules  int      // so far
	groups []string // the fleet's, by id
}

func (f *fleet) addGroups() {
	missing := fleetRules - f.rules
	for n := range (missing + rulesPerGroup - 1) / rulesPerGroup {
		f.groups = append(f.groups, vpc.NewID("sg", f.vpcID, fmt.Sprintf("fleet-%d", n)))
	}
	for n, id := range f.groups {
		g := vpc.SecurityGroup{ID: id, Name: fmt.Sprintf("fleet-%d", n), Description: "Fleet", VPCID: f.vpcID}
		for i := range min(rulesPerGroup, missing-n*rulesPerGroup) {
			if i%2 == 0 {
				g.Ingress = append(g.Ingress, f.rule(i))
			} else {
				g.Egress = append(g.Egress, f.rule(i))
			}
		}
		f.res.SecurityGroups = append(f.res.SecurityGroups, g)
	}
}

// rule returns a group's rule with that number: every fifth is for a group, the
// others for small networks. The port makes it another than the group's others.
func (f *fleet) rule(number int) vpc.Rule {
	port := int32(20000 + number)
	r := vpc.Rule{Protocol: vpc.TCP, FromPort: port, ToPort: port + int32(f.random.IntN(10))}
	if number%5 == 0 {
		r.Peer.GroupID = f.groups[f.random.IntN(len(f.groups))]
		return r
	}
	addr := netip.AddrFrom4([4]byte{10, 0, byte(f.random.Uint32()), byte(f.random.Uint32())})
	r.Peer.CIDR = netip.PrefixFrom(addr, 24+f.random.IntN(9)).Masked()
	return r
}

func (f *fleet) addInterfaces() {
	subnet := vpc.Subnet{
		ID: vpc.NewID("subnet", f.vpcID, "fleet"), Name: "fleet", VPCID: f.vpcID,
		CIDR: netip.MustParsePrefix(fleetCIDR), IPv6CIDR: netip.MustParsePrefix(fleetIPv6CIDR),
	}
	f.res.Subnets = append(f.res.Subnets, subnet)
	v4, v6 := subnet.CIDR.Addr(), subnet.IPv6CIDR.Addr()
	for range 4 { // AWS's own
		v4, v6 = v4.Next(), v6.Next()
	}
	for n := 0; len(f.res.Interfaces) < fleetInterfaces; n++ {
		name := fmt.Sprintf("fleet-%d", n)
		nic := vpc.NetworkInterface{
			ID: vpc.NewID("eni", f.vpcID, name), Name: name, VPCID: f.vpcID, SubnetID: subnet.ID,
			Addresses: []netip.Addr{v4, v6}, SourceDestCheck: true,
		}
		f.join(&nic)
		f.res.Interfaces = append(f.res.Interfaces, nic)
		v4, v6 = v4.Next(), v6.Next()
	}
}

// join puts an interface into as many of the fleet's groups as it may be in.
func (f *fleet) join(nic *vpc.NetworkInterface) {
	ids := append([]string(nil), nic.GroupIDs...)
	first := f.random.IntN(len(f.groups))
	for i := 0; len(ids) < groupsPerInterface; i++ {
		ids = append(ids, f.groups[(first+i*7)%len(f.groups)])
	}
	nic.GroupIDs = ids
}
