package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// mux leads each request to its endpoint, and says what there is to one that
// has none.
func (s *Server) mux(b Backend) *http.ServeMux {
	mux := http.NewServeMux()
	var known []string
	for _, e := range s.endpoints(b) {
		known = append(known, e.method+" "+e.path)
		mux.Handle(e.method+" "+e.path, e.handler)
		mux.Handle(e.path, s.reply(func(w http.ResponseWriter, r *http.Request) (any, error) {
			w.Header().Set("Allow", e.method)
			return nil, &Error{http.StatusMethodNotAllowed, fmt.Sprintf("%s %s: want the method %s", r.Method, r.URL.Path, e.method)}
		}))
	}
	mux.Handle("/", s.reply(func(_ http.ResponseWriter, r *http.Request) (any, error) {
		return nil, &Error{http.StatusNotFound, fmt.Sprintf("%s %s: this gateway has: %s", r.Method, r.URL.Path, strings.Join(known, ", "))}
	}))
	return mux
}

// reply makes a handler of a function that returns what is to be sent as JSON.
func (s *Server) reply(f func(http.ResponseWriter, *http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connection := http.NewResponseController(w)
		// Neither fails on a connection of net/http's own server.
		_ = connection.SetReadDeadline(time.Now().Add(s.limits.body))
		value, err := f(w, r)
		_ = connection.SetWriteDeadline(time.Now().Add(s.limits.reply))
		status := http.StatusOK
		if err != nil {
			status, value = s.failed(r, err)
		}
		data, err := json.Marshal(value)
		if err != nil {
			status = http.StatusInternalServerError
			data = fmt.Appendf(nil, `{"error":%q}`, err.Error())
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write(append(data, '\n')) // the client may have left
	})
}

// failed says what is answered to a request that came to nothing, and logs it
// if it is the gateway's fault.
func (s *Server) failed(r *http.Request, err error) (status int, body any) {
	var refusal *Error
	if errors.As(err, &refusal) {
		return refusal.Status, failure{refusal.Message}
	}
	s.log.Error("control request failed", "request", r.Method+" "+r.URL.Path, "error", err)
	return http.StatusInternalServerError, failure{err.Error()}
}

// decode reads a request's body, one JSON object, into value. A field that
// value does not have is refused: it may be a condition that a newer client
// relies on.
func (s *Server) decode(w http.ResponseWriter, r *http.Request, value any) error {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.limits.bodyBytes))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return &Error{http.StatusRequestEntityTooLarge, fmt.Sprintf("the body has more than %d bytes", tooLarge.Limit)}
	}
	if err != nil {
		return Refuse("the body cannot be read: %v", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(value); err != nil {
		return Refuse("the body is no such JSON object as it should be: %v", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Refuse("the body goes on after the JSON object")
	}
	return nil
}

// query checks that a request has no parameters in its address but these.
func query(r *http.Request, known ...string) (url.Values, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, Refuse("%s %s: %v", r.Method, r.URL.Path, err)
	}
	for name := range values {
		if !slices.Contains(known, name) {
			return nil, Refuse("%s %s: no parameter %q, want: %s", r.Method, r.URL.Path, name, strings.Join(known, ", "))
		}
	}
	return values, nil
}
