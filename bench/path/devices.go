package path

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"

	"github.com/sgate/sgate/tun"
)

// deviceName is what the ends' devices are called in their namespaces.
const deviceName = "eth0"

// The descriptors of a gateway that startBetween starts.
const (
	clientFD = 3
	serverFD = 4
)

// offload says whether super-packets pass a device.
type offload bool

const (
	withOffload    offload = true
	withoutOffload offload = false
)

// startBetween starts a gateway that moves packets between two TUN devices, the
// client's and the server's. Their descriptors are blocking, and the devices go
// with the process.
func (w *World) startBetween(ctx context.Context, cmd *exec.Cmd, super offload) error {
	var devices []*os.File
	defer func() {
		for _, d := range devices {
			d.Close()
		}
	}()
	for _, at := range []struct {
		Namespace
		end
	}{{w.Client, clientEnd()}, {w.Server, serverEnd()}} {
		d, err := openDevice(ctx, at.Namespace, at.end, w.mtu, super)
		if err != nil {
			return err
		}
		devices = append(devices, d)
	}
	cmd.ExtraFiles = devices
	return w.start(cmd)
}

// start starts the path's gateway, which Close ends.
func (w *World) start(cmd *exec.Cmd) (err error) {
	if w.gateway, err = start(cmd); err != nil {
		return err
	}
	w.onClose(w.gateway.stop)
	return nil
}

// openDevice makes a configured TUN device and returns its descriptor, blocking.
func openDevice(ctx context.Context, n Namespace, e end, mtu int, super offload) (*os.File, error) {
	dev, err := tun.Open(ctx, tun.Options{Namespace: n.tun(), Name: deviceName, MTU: mtu, Offload: bool(super)})
	if err != nil {
		return nil, err
	}
	fd, err := duplicate(dev)
	if err == nil {
		err = dev.Configure(e.addressing())
	}
	if err = errors.Join(err, dev.Close()); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), deviceName), nil
}

// duplicate returns a second, blocking descriptor of a device, which keeps it
// when the first one is closed.
func duplicate(dev *tun.Kernel) (int, error) {
	fd, err := unix.FcntlInt(uintptr(dev.PollFD()), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("duplicate the descriptor of %s: %w", dev.Name(), err)
	}
	if err := unix.SetNonblock(fd, false); err != nil {
		unix.Close(fd)
		return 0, fmt.Errorf("make the descriptor of %s blocking: %w", dev.Name(), err)
	}
	return fd, nil
}
