package lint

import (
	"fmt"
	"strings"

	"github.com/sgate/sgate/lint/finding"
	"github.com/sgate/sgate/vpc"
)

// nearly is the share of a quota, in percent, from which on it is nearly used up
// (Trusted Advisor's service limits turn yellow there).
const nearly = 80

// quotas finds quotas that are nearly used up, by the count that the
// configuration was accepted by.
func (l *linter) quotas() {
	var crowded []vpc.QuotaUse // interfaces with many groups
	l.QuotaUses(func(use vpc.QuotaUse) {
		switch {
		case use.Used*100 < use.Most*nearly:
		case strings.HasPrefix(use.ID, "eni-"):
			crowded = append(crowded, use)
		default:
			l.quota(use)
		}
	})
	l.crowdedInterfaces(crowded)
}

func (l *linter) quota(use vpc.QuotaUse) {
	f := l.of(finding.QuotaNearlyReached)
	f.Subject, f.Origin = use.Subject, l.somewhere(use.Origin)
	if use.ID != "" {
		f.IDs = []string{use.ID}
	}
	f.Message = fmt.Sprintf("%d of at most %d %s (%d %%)", use.Used, use.Most, use.Counted, use.Used*100/use.Most)
	f.Remedy = "Have the quota raised in time, and set quotas: {" + use.Quota + ": N} here."
	if use.Quota == "rules_per_security_group" {
		f.Remedy = "Gather CIDRs in wider ones, name groups instead, or lower the max_entries of prefix lists, which count in full; else have the quota raised and set quotas: {" + use.Quota + ": N} here."
	}
	l.add(f, l.withinOf(use)...)
}

// somewhere returns the beginning of the file for what is not said anywhere in
// it, such as quotas that are AWS's.
func (l *linter) somewhere(o vpc.Origin) vpc.Origin {
	if vpcs := l.VPCs(); o == (vpc.Origin{}) && len(vpcs) > 0 && vpcs[0].Origin != (vpc.Origin{}) {
		return vpc.Origin{File: vpcs[0].Origin.File, Line: 1, Column: 1}
	}
	return o
}

// withinOf returns the VPC of what a quota is counted for.
func (l *linter) withinOf(use vpc.QuotaUse) []vpc.Origin {
	if g, ok := l.SecurityGroup(use.ID); ok {
		return []vpc.Origin{l.vpcOrigin(g.VPCID)}
	}
	if a, ok := l.NetworkACL(use.ID); ok {
		return []vpc.Origin{l.vpcOrigin(a.VPCID)}
	}
	return nil
}

// crowdedInterfaces reports, once for all of them, interfaces that have as many
// groups as they may. The quota is 5: 4 groups, which are 80 %, are usual.
func (l *linter) crowdedInterfaces(uses []vpc.QuotaUse) {
	full := uses[:0]
	for _, use := range uses {
		if use.Used == use.Most {
			full = append(full, use)
		}
	}
	if len(full) == 0 {
		return
	}
	first := full[0]
	f := l.of(finding.QuotaNearlyReached)
	f.Subject, f.Origin = first.Subject, first.Origin
	f.Message = fmt.Sprintf("%d of at most %d %s (100 %%)", first.Used, first.Most, first.Counted)
	if others := len(full) - 1; others > 0 {
		f.Message += fmt.Sprintf("; %d more like it", others)
	}
	f.Remedy = "Merge groups, or have the quota raised (to 16 at most) and set quotas: {" + first.Quota + ": N} here."
	for _, use := range full[:min(len(full), most)] {
		f.IDs = append(f.IDs, use.ID)
	}
	nic, _ := l.Interface(first.ID)
	l.add(f, l.vpcOrigin(nic.VPCID))
}
