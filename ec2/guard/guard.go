// Package guard turns away what a web page could send to an endpoint on the
// machine of whoever looks at it, and what would cost the endpoint too much. A
// browser lets any page send forms to 127.0.0.1, and a page whose own name leads
// there (DNS rebinding) read the answers, too. AWS's clients send nothing of what
// is refused here.
//
// The package imports internal/local only, for what is on this machine alone.
package guard

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/sgate/sgate/internal/local"
)

// DefaultBodyLimit bounds the body of a request, in bytes. The largest that AWS's
// quotas call for, 1,000 rules with descriptions, takes half of it.
const DefaultBodyLimit = 1 << 20

// Refusal is why a request is not answered, to be shown in an error document.
type Refusal struct {
	Code    string // in AWS's style
	Message string
	Status  int    // of HTTP
	Allow   string // the value of the header of that name; "" for none
}

func (r *Refusal) Error() string { return r.Code + ": " + r.Message }

// Guard says what an endpoint lets in. The zero value is the strictest. It is not
// changed once it is used; Admit may then be called by several goroutines at once.
type Guard struct {
	// Hosts are names by which the endpoint may be asked for, beside IP addresses,
	// localhost and the names below it: without a port, letter case aside. Each
	// must be one that nobody but the owner of the machine can point elsewhere.
	Hosts     []string
	BodyLimit int64 // in bytes; 0 for DefaultBodyLimit
}

// Admit returns the body of a request that may come in, read whole. The error is
// a *Refusal; then a header that HTTP wants has been set, and w is still to be
// written.
func (g *Guard) Admit(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	refusal := g.head(r)
	var body []byte
	if refusal == nil {
		body, refusal = g.read(w, r)
	}
	if refusal == nil {
		refusal = form(r, len(body))
	}
	if refusal == nil {
		return body, nil
	}
	if refusal.Allow != "" {
		w.Header().Set("Allow", refusal.Allow)
	}
	return nil, refusal
}

// head judges what is known before the body is read.
func (g *Guard) head(r *http.Request) *Refusal {
	switch {
	case !g.ours(r.Host):
		return foreignHost(r.Host)
	case r.Method != http.MethodGet && r.Method != http.MethodPost:
		return &Refusal{"MethodNotAllowed", fmt.Sprintf("The method %.200q is not allowed: want POST, or GET.", r.Method), http.StatusMethodNotAllowed, "GET, POST"}
	}
	for _, name := range []string{"Origin", "Referer"} {
		for _, from := range r.Header.Values(name) {
			if !sameHost(from, r.Host) {
				return denied("The request comes from a web page (%s: %.200q), and none may call this endpoint.", name, from)
			}
		}
	}
	for _, site := range r.Header.Values("Sec-Fetch-Site") {
		if site != "same-origin" && site != "none" { // none: an address that the user has typed
			return denied("The request comes from a web page (Sec-Fetch-Site: %.200q), and none may call this endpoint.", site)
		}
	}
	return nil
}

func (g *Guard) ours(host string) bool {
	name := local.Hostname(host)
	return local.Name(host) || name != "" && slices.ContainsFunc(g.Hosts, func(h string) bool { return local.Hostname(h) == name })
}

// sameHost tells whether a URL is of the host and port that were asked. Origin is
// "null" of pages whose origin is hidden.
func sameHost(from, host string) bool {
	u, err := url.Parse(from)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, host)
}

// read reads the body, and no more of it than is allowed, whether its length is
// told or not.
func (g *Guard) read(w http.ResponseWriter, r *http.Request) ([]byte, *Refusal) {
	limit := g.BodyLimit
	if limit == 0 {
		limit = DefaultBodyLimit
	}
	if r.ContentLength > limit {
		w.Header().Set("Connection", "close") // rather than read it all
		return nil, tooLarge(limit)
	}
	var body bytes.Buffer
	_, err := io.Copy(&body, http.MaxBytesReader(w, r.Body, limit))
	if err == nil {
		return body.Bytes(), nil
	}
	if _, is := errors.AsType[*http.MaxBytesError](err); is {
		return nil, tooLarge(limit)
	}
	if timeout, is := errors.AsType[net.Error](err); is && timeout.Timeout() {
		return nil, &Refusal{"RequestTimeoutException", "The body of the request did not come in time.", http.StatusRequestTimeout, ""}
	}
	return nil, &Refusal{"RequestAbortedException", "The body of the request broke off or is malformed.", http.StatusBadRequest, ""}
}

// form holds a body to the one type that the EC2 Query API has.
func form(r *http.Request, length int) *Refusal {
	if length == 0 {
		return nil
	}
	const want = "application/x-www-form-urlencoded"
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return unsupported("The Content-Encoding %.200q is not supported: want none.", coding)
	}
	kind := r.Header.Get("Content-Type")
	if media, _, err := mime.ParseMediaType(kind); r.Method == http.MethodPost && (err != nil || media != want) {
		return unsupported("The Content-Type %.200q is not supported: want "+want+".", kind)
	}
	return nil
}
