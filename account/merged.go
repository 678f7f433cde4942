package account

import (
	"context"
	"errors"
	"os"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/store"
)

// Merged returns a file's configuration together with what a state file holds, as
// it would be in force, without a server. The state file has to be there, and
// nobody may have it open.
func Merged(cfg *config.Config, state string, flowLogs string) (merged *config.Config, err error) {
	if _, err := os.Stat(state); err != nil {
		return nil, err // rather than make one
	}
	s, err := store.Open(state)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	a := &Account{options: Options{FlowLogs: flowLogs}}
	err = s.Declare(context.Background(), declaration(cfg), func(_ context.Context, v *store.View) (err error) {
		merged, err = a.merged(cfg, v)
		return err
	})
	return merged, err
}
