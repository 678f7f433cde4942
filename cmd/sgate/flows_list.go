package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sgate/sgate/control"
)

// flowsList lists the flow table.
type flowsList struct {
	states []string
	sort   string
	limit  int
	wide   bool
}

func (l *flowsList) addFlags(flags *pflag.FlagSet) {
	flags.StringSliceVar(&l.states, "state", nil, "flows in that state, such as ESTABLISHED; may be given again")
	flags.StringVar(&l.sort, "sort", control.SortAge, "the order: "+strings.Join(control.FlowOrders(), ", "))
	flags.IntVar(&l.limit, "limit", control.MaxListedFlows, "how many to list at most; 0 lists all, in no order")
	flags.BoolVar(&l.wide, "wide", false, "print the rules in words, and the VPC")
}

func (l *flowsList) run(cmd *cobra.Command, client *control.Client, filter control.FlowFilter, form output) error {
	if l.limit == 0 && cmd.Flags().Changed("sort") {
		return errors.New("--limit 0 lists flows in no order: want a limit with --sort")
	}
	var out flowPrinter = newFlowTable(cmd.OutOrStdout(), l.wide)
	if form == outputJSON {
		out = &flowObject{w: cmd.OutOrStdout()}
	}
	request := control.FlowsRequest{FlowFilter: filter, States: l.states, Sort: l.sort, Limit: l.limit}
	matched, err := client.Flows(cmd.Context(), request, out.flow)
	if err != nil {
		return err
	}
	return out.end(matched)
}

// flowPrinter prints flows as they come: there may be a million.
type flowPrinter interface {
	flow(control.Flow) error
	end(matched int) error
}

// tableBlock is how many rows are aligned with each other.
const tableBlock = 4096

// flowTable prints flows for people.
type flowTable struct {
	w     io.Writer
	table *tabwriter.Writer
	wide  bool
	rows  int
}

func newFlowTable(w io.Writer, wide bool) *flowTable {
	return &flowTable{w: w, table: tabwriter.NewWriter(w, 0, 0, 2, ' ', 0), wide: wide}
}

func (t *flowTable) flow(f control.Flow) error {
	columns := []string{
		f.Protocol, f.State, flowEnd(f.From, f.ICMPID), flowEnd(f.To, nil), age(f.Age), age(f.Expires),
		fmt.Sprintf("%d/%d", f.From.Packets, f.To.Packets), shortBytes(f.From.Bytes) + "/" + shortBytes(f.To.Bytes),
		trackedBy(f), t.rule(f.Egress), t.rule(f.Ingress),
	}
	header := []string{"PROTOCOL", "STATE", "FROM", "TO", "AGE", "EXPIRES", "PACKETS", "BYTES", "TRACKED", "EGRESS RULE", "INGRESS RULE"}
	if t.wide {
		columns, header = append([]string{f.VPC}, columns...), append([]string{"VPC"}, header...)
	}
	if t.rows == 0 {
		fmt.Fprintln(t.table, strings.Join(header, "\t"))
	}
	fmt.Fprintln(t.table, strings.Join(columns, "\t"))
	if t.rows++; t.rows%tableBlock == 0 {
		return t.table.Flush()
	}
	return nil
}

// rule names a rule: by its id or, if there is room, in words.
func (t *flowTable) rule(r control.RuleRef) string {
	switch {
	case r.RuleID == "":
		return "-"
	case !t.wide:
		return r.RuleID
	case r.Rule == "":
		return r.RuleID + " (gone)"
	}
	return fmt.Sprintf("%s (%s: %s)", r.RuleID, r.Group, r.Rule)
}

func (t *flowTable) end(matched int) error {
	if err := t.table.Flush(); err != nil {
		return err
	}
	var err error
	if matched == 0 {
		_, err = fmt.Fprintln(t.w, "no flows")
	} else if more := matched - t.rows; more > 0 {
		_, err = fmt.Fprintf(t.w, "and %s more (--limit 0 lists all)\n", thousands(uint64(more)))
	}
	return err
}

// trackedBy says which ends track a flow.
func trackedBy(f control.Flow) string {
	switch {
	case f.From.Tracked && f.To.Tracked:
		return "both"
	case f.From.Tracked:
		return "from"
	case f.To.Tracked:
		return "to"
	}
	return "no"
}

// flowObject prints flows for programs, as an object of them and how many
// matched.
type flowObject struct {
	w    io.Writer
	rows int
}

func (o *flowObject) flow(f control.Flow) error {
	start := ",\n    "
	if o.rows == 0 {
		start = "{\n  \"flows\": [\n    "
	}
	o.rows++
	data, err := json.MarshalIndent(f, "    ", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(o.w, "%s%s", start, data)
	return err
}

func (o *flowObject) end(matched int) error {
	flows := "\n  ]"
	if o.rows == 0 {
		flows = "{\n  \"flows\": []"
	}
	_, err := fmt.Fprintf(o.w, "%s,\n  \"matched\": %d\n}\n", flows, matched)
	return err
}

// shortBytes prints a number of bytes as far as it matters: "999", "1.2k", "34M".
func shortBytes(n uint64) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	value, unit := float64(n), ""
	for _, unit = range []string{"k", "M", "G", "T", "P", "E"} {
		if value /= 1000; value < 999.5 {
			break
		}
	}
	if value < 9.95 {
		return fmt.Sprintf("%.1f%s", value, unit)
	}
	return fmt.Sprintf("%.0f%s", value, unit)
}

// thousands prints a number in groups of three digits: "1,204".
func thousands(n uint64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
