package sigv4

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const unable = "AWS was not able to validate the provided access credentials"

// TestRefusals has what clients do wrong, and what AWS says to it.
func TestRefusals(t *testing.T) {
	ec2 := signerOf(alice)
	sts := ec2
	sts.service = "sts"
	signed := ec2.header(describe())
	authorization := func(value string) request { return signed.without("Authorization").with("Authorization", value) }
	replaced := func(q request, old, by string) request {
		header := q.header[len(q.header)-1][1]
		if !strings.Contains(header, old) {
			t.Fatalf("%s: no %s", header, old)
		}
		return q.without("Authorization").with("Authorization", strings.Replace(header, old, by, 1))
	}
	scoped := func(s signer, change func(*signer)) request { change(&s); return s.header(describe()) }
	for _, tt := range []struct {
		name    string
		q       request
		code    string
		status  int
		message string
	}{
		{"no signature", describe(), "MissingAuthenticationToken", 403, "Request is missing Authentication Token"},
		{"an empty header", authorization(""), "MissingAuthenticationToken", 403, "Request is missing Authentication Token"},
		{"of another kind", authorization("Basic YTpi"), "IncompleteSignature", 400,
			"Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. Authorization=Basic"},
		{"another algorithm", authorization("AWS4-ECDSA-P256-SHA256 Credential=x"), "IncompleteSignature", 400, "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256'."},
		{"no parameters, no date", authorization("AWS4-HMAC-SHA256").without("X-Amz-Date"), "IncompleteSignature", 400,
			"Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. " +
				"Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. Authorization=AWS4-HMAC-SHA256"},
		{"no value", authorization("AWS4-HMAC-SHA256 FooBar, x=y"), "IncompleteSignature", 400, "'FooBar' not a valid key=value pair (missing equal-sign) in Authorization header."},
		{"a parameter twice", replaced(signed, "Credential=", "Credential=x, Credential="), "IncompleteSignature", 400, "Authorization header has 'Credential' parameter twice."},
		{"two headers", signed.with("Authorization", "AWS4-HMAC-SHA256"), "IncompleteSignature", 400, "The request has more than one Authorization header."},
		{"no scope", replaced(signed, "/aws4_request", ""), "IncompleteSignature", 400,
			"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'AKIDEXAMPLE/20260228/eu-west-1/ec2'"},
		{"too much of a scope", replaced(signed, "/aws4_request", "/aws4_request/x"), "IncompleteSignature", 400,
			"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'AKIDEXAMPLE/20260228/eu-west-1/ec2/aws4_request/x'"},
		{"no date", signed.without("X-Amz-Date"), "IncompleteSignature", 400,
			"Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. Authorization=AWS4-HMAC-SHA256"},
		{"a date of another form", signed.without("X-Amz-Date").with("X-Amz-Date", "2026-02-28T12:00:00Z"), "IncompleteSignature", 400,
			"Date must be in ISO-8601 'basic format'. Got '2026-02-28T12:00:00Z'. See http://en.wikipedia.org/wiki/ISO_8601"},
		{"a date with a fraction", signed.without("X-Amz-Date").with("X-Amz-Date", "20260228T120000.5Z"), "IncompleteSignature", 400,
			"Date must be in ISO-8601 'basic format'. Got '20260228T120000.5Z'. See http://en.wikipedia.org/wiki/ISO_8601"},
		{"a query that is none", func() request { q := describe(); q.target = "/?Action=%zz"; return q }(), "MalformedQueryString", 404, "The query string contains a syntax error."},

		{"unknown key", replaced(signed, "AKIDEXAMPLE", "AKIDOTHER"), "AuthFailure", 401, unable},
		{"unknown key, sts", replaced(sts.header(describe()), "AKIDEXAMPLE", "AKIDOTHER"), "InvalidClientTokenId", 403, "The security token included in the request is invalid."},
		{"wrong secret", scoped(ec2, func(s *signer) { s.SecretAccessKey = "other" }), "AuthFailure", 401, unable},
		{"wrong secret, sts", scoped(sts, func(s *signer) { s.SecretAccessKey = "other" }), "SignatureDoesNotMatch", 403,
			"The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."},
		{"a part of the signature", authorization(signed.header[len(signed.header)-1][1][:len(signed.header[len(signed.header)-1][1])-1]), "AuthFailure", 401, unable},
		{"a token for a key without", scoped(ec2, func(s *signer) { s.SessionToken = "x" }), "AuthFailure", 401, unable},
		{"no token for a key with one", scoped(signerOf(session), func(s *signer) { s.SessionToken = "" }), "AuthFailure", 401, unable},
		{"another token", scoped(signerOf(session), func(s *signer) { s.SessionToken += "=" }), "AuthFailure", 401, unable},
		{"another token, sts", scoped(signerOf(session), func(s *signer) { s.SessionToken, s.service = "x", "sts" }), "InvalidClientTokenId", 403, "The security token included in the request is invalid."},
		{"a token that is not signed", signed.with("X-Amz-Security-Token", "x"), "AuthFailure", 401, "'x-amz-security-token' must be a 'SignedHeader' in the AWS Authorization."},
		{"host not signed", replaced(signed, "content-type;host;x-amz-date", "content-type;x-amz-date"), "AuthFailure", 401, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."},

		{"another region", scoped(ec2, func(s *signer) { s.region = "us-east-1" }), "AuthFailure", 401, "Credential should be scoped to a valid region, not 'us-east-1'."},
		{"no region", scoped(ec2, func(s *signer) { s.region = "" }), "AuthFailure", 401, "Credential should be scoped to a valid region, not ''."},
		{"another service", scoped(ec2, func(s *signer) { s.service = "s3" }), "AuthFailure", 401, "Credential should be scoped to correct service: 'ec2'."},
		{"another terminator", replaced(sts.header(describe()), "aws4_request", "aws5_request"), "SignatureDoesNotMatch", 403,
			"Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5_request'."},
		{"another day", replaced(signed, "/20260228/", "/20260227/"), "AuthFailure", 401,
			"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20260227' != '20260228', from '20260228T120000Z'."},
		{"all of the scope", replaced(signed, "20260228/eu-west-1/ec2/aws4_request", "1/2/3/4"), "AuthFailure", 401,
			"Credential should be scoped to a valid region, not '2'. Credential should be scoped to correct service: 'ec2'. Credential should be scoped with a valid terminator: 'aws4_request', not '4'. " +
				"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '1' != '20260228', from '20260228T120000Z'."},
	} {
		_, err := verify(t, at(t, noon), tt.q)
		e, ok := err.(*Error)
		if !ok || *e != (Error{tt.code, tt.message, tt.status}) {
			t.Errorf("%s:\n got %+v\nwant %+v", tt.name, err, Error{tt.code, tt.message, tt.status})
		}
	}
}

// TestAccepted has what clients do otherwise than others.
func TestAccepted(t *testing.T) {
	ec2 := signerOf(alice)
	global := ec2
	global.service, global.region = "sts", "us-east-1"
	if got, err := verify(t, at(t, noon), ec2.header(describe())); err != nil || got != (Identity{"AKIDEXAMPLE", "alice", "ec2", "eu-west-1"}) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := verify(t, at(t, noon), signerOf(session).header(describe())); err != nil || got.User != "session" {
		t.Errorf("with a session token: %v, %v", got, err)
	}
	if got, err := verify(t, at(t, noon), global.header(describe())); err != nil || got != (Identity{"AKIDEXAMPLE", "alice", "sts", "us-east-1"}) {
		t.Errorf("the global endpoint of sts: %v, %v", got, err)
	}
	anywhere := at(t, noon)
	anywhere.Region = ""
	ec2.region = ""
	if _, err := verify(t, anywhere, ec2.header(describe())); code(err) != "AuthFailure" {
		t.Errorf("any region, but none: %v", err)
	}
	ec2.region = "mars-1"
	if got, err := verify(t, anywhere, ec2.header(describe())); err != nil || got.Region != "mars-1" {
		t.Errorf("any region: %v, %v", got, err)
	}
	signed := signerOf(alice).header(describe())
	compact := strings.ReplaceAll(signed.header[len(signed.header)-1][1], ", ", ",")
	if _, err := verify(t, at(t, noon), signed.without("Authorization").with("Authorization", compact)); err != nil {
		t.Errorf("without spaces: %v", err)
	}
	unordered := strings.Replace(compact, "content-type;host;x-amz-date", "X-Amz-Date;Host;Content-Type", 1)
	if _, err := verify(t, at(t, noon), signed.without("Authorization").with("Authorization", unordered)); err != nil {
		t.Errorf("with the signed headers in another order: %v", err)
	}
	for _, layout := range []string{http.TimeFormat, time.RFC1123Z, basicTime} {
		dated := signerOf(alice)
		dated.dateLayout = layout
		if _, err := verify(t, at(t, noon), dated.header(describe())); err != nil {
			t.Errorf("with Date: %s: %v", layout, err)
		}
	}
	if _, err := verify(t, at(t, noon), signed.with("X-Amzn-Trace-Id", "Root=1").with("X-Forwarded-For", "10.0.0.1")); err != nil {
		t.Errorf("with headers of a proxy: %v", err)
	}
	sized := signerOf(alice)
	sized.names = append(sized.names, "content-length") // as the SDK for Go signs
	q := describe()
	q = sized.header(q.with("Content-Length", "48"))
	if _, err := verify(t, at(t, noon), q.without("Content-Length")); err != nil { // raw writes it
		t.Errorf("with the length signed: %v", err)
	}
}

// TestTime holds that a request is good for 15 minutes around its date, and no
// longer, so that one which was overheard cannot be replayed for ever. Within
// them an equal request passes, as with AWS.
func TestTime(t *testing.T) {
	ec2, sts := signerOf(alice), signerOf(alice)
	sts.service = "sts"
	const expired = "RequestExpired: Request has expired."
	for _, tt := range []struct {
		signer signer
		after  time.Duration
		want   string
	}{
		{ec2, 0, ""}, {ec2, 0, ""}, {ec2, Window, ""}, {ec2, Window, ""}, {ec2, -Window, ""},
		{ec2, Window + time.Second, expired}, {ec2, -Window - time.Second, expired}, {ec2, 24 * time.Hour, expired},
		{sts, Window, ""}, {sts, -Window, ""},
		{sts, Window + time.Second, "SignatureDoesNotMatch: Signature expired: 20260228T120000Z is now earlier than 20260228T120001Z (20260228T121501Z - 15 min.)"},
		{sts, -Window - time.Second, "SignatureDoesNotMatch: Signature not yet current: 20260228T120000Z is still later than 20260228T115959Z (20260228T114459Z + 15 min.)"},
	} {
		_, err := verify(t, at(t, noon.Add(tt.after)), tt.signer.header(describe()))
		if (err == nil) != (tt.want == "") || err != nil && err.Error() != tt.want {
			t.Errorf("%s, %v later: %v, want %q", tt.signer.service, tt.after, err, tt.want)
		}
	}
	late := time.Date(2026, 3, 1, 0, 5, 0, 0, time.FixedZone("east", 3600)) // still February in UTC
	ec2.now = late
	if _, err := verify(t, at(t, late), ec2.header(describe())); err != nil {
		t.Errorf("a clock of another zone: %v", err)
	}
}

// TestPresigned holds a presigned URL to its own time.
func TestPresigned(t *testing.T) {
	get := request{method: "GET", target: "/?Action=DescribeVpcs&Version=2016-11-15", host: "localhost:4599"}
	drop := func(q request, name string) request {
		before, after, _ := strings.Cut(q.target, "&"+name+"=")
		_, rest, more := strings.Cut(after, "&")
		q.target = before
		if more {
			q.target += "&" + rest
		}
		return q
	}
	hour := signerOf(alice).query(get, "&X-Amz-Expires=3600")
	for _, tt := range []struct {
		name  string
		q     request
		after time.Duration
		want  string
	}{
		{"at once", hour, 0, ""},
		{"again, at its end", hour, time.Hour, ""},
		{"too late", hour, time.Hour + time.Second, "RequestExpired"},
		{"too early", hour, -Window - time.Second, "RequestExpired"},
		{"a short one", signerOf(alice).query(get, "&X-Amz-Expires=60"), 61 * time.Second, "RequestExpired"},
		{"a week", signerOf(alice).query(get, "&X-Amz-Expires=604800"), 7 * 24 * time.Hour, ""},
		{"more than a week", signerOf(alice).query(get, "&X-Amz-Expires=604801"), 0, "IncompleteSignature"},
		{"no time", signerOf(alice).query(get, "&X-Amz-Expires=0"), 0, "IncompleteSignature"},
		{"a time that is none", signerOf(alice).query(get, "&X-Amz-Expires=1h"), 0, "IncompleteSignature"},
		{"it does not say", signerOf(alice).query(get, ""), Window, ""},
		{"it does not say, too late", signerOf(alice).query(get, ""), Window + time.Second, "RequestExpired"},
		{"a session", signerOf(session).query(get, ""), 0, ""},
		{"a session, no token", drop(signerOf(session).query(get, ""), "X-Amz-Security-Token"), 0, "AuthFailure"},
		{"no signature", drop(hour, "X-Amz-Signature"), 0, "IncompleteSignature"},
		{"no algorithm", drop(hour, "X-Amz-Algorithm"), 0, "IncompleteSignature"},
		{"no date", drop(hour, "X-Amz-Date"), 0, "IncompleteSignature"},
		{"no signed headers", drop(hour, "X-Amz-SignedHeaders"), 0, "IncompleteSignature"},
		{"another expiry", drop(hour, "X-Amz-Expires"), 0, "AuthFailure"},
		{"nothing but the algorithm", describe().to("/?X-Amz-Algorithm=AWS4-HMAC-SHA256"), 0, "IncompleteSignature"},
		{"nothing but the signature", describe().to("/?X-Amz-Signature=x"), 0, "IncompleteSignature"},
		{"another algorithm", hour.to(strings.Replace(hour.target, "HMAC-SHA256", "HMAC-SHA1", 1)), 0, "IncompleteSignature"},
		{"a parameter of that name, signed in the header", signerOf(alice).header(get.to("/?X-Amz-Signature=x")), 0, ""},
		{"another value of it", signerOf(alice).header(get.to("/?X-Amz-Signature=x")).to("/?X-Amz-Signature=y"), 0, "AuthFailure"},
		{"nothing of it", get, 0, "MissingAuthenticationToken"},
		{"a header of AWS that is not signed", hour.with("X-Amz-Target", "x"), 0, "AuthFailure"},
	} {
		if _, err := verify(t, at(t, noon.Add(tt.after)), tt.q); code(err) != tt.want {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	_, err := verify(t, at(t, noon), drop(drop(hour, "X-Amz-Signature"), "X-Amz-Algorithm"))
	const want = "IncompleteSignature: AWS query-string parameters must include 'X-Amz-Algorithm'. AWS query-string parameters must include 'X-Amz-Signature'. Re-examine the query-string parameters."
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// TestShown holds that what a client sends cannot break the document that it is
// shown in.
func TestShown(t *testing.T) {
	for in, want := range map[string]string{
		"plain": "plain", "a\x00b\x1b\n": "a?b??", "\xff": "?", "é": "é",
		strings.Repeat("é", 101):       strings.Repeat("é", 100) + "...",
		strings.Repeat("x", 199) + "é": strings.Repeat("x", 199) + "...",
	} {
		if got := shown(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestWrongService(t *testing.T) {
	for service, want := range map[string]Error{
		"ec2": {"AuthFailure", "Credential should be scoped to correct service: 'ec2'.", 401},
		"sts": {"SignatureDoesNotMatch", "Credential should be scoped to correct service: 'sts'.", 403},
	} {
		if got := WrongService(service); *got != want {
			t.Errorf("%s: %+v", service, got)
		}
	}
}

// TestRequestOfNoServer has a request whose target is known by its URL alone.
func TestRequestOfNoServer(t *testing.T) {
	raw, body, err := read(signerOf(alice).header(describe()).raw())
	if err != nil {
		t.Fatal(err)
	}
	for _, uri := range []string{"", "http://127.0.0.1:4599/"} {
		raw.RequestURI = uri
		if _, err := at(t, noon).Verify(raw, body); err != nil {
			t.Errorf("%q: %v", uri, err)
		}
	}
	raw.RequestURI, raw.Method = "*", http.MethodOptions
	if _, err := at(t, noon).Verify(raw, body); err == nil {
		t.Error("another method is accepted")
	}
}

// TestSignedRequestsOnly signs requests of all kinds, by a signer that shares
// nothing with the verifier. They are accepted; whatever is changed on the way
// makes them refused.
func TestSignedRequestsOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.RuneFrom([]rune("aB1-._~ +%/=&;?*'\"é🧱.")), 0, 8, -1)
		some := signerOf(rapid.SampledFrom([]Credential{alice, session}).Draw(t, "credential"))
		some.service = rapid.SampledFrom([]string{"ec2", "sts"}).Draw(t, "service")
		some.names = []string{"content-type", "my-header"}
		q := describe()
		q.method = rapid.SampledFrom([]string{"GET", "POST"}).Draw(t, "method")
		q.host = rapid.SampledFrom([]string{"127.0.0.1:4599", "[::1]:4599", "localhost", "ec2.localhost:80"}).Draw(t, "host")
		q.body = text.Draw(t, "body")
		for _, value := range rapid.SliceOfN(rapid.StringMatching(`[a-z" ]{0,6}`), 0, 3).Draw(t, "headers") {
			q = q.with("My-Header", value)
		}
		var pairs []string
		for range rapid.IntRange(0, 4).Draw(t, "parameters") {
			pairs = append(pairs, percent("k"+text.Draw(t, "name"))+"="+percent(text.Draw(t, "value")))
		}
		if q.target += "?" + strings.Join(pairs, "&"); len(pairs) == 0 {
			q.target = "/"
		}
		v := at(t, noon)
		presigned := rapid.Bool().Draw(t, "presigned")
		signed := some.header(q)
		if presigned {
			signed = some.query(q, "")
		}
		if _, err := verify(t, v, signed); err != nil {
			t.Fatalf("%s: %v", signed.raw(), err)
		}
		changed, what := change(t, signed)
		if _, err := verify(t, v, changed); err == nil {
			t.Fatalf("%s is changed and it is accepted: %s", what, changed.raw())
		}
	})
}

// change makes another request of a signed one.
func change(t *rapid.T, q request) (request, string) {
	what := rapid.SampledFrom([]string{"the method", "the host", "the body", "the query", "a signed header", "its number", "the path"}).Draw(t, "change")
	switch what {
	case "the method":
		q.method = map[string]string{"GET": "POST", "POST": "GET"}[q.method]
	case "the host":
		q.host += "0"
	case "the body":
		q.body += "&"
	case "the query":
		q.target += map[bool]string{true: "&", false: "?"}[strings.Contains(q.target, "?")] + "Action=TerminateInstances"
	case "a signed header":
		q = q.without("Content-Type").with("Content-Type", "text/plain")
	case "its number":
		q = q.with("Content-Type", "text/plain")
	case "the path":
		q.target = "/x" + strings.TrimPrefix(q.target, "/")
	}
	return q, what
}
