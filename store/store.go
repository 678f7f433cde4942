// Package store holds the one truth about resources: what a configuration file
// declares and what the EC2 API has made, as one consistent [vpc.Snapshot].
//
// Data flows one way. A [Declaration] (Declare) or an API call (Change) makes a
// draft of the resources; vpc validates it as a whole; the apply function puts it
// in force; then it is committed to the state file, a bbolt database, in one
// transaction. If any of that fails, nothing has changed. Whoever asks gets an
// immutable [View].
//
// What the file states the API cannot change: such a change is refused with a
// [DeclaredError]. What it leaves open is the API's: the rules of a VPC's default
// group, its default network ACL, the groups of an interface for which the file
// names none, the tags of a resource for which the file states none. A resource
// of the API that a later file declares under the same id is kept, out of force,
// until the file no longer has it.
//
// The package imports vpc.
package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sgate/sgate/vpc"
)

// Declaration is what a configuration file states.
type Declaration struct {
	Resources vpc.Resources // before vpc.New completes them
	FlowLogs  []FlowLog
}

// FlowLog is a VPC flow log as the EC2 API has it.
type FlowLog struct {
	ID         string // "fl-" and 17 hexadecimal digits
	Name       string // what the file calls it; "" of the API's
	ResourceID string // of a VPC, subnet or network interface; "" (of a file only): every VPC
	// TrafficType is "ALL", "ACCEPT" or "REJECT".
	TrafficType string
	Interval    time.Duration // 1 or 10 minutes
	Format      string        // "${version} ${account-id} ...", never ""
	// What the caller gave, to be told back.
	DestinationType string // "cloud-watch-logs", "s3" or "kinesis-data-firehose"
	Destination     string // an ARN, or ""
	LogGroup        string
	DeliverRole     string
	// File is where the records are written here; "" lets the gateway choose.
	File         string
	CreationTime time.Time
	Origin       vpc.Origin
}

// Apply puts a view in force, or refuses it whole.
type Apply func(context.Context, *View) error

// View is what there is at an instant. It never changes.
type View struct {
	*vpc.Snapshot
	FlowLogs []FlowLog // those of the file first
	// Lost says what of the API's could not be put in force again by the Declare
	// that made the view, since what it names has gone meanwhile.
	Lost     []string
	declared *declared
}

// Declared reports whether a file states the resource with that id.
func (v *View) Declared(id string) bool { return v.declared.ids[id] }

// DeclaredError refuses a change of what a file declares.
type DeclaredError struct {
	ID     string
	Origin vpc.Origin
}

// Error says where the resource is declared.
func (e *DeclaredError) Error() string {
	where := e.Origin.File
	if at := e.Origin.String(); at != "" {
		where = at
	}
	return fmt.Sprintf("%s is declared in %s: change it there", e.ID, where)
}

// ConflictError refuses a file that does not go with what the API has made.
type ConflictError struct{ Err error }

// Error says what the conflict is and how to get out of it.
func (e *ConflictError) Error() string {
	return fmt.Sprintf("the file contradicts what the EC2 API has made: %v: change the file, or put the one before back and change the rest over the API", e.Err)
}

// Unwrap returns the faults.
func (e *ConflictError) Unwrap() error { return e.Err }

// ErrDryRun is what Change returns for a draft that is valid and was only tried.
var ErrDryRun = errors.New("only tried")

// Store has the resources. All methods may be called by several goroutines at once.
type Store struct {
	disk *disk // nil: in memory only

	mu     sync.Mutex // held for the whole of a change
	closed bool
	own    own
	apply  Apply
	view   atomic.Pointer[View]
}

// Open opens the state file at path, which is made if it is not there, or keeps
// the state in memory if path is "". Nothing is in force before Declare.
func Open(path string) (*Store, error) { return open(path, os.OpenFile) }

func open(path string, file func(string, int, os.FileMode) (*os.File, error)) (*Store, error) {
	s := &Store{own: newOwn()}
	if path == "" {
		return s, nil
	}
	d, err := openDisk(path, file)
	if err != nil {
		return nil, err
	}
	if err := d.load(&s.own); err != nil {
		return nil, errors.Join(err, d.close())
	}
	s.disk = d
	return s, nil
}

// Empty reports whether the API has never made anything.
func (s *Store) Empty() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.own.empty() && (s.disk == nil || !s.disk.used)
}

// View returns what is in force; nil before Declare.
func (s *Store) View() *View { return s.view.Load() }

// ErrClosed refuses a change after Close.
var ErrClosed = errors.New("the gateway is ending")

// Close closes the state file, once a change under way has been made. Later ones
// are refused, so that nothing is put in force behind the back of whoever takes
// down what there is.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.closed
	s.closed = true
	if was || s.disk == nil {
		return nil
	}
	return s.disk.close()
}

// Declare puts in force what a file states, together with what the API owns, by
// apply, which later changes use as well. If that fails, what was in force stays.
func (s *Store) Declare(ctx context.Context, d Declaration, apply Apply) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	next, err := s.merge(declare(d))
	if err != nil {
		return err
	}
	if err := apply(ctx, next); err != nil {
		return err
	}
	s.apply = apply
	s.view.Store(next)
	return nil
}

// Change lets f change a draft of the resources, and puts it in force and commits
// it, or nothing of it: then it returns f's error, an error of package vpc, the
// error of applying it, or ErrDryRun. What f returns without having changed
// anything is no change.
func (s *Store) Change(ctx context.Context, f func(*Draft) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	before := s.view.Load()
	d := newDraft(before, &s.own)
	if err := f(d); err != nil {
		return err
	}
	if !d.changed() {
		if d.DryRun {
			return ErrDryRun
		}
		return nil
	}
	next, err := d.next()
	if err != nil {
		return err
	}
	if d.DryRun {
		return ErrDryRun
	}
	// A change that has begun is not left half-way because its caller has gone.
	return s.put(context.WithoutCancel(ctx), d, before, next)
}

// put makes a draft the truth.
func (s *Store) put(ctx context.Context, d *Draft, before, next *View) error {
	commit := func() error { return nil }
	if s.disk != nil {
		tx, err := s.disk.write(d)
		if err != nil {
			return fmt.Errorf("write the state file: %w", err)
		}
		defer func() { _ = tx.Rollback() }() // an error once it is committed
		commit = tx.Commit
	}
	if err := s.apply(ctx, next); err != nil {
		return err
	}
	if err := commit(); err != nil {
		return errors.Join(fmt.Errorf("write the state file: %w", err), s.apply(ctx, before))
	}
	d.settle(next)
	s.view.Store(next)
	return nil
}
