package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/internal/needs"
	"github.com/sgate/sgate/stack"
)

// capturing is a gateway that has captured two packets and lost three, and says
// so when it is asked to end, or at once if two are enough.
type capturing struct {
	control.Backend
	asked chan control.CaptureRequest
}

func (c *capturing) Capture(ctx context.Context, r control.CaptureRequest, w io.Writer) error {
	c.asked <- r
	file, err := pcapgo.NewNgWriterInterface(w, pcapgo.NgInterface{Name: "web", LinkType: layers.LinkTypeRaw, SnapLength: uint32(r.Snaplen)}, pcapgo.NgWriterOptions{})
	if err != nil {
		return err
	}
	for i, comment := range []string{
		"sgate: ALLOW rule, to db; egress: allowed by sgr-1 (web); ingress: allowed by sgr-2 (db) | verdict=allow",
		"sgate: DROP no_ingress_rule, to db; egress: allowed by sgr-1 (web); ingress: no rule of db admits tcp 22 from 10.0.1.10 | verdict=drop",
	} {
		p := stack.Compose(stack.Composition{
			Src: netip.MustParseAddr("10.0.1.10"), Dst: netip.MustParseAddr("10.0.2.30"), Protocol: 6,
			SrcPort: 40000, DstPort: []uint16{3306, 22}[i],
		})
		if err := file.WritePacketWithOptions(gopacket.CaptureInfo{
			Timestamp: time.Date(2026, 11, 21, 12, 0, i, 0, time.UTC), CaptureLength: len(p), Length: len(p),
		}, p, pcapgo.NgPacketOptions{Comments: []string{comment}}); err != nil {
			return err
		}
	}
	if err := file.Flush(); err != nil {
		return err
	}
	if r.Count != 2 {
		<-ctx.Done()
	}
	return errors.Join(file.WriteInterfaceStats(0, pcapgo.NgInterfaceStatistics{PacketsReceived: 5, PacketsDropped: 3}), file.Flush())
}

// serveCapturing returns such a gateway, the path of its socket, and what ends it.
func serveCapturing(t *testing.T) (c *capturing, socket string, end func()) {
	t.Helper()
	s, err := control.Listen(filepath.Join(t.TempDir(), "s.sock"))
	if err != nil {
		t.Fatal(err)
	}
	c = &capturing{asked: make(chan control.CaptureRequest, 10)}
	s.Serve(c, slog.New(slog.DiscardHandler))
	end = func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(end)
	return c, s.Path(), end
}

// runSgate runs a command in this process.
func runSgate(ctx context.Context, stdout io.Writer, args ...string) (stderr string, err error) {
	var said bytes.Buffer
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(&said)
	err = root.ExecuteContext(ctx)
	return said.String(), err
}

const (
	captureBegins = "capturing, link-type RAW (Raw IP), snapshot length 262144 bytes; Ctrl-C ends\n"
	captureEnds   = "2 packets captured\n5 packets received by filter\n3 packets dropped by the gateway's buffer\n"
	captureText   = `12:00:00.000000 web In  IP 10.0.1.10.40000 > 10.0.2.30.3306: Flags [S], length 0: ALLOW rule, to db; egress: allowed by sgr-1 (web); ingress: allowed by sgr-2 (db)
12:00:01.000000 web In  IP 10.0.1.10.40000 > 10.0.2.30.22: Flags [S], length 0: DROP no_ingress_rule, to db; egress: allowed by sgr-1 (web); ingress: no rule of db admits tcp 22 from 10.0.1.10
`
)

// inUTC has times printed in UTC.
func inUTC(t *testing.T) {
	t.Helper()
	zone := time.Local
	time.Local = time.UTC
	t.Cleanup(func() { time.Local = zone })
}

// packetsIn counts the packets of a pcapng file.
func packetsIn(t *testing.T, b []byte) (n int) {
	t.Helper()
	r, err := pcapgo.NewNgReader(bytes.NewReader(b), pcapgo.NgReaderOptions{})
	for ; err == nil; n++ {
		_, _, err = r.ReadPacketData()
	}
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return n - 1
}

func TestCaptureCommand(t *testing.T) {
	inUTC(t)
	c, socket, _ := serveCapturing(t)
	file := filepath.Join(t.TempDir(), "x.pcapng")
	for _, run := range []struct {
		args        []string
		request     control.CaptureRequest
		text, files bool
	}{
		{[]string{"--print", "-c", "2", "-s", "0"}, control.CaptureRequest{Count: 2}, true, false},
		{[]string{"--print", "-w", file, "-c2"}, control.CaptureRequest{Count: 2}, true, true},
		{[]string{"-w", file, "--duration", "1ms"}, control.CaptureRequest{}, false, true},
		{[]string{"-w", "-", "--count", "2"}, control.CaptureRequest{Count: 2}, false, false},
		{
			[]string{
				"-c", "2", "-i", "web", "--instance", "db", "--from", "web", "--to", "10.0.0.0/8", "--protocol", "tcp", "--port", "22", "--vpc", "main",
				"--verdict", "drop", "--reason", "land,multicast", "--reason", "broadcast", "--both-ends", "-B", "1024",
			},
			control.CaptureRequest{
				Count: 2, Instances: []string{"web", "db"}, From: "web", To: "10.0.0.0/8", Protocol: "tcp", Port: 22, VPC: "main",
				Verdict: "drop", Reasons: []string{"land", "multicast", "broadcast"}, BothEnds: true, Buffer: 1 << 20,
			}, false, false,
		},
	} {
		if err := os.RemoveAll(file); err != nil {
			t.Fatal(err)
		}
		var stdout bytes.Buffer
		stderr, err := runSgate(t.Context(), &stdout, append([]string{"capture", "--control", socket}, run.args...)...)
		if err != nil || stderr != captureBegins+captureEnds {
			t.Errorf("%q: %v\n%s", run.args, err, stderr)
		}
		run.request.Snaplen = 262144
		if run.request.Buffer == 0 {
			run.request.Buffer = 16 << 20
		}
		if diff := cmp.Diff(run.request, <-c.asked); diff != "" {
			t.Errorf("%q asks for (-want +got):\n%s", run.args, diff)
		}
		switch {
		case run.text:
			if diff := cmp.Diff(captureText, stdout.String()); diff != "" {
				t.Errorf("%q prints (-want +got):\n%s", run.args, diff)
			}
		case !run.files:
			if n := packetsIn(t, stdout.Bytes()); n != 2 {
				t.Errorf("%q: %d packets", run.args, n)
			}
		}
		if b, err := os.ReadFile(file); (err == nil) != run.files || run.files && packetsIn(t, b) != 2 {
			t.Errorf("%q: the file: %d bytes, %v", run.args, len(b), err)
		}
	}
}

// seen is an output that does something once something is printed.
type seen struct {
	bytes.Buffer
	then func()
}

func (s *seen) Write(p []byte) (int, error) {
	if s.Len() == 0 {
		defer s.then()
	}
	return s.Buffer.Write(p)
}

// TestCaptureInterrupted ends a capture as Ctrl-C does, and by the gateway's end.
func TestCaptureInterrupted(t *testing.T) {
	inUTC(t)
	for name, byGateway := range map[string]bool{"Ctrl-C": false, "the gateway's end": true} {
		c, socket, end := serveCapturing(t)
		ctx, cancel := context.WithCancel(t.Context())
		stdout := &seen{then: cancel}
		if byGateway {
			stdout.then = func() { go end() } // which waits until the capture has come to its end
		}
		stderr, err := runSgate(ctx, stdout, "capture", "--control", socket, "--print")
		<-c.asked
		want := captureBegins + captureEnds
		if byGateway {
			want += "the gateway has ended\n"
		}
		if err != nil || stderr != want || stdout.String() != captureText {
			t.Errorf("%s: %v\n%s%s", name, err, stderr, stdout.String())
		}
		cancel()
	}
}

// TestCaptureRefusesFlags holds what is said of flags that make no sense.
func TestCaptureRefusesFlags(t *testing.T) {
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		needs.Optional(t, "terminal ("+err.Error()+")")
	}
	defer terminal.Close()
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "pcapng is nothing for a terminal: print text by --print, write a file by -w FILE, or pipe it: sgate capture -w - | tshark -r -"},
		{[]string{"-w", "-"}, "pcapng is nothing for a terminal"},
		{[]string{"-w", "-", "--print"}, "standard output cannot take both"},
		{[]string{"--print", "-C", "1"}, "--file-size: want a file by --write FILE, too"},
		{[]string{"-w", "x", "-C", "0"}, "--file-size 0: want 1 or more"},
		{[]string{"-w", "x", "-W", "2"}, "--file-count: want --file-size, too"},
		{[]string{"-w", "x", "-C", "1", "-W", "0"}, "--file-count 0: want 1 or more"},
		{[]string{"-w", ""}, "--write is empty: want a value"},
		{[]string{"--print", "-s", "-1"}, "--snaplen -1: want 0 for all, or more"},
		{[]string{"--print", "-B", "1"}, "--buffer-size 1: want from 256 to 262144"},
		{[]string{"--print", "-c", "0"}, "--count 0: want 1 or more"},
		{[]string{"--print", "--duration", "0s"}, "--duration 0s: want more than 0"},
		{[]string{"--print", "--port", "0"}, "--port 0: want a port from 1 to 65535"},
	} {
		_, err := runSgate(t.Context(), terminal, append([]string{"capture", "--control", "/nonexistent"}, c.args...)...)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %s", c.args, err, c.want)
		}
	}
}
