package path

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// deviceCount is how many devices sgate-devices has, the two ends' included.
const deviceCount = 64

// findSgateDevices returns sgate with many devices, all but two of them up and
// idle, together in a namespace of their own.
func findSgateDevices(sgate string) (Path, error) {
	return sgatePath(sgate, fmt.Sprintf("4 groups, %d devices", deviceCount), func(ctx context.Context, w *World) error {
		idle, err := makeNamespace("idle")
		if err != nil {
			return err
		}
		s := w.setting()
		s.IdleNamespace = idle
		address := netip.MustParseAddr("10.0.1.100")
		for i := range deviceCount - 2 {
			s.Idle = append(s.Idle, idleDevice{fmt.Sprintf("idle%d", i), address})
			address = address.Next()
		}
		if err := w.startSgate(ctx, sgate, s); err != nil {
			return err
		}
		return idle.Do(s.setIdleUp)
	})
}

// setIdleUp brings the idle devices up, in the thread's namespace.
func (s setting) setIdleUp() error {
	for _, d := range s.Idle {
		link, err := netlink.LinkByName(d.Device)
		if err != nil {
			return err
		}
		// Without a link-local address they do not say a word.
		if err := netlink.LinkSetIP6AddrGenMode(link, addrGenModeNone); err != nil {
			return fmt.Errorf("%s: no link-local address: %w", d.Device, err)
		}
		if err := netlink.LinkSetUp(link); err != nil {
			return fmt.Errorf("bring up %s: %w", d.Device, err)
		}
	}
	return nil
}
