package store

import "slices"

// Table is the resources of one kind in a draft: those of the file and those of
// the API. What it returns is shared with the view: replace what hangs below a
// resource (rules, entries, addresses), never change it.
type Table[T any] struct {
	bucket   string // in the state file
	own      *records[T]
	base     []T // before the change
	find     func(id string) (T, bool)
	declared func(id string) bool
	refuse   func(id string) error
	disown   func(*T)      // takes away where it was declared; nil: it never was
	changes  map[string]*T // nil: deleted
	added    []string      // ids of new ones, in order
}

// Get returns the resource with that id, as the change has it so far.
func (t *Table[T]) Get(id string) (T, bool) {
	if x, is := t.changes[id]; is {
		if x == nil {
			var none T
			return none, false
		}
		return *x, true
	}
	return t.find(id)
}

// All returns all resources of the kind, as the change has them so far: the
// caller reads the slice and does not change it.
func (t *Table[T]) All() []T {
	if len(t.changes) == 0 {
		return t.base
	}
	all := make([]T, 0, len(t.base)+len(t.added))
	for i := range t.base {
		x, is := t.changes[t.own.idOf(&t.base[i])]
		switch {
		case !is:
			all = append(all, t.base[i])
		case x != nil:
			all = append(all, *x)
		}
	}
	for _, id := range t.added {
		if x := t.changes[id]; x != nil {
			all = append(all, *x)
		}
	}
	return all
}

// Declared reports whether a file states the resource, so that it cannot be
// changed here.
func (t *Table[T]) Declared(id string) bool { return t.declared(id) }

// Put adds a resource or replaces the one with its id. The error is a
// *DeclaredError if a file declares it.
func (t *Table[T]) Put(x T) error {
	if id := t.own.idOf(&x); t.declared(id) {
		return t.refuse(id)
	}
	if t.disown != nil {
		t.disown(&x)
	}
	t.set(x)
	return nil
}

func (t *Table[T]) set(x T) {
	id := t.own.idOf(&x)
	if _, is := t.find(id); !is && !slices.Contains(t.added, id) {
		t.added = append(t.added, id)
	}
	if t.changes == nil {
		t.changes = make(map[string]*T)
	}
	t.changes[id] = &x
}

// Delete removes a resource; that there is none is no error. The error is a
// *DeclaredError if a file declares it.
func (t *Table[T]) Delete(id string) error {
	x, ok := t.Get(id)
	switch {
	case t.declared(id):
		return t.refuse(id)
	case ok:
		t.set(x) // so that there are changes
		t.changes[id] = nil
	}
	return nil
}

func (t *Table[T]) dirty() bool { return len(t.changes) > 0 }

// write hands over what the API owns of the changes.
func (t *Table[T]) write(put func(bucket, id string, value any) error, remove func(bucket, id string) error) error {
	for id, x := range t.changes {
		var err error
		switch {
		case t.declared(id): // only what the file leaves open, kept elsewhere
		case x == nil:
			err = remove(t.bucket, id)
		default:
			err = put(t.bucket, id, x)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// settle makes the changes what the API owns, in the form in which find has them.
func (t *Table[T]) settle(find func(id string) (T, bool)) {
	for _, id := range t.order() {
		switch x, ok := find(id); {
		case t.declared(id):
		case t.changes[id] == nil || !ok:
			t.own.delete(id)
		default:
			t.own.put(x)
		}
	}
}

// order returns the ids of the changes, new ones in the order in which they came.
func (t *Table[T]) order() []string {
	ids := slices.Clone(t.added)
	for id := range t.changes {
		if !slices.Contains(t.added, id) {
			ids = append(ids, id)
		}
	}
	return ids
}
