package vpc

import (
	"fmt"
	"strings"
)

// maxText is the longest name or description that AWS takes, in characters.
const maxText = 255

// textSet is the set of characters as AWS's error message for names and
// descriptions lists it.
const textSet = "a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*"

// isText has a true for each byte of textSet. A fleet has a hundred thousand
// descriptions, and a regular expression takes a microsecond for each.
var isText = func() (is [256]bool) {
	for c := range is {
		letterOrDigit := 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9'
		is[c] = letterOrDigit || strings.IndexByte(". _-:/()#,@[]+=&;{}!$*", byte(c)) >= 0
	}
	return is
}()

// ValidateDescription reports what AWS would refuse in the description of a
// group, a rule or a prefix list entry. An empty one is valid. New does not ask
// it, because no packet is judged by a description; see Snapshot.Warnings.
func ValidateDescription(s string) error { return validateText("description", s) }

// ValidateGroupName reports what AWS would refuse in a group's name.
func ValidateGroupName(s string) error {
	switch {
	case s == "":
		return fmt.Errorf("name: want 1 to %d characters", maxText)
	case strings.HasPrefix(strings.ToLower(s), "sg-"):
		return fmt.Errorf("name %q: must not start with sg-, which marks an id", s)
	}
	return validateText("name", s)
}

func validateText(what, s string) error {
	valid := len(s) <= maxText
	for i := 0; valid && i < len(s); i++ {
		valid = isText[s[i]]
	}
	if !valid {
		return fmt.Errorf("%s %q: want at most %d characters from the set %s", what, s, maxText, textSet)
	}
	return nil
}
