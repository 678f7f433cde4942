package sigv4

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxExpires is the longest time that a presigned URL can be good for.
const maxExpires = 7 * 24 * time.Hour

// signature is what a request says of how it is signed.
type signature struct {
	scope     scope
	headers   []string // that are signed: lower case, sorted
	signature string
	date      time.Time     // UTC
	token     string        // of a session; "" for none
	presigned bool          // it is in the query string
	expires   time.Duration // after date, of a presigned URL that says so; else 0
}

// scope is the Credential: what the signing key was derived from.
type scope struct {
	key, date, region, service, terminator string
}

// readSignature finds the signature of a request. That in the Authorization
// header goes first, as with AWS.
func readSignature(r *http.Request) (*signature, *Error) {
	_, raw := target(r)
	query, ok := parseQuery(raw)
	if !ok {
		return nil, malformedQuery()
	}
	switch values := r.Header.Values("Authorization"); {
	case len(values) > 1:
		return nil, incomplete("The request has more than one Authorization header.")
	case len(values) == 1 && strings.TrimSpace(values[0]) != "":
		return fromHeader(r, values[0])
	case query.has("X-Amz-Algorithm") || query.has("X-Amz-Credential") || query.has("X-Amz-Signature"):
		return fromQuery(query)
	}
	return nil, missing()
}

func fromHeader(r *http.Request, header string) (*signature, *Error) {
	kind, rest, _ := strings.Cut(strings.TrimSpace(header), " ")
	if kind != algorithm {
		if strings.HasPrefix(kind, "AWS") {
			return nil, incomplete("Unsupported AWS 'algorithm': '%s'.", shown(kind))
		}
		rest = "" // of no use: Basic, Bearer
	}
	parts, fault := parameters(rest)
	if fault != nil {
		return nil, fault
	}
	date, dated := dateHeader(r)
	var lacks []string
	for _, name := range []string{"Credential", "Signature", "SignedHeaders"} {
		if parts[name] == "" {
			lacks = append(lacks, "Authorization header requires '"+name+"' parameter. ")
		}
	}
	if !dated {
		lacks = append(lacks, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ")
	}
	if lacks != nil {
		return nil, incomplete("%sAuthorization=%s", strings.Join(lacks, ""), shown(kind))
	}
	s := &signature{signature: parts["Signature"], headers: headerNames(parts["SignedHeaders"]), token: r.Header.Get("X-Amz-Security-Token")}
	return s, s.complete(parts["Credential"], date)
}

// parameters reads those of an Authorization header.
func parameters(text string) (map[string]string, *Error) {
	parts := make(map[string]string)
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		name, value, ok := strings.Cut(part, "=")
		if !ok {
			return nil, incomplete("'%s' not a valid key=value pair (missing equal-sign) in Authorization header.", shown(part))
		}
		if _, twice := parts[name]; twice {
			return nil, incomplete("Authorization header has '%s' parameter twice.", shown(name))
		}
		parts[name] = value
	}
	return parts, nil
}

// dateHeader returns the date that the request gives in a header, in basic
// format if it is an HTTP date.
func dateHeader(r *http.Request) (string, bool) {
	if date := r.Header.Get("X-Amz-Date"); date != "" {
		return date, true
	}
	date := r.Header.Get("Date")
	for _, layout := range []string{http.TimeFormat, time.RFC1123Z} {
		if t, err := time.Parse(layout, date); err == nil {
			date = t.UTC().Format(basicTime)
		}
	}
	return date, date != ""
}

func fromQuery(query query) (*signature, *Error) {
	var lacks []string
	for _, name := range []string{"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date"} {
		if query.get(name) == "" {
			lacks = append(lacks, "AWS query-string parameters must include '"+name+"'. ")
		}
	}
	if lacks != nil {
		return nil, incomplete("%sRe-examine the query-string parameters.", strings.Join(lacks, ""))
	}
	if kind := query.get("X-Amz-Algorithm"); kind != algorithm {
		return nil, incomplete("Unsupported AWS 'algorithm': '%s'.", shown(kind))
	}
	s := &signature{
		signature: query.get("X-Amz-Signature"), headers: headerNames(query.get("X-Amz-SignedHeaders")),
		token: query.get("X-Amz-Security-Token"), presigned: true,
	}
	if query.has("X-Amz-Expires") {
		seconds, err := strconv.ParseUint(query.get("X-Amz-Expires"), 10, 32)
		s.expires = time.Duration(seconds) * time.Second
		if err != nil || seconds == 0 || s.expires > maxExpires {
			return nil, incomplete("X-Amz-Expires must be a number of seconds between 1 and %d.", maxExpires/time.Second)
		}
	}
	return s, s.complete(query.get("X-Amz-Credential"), query.get("X-Amz-Date"))
}

// complete reads what both forms have alike.
func (s *signature) complete(credential, date string) *Error {
	t, err := time.Parse(basicTime, date)
	if err != nil || len(date) != len(basicTime) {
		return incomplete("Date must be in ISO-8601 'basic format'. Got '%s'. See http://en.wikipedia.org/wiki/ISO_8601", shown(date))
	}
	s.date = t
	parts := strings.Split(credential, "/")
	if len(parts) != 5 {
		return incomplete("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '%s'", shown(credential))
	}
	s.scope = scope{parts[0], parts[1], parts[2], parts[3], parts[4]}
	return nil
}

func headerNames(list string) []string {
	names := strings.Split(strings.ToLower(list), ";")
	slices.Sort(names)
	return names
}

// query has the parameters of a query string, in their order.
type query []parameter

type parameter struct{ name, value string }

// parseQuery reads a query string as a form is read, a plus being a space, and
// tells whether its escapes are right.
func parseQuery(raw string) (query, bool) {
	var q query
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return nil, false
		}
		value, err = url.QueryUnescape(value)
		if err != nil {
			return nil, false
		}
		q = append(q, parameter{name, value})
	}
	return q, true
}

func (q query) has(name string) bool {
	return slices.ContainsFunc(q, func(p parameter) bool { return p.name == name })
}

// get returns the first value of a parameter, "" if it has none.
func (q query) get(name string) string {
	for _, p := range q {
		if p.name == name {
			return p.value
		}
	}
	return ""
}
