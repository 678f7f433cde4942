package flowlog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/vpc"
)

const briefly = "${interface-id} ${flow-direction} ${dstport} ${packets} ${start} ${end} ${log-status}"

// minutely is a log of one minute.
func (l Log) minutely() Log {
	l.Interval = MinInterval
	return l
}

// named is the log under another id, with a file of its own.
func (l Log) named(name string) Log {
	l.ID, l.Name, l.Destination = vpc.NewID("fl", name), name, "DIR/"+name
	return l
}

// web sends a segment from b to a, to a port of its own.
func (w *world) web(port int) {
	w.t.Helper()
	w.send(b, tcp(w.t, fmt.Sprintf("%s:%d", bAddr, 1000), fmt.Sprintf("%s:%d", aAddr, port), syn, 60))
	w.sync()
}

// noon is a time at which intervals of both lengths begin.
const noon = 1_400_004_000

func TestIntervalsEnd(t *testing.T) {
	long := logOf(a).in(t, briefly)
	short := long.named("short").minutely()
	w := pair(t, long, short)
	w.tick(noon)
	for _, at := range []int64{noon + 1, noon + 59, noon + 61, noon + 599, noon + 601} {
		w.at(at)
		w.web(80)
		if at == noon+59 || at == noon+61 {
			w.tick(at/60*60 + 60)
		}
	}
	w.tick(noon + 660)
	line := func(packets, start, end int64) string {
		return fmt.Sprint(a, " ingress 80 ", packets, " ", start, " ", end, " OK")
	}
	none := func(start, end int64) string { return fmt.Sprint(a, " - - - ", start, " ", end, " NODATA") }
	got := w.read("short")
	wantLines(t, got[1:], // the first is NODATA of the time before noon
		line(2, noon+1, noon+59), line(1, noon+61, noon+61), line(2, noon+599, noon+601))
	w.tick(noon + 720)
	wantLines(t, w.read("short")[len(got):], none(noon+660, noon+720))
	// The other one's interval ended late, with a packet of the next in it: at 660
	// somebody looked.
	wantLines(t, w.written()[1:], line(5, noon+1, noon+601))
}

func TestTheClockIsSetBack(t *testing.T) {
	w := pair(t, logOf(a).in(t, briefly))
	w.tick(noon)
	w.at(noon + 30)
	w.web(80)
	w.tick(noon - 5000)
	if got := w.read("log"); len(got) != 2 {
		t.Errorf("the interval goes on:\n%s", strings.Join(got, "\n"))
	}
}

func TestTrafficTypes(t *testing.T) {
	all := logOf(a).in(t, "${dstport} ${action}")
	accepted, rejected := all.named("accepted"), all.named("rejected")
	accepted.Traffic, rejected.Traffic = AcceptedTraffic, RejectedTraffic
	w := pair(t, all, accepted.minutely(), rejected.minutely())
	w.tick(noon)
	for _, name := range []string{"accepted", "rejected"} {
		if err := os.Truncate(filepath.Join(w.dir, name), 0); err != nil { // NODATA before
			t.Fatal(err)
		}
	}
	w.web(80)
	w.web(81)
	w.tick(noon + 60)
	w.web(80)
	w.tick(noon + 120)
	wantLines(t, w.read("accepted"), "80 ACCEPT", "80 ACCEPT")
	wantLines(t, w.read("rejected"), "81 REJECT") // no NODATA of the second minute: there was traffic
	wantLines(t, w.written(), "- -", "80 ACCEPT", "81 REJECT")
}

func TestResources(t *testing.T) {
	for resource, want := range map[string]string{
		"": a + " ingress|" + b + " egress", theVPC: a + " ingress|" + b + " egress", theSubnet: a + " ingress",
		otherSubnet: b + " egress", a: a + " ingress", b: b + " egress",
	} {
		w := pair(t, logOf(resource).in(t, "${interface-id} ${flow-direction}"))
		w.web(80)
		w.send(h, tcp(t, hAddr+":1", bAddr+":80", syn, 60))
		w.sync()
		var expected []string
		for _, line := range strings.Split(want, "|") {
			expected = append(expected, line)
			if strings.HasPrefix(line, b) {
				expected = append(expected, b+" ingress")
			}
		}
		wantLines(t, w.written(), expected...)
	}
}

func TestAnUnchangedLogKeepsItsSums(t *testing.T) {
	keep := logOf("").in(t, briefly)
	w := pair(t, keep, keep.named("gone"))
	w.tick(noon)
	w.at(noon + 1)
	w.web(80)
	// The configuration changes: b goes, a log goes, another comes.
	w.res.Interfaces = slices.DeleteFunc(w.res.Interfaces, func(n vpc.NetworkInterface) bool { return n.ID == b })
	w.apply(Change{Remove: []string{vpc.NewID("fl", "gone")}, Add: []Log{keep.named("new")}})
	gone := w.read("gone")
	w.at(noon + 2)
	w.send(h, tcp(t, hAddr+":1000", aAddr+":80", syn, 60))
	w.sync()
	first := fmt.Sprint(" ingress 80 1 ", noon+1, " ", noon+1, " OK")
	second := fmt.Sprint(" ingress 80 1 ", noon+2, " ", noon+2, " OK")
	wantLines(t, gone[len(gone)-2:], a+first, b+strings.Replace(first, "ingress", "egress", 1))
	kept := w.written()
	wantLines(t, kept[len(kept)-3:], a+first, a+second, b+strings.Replace(first, "ingress", "egress", 1))
	wantLines(t, w.read("new"), a+second)
}

func TestAddRemoveList(t *testing.T) {
	w := pair(t)
	l := logOf(b)
	l.Destination = filepath.Join(w.dir, "deep", "er", "log")
	if err := w.m.Add(l); err != nil {
		t.Fatal(err)
	}
	w.tick(noon)
	w.web(80)
	w.tick(noon + 600)
	want := Status{Log: l, CreationTime: time.Unix(epoch, 0).UTC(), Records: 1}
	if got := w.m.List(); len(got) != 1 || got[0] != want {
		t.Errorf("%+v\nwant %+v", got, want)
	}
	if err := w.m.Remove(l.ID); err != nil {
		t.Fatal(err)
	}
	if got := w.m.List(); len(got) != 0 {
		t.Errorf("%+v is left", got)
	}
	if w.m.stop != nil {
		t.Error("the gateway is still watched")
	}
	w.web(80)
	for i := range w.m.collector.shards {
		if n := len(w.m.collector.shards[i].flows); n != 0 {
			t.Errorf("%d flows are collected for no log", n)
		}
	}
	if err := w.m.Remove(l.ID); err == nil {
		t.Error("a log was removed twice")
	}
	if err := w.m.Close(); err != nil {
		t.Error(err)
	}
	if err := w.m.Add(l); !errors.Is(err, errClosed) {
		t.Errorf("added to a closed manager: %v", err)
	}
}

func TestLogsThatCannotBeAdded(t *testing.T) {
	w := pair(t, logOf(""))
	dir := filepath.Join(w.dir, "folder")
	pipe := filepath.Join(w.dir, "pipe")
	link := filepath.Join(w.dir, "link")
	if err := errors.Join(os.Mkdir(dir, 0o755), unix.Mkfifo(pipe, 0o600), os.Symlink(filepath.Join(w.dir, "log"), link)); err != nil {
		t.Fatal(err)
	}
	good := logOf("").named("other")
	good.Destination = filepath.Join(w.dir, "other")
	for _, c := range []struct {
		name, want string
		change     func(*Log)
	}{
		{"id", `id "fl-1": want fl- and 17 hexadecimal digits`, func(l *Log) { l.ID = "fl-1" }},
		{"id that is there", "there is a flow log with this id already", func(l *Log) { l.ID = vpc.NewID("fl", "log") }},
		{"interval", "maximum aggregation interval 5m0s: want 1m0s or 10m0s", func(l *Log) { l.Interval = 5 * time.Minute }},
		{"format", "the log format has no fields", func(l *Log) { l.Format = Log{}.Format }},
		{"destination", "want a destination", func(l *Log) { l.Destination = "" }},
		{"size", "want a file size and a number of files", func(l *Log) { l.MaxFileSize = 0 }},
		{"resource", `resource "vpc-2": there is no VPC, subnet or network interface with this id`, func(l *Log) { l.ResourceID = "vpc-2" }},
		{"a folder", "is no regular file", func(l *Log) { l.Destination = dir }},
		{"a pipe", "is no regular file", func(l *Log) { l.Destination = pipe }},
		{"below a file", "not a directory", func(l *Log) { l.Destination = filepath.Join(w.dir, "log", "x") }},
		{"another's file", "is written by flow log " + vpc.NewID("fl", "log"), func(l *Log) { l.Destination = filepath.Join(w.dir, "log") }},
		{"another's file by a link", "is written by flow log", func(l *Log) { l.Destination = link }},
	} {
		l := good
		c.change(&l)
		err := w.m.Add(l)
		if about := (*Error)(nil); err == nil || !strings.Contains(err.Error(), c.want) || !errors.As(err, &about) || about.Log != l {
			t.Errorf("%s: %v, want %q in it", c.name, err, c.want)
		}
	}
	if got := w.m.List(); len(got) != 1 {
		t.Errorf("%d logs are left, want 1", len(got))
	}
	if err := w.m.Add(good); err != nil { // nothing is held by those that failed
		t.Error(err)
	}
	if err := New(w.g, Options{}).Add(logOf(theVPC)); err == nil || !strings.Contains(err.Error(), "there is no VPC") {
		t.Errorf("without resources: %v", err)
	}
}

// TestOneWhoScansDoesNotSilenceTheOthers sends more flows than one sender may
// have; then more than all may.
func TestOneWhoScansDoesNotSilenceTheOthers(t *testing.T) {
	res := resources("10.0.0.0/16", "10.0.0.0/24", "10.0.1.0/24", everything(), everything(),
		instance(a, aAddr), neighbour(b, bAddr), neighbour(c, cAddr), host(h, hAddr))
	w := newWorld(t, res, Options{Flows: 20}, logOf("").minutely().in(t, "${interface-id} ${dstport} ${log-status}"))
	w.tick(noon)
	before := len(w.read("log"))
	for port := range 10 {
		w.send(b, udp(t, bAddr+":1", fmt.Sprintf("%s:%d", aAddr, port+1), 40))
	}
	w.send(c, udp(t, cAddr+":1", hAddr+":99", 40))
	w.tick(noon + 60)
	var want []string
	for port := range 5 { // a quarter of 20
		want = append(want, fmt.Sprint(a, " ", port+1, " OK"), fmt.Sprint(b, " ", port+1, " OK"))
	}
	got := w.read("log")[before:]
	wantLines(t, got, append(want, a+" - SKIPDATA", b+" - SKIPDATA", c+" 99 OK")...)
	before += len(got)
	// The room is there again.
	w.send(b, udp(t, bAddr+":1", aAddr+":1", 40))
	w.tick(noon + 120)
	wantLines(t, w.read("log")[before:], a+" 1 OK", b+" 1 OK", c+" - NODATA")
}

// TestAllOfAnInterfacesRecordsAreLost has SKIPDATA for it, and not NODATA, too.
func TestAllOfAnInterfacesRecordsAreLost(t *testing.T) {
	res := resources("10.0.0.0/16", "10.0.0.0/24", "10.0.1.0/24", everything(), everything(),
		instance(a, aAddr), neighbour(b, bAddr), neighbour(c, cAddr), neighbour("eni-ddddddddddddddddd", "10.0.1.8"), host(h, hAddr), host("host-2", "203.0.113.8"))
	w := newWorld(t, res, Options{Flows: 4}, logOf(c).minutely().in(t, "${interface-id} ${log-status}"), logOf(b).named("b"))
	w.tick(noon)
	before := len(w.read("log"))
	for _, from := range []struct{ id, addr string }{{a, aAddr}, {h, hAddr}, {"host-2", "203.0.113.8"}, {"eni-ddddddddddddddddd", "10.0.1.8"}} {
		w.send(from.id, udp(t, from.addr+":1", bAddr+":1", 40))
		w.sync()
	}
	w.send(c, udp(t, cAddr+":1", aAddr+":1", 40))
	w.tick(noon + 60)
	wantLines(t, w.read("log")[before:], c+" SKIPDATA")
}

// TestAnInterfaceThatHasJustCome sends before the flow logs know of it.
func TestAnInterfaceThatHasJustCome(t *testing.T) {
	w := pair(t, logOf("").in(t, "${interface-id} ${dstport}"))
	w.res.Interfaces = append(slices.Clone(w.res.Interfaces), neighbour(c, cAddr))
	s, err := vpc.New(w.res)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := w.m.Plan(Change{Snapshot: s})
	if err != nil {
		t.Fatal(err)
	}
	w.attach(c)
	if err := w.g.Apply(filter.Compile(s)); err != nil {
		t.Fatal(err)
	}
	w.send(c, udp(t, cAddr+":1", hAddr+":53", 40))
	w.sync()
	if err := plan.Apply(); err != nil {
		t.Fatal(err)
	}
	wantLines(t, w.written(), c+" 53")
}

func TestMoreFlowsThanThereIsRoomFor(t *testing.T) {
	e := shown(t)
	k := newCollector(10)
	k.share = 1000
	k.covers.Store(&coverage{all: true})
	for i := range 15 {
		flow(e, i)
		k.Packet(e)
	}
	flow(e, 3)
	k.Packet(e) // one that is known
	taken := k.take()
	if len(taken) != 1 || len(taken[0].flows) != 10 || taken[0].lost[e.In] != 5 || taken[0].lost[e.Out] != 5 {
		t.Errorf("%d flows, lost %v; want 10, and 5 at each end", len(taken[0].flows), taken[0].lost)
	}
	for i := range 10 {
		flow(e, i)
		k.Packet(e)
	}
	if taken := k.take(); len(taken[0].flows) != 10 || len(taken[0].lost) != 0 {
		t.Errorf("after all was taken: %d flows, lost %v", len(taken[0].flows), taken[0].lost)
	}
}

// TestALongIntervalIsCutShortWhereThereIsMuch has a log of ten minutes that writes
// earlier.
func TestALongIntervalIsCutShortWhereThereIsMuch(t *testing.T) {
	res := resources("10.0.0.0/16", "10.0.0.0/24", "10.0.1.0/24", everything(), everything(), instance(a, aAddr), neighbour(b, bAddr))
	w := newWorld(t, res, Options{Flows: 8}, logOf(a).in(t, "${dstport} ${log-status}"))
	w.tick(noon)
	for minute := range int64(4) {
		for port := range int64(2) {
			w.send(b, udp(t, bAddr+":1", fmt.Sprintf("%s:%d", aAddr, 10*minute+port+1), 40))
		}
		w.tick(noon + 60*(minute+1))
		if got, want := len(w.read("log"))-1, 8; minute == 3 && got != want {
			t.Errorf("after minute %d there are %d lines, want %d", minute, got, want)
		} else if minute < 3 && got != 0 {
			t.Errorf("after minute %d there are %d lines, want none", minute, got)
		}
	}
	w.tick(noon + 600)
	if got := w.read("log"); len(got) != 9 { // and no NODATA
		t.Errorf("at the interval's end:\n%s", strings.Join(got, "\n"))
	}
}

// TestPacketsWhileEverythingChanges is for the race detector.
func TestPacketsWhileEverythingChanges(t *testing.T) {
	w := pair(t, logOf(""))
	other := logOf(b).named("other")
	other.Destination = filepath.Join(w.dir, "other")
	stop := make(chan struct{})
	var changes sync.WaitGroup
	changes.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			switch i % 3 {
			case 0:
				_ = w.m.Add(other)
			case 1:
				w.m.Tick()
				w.m.List()
			case 2:
				_ = w.m.Remove(other.ID)
			}
		}
	})
	for i := range 500 {
		w.send(b, tcp(t, fmt.Sprintf("%s:%d", bAddr, 1000+i), aAddr+":80", syn, 60))
		w.send(a, tcp(t, fmt.Sprintf("%s:%d", aAddr, 1000+i), bAddr+":80", syn, 60))
	}
	w.sync()
	close(stop)
	changes.Wait()
	if got := w.written(); len(got) != 2000 {
		t.Errorf("%d records, want 2000: none is lost, none there twice", len(got))
	}
}

func TestRunLooksEachMinute(t *testing.T) {
	w := pair(t, logOf(a).minutely())
	w.web(80)
	w.at(noon)
	w.clock.Add(-1000) // the minute ends in a microsecond
	ctx, end := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.m.Run(ctx)
	}()
	for deadline := time.Now().Add(10 * time.Second); len(w.read("log")) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nothing is written when the minute ends")
		}
	}
	end()
	<-done
}
