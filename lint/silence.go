package lint

import (
	"fmt"

	"github.com/sgate/sgate/lint/finding"
	"github.com/sgate/sgate/vpc"
)

// silence marks the findings that a silence is about, the innermost if there are
// several, and returns all findings with one more for each silence that is about
// none.
func (l *linter) silence(silences []finding.Silence) []finding.Finding {
	type key struct {
		on   vpc.Origin
		kind string
	}
	byKey := make(map[key]int)
	for i, s := range silences {
		if _, twice := byKey[key{s.On, s.Kind}]; !twice {
			byKey[key{s.On, s.Kind}] = i
		}
	}
	used := make([]bool, len(silences))
	for i := range l.found {
		f := &l.found[i]
		for _, on := range append(f.Within, vpc.Origin{}) {
			if at, ok := byKey[key{on, f.Kind}]; ok {
				f.Silence, used[at] = &silences[at], true
				break
			}
		}
	}
	for i, s := range silences {
		if !used[i] {
			l.add(l.unused(s))
		}
	}
	return l.found
}

func (l *linter) unused(s finding.Silence) finding.Finding {
	f := l.of(finding.UnusedSilence)
	f.Subject, f.Origin = s.Subject, s.Origin
	f.Message = fmt.Sprintf("lint_ignore of %s silences nothing", s.Kind)
	f.Remedy = fmt.Sprintf("Remove it (its reason was: %s).", s.Reason)
	return f
}
