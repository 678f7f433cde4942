// Package export writes a configuration as the YAML file that reads back as the
// same: the resources in force, wherever they came from, with their ids, rules,
// tags, versions and attributes, and the settings beside them.
//
// It is written as a person would: names where they are clear, ids where a name
// would not lead to them, nothing that is so anyway. What no file says is left out:
// terminated instances, default groups and default network ACLs that are as AWS
// makes them. Comments of a file that was read are not known and so not written.
//
// The package imports config, flowlog/record, lint/finding and vpc.
package export

import (
	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/lint/finding"
	"github.com/sgate/sgate/vpc"
)

// header begins every file that is written.
const header = "# Written by sgate export: what was in force, from files and from the EC2 API.\n"

// YAML returns the file.
func YAML(cfg *config.Config) []byte {
	x := newExporter(cfg)
	root := new(mapping)
	root.mapping("gateway", gateway(cfg.Gateway))
	root.mapping("account", account(cfg.Account))
	x.vpcs(root)
	root.items("subnets", x.subnets())
	root.items("prefix_lists", x.prefixLists())
	root.items("security_groups", x.groups())
	root.items("network_acls", x.acls())
	root.items("images", x.images())
	root.items("instances", x.instances())
	root.items("network_interfaces", x.interfaces())
	root.items("hosts", x.hosts())
	root.items("flow_logs", x.flowLogs())
	root.mapping("quotas", quotas(x.Quotas()))
	root.items("lint_ignore", silences(x.silences[vpc.Origin{}]))
	return write(header, *root)
}

// exporter has what the parts of a file are written from.
type exporter struct {
	*vpc.Snapshot
	cfg      *config.Config
	names    *names
	places   map[string]config.Endpoint       // by the id of an instance's primary interface, or of a host
	silences map[vpc.Origin][]finding.Silence // by what they stand on; those of the file under the zero Origin
	primary  map[string]vpc.NetworkInterface  // by the instance's id
	defaults map[string]string                // a VPC's id to that of its default group
	presets  map[traffic]string
}

func newExporter(cfg *config.Config) *exporter {
	s := cfg.Resources
	x := &exporter{
		Snapshot: s, cfg: cfg, names: namesOf(s), places: make(map[string]config.Endpoint),
		silences: make(map[vpc.Origin][]finding.Silence), primary: make(map[string]vpc.NetworkInterface),
		defaults: make(map[string]string), presets: presets(),
	}
	for _, e := range cfg.Described() {
		x.places[e.ID] = e
	}
	for _, silence := range cfg.Silences {
		x.silences[silence.On] = append(x.silences[silence.On], silence)
	}
	for _, nic := range s.Interfaces() {
		if a := nic.Attachment; a.InstanceID != "" && a.DeviceIndex == 0 {
			x.primary[a.InstanceID] = nic
		}
	}
	for i := range s.SecurityGroups() {
		if g := &s.SecurityGroups()[i]; isDefault(g) {
			x.defaults[g.VPCID] = g.ID
		}
	}
	return x
}

// tags returns the tags of a resource.
func (x *exporter) tags(id string) []mapping {
	var out []mapping
	for _, t := range x.Tags(id) {
		tag := new(mapping)
		tag.set("key", t.Key)
		tag.text("value", t.Value)
		out = append(out, *tag)
	}
	return out
}

// silenced returns the silences that stand on what was declared at a place.
func (x *exporter) silenced(at vpc.Origin) []mapping {
	if at == (vpc.Origin{}) {
		return nil
	}
	return silences(x.silences[at])
}

func silences(all []finding.Silence) []mapping {
	var out []mapping
	for _, silence := range all {
		m := new(mapping)
		m.set("finding", silence.Kind)
		m.set("reason", silence.Reason)
		out = append(out, *m)
	}
	return out
}
