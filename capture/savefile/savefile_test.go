package savefile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// gateway writes a capture as a gateway does.
type gateway struct {
	t    *testing.T
	file *pcapgo.NgWriter
	n    int // packets
}

func newGateway(t *testing.T, to io.Writer, interfaces ...string) *gateway {
	t.Helper()
	first := pcapgo.NgInterface{Name: interfaces[0], Description: "eni-" + interfaces[0], Filter: "port 22", LinkType: layers.LinkTypeRaw, SnapLength: 1000}
	file, err := pcapgo.NewNgWriterInterface(to, first, pcapgo.NgWriterOptions{SectionInfo: pcapgo.NgSectionInfo{Application: "sgate"}})
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{t: t, file: file}
	for _, name := range interfaces[1:] {
		g.add(name)
	}
	return g
}

func (g *gateway) add(name string) {
	g.t.Helper()
	if _, err := g.file.AddInterface(pcapgo.NgInterface{Name: name, LinkType: layers.LinkTypeRaw, SnapLength: 1000}); err != nil {
		g.t.Fatal(err)
	}
}

// packet writes a packet, a microsecond after the one before.
func (g *gateway) packet(i int, data []byte, lost uint64, direction pcapgo.NgEpbFlag) {
	g.t.Helper()
	o := pcapgo.NgPacketOptions{
		Comments: []string{fmt.Sprintf("sgate: DROP no_ingress_rule, to db; packet %d | verdict=drop", g.n)},
		Flags:    &pcapgo.NgEpbFlags{Direction: direction},
		Verdicts: []pcapgo.NgEpbVerdict{{Type: pcapgo.NgEpbVerdictTypeLinuxeBPFTC, Data: []byte{2, 0, 0, 0, 0, 0, 0, 0}}},
	}
	if lost > 0 {
		o.DropCount = &lost
	}
	err := g.file.WritePacketWithOptions(gopacket.CaptureInfo{
		Timestamp: noon.Add(time.Duration(g.n) * time.Microsecond), InterfaceIndex: i, CaptureLength: len(data), Length: len(data) + 7,
	}, data, o)
	g.n++
	if err := errors.Join(err, g.file.Flush()); err != nil {
		g.t.Fatal(err)
	}
}

func (g *gateway) in(i int, data []byte) { g.packet(i, data, 0, pcapgo.NgEpbFlagDirectionInbound) }

func (g *gateway) statistics(i int, received, dropped uint64) {
	g.t.Helper()
	err := g.file.WriteInterfaceStats(i, pcapgo.NgInterfaceStatistics{LastUpdate: noon, StartTime: noon, EndTime: noon, PacketsReceived: received, PacketsDropped: dropped})
	if err := errors.Join(err, g.file.Flush()); err != nil {
		g.t.Fatal(err)
	}
}

// contents is what a reader finds in a pcapng file.
type contents struct {
	Interfaces []string
	Packets    []string
}

func read(t *testing.T, b []byte) (c contents) {
	t.Helper()
	r, err := pcapgo.NewNgReader(bytes.NewReader(b), pcapgo.NgReaderOptions{})
	if err != nil {
		t.Fatalf("%v: %x", err, b)
	}
	for {
		data, info, o, err := r.ReadPacketDataWithOptions()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		lost := uint64(0)
		if o.DropCount != nil {
			lost = *o.DropCount
		}
		c.Packets = append(c.Packets, fmt.Sprintf("%d %s %d of %d, %d lost, direction %d, %v, %v", info.InterfaceIndex, info.Timestamp.Sub(noon), len(data), info.Length, lost, o.Flags.Direction, o.Verdicts[0].Data[0], o.Comments))
	}
	for i := range r.NInterfaces() {
		n, _ := r.Interface(i)
		c.Interfaces = append(c.Interfaces, fmt.Sprintf("%s %s %s %v %d: %d - %d", n.Name, n.Description, n.Filter, n.LinkType, n.SnapLength, n.Statistics.PacketsReceived, n.Statistics.PacketsDropped))
	}
	return c
}

// TestToAPipe passes on all there is.
func TestToAPipe(t *testing.T) {
	var in, out bytes.Buffer
	g := newGateway(t, &in, "web", "db")
	g.in(0, make([]byte, 40))
	g.packet(1, make([]byte, 60), 3, pcapgo.NgEpbFlagDirectionInbound)
	g.packet(0, make([]byte, 60), 0, pcapgo.NgEpbFlagDirectionOutbound)
	g.add("new")
	g.in(2, nil)
	g.statistics(0, 1, 0)
	g.statistics(1, 6, 5) // two more after its last packet
	g.statistics(2, 1, 0)
	want := read(t, in.Bytes())
	s, err := Save(&in, Options{Out: &out})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, read(t, out.Bytes())); diff != "" {
		t.Errorf("(-in +out):\n%s", diff)
	}
	if want := (Summary{Captured: 3, Dropped: 5}); s != want {
		t.Errorf("%+v, want %+v", s, want)
	}
	if len(want.Packets) != 4 || want.Interfaces[1] != "db   Raw 1000: 6 - 5" {
		t.Errorf("the test's own capture: %q", want)
	}
}

// TestNoPackets has only interfaces and statistics to pass on.
func TestNoPackets(t *testing.T) {
	var in, out bytes.Buffer
	g := newGateway(t, &in, "web", "db")
	g.statistics(0, 0, 0)
	g.statistics(1, 0, 0)
	want := read(t, in.Bytes())
	if s, err := Save(&in, Options{Out: &out}); err != nil || s != (Summary{}) {
		t.Errorf("%+v, %v", s, err)
	}
	if diff := cmp.Diff(want, read(t, out.Bytes())); diff != "" || len(want.Interfaces) != 2 {
		t.Errorf("(-in +out):\n%s", diff)
	}
}

// TestNothingIsHeldBack sees a packet on the other side while the gateway has no
// other one.
func TestNothingIsHeldBack(t *testing.T) {
	fromGateway, toUs := io.Pipe()
	toReader, fromUs := io.Pipe()
	done := make(chan error, 1)
	var text syncBuffer
	go func() {
		_, err := Save(fromGateway, Options{Out: fromUs, Text: &text})
		fromUs.Close()
		done <- err
	}()
	packets := make(chan string)
	go func() {
		defer close(packets)
		r, err := pcapgo.NewNgReader(toReader, pcapgo.NgReaderOptions{})
		for err == nil {
			var o pcapgo.NgPacketOptions
			if _, _, o, err = r.ReadPacketDataWithOptions(); err == nil {
				packets <- o.Comments[0]
			}
		}
	}()
	g := newGateway(t, toUs, "web")
	for i := range 3 {
		g.in(0, make([]byte, 40))
		if got, want := <-packets, fmt.Sprintf("packet %d ", i); !strings.Contains(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	toUs.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, more := <-packets; more {
		t.Error("a packet too many")
	}
	if lines := strings.Count(text.String(), "\n"); lines != 3 {
		t.Errorf("%d lines", lines)
	}
}

// TestSeveralFiles cuts a capture into files, each of which is whole.
func TestSeveralFiles(t *testing.T) {
	for _, c := range []struct {
		name  string
		files int
		want  map[string][]int // the packets of each file
	}{
		{"one after the other", 0, map[string][]int{
			"x.pcapng": {0, 1, 2}, "x.pcapng1": {3, 4, 5}, "x.pcapng2": {6, 7, 8}, "x.pcapng3": {9, 10, 11}, "x.pcapng4": {12},
		}},
		{"a ring", 2, map[string][]int{"x.pcapng0": {12}, "x.pcapng1": {9, 10, 11}}},
		{"a ring that is not full", 11, map[string][]int{
			"x.pcapng00": {0, 1, 2}, "x.pcapng01": {3, 4, 5}, "x.pcapng02": {6, 7, 8}, "x.pcapng03": {9, 10, 11}, "x.pcapng04": {12},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var in bytes.Buffer
			g := newGateway(t, &in, "web", "db")
			for i := range 13 {
				if i == 4 {
					g.add("new")
				}
				g.packet(i%2, make([]byte, 400), 1, pcapgo.NgEpbFlagDirectionInbound)
			}
			g.statistics(0, 20, 10)
			dir := t.TempDir()
			// The head of a file and two packets have less, and three more.
			s, err := Save(&in, Options{Path: filepath.Join(dir, "x.pcapng"), MaxBytes: 1500, Files: c.files})
			if err != nil || s != (Summary{Captured: 13, Dropped: 16}) {
				t.Errorf("%+v, %v", s, err)
			}
			got := make(map[string][]int)
			entries, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				b, err := os.ReadFile(filepath.Join(dir, e.Name()))
				if err != nil {
					t.Fatal(err)
				}
				f := read(t, b)
				for _, p := range f.Packets {
					var n int
					if _, err := fmt.Sscanf(p[strings.Index(p, "packet"):], "packet %d", &n); err != nil {
						t.Fatal(err)
					}
					got[e.Name()] = append(got[e.Name()], n)
				}
				if want := map[bool]int{false: 2, true: 3}[got[e.Name()][0] > 3 || len(got[e.Name()]) > 3]; len(f.Interfaces) < want {
					t.Errorf("%s has interfaces %q", e.Name(), f.Interfaces)
				}
				if strings.HasSuffix(f.Interfaces[1], ": 0 - 0") || strings.Contains(f.Interfaces[1], "18446744073709551615") {
					t.Errorf("%s: no statistics: %q", e.Name(), f.Interfaces)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestCutOff keeps what has come before the gateway broke off, in a file that is
// whole.
func TestCutOff(t *testing.T) {
	broken := errors.New("connection reset")
	for name, c := range map[string]struct {
		cut  int
		last error
		want error
	}{
		"between two packets":       {0, broken, broken},
		"within a packet":           {5, broken, broken},
		"within a packet, silently": {5, io.EOF, io.ErrUnexpectedEOF},
	} {
		var in bytes.Buffer
		g := newGateway(t, &in, "web")
		g.in(0, make([]byte, 40))
		g.packet(0, make([]byte, 40), 2, pcapgo.NgEpbFlagDirectionInbound)
		g.in(0, make([]byte, 40))
		in.Truncate(in.Len() - c.cut)
		path := filepath.Join(t.TempDir(), "x")
		s, err := Save(io.MultiReader(&in, &failing{c.last}), Options{Path: path})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f := read(t, b)
		want := 3
		if c.cut > 0 {
			want = 2
		}
		if len(f.Packets) != want || s.Captured != uint64(want) || s.Dropped != 2 || f.Interfaces[0] != fmt.Sprintf("web eni-web port 22 Raw 1000: %d - 2", want+2) {
			t.Errorf("%s: %+v, %q", name, s, f)
		}
	}
}

// TestCutOffAnywhere says why also where the parser would only say that.
func TestCutOffAnywhere(t *testing.T) {
	var in bytes.Buffer
	g := newGateway(t, &in, "web")
	g.in(0, make([]byte, 41))
	whole := in.Bytes()
	broken := errors.New("connection reset")
	for n := range whole {
		if _, err := Save(io.MultiReader(bytes.NewReader(whole[:n]), &failing{broken}), Options{Out: io.Discard}); !errors.Is(err, broken) {
			t.Errorf("after %d bytes of %d: %v", n, len(whole), err)
		}
	}
}

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

// TestNobodyTakesIt returns why writing has failed.
func TestNobodyTakesIt(t *testing.T) {
	for name, o := range map[string]Options{
		"pcapng": {Out: refusing{}}, "text": {Text: refusing{}},
		"a file": {Path: filepath.Join(t.TempDir(), "no", "such")},
	} {
		var in bytes.Buffer
		newGateway(t, &in, "web").in(0, make([]byte, 40))
		if _, err := Save(&in, o); !errors.Is(err, syscall.EPIPE) && !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Save(strings.NewReader("no pcapng at all"), Options{Out: io.Discard}); err == nil {
		t.Error("anything is taken for pcapng")
	}
}

type refusing struct{}

func (refusing) Write([]byte) (int, error) { return 0, syscall.EPIPE }
