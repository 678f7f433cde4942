package ec2

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/sgate/sgate/ec2/guard"
	"github.com/sgate/sgate/ec2/query"
	"github.com/sgate/sgate/ec2/sigv4"
	"github.com/sgate/sgate/internal/background"
)

// The services that are answered, as signatures name them.
const (
	serviceEC2 = "ec2"
	serviceSTS = "sts"
)

// maxAtOnce is how many requests are worked on at once. One that only looks has a
// thread of its own, and 10,000 threads are the end of a Go program.
const maxAtOnce = 256

// maxRoom is the longest document whose memory is used again. Without that, who
// reads pages of megabytes keeps the garbage collector busy, and it the packets.
const maxRoom = 16 << 20 // bytes

// ServeHTTP answers a request.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start, id := e.options.Clock(), e.requestID()
	room := e.rooms.Get().(*[]byte)
	by := &caller{ctx: r.Context(), room: *room}
	form, fault := e.read(w, r, by)
	service := serviceOf(form)
	status, document := 0, []byte(nil)
	if fault != nil {
		status, document = fault.HTTPStatus(), errorDocument(service, fault, id)
	} else {
		status, document = e.inTurn(service, by, form, id)
	}
	w.Header().Set("Content-Type", "text/xml;charset=UTF-8")
	w.Header().Set("X-Amzn-Requestid", id)
	w.WriteHeader(status)
	_, _ = w.Write(document) // the caller has gone if it fails
	if n := cap(document); n > cap(*room) && n <= maxRoom {
		*room = document
	}
	e.rooms.Put(room)
	log := e.options.Log.With("action", form.Get("Action"), "status", status, "user", by.user, "request_id", id,
		"took", e.options.Clock().Sub(start).Round(time.Microsecond))
	if status == http.StatusOK && e.changes(form) {
		log.Info("an EC2 request was carried out")
	} else {
		log.Debug("an EC2 request was answered")
	}
}

// changes reports whether a form names an action that changes something.
func (e *Endpoint) changes(form url.Values) bool {
	a, is := e.actions[form.Get("Action")]
	return is && !a.reads
}

// inTurn performs a request once it is among those that are worked on. One that
// only looks is the background's: a full Describe of a fleet is megabytes, and
// packets go first. A change is not, because the next one waits for it; what is
// long of it, the compilation, goes behind the packets by itself.
func (e *Endpoint) inTurn(service string, by *caller, form url.Values, id string) (status int, document []byte) {
	e.slots <- struct{}{}
	defer func() { <-e.slots }()
	if e.changes(form) {
		return e.respond(service, by, form, id)
	}
	_ = background.Do(func() error {
		status, document = e.respond(service, by, form, id)
		return nil
	})
	return status, document
}

// respond performs a request. A fault of an action's is one request's end, and
// not that of the gateway: net/http cannot catch it on another goroutine.
func (e *Endpoint) respond(service string, by *caller, form url.Values, id string) (status int, document []byte) {
	defer func() {
		if p := recover(); p != nil {
			e.options.Log.Error("an EC2 request failed", "action", form.Get("Action"), "request_id", id, "panic", p, "stack", string(debug.Stack()))
			fault := &query.Error{Code: "InternalError", Message: "An internal error has occurred", Status: http.StatusInternalServerError}
			status, document = fault.Status, errorDocument(service, fault, id)
		}
	}()
	if service == serviceSTS {
		return e.answerSTS(by, form, id)
	}
	return e.answer(by, form, id)
}

// serviceOf returns whose action a form names.
func serviceOf(form url.Values) string {
	if form.Get("Version") == stsVersion {
		return serviceSTS
	}
	return serviceEC2
}

func errorDocument(service string, fault *query.Error, id string) []byte {
	if service == serviceSTS {
		return stsError(fault, id)
	}
	return fault.Document(id)
}

// read returns a request's parameters, of the URL and the body together, once the
// guard has let it in and its signature has been verified.
func (e *Endpoint) read(w http.ResponseWriter, r *http.Request, by *caller) (url.Values, *query.Error) {
	body, err := e.options.Guard.Admit(w, r)
	var refusal *guard.Refusal
	if errors.As(err, &refusal) {
		return nil, &query.Error{Code: refusal.Code, Message: refusal.Message, Status: refusal.Status}
	}
	form, err := url.ParseQuery(r.URL.RawQuery)
	if err == nil && len(body) > 0 {
		var more url.Values
		more, err = url.ParseQuery(string(body))
		for name, values := range more {
			form[name] = append(form[name], values...)
		}
	}
	if err != nil {
		return nil, query.Errorf("MalformedQueryString", "The request's form cannot be read: %v", err)
	}
	if fault := e.verify(r, body, form, by); fault != nil {
		return form, fault
	}
	for name := range form {
		if strings.HasPrefix(name, "X-Amz-") {
			delete(form, name) // of a presigned URL
		}
	}
	return form, nil
}

// verify holds a request against the keys, if there are any.
func (e *Endpoint) verify(r *http.Request, body []byte, form url.Values, by *caller) *query.Error {
	if e.options.Verifier == nil {
		return nil
	}
	identity, err := e.options.Verifier.Verify(r, body)
	if service := serviceOf(form); err == nil && identity.Service != service {
		err = sigv4.WrongService(service)
	}
	var fault *sigv4.Error
	switch {
	case errors.As(err, &fault):
		return &query.Error{Code: fault.Code, Message: fault.Message, Status: fault.Status}
	case err != nil:
		return &query.Error{Code: "InternalError", Message: err.Error(), Status: http.StatusInternalServerError}
	}
	by.user = identity.User
	return nil
}

// requestID returns a new id of a request, a UUID of version 4 (RFC 9562, section
// 5.4).
func (e *Endpoint) requestID() string {
	var u [16]byte
	e.random(u[:])
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}
