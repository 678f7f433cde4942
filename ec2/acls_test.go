package ec2

import (
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sgate/sgate/vpc"
)

func addresses(texts ...string) []netip.Addr {
	var out []netip.Addr
	for _, text := range texts {
		out = append(out, netip.MustParseAddr(text))
	}
	return out
}

// makeACL makes a network ACL over the API and returns its id.
func (w *world) makeACL(vpcID string) string {
	w.t.Helper()
	return w.do("CreateNetworkAcl", "VpcId", vpcID).get("networkAcl.networkAclId")
}

// defaultACL returns the id of a VPC's default network ACL.
func (w *world) defaultACL(vpcID string) string {
	w.t.Helper()
	return w.describe("DescribeNetworkAcls", "networkAclSet", "Filter.1.Name", "default", "Filter.1.Value.1", "true",
		"Filter.2.Name", "vpc-id", "Filter.2.Value.1", vpcID).get("networkAclId")
}

// association returns the id of a subnet's association with its network ACL.
func (w *world) association(subnetID string) string {
	w.t.Helper()
	acl := w.describe("DescribeNetworkAcls", "networkAclSet", "Filter.1.Name", "association.subnet-id", "Filter.1.Value.1", subnetID)
	for _, a := range acl.all("associationSet.item") {
		if a.get("subnetId") == subnetID {
			return a.get("networkAclAssociationId")
		}
	}
	w.t.Fatalf("%s has no network ACL", subnetID)
	return ""
}

// associate gives a subnet another network ACL.
func (w *world) associate(aclID, subnetID string) string {
	w.t.Helper()
	return w.do("ReplaceNetworkAclAssociation", "AssociationId", w.association(subnetID), "NetworkAclId", aclID).get("newAssociationId")
}

// entries returns the entries of a network ACL as "out 100 allow -1 0.0.0.0/0".
func (w *world) entries(aclID string) []string {
	w.t.Helper()
	var out []string
	for _, e := range w.describe("DescribeNetworkAcls", "networkAclSet", "NetworkAclId.1", aclID).all("entrySet.item") {
		direction := map[string]string{"true": "out", "false": "in"}[e.get("egress")]
		text := []string{direction, e.get("ruleNumber"), e.get("ruleAction"), e.get("protocol"), e.get("cidrBlock") + e.get("ipv6CidrBlock")}
		if len(e.all("portRange")) > 0 {
			text = append(text, "ports", e.get("portRange.from")+"-"+e.get("portRange.to"))
		}
		if len(e.all("icmpTypeCode")) > 0 {
			text = append(text, "type", e.get("icmpTypeCode.type")+"/"+e.get("icmpTypeCode.code"))
		}
		out = append(out, strings.Join(text, " "))
	}
	return out
}

// entry returns the parameters of an entry.
func entry(aclID, direction, number, action, protocol, cidr string, more ...string) []string {
	block := "CidrBlock"
	if strings.Contains(cidr, ":") {
		block = "Ipv6CidrBlock"
	}
	return append([]string{
		"NetworkAclId", aclID, "Egress", strconv.FormatBool(direction == "out"), "RuleNumber", number, "RuleAction", action,
		"Protocol", protocol, block, cidr,
	}, more...)
}

var lastOfBoth = []string{
	"out 32767 deny -1 0.0.0.0/0", "out 32768 deny -1 ::/0", "in 32767 deny -1 0.0.0.0/0", "in 32768 deny -1 ::/0",
}

func TestEveryVPCHasADefaultNetworkACL(t *testing.T) {
	w := newWorld(t, dualVPC+"quotas: {vpcs: 20}\n")
	id := w.makeVPC("10.1.0.0/16")
	want := []string{"out 100 allow -1 0.0.0.0/0", "out 32767 deny -1 0.0.0.0/0", "in 100 allow -1 0.0.0.0/0", "in 32767 deny -1 0.0.0.0/0"}
	if diff := cmp.Diff(want, w.entries(w.defaultACL(id))); diff != "" {
		t.Errorf("without IPv6 (-want +got):\n%s", diff)
	}
	acl := w.defaultACL(fileVPC)
	want = []string{
		"out 100 allow -1 0.0.0.0/0", "out 101 allow -1 ::/0", "out 32767 deny -1 0.0.0.0/0", "out 32768 deny -1 ::/0",
		"in 100 allow -1 0.0.0.0/0", "in 101 allow -1 ::/0", "in 32767 deny -1 0.0.0.0/0", "in 32768 deny -1 ::/0",
	}
	if diff := cmp.Diff(want, w.entries(acl)); diff != "" {
		t.Errorf("with IPv6 (-want +got):\n%s", diff)
	}
	if len(w.store.View().NetworkACLs()) != 0 {
		t.Error("a default ACL that nobody has changed is stored")
	}
	want = []string{
		"networkAclId=" + acl, "vpcId=" + fileVPC, "ownerId=123456789012", "default=true",
		"associationSet.item.networkAclAssociationId=" + w.association(fileSubnet), "associationSet.item.networkAclId=" + acl,
		"associationSet.item.subnetId=" + fileSubnet, "tagSet=",
	}
	got := w.describe("DescribeNetworkAcls", "networkAclSet", "NetworkAclId.1", acl).lines()
	for i := len(got) - 1; i >= 0; i-- {
		if strings.HasPrefix(got[i], "entrySet.") {
			got = append(got[:i], got[i+1:]...)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the rest (-want +got):\n%s", diff)
	}
}

// TestTheFirstChangeOfADefaultACLStoresIt is over a VPC of the file: the file says
// nothing of the ACL, so that it is the API's, and outlives a reading of the file.
func TestTheFirstChangeOfADefaultACLStoresIt(t *testing.T) {
	w := newWorld(t, dualVPC)
	acl := w.defaultACL(fileVPC)
	w.do("DeleteNetworkAclEntry", "NetworkAclId", acl, "RuleNumber", "100", "Egress", "false")
	w.do("ReplaceNetworkAclEntry", entry(acl, "in", "101", "deny", "-1", "::/0")...)
	want := []string{
		"out 100 allow -1 0.0.0.0/0", "out 101 allow -1 ::/0", "out 32767 deny -1 0.0.0.0/0", "out 32768 deny -1 ::/0",
		"in 101 deny -1 ::/0", "in 32767 deny -1 0.0.0.0/0", "in 32768 deny -1 ::/0",
	}
	check := func(when string) {
		t.Helper()
		if diff := cmp.Diff(want, w.entries(acl)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
		if a, ok := w.store.View().NetworkACLOf(fileSubnet); !ok || a.ID != acl || len(a.Entries) != 3 || a.Origin != (vpc.Origin{}) || a.Entries[1].Origin != (vpc.Origin{}) {
			t.Errorf("%s: in force is %+v", when, a)
		}
	}
	check("changed")
	w.declare(dualVPC)
	check("after the file was read again")
	w.declare(strings.ReplaceAll(dualVPC, fileVPC, "vpc-0123456789abcdef1")) // AWS's ACL goes with its VPC
	if got := w.store.View().NetworkACLs(); len(got) != 0 {
		t.Errorf("the VPC has gone, and left %+v", got)
	}
}

func TestANetworkACLDeniesEverythingAtFirst(t *testing.T) {
	w := newWorld(t, dualVPC)
	made := w.do("CreateNetworkAcl", "VpcId", fileVPC, "ClientToken", "once",
		"TagSpecification.1.ResourceType", "network-acl", "TagSpecification.1.Tag.1.Key", "Name", "TagSpecification.1.Tag.1.Value", "x")
	id := made.get("networkAcl.networkAclId")
	if got := made.get("clientToken") + " " + made.get("networkAcl.default") + " " + made.get("networkAcl.tagSet.item.value"); got != "once false x" {
		t.Errorf("the answer has %s", got)
	}
	again := w.do("CreateNetworkAcl", "VpcId", fileVPC, "ClientToken", "once",
		"TagSpecification.1.ResourceType", "network-acl", "TagSpecification.1.Tag.1.Key", "Name", "TagSpecification.1.Tag.1.Value", "x")
	if got := again.get("networkAcl.networkAclId"); got != id {
		t.Errorf("the same token made %s and %s", id, got)
	}
	if diff := cmp.Diff(lastOfBoth, w.entries(id)); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	w.do("DeleteNetworkAcl", "NetworkAclId", id)
	w.refused("InvalidNetworkAclID.NotFound", "The networkAcl ID '"+id+"' does not exist", "DescribeNetworkAcls", "NetworkAclId.1", id)
	if got := w.store.View().Tags(id); got != nil {
		t.Errorf("its tags are left: %v", got)
	}
	w.refused("InvalidVpcID.NotFound", "The vpc ID 'vpc-9' does not exist", "CreateNetworkAcl", "VpcId", "vpc-9")
	w.refused("InvalidNetworkAclID.NotFound", "The networkAcl ID 'acl-9' does not exist", "DeleteNetworkAcl", "NetworkAclId", "acl-9")
	w.refused("InvalidParameterValue", "cannot delete default network ACL "+w.defaultACL(fileVPC), "DeleteNetworkAcl", "NetworkAclId", w.defaultACL(fileVPC))
}

func TestNetworkACLEntries(t *testing.T) {
	w := newWorld(t, dualVPC)
	acl := w.makeACL(fileVPC)
	ports := func(from, to string) []string { return []string{"PortRange.From", from, "PortRange.To", to} }
	icmp := func(kind, code string) []string { return []string{"Icmp.Type", kind, "Icmp.Code", code} }
	for _, e := range [][]string{
		entry(acl, "in", "300", "allow", "6", "10.9.9.9/8", ports("22", "23")...),
		entry(acl, "in", "200", "deny", "udp", "192.0.2.0/24", ports("53", "53")...), // the aws CLI sends 17 for it
		entry(acl, "in", "210", "allow", "1", "0.0.0.0/0", icmp("8", "-1")...),
		entry(acl, "in", "220", "allow", "58", "2001:db8::9/32", icmp("128", "0")...),
		entry(acl, "in", "230", "allow", "58", "10.0.0.0/8", icmp("128", "0")...),                           // type and code do not count
		entry(acl, "in", "240", "allow", "47", "10.0.0.0/8", ports("1", "2")...),                            // nor do ports
		entry(acl, "in", "250", "allow", "-1", "10.0.0.0/8", append(ports("0", "0"), icmp("3", "4")...)...), // Terraform sends them
		entry(acl, "in", "260", "allow", "58", "192.0.2.0/24"),
		entry(acl, "out", "200", "allow", "-1", "::/0"),
	} {
		w.do("CreateNetworkAclEntry", e...)
	}
	want := []string{
		"out 200 allow -1 ::/0", "out 32767 deny -1 0.0.0.0/0", "out 32768 deny -1 ::/0",
		"in 200 deny 17 192.0.2.0/24 ports 53-53", "in 210 allow 1 0.0.0.0/0 type 8/-1", "in 220 allow 58 2001:db8::/32 type 128/0",
		"in 230 allow 58 10.0.0.0/8 type -1/-1", "in 240 allow 47 10.0.0.0/8", "in 250 allow -1 10.0.0.0/8",
		"in 260 allow 58 192.0.2.0/24 type -1/-1",
		"in 300 allow 6 10.0.0.0/8 ports 22-23", "in 32767 deny -1 0.0.0.0/0", "in 32768 deny -1 ::/0",
	}
	if diff := cmp.Diff(want, w.entries(acl)); diff != "" {
		t.Errorf("created (-want +got):\n%s", diff)
	}
	w.do("ReplaceNetworkAclEntry", entry(acl, "in", "300", "deny", "6", "10.0.0.0/8", ports("80", "80")...)...)
	w.do("DeleteNetworkAclEntry", "NetworkAclId", acl, "RuleNumber", "200", "Egress", "false")
	want = append(append(want[:3:3], want[4:10]...), "in 300 deny 6 10.0.0.0/8 ports 80-80", want[11], want[12])
	if diff := cmp.Diff(want, w.entries(acl)); diff != "" {
		t.Errorf("changed (-want +got):\n%s", diff)
	}
	if a, _ := w.store.View().NetworkACL(acl); a.Entries[0].Origin != (vpc.Origin{}) || len(a.Entries) != 8 {
		t.Errorf("in force: %+v", a.Entries)
	}
}

func TestNetworkACLEntriesThatAWSRefuses(t *testing.T) {
	w := newWorld(t, dualVPC+"quotas: {network_acl_entries: 3}\n")
	acl := w.makeACL(fileVPC)
	for _, c := range []struct {
		code, message string
		entry         []string
	}{
		{"InvalidNetworkAclID.NotFound", "The networkAcl ID 'acl-9' does not exist", entry("acl-9", "in", "1", "allow", "-1", "0.0.0.0/0")},
		{"InvalidParameterValue", "Value (0) for parameter ruleNumber is invalid. Want 1 to 32766.", entry(acl, "in", "0", "allow", "-1", "0.0.0.0/0")},
		{"InvalidParameterValue", "Value (32767) for parameter ruleNumber is invalid. Want 1 to 32766.", entry(acl, "in", "32767", "allow", "-1", "0.0.0.0/0")},
		{"InvalidParameterValue", "Value (drop) for parameter ruleAction is invalid. Want allow or deny.", entry(acl, "in", "1", "drop", "-1", "0.0.0.0/0")},
		{"InvalidParameterValue", "Invalid value 'http' for IP protocol. Unknown protocol.", entry(acl, "in", "1", "allow", "http", "0.0.0.0/0")},
		{"InvalidParameterValue", "Invalid value '256' for IP protocol. Unknown protocol.", entry(acl, "in", "1", "allow", "256", "0.0.0.0/0")},
		{"InvalidParameterValue", "Value (10.0.0.0) for parameter cidrBlock is invalid. This is not a valid CIDR block.", entry(acl, "in", "1", "allow", "-1", "10.0.0.0")},
		{"InvalidParameterValue", "Value (::/129) for parameter ipv6CidrBlock is invalid. This is not a valid CIDR block.", entry(acl, "in", "1", "allow", "-1", "::/129")},
		{"InvalidParameterValue", "Value (::ffff:10.0.0.0/120) for parameter ipv6CidrBlock is invalid. This is not a valid CIDR block.",
			entry(acl, "in", "1", "allow", "-1", "::ffff:10.0.0.0/120")},
		{"MissingParameter", "The request must contain the parameter cidrBlock", entry(acl, "in", "1", "allow", "-1", "")},
		{"InvalidParameterCombination", "The parameter cidrBlock cannot be used with the parameter ipv6CidrBlock",
			entry(acl, "in", "1", "allow", "-1", "0.0.0.0/0", "Ipv6CidrBlock", "::/0")},
		{"InvalidParameterValue", "Invalid value for portRange. Must specify both from and to ports with TCP/UDP.", entry(acl, "in", "1", "allow", "6", "0.0.0.0/0")},
		{"InvalidParameterValue", "Invalid value for portRange. Must specify both from and to ports with TCP/UDP.",
			entry(acl, "in", "1", "allow", "17", "0.0.0.0/0", "PortRange.From", "1")},
		{"InvalidParameterValue", "Invalid value for icmpTypeCode. Must specify both type and code with ICMP.", entry(acl, "in", "1", "allow", "1", "0.0.0.0/0")},
		{"InvalidParameterValue", "Invalid value for icmpTypeCode. Must specify both type and code with ICMP.", entry(acl, "in", "1", "allow", "58", "::/0", "Icmp.Type", "1")},
		{"InvalidParameterValue", "TCP/UDP port (65536) out of range: want 0 to 65535", entry(acl, "in", "1", "allow", "6", "0.0.0.0/0", "PortRange.From", "1", "PortRange.To", "65536")},
		{"MissingParameter", "The request must contain the parameter Protocol", []string{"NetworkAclId", acl, "RuleNumber", "1", "RuleAction", "allow", "Egress", "true"}},
	} {
		w.refused(c.code, c.message, "CreateNetworkAclEntry", c.entry...)
	}
	w.do("CreateNetworkAclEntry", entry(acl, "in", "1", "allow", "-1", "0.0.0.0/0")...)
	w.refused("NetworkAclEntryAlreadyExists", "The network acl entry identified by 1 already exists.",
		"CreateNetworkAclEntry", entry(acl, "in", "1", "deny", "-1", "::/0")...)
	w.do("CreateNetworkAclEntry", entry(acl, "in", "2", "allow", "-1", "0.0.0.0/0")...)
	const full = "The maximum number of network ACL entries has been reached."
	w.refused("NetworkAclEntryLimitExceeded", full, "CreateNetworkAclEntry", entry(acl, "in", "3", "allow", "-1", "0.0.0.0/0")...)
	w.do("CreateNetworkAclEntry", entry(acl, "in", "3", "allow", "-1", "::/0")...) // each family has a quota of its own
	w.do("CreateNetworkAclEntry", entry(acl, "out", "3", "allow", "-1", "0.0.0.0/0")...)

	w.refused("InvalidNetworkAclEntry.NotFound", "no egress entry with number 1", "DeleteNetworkAclEntry", "NetworkAclId", acl, "RuleNumber", "1", "Egress", "true")
	w.refused("InvalidNetworkAclEntry.NotFound", "no ingress entry with number 9", "ReplaceNetworkAclEntry", entry(acl, "in", "9", "allow", "-1", "0.0.0.0/0")...)
	w.refused("InvalidParameterValue", "Value (32767) for parameter ruleNumber is invalid. Want 1 to 32766.",
		"DeleteNetworkAclEntry", "NetworkAclId", acl, "RuleNumber", "32767", "Egress", "true")
	w.refused("InvalidNetworkAclID.NotFound", "", "DeleteNetworkAclEntry", "NetworkAclId", "acl-9", "RuleNumber", "1", "Egress", "true")
}

func TestReplacingTheAssociationOfASubnet(t *testing.T) {
	w := newWorld(t, dualVPC+"quotas: {vpcs: 20}\n")
	a, b, standard := w.makeACL(fileVPC), w.makeACL(fileVPC), w.defaultACL(fileVPC)
	subnet := w.makeSubnet(fileVPC, "10.0.1.0/24")
	inForce := func() string {
		acl, _ := w.store.View().NetworkACLOf(subnet)
		return acl.ID
	}
	seen := map[string]bool{w.association(subnet): true}
	for _, to := range []string{a, b, standard, b} {
		before := w.association(subnet)
		got := w.associate(to, subnet)
		if now := w.association(subnet); got != now || got == before || !strings.HasPrefix(got, "aclassoc-") {
			t.Errorf("from %s to %s, and the association is %s", before, got, now)
		}
		seen[got] = true
		if want := strings.Replace(to, standard, "", 1); inForce() != want {
			t.Errorf("in force is %q, want %q", inForce(), want)
		}
	}
	if len(seen) != 3 {
		t.Errorf("three ACLs made %d ids of associations", len(seen))
	}
	w.refused("DependencyViolation", "The networkAcl '"+b+"' has dependencies and cannot be deleted.", "DeleteNetworkAcl", "NetworkAclId", b)
	if got, now := w.associate(b, subnet), w.association(subnet); got != now {
		t.Errorf("the same again gives %s, and the association is %s", got, now)
	}
	// A subnet of the file that has the default ACL can have another: the file
	// does not say which.
	w.associate(b, fileSubnet)
	w.associate(standard, fileSubnet)

	current := w.association(subnet)
	w.refused("InvalidAssociationID.NotFound", "The association ID 'aclassoc-9' does not exist",
		"ReplaceNetworkAclAssociation", "AssociationId", "aclassoc-9", "NetworkAclId", a)
	w.refused("InvalidNetworkAclID.NotFound", "The networkAcl ID 'acl-9' does not exist",
		"ReplaceNetworkAclAssociation", "AssociationId", current, "NetworkAclId", "acl-9")
	far := w.makeACL(w.makeVPC("10.1.0.0/16"))
	w.refused("InvalidParameter", "Network ACL "+far+" and subnet "+subnet+" belong to different networks.",
		"ReplaceNetworkAclAssociation", "AssociationId", current, "NetworkAclId", far)
}

func TestWhatAFileSaysOfNetworkACLs(t *testing.T) {
	const file = dualVPC + `
network_acls:
  - {id: acl-0123456789abcdef0, name: edge, subnets: [main], ingress: [{number: 10, action: allow, type: SSH, source: 0.0.0.0/0}]}
  - {default: true, ingress: [{number: 10, action: allow, type: SSH, source: 0.0.0.0/0}]}
`
	w := newWorld(t, file)
	standard := w.defaultACL(fileVPC)
	for _, acl := range []string{"acl-0123456789abcdef0", standard} {
		w.refused("OperationNotPermitted", "", "CreateNetworkAclEntry", entry(acl, "in", "1", "allow", "-1", "0.0.0.0/0")...)
		w.refused("OperationNotPermitted", "", "DeleteNetworkAclEntry", "NetworkAclId", acl, "RuleNumber", "10", "Egress", "false")
	}
	w.refused("OperationNotPermitted", "", "DeleteNetworkAcl", "NetworkAclId", "acl-0123456789abcdef0")
	w.refused("OperationNotPermitted", "", "ReplaceNetworkAclAssociation", "AssociationId", w.association(fileSubnet), "NetworkAclId", standard)
	subnet := w.makeSubnet(fileVPC, "10.0.1.0/24")
	w.refused("OperationNotPermitted", "", "ReplaceNetworkAclAssociation", "AssociationId", w.association(subnet), "NetworkAclId", "acl-0123456789abcdef0")
	w.associate(w.makeACL(fileVPC), subnet)
}

func TestNetworkACLsAreFound(t *testing.T) {
	w := newWorld(t, dualVPC+"quotas: {network_acls_per_vpc: 2, vpcs: 20}\n")
	a, b, standard := w.makeACL(fileVPC), w.makeACL(fileVPC), w.defaultACL(fileVPC)
	w.refused("NetworkAclLimitExceeded", "The maximum number of network ACLs has been reached.", "CreateNetworkAcl", "VpcId", fileVPC)
	w.do("CreateNetworkAclEntry", entry(a, "in", "7", "allow", "6", "192.0.2.0/24", "PortRange.From", "22", "PortRange.To", "23")...)
	w.do("CreateNetworkAclEntry", entry(b, "out", "8", "allow", "58", "2001:db8::/32", "Icmp.Type", "128", "Icmp.Code", "0")...)
	association := w.associate(a, fileSubnet)
	other := w.makeVPC("10.1.0.0/16")
	far := w.defaultACL(other)
	for _, c := range []struct {
		filter, value string
		want          []string
	}{
		{"association.association-id", association, []string{a}}, {"association.network-acl-id", a, []string{a}},
		{"association.network-acl-id", b, nil}, {"association.subnet-id", fileSubnet, []string{a}},
		{"default", "true", []string{standard, far}}, {"default", "false", []string{a, b}},
		{"entry.cidr", "192.0.2.0/24", []string{a}}, {"entry.ipv6-cidr", "2001:db8::/32", []string{b}}, {"entry.ipv6-cidr", "::/0", []string{a, b, standard}},
		{"entry.egress", "true", []string{a, b, standard, far}}, {"entry.icmp.code", "0", []string{b}}, {"entry.icmp.type", "128", []string{b}},
		{"entry.port-range.from", "22", []string{a}}, {"entry.port-range.to", "23", []string{a}}, {"entry.port-range.to", "22", nil},
		{"entry.protocol", "6", []string{a}}, {"entry.protocol", "tcp", []string{a}}, {"entry.protocol", "icmpv6", []string{b}},
		{"entry.protocol", "-1", []string{a, b, standard, far}},
		{"entry.rule-action", "allow", []string{a, b, standard, far}}, {"entry.rule-number", "7", []string{a}}, {"entry.rule-number", "32768", []string{a, b, standard}},
		{"network-acl-id", b, []string{b}}, {"owner-id", "123456789012", []string{a, b, standard, far}}, {"vpc-id", other, []string{far}},
		{"tag-key", "x", nil},
	} {
		got := w.do("DescribeNetworkAcls", "Filter.1.Name", c.filter, "Filter.1.Value.1", c.value).texts("networkAclSet.item.networkAclId")
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s=%s (-want +got):\n%s", c.filter, c.value, diff)
		}
	}
	w.refused("InvalidNetworkAclID.NotFound", "The networkAcl ID 'acl-9' does not exist", "DescribeNetworkAcls", "NetworkAclId.1", "acl-9")
}

// TestADefaultACLFollowsTheVPCsBlocks changes one direction, which then is left as
// it is.
func TestADefaultACLFollowsTheVPCsBlocks(t *testing.T) {
	w := newWorld(t, labVPC)
	untouched, touched := w.makeVPC("10.1.0.0/16"), w.makeVPC("10.2.0.0/16")
	w.do("CreateNetworkAclEntry", entry(w.defaultACL(touched), "in", "50", "deny", "-1", "192.0.2.0/24")...)
	check := func(id string, want ...string) {
		t.Helper()
		var got []string
		for _, e := range w.entries(w.defaultACL(id)) {
			if !strings.Contains(e, " 3276") {
				got = append(got, e)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	var associations []string
	for _, id := range []string{untouched, touched} {
		associations = append(associations, w.do("AssociateVpcCidrBlock", "VpcId", id, "AmazonProvidedIpv6CidrBlock", "true").get("ipv6CidrBlockAssociation.associationId"))
	}
	check(untouched, "out 100 allow -1 0.0.0.0/0", "out 101 allow -1 ::/0", "in 100 allow -1 0.0.0.0/0", "in 101 allow -1 ::/0")
	check(touched, "out 100 allow -1 0.0.0.0/0", "out 101 allow -1 ::/0", "in 50 deny -1 192.0.2.0/24", "in 100 allow -1 0.0.0.0/0")
	for _, association := range associations {
		w.do("DisassociateVpcCidrBlock", "AssociationId", association)
	}
	check(untouched, "out 100 allow -1 0.0.0.0/0", "in 100 allow -1 0.0.0.0/0")
	check(touched, "out 100 allow -1 0.0.0.0/0", "in 50 deny -1 192.0.2.0/24", "in 100 allow -1 0.0.0.0/0")
}
