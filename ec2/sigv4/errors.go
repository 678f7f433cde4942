package sigv4

import (
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// sts answers otherwise than ec2: see the functions below.
const sts = "sts"

// Error is why a request is refused, as AWS says it.
type Error struct {
	Code    string
	Message string // fit for XML; has nothing secret
	Status  int    // of HTTP
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// WrongService is the refusal of a request that is signed for one service and
// has an action of another: service is the one of the action.
func WrongService(service string) *Error {
	return denied(service, strings.TrimSuffix(wrongService(service), " "))
}

func wrongService(service string) string {
	return "Credential should be scoped to correct service: '" + service + "'. "
}

// missing: a request without a signature.
func missing() *Error {
	return &Error{"MissingAuthenticationToken", "Request is missing Authentication Token", http.StatusForbidden}
}

// incomplete: a signature that is none.
func incomplete(format string, args ...any) *Error {
	return &Error{"IncompleteSignature", fmt.Sprintf(format, args...), http.StatusBadRequest}
}

// malformedQuery: a query string whose escapes are none.
func malformedQuery() *Error {
	return &Error{"MalformedQueryString", "The query string contains a syntax error.", http.StatusNotFound}
}

// denied: a signature that does not hold, for a reason that is told.
func denied(service, why string) *Error {
	if service == sts {
		return &Error{"SignatureDoesNotMatch", why, http.StatusForbidden}
	}
	return &Error{"AuthFailure", why, http.StatusUnauthorized}
}

// mismatch: the key is known, and the signature is another. EC2 does not tell it
// from an unknown key.
func mismatch(service string) *Error {
	if service == sts {
		return denied(service, "The request signature we calculated does not match the signature you provided. "+
			"Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
	}
	return unknownKey(service)
}

// unknownKey: nobody has the access key, or not with this session token.
func unknownKey(service string) *Error {
	if service == sts {
		return &Error{"InvalidClientTokenId", "The security token included in the request is invalid.", http.StatusForbidden}
	}
	return denied(service, "AWS was not able to validate the provided access credentials")
}

// expired: too old, so that a request cannot be replayed for ever.
func expired(service string, date, now time.Time, validFor time.Duration) *Error {
	if service == sts {
		return denied(service, fmt.Sprintf("Signature expired: %s is now earlier than %s (%s - %d min.)", date.Format(basicTime),
			now.Add(-validFor).UTC().Format(basicTime), now.UTC().Format(basicTime), validFor/time.Minute))
	}
	return requestExpired()
}

// tooEarly: dated in the future. EC2 has one code for both.
func tooEarly(service string, date, now time.Time) *Error {
	if service == sts {
		return denied(service, fmt.Sprintf("Signature not yet current: %s is still later than %s (%s + %d min.)", date.Format(basicTime),
			now.Add(Window).UTC().Format(basicTime), now.UTC().Format(basicTime), Window/time.Minute))
	}
	return requestExpired()
}

func requestExpired() *Error {
	return &Error{"RequestExpired", "Request has expired.", http.StatusBadRequest}
}

// shown returns what a client has sent as it can stand in a message: short, and
// without what XML cannot have.
func shown(s string) string {
	const most = 200
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}
