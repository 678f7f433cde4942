package config

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sgate/sgate/vpc"
)

// mirrored has every key that says what the EC2 API could make.
const mirrored = `vpc:
  id: vpc-0123456789abcdef0
  cidr: 10.0.0.0/16
  ipv6_cidr: "fd00:10::/56"
  default: true
  dns_support: false
  dns_hostnames: true
  network_address_usage_metrics: true
  tags: [{key: Team, value: net}, {key: Cost, value: 7}, {key: Empty}]
subnets:
  - name: s
    cidr: 10.0.1.0/24
    ipv6_cidr: "fd00:10:0:1::/64"
    availability_zone: us-east-1b
    default_for_az: true
    map_public_ip_on_launch: true
    assign_ipv6_address_on_creation: true
    tags: [{key: Name, value: s}]
  - {id: subnet-0123456789abcdef0, cidr: 10.0.2.0/24, tags: [{key: Name, value: unnamed}]}
prefix_lists:
  - name: office
    address_family: IPv4
    version: 4
    max_entries: 9
    entries: [{cidr: 198.51.100.0/24}]
    history:
      - {version: 2, entries: [{cidr: 203.0.113.0/24, description: HQ}, {cidr: 203.0.114.0/24}]}
      - {version: 3}
    tags: [{key: k, value: of the list}]
  - {name: empty, address_family: IPv6}
security_groups:
  - name: web
    tags: [{key: k, value: of the group}]
    ingress:
      - {type: SSH, source: office, id: sgr-0123456789abcdef0, tags: [{key: k, value: of the rule}]}
      - {type: HTTP, source: [10.0.0.0/8, "::/0"], tags: [{key: k, value: of both}]}
network_acls:
  - name: edge
    subnets: [s]
    tags: [{key: k, value: of the acl}]
  - default: true
    egress: []
images:
  - {id: ami-web, command: [sgate, listen, "80"]}
instances:
  - name: a
    id: i-0123456789abcdef0
    subnet: s
    address: 10.0.1.10
    image: ami-web
    instance_type: t3.micro
    key_name: mine
    launch_time: 2026-01-31T12:00:00+01:00
    launch_index: 3
    reservation_id: r-0123456789abcdef0
    network_interface:
      id: eni-0123456789abcdef0
      description: the first
      delete_on_termination: false
      attach_time: 2026-01-31T12:00:01Z
      tags: [{key: k, value: of the interface}]
    tags: [{key: Name, value: another}]
  - {name: b, subnet: s, address: 10.0.1.20, state: stopped, state_reason: "User initiated", state_time: 2026-02-01T00:00:00Z, netns: away}
network_interfaces:
  - name: second
    id: eni-0123456789abcdef1
    subnet: s
    address: 10.0.1.30
    ipv6_address: "fd00:10:0:1::30"
    secondary_addresses: [10.0.1.31]
    security_groups: [web]
    source_dest_check: false
    connection_tracking: {udp_timeout: 40}
    description: the second
    instance: a
    device_index: 2
    delete_on_termination: true
    attach_time: 2026-01-31T12:00:02Z
    tags: [{key: k, value: of the second}]
  - {subnet: s, address: 10.0.1.40}
  - {subnet: s, address: 10.0.1.50, instance: i-0123456789abcdef0, device_index: 1}
  - {subnet: s, address: 10.0.1.60, instance: b, device_index: 1}
flow_logs:
  - {id: fl-0123456789abcdef0, destination: "-", tags: [{key: k, value: of the log}]}
`

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

var noOrigins = cmp.Options{cmpopts.IgnoreTypes(vpc.Origin{}), cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})}

func TestWhatTheAPICouldMake(t *testing.T) {
	cfg := mustParse(t, mirrored)
	s := cfg.Resources
	const vpcID = "vpc-0123456789abcdef0"
	wantVPC := vpc.VPC{
		ID: vpcID, Name: "main", CIDR: netip.MustParsePrefix("10.0.0.0/16"), IPv6CIDR: netip.MustParsePrefix("fd00:10::/56"),
		Default: true, DNSHostnames: true, NetworkAddressUsageMetrics: true,
	}
	if diff := cmp.Diff([]vpc.VPC{wantVPC}, s.VPCs(), noOrigins); diff != "" {
		t.Errorf("vpcs (-want +got):\n%s", diff)
	}
	subnetID := vpc.NewID("subnet", vpcID, "s")
	wantSubnets := []vpc.Subnet{
		{
			ID: subnetID, Name: "s", VPCID: vpcID, CIDR: netip.MustParsePrefix("10.0.1.0/24"), IPv6CIDR: netip.MustParsePrefix("fd00:10:0:1::/64"),
			AvailabilityZone: "us-east-1b", DefaultForAZ: true, MapPublicIPOnLaunch: true, AssignIPv6AddressOnCreation: true,
		},
		{ID: "subnet-0123456789abcdef0", VPCID: vpcID, CIDR: netip.MustParsePrefix("10.0.2.0/24")},
	}
	if diff := cmp.Diff(wantSubnets, s.Subnets(), noOrigins); diff != "" {
		t.Errorf("subnets (-want +got):\n%s", diff)
	}
	entry := func(cidr, description string) vpc.PrefixListEntry {
		return vpc.PrefixListEntry{CIDR: netip.MustParsePrefix(cidr), Description: description}
	}
	wantLists := []vpc.PrefixList{
		{
			ID: vpc.NewID("pl", "office"), Name: "office", MaxEntries: 9, Version: 4, Entries: []vpc.PrefixListEntry{entry("198.51.100.0/24", "")},
			History: []vpc.PrefixListVersion{
				{Number: 2, Entries: []vpc.PrefixListEntry{entry("203.0.113.0/24", "HQ"), entry("203.0.114.0/24", "")}}, {Number: 3},
			},
		},
		{ID: vpc.NewID("pl", "empty"), Name: "empty", IPv6: true, MaxEntries: 1, Version: 1},
	}
	if diff := cmp.Diff(wantLists, s.PrefixLists(), noOrigins); diff != "" {
		t.Errorf("prefix lists (-want +got):\n%s", diff)
	}
	if acls := s.NetworkACLs(); len(acls) != 2 || acls[1].ID != vpc.DefaultNetworkACL(wantVPC).ID || !acls[1].Default ||
		cmp.Diff([]string{"subnet-0123456789abcdef0"}, acls[1].SubnetIDs) != "" || len(acls[1].Entries) != 2 || acls[1].Entries[1].Direction != vpc.Ingress {
		t.Errorf("network acls: %+v, want edge, and the default one with the other subnet and ingress as AWS makes it", acls)
	}
}

func TestInstancesAndInterfaces(t *testing.T) {
	cfg := mustParse(t, mirrored)
	const vpcID, first = "vpc-0123456789abcdef0", "i-0123456789abcdef0"
	subnetID, launched := vpc.NewID("subnet", vpcID, "s"), at("2026-01-31T11:00:00Z")
	wantInstances := []vpc.Instance{
		{
			ID: first, Name: "a", VPCID: vpcID, SubnetID: subnetID, ImageID: "ami-web", Type: "t3.micro", KeyName: "mine",
			ReservationID: "r-0123456789abcdef0", LaunchIndex: 3, LaunchTime: launched, State: vpc.Running, StateTime: launched,
		},
		{
			ID: vpc.NewID("i", vpcID, "b"), Name: "b", VPCID: vpcID, SubnetID: subnetID, ImageID: "ami-netns", ReservationID: vpc.NewID("r", vpcID, "b"),
			State: vpc.Stopped, StateReason: "User initiated", StateTime: at("2026-02-01T00:00:00Z"),
		},
	}
	if diff := cmp.Diff(wantInstances, cfg.Resources.Instances(), noOrigins); diff != "" {
		t.Errorf("instances (-want +got):\n%s", diff)
	}
	addrs, web := netip.MustParseAddr, []string{vpc.NewID("sg", vpcID, "web")}
	byDefault := []string{vpc.DefaultGroup(vpc.VPC{ID: vpcID}).ID}
	nic := func(id, name, addr string, a vpc.Attachment) vpc.NetworkInterface {
		return vpc.NetworkInterface{
			ID: id, Name: name, VPCID: vpcID, SubnetID: subnetID, Addresses: []netip.Addr{addrs(addr)}, GroupIDs: byDefault, SourceDestCheck: true, Attachment: a,
		}
	}
	one := nic("eni-0123456789abcdef0", "a", "10.0.1.10", vpc.Attachment{InstanceID: first, Time: at("2026-01-31T12:00:01Z")})
	one.Description = "the first"
	second := nic("eni-0123456789abcdef1", "second", "10.0.1.30", vpc.Attachment{InstanceID: first, DeviceIndex: 2, DeleteOnTermination: true, Time: at("2026-01-31T12:00:02Z")})
	second.Addresses = append(second.Addresses, addrs("fd00:10:0:1::30"), addrs("10.0.1.31"))
	second.Description, second.GroupIDs, second.SourceDestCheck = "the second", web, false
	second.ConnectionTracking.UDP = 40 * time.Second
	want := []vpc.NetworkInterface{
		one,
		nic(vpc.NewID("eni", vpcID, "b"), "b", "10.0.1.20", vpc.Attachment{InstanceID: vpc.NewID("i", vpcID, "b"), DeleteOnTermination: true}),
		second,
		nic(vpc.NewID("eni", vpcID, "", "10.0.1.40"), "", "10.0.1.40", vpc.Attachment{}),
		nic(vpc.NewID("eni", vpcID, "", "10.0.1.50"), "", "10.0.1.50", vpc.Attachment{InstanceID: first, DeviceIndex: 1, Time: launched}),
		nic(vpc.NewID("eni", vpcID, "", "10.0.1.60"), "", "10.0.1.60", vpc.Attachment{InstanceID: vpc.NewID("i", vpcID, "b"), DeviceIndex: 1}),
	}
	if diff := cmp.Diff(want, cfg.Resources.Interfaces(), noOrigins); diff != "" {
		t.Errorf("interfaces (-want +got):\n%s", diff)
	}
}

// TestEndpointsOfInterfaces holds that what is attached to an instance that runs
// has a device, and nothing else: an image's command is the instance's.
func TestEndpointsOfInterfaces(t *testing.T) {
	cfg := mustParse(t, mirrored)
	type device struct {
		Name, Member string
		Index        int
		Command      []string
	}
	var got []device
	for _, e := range cfg.Endpoints {
		got = append(got, device{e.Name, e.Member, e.DeviceIndex, e.Command})
	}
	want := []device{
		{"a", "a", 0, []string{"sgate", "listen", "80"}},
		{vpc.NewID("eni", "vpc-0123456789abcdef0", "", "10.0.1.50"), "a", 1, nil},
		{"second", "a", 2, nil},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if described := cfg.Described(); len(described) != 2 || described[1].Netns != "away" {
		t.Errorf("described are %+v, want the stopped instance as well, with its place", described)
	}
}

func TestTags(t *testing.T) {
	cfg := mustParse(t, mirrored)
	const vpcID = "vpc-0123456789abcdef0"
	web := groupOf(t, cfg, "main", "web")
	one := func(value string) []vpc.Tag { return []vpc.Tag{{Key: "k", Value: value}} }
	want := []vpc.TagSet{
		{ResourceID: vpcID, Tags: []vpc.Tag{{Key: "Cost", Value: "7"}, {Key: "Empty"}, {Key: "Team", Value: "net"}}},
		{ResourceID: vpc.NewID("subnet", vpcID, "s"), Tags: []vpc.Tag{{Key: "Name", Value: "s"}}},
		{ResourceID: "subnet-0123456789abcdef0", Tags: []vpc.Tag{{Key: "Name", Value: "unnamed"}}},
		{ResourceID: vpc.NewID("pl", "office"), Tags: one("of the list")},
		{ResourceID: web.ID, Tags: one("of the group")},
		{ResourceID: "sgr-0123456789abcdef0", Tags: one("of the rule")},
		{ResourceID: web.Ingress[1].ID, Tags: one("of both")},
		{ResourceID: web.Ingress[2].ID, Tags: one("of both")},
		{ResourceID: vpc.NewID("acl", vpcID, "edge"), Tags: one("of the acl")},
		{ResourceID: "i-0123456789abcdef0", Tags: []vpc.Tag{{Key: "Name", Value: "another"}}},
		{ResourceID: "eni-0123456789abcdef0", Tags: one("of the interface")},
		{ResourceID: "eni-0123456789abcdef1", Tags: one("of the second")},
		{ResourceID: "fl-0123456789abcdef0", Tags: one("of the log")},
	}
	if diff := cmp.Diff(want, cfg.Resources.TagSets()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(web.Ingress) != 3 || web.Ingress[0].ID != "sgr-0123456789abcdef0" || web.Ingress[1].ID != vpc.RuleID(web.Ingress[1]) {
		t.Errorf("rules: %+v", web.Ingress)
	}
}

// TestDeclared holds that what a file leaves open is open in it, as the owner of
// the resources has to know.
func TestDeclared(t *testing.T) {
	cfg := mustParse(t, `vpc: {cidr: 10.0.0.0/16}
subnets: [{name: s, cidr: 10.0.1.0/24}]
security_groups: [{name: web, ingress: [{type: SSH, source: 10.0.0.0/8}]}]
instances:
  - {name: open, address: 10.0.1.10}
  - {name: stated, address: 10.0.1.20, security_groups: [web]}
`)
	d := cfg.Declared
	if len(d.SecurityGroups) != 1 || d.SecurityGroups[0].Name != "web" || len(d.NetworkACLs) != 0 || len(d.Tags) != 0 {
		t.Errorf("declared are groups %+v, acls %+v, tags %+v, want web alone", d.SecurityGroups, d.NetworkACLs, d.Tags)
	}
	if open, stated := d.Interfaces[0].GroupIDs, d.Interfaces[1].GroupIDs; open != nil || len(stated) != 1 {
		t.Errorf("groups of an interface of which the file says nothing: %q; of one with a group: %q", open, stated)
	}
	for _, rules := range [][]vpc.Rule{d.SecurityGroups[0].Ingress, d.SecurityGroups[0].Egress} {
		if len(rules) != 1 || rules[0].ID == "" {
			t.Errorf("declared rules: %+v, want one with its id", rules)
		}
	}
	again, err := vpc.New(d)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(cfg.Resources.Resources(), again.Resources(), noOrigins); diff != "" {
		t.Errorf("what is declared makes (-in force +made):\n%s", diff)
	}
	if v := cfg.Resources.VPCs()[0]; !v.DNSSupport || v.DNSHostnames || v.Default {
		t.Errorf("a VPC of which the file says nothing else: %+v", v)
	}
}
