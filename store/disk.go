package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// disk is the state file: a bucket for each kind, and in it each resource as JSON
// by its id.
type disk struct {
	db   *bolt.DB
	used bool // something has been written to it once
}

// format is the version of what stands in a state file.
const format = "1"

var (
	metaBucket = []byte("meta")
	formatKey  = []byte("format")
)

// lockWait is how long another process may hold the file.
const lockWait = time.Second

func openDisk(path string, open func(string, int, os.FileMode) (*os.File, error)) (*disk, error) {
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: lockWait, OpenFile: open})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("state file %s: another process has it open", path)
	}
	if errors.Is(err, bolterrors.ErrInvalid) {
		return nil, fmt.Errorf("state file %s: it is not one that sgate has written: name another, or one that does not exist yet", path)
	}
	if err != nil {
		return nil, fmt.Errorf("state file %s: %w", path, err)
	}
	d := &disk{db: db}
	if err := os.Chmod(path, 0o600); err != nil { // it may have been copied there
		return nil, errors.Join(fmt.Errorf("state file %s: it has to be its owner's alone to read: %w", path, err), db.Close())
	}
	err = db.Update(func(tx *bolt.Tx) error {
		meta, err := tx.CreateBucketIfNotExists(metaBucket)
		if err != nil {
			return err
		}
		switch has := meta.Get(formatKey); {
		case has == nil:
			return meta.Put(formatKey, []byte(format))
		case string(has) != format:
			return fmt.Errorf("has format %q, and this sgate knows %q", has, format)
		}
		return tx.ForEach(func(bucket []byte, _ *bolt.Bucket) error {
			d.used = d.used || string(bucket) != string(metaBucket)
			return nil
		})
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("state file %s: %w", path, err), db.Close())
	}
	return d, nil
}

func (d *disk) close() error { return d.db.Close() }

// load reads all that the API owns.
func (d *disk) load(o *own) error {
	err := d.db.View(func(tx *bolt.Tx) error {
		return errors.Join(
			load(tx, "vpcs", &o.vpcs), load(tx, "subnets", &o.subnets), load(tx, "security_groups", &o.groups),
			load(tx, "prefix_lists", &o.lists), load(tx, "network_acls", &o.acls), load(tx, "network_interfaces", &o.interfaces),
			load(tx, "instances", &o.instances), load(tx, "tags", &o.tags), load(tx, "flow_logs", &o.flowLogs),
			load(tx, "client_tokens", &o.tokens), load(tx, "attached_groups", &o.attached),
		)
	})
	if err != nil {
		return fmt.Errorf("state file %s: %w", d.db.Path(), err)
	}
	return nil
}

func load[T any](tx *bolt.Tx, bucket string, into *records[T]) error {
	b := tx.Bucket([]byte(bucket))
	if b == nil {
		return nil
	}
	return b.ForEach(func(id, value []byte) error {
		var x T
		if err := json.Unmarshal(value, &x); err != nil {
			return fmt.Errorf("%s %s: %w", bucket, id, err)
		}
		into.items = append(into.items, x)
		return nil
	})
}

// write begins a transaction and writes a draft. The caller commits it or rolls
// it back.
func (d *disk) write(draft *Draft) (*bolt.Tx, error) {
	tx, err := d.db.Begin(true)
	if err != nil {
		return nil, err
	}
	put := func(bucket, id string, value any) error {
		b, err := tx.CreateBucketIfNotExists([]byte(bucket))
		if err != nil {
			return err
		}
		data, err := json.Marshal(value)
		if err != nil {
			return err
		}
		return b.Put([]byte(id), data)
	}
	remove := func(bucket, id string) error {
		if b := tx.Bucket([]byte(bucket)); b != nil {
			return b.Delete([]byte(id))
		}
		return nil
	}
	for _, t := range draft.tables() {
		if err := t.write(put, remove); err != nil {
			return nil, errors.Join(err, tx.Rollback())
		}
	}
	return tx, nil
}
