package vpc

import (
	"fmt"
	"regexp"
	"strings"
)

// maxText is the longest name or description that AWS takes, in characters.
const maxText = 255

// textForm is the set that AWS's error message for names and descriptions
// lists.
var textForm = regexp.MustCompile(`^[A-Za-z0-9 ._\-:/()#,@\[\]+=&;{}!$*]*$`)

const textSet = "a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*"

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
	if len(s) > maxText || !textForm.MatchString(s) {
		return fmt.Errorf("%s %q: want at most %d characters from the set %s", what, s, maxText, textSet)
	}
	return nil
}
