package export

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/flowlog/record"
	"github.com/sgate/sgate/vpc"
)

// TestWhatThePersonReads holds the file for resources as a file and the API make
// them together.
func TestWhatThePersonReads(t *testing.T) {
	cfg := mustParse(t, `gateway: {mtu: 1500, log: {format: json}, metrics: {detail: vpc}, icmp_errors: related, tcp_midstream: drop}
account: {id: "123456789012", region: eu-central-1}
vpc: {cidr: 10.0.0.0/16}
subnets: [{name: public, cidr: 10.0.1.0/24}, {name: private, cidr: 10.0.2.0/24}]
security_groups:
  - {name: web, ingress: [{protocol: tcp, port_range: [80, 443], source: 0.0.0.0/0}]}
  - {name: default, ingress: []}
images: [{id: ami-web, command: [sgate, listen, "80"]}]
instances:
  - {name: db, subnet: private, address: 10.0.2.10, image: ami-web, command: [], netns: db}
  - {name: web, subnet: public, address: 10.0.1.10, security_groups: [web], image: ami-web, device: eth7}
flow_logs:
  - {name: all, destination: /var/log/all.log, max_files: 3}
  - {name: web, resource: instance/web, destination: "-", log_format: "${srcaddr}"}
quotas: {vpcs: 8}
lint_ignore: [{finding: ssh-open-to-world, reason: a lab}]
`)
	res := cfg.Resources.Resources()
	v := res.VPCs[0]
	at := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	res.Subnets = append(res.Subnets, vpc.Subnet{ID: "subnet-0123456789abcdef0", VPCID: v.ID, CIDR: netip.MustParsePrefix("10.0.3.0/24"), AvailabilityZone: "eu-central-1b"})
	res.SecurityGroups = append(res.SecurityGroups, vpc.SecurityGroup{
		ID: "sg-0123456789abcdef0", Name: "app", Description: "Managed by Terraform", VPCID: v.ID,
		Ingress: []vpc.Rule{{
			ID: "sgr-0123456789abcdef0", Protocol: vpc.TCP, FromPort: 8080, ToPort: 8080, Peer: vpc.Peer{GroupID: res.SecurityGroups[0].ID},
		}},
	})
	res.Tags = []vpc.TagSet{
		{ResourceID: "subnet-0123456789abcdef0", Tags: []vpc.Tag{{Key: "Name", Value: "made"}}},
		{ResourceID: "sgr-0123456789abcdef0", Tags: []vpc.Tag{{Key: "why", Value: `it's "app": 1`}}},
	}
	res.Instances = append(res.Instances,
		vpc.Instance{
			ID: "i-0123456789abcdef0", Name: "app-1", VPCID: v.ID, SubnetID: "subnet-0123456789abcdef0", ImageID: "ami-gone", Type: "t3.micro",
			ReservationID: "r-0123456789abcdef0", LaunchTime: at, State: vpc.Running, StateTime: at,
		},
		vpc.Instance{ID: "i-0123456789abcdef1", Name: "over", VPCID: v.ID, State: vpc.Terminated},
	)
	res.Interfaces = append(res.Interfaces, vpc.NetworkInterface{
		ID: "eni-0123456789abcdef0", Name: "app-1", VPCID: v.ID, SubnetID: "subnet-0123456789abcdef0",
		Addresses: []netip.Addr{netip.MustParseAddr("10.0.3.10")}, GroupIDs: []string{"sg-0123456789abcdef0"}, SourceDestCheck: true,
		Attachment: vpc.Attachment{InstanceID: "i-0123456789abcdef0", DeleteOnTermination: true, Time: at},
	})
	s, err := vpc.New(res)
	if err != nil {
		t.Fatal(err)
	}
	cfg = cfg.WithResources(s)
	cfg.FlowLogs = append(cfg.FlowLogs, config.FlowLog{
		ID: "fl-0123456789abcdef0", ResourceID: v.ID, TrafficType: "REJECT", MaxAggregationInterval: time.Minute, LogFormat: record.Default(),
		Destination: "-", MaxFileSize: 100 << 20, MaxFiles: 10,
	})
	const golden = "testdata/file.yaml"
	if os.Getenv("SGATE_UPDATE") != "" {
		if err := os.WriteFile(golden, YAML(cfg), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(want), string(YAML(cfg))); diff != "" {
		t.Errorf("(-want +got; SGATE_UPDATE=1 writes %s anew):\n%s", golden, diff)
	}
	back := readBack(t, cfg)
	if diff := gocmp.Diff(cfg.FlowLogs, back.FlowLogs, alike); diff != "" {
		t.Errorf("flow logs (-were +read back):\n%s", diff)
	}
	if back.Gateway != cfg.Gateway || back.Account != cfg.Account {
		t.Errorf("settings: %+v %+v, want %+v %+v", back.Gateway, back.Account, cfg.Gateway, cfg.Account)
	}
	if diff := gocmp.Diff(cfg.Images, back.Images[:2], alike); diff != "" || back.Images[2].ID != "ami-gone" {
		t.Errorf("images %+v (-were +read back):\n%s", back.Images, diff)
	}
	if diff := gocmp.Diff(cfg.Described(), back.Described()[:2], alike); diff != "" {
		t.Errorf("places and commands (-were +read back):\n%s", diff)
	}
}

func mustParse(t testing.TB, text string) *config.Config {
	t.Helper()
	cfg, err := config.Parse([]byte(text), config.Source{Path: "f.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// TestWhatNoFileCanSay holds that names which a file would refuse do not keep the
// rest from being read back: they stay as Name tags.
func TestWhatNoFileCanSay(t *testing.T) {
	cfg := mustParse(t, "vpc: {cidr: 10.0.0.0/16}\nsubnets: [{name: s, cidr: 10.0.1.0/24}]\nprefix_lists: [{name: l}]\n")
	res := cfg.Resources.Resources()
	long := strings.Repeat("x", 256)
	res.VPCs[0].Name, res.Subnets[0].Name, res.PrefixLists[0].Name = "a\tb", long, "pl-01234567"
	s, err := vpc.New(res)
	if err != nil {
		t.Fatal(err)
	}
	back := readBack(t, cfg.WithResources(s)).Resources
	name := func(id string) string {
		for _, tag := range back.Tags(id) {
			return tag.Key + "=" + tag.Value
		}
		return ""
	}
	if got := name(res.VPCs[0].ID); got != "Name=a\tb" {
		t.Errorf("the VPC has the tag %q", got)
	}
	if got := name(res.Subnets[0].ID); got != "Name="+long {
		t.Errorf("the subnet has the tag %q", got)
	}
	if _, ok := back.PrefixList(res.PrefixLists[0].ID); !ok {
		t.Error("the prefix list is gone")
	}
}

// TestImpliedDefaultsAreNotWritten holds that what is as AWS makes it stays the
// API's to change, and that the least of a difference is written.
func TestImpliedDefaultsAreNotWritten(t *testing.T) {
	cfg := mustParse(t, "vpc: {cidr: 10.0.0.0/16}\n")
	with := func(change func(*vpc.Resources)) string {
		res := cfg.Resources.Resources()
		res.NetworkACLs = []vpc.NetworkACL{vpc.DefaultNetworkACL(res.VPCs[0])}
		change(&res)
		s, err := vpc.New(res)
		if err != nil {
			t.Fatal(err)
		}
		_, sections, _ := strings.Cut(string(YAML(cfg.WithResources(s))), "vpc: {cidr: 10.0.0.0/16}\n")
		return sections
	}
	group := func(r *vpc.Resources) *vpc.SecurityGroup {
		g := &r.SecurityGroups[0]
		g.Ingress = append([]vpc.Rule(nil), g.Ingress...)
		return g
	}
	for _, c := range []struct {
		name   string
		change func(*vpc.Resources)
		want   string
	}{
		{"nothing", func(*vpc.Resources) {}, ""},
		{"a description of the default group's rule", func(r *vpc.Resources) { group(r).Ingress[0].Description = "ours" },
			"\nsecurity_groups:\n  - name: default\n    ingress:\n      - {type: All traffic, source: self, description: ours}\n"},
		{"no egress of the default group", func(r *vpc.Resources) { group(r).Egress = nil },
			"\nsecurity_groups:\n  - name: default\n    egress: []\n"},
		{"a tag of the default group", func(r *vpc.Resources) {
			r.Tags = []vpc.TagSet{{ResourceID: r.SecurityGroups[0].ID, Tags: []vpc.Tag{{Key: "a", Value: "b"}}}}
		}, "\nsecurity_groups:\n  - {name: default, tags: [{key: a, value: b}]}\n"},
		{"a tag of its rule", func(r *vpc.Resources) {
			r.Tags = []vpc.TagSet{{ResourceID: r.SecurityGroups[0].Ingress[0].ID, Tags: []vpc.Tag{{Key: "a", Value: "b"}}}}
		}, "\nsecurity_groups:\n  - name: default\n    ingress:\n      - {type: All traffic, source: self, tags: [{key: a, value: b}]}\n"},
		{"another id of its rule", func(r *vpc.Resources) { group(r).Ingress[0].ID = "sgr-01234567" },
			"\nsecurity_groups:\n  - name: default\n    ingress:\n      - {type: All traffic, source: self, id: sgr-01234567}\n"},
		{"another description of the default group", func(r *vpc.Resources) { group(r).Description = "ours" },
			"\nsecurity_groups:\n  - {name: default, description: ours}\n"},
		{"another id of the default group", func(r *vpc.Resources) {
			g := group(r)
			g.ID = "sg-01234567"
			g.Ingress[0].ID, g.Ingress[0].Peer, g.Egress = "", vpc.Peer{GroupID: g.ID}, vpc.DefaultEgress(r.VPCs[0], g.ID, vpc.Origin{})
		}, "\nsecurity_groups:\n  - {name: default, id: sg-01234567}\n"},
		{"another id of the default ACL", func(r *vpc.Resources) { r.NetworkACLs[0].ID = "acl-01234567" },
			"\nnetwork_acls:\n  - {id: acl-01234567, default: true}\n"},
		{"no egress of the default ACL", func(r *vpc.Resources) { r.NetworkACLs[0].Entries = r.NetworkACLs[0].Entries[:1] },
			"\nnetwork_acls:\n  - name: \"\"\n"},
	} {
		want := strings.Replace(c.want, "  - name: \"\"\n", "  - default: true\n    egress: []\n", 1)
		if diff := gocmp.Diff(want, with(c.change)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// fleet is 10,000 interfaces, five of 2,000 groups on each, and 60,000 rules.
func fleet(b testing.TB) *config.Config {
	const interfaces, groups = 10_000, 2_000
	var text strings.Builder
	text.WriteString("vpc: {cidr: 10.0.0.0/16}\nsubnets: [{name: s, cidr: 10.0.0.0/16}]\nsecurity_groups:\n")
	for i := range groups {
		fmt.Fprintf(&text, "  - name: group-%d\n    ingress:\n", i)
		for j := range 30 {
			fmt.Fprintf(&text, "      - {protocol: tcp, port_range: %d, source: 192.0.%d.0/24, description: rule %d}\n", 1000+j, j, j)
		}
	}
	text.WriteString("instances:\n")
	for i := range interfaces {
		fmt.Fprintf(&text, "  - {name: i-%d, address: 10.0.%d.%d, security_groups: [group-%d, group-%d, group-%d]}\n",
			i, 1+i/250, 1+i%250, i%groups, (i+1)%groups, (i+7)%groups)
	}
	return mustParse(b, text.String())
}

// BenchmarkYAML writes 10,000 interfaces and 60,000 rules.
func BenchmarkYAML(b *testing.B) {
	cfg := fleet(b)
	b.ReportAllocs()
	for b.Loop() {
		b.SetBytes(int64(len(YAML(cfg))))
	}
}
