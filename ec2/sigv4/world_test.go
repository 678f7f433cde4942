package sigv4

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// The keys of AWS's published examples, and one of a session.
var (
	alice   = Credential{User: "alice", AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
	session = Credential{User: "session", AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: "a+b/c=d", SessionToken: "FwoGZXIvYXdzE//////////wEaDE/x+y=z=="}
)

// failer is a test of package testing or of rapid.
type failer interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// noon is when the tests' requests are signed.
var noon = time.Date(2026, 2, 28, 12, 0, 0, 0, time.UTC)

func keys(t failer, credentials ...Credential) Keys {
	t.Helper()
	k, err := NewKeys(credentials...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// at makes a verifier whose clock stands still.
func at(t failer, now time.Time) *Verifier {
	t.Helper()
	return &Verifier{Keys: keys(t, alice, session), Services: []string{"ec2", "sts"}, Region: "eu-west-1", Now: func() time.Time { return now }}
}

// request is what a client sends. Its fields are changed by tests after it was
// signed, too.
type request struct {
	method, target, host, body string
	header                     [][2]string
}

// raw is the request as it goes over the wire.
func (q request) raw() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", q.method, q.target, q.host)
	for _, h := range q.header {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(q.body), q.body)
	return b.String()
}

// with returns the request with a header more.
func (q request) with(name, value string) request {
	q.header = append(slices.Clone(q.header), [2]string{name, value})
	return q
}

// to returns the request for another target.
func (q request) to(target string) request { q.target = target; return q }

// without returns the request without a header.
func (q request) without(name string) request {
	q.header = slices.DeleteFunc(slices.Clone(q.header), func(h [2]string) bool { return strings.EqualFold(h[0], name) })
	return q
}

// read is the server's half: net/http's parser, and the body read.
func read(raw string) (*http.Request, []byte, error) {
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
	if err != nil {
		return nil, nil, err
	}
	body, err := io.ReadAll(r.Body)
	return r, body, err
}

// verify sends a request to a verifier.
func verify(t failer, v *Verifier, q request) (Identity, error) {
	t.Helper()
	r, body, err := read(q.raw())
	if err != nil {
		t.Fatalf("%s: %v", q.raw(), err)
	}
	return v.Verify(r, body)
}

// code returns the code of a refusal, "" if it is none.
func code(err error) string {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return err.Error()
}

// describe is a request of the usual form, not signed yet.
func describe() request {
	return request{
		method: "POST", target: "/", host: "127.0.0.1:4599", body: "Action=DescribeSecurityGroups&Version=2016-11-15",
		header: [][2]string{{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}, {"User-Agent", "aws-cli/2"}},
	}
}

// signer signs requests. It shares no code with what is tested, and takes
// requests whose path is / only.
type signer struct {
	Credential
	service, region string
	now             time.Time
	names           []string // of headers to sign, but host and X-Amz-*
	dateLayout      string   // of a Date header, instead of X-Amz-Date
}

func signerOf(c Credential) signer {
	return signer{c, "ec2", "eu-west-1", noon, []string{"content-type"}, ""}
}

func (s signer) stamp() string { return s.now.UTC().Format("20060102T150405Z") }
func (s signer) scope() string {
	return s.stamp()[:8] + "/" + s.region + "/" + s.service + "/aws4_request"
}

// header signs in the Authorization header.
func (s signer) header(q request) request {
	if s.dateLayout != "" {
		q = q.with("Date", s.now.Format(s.dateLayout))
	} else {
		q = q.with("X-Amz-Date", s.stamp())
	}
	if s.SessionToken != "" {
		q = q.with("X-Amz-Security-Token", s.SessionToken)
	}
	names, signature := s.sum(q)
	return q.with("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s", s.AccessKeyID, s.scope(), names, signature))
}

// query signs in the query string. More is put behind what has to be there.
func (s signer) query(q request, more string) request {
	add := []string{"X-Amz-Algorithm=AWS4-HMAC-SHA256", "X-Amz-Credential=" + percent(s.AccessKeyID+"/"+s.scope()), "X-Amz-Date=" + s.stamp()}
	if s.SessionToken != "" {
		add = append(add, "X-Amz-Security-Token="+percent(s.SessionToken))
	}
	names, _ := s.headers(q)
	add = append(add, "X-Amz-SignedHeaders="+percent(names))
	q.target += map[bool]string{true: "&", false: "?"}[strings.Contains(q.target, "?")] + strings.Join(add, "&") + more
	_, signature := s.sum(q)
	q.target += "&X-Amz-Signature=" + signature
	return q
}

func (s signer) headers(q request) (names, lines string) {
	all := map[string][]string{"host": {q.host}}
	for _, h := range q.header {
		name := strings.ToLower(h[0])
		if slices.Contains(s.names, name) || strings.HasPrefix(name, "x-amz-") {
			all[name] = append(all[name], strings.Join(strings.Fields(h[1]), " "))
		}
	}
	var order []string
	for name := range all {
		order = append(order, name)
	}
	slices.Sort(order)
	for _, name := range order {
		lines += name + ":" + strings.Join(all[name], ",") + "\n"
	}
	return strings.Join(order, ";"), lines
}

// sum returns the names of the signed headers, and the signature.
func (s signer) sum(q request) (names, signature string) {
	names, lines := s.headers(q)
	_, parameters, _ := strings.Cut(q.target, "?")
	var pairs []string
	for pair := range strings.FieldsFuncSeq(parameters, func(r rune) bool { return r == '&' }) {
		name, value, _ := strings.Cut(pair, "=")
		pairs = append(pairs, name+"\x00"+value) // no name has a 0, so that the shorter of two sorts first
	}
	slices.Sort(pairs)
	canonical := fmt.Sprintf("%s\n/\n%s\n%s\n%s\n%x", q.method, strings.ReplaceAll(strings.Join(pairs, "&"), "\x00", "="), lines, names, sha256.Sum256([]byte(q.body)))
	text := fmt.Sprintf("AWS4-HMAC-SHA256\n%s\n%s\n%x", s.stamp(), s.scope(), sha256.Sum256([]byte(canonical)))
	key := "AWS4" + s.SecretAccessKey
	for _, part := range append(strings.Split(s.scope(), "/"), text) {
		h := hmac.New(sha256.New, []byte(key))
		io.WriteString(h, part)
		key = string(h.Sum(nil))
	}
	return names, fmt.Sprintf("%x", key)
}

// percent escapes what is not unreserved.
func percent(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~", rune(c)) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
