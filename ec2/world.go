package ec2

import (
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"github.com/sgate/sgate/vpc"
)

func (e *Endpoint) now() time.Time { return e.options.Clock().UTC() }

// since returns a time, or that at which the endpoint was made for what a file
// declares without one.
func (e *Endpoint) since(t time.Time) time.Time {
	if t.IsZero() {
		return e.started
	}
	return t
}

// newID returns a new id: the prefix, a hyphen and 17 random hexadecimal digits.
func (e *Endpoint) newID(prefix string) string {
	var raw [9]byte
	e.random(raw[:])
	return prefix + "-" + hex.EncodeToString(raw[:])[:17]
}

// random fills b with randomness.
func (e *Endpoint) random(b []byte) {
	if _, err := io.ReadFull(e.options.Random, b); err != nil {
		panic(fmt.Sprintf("ec2: no randomness: %v", err)) // crypto/rand does not fail
	}
}

// owner returns the id of the account that has all resources.
func (e *Endpoint) owner() string { return e.options.Place().AccountID }

// arn returns the ARN of a resource of EC2, such as "security-group/sg-...".
func (e *Endpoint) arn(kind, id string) string {
	at := e.options.Place()
	return fmt.Sprintf("arn:aws:ec2:%s:%s:%s/%s", at.Region, at.AccountID, kind, id)
}

// defaultVPC returns the default VPC, if there is one.
func (c *call) defaultVPC() (vpc.VPC, bool) {
	for _, v := range c.VPCs.All() {
		if v.Default {
			return v, true
		}
	}
	return vpc.VPC{}, false
}
