// Package report prints findings: as text for people, as JSON for scripts and as
// SARIF for code hosts and editors.
//
// The package imports lint/finding and vpc.
package report

import (
	"slices"

	"github.com/sgate/sgate/lint/finding"
)

// File is what there is to say about one file.
type File struct {
	Path     string // as the user named it
	Findings []finding.Finding
	// Err is why the file could not be read, a join of *vpc.Error perhaps. There
	// are no findings then.
	Err error
}

// Selection says which findings are shown.
type Selection struct {
	Least    finding.Severity // and those above
	Optional []string         // ids of optional kinds that are shown as well
	Silenced bool             // silenced ones, too
}

// Of returns the files with the findings that are shown, and how many there are
// of all that would be but for a silence.
func (s Selection) Of(files []File) ([]File, Counts) {
	var counts Counts
	out := slices.Clone(files)
	for i := range out {
		out[i].Findings = nil
		for _, f := range files[i].Findings {
			if !s.asked(f) {
				continue
			}
			counts.add(f)
			if f.Silence == nil || s.Silenced {
				out[i].Findings = append(out[i].Findings, f)
			}
		}
	}
	return out, counts
}

// asked reports whether somebody wants to see a finding, were it not silenced.
func (s Selection) asked(f finding.Finding) bool {
	kind, _ := finding.Lookup(f.Kind)
	return f.Severity >= s.Least && (!kind.Optional || slices.Contains(s.Optional, f.Kind))
}

// Counts are numbers of findings.
type Counts struct {
	BySeverity [3]int // those that are not silenced
	Silenced   int
}

func (c *Counts) add(f finding.Finding) {
	if f.Silence != nil {
		c.Silenced++
		return
	}
	c.BySeverity[f.Severity]++
}

// AtLeast returns how many findings, not silenced, are of a severity or above.
func (c Counts) AtLeast(s finding.Severity) int {
	n := 0
	for at := s; at <= finding.Error; at++ {
		n += c.BySeverity[at]
	}
	return n
}
