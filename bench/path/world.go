package path

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"time"
)

// World is a path that is up.
type World struct {
	Client, Server Namespace     // where the programs run that make traffic
	ServerAddr     [2]netip.Addr // where the client reaches the server: IPv4, IPv6; the zero Addr where the path has none of the family

	mtu     int
	dir     string   // for files, removed by Close
	gateway *process // nil if the kernel is it
	change  func(context.Context) (took time.Duration, err error)
	undo    []func() error // in the order of what was done
}

// newWorld makes the two namespaces, and a folder for files, after it has
// cleared away what killed processes left.
func newWorld(mtu int) (w *World, err error) {
	owner, err := claim()
	if err != nil {
		return nil, err
	}
	w = &World{mtu: mtu, ServerAddr: serverEnd().addrs(), undo: []func() error{owner.Close}}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.Close())
		}
	}()
	if err := clearLeftovers(); err != nil {
		return w, err
	}
	w.undo = append(w.undo, removeOwn)
	if w.dir, err = os.MkdirTemp("", ownName("")); err != nil {
		return w, err
	}
	if w.Client, err = makeNamespace("client"); err != nil {
		return w, err
	}
	w.Server, err = makeNamespace("server")
	return w, err
}

// onClose has Close do something, before all that it was told earlier.
func (w *World) onClose(f func() error) { w.undo = append(w.undo, f) }

// Close removes all that Up has made, and ends every process in the namespaces.
func (w *World) Close() error {
	var errs []error
	for _, undo := range slices.Backward(w.undo) {
		errs = append(errs, undo())
	}
	w.undo = nil
	return errors.Join(errs...)
}

// CPU returns the time that the gateway's process has spent on processors so
// far, in user mode and in the kernel. ok is false where the kernel is the
// gateway, and if the process has ended.
func (w *World) CPU() (d time.Duration, ok bool) {
	if w.gateway == nil {
		return 0, false
	}
	return w.gateway.cpu()
}

// errNoChange is ChangeRule's answer on most paths.
var errNoChange = errors.New("this path has no rules that can be changed")

// ChangeRule changes one rule of a group in use and returns how long it took to
// validate, compile and put in force. Only sgate-large can do it.
func (w *World) ChangeRule(ctx context.Context) (took time.Duration, err error) {
	if w.change == nil {
		return 0, errNoChange
	}
	return w.change(ctx)
}

// How long the server may take to be within reach, and one attempt.
const (
	reachWithin = 10 * time.Second
	attemptFor  = 100 * time.Millisecond
)

// awaitServer returns once the client can connect to the server in each family.
func (w *World) awaitServer(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, reachWithin)
	defer cancel()
	var l net.Listener // the kernel answers for it, so nobody need accept
	err := w.Server.Do(func() (err error) {
		l, err = net.Listen("tcp", ":0")
		return err
	})
	if err != nil {
		return err
	}
	defer l.Close()
	port := uint16(l.Addr().(*net.TCPAddr).Port)
	for _, addr := range w.ServerAddr {
		if !addr.IsValid() {
			continue
		}
		if err := w.awaitAddr(ctx, netip.AddrPortFrom(addr, port)); err != nil {
			return err
		}
	}
	return nil
}

func (w *World) awaitAddr(ctx context.Context, to netip.AddrPort) error {
	for {
		err := w.attempt(ctx, to)
		switch {
		case err == nil:
			return nil
		case w.gateway != nil && w.gateway.ended():
			return w.gateway.failure()
		case ctx.Err() != nil:
			return fmt.Errorf("the server at %s cannot be reached: %w%s", to.Addr(), err, w.gateway.said())
		}
		time.Sleep(time.Millisecond)
	}
}

// attempt tries to connect from the client's namespace.
func (w *World) attempt(ctx context.Context, to netip.AddrPort) error {
	return w.Client.Do(func() error {
		d := net.Dialer{Timeout: attemptFor}
		conn, err := d.DialContext(ctx, "tcp", to.String())
		if err != nil {
			return err
		}
		return conn.Close()
	})
}
