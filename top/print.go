package top

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// PrintOptions say what Print prints.
type PrintOptions struct {
	Gateway  Gateway
	Interval time.Duration // between two samples; at least MinInterval
	Count    uint64        // how many intervals; 0 is until ctx is done
	JSON     bool
	Log      io.Writer // where it says that the gateway does not answer
}

// Print prints what a gateway does in each interval, for logs and programs: a line
// for each interface, and one for all; or, as JSON, a line for each interval. It
// returns nil when there have been enough or ctx is done, and the error of w. A
// gateway that is not there when Print begins is an error; one that goes later
// is waited for.
func Print(ctx context.Context, w io.Writer, o PrintOptions) error {
	if err := reach(ctx, o.Gateway); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p := &printer{w: w, log: o.Log, write: writeRows}
	if o.JSON {
		p.write = writeRecord
	} else if _, err := io.WriteString(w, rowsHead); err != nil {
		return err
	}
	var failed error
	every(ctx, max(o.Interval, MinInterval), func() {
		s, err := ask(ctx, o.Gateway, time.Now)
		if ctx.Err() != nil {
			return
		}
		failed = p.sample(s, err)
		if failed != nil || o.Count > 0 && p.printed == o.Count {
			cancel()
		}
	})
	return failed
}

// printer prints samples as they come.
type printer struct {
	w, log  io.Writer
	write   func(io.Writer, *reading) error
	meter   meter
	printed uint64 // intervals
	silent  bool   // the gateway has not answered last
}

// sample prints what has changed since the sample before.
func (p *printer) sample(s snapshot, err error) error {
	if err != nil {
		if !p.silent {
			fmt.Fprintf(p.log, "sgate: %s: no answer: %v; trying again\n", time.Now().UTC().Format(time.RFC3339), err)
		}
		p.silent = true
		return nil
	}
	if p.silent {
		fmt.Fprintf(p.log, "sgate: %s: the gateway answers\n", s.At.UTC().Format(time.RFC3339))
		p.silent = false
	}
	r := p.meter.add(s)
	if !r.Total.Known {
		return nil // there is nothing to compare it with
	}
	p.printed++
	return p.write(p.w, &r)
}

// rowForm is a line for people and awk: what is longer than its column is not cut.
const rowForm = "%-20s  %-16s  %-21s  %9s  %13s  %9s  %13s  %9s  %9s  %9s  %s\n"

var rowsHead = fmt.Sprintf(rowForm, "TIME", "NAME", "INTERFACE", "IN_PPS", "IN_BIT/S", "OUT_PPS", "OUT_BIT/S", "DROP/S", "DROPPED", "CT_AVAIL", "REASONS")

// writeRows prints a line for each interface, and one for all.
func writeRows(w io.Writer, r *reading) error {
	var b strings.Builder
	for i := range r.Rows {
		row := &r.Rows[i]
		writeRow(&b, r.At, row, fmt.Sprint(row.Available))
	}
	total := r.Total
	total.Name, total.ID, total.tally = "total", unknown, r.tally
	writeRow(&b, r.At, &total, unknown)
	_, err := io.WriteString(w, b.String())
	return err
}

func writeRow(b *strings.Builder, at time.Time, r *row, available string) {
	rate := func(n float64, digits int) string {
		if !r.Known {
			return unknown
		}
		return fmt.Sprintf("%.*f", digits, n)
	}
	fmt.Fprintf(b, rowForm, at.UTC().Format(time.RFC3339), word(r.Name), word(r.ID),
		rate(r.In, 1), rate(r.InBits, 0), rate(r.Out, 1), rate(r.OutBits, 0),
		rate(r.DropRate(), 1), fmt.Sprint(r.Dropped()), available, reasonsText(r))
}

// word makes one of a name, so that columns can be told apart.
func word(s string) string {
	if s = strings.Join(strings.Fields(clean(s)), "_"); s == "" {
		return unknown
	}
	return s
}

// reasonsText lists the reasons of now: "no_ingress_rule=12.0,too_big=1.0".
func reasonsText(r *row) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(r.Rates)) {
		parts = append(parts, fmt.Sprintf("%s=%.1f", word(name), r.Rates[name]))
	}
	if len(parts) == 0 {
		return unknown
	}
	return strings.Join(parts, ",")
}

// Record is what Print prints of an interval as JSON.
type Record struct {
	Time       time.Time         `json:"time"`
	Interval   float64           `json:"interval_seconds"`
	Generation uint64            `json:"generation"` // of the policy
	Flows      int               `json:"flows"`
	MaxFlows   int               `json:"max_flows"`
	Total      RecordTraffic     `json:"total"`
	Interfaces []RecordInterface `json:"interfaces"`
}

// RecordTraffic is traffic. Packets and bits are those of a second; there are none of
// an interface that was not there before, or whose counters have begun again.
type RecordTraffic struct {
	In      *float64           `json:"in_packets,omitempty"`
	InBits  *float64           `json:"in_bits,omitempty"`
	Out     *float64           `json:"out_packets,omitempty"`
	OutBits *float64           `json:"out_bits,omitempty"`
	Drop    *float64           `json:"drop_packets,omitempty"`
	Drops   map[string]float64 `json:"drop_packets_by_reason"`
	Dropped map[string]uint64  `json:"dropped_by_reason"` // all of them
}

// RecordInterface is the traffic of an interface.
type RecordInterface struct {
	Name      string `json:"name"`
	ID        string `json:"id"`
	Available int64  `json:"conntrack_allowance_available"`
	RecordTraffic
}

// writeRecord prints a reading as a line of JSON.
func writeRecord(w io.Writer, r *reading) error {
	total := r.Total
	total.tally = r.tally
	record := Record{
		Time: r.At.UTC(), Interval: math.Round(1000*r.Since.Seconds()) / 1000, Generation: r.Status.Generation,
		Flows: r.Status.Flows, MaxFlows: r.Status.MaxFlows, Total: recordRow(&total), Interfaces: []RecordInterface{},
	}
	for i := range r.Rows {
		row := &r.Rows[i]
		record.Interfaces = append(record.Interfaces, RecordInterface{row.Name, row.ID, row.Available, recordRow(row)})
	}
	return json.NewEncoder(w).Encode(record)
}

func recordRow(r *row) RecordTraffic {
	out := RecordTraffic{Drops: make(map[string]float64), Dropped: r.Totals}
	rounded := func(n float64) *float64 {
		n = math.Round(1000*n) / 1000
		return &n
	}
	for reason, n := range r.Rates {
		out.Drops[reason] = *rounded(n)
	}
	if r.Known {
		out.In, out.InBits, out.Out, out.OutBits = rounded(r.In), rounded(r.InBits), rounded(r.Out), rounded(r.OutBits)
		out.Drop = rounded(r.DropRate())
	}
	return out
}
