// Package finding has what a linter's report is made of: findings, the kinds of
// finding there are, and silences. They stand apart from package lint, which
// makes findings, so that a configuration can name a kind without it.
//
// The package imports vpc only.
package finding

import (
	"fmt"

	"github.com/sgate/sgate/vpc"
)

// Severity is how much a finding matters.
type Severity uint8

// The severities, from the lowest on.
const (
	Note    Severity = iota // worth knowing; often as it should be
	Warning                 // probably not what was meant
	Error                   // dangerous whatever was meant
)

// String returns "note", "warning" or "error", the words of SARIF too.
func (s Severity) String() string { return [...]string{"note", "warning", "error"}[s] }

// ParseSeverity reads a severity as String writes it.
func ParseSeverity(s string) (Severity, error) {
	for _, severity := range []Severity{Note, Warning, Error} {
		if s == severity.String() {
			return severity, nil
		}
	}
	return 0, fmt.Errorf("severity %q: want note, warning or error", s)
}

// Finding is one thing that a reader of AWS's best practices would remark on.
type Finding struct {
	Kind     string   // the id of its Kind, such as "ssh-open-to-world"
	Severity Severity // the kind's, or a lower one
	Subject  string   // such as `security group "web"`
	Origin   vpc.Origin
	Message  string // what is the matter, without the subject
	Remedy   string // what would be right
	// IDs are the resources that it is about, its subject first: AWS's ids.
	IDs []string
	// Related are other places that have to do with it.
	Related []Place
	// Within are the declarations that it is part of, the innermost first: at
	// each of them it can be silenced.
	Within []vpc.Origin
	// Silence is what silences it, or nil.
	Silence *Silence
}

// Place is somewhere else in a file.
type Place struct {
	Origin  vpc.Origin
	Message string // what is there
}

// Silence is somebody's word that findings of one kind are meant to be so.
type Silence struct {
	Kind    string // the id of the kind
	Reason  string // never empty
	Subject string // what it stands on, such as `security group "web"`; "" for the whole file
	// On is where that resource is declared. The zero Origin means the whole
	// file.
	On     vpc.Origin
	Origin vpc.Origin // of the silence itself
}
