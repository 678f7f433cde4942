package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"
)

// The kinds of replies without end: values, a line of JSON each, and the bytes
// of a capture.
const (
	ndjson = "application/x-ndjson"
	pcapng = "application/x-pcapng"
)

// errorTrailer is the HTTP trailer of a reply without end that has come to one
// because of an error. Its value is a streamFailure.
const errorTrailer = "Sgate-Error"

// streamFailure is an Error that came up after the reply had begun.
type streamFailure struct {
	Status int `json:"status"`
	failure
}

// goodbye is what a gateway answers that is coming to its end.
func goodbye() *Error { return &Error{http.StatusServiceUnavailable, "the gateway is ending"} }

// IsEnding reports whether an error is a gateway's last word: it ends, and with
// it the stream that was read or the request that came too late.
func IsEnding(err error) bool {
	var e *Error
	return errors.As(err, &e) && *e == *goodbye()
}

// stream makes a handler of a function that writes until there is no more or
// the request's context is done: its client has left, or the server is closing.
// Each write goes out at once. One that the client does not take within
// limits.stall fails, and so ends the function. An error before the first write
// is answered as by reply, a later one in the trailer.
func (s *Server) stream(kind string, f func(*http.Request, io.Writer) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.drain(w, r); err != nil {
			s.refuse(w, r, err)
			return
		}
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(s.streams, cancel)()
		out := &outflow{w: w, connection: http.NewResponseController(w), kind: kind, stall: s.limits.stall}
		err := f(r.WithContext(ctx), out)
		if s.streams.Err() != nil {
			err = goodbye()
		}
		switch {
		case r.Context().Err() != nil: // nobody reads: net/http ends it also if a write fails
		case !out.begun && err != nil:
			s.refuse(w, r, err)
		case err != nil:
			out.fail(s.failed(r, err))
		default:
			_, _ = out.Write(nil) // a reply, if an empty one
		}
	})
}

// refuse answers a request by an error.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	s.reply(func(http.ResponseWriter, *http.Request) (any, error) { return nil, err }).ServeHTTP(w, r)
}

// drain reads what a request has for a body, and takes away the time limit of
// that: net/http would take its passing for the client's leaving.
func (s *Server) drain(w http.ResponseWriter, r *http.Request) error {
	connection := http.NewResponseController(w)
	// Neither fails on a connection of net/http's own server.
	_ = connection.SetReadDeadline(time.Now().Add(s.limits.body))
	if _, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, s.limits.bodyBytes)); err != nil {
		return Refuse("the body cannot be read: %v", err)
	}
	_ = connection.SetReadDeadline(time.Time{})
	return nil
}

// outflow is a reply without end.
type outflow struct {
	w          http.ResponseWriter
	connection *http.ResponseController
	kind       string
	stall      time.Duration
	begun      bool // the reply's head is out
}

// Write sends bytes. To write none sends the head of the reply, which tells the
// client that its request was accepted.
func (o *outflow) Write(p []byte) (n int, err error) {
	_ = o.connection.SetWriteDeadline(time.Now().Add(o.stall))
	if !o.begun {
		o.begun = true
		o.w.Header().Set("Content-Type", o.kind)
		o.w.Header().Set("Trailer", errorTrailer)
		o.w.WriteHeader(http.StatusOK)
	}
	if len(p) > 0 {
		n, err = o.w.Write(p)
	}
	if err == nil {
		err = o.connection.Flush()
	}
	return n, err
}

// fail ends a reply that has begun by an error.
func (o *outflow) fail(status int, body any) {
	f := streamFailure{Status: status}
	f.failure, _ = body.(failure)
	if line, err := json.Marshal(f); err == nil {
		o.w.Header().Set(errorTrailer, string(line))
	}
	_ = o.connection.SetWriteDeadline(time.Now().Add(o.stall))
}

// lines returns a function that sends values as lines of JSON, all of a call by
// one write. Called without any, it sends the head of the reply.
func lines[T any](w io.Writer) func(...T) error {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	return func(values ...T) error {
		buffer.Reset()
		for _, v := range values {
			if err := encoder.Encode(v); err != nil {
				return err
			}
		}
		_, err := w.Write(buffer.Bytes())
		return err
	}
}
