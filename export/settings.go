package export

import (
	"path/filepath"
	"strings"
	"time"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/flowlog/record"
	"github.com/sgate/sgate/vpc"
)

// gateway writes the settings that are not the defaults.
func gateway(g config.Gateway) mapping {
	var root mapping
	for _, s := range g.Changed() {
		path := strings.Split(s.Key, ".")
		if len(path) == 2 {
			root.set(path[1], s.Value)
			continue
		}
		at := -1
		for i := range root {
			if root[i].key == path[1] {
				at = i
			}
		}
		if at < 0 {
			root.set(path[1], mapping(nil))
			at = len(root) - 1
		}
		root[at].value = append(root[at].value.(mapping), field{path[2], s.Value})
	}
	return root
}

func account(a config.Account) mapping {
	m, standard := new(mapping), config.DefaultAccount()
	m.unless("id", a.ID, standard.ID)
	m.unless("region", a.Region, standard.Region)
	m.unless("availability_zone_id", a.AvailabilityZoneID, standard.AvailabilityZoneID)
	return *m
}

func quotas(q vpc.Quotas) mapping {
	m, standard := new(mapping), vpc.DefaultQuotas()
	for _, quota := range []struct {
		key             string
		value, standard int
	}{
		{"vpcs", q.VPCs, standard.VPCs},
		{"subnets_per_vpc", q.SubnetsPerVPC, standard.SubnetsPerVPC},
		{"security_groups", q.SecurityGroups, standard.SecurityGroups},
		{"rules_per_security_group", q.RulesPerGroup, standard.RulesPerGroup},
		{"security_groups_per_interface", q.GroupsPerInterface, standard.GroupsPerInterface},
		{"prefix_lists", q.PrefixLists, standard.PrefixLists},
		{"prefix_list_entries", q.PrefixListEntries, standard.PrefixListEntries},
		{"network_acls_per_vpc", q.NetworkACLs, standard.NetworkACLs},
		{"network_acl_entries", q.NetworkACLEntries, standard.NetworkACLEntries},
	} {
		if quota.value != quota.standard {
			m.set(quota.key, quota.value)
		}
	}
	return *m
}

// usualLimits are those of a flow log's files of which a file says nothing.
const (
	usualFileSize = 100 << 20
	usualFiles    = 10
)

// flowLogs writes flow logs. Their files are named from the root on, since nobody
// knows where the configuration will stand.
func (x *exporter) flowLogs() []mapping {
	var out []mapping
	for _, l := range x.cfg.FlowLogs {
		m := new(mapping)
		m.text("name", l.Name)
		m.unless("id", l.ID, vpc.NewID("fl", l.Name))
		m.text("resource", x.resource(l.ResourceID))
		m.unless("traffic_type", l.TrafficType, "ALL")
		if l.MaxAggregationInterval != 10*time.Minute {
			m.seconds("max_aggregation_interval", l.MaxAggregationInterval)
		}
		m.unless("log_format", l.LogFormat.String(), record.Default().String())
		m.set("destination", absolute(l.Destination))
		m.flag("header", l.Header, false)
		m.items("tags", x.tags(l.ID))
		if l.Destination != "-" {
			if l.MaxFileSize != usualFileSize {
				m.set("max_file_size_mb", int(l.MaxFileSize>>20))
			}
			if l.MaxFiles != usualFiles {
				m.set("max_files", l.MaxFiles)
			}
		}
		out = append(out, *m)
	}
	return out
}

func absolute(path string) string {
	if path == "-" {
		return path
	}
	if whole, err := filepath.Abs(path); err == nil {
		return whole
	}
	return path
}

// resource returns what a flow log calls what it is about: a name if nothing else
// of the three kinds has it.
func (x *exporter) resource(id string) string {
	name, called := "", make(map[string]int)
	look := func(its, of string) {
		called[of]++
		if its == id {
			name = of
		}
	}
	for _, v := range x.VPCs() {
		look(v.ID, v.Name)
	}
	for _, n := range x.Subnets() {
		look(n.ID, n.Name)
	}
	for _, nic := range x.Interfaces() {
		look(nic.ID, nic.Name)
	}
	if name != "" && called[name] == 1 {
		return name
	}
	return id
}
