package path

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"

	"github.com/sgate/sgate/control"
)

// liveFlows is how many flows sgate-million has before anything is measured.
const liveFlows = 1_000_000

// findSgateMillion returns sgate with many live flows: established TCP, which
// sgate remembers for five days and never evicts.
func findSgateMillion(sgate string) (Path, error) {
	return sgateWithFlows(sgate, liveFlows)
}

func sgateWithFlows(sgate string, flows int) (Path, error) {
	description := fmt.Sprintf("4 groups, 2 devices, %d live flows", flows)
	return sgatePath(sgate, description, func(ctx context.Context, w *World) error {
		s := w.setting()
		s.Quiet = []netip.Addr{netip.MustParseAddr("10.0.1.11"), netip.MustParseAddr("10.0.2.21")}
		if err := w.startSgate(ctx, sgate, s); err != nil {
			return err
		}
		// The ends' kernels do not have the addresses, or they would answer
		// with resets. They drop what is for others without a word.
		for i, n := range []Namespace{w.Client, w.Server} {
			if err := n.Do(func() error { return takeAway(s.Quiet[i]) }); err != nil {
				return err
			}
		}
		return w.openFlows(ctx, s.Quiet[0], s.Quiet[1], flows)
	})
}

// takeAway removes an address from the device in the thread's namespace.
func takeAway(addr netip.Addr) error {
	link, err := netlink.LinkByName(deviceName)
	if err != nil {
		return err
	}
	have, err := netlink.AddrList(link, netlink.FAMILY_V4)
	if err != nil {
		return err
	}
	for _, a := range have {
		if a.IP.Equal(addr.AsSlice()) {
			return netlink.AddrDel(link, &a)
		}
	}
	return fmt.Errorf("%s does not have the address %s", deviceName, addr)
}

// openFlows has sgate see flows from both sides, as if it had been started in
// the middle of them.
func (w *World) openFlows(ctx context.Context, client, server netip.Addr, flows int) error {
	before, err := w.flowsLeft(ctx)
	if err != nil {
		return err
	}
	there, err := newSegments(w.Client, w.Server, client, server, false)
	if err != nil {
		return err
	}
	defer there.close()
	back, err := newSegments(w.Server, w.Client, server, client, true)
	if err != nil {
		return err
	}
	defer back.close()
	if err := exchange(ctx, there, back, flows); err != nil {
		return err
	}
	now, err := w.flowsLeft(ctx)
	if err == nil && before-now != int64(flows) {
		err = fmt.Errorf("sgate has %d live flows, want %d", before-now, flows)
	}
	return err
}

// exchange sends a segment of each flow there, and once it has arrived one back:
// a burst goes back while the next one goes there.
func exchange(ctx context.Context, there, back *segments, flows int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	arrived := make(chan burst)
	var thereErr, backErr error
	go func() {
		defer close(arrived)
		for next := 0; next < flows && thereErr == nil; next += segmentBurst {
			b := burst{next, min(next+segmentBurst, flows)}
			if thereErr = there.send(ctx, b); thereErr == nil {
				arrived <- b
			}
		}
	}()
	for b := range arrived {
		if backErr = back.send(ctx, b); backErr != nil {
			cancel() // the other way ends, too
		}
	}
	return errors.Join(thereErr, backErr)
}

// flowsLeft returns how many more flows of the client sgate can track.
func (w *World) flowsLeft(ctx context.Context) (int64, error) {
	asking, err := control.NewClient(w.controlSocket())
	if err != nil {
		return 0, err
	}
	reply, err := asking.Counters(ctx, control.CountersRequest{Names: []string{"client"}})
	if err != nil {
		return 0, err
	}
	return reply.Interfaces[0].ConntrackAllowanceAvailable, nil
}
