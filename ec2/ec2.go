// Package ec2 is an endpoint that speaks the EC2 Query API, version 2016-11-15,
// over the resources of a running gateway: the aws CLI, boto3, Terraform and the
// SDKs work on them as on AWS.
//
// A request's way: the guard refuses what a web page could send, the signature is
// verified, package query makes a struct of the form, and the action's function
// reads or changes a [store.Draft]. A change is validated, put in force and stored
// by the store, whole or not at all, before the answer is written. Each action is
// a function from its request to its answer; actions.go lists them.
//
// Shapes, names, codes and messages are AWS's; docs/semantics.md, section 6, has
// them with their sources.
//
// The package imports ec2/guard, ec2/query, ec2/sigv4, flowlog/record,
// internal/background, store and vpc.
package ec2

import (
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/sgate/sgate/ec2/guard"
	"github.com/sgate/sgate/ec2/sigv4"
	"github.com/sgate/sgate/store"
)

// Place is where the resources are said to be.
type Place struct {
	AccountID string // 12 digits
	Region    string // such as "us-east-1"
	ZoneID    string // of the first Availability Zone, such as "use1-az1"
}

// Image is what an instance can run.
type Image struct {
	ID   string // "ami-..."
	Name string
}

// Options are what an Endpoint is made of.
type Options struct {
	Store *store.Store
	Place func() Place // asked for each request
	// Images returns what RunInstances can launch; none where no lab would run
	// it.
	Images func() []Image
	// Verifier verifies signatures; nil: requests need none.
	Verifier *sigv4.Verifier
	Guard    guard.Guard
	// Undelivered returns the ids of the flow logs whose destinations take no
	// records now; nil: none is known of.
	Undelivered func() map[string]bool

	Clock  func() time.Time
	Random io.Reader // of ids
	Log    *slog.Logger
}

// Endpoint answers EC2 requests. All methods may be called by several goroutines
// at once.
type Endpoint struct {
	options Options
	actions map[string]action
	started time.Time
	slots   chan struct{} // has an element for each request that is worked on
	rooms   sync.Pool     // of *[]byte, for the documents of answers
}

// New returns an endpoint over a store.
func New(o Options) *Endpoint {
	e := &Endpoint{
		options: o, actions: make(map[string]action), started: o.Clock().UTC(), slots: make(chan struct{}, maxAtOnce),
		rooms: sync.Pool{New: func() any { return new([]byte) }},
	}
	for _, a := range allActions() {
		e.actions[a.name] = a
	}
	return e
}
