package report

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Table writes the whole report in Markdown, in lines of which those of a table
// are aligned, so that it reads as well in a terminal.
func Table(r *Results, verdicts []Verdict) string {
	var b strings.Builder
	b.WriteString("# sgate's benchmark\n\n")
	fmt.Fprintf(&b, "`make bench`: %d rounds, in each of which every path runs in turn. Figures are medians of the rounds, with the least\n", r.Rounds)
	b.WriteString("and the greatest; ratios are taken within each round. Where a ratio is of several measurements (TCP's streams, families\n")
	b.WriteString("and MTUs), a round's is their geometric mean, and the one furthest from what is wanted is named.\n\n")
	b.WriteString("## Figures to reach\n\n")
	writeTable(&b, verdictRows(verdicts))
	for _, mtu := range r.mtus("limit") {
		fmt.Fprintf(&b, "\n## TCP throughput, MTU %d\n\nGbit/s received, iperf3. CPU is that of the gateway's process, in seconds per gigabyte.\n\n", mtu)
		writeTable(&b, r.rows(mtu, tcpColumns()))
	}
	b.WriteString("\n## Small packets, MTU 1500\n\n")
	b.WriteString("UDP: datagrams of 64 bytes of payload, in thousands a second; CPU is that of the gateway's process, in seconds per million\n")
	b.WriteString("delivered packets of the flood. Round trips: one byte each way over one TCP connection; times in microseconds.\n")
	b.WriteString("Connections: TCP, opened, a byte each way, closed, 8 at once; in thousands a second.\n\n")
	writeTable(&b, r.rows(1500, smallColumns()))
	b.WriteString("\n## The limit as 1\n\nMedians of the rounds' ratios.\n\n")
	writeTable(&b, r.ratioRows())
	if rows := r.watchRows(); len(rows) > 1 {
		b.WriteString("\n## Who watches\n\nA packet of 64 bytes of a live flow, from a device that has it to one that takes it, in turn; the readers run beside it.\n\n")
		writeTable(&b, rows)
	}
	writeFacts(&b, "Paths", r.Paths)
	writeFacts(&b, "Machine and versions", r.Machine)
	writeFacts(&b, "Not measured", r.Missing)
	return b.String()
}

func verdictRows(verdicts []Verdict) [][]string {
	rows := [][]string{{"measure", "against", "wanted", "measured", "", "furthest"}}
	for _, v := range verdicts {
		bound := "at least "
		if v.AtMost {
			bound = "at most "
		}
		rows = append(rows, []string{v.Measure, v.Against, bound + v.Unit.format(v.Want), v.Unit.spread(v.Measured), string(v.Status), v.Worst})
	}
	return rows
}

// column is a metric in a table of paths.
type column struct {
	title  string
	metric Metric
	unit   Unit
}

func tcpColumns() []column {
	return []column{
		{"1 stream, IPv4", TCP1IPv4, Gigabits}, {"1 stream, IPv6", TCP1IPv6, Gigabits},
		{"4 streams, IPv4", TCP4IPv4, Gigabits}, {"4 streams, IPv6", TCP4IPv6, Gigabits},
		{"CPU", TCPCPU, Number},
	}
}

func smallColumns() []column {
	return []column{
		{"UDP flood", UDPFlood, Thousands}, {"UDP paced", UDPPaced, Thousands}, {"CPU", UDPCPU, Number},
		{"round trips", RoundTrips, Thousands}, {"p50", P50, Microseconds}, {"p99", P99, Microseconds}, {"p99.9", P999, Microseconds},
		{"connections", Connections, Thousands},
	}
}

// rows is a table of the paths' figures at an MTU. A path of which there are
// none is left out; a figure that there cannot be is "n/a".
func (r *Results) rows(mtu int, columns []column) [][]string {
	head := []string{"path"}
	for _, c := range columns {
		head = append(head, c.title)
	}
	rows := [][]string{head}
	for _, p := range r.Paths {
		row, some := []string{p.Name}, false
		for _, c := range columns {
			s := r.spread(p.Name, mtu, c.metric)
			text := "n/a"
			if s.Count > 0 {
				text, some = c.unit.spread(s), true
			}
			row = append(row, text)
		}
		if some {
			rows = append(rows, row)
		}
	}
	return rows
}

func (r *Results) ratioRows() [][]string {
	head := []string{"path"}
	for _, g := range groups() {
		head = append(head, g.title)
	}
	rows := [][]string{head}
	for _, p := range r.Paths {
		row, some := []string{p.Name}, false
		for _, g := range groups() {
			c := r.compare(p.Name, g.metrics, "limit", g.metrics)
			text := "n/a"
			if c.Count > 0 {
				text, some = Ratio.spread(c.Spread), true
			}
			row = append(row, text)
		}
		if some {
			rows = append(rows, row)
		}
	}
	return rows
}

// writeTable writes rows, the first of which is the head, with aligned columns.
func writeTable(b *strings.Builder, rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	write := func(row []string, pad string) {
		for i, cell := range row {
			fmt.Fprintf(b, "| %s%s ", cell, strings.Repeat(pad, widths[i]-utf8.RuneCountInString(cell)))
		}
		b.WriteString("|\n")
	}
	write(rows[0], " ")
	write(make([]string, len(widths)), "-")
	for _, row := range rows[1:] {
		write(row, " ")
	}
}

func writeFacts(b *strings.Builder, title string, facts []Fact) {
	if len(facts) == 0 {
		return
	}
	fmt.Fprintf(b, "\n## %s\n\n", title)
	for _, f := range facts {
		fmt.Fprintf(b, "- %s: %s\n", f.Name, f.Text)
	}
}
