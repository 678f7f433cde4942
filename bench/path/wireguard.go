package path

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	wgtun "golang.zx2c4.com/wireguard/tun"

	"github.com/sgate/sgate/tun"
)

// findWireguard returns wireguard/tun as wireguard-go uses it: it splits
// super-packets where it reads and joins packets again where it writes.
func findWireguard(string) (Path, error) {
	return Path{
		Description: "wireguard/tun Read and Write in batches, " + moduleVersion("golang.zx2c4.com/wireguard"),
		build: func(ctx context.Context, w *World) error {
			return w.startBetween(ctx, ownProgram(wireguardGateway), withOffload)
		},
	}, nil
}

// moduleVersion returns the version of a module that this program is built with.
func moduleVersion(path string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown version"
	}
	for _, m := range info.Deps {
		if m.Path == path {
			return m.Version
		}
	}
	return "unknown version"
}

// packetOffset is where packets begin in wireguard-go's buffers: it keeps room
// for the header of its own transport.
const packetOffset = 16

// runWireguard moves packets by a goroutine a direction, as wireguard-go has one
// that reads and one that writes.
func runWireguard() error {
	var devices [2]wgtun.Device
	for i, fd := range []int{clientFD, serverFD} {
		dev, _, err := wgtun.CreateUnmonitoredTUNFromFD(fd)
		if err != nil {
			return fmt.Errorf("wireguard/tun: %w", err)
		}
		devices[i] = dev
	}
	failed := make(chan error)
	go func() { failed <- copyBatches(devices[0], devices[1]) }()
	go func() { failed <- copyBatches(devices[1], devices[0]) }()
	return <-failed
}

func copyBatches(from, to wgtun.Device) error {
	size := from.BatchSize()
	buffers, batch, lengths := make([][]byte, size), make([][]byte, size), make([]int, size)
	for i := range buffers {
		buffers[i] = make([]byte, packetOffset+tun.MaxPacket)
	}
	for {
		n, err := from.Read(buffers, lengths, packetOffset)
		if err != nil && !errors.Is(err, wgtun.ErrTooManySegments) {
			return fmt.Errorf("read: %w", err)
		}
		for i := range n {
			batch[i] = buffers[i][:packetOffset+lengths[i]]
		}
		_, _ = to.Write(batch[:n], packetOffset) // wireguard-go logs what the device does not take
	}
}
