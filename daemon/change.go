package daemon

import (
	"context"
	"errors"
	"slices"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/tun"
)

// change is what a new configuration asks of the devices, and how to take it
// back half-way.
type change struct {
	daemon *Daemon
	wanted []config.Endpoint          // that need a device: new ones and replaced ones
	moved  []config.Endpoint          // that keep their device under other addresses
	gone   map[string]config.Endpoint // that are to lose theirs, once all else is done, by id
	holder map[place]config.Endpoint  // who now has the place of a replaced or gone one
	made   map[string]*tun.Kernel     // by the endpoint's id, opened and not attached yet
	undo   []func() error             // in the order of what was done
}

// place is what only one device can have.
type place struct {
	namespace tun.Namespace
	device    string
}

func placeOf(e config.Endpoint) place { return place{namespace(e), e.Device} }

func (d *Daemon) diff(cfg *config.Config) *change {
	c := &change{
		daemon: d, gone: make(map[string]config.Endpoint), holder: make(map[place]config.Endpoint), made: make(map[string]*tun.Kernel),
	}
	stays, listed := make(map[string]bool), make(map[string]bool)
	for _, e := range cfg.Endpoints {
		listed[e.ID] = true
		old, is := d.attached[e.ID]
		port := d.gateway.Port(e.ID)
		if !is || port == nil || port.Gone() || !sameDevice(old, e) {
			c.wanted = append(c.wanted, e)
			continue
		}
		stays[e.ID] = true
		if !sameAddressing(old, e) {
			c.moved = append(c.moved, e)
		}
	}
	for id, old := range d.attached {
		if stays[id] {
			continue
		}
		c.holder[placeOf(old)] = old
		if !listed[id] {
			c.gone[id] = old
		}
	}
	return c
}

// sameDevice reports whether two descriptions of an endpoint ask for the same
// device.
func sameDevice(a, b config.Endpoint) bool {
	return placeOf(a) == placeOf(b) && a.Configure == b.Configure && a.DeviceIndex == b.DeviceIndex
}

// sameAddressing reports whether a device has, as one description of its endpoint
// asks, what another asks. That is so where it is not ours to configure.
func sameAddressing(a, b config.Endpoint) bool {
	return !a.Configure || slices.Equal(a.Addresses, b.Addresses) && slices.Equal(a.Gateways, b.Gateways)
}

// make opens and attaches the devices that are wanted. What can be opened
// beside the devices there are comes first, so that most failures disturb
// nobody; only then do devices go whose place is needed. Devices that stay get
// their new addresses last.
func (c *change) make(ctx context.Context) error {
	var later []config.Endpoint
	for _, e := range c.wanted {
		if _, taken := c.holder[placeOf(e)]; taken {
			later = append(later, e)
		} else if err := c.open(ctx, e); err != nil {
			return err
		}
	}
	for _, e := range later {
		if err := c.detach(c.holder[placeOf(e)]); err != nil {
			return err
		}
	}
	for _, e := range later {
		if err := c.open(ctx, e); err != nil {
			return err
		}
	}
	for _, e := range c.wanted {
		if err := c.attach(e); err != nil {
			return err
		}
	}
	for _, e := range c.moved {
		if err := c.move(c.daemon.attached[e.ID], e); err != nil {
			return err
		}
	}
	return nil
}

// move gives the device of an endpoint other addresses; its flows go on.
func (c *change) move(from, to config.Endpoint) error {
	if err := c.daemon.readdress(from, to); err != nil {
		return err
	}
	c.undo = append(c.undo, func() error { return c.daemon.readdress(to, from) })
	return nil
}

func (c *change) open(ctx context.Context, e config.Endpoint) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	dev, err := c.daemon.open(ctx, e)
	if err != nil {
		return err
	}
	c.made[e.ID] = dev
	c.undo = append(c.undo, func() error {
		if c.made[e.ID] == nil {
			return nil // attached, and closed by the detaching
		}
		return dev.Close()
	})
	return nil
}

// detach removes an old device before its time; if it is undone, the device is
// made anew.
func (c *change) detach(old config.Endpoint) error {
	if _, is := c.daemon.attached[old.ID]; !is {
		return nil // done already
	}
	c.undo = append(c.undo, func() error {
		dev, err := c.daemon.open(context.Background(), old) // also when the change was cancelled
		if err != nil {
			return err
		}
		return c.daemon.attach(old, dev)
	})
	delete(c.gone, old.ID)
	return c.daemon.detach(old)
}

func (c *change) attach(e config.Endpoint) error {
	if old, is := c.daemon.attached[e.ID]; is {
		if err := c.detach(old); err != nil {
			return err
		}
	}
	if err := c.daemon.attach(e, c.made[e.ID]); err != nil {
		return err
	}
	delete(c.made, e.ID)
	c.undo = append(c.undo, func() error { return c.daemon.detach(e) })
	return nil
}

// takeBack undoes what was done, the last first.
func (c *change) takeBack() error {
	var errs []error
	for _, undo := range slices.Backward(c.undo) {
		errs = append(errs, undo())
	}
	return errors.Join(errs...)
}
