package lab

import (
	"context"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if name := os.Getenv(crashEnv); name != "" {
		upAndWait(name)
		return
	}
	goleak.VerifyTestMain(m)
}

func TestParseService(t *testing.T) {
	for in, want := range map[string]string{
		"443": "tcp/443", "tcp/22": "tcp/22", "udp/53": "udp/53", "65535": "tcp/65535",
	} {
		if got, err := ParseService(in); err != nil || got.String() != want {
			t.Errorf("%q: %v, %v, want %s", in, got, err, want)
		}
	}
	for _, in := range []string{"", "0", "65536", "-1", "http", "sctp/5", "udp/", "tcp/80/x"} {
		if got, err := ParseService(in); err == nil || !strings.Contains(err.Error(), "want a port from 1 to 65535") {
			t.Errorf("%q: %v, %v, want a fault", in, got, err)
		}
	}
}

// freePort finds a port that nobody listens on.
func freePort(t *testing.T, network string) uint16 {
	t.Helper()
	if network == "udp" {
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return uint16(c.LocalAddr().(*net.UDPAddr).Port)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return uint16(l.Addr().(*net.TCPAddr).Port)
}

func TestListenEchoes(t *testing.T) {
	services := []Service{{"tcp", freePort(t, "tcp")}, {"udp", freePort(t, "udp")}}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Listen(ctx, services, slog.New(slog.DiscardHandler)) }()
	for _, s := range services {
		address := net.JoinHostPort("127.0.0.1", strings.SplitAfter(s.String(), "/")[1])
		var got []byte
		for deadline := time.Now().Add(10 * time.Second); string(got) != "hello" && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			got = ask(s.Network, address)
		}
		if string(got) != "hello" {
			t.Errorf("%v answers %q", s, got)
		}
	}
	idle, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strings.SplitAfter(services[0].String(), "/")[1]))
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close() // it must not keep Listen from ending
	cancel()
	if err := <-done; err != nil {
		t.Errorf("it ends with %v", err)
	}
}

func ask(network, address string) []byte {
	conn, err := net.Dial(network, address)
	if err != nil {
		return nil
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := io.WriteString(conn, "hello"); err != nil {
		return nil
	}
	got := make([]byte, 5)
	_, _ = io.ReadFull(conn, got)
	return got
}

func TestListenOnATakenPort(t *testing.T) {
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	services := []Service{{"tcp", freePort(t, "tcp")}, {"tcp", uint16(l.Addr().(*net.TCPAddr).Port)}}
	if err := Listen(t.Context(), services, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a taken port is no error")
	}
}

func TestLookPathFindsThisProgramFirst(t *testing.T) {
	if _, err := lookPath("no-such-program"); err == nil || !strings.Contains(err.Error(), "no-such-program") {
		t.Errorf("got %v", err)
	}
	if path, err := lookPath("sh"); err != nil || !strings.HasSuffix(path, "/sh") {
		t.Errorf("sh: %q, %v", path, err)
	}
	if path, err := lookPath("lab.test"); err != nil || !strings.HasSuffix(path, "/lab.test") {
		t.Errorf("this program: %q, %v", path, err)
	}
}
