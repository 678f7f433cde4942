package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/sgate/sgate/vpc"
)

// faults collects what is wrong with one configuration.
type faults struct {
	file string
	list []*vpc.Error
}

// add notes a fault at a place in the file, or with the zero Origin one of the
// environment or the flags, whose subject then begins with the variable's or
// the flag's name.
func (f *faults) add(at vpc.Origin, subject, format string, args ...any) {
	f.list = append(f.list, &vpc.Error{Origin: at, Subject: subject, Detail: fmt.Sprintf(format, args...)})
}

func (f *faults) any() bool { return len(f.list) > 0 }

// err joins the faults in the order of the file, each once.
func (f *faults) err() error {
	slices.SortStableFunc(f.list, func(a, b *vpc.Error) int {
		if noPlace := (vpc.Origin{}); (a.Origin == noPlace) != (b.Origin == noPlace) {
			return cmp.Compare(b.Origin.Line, a.Origin.Line)
		}
		return cmp.Or(cmp.Compare(a.Origin.Line, b.Origin.Line), cmp.Compare(a.Origin.Column, b.Origin.Column))
	})
	var errs []error
	said := make(map[vpc.Error]bool)
	for _, e := range f.list {
		if !said[*e] {
			errs = append(errs, e)
		}
		said[*e] = true
	}
	return errors.Join(errs...)
}
