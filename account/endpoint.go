package account

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sgate/sgate/ec2"
	"github.com/sgate/sgate/ec2/guard"
	"github.com/sgate/sgate/ec2/sigv4"
)

// endpoint is the EC2 API's listener. Clients wait until it serves.
type endpoint struct {
	listener net.Listener
	keys     *sigv4.Keys   // nil: requests need no signature
	http     *http.Server  // nil: not yet
	served   chan struct{} // closed when nobody is accepted any more
}

// grace is how long requests under way get when the endpoint closes.
const grace = 10 * time.Second

// listen opens the endpoint's address.
func (a *Account) listen() (*endpoint, error) {
	o := a.options
	if err := guard.CheckListen(o.Listen, o.Credentials != ""); err != nil {
		return nil, err
	}
	e := &endpoint{served: make(chan struct{})}
	if o.Credentials != "" {
		keys, err := sigv4.LoadCredentials(o.Credentials)
		if err != nil {
			return nil, err
		}
		e.keys = &keys
	}
	l, err := net.Listen(network(o.Listen), o.Listen)
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		return nil, fmt.Errorf("--ec2-listen %s: another process listens there: choose another port, or 0 for any that is free", o.Listen)
	case err != nil:
		return nil, fmt.Errorf("--ec2-listen: %w", err)
	}
	e.listener = l
	return e, nil
}

// network returns what to listen on: for an IPv4 address IPv4 alone, since "tcp"
// makes of 0.0.0.0 all addresses of IPv6, too.
func network(address string) string {
	if at, err := netip.ParseAddrPort(address); err == nil && at.Addr().Is4() {
		return "tcp4"
	}
	return "tcp"
}

// serve has the endpoint answer from now on, if it does not yet. A state that has
// never been used gets its default VPC first.
func (a *Account) serve(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.endpoint
	if e == nil || e.http != nil {
		return nil
	}
	api := ec2.New(a.apiOptions())
	if a.store.Empty() {
		if err := api.Seed(ctx); err != nil {
			a.options.Log.Warn("there is no default VPC", "error", err)
		}
	}
	e.http = guard.Server(api, a.options.Log)
	go func() {
		defer close(e.served)
		if err := e.http.Serve(e.listener); !errors.Is(err, http.ErrServerClosed) {
			a.options.Log.Error("the EC2 API has ended", "error", err)
		}
	}()
	a.options.Log.Info("the EC2 API is up", "endpoint_url", "http://"+a.Addr(), "signatures", e.signatures())
	return nil
}

// signatures tells whether requests have to be signed.
func (e *endpoint) signatures() string {
	if e.keys == nil {
		return "not asked for: only this machine can reach it (--ec2-credentials FILE)"
	}
	return "verified"
}

// Notes tells whoever has started the account where its EC2 API answers, nothing if
// there is none.
func (a *Account) Notes() []string {
	if a.endpoint == nil {
		return nil
	}
	return []string{"the EC2 API is up at http://" + a.Addr() + "; signatures are " + a.endpoint.signatures()}
}

// apiOptions returns what the endpoint is made of. Place and images are those of
// the file in force.
func (a *Account) apiOptions() ec2.Options {
	o := ec2.Options{
		Store:  a.store,
		Place:  a.place,
		Images: a.images,
		Clock:  time.Now,
		Random: rand.Reader,
		Log:    a.options.Log,
		Guard:  guard.Guard{Hosts: a.options.Hosts},
	}
	if s, is := a.server.(deliverer); is {
		o.Undelivered = s.Undelivered
	}
	if a.endpoint.keys != nil {
		o.Verifier = &sigv4.Verifier{
			Keys: *a.endpoint.keys, Services: []string{"ec2", "sts"}, Region: a.place().Region, Now: time.Now,
		}
	}
	return o
}

func (a *Account) place() ec2.Place {
	at := a.config.Load().Account
	return ec2.Place{AccountID: at.ID, Region: at.Region, ZoneID: at.AvailabilityZoneID}
}

// images returns what instances can run, nothing where no namespaces are made of
// them.
func (a *Account) images() []ec2.Image {
	if !a.options.Instances {
		return nil
	}
	var out []ec2.Image
	for _, i := range a.config.Load().Images {
		out = append(out, ec2.Image{ID: i.ID, Name: i.Name})
	}
	return out
}

// close ends the endpoint once requests under way are answered.
func (e *endpoint) close() error {
	if e.http == nil {
		return e.listener.Close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	err := e.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = e.http.Close()
	}
	<-e.served
	return err
}
