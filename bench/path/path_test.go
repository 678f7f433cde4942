package path

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/sgate/sgate/internal/needs"
)

// TestPaths brings up every path that the machine has, and tries it. The table
// of live flows is tried with few of them: see TestLiveFlows.
func TestPaths(t *testing.T) {
	needs.Root(t)
	paths, missing := Find(sgate(t))
	for name, err := range missing {
		if name != "slirp4netns" && name != "passt" { // taken where they are installed
			t.Errorf("%s: %v", name, err)
		}
	}
	for i, p := range paths {
		if p.Name == "sgate-million" {
			continue
		}
		t.Run(p.Name, func(t *testing.T) {
			if p.Description == "" {
				t.Error("it has no description")
			}
			mtu := []int{1500, 9001}[i%2]
			w := up(t, p, mtu)
			try(t, w, p.Name != "slirp4netns")
			devices(t, w, mtu)
			cpu, ok := w.CPU()
			if kernel := p.Name == "kernel"; ok == kernel || ok && cpu <= 0 {
				t.Errorf("CPU: %v, %v", cpu, ok)
			}
		})
	}
}

// TestLimitWithoutACompiler runs the copy in Go.
func TestLimitWithoutACompiler(t *testing.T) {
	needs.Root(t)
	if _, err := exec.LookPath("cc"); err == nil {
		if p, err := findLimit(""); err != nil || !strings.Contains(p.Description, ", C, ") {
			t.Errorf("with a compiler: %q, %v", p.Description, err)
		}
	}
	path := t.TempDir()
	for _, program := range []string{"nsenter", "ping"} {
		real, err := exec.LookPath(program)
		if err != nil {
			needs.Missing(t, program)
		}
		if err := os.Symlink(real, filepath.Join(path, program)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", path)
	p, err := findLimit("")
	if err != nil || !strings.Contains(p.Description, "no C compiler works here") {
		t.Fatalf("without a compiler: %q, %v", p.Description, err)
	}
	try(t, up(t, p, 1500), true)
}

// try checks that TCP, UDP and, with ping6, ping pass in both families.
func try(t *testing.T, w *World, ping6 bool) {
	t.Helper()
	port := echo(t, w)
	for _, addr := range w.ServerAddr {
		if !addr.IsValid() {
			t.Error("a family is missing")
			continue
		}
		to := netip.AddrPortFrom(addr, port)
		exchangeTCP(t, w, to)
		exchangeUDP(t, w, to)
		if addr.Is4() || ping6 {
			if said, err := w.Client.Command(t.Context(), "ping", "-c", "1", "-W", "2", addr.String()).CombinedOutput(); err != nil {
				t.Errorf("ping: %v\n%s", err, said)
			}
		}
	}
}

// exchangeTCP sends enough for super-packets, and wants it back.
func exchangeTCP(t *testing.T, w *World, to netip.AddrPort) {
	t.Helper()
	conn := dial(t, w, "tcp", to)
	sent := make([]byte, 1<<20)
	_, _ = rand.Read(sent) // never fails
	go func() { _, _ = conn.Write(sent) }()
	got := make([]byte, len(sent))
	if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, sent) {
		t.Errorf("TCP to %s: %v, the same: %v", to, err, bytes.Equal(got, sent))
	}
}

func exchangeUDP(t *testing.T, w *World, to netip.AddrPort) {
	t.Helper()
	conn := dial(t, w, "udp", to)
	got := make([]byte, 100)
	if _, err := io.WriteString(conn, "hello"); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(got); err != nil || string(got[:n]) != "hello" {
		t.Errorf("UDP to %s: %q, %v", to, got[:n], err)
	}
}

// devices checks the MTU of both ends, and the queues of TUN devices.
func devices(t *testing.T, w *World, mtu int) {
	t.Helper()
	for _, n := range []Namespace{w.Client, w.Server} {
		err := n.Do(func() error {
			link, err := netlink.LinkByName(deviceName)
			if err != nil {
				return err
			}
			if link.Attrs().MTU != mtu {
				t.Errorf("%s: MTU %d, want %d", n.Name, link.Attrs().MTU, mtu)
			}
			if tap, is := link.(*netlink.Tuntap); is && tap.Mode == netlink.TUNTAP_MODE_TUN && tap.TxQLen != 500 {
				t.Errorf("%s: a queue of %d packets, want the kernel's 500", n.Name, tap.TxQLen)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// TestGatewayThatFails wants what it says, and nothing left.
func TestGatewayThatFails(t *testing.T) {
	needs.Root(t)
	for name, c := range map[string]struct {
		build func(context.Context, *World) error
		want  string
	}{
		"ends": {func(ctx context.Context, w *World) error {
			return w.startBetween(ctx, exec.Command("sh", "-c", "echo alas; exit 3"), withOffload)
		}, "the gateway has ended: exit status 3\nalas"},
		"refuses": {func(context.Context, *World) error { return errors.New("alas") }, "path x: alas"},
		"is none": {func(_ context.Context, w *World) error { return w.start(exec.Command("/no/such/program")) }, "/no/such/program"},
	} {
		t.Run(name, func(t *testing.T) {
			p := Path{Name: "x", build: c.build}
			w, err := p.Up(t.Context(), 1500)
			if w != nil || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, %v, want %q", w, err, c.want)
			}
		})
	}
	t.Run("says nothing", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		p := Path{Name: "x", build: func(ctx context.Context, w *World) error {
			cancel()
			return w.startBetween(context.Background(), exec.Command("sleep", "60"), withOffload)
		}}
		if w, err := p.Up(ctx, 1500); w != nil || err == nil || !strings.Contains(err.Error(), "cannot be reached") {
			t.Errorf("%v, %v", w, err)
		}
	})
	nothingLeft(t, os.Getpid())
	if _, err := (&World{}).ChangeRule(t.Context()); !errors.Is(err, errNoChange) {
		t.Errorf("a change without a gateway: %v", err)
	}
}

// TestFindWithoutSgate wants the paths that can do without it.
func TestFindWithoutSgate(t *testing.T) {
	paths, missing := Find("/no/such/sgate")
	for _, name := range []string{"sgate", "sgate-million", "sgate-devices"} {
		if missing[name] == nil {
			t.Errorf("%s is not missing", name)
		}
	}
	var names []string
	for _, p := range paths {
		names = append(names, p.Name)
	}
	for _, name := range []string{"sgate-large", "limit", "wireguard", "netstack", "netstack-super"} {
		if !slices.Contains(names, name) {
			t.Errorf("%s is missing: %v", name, missing[name])
		}
	}
	if _, missing := Find(t.TempDir()); missing["sgate"] == nil {
		t.Error("a folder passes for the binary")
	}
}

func TestMainRefuses(t *testing.T) {
	for _, args := range [][]string{nil, {"gateway"}, {"up", "--mtu", "1500", "no-such-path"}, {"gateway", "no-such-gateway"}, {"down"}} {
		if err := Main(args); err == nil {
			t.Errorf("%v: no error", args)
		}
	}
}

// TestEndsAreAsConfigured holds the places where the ends' addresses are written
// out against address.go.
func TestEndsAreAsConfigured(t *testing.T) {
	configuration, err := (&World{mtu: 1500}).setting().configuration()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []end{clientEnd(), serverEnd()} {
		for i := range e.prefixes {
			addr := e.addrs()[i].String()
			for name, text := range map[string]string{"sgate.yaml.tmpl": configuration, "kernel.nft": kernelPolicy} {
				if !strings.Contains(text, addr) {
					t.Errorf("%s lacks %s", name, addr)
				}
			}
			if !strings.Contains(configuration, e.subnets[i]) {
				t.Errorf("sgate.yaml.tmpl lacks %s", e.subnets[i])
			}
		}
	}
	if got, want := fmt.Sprint(clientEnd().routerPrefixes()), "[10.0.1.1/24 fd00:10:0:1::1/64]"; got != want {
		t.Errorf("the client's routers: %s, want %s", got, want)
	}
}
