// Package lint reads a snapshot as somebody who knows AWS's best practices would,
// and says what it would remark on: doors that are open to the world, rules that
// do nothing, groups that nobody has, network ACLs that drop replies, quotas that
// are nearly used up. docs/lint.md has each kind of finding, and says who wants it.
//
// It judges no packets of its own. What a network ACL does with a reply is asked
// of the compiled policy, and that rules cover another one is a statement about
// sets, which a test holds against that policy: without that rule, it gives every
// flow the same verdict.
//
// What can be right in no place is an error, what probably is not meant a warning,
// and the rest a note. Nothing is reported that cannot be wrong.
//
// The package imports vpc, filter and lint/finding.
package lint

import (
	"cmp"
	"slices"

	"github.com/sgate/sgate/lint/finding"
	"github.com/sgate/sgate/vpc"
)

// Run returns the findings about a snapshot in the order of the file, those that
// a silence is about included and marked. Each silence that is about none is a
// finding itself. The snapshot is not changed.
func Run(s *vpc.Snapshot, silences ...finding.Silence) []finding.Finding {
	l := newLinter(s)
	l.redundantRules()
	groups := s.SecurityGroups()
	for i := range groups {
		l.rules(&groups[i])
		l.membership(&groups[i])
	}
	l.prefixLists()
	l.interfaces()
	l.networkACLs()
	l.quotas()
	l.descriptions()
	found := l.silence(silences)
	slices.SortStableFunc(found, byPlace)
	return found
}

// byPlace orders findings by line and column, and at one place by how much they
// matter.
func byPlace(a, b finding.Finding) int {
	return cmp.Or(
		cmp.Compare(a.Origin.File, b.Origin.File),
		cmp.Compare(a.Origin.Line, b.Origin.Line),
		cmp.Compare(a.Origin.Column, b.Origin.Column),
		cmp.Compare(b.Severity, a.Severity),
		cmp.Compare(a.Kind, b.Kind),
	)
}

// linter collects the findings about one snapshot.
type linter struct {
	*vpc.Snapshot
	severities map[string]finding.Severity // by kind
	members    map[string][]int            // by group id: interfaces, as places in Interfaces
	lists      map[string]*list            // by id
	named      map[string]bool             // ids of the prefix lists that rules name
	covered    map[ruleAt]bool             // rules that others of their group cover
	found      []finding.Finding
}

func newLinter(s *vpc.Snapshot) *linter {
	l := &linter{
		Snapshot:   s,
		severities: make(map[string]finding.Severity),
		members:    make(map[string][]int),
		lists:      make(map[string]*list),
		named:      make(map[string]bool),
		covered:    make(map[ruleAt]bool),
	}
	for _, k := range finding.Kinds() {
		l.severities[k.ID] = k.Severity
	}
	interfaces := s.Interfaces()
	for i := range interfaces {
		for _, id := range interfaces[i].GroupIDs {
			l.members[id] = append(l.members[id], i)
		}
	}
	for _, p := range s.PrefixLists() {
		l.lists[p.ID] = newList(p)
	}
	return l
}

// add adds a finding, which can be silenced where it stands and at each place of
// within.
func (l *linter) add(f finding.Finding, within ...vpc.Origin) {
	for _, o := range append([]vpc.Origin{f.Origin}, within...) {
		if o != (vpc.Origin{}) && !slices.Contains(f.Within, o) {
			f.Within = append(f.Within, o)
		}
	}
	l.found = append(l.found, f)
}

// of returns a finding of a kind, with the kind's severity.
func (l *linter) of(kind string) finding.Finding {
	return finding.Finding{Kind: kind, Severity: l.severities[kind]}
}

// vpcOrigin returns where a VPC is declared.
func (l *linter) vpcOrigin(id string) vpc.Origin {
	v, _ := l.VPC(id)
	return v.Origin
}
