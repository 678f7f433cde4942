package sigv4

import (
	"strings"
	"testing"
)

// FuzzVerify holds that no request makes the verifier panic, that a refusal can
// be told, and that what one secret has signed is not accepted by another.
func FuzzVerify(f *testing.F) {
	get := request{method: "GET", target: "/?Action=DescribeVpcs&Version=2016-11-15", host: "localhost:4599"}
	for _, q := range []request{
		describe(), get,
		signerOf(alice).header(describe()), signerOf(session).header(get.with("My-Header", "a  b")),
		signerOf(alice).query(get, "&X-Amz-Expires=60"), signerOf(session).query(get, ""),
		describe().with("Authorization", "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=;host, Signature=").with("Date", "Sat, 28 Feb 2026 12:00:00 GMT"),
	} {
		f.Add(q.raw())
	}
	v, other := at(f, noon), at(f, noon)
	stranger, strangersSession := alice, session
	stranger.SecretAccessKey, strangersSession.SecretAccessKey = "other", "another"
	other.Keys = keys(f, stranger, strangersSession)
	f.Fuzz(func(t *testing.T, raw string) {
		r, body, err := read(raw)
		if err != nil {
			return
		}
		who, err := v.Verify(r, body)
		if err == nil {
			if _, err := other.Verify(r, body); err == nil || who.User == "" {
				t.Fatalf("%v: accepted whatever the secret is: %s", who, raw)
			}
			return
		}
		e, ok := err.(*Error)
		if !ok || e.Code == "" || e.Message == "" || e.Status < 400 || e.Status > 499 {
			t.Fatalf("%#v", err)
		}
		if strings.ContainsFunc(e.Message, func(r rune) bool { return r < ' ' || r == 0xfffd }) {
			t.Fatalf("%q is not fit for XML", e.Message)
		}
	})
}
