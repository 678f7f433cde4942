package top

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sgate/sgate/control"
)

// utc makes a sample whose time is the same everywhere.
func utc(seconds float64, faces ...control.Counters) snapshot {
	s := sample(seconds, faces...)
	s.At = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC).Add(s.At.Sub(noon))
	return s
}

func play(t *testing.T, p *printer) {
	t.Helper()
	odd := face("a name\x1b[2J", 7, nil)
	odd.ID = "eni-1"
	for _, step := range []struct {
		snapshot
		err error
	}{
		{utc(0, face("web", 100, reason(5)), odd), nil},
		{utc(2, face("web", 3100, map[string]uint64{"no_ingress_rule": 30, "bad_checksum": 1}), odd), nil},
		{snapshot{}, errGone}, {snapshot{}, errGone},
		{utc(4, face("web", 3, nil), face("an-instance-with-a-rather-long-name", 1, nil)), nil},
	} {
		if err := p.sample(step.snapshot, step.err); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPrintRows holds the form that logs and awk read.
func TestPrintRows(t *testing.T) {
	var out, log bytes.Buffer
	out.WriteString(rowsHead)
	play(t, &printer{w: &out, log: &log, write: writeRows})
	want := `TIME                  NAME              INTERFACE                 IN_PPS       IN_BIT/S    OUT_PPS      OUT_BIT/S     DROP/S    DROPPED   CT_AVAIL  REASONS
2026-01-02T12:00:02Z  web               eni-00000000000000web     1500.0        1200000     3000.0       24000000       13.0         31       1000  bad_checksum=0.5,no_ingress_rule=12.5
2026-01-02T12:00:02Z  a_name?[2J        eni-1                        0.0              0        0.0              0        0.0          0       1000  -
2026-01-02T12:00:02Z  total             -                         1500.0        1200000     3000.0       24000000       13.0         31          -  bad_checksum=0.5,no_ingress_rule=12.5
2026-01-02T12:00:04Z  web               eni-00000000000000web          -              -          -              -          -         31       1000  -
2026-01-02T12:00:04Z  an-instance-with-a-rather-long-name  eni--rather-long-name          -              -          -              -          -          0       1000  -
2026-01-02T12:00:04Z  total             -                            0.0              0        0.0              0        0.0         31          -  -
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 2 || !strings.HasSuffix(lines[0], "no answer: "+errGone.Error()+"; trying again") || lines[1] != "sgate: 2026-01-02T12:00:04Z: the gateway answers" {
		t.Errorf("log: %q", lines)
	}
}

// TestPrintRecords holds the form that programs read.
func TestPrintRecords(t *testing.T) {
	var out, log bytes.Buffer
	play(t, &printer{w: &out, log: &log, write: writeRecord})
	want := `{"time":"2026-01-02T12:00:02Z","interval_seconds":2,"generation":3,"flows":1234,"max_flows":262144,` +
		`"total":{"in_packets":1500,"in_bits":1200000,"out_packets":3000,"out_bits":24000000,"drop_packets":13,"drop_packets_by_reason":{"bad_checksum":0.5,"no_ingress_rule":12.5},"dropped_by_reason":{"bad_checksum":1,"no_ingress_rule":30}},` +
		`"interfaces":[{"name":"web","id":"eni-00000000000000web","conntrack_allowance_available":1000,"in_packets":1500,"in_bits":1200000,"out_packets":3000,"out_bits":24000000,"drop_packets":13,"drop_packets_by_reason":{"bad_checksum":0.5,"no_ingress_rule":12.5},"dropped_by_reason":{"bad_checksum":1,"no_ingress_rule":30}},` +
		`{"name":"a name\u001b[2J","id":"eni-1","conntrack_allowance_available":1000,"in_packets":0,"in_bits":0,"out_packets":0,"out_bits":0,"drop_packets":0,"drop_packets_by_reason":{},"dropped_by_reason":{}}]}
`
	first, rest, _ := strings.Cut(out.String(), "\n")
	if diff := cmp.Diff(want, first+"\n"); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var r Record
	if err := json.Unmarshal([]byte(rest), &r); err != nil || r.Interfaces[0].In != nil || r.Total.In == nil {
		t.Errorf("%v, %+v: want no rates of a device that was made anew", err, r)
	}
}

// full is a disk without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// TestPrint holds that Print ends by itself: when there have been enough, when
// nobody reads, when it is told to.
func TestPrint(t *testing.T) {
	f := &fake{}
	client, end := serve(t, f, filepath.Join(t.TempDir(), "s.sock"))
	o := PrintOptions{Gateway: client, Interval: MinInterval, Count: 2, Log: &bytes.Buffer{}}
	var out bytes.Buffer
	if err := Print(t.Context(), &out, o); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(out.String(), "\n"); len(lines) != 1+2*3+1 || f.asked != 3 {
		t.Errorf("asked %d times; printed:\n%s", f.asked, out.String())
	}
	out.Reset()
	o.JSON, o.Count = true, 1
	if err := Print(t.Context(), &out, o); err != nil || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("%v, printed:\n%s", err, out.String())
	}
	o.Count = 0
	if err := Print(t.Context(), full{}, o); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a full disk: %v", err)
	}
	o.JSON = false
	if err := Print(t.Context(), full{}, o); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a full disk: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	o.Log = writer(func(string) { cancel() }) // it says so when the gateway has gone
	ended := writer(func(string) { end() })
	if err := Print(ctx, ended, o); err != nil {
		t.Errorf("ended by its context: %v", err)
	}
}

// writer is called with what is written.
type writer func(string)

func (w writer) Write(p []byte) (int, error) {
	w(string(p))
	return len(p), nil
}
