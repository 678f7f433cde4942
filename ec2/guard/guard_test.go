package guard

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// endpoint answers on loopback with the bodies that a guard admits, as it would
// with a document. Its server can be changed first.
func endpoint(t *testing.T, g *Guard, change ...func(*http.Server)) net.Addr {
	t.Helper()
	s := Server(answering(g), slog.New(slog.DiscardHandler))
	for _, f := range change {
		f(s)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		_ = s.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return l.Addr()
}

func answering(g *Guard) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := g.Admit(w, r)
		if err != nil {
			refusal, _ := errors.AsType[*Refusal](err)
			http.Error(w, refusal.Error(), refusal.Status)
			return
		}
		fmt.Fprintf(w, "admitted %d %.40s", len(body), body)
	})
}

// call is a request as AWS's clients send it, but for what is said of it.
type call struct {
	method, host, body string
	header             string // lines
	unsized            bool   // the body's length is not told
}

const formType = "Content-Type: application/x-www-form-urlencoded; charset=utf-8"

// ask sends a call to the endpoint.
func (c call) ask(t *testing.T, at net.Addr) (status int, header http.Header, answer string) {
	t.Helper()
	if c.method == "" {
		c.method = "POST"
	}
	var body io.Reader = strings.NewReader(c.body)
	if c.unsized {
		body = io.MultiReader(body)
	}
	r, err := http.NewRequestWithContext(context.Background(), c.method, "http://"+at.String()+"/", body)
	if err != nil {
		t.Fatal(err)
	}
	if c.host != "" {
		r.Host = c.host
	}
	for line := range strings.Lines(c.header) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		r.Header.Add(name, value)
	}
	response, err := send(t, at, r)
	if err != nil {
		t.Fatalf("%s, %d bytes: %v", c.method, len(c.body), err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, strings.TrimSpace(string(data))
}

// send sends a request while it reads the answer: a server that refuses a large
// body does not read it all, and http.Transport may then tell of the broken pipe
// rather than of the answer.
func send(t *testing.T, at net.Addr, r *http.Request) (*http.Response, error) {
	t.Helper()
	var text strings.Builder
	r.Close = true
	if err := r.Write(&text); err != nil {
		t.Fatal(err)
	}
	return http.ReadResponse(bufio.NewReader(strings.NewReader(talk(t, at, text.String()))), r)
}

const action = "Action=DescribeVpcs&Version=2016-11-15"

// TestAdmit has what AWS's clients send, and what a web page could: the attacks
// work where the guard is not asked, as "admitted" of the others shows.
func TestAdmit(t *testing.T) {
	at := endpoint(t, &Guard{Hosts: []string{"gateway.example", "Lab.Example"}, BodyLimit: 100})
	const page, host = "AccessDeniedException: The request comes from a web page (", "AccessDeniedException: The Host "
	form := func(c call) call { c.body, c.header = action, formType+"\n"+c.header; return c }
	for _, tt := range []struct {
		name string
		call
		status int
		want   string
	}{
		{"as the CLI", form(call{}), 200, "admitted 38 Action=DescribeVpcs"},
		{"of unknown length", form(call{unsized: true}), 200, "admitted 38"},
		{"get", call{method: "GET"}, 200, "admitted 0"},
		{"no body, no type", call{}, 200, "admitted 0"},
		{"upper-case type", call{body: action, header: "Content-Type: Application/X-WWW-Form-URLEncoded"}, 200, "admitted 38"},

		{"localhost", form(call{host: "localhost:4599"}), 200, "admitted 38"},
		{"below localhost", form(call{host: "ec2.localhost"}), 200, "admitted 38"},
		{"another address", form(call{host: "192.0.2.1:80"}), 200, "admitted 38"},
		{"IPv6", form(call{host: "[::1]:4599"}), 200, "admitted 38"},
		{"a permitted name", form(call{host: "gateway.example:4599"}), 200, "admitted 38"},
		{"another", form(call{host: "lab.example."}), 200, "admitted 38"},
		{"rebinding", form(call{host: "evil.example:4599"}), 403, host + "\"evil.example:4599\" is not this endpoint: ask for localhost or its IP address, or permit the name with --ec2-host NAME."},
		{"rebinding, get", call{method: "GET", host: "evil.example"}, 403, host + "\"evil.example\" is not"},
		{"below a permitted name", form(call{host: "evil.gateway.example"}), 403, host},
		{"a permitted name's end", form(call{host: "evilgateway.example"}), 403, host},
		{"a name with an address", form(call{host: "127.0.0.1.evil.example"}), 403, host},
		{"a port only", form(call{host: ":4599"}), 403, host},

		{"a page's form", form(call{header: "Origin: http://evil.example"}), 403, page + "Origin: \"http://evil.example\"), and none may call this endpoint."},
		{"a page with a hidden origin", form(call{header: "Origin: null"}), 403, page + "Origin: \"null\""},
		{"a page of another port", form(call{host: "localhost:4599", header: "Origin: http://localhost:8000"}), 403, page},
		{"a page of no port", form(call{host: "localhost:4599", header: "Origin: http://localhost"}), 403, page},
		{"a second origin", form(call{host: "localhost", header: "Origin: http://localhost\nOrigin: http://evil.example"}), 403, page},
		{"an empty origin", form(call{header: "Origin: "}), 403, page},
		{"its own origin", form(call{host: "localhost:4599", header: "Origin: http://LOCALHOST:4599"}), 200, "admitted 38"},
		{"a page's image, in an old browser", call{method: "GET", header: "Referer: http://evil.example/page"}, 403, page + "Referer: "},
		{"a page's image", call{method: "GET", header: "Sec-Fetch-Site: cross-site\nSec-Fetch-Mode: no-cors"}, 403, page + "Sec-Fetch-Site: \"cross-site\")"},
		{"a page of another port's image", call{method: "GET", header: "Sec-Fetch-Site: same-site"}, 403, page},
		{"what is yet to come", call{method: "GET", header: "Sec-Fetch-Site: other"}, 403, page},
		{"typed by the user", call{method: "GET", header: "Sec-Fetch-Site: none"}, 200, "admitted 0"},

		{"preflight", call{method: "OPTIONS", header: "Access-Control-Request-Method: POST"}, 405, "MethodNotAllowed: The method \"OPTIONS\" is not allowed: want POST, or GET."},
		{"put", form(call{method: "PUT"}), 405, "MethodNotAllowed"},
		{"delete", call{method: "DELETE"}, 405, "MethodNotAllowed"},
		{"head", call{method: "HEAD"}, 405, ""},

		{"text, which a page may send", call{body: action, header: "Content-Type: text/plain"}, 415, `UnsupportedMediaType: The Content-Type "text/plain" is not supported: want application/x-www-form-urlencoded.`},
		{"several parts", call{body: action, header: "Content-Type: multipart/form-data; boundary=x"}, 415, "UnsupportedMediaType"},
		{"no type", call{body: action}, 415, `UnsupportedMediaType: The Content-Type "" is not`},
		{"a type that is none", call{body: action, header: "Content-Type: application/x-www-form-urlencoded; charset"}, 415, "UnsupportedMediaType"},
		{"compressed", form(call{header: "Content-Encoding: gzip"}), 415, "UnsupportedMediaType: The Content-Encoding \"gzip\" is not supported: want none."},
		{"not compressed", form(call{header: "Content-Encoding: identity"}), 200, "admitted 38"},

		{"as large as can be", call{body: strings.Repeat("x", 100), header: formType}, 200, "admitted 100"},
		{"too large", call{body: strings.Repeat("x", 101), header: formType}, 413, "RequestEntityTooLargeException: The body of the request has more than 100 bytes."},
		{"of unknown length, as large as can be", call{body: strings.Repeat("x", 100), header: formType, unsized: true}, 200, "admitted 100"},
		{"of unknown length, too large", call{body: strings.Repeat("x", 101), header: formType, unsized: true}, 413, "RequestEntityTooLargeException"},
		{"much too large", call{body: strings.Repeat("x", 4<<20), header: formType, unsized: true}, 413, "RequestEntityTooLargeException"},
		{"a large get", call{method: "GET", body: strings.Repeat("x", 101)}, 413, "RequestEntityTooLargeException"},
	} {
		status, header, answer := tt.ask(t, at)
		if status != tt.status || !strings.HasPrefix(answer, tt.want) {
			t.Errorf("%s: %d %s\nwant %d %s", tt.name, status, answer, tt.status, tt.want)
		}
		if want := map[bool]string{true: "GET, POST"}[status == 405]; header.Get("Allow") != want {
			t.Errorf("%s: Allow: %s, want %q", tt.name, header.Get("Allow"), want)
		}
	}
}

// TestDefaultLimit holds that a guard which says nothing has a limit.
func TestDefaultLimit(t *testing.T) {
	at := endpoint(t, &Guard{})
	for size, want := range map[int]int{1 << 20: 200, 1<<20 + 1: 413} {
		for _, unsized := range []bool{false, true} {
			c := call{body: strings.Repeat("x", size), header: formType, unsized: unsized}
			if status, _, answer := c.ask(t, at); status != want {
				t.Errorf("%d bytes, length not told: %v: %d %s", size, unsized, status, answer)
			}
		}
	}
}

// talk writes to the endpoint and returns all that it answers until it hangs up.
func talk(t *testing.T, at net.Addr, text string) string {
	t.Helper()
	conn, err := net.Dial("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.WriteString(conn, text) }() // the server may stop reading
	answer, err := io.ReadAll(conn)
	if err != nil && !strings.Contains(err.Error(), "reset") {
		t.Fatal(err)
	}
	return string(answer)
}

// TestOnTheWire has what no client of Go sends.
func TestOnTheWire(t *testing.T) {
	at := endpoint(t, &Guard{})
	const head = "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + formType + "\r\n"
	for name, tt := range map[string]struct{ text, want string }{
		"no Host, as HTTP/1.0":         {"GET / HTTP/1.0\r\n\r\n", "403 Forbidden"},
		"of all":                       {"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "405 Method Not Allowed"},
		"another Host in the URL":      {"GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "403 Forbidden"},
		"it says that it is too large": {head + "Content-Length: 99999999\r\n\r\n", "413 Request Entity Too Large"},
		"it asks first":                {head + "Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n", "413 Request Entity Too Large"},
		"a chunk that is none":         {head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", "400 Bad Request"},
		"it has a large head":          {head + "X: " + strings.Repeat("x", 1<<20) + "\r\n\r\n", "431 Request Header Fields Too Large"},
	} {
		if got := talk(t, at, tt.text); !strings.HasPrefix(got, "HTTP/1.1 "+tt.want) && !strings.HasPrefix(got, "HTTP/1.0 "+tt.want) {
			t.Errorf("%s: %.200s\nwant %s", name, got, tt.want)
		}
	}
}

// TestSlowClients holds that one which does not send on is given up.
func TestSlowClients(t *testing.T) {
	at := endpoint(t, &Guard{}, func(s *http.Server) {
		s.ReadHeaderTimeout, s.ReadTimeout, s.IdleTimeout = 20*time.Millisecond, 20*time.Millisecond, 20*time.Millisecond
	})
	for begin, want := range map[string]string{
		"":                                    "",
		"POST / HTTP/1.1\r\nHo":               "",
		"GET / HTTP/1.1\r\nHost: ::1\r\n\r\n": "HTTP/1.1 200 OK",
		"POST / HTTP/1.1\r\nHost: ::1\r\nContent-Length: 9\r\n\r\nAct": "HTTP/1.1 408 Request Timeout",
	} {
		if got := talk(t, at, begin); !strings.HasPrefix(got, want) {
			t.Errorf("%q: %q, want %s", begin, got, want)
		}
	}
}

// TestServer holds that nothing may take a server for ever.
func TestServer(t *testing.T) {
	s := Server(http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	for name, limit := range map[string]time.Duration{
		"header": s.ReadHeaderTimeout, "request": s.ReadTimeout, "answer": s.WriteTimeout, "idle": s.IdleTimeout,
	} {
		if limit <= 0 || limit > 5*time.Minute {
			t.Errorf("%s: %v", name, limit)
		}
	}
	if s.MaxHeaderBytes < 32<<10 || s.MaxHeaderBytes > 1<<20 {
		t.Errorf("a head may have %d bytes", s.MaxHeaderBytes)
	}
}

// TestMessages holds that what a client sends cannot break the document that it
// is shown in.
func TestMessages(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	r.Host = "evil\x1b\xff" + strings.Repeat("é", 200)
	_, err := (&Guard{}).Admit(httptest.NewRecorder(), r)
	if err == nil || !strings.HasPrefix(err.Error(), `AccessDeniedException: The Host "evil\x1b\xffé`) || len(err.Error()) > 600 {
		t.Error(err)
	}
}

func TestCheckListen(t *testing.T) {
	const here, form = "want a loopback address, such as 127.0.0.1:4599, or access keys: --ec2-credentials FILE", "want an IP address and a port, such as 127.0.0.1:4599"
	for _, tt := range []struct {
		address         string
		without, withIt string
	}{
		{"127.0.0.1:4599", "", ""}, {"127.9.9.9:0", "", ""}, {"[::1]:4599", "", ""}, {"localhost:4599", "", ""},
		{"0.0.0.0:4599", here, ""}, {":4599", here, ""}, {"[::]:4599", here, ""}, {"192.0.2.1:4599", here, ""}, {"[2001:db8::1]:4599", here, ""},
		{"4599", form, form}, {"", form, form}, {"gateway.example:4599", form, form}, {"127.0.0.1:x", `port "x": want 0 to 65535`, `port "x": want 0 to 65535`},
	} {
		for have, want := range map[bool]string{false: tt.without, true: tt.withIt} {
			err := CheckListen(tt.address, have)
			if (err == nil) != (want == "") || err != nil && !(strings.HasPrefix(err.Error(), fmt.Sprintf("--ec2-listen %q: ", tt.address)) && strings.Contains(err.Error(), want)) {
				t.Errorf("%q, credentials: %v: %v, want %q", tt.address, have, err, want)
			}
		}
	}
}
