package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"path"
	"slices"
	"strings"
)

// canonicalRequest writes a request in the one form that both sides sign. The
// hash of the body is of what was read: what X-Amz-Content-Sha256 says of it
// counts for nothing but a header (S3 alone takes UNSIGNED-PAYLOAD).
func canonicalRequest(s *signature, r *http.Request, body []byte) string {
	hash := sha256.Sum256(body)
	location, raw := target(r)
	parameters, _ := parseQuery(raw) // readSignature has seen that it is right
	return strings.Join([]string{
		r.Method,
		canonicalPath(location),
		canonicalQuery(parameters, s.presigned),
		canonicalHeaders(r, s.headers),
		strings.Join(s.headers, ";"),
		hex.EncodeToString(hash[:]),
	}, "\n")
}

// target returns the path and the query string as they came over the wire: what
// package url makes of them has lost how they were escaped.
func target(r *http.Request) (location, query string) {
	if !strings.HasPrefix(r.RequestURI, "/") { // an absolute URL, or a request that no server has read
		return r.URL.EscapedPath(), r.URL.RawQuery
	}
	location, query, _ = strings.Cut(r.RequestURI, "?")
	return location, query
}

// canonicalPath is the path without dot segments and empty ones, as AWS's clients
// write it, escaped once more than it came: all services but S3.
func canonicalPath(location string) string {
	clean := path.Clean("/" + location)
	if clean != "/" && strings.HasSuffix(location, "/") {
		clean += "/"
	}
	return escape(clean, true)
}

// canonicalQuery sorts by escaped name, then by value. A presigned URL has its
// signature beside what is signed.
func canonicalQuery(parameters query, presigned bool) string {
	var sorted query
	for _, p := range parameters {
		if !presigned || p.name != "X-Amz-Signature" {
			sorted = append(sorted, parameter{escape(p.name, false), escape(p.value, false)})
		}
	}
	slices.SortFunc(sorted, func(a, b parameter) int {
		if c := strings.Compare(a.name, b.name); c != 0 {
			return c
		}
		return strings.Compare(a.value, b.value)
	})
	pairs := make([]string, len(sorted))
	for i, p := range sorted {
		pairs[i] = p.name + "=" + p.value
	}
	return strings.Join(pairs, "&")
}

// canonicalHeaders has a line for each name, and an empty one at the end.
func canonicalHeaders(r *http.Request, names []string) string {
	var b strings.Builder
	for _, name := range names {
		b.WriteString(name)
		b.WriteByte(':')
		for i, value := range headerValues(r, name) {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(trim(value))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// headerValues also finds the headers that net/http keeps elsewhere.
func headerValues(r *http.Request, name string) []string {
	switch values := r.Header.Values(name); {
	case name == "host":
		return []string{r.Host}
	case name == "transfer-encoding":
		return r.TransferEncoding
	default:
		return values
	}
}

// trim makes one space of several, between quotation marks, too. net/http has
// taken away white space at both ends.
func trim(value string) string {
	for strings.Contains(value, "  ") {
		value = strings.ReplaceAll(value, "  ", " ")
	}
	return value
}

// escape is AWS's UriEncode: all but RFC 3986's unreserved characters, and the
// slashes of a path.
func escape(s string, isPath bool) string {
	const hexDigits = "0123456789ABCDEF"
	var b strings.Builder
	for _, c := range []byte(s) {
		switch {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', strings.IndexByte("-._~", c) >= 0, isPath && c == '/':
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		}
	}
	return b.String()
}
