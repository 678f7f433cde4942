package ec2

import (
	"context"

	"github.com/sgate/sgate/store"
)

// Seed makes what an account begins with: a default VPC, unless the file declares
// one.
func (e *Endpoint) Seed(ctx context.Context) error {
	return e.options.Store.Change(ctx, func(d *store.Draft) error {
		c := &call{d, e, &caller{ctx: ctx}}
		if _, is := c.defaultVPC(); is {
			return nil
		}
		return c.makeDefaultVPC()
	})
}
