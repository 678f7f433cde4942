package explain

import (
	"net/netip"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/tun"
	"github.com/sgate/sgate/vpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }
func address(s string) netip.Addr  { return netip.MustParseAddr(s) }

// failer is a *testing.T or a *rapid.T.
type failer interface {
	Helper()
	Fatalf(string, ...any)
	Errorf(string, ...any)
}

// world is a gateway on in-memory devices and a manual clock.
type world struct {
	t      failer
	g      *gateway.Gateway
	clock  atomic.Int64
	devs   map[string]*tun.Memory
	events chan fate
	asked  []control.ExplainRequest // so far
}

// fate is what the gateway's watcher was shown of a packet.
type fate struct {
	verdict, reason string
	sides           [2]gateway.Side // by vpc.Direction
	generation      uint64
}

// Packet implements gateway.Watcher.
func (w *world) Packet(e *gateway.Event) {
	f := fate{verdict: control.VerdictAllow, reason: e.Reason.String(), generation: e.Generation}
	if e.Fate == gateway.Dropped {
		f.verdict = control.VerdictDrop
	}
	for _, d := range []vpc.Direction{vpc.Egress, vpc.Ingress} {
		f.sides[d] = e.Side(d)
	}
	w.events <- f
}

// newWorld returns a gateway for resources. Close ends it.
func newWorld(t failer, o gateway.Options, res vpc.Resources) *world {
	t.Helper()
	w := &world{t: t, devs: make(map[string]*tun.Memory), events: make(chan fate, 100)}
	o.Workers, o.MaxFlows, o.Now = 1, 1000, w.clock.Load
	var err error
	if w.g, err = gateway.New(o); err != nil {
		t.Fatalf("%v", err)
	}
	s := w.apply(res)
	for _, e := range s.Endpoints() {
		dev, err := tun.NewMemory(e.ID, gateway.DefaultMTU)
		if err == nil {
			_, err = w.g.Attach(e.ID, dev)
		}
		if err != nil {
			t.Fatalf("%s: %v", e.ID, err)
		}
		w.devs[e.ID] = dev
	}
	w.g.Watch(w)
	return w
}

func (w *world) close() {
	if err := w.g.Close(); err != nil {
		w.t.Errorf("close: %v", err)
	}
}

// apply puts resources in force.
func (w *world) apply(res vpc.Resources) *vpc.Snapshot {
	w.t.Helper()
	s, err := vpc.New(res)
	if err == nil {
		err = w.g.Apply(filter.Compile(s))
	}
	if err != nil {
		w.t.Fatalf("%v", err)
	}
	return s
}

// send puts a packet on a device and returns what the watcher is shown.
func (w *world) send(id string, packet []byte) fate {
	w.t.Helper()
	if err := w.devs[id].Send(packet); err != nil {
		w.t.Fatalf("%s: %v", id, err)
	}
	select {
	case f := <-w.events:
		w.drain()
		return f
	case <-time.After(10 * time.Second):
		w.t.Fatalf("%s: nobody has seen the packet", id)
		return fate{}
	}
}

// drain takes away what has arrived anywhere, so that no queue is ever full.
func (w *world) drain() {
	for _, dev := range w.devs {
		for len(dev.Received()) > 0 {
			<-dev.Received()
		}
	}
}

// load reads one of the example configurations.
func load(t testing.TB, name string) *config.Config {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "configs", name))
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, "configs/"+name, string(data))
}

func parse(t testing.TB, path, text string) *config.Config {
	t.Helper()
	cfg, err := config.Parse([]byte(text), config.Source{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// explained asks a configuration alone.
func explained(t testing.TB, cfg *config.Config, r control.ExplainRequest) control.Explanation {
	t.Helper()
	x, err := FromConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	e, err := x.Explain(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return e
}
