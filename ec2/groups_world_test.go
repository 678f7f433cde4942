package ec2

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/sgate/sgate/store"
	"github.com/sgate/sgate/vpc"
)

// groupsFile has a default VPC with IPv6, another VPC without, and a group that is
// the file's.
const groupsFile = `
vpcs:
  - {name: home, cidr: 10.0.0.0/16, ipv6_cidr: "fd00:10::/56", default: true}
  - {name: work, cidr: 10.1.0.0/16}
subnets:
  - {name: desk, vpc: work, cidr: 10.1.1.0/24}
security_groups:
  - {name: declared, vpc: work, description: From the file, ingress: [{type: SSH, source: 203.0.113.0/24}]}
prefix_lists:
  - {name: office, max_entries: 20, entries: [{cidr: 203.0.113.0/24}]}
  - {name: office6, max_entries: 20, entries: [{cidr: "2001:db8::/32"}]}
instances:
  - {name: box, subnet: desk, address: 10.1.1.10}
quotas:
  security_groups: 12
`

// groupWorld is a world with the ids of what groupsFile has.
type groupWorld struct {
	*world
	home, work      string // VPCs
	declared        string // group
	office, office6 string // prefix lists
	homeSG, workSG  string // default groups
}

func newGroupWorld(t *testing.T) groupWorld {
	t.Helper()
	w := groupWorld{world: newWorld(t, groupsFile)}
	for _, v := range w.store.View().VPCs() {
		if v.Default {
			w.home = v.ID
		} else {
			w.work = v.ID
		}
	}
	for _, l := range w.store.View().PrefixLists() {
		if l.IPv6 {
			w.office6 = l.ID
		} else {
			w.office = l.ID
		}
	}
	for _, g := range w.store.View().SecurityGroups() {
		switch {
		case g.Name == "declared":
			w.declared = g.ID
		case g.VPCID == w.home:
			w.homeSG = g.ID
		default:
			w.workSG = g.ID
		}
	}
	return w
}

// group makes a group and returns its id.
func (w groupWorld) group(name, vpcID string) string {
	w.t.Helper()
	return w.do("CreateSecurityGroup", "GroupName", name, "GroupDescription", "for a test", "VpcId", vpcID).get("groupId")
}

// bare is group without the egress rules that a new group has.
func (w groupWorld) bare(name, vpcID string) string {
	w.t.Helper()
	id := w.group(name, vpcID)
	w.do("RevokeSecurityGroupEgress", append([]string{"GroupId", id}, numbered("SecurityGroupRuleId", w.ruleIDs(id)...)...)...)
	return id
}

// ruleIDs returns the ids of a group's rules.
func (w groupWorld) ruleIDs(groupID string) []string {
	w.t.Helper()
	return w.do("DescribeSecurityGroupRules", "Filter.1.Name", "group-id", "Filter.1.Value.1", groupID).texts("securityGroupRuleSet.item.securityGroupRuleId")
}

// rules returns a group's rules, each as "id in tcp 22-22 peer: description".
func (w groupWorld) rules(groupID string) []string {
	w.t.Helper()
	var out []string
	for _, r := range w.do("DescribeSecurityGroupRules", "Filter.1.Name", "group-id", "Filter.1.Value.1", groupID).all("securityGroupRuleSet.item") {
		out = append(out, saidOf(r))
	}
	return out
}

func saidOf(r *element) string {
	direction := "in"
	if r.get("isEgress") == "true" {
		direction = "out"
	}
	said := direction + " " + r.get("ipProtocol") + " " + r.get("fromPort") + ".." + r.get("toPort") + " " +
		r.get("cidrIpv4") + r.get("cidrIpv6") + r.get("prefixListId") + r.get("referencedGroupInfo.groupId") + r.get("referencedGroupId")
	if about := r.get("description"); about != "" {
		said += ": " + about
	}
	return said
}

// numbered returns the parameters of a list.
func numbered(name string, values ...string) []string {
	var params []string
	for i, v := range values {
		params = append(params, name+"."+strconv.Itoa(i+1), v)
	}
	return params
}

// permission returns the parameters of the only permission of a request: the peer
// is a CIDR, or the id of a group or prefix list.
func permission(groupID, protocol, from, to string, peers ...string) []string {
	params := []string{"GroupId", groupID, "IpPermissions.1.IpProtocol", protocol}
	if from != "" {
		params = append(params, "IpPermissions.1.FromPort", from)
	}
	if to != "" {
		params = append(params, "IpPermissions.1.ToPort", to)
	}
	for i, peer := range peers {
		list := ".IpRanges." + strconv.Itoa(i+1) + ".CidrIp"
		switch {
		case strings.HasPrefix(peer, "sg-"):
			list = ".Groups." + strconv.Itoa(i+1) + ".GroupId"
		case strings.HasPrefix(peer, "pl-"):
			list = ".PrefixListIds." + strconv.Itoa(i+1) + ".PrefixListId"
		case strings.Contains(peer, ":"):
			list = ".Ipv6Ranges." + strconv.Itoa(i+1) + ".CidrIpv6"
		}
		params = append(params, "IpPermissions.1"+list, peer)
	}
	return params
}

// change changes resources by another way than the API's.
func (w *world) change(f func(*store.Draft) error) {
	w.t.Helper()
	if err := w.store.Change(context.Background(), f); err != nil {
		w.t.Fatal(err)
	}
}

// boxInterface returns the id of the file's instance's interface.
func (w groupWorld) boxInterface() string { return w.store.View().Interfaces()[0].ID }

// held returns a group as the store has it.
func (w groupWorld) held(id string) vpc.SecurityGroup {
	g, _ := w.store.View().SecurityGroup(id)
	return g
}
