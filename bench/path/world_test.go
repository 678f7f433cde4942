package path

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sgate/sgate/internal/needs"
	"github.com/sgate/sgate/tun"
)

// prefixEnv tells the processes that a test starts what it calls its things.
const prefixEnv = "SGATE_PATH_TEST_PREFIX"

// testPrefix is another one for each run of the tests: two at once would clear
// away what the other leaves on purpose.
func testPrefix() string {
	if of, is := os.LookupEnv(prefixEnv); is {
		return of
	}
	own := fmt.Sprintf("sgate-pathtest%d-", os.Getpid())
	os.Setenv(prefixEnv, own)
	return own
}

// TestMain lets the test binary be the gateways that paths start.
func TestMain(m *testing.M) {
	ownPrefix = testPrefix()
	if len(os.Args) > 1 && (os.Args[1] == "gateway" || os.Args[1] == "up") {
		if err := Main(os.Args[1:]); err != nil {
			_, _ = io.WriteString(os.Stderr, err.Error()+"\n")
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// sgate is the binary that is measured.
func sgate(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../../bin/sgate")
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		t.Fatalf("the binary is missing, `make build` makes it: %v", err)
	}
	return path
}

// up brings a path up that goes with the test, without a trace.
func up(t *testing.T, p Path, mtu int) *World {
	t.Helper()
	w, err := p.Up(t.Context(), mtu)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if w.gateway != nil && !w.gateway.ended() {
			t.Error("the gateway still runs")
		}
		nothingLeft(t, os.Getpid())
	})
	return w
}

// found makes a path from what a finder says of it.
func found(t *testing.T, p Path, err error) Path {
	t.Helper()
	if err != nil {
		needs.Missing(t, err.Error())
	}
	return p
}

// traces returns the names of what a process has made.
func traces(t *testing.T, pid int) (names []string) {
	t.Helper()
	for _, dir := range []string{tun.NamespaceDir, os.TempDir()} {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		for _, e := range entries {
			if owner, ok := ownerOf(e.Name()); ok && owner == pid {
				names = append(names, filepath.Join(dir, e.Name()))
			}
		}
	}
	return names
}

func nothingLeft(t *testing.T, pid int) {
	t.Helper()
	if left := traces(t, pid); len(left) > 0 {
		t.Errorf("this is left: %v", left)
	}
}

// echo serves TCP and UDP in the server's namespace, on one port of both.
func echo(t *testing.T, w *World) (port uint16) {
	t.Helper()
	var l net.Listener
	var packets net.PacketConn
	err := w.Server.Do(func() (err error) {
		if l, err = net.Listen("tcp", ":0"); err != nil {
			return err
		}
		port = uint16(l.Addr().(*net.TCPAddr).Port)
		packets, err = net.ListenPacket("udp", fmt.Sprintf(":%d", port))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		l.Close()
		packets.Close()
	})
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.Copy(conn, conn)
			}()
		}
	}()
	go func() {
		b := make([]byte, tun.MaxPacket)
		for {
			n, from, err := packets.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = packets.WriteTo(b[:n], from)
		}
	}()
	return port
}

// dial connects from the client's namespace.
func dial(t *testing.T, w *World, network string, to netip.AddrPort) net.Conn {
	t.Helper()
	var conn net.Conn
	err := w.Client.Do(func() (err error) {
		d := net.Dialer{Timeout: 2 * time.Second}
		conn, err = d.DialContext(context.Background(), network, to.String())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}
