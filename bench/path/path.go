// Package path brings up the ways from a client to a server that the benchmark
// compares: sgate, and what else could stand in its place. Each is in a file of
// its own, with what is fair to it.
//
// A way is two network namespaces, a client's and a server's, and a gateway
// between them. Addresses, MTU, queue lengths and sysctls are the same for all;
// the TUN devices of all are made by package tun, as sgate makes its own, and then
// handed to the gateway that is measured. The gateways that are no programs of their own run in a process of
// the bench binary: see [Main].
//
// Everything that a process makes is named sgate-bench-PID-..., and the kernel
// knows whether the process still runs, so that whatever a killed one has left
// is removed at the next start. The gateways end with the process.
//
// The package imports config, daemon, tun, vpc and control.
package path

import (
	"context"
	"errors"
	"fmt"
)

// Path is a way from a client to a server.
type Path struct {
	Name        string // as on the command line: "sgate", "limit", "kernel"
	Description string // one line for a table, with the version of what is no part of this project

	build func(context.Context, *World) error
}

// finder looks whether this machine has what a path takes. sgate is the path of
// the sgate binary.
type finder struct {
	name string
	find func(sgate string) (Path, error)
}

func finders() []finder {
	return []finder{
		{"sgate", findSgate},
		{"sgate-large", findSgateLarge},
		{"sgate-million", findSgateMillion},
		{"sgate-devices", findSgateDevices},
		{"limit", findLimit},
		{"kernel", findKernel},
		{"wireguard", findWireguard},
		{"netstack", findNetstack},
		{"netstack-super", findNetstackSuper},
		{"slirp4netns", findSlirp4netns},
		{"passt", findPasst},
	}
}

// Find returns the paths that this machine can run, and by name why it cannot
// run the others. sgate is the path of the sgate binary.
func Find(sgate string) (paths []Path, missing map[string]error) {
	missing = make(map[string]error)
	for _, f := range finders() {
		p, err := f.find(sgate)
		if err != nil {
			missing[f.name] = err
			continue
		}
		p.Name = f.name
		paths = append(paths, p)
	}
	return paths, missing
}

// Up builds the namespaces and the path between them, and returns once the
// server can be reached. The MTU is that of every device, in bytes: 1280 to
// 65535. A process can have one world at a time. It takes root.
func (p *Path) Up(ctx context.Context, mtu int) (*World, error) {
	w, err := newWorld(mtu)
	if err != nil {
		return nil, fmt.Errorf("path %s: %w", p.Name, err)
	}
	if err = p.build(ctx, w); err == nil {
		err = w.awaitServer(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("path %s: %w", p.Name, err), w.Close())
	}
	return w, nil
}
