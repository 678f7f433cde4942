package explain

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/vpc"
)

// gridWidth is how wide a table of senders and receivers may be; a wider one is
// printed as a list.
const gridWidth = 110

// noReplyMark marks what passes and gets no answer.
const noReplyMark = "*"

// WriteMatrix prints a matrix for people: a row for each sender and a column for
// each receiver, or a list of pairs where that were too wide.
func WriteMatrix(w io.Writer, m control.MatrixReply) error {
	var b strings.Builder
	if m.Question != "" {
		fmt.Fprintf(&b, "%s\n\n", m.Question)
	}
	table, err := grid(m)
	if err != nil {
		return err
	}
	if widest(table) > gridWidth {
		if table, err = list(m); err != nil {
			return err
		}
	}
	b.WriteString(table)
	if strings.Contains(table, noReplyMark) {
		b.WriteString("\n" + noReplyMark + " it passes, and a network ACL drops the reply\n")
	}
	_, err = io.WriteString(w, b.String())
	return err
}

func widest(table string) (n int) {
	for line := range strings.Lines(table) {
		n = max(n, len(line))
	}
	return n
}

// cellKey is a pair of machines.
type cellKey struct{ from, to string }

// grid prints a row for each sender, a column for each receiver.
func grid(m control.MatrixReply) (string, error) {
	cells := make(map[cellKey][]control.MatrixPair)
	for _, p := range m.Pairs {
		key := cellKey{p.From, p.To}
		cells[key] = append(cells[key], p)
	}
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	fmt.Fprint(t, "FROM \\ TO")
	for _, to := range m.To {
		fmt.Fprintf(t, "\t%s", to.Name)
	}
	fmt.Fprintln(t)
	for _, from := range m.From {
		fmt.Fprint(t, from.Name)
		for _, to := range m.To {
			fmt.Fprintf(t, "\t%s", cell(cells[cellKey{from.Name, to.Name}]))
		}
		fmt.Fprintln(t)
	}
	err := t.Flush()
	if strings.Contains(b.String(), "  "+nothing) {
		b.WriteString("\n" + nothing + " nothing passes\n")
	}
	return trimmed(b.String()), err
}

// trimmed takes the spaces away from the ends of lines.
func trimmed(table string) string {
	var b strings.Builder
	for line := range strings.Lines(table) {
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return b.String()
}

// cell says what passes between two machines, in each family if that differs.
func cell(pairs []control.MatrixPair) string {
	var texts []string
	for _, p := range pairs {
		texts = append(texts, passing(&p))
	}
	switch {
	case len(texts) == 0:
		return "-" // one machine, two VPCs, or no family in common
	case len(texts) == 1 || texts[0] == texts[1]:
		return texts[0]
	}
	return fmt.Sprintf("%s | IPv6: %s", texts[0], texts[1])
}

// nothing is what passes where nothing does.
const nothing = "."

// passing says what passes: "tcp 22, 443; icmp".
func passing(p *control.MatrixPair) string {
	if p.Verdict != "" {
		return p.Verdict
	}
	var texts []string
	for i := range p.Services {
		texts = append(texts, serviceText(&p.Services[i]))
	}
	if len(texts) == 0 {
		return nothing
	}
	return strings.Join(texts, "; ")
}

func serviceText(s *control.MatrixService) string {
	text := s.Protocol
	switch {
	case s.Protocol == vpc.AllProtocols.String():
		text = "all"
	case s.Protocol == control.OtherProtocols:
		text = "other protocols"
	case !isNamed(s.Protocol):
		text = "protocol " + s.Protocol
	}
	var parts []string
	for _, r := range s.Ports {
		parts = append(parts, portRange(int32(r.First), int32(r.Last)))
	}
	for _, t := range s.Types {
		part := fmt.Sprintf("type %d", t.Type)
		if t.Code != nil {
			part += fmt.Sprintf(" code %d", *t.Code)
		}
		parts = append(parts, part)
	}
	if len(parts) > 0 {
		text += " " + strings.Join(parts, ", ")
	}
	if len(s.Except) > 0 {
		text += " but not " + strings.Join(s.Except, ", ")
	}
	if s.NoReply {
		text += noReplyMark
	}
	return text
}

// isNamed reports whether a protocol goes by a name.
func isNamed(protocol string) bool {
	return slices.ContainsFunc([]vpc.Protocol{vpc.TCP, vpc.UDP, vpc.ICMP, vpc.ICMPv6}, func(p vpc.Protocol) bool { return p.String() == protocol })
}

// list prints a line for each pair of which something passes.
func list(m control.MatrixReply) (string, error) {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "FROM\tTO\tFAMILY\tPASSES")
	silent := 0
	for _, p := range m.Pairs {
		if len(p.Services) == 0 && p.Verdict != control.VerdictAllow {
			silent++
			continue
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", p.From, p.To, familyName(p.IPv6), passing(&p))
	}
	if err := t.Flush(); err != nil {
		return "", err
	}
	if silent > 0 {
		fmt.Fprintf(&b, "\nof %d other %s nothing passes\n", silent, plural(silent, "pair", "pairs"))
	}
	return trimmed(b.String()), nil
}
