package config

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/sgate/sgate/vpc"
)

// FuzzParse holds that no text makes Parse panic, that what it accepts is
// complete, and that what it refuses has a reason.
func FuzzParse(f *testing.F) {
	paths, err := filepath.Glob("../configs/*.yaml")
	if err != nil || len(paths) == 0 {
		f.Fatalf("no examples, error %v", err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, text := range []string{
		"", "-", "vpc:", "vpc: {}", "vpcs: [1]", fullExample, string(Defaults()),
		onlyVPC + "---\n" + onlyVPC, "vpc: &a {cidr: *a}", "? [a]\n: 1", "a: |\n b", "\ufeffvpc: !!x",
		onlyVPC + "security_groups: [{name: g, ingress: [{type: SSH, port_range: [1-2, x]}, 3], egress: }]",
		onlyVPC + "instances: [{subnet: [], address: 1, pid: -1, command: x, netns: ../x, device: '%d'}]",
		onlyVPC + "network_acls: [{name: n, subnets: x, ingress: [{number: 9, action: deny, type: SSH, source: ::/0}, {number: 9}], egress: [3]}]",
		onlyVPC + "quotas: {security_groups: 1, rules_per_security_group: 9999999999999999999, network_acl_entries: -1}",
		world + "instances: [{name: i, subnet: a, address: 10.0.1.10, connection_tracking: {udp_timeout: 30}}]",
		onlyVPC + "prefix_lists: [{name: l, max_entries: -1, entries: [{cidr: ::/0}]}]",
	} {
		f.Add([]byte(text))
	}
	f.Add([]byte(mirrored))
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, err := Parse(data, Source{Path: "f.yaml"})
		switch {
		case err != nil && (cfg != nil || err.Error() == ""):
			t.Errorf("refused with %v, error %q", cfg, err)
		case err == nil && (cfg.Resources == nil || len(cfg.Resources.VPCs()) == 0):
			t.Errorf("accepted without resources")
		case err == nil && len(cfg.Endpoints) != inUse(cfg.Resources)+len(cfg.Resources.Hosts()):
			t.Errorf("%d endpoints", len(cfg.Endpoints))
		}
	})
}

// inUse returns how many interfaces are attached to instances that run.
func inUse(s *vpc.Snapshot) int {
	n := 0
	for _, nic := range s.Interfaces() {
		if in, ok := s.Instance(nic.Attachment.InstanceID); ok && in.State == vpc.Running {
			n++
		}
	}
	return n
}
