package query

import (
	"net/url"
	"testing"
)

// TestText gives a parameter what an answer could not tell again.
func TestText(t *testing.T) {
	for value, want := range map[string]string{
		"plain":              "",
		"ü € 𝄞 \t\n\r <&>":   "",
		"\ufffd":             "",
		"a\xffb":             `InvalidParameterValue: Value ("a\xffb") for parameter GroupName is invalid. Want UTF-8 without control characters.`,
		"nul\x00":            `InvalidParameterValue: Value ("nul\x00") for parameter GroupName is invalid. Want UTF-8 without control characters.`,
		"\x1b[2J":            `InvalidParameterValue: Value ("\x1b[2J") for parameter GroupName is invalid. Want UTF-8 without control characters.`,
		"\uffff":             `InvalidParameterValue: Value ("\uffff") for parameter GroupName is invalid. Want UTF-8 without control characters.`,
		"surrogate\xed\xa0x": `InvalidParameterValue: Value ("surrogate\xed\xa0x") for parameter GroupName is invalid. Want UTF-8 without control characters.`,
	} {
		var in struct {
			Name string `query:"GroupName"`
		}
		got := ""
		if err := Decode(url.Values{"GroupName": {value}}, &in); err != nil {
			got = err.Error()
		} else if in.Name != value {
			t.Errorf("%q became %q", value, in.Name)
		}
		if got != want {
			t.Errorf("%q: %q, want %q", value, got, want)
		}
	}
}

// TestTwice gives parameters two values, of which one had to be passed over.
func TestTwice(t *testing.T) {
	var in struct {
		Name string `query:"GroupName"`
	}
	for _, name := range []string{"Action", "Version", "GroupName"} {
		want := "InvalidParameterValue: The parameter " + name + " appears 2 times"
		if err := Decode(url.Values{name: {"a", "b"}}, &in); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
