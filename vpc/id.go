package vpc

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
)

// NewID returns an id of AWS's form, prefix, a hyphen and 17 hexadecimal
// digits, that is a function of the parts alone. A resource that a file
// declares by name keeps its id from one reading to the next, so that flows,
// logs and references stay with it.
func NewID(prefix string, parts ...string) string {
	sum := sha256.Sum256([]byte(prefix + "\x00" + strings.Join(parts, "\x00")))
	return prefix + "-" + hex.EncodeToString(sum[:])[:17]
}

var idForm = regexp.MustCompile(`^[a-z]+-([0-9a-f]{17}|[0-9a-f]{8})$`)

// IsID reports whether s has the form of an AWS id with that prefix. Older
// accounts still have ids of 8 digits, so both lengths are ids.
func IsID(prefix, s string) bool {
	return strings.HasPrefix(s, prefix+"-") && idForm.MatchString(s)
}

// RuleID returns the id of a canonical rule: a function of its identity, so
// that the same rule has the same id however often it is read.
func RuleID(r Rule) string {
	return NewID("sgr", r.GroupID, r.Direction.String(), r.String())
}
