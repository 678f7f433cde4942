// Package sigv4 verifies AWS Signature Version 4 of HTTP requests, in the
// Authorization header and in the query string of a presigned URL, as the
// services ec2 and sts take it ("Signature Version 4 for API requests", AWS
// Identity and Access Management User Guide). It signs nothing.
//
// A refused request gets the code, the message and the HTTP status of AWS. Where
// the EC2 API Reference ("Common client error codes") has a code for what is
// wrong, ec2 gives that. AWS itself has been seen to be less exact than its
// reference: EC2 answers MissingParameter, "The request must contain the
// parameter AWSAccessKeyId", where a signature is missing, and AuthFailure to a
// Credential that is no scope and to a clock that is wrong.
//
// A request is accepted within 15 minutes of its date (EC2 API Reference:
// RequestExpired), and a presigned URL until it expires. Within that time an equal
// request is accepted again, as by AWS: the date has no fractions of a second, so
// that two honest equal calls within one second are the same bytes, and to refuse
// the second would break clients that poll. After it, a request that is replayed
// is expired. What must not happen twice has a client token.
//
// The package imports nothing of this project.
package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"
	basicTime  = "20060102T150405Z" // ISO 8601, basic format
	basicDate  = "20060102"
)

// Window is how far the date of a request may be from the time at which it
// arrives, in the past and in the future (EC2 API Reference: RequestExpired).
const Window = 15 * time.Minute

// Verifier verifies requests. Its fields are not changed once it is used;
// Verify may then be called by several goroutines at once.
type Verifier struct {
	Keys Keys // who may call
	// Services are those that a request may be signed for, such as ec2 and sts,
	// one at least. Where it is signed for none of them, it is refused as the
	// first of them would.
	Services []string
	// Region is the one that a request must be signed for, "" for any. sts may be
	// called by its global endpoint, of us-east-1, in any case.
	Region string
	Now    func() time.Time
}

// Identity is who has signed a request, and for what.
type Identity struct {
	AccessKeyID string
	User        string // the name of the key's profile
	// Service is the one that the request is signed for. The caller holds its
	// action to it: see WrongService.
	Service string
	Region  string
}

// Verify tells who has signed a request that a server has received. The body is
// what was read of it, all. The error is an *Error.
func (v *Verifier) Verify(r *http.Request, body []byte) (Identity, error) {
	s, fault := readSignature(r)
	if fault == nil {
		fault = v.check(s, r, body)
	}
	if fault != nil {
		return Identity{}, fault
	}
	return Identity{s.scope.key, v.Keys.byID[s.scope.key].User, s.scope.service, s.scope.region}, nil
}

// check returns what is wrong with the signature, nil if nothing is.
func (v *Verifier) check(s *signature, r *http.Request, body []byte) *Error {
	service := s.scope.service
	if !slices.Contains(v.Services, service) {
		service = v.Services[0]
	}
	if fault := unsigned(s, r, service); fault != nil {
		return fault
	}
	if fault := v.checkTime(s, service); fault != nil {
		return fault
	}
	if fault := v.checkScope(s, service); fault != nil {
		return fault
	}
	credential, known := v.Keys.byID[s.scope.key]
	if !known || !hmac.Equal([]byte(credential.SessionToken), []byte(s.token)) {
		return unknownKey(service)
	}
	if !hmac.Equal([]byte(s.sign(credential.SecretAccessKey, r, body)), []byte(s.signature)) {
		return mismatch(service)
	}
	return nil
}

// unsigned returns a fault if a header that has to be signed is not: the host,
// since the signature would do for another server, and those of AWS.
func unsigned(s *signature, r *http.Request, service string) *Error {
	if !slices.Contains(s.headers, "host") {
		return denied(service, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
	}
	for name := range r.Header {
		name = strings.ToLower(name)
		if strings.HasPrefix(name, "x-amz-") && !slices.Contains(s.headers, name) {
			return denied(service, "'"+shown(name)+"' must be a 'SignedHeader' in the AWS Authorization.")
		}
	}
	return nil
}

func (v *Verifier) checkTime(s *signature, service string) *Error {
	now, validFor := v.Now(), Window
	if s.expires > 0 {
		validFor = s.expires
	}
	switch age := now.Sub(s.date); {
	case age > validFor:
		return expired(service, s.date, now, validFor)
	case age < -Window:
		return tooEarly(service, s.date, now)
	}
	return nil
}

// checkScope names all faults of the scope, as AWS does.
func (v *Verifier) checkScope(s *signature, service string) *Error {
	var faults []string
	if region := s.scope.region; !v.takesRegion(region, service) {
		faults = append(faults, "Credential should be scoped to a valid region, not '"+shown(region)+"'. ")
	}
	if s.scope.service != service {
		faults = append(faults, wrongService(service))
	}
	if term := s.scope.terminator; term != terminator {
		faults = append(faults, "Credential should be scoped with a valid terminator: '"+terminator+"', not '"+shown(term)+"'. ")
	}
	if day, of := s.scope.date, s.date.Format(basicDate); day != of {
		faults = append(faults, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '"+
			shown(day)+"' != '"+of+"', from '"+s.date.Format(basicTime)+"'. ")
	}
	if faults == nil {
		return nil
	}
	return denied(service, strings.TrimSuffix(strings.Join(faults, ""), " "))
}

func (v *Verifier) takesRegion(region, service string) bool {
	return region != "" && (v.Region == "" || region == v.Region || service == sts && region == "us-east-1")
}

// sign computes the signature that the request should have.
func (s *signature) sign(secret string, r *http.Request, body []byte) string {
	hash := sha256.Sum256([]byte(canonicalRequest(s, r, body)))
	scope := strings.Join([]string{s.scope.date, s.scope.region, s.scope.service, s.scope.terminator}, "/")
	key := []byte("AWS4" + secret)
	for part := range strings.SplitSeq(scope, "/") {
		key = mac(key, part)
	}
	return hex.EncodeToString(mac(key, strings.Join([]string{
		algorithm, s.date.Format(basicTime), scope, hex.EncodeToString(hash[:]),
	}, "\n")))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text)) // never fails
	return h.Sum(nil)
}
