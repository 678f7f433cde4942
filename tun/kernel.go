package tun

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unsafe"

	"golang.org/x/sys/unix"
	wgtun "golang.zx2c4.com/wireguard/tun"
)

const devicePath = "/dev/net/tun"

// nameBusyFor is how long Open waits for a name in use to become free. The
// kernel may hold a device for half a second after its owner was killed.
const nameBusyFor = time.Second

// Options say what device Open makes.
type Options struct {
	Namespace Namespace
	Name      string // at most 15 bytes
	MTU       int    // from 68 to MaxPacket
	// Offload lets super-packets through. Off, the kernel cuts and sums
	// every packet before it hands it over: slower, but a way around kernels
	// whose offload is broken.
	Offload bool
}

// minMTU is the smallest that the kernel lets a TUN have.
const minMTU = 68

// check refuses what the kernel would refuse with a bare "invalid argument",
// and an MTU in particular, over which wireguard/tun would fail too late to
// clean up: it would leave its goroutines and their descriptors behind.
func (o *Options) check() error {
	bad := func(r rune) bool { return strings.ContainsRune("/:%", r) || unicode.IsSpace(r) }
	switch {
	case o.Name == "", len(o.Name) >= unix.IFNAMSIZ, strings.ContainsFunc(o.Name, bad), o.Name == ".", o.Name == "..":
		return fmt.Errorf(`want a name of 1 to %d bytes, without "/", ":", "%%" and spaces`, unix.IFNAMSIZ-1)
	case o.MTU < minMTU || o.MTU > MaxPacket:
		return fmt.Errorf("MTU %d: want %d to %d", o.MTU, minMTU, MaxPacket)
	}
	return nil
}

// Kernel is a TUN device of the kernel. wireguard/tun owns it (name, MTU,
// events, life cycle); frames move by raw system calls on its descriptor.
type Kernel struct {
	owner *wgtun.NativeTun
	fd    int // of owner.File(), which keeps it open
	name  string
	mtu   int
	ns    Namespace
}

// Open makes a TUN device, which goes away when it is closed or the process
// ends. It fails if the name is taken. The device keeps its namespace alive:
// `ip netns delete` then takes away the name alone.
func Open(ctx context.Context, o Options) (*Kernel, error) {
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("device %q: %w", o.Name, err)
	}
	var k *Kernel
	err := o.Namespace.Do(func() (err error) {
		for deadline := time.Now().Add(nameBusyFor); ; {
			k, err = open(o)
			if !errors.Is(err, unix.EBUSY) || time.Now().After(deadline) {
				return err
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(50 * time.Millisecond):
			}
		}
	})
	if err != nil {
		return nil, fmt.Errorf("device %q in the %v: %w", o.Name, o.Namespace, explainOpen(err))
	}
	return k, nil
}

// explainOpen adds to the kernel's refusal what the user can do about it.
func explainOpen(err error) error {
	switch {
	case errors.Is(err, unix.EBUSY):
		return errors.New("the name is already in use there: is another gateway running? Choose another `device` name, or end the other owner")
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: opening %s takes root or CAP_NET_ADMIN: run it with sudo; in a container, give it --cap-add NET_ADMIN --device %s", err, devicePath, devicePath)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		return fmt.Errorf("%w: %s is missing: load the kernel's tun module (sudo modprobe tun); in a container, give it --device %s", err, devicePath, devicePath)
	}
	return err
}

// open runs on a thread that is in the device's namespace.
func open(o Options) (*Kernel, error) {
	// Blocking at first, so that os.NewFile does not give the descriptor to
	// the runtime's poller; nonblocking afterwards, which our own epoll needs.
	fd, err := unix.Open(devicePath, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", devicePath, err)
	}
	file := os.NewFile(uintptr(fd), devicePath)
	k, err := adopt(file, fd, o)
	if err != nil {
		file.Close()
		return nil, err
	}
	return k, nil
}

func adopt(file *os.File, fd int, o Options) (*Kernel, error) {
	req, err := unix.NewIfreq(o.Name)
	if err != nil {
		return nil, err
	}
	req.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI | unix.IFF_VNET_HDR | unix.IFF_TUN_EXCL)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, req); err != nil {
		return nil, fmt.Errorf("make the device: %w", err)
	}
	dev, err := wgtun.CreateTUNFromFile(file, o.MTU)
	if err != nil {
		return nil, err
	}
	k := &Kernel{owner: dev.(*wgtun.NativeTun), fd: fd, name: req.Name(), mtu: o.MTU, ns: o.Namespace}
	go func() {
		for range k.owner.Events() { // its listeners block if nobody reads
		}
	}()
	if err := k.prepare(o.Offload); err != nil {
		k.Close()
		return nil, err
	}
	return k, nil
}

func (k *Kernel) prepare(offload bool) error {
	if !offload { // CreateTUNFromFile has turned on all that the kernel has
		if err := unix.IoctlSetInt(k.fd, unix.TUNSETOFFLOAD, 0); err != nil {
			return fmt.Errorf("turn offload off: %w", err)
		}
	}
	if err := unix.SetNonblock(k.fd, true); err != nil {
		return fmt.Errorf("set nonblocking: %w", err)
	}
	return nil
}

// Name implements Device.
func (k *Kernel) Name() string { return k.name }

// MTU implements Device.
func (k *Kernel) MTU() int { return k.mtu }

// PollFD implements Device.
func (k *Kernel) PollFD() int { return k.fd }

// ReadFrame implements Device. The raw system call is sound because the
// descriptor is nonblocking: it never waits, so the scheduler need not know.
func (k *Kernel) ReadFrame(buf []byte) (int, error) {
	for {
		n, _, errno := syscall.RawSyscall(syscall.SYS_READ, uintptr(k.fd), uintptr(unsafe.Pointer(unsafe.SliceData(buf))), uintptr(len(buf)))
		switch errno {
		case 0:
			return int(n), nil
		case syscall.EAGAIN:
			return 0, ErrNoFrame
		case syscall.EINTR:
			continue
		}
		return 0, errno
	}
}

// WriteFrame implements Device.
func (k *Kernel) WriteFrame(frame []byte) error {
	for {
		_, _, errno := syscall.RawSyscall(syscall.SYS_WRITE, uintptr(k.fd), uintptr(unsafe.Pointer(unsafe.SliceData(frame))), uintptr(len(frame)))
		switch errno {
		case 0:
			return nil
		case syscall.EINTR:
			continue
		}
		return errno
	}
}

// Close implements Device; the kernel removes the interface.
func (k *Kernel) Close() error {
	err := k.owner.Close()
	if errors.Is(err, fs.ErrClosed) || errors.Is(err, unix.EPIPE) {
		// The listener that Close cancels had just ended by itself, on the
		// news of a change to some link, and has closed its pipe or is about
		// to. The device is closed all the same.
		return nil
	}
	return err
}
