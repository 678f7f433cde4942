package config

import (
	"strings"

	"github.com/sgate/sgate/lint/finding"
	"github.com/sgate/sgate/vpc"
)

// rawSilence says that a finding of sgate lint is meant to be so. It stands on
// what the finding is about, or further out, up to the file as a whole.
type rawSilence struct {
	Finding string `mapstructure:"finding"`
	Reason  string `mapstructure:"reason"`
}

// silenceKey is where silences stand, in whichever mapping.
const silenceKey = "lint_ignore"

// buildSilences reads the silences of all resources and of the file.
func buildSilences(raw rawFile, index *index, f *faults) []finding.Silence {
	var out []finding.Silence
	root := item{index, f, ""}
	read := func(it item, on vpc.Origin, raws []rawSilence) {
		out = append(out, it.silences(on, raws)...)
	}
	read(root, vpc.Origin{}, raw.LintIgnore)
	resource := func(it item, raws []rawSilence) { read(it, it.origin(), raws) }
	resource(root.section("vpc"), raw.VPC.LintIgnore)
	for i, v := range raw.VPCs {
		resource(root.child("vpcs", i), v.LintIgnore)
	}
	for i, g := range raw.SecurityGroups {
		it := root.child("security_groups", i)
		resource(it, g.LintIgnore)
		for j, r := range g.Ingress {
			resource(it.child("ingress", j), r.LintIgnore)
		}
		for j, r := range g.Egress {
			resource(it.child("egress", j), r.LintIgnore)
		}
	}
	for i, l := range raw.PrefixLists {
		resource(root.child("prefix_lists", i), l.LintIgnore)
	}
	for i, a := range raw.NetworkACLs {
		it := root.child("network_acls", i)
		resource(it, a.LintIgnore)
		for j, e := range a.Ingress {
			resource(it.child("ingress", j), e.LintIgnore)
		}
		for j, e := range a.Egress {
			resource(it.child("egress", j), e.LintIgnore)
		}
	}
	for i, n := range raw.Instances {
		resource(root.child("instances", i), n.LintIgnore)
	}
	return out
}

// silences reads those of one mapping. A silence with a fault is not among them.
func (it item) silences(on vpc.Origin, raws []rawSilence) []finding.Silence {
	var out []finding.Silence
	for i, raw := range raws {
		of := it.child(silenceKey, i)
		if of.broken() {
			continue
		}
		known, reasoned := of.knownFinding(raw.Finding), of.reasoned(raw.Reason)
		if known && reasoned {
			out = append(out, finding.Silence{
				Kind: raw.Finding, Reason: strings.TrimSpace(raw.Reason), Subject: it.subject(), On: on, Origin: of.origin(),
			})
		}
	}
	return out
}

// knownFinding reports whether a silence names a finding that there is.
func (it item) knownFinding(id string) bool {
	switch _, known := finding.Lookup(id); {
	case !it.given("finding"):
		it.missing("finding", "want the id of one, such as %s; sgate lint --list has them all", finding.SSHOpen)
	case !it.ok("finding"):
	case id == finding.UnusedSilence:
		it.fault("finding", id, "cannot be silenced: remove the silence that it is about")
	case !known:
		it.fault("finding", id, "there is no such finding: %s", hint(id, finding.IDs()))
	default:
		return true
	}
	return false
}

// reasoned reports whether a silence says why.
func (it item) reasoned(reason string) bool {
	switch {
	case !it.given("reason"):
		it.missing("reason", "want why the finding is meant to be so")
	case !it.ok("reason"):
	case strings.TrimSpace(reason) == "":
		it.misplaced("reason", "is empty: want why the finding is meant to be so")
	default:
		return true
	}
	return false
}
