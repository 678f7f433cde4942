package store

import "time"

// TokenLife is how long a client token is remembered at least. AWS documents 24
// hours for RunInstances, and less for others.
const TokenLife = 24 * time.Hour

// Token remembers the answer to a call that came with a client token, so that the
// same call again gets it once more and changes nothing (EC2 API, ensuring
// idempotency).
type Token struct {
	Key     string // the action and the token
	Request []byte // what tells one request from another: its digest
	Answer  []byte // the fields of the answer, without the request's id
	Time    time.Time
}
