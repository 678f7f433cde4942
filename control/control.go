// Package control lets other processes ask a running gateway and tell it
// things: HTTP with JSON over a Unix socket that only its owner may open.
//
// A gateway makes its socket with [Listen] or [ListenIn] before anything else
// is up, answers on it with [Server.Serve] and ends with [Server.Close]. The
// sgate commands, and anybody else's programs, find it with [Running] and talk
// to it through a [Client]; so can `curl --unix-socket`.
//
// An endpoint is one file: what goes over the wire, what it asks of the
// [Backend], the server's half and the client's half. Server.endpoints lists
// them.
//
// The package imports nothing else of this project: what goes over the wire are
// plain structs of its own, so that a client needs no gateway, and the form of
// the answers changes only when somebody means it to. The version is the first
// part of every path.
package control

import (
	"fmt"
	"net/http"
)

// version begins the path of every endpoint. A change that an older client
// would misread takes a new one.
const version = "/v1"

// Error is what a server answers instead of a reply.
type Error struct {
	Status  int    // of HTTP
	Message string // for people
}

// Error returns the message alone.
func (e *Error) Error() string { return e.Message }

// Refuse returns the error with which a Backend refuses a request that asks for
// something it cannot have, such as an instance that does not exist. Any other
// error of a Backend counts as a failure of the gateway itself.
func Refuse(format string, args ...any) error {
	return &Error{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

// failure is the body of an Error.
type failure struct {
	Error string `json:"error"`
}
