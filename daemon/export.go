package daemon

import (
	"context"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/export"
	"github.com/sgate/sgate/internal/background"
	"github.com/sgate/sgate/vpc"
)

// keep remembers the configuration that has come into force, with the resources as
// they are in it, for whoever asks.
func (d *Daemon) keep(cfg *config.Config, resources *vpc.Snapshot) {
	kept := *cfg
	kept.Resources = resources
	d.inForce.Store(&kept)
}

// Config implements control.ConfigBackend.
func (b backend) Config(context.Context) (text []byte, err error) {
	cfg := b.inForce.Load()
	if cfg == nil {
		return nil, nothingYet()
	}
	err = background.Do(func() error {
		text = export.YAML(cfg)
		return nil
	})
	return text, err
}
