package flowlog

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/sgate/sgate/vpc"
)

// Change is what is to become different, all of it at once.
type Change struct {
	Place    *Place        // nil: it stays
	Snapshot *vpc.Snapshot // what there is from now on; nil: it stays
	Remove   []string      // ids of logs
	Add      []Log
}

// Plan is a change that can be made: the destinations of the logs to be added are
// open.
type Plan struct {
	manager *Manager
	change  Change
	added   []destination // as change.Add
}

// Plan prepares a change. The caller must call the plan's Apply or Discard, and
// until then other changes wait. An error says of the first log that cannot be
// added, or removed, why. Nothing is different then, but that the destinations of
// others may have been made.
func (m *Manager) Plan(c Change) (*Plan, error) {
	m.changing.Lock()
	p := &Plan{manager: m, change: c}
	if err := p.prepare(); err != nil {
		return nil, errors.Join(err, p.Discard())
	}
	return p, nil
}

// Error says why a log cannot be added.
type Error struct {
	Log Log
	Err error
}

// Error names the log.
func (e *Error) Error() string { return fmt.Sprintf("flow log %s %q: %v", e.Log.ID, e.Log.Name, e.Err) }

// Unwrap returns why.
func (e *Error) Unwrap() error { return e.Err }

var errClosed = errors.New("flow logs are closed")

func (p *Plan) prepare() error {
	m := p.manager
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return errClosed
	}
	if p.change.Snapshot == nil {
		p.change.Snapshot = m.snapshot
	}
	for _, id := range p.change.Remove {
		if m.byID(id) == nil {
			return fmt.Errorf("there is no flow log %s", id)
		}
	}
	for _, l := range p.change.Add {
		if err := p.add(l); err != nil {
			return &Error{l, err}
		}
	}
	return nil
}

// add opens a log's destination, if the log may be added.
func (p *Plan) add(l Log) error {
	if err := l.check(p.change.Snapshot); err != nil {
		return err
	}
	sameID := func(other Log) bool { return other.ID == l.ID }
	if p.manager.byID(l.ID) != nil && !slices.Contains(p.change.Remove, l.ID) || slices.ContainsFunc(p.change.Add[:len(p.added)], sameID) {
		return errors.New("there is a flow log with this id already")
	}
	to, err := open(l, p.manager.options.Stdout)
	if err != nil {
		return fmt.Errorf("destination: %w", err)
	}
	if other := p.writer(to); other != "" {
		return errors.Join(fmt.Errorf("destination: %s is written by flow log %s: want another file", l.Destination, other), to.close())
	}
	p.added = append(p.added, to)
	return nil
}

// writer returns which other log, once the change is made, writes the file that a
// destination is; "" for none.
func (p *Plan) writer(to destination) (id string) {
	same := func(other destination) bool {
		a, isFile := to.(*file)
		b, areFiles := other.(*file)
		return isFile && areFiles && os.SameFile(a.info, b.info)
	}
	for i, other := range p.added {
		if same(other) {
			return p.change.Add[i].ID
		}
	}
	for _, l := range p.manager.logs {
		if same(l.to) && !slices.Contains(p.change.Remove, l.ID) {
			return l.ID
		}
	}
	return ""
}

// check returns what is wrong with a log.
func (l Log) check(s *vpc.Snapshot) error {
	switch {
	case !vpc.IsID("fl", l.ID):
		return fmt.Errorf("id %q: want fl- and 17 hexadecimal digits", l.ID)
	case l.Interval != MinInterval && l.Interval != MaxInterval:
		return fmt.Errorf("maximum aggregation interval %v: want %v or %v", l.Interval, MinInterval, MaxInterval)
	case l.Format.String() == "":
		return errors.New("the log format has no fields")
	case l.Destination == "":
		return fmt.Errorf("want a destination: the path of a file, or %s", StandardOutput)
	case l.Destination != StandardOutput && (l.MaxFileSize < 1 || l.MaxFiles < 1):
		return errors.New("want a file size and a number of files of 1 or above")
	}
	return l.checkResource(s)
}

func (l Log) checkResource(s *vpc.Snapshot) error {
	if s == nil {
		s = new(vpc.Snapshot)
	}
	_, isVPC := s.VPC(l.ResourceID)
	_, isSubnet := s.Subnet(l.ResourceID)
	_, isInterface := s.Interface(l.ResourceID)
	if l.ResourceID != "" && !isVPC && !isSubnet && !isInterface {
		return fmt.Errorf("resource %q: there is no VPC, subnet or network interface with this id", l.ResourceID)
	}
	return nil
}

// Apply makes the change. What was collected until now belongs to the logs and
// the resources that there were. An error is about a log that is removed: its
// file could not be closed.
func (p *Plan) Apply() error {
	m := p.manager
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return errors.Join(errClosed, p.Discard())
	}
	defer m.changing.Unlock()
	known := m.known
	if p.change.Snapshot != m.snapshot {
		known = newInventory(p.change.Snapshot)
	}
	err := m.end(known, func(l *active) bool { return slices.Contains(p.change.Remove, l.ID) })
	if known != m.known {
		m.snapshot, m.before, m.known = p.change.Snapshot, m.known, known
	}
	if p.change.Place != nil {
		m.place = *p.change.Place
	}
	now, _ := m.options.Clock()
	for i, l := range p.change.Add {
		m.logs = append(m.logs, newActive(l, p.added[i], now.Round(0), m.options.Log))
	}
	m.watch()
	return err
}

// Discard gives the plan up.
func (p *Plan) Discard() error {
	defer p.manager.changing.Unlock()
	var errs []error
	for _, to := range p.added {
		errs = append(errs, to.close())
	}
	return errors.Join(errs...)
}

// Add adds a log beside those there are.
func (m *Manager) Add(l Log) error { return m.change(Change{Add: []Log{l}}) }

// Remove writes what a log still has to write, and ends it.
func (m *Manager) Remove(id string) error { return m.change(Change{Remove: []string{id}}) }

func (m *Manager) change(c Change) error {
	p, err := m.Plan(c)
	if err != nil {
		return err
	}
	return p.Apply()
}

// byID returns the log with that id, or nil. The manager's lock is held.
func (m *Manager) byID(id string) *active {
	for _, l := range m.logs {
		if l.ID == id {
			return l
		}
	}
	return nil
}
