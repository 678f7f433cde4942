package ec2

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sgate/sgate/ec2/query"
)

// sts sends a request to STS.
func (w *world) sts(user, action string, params ...string) (int, *element) {
	w.t.Helper()
	form := url.Values{"Action": {action}, "Version": {stsVersion}}
	for i := 0; i < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	status, document := w.endpoint.answerSTS(&caller{user: user}, form, "req-1")
	return status, parsed(w.t, document)
}

func parsed(t testing.TB, document []byte) *element {
	t.Helper()
	root := new(element)
	if err := xml.Unmarshal(document, root); err != nil {
		t.Fatalf("%v in %s", err, document)
	}
	if want := "https://sts.amazonaws.com/doc/2011-06-15/"; root.XMLName.Space != want {
		t.Errorf("namespace %q, want %q", root.XMLName.Space, want)
	}
	return root
}

func TestCallerIdentity(t *testing.T) {
	w := newWorld(t, "vpc: {cidr: 10.0.0.0/16}\n")
	told := func(user string) []string {
		t.Helper()
		status, a := w.sts(user, "GetCallerIdentity")
		if status != http.StatusOK || a.XMLName.Local != "GetCallerIdentityResponse" || a.get("ResponseMetadata.RequestId") != "req-1" {
			t.Errorf("status %d: %+v", status, a)
		}
		return []string{a.get("GetCallerIdentityResult.Arn"), a.get("GetCallerIdentityResult.UserId"), a.get("GetCallerIdentityResult.Account")}
	}
	if got, want := told(""), []string{"arn:aws:iam::123456789012:root", "123456789012", "123456789012"}; !cmp.Equal(got, want) {
		t.Errorf("without keys: %q, want %q", got, want)
	}
	got := told("alice")
	if got[0] != "arn:aws:iam::123456789012:user/alice" || !regexp.MustCompile(`^AIDA[A-Z2-7]{17}$`).MatchString(got[1]) || got[2] != "123456789012" {
		t.Errorf("alice: %q", got)
	}
	if again, other := told("alice"), told("bob"); again[1] != got[1] || other[1] == got[1] {
		t.Errorf("ids of alice, alice and bob: %s, %s, %s", got[1], again[1], other[1])
	}
}

func TestWhatSTSRefuses(t *testing.T) {
	w := newWorld(t, "vpc: {cidr: 10.0.0.0/16}\n")
	refused := func(want []string, action string, params ...string) {
		t.Helper()
		status, a := w.sts("", action, params...)
		got := []string{a.XMLName.Local, a.get("Error.Type"), a.get("Error.Code"), a.get("Error.Message"), a.get("RequestId")}
		if status != http.StatusBadRequest || !cmp.Equal(got, want) {
			t.Errorf("status %d: %q, want %q", status, got, want)
		}
	}
	refused([]string{"ErrorResponse", "Sender", "InvalidAction", "Could not find operation AssumeRole for version 2011-06-15", "req-1"}, "AssumeRole")
	refused([]string{"ErrorResponse", "Sender", "UnknownParameter", "The parameter Colour is not recognized", "req-1"}, "GetCallerIdentity", "Colour", "red")
	own := parsed(t, stsError(&query.Error{Code: "InternalError", Message: "a < b", Status: http.StatusInternalServerError}, "req-2"))
	if own.get("Error.Type") != "Receiver" || own.get("Error.Message") != "a < b" {
		t.Errorf("an error of ours: %+v", own)
	}
}
