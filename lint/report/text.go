package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/sgate/sgate/lint/finding"
)

// Text prints one line a finding as compilers and linters do, so that editors
// find the place, its remedy indented below, and a last line with how many.
func Text(w io.Writer, files []File, counts Counts) error {
	var b strings.Builder
	for _, file := range files {
		for _, f := range file.Findings {
			b.WriteString(Line(f))
			b.WriteByte('\n')
			if f.Silence != nil {
				fmt.Fprintf(&b, "        silenced at %s: %s\n", f.Silence.Origin, f.Silence.Reason)
				continue
			}
			fmt.Fprintf(&b, "        %s\n", f.Remedy)
			for _, related := range f.Related {
				fmt.Fprintf(&b, "        %s\n", joined(related.Origin.String(), related.Message))
			}
		}
	}
	b.WriteString(summary(files, counts))
	_, err := io.WriteString(w, b.String())
	return err
}

// Line returns a finding in one line: "file:line:col: severity: subject: message
// (kind)".
func Line(f finding.Finding) string {
	severity := f.Severity.String()
	if f.Silence != nil {
		severity += ", silenced"
	}
	return joined(f.Origin.String(), severity, Statement(f))
}

// Statement returns what a finding says, without its place and severity.
func Statement(f finding.Finding) string {
	return joined(f.Subject, f.Message) + " (" + f.Kind + ")"
}

// joined joins what is known of parts with colons.
func joined(parts ...string) string {
	var known []string
	for _, part := range parts {
		if part != "" {
			known = append(known, part)
		}
	}
	return strings.Join(known, ": ")
}

// summary says how many findings there are of which severity.
func summary(files []File, c Counts) string {
	var parts []string
	for _, severity := range []finding.Severity{finding.Error, finding.Warning, finding.Note} {
		if n := c.BySeverity[severity]; n > 0 {
			parts = append(parts, number(n, severity.String()))
		}
	}
	if len(parts) == 0 {
		parts = []string{"no findings"}
	}
	if c.Silenced > 0 {
		parts = append(parts, fmt.Sprintf("%d silenced", c.Silenced))
	}
	text := number(len(files), "file") + ": " + strings.Join(parts, ", ")
	unread := 0
	for _, file := range files {
		if file.Err != nil {
			unread++
		}
	}
	if unread > 0 {
		text += fmt.Sprintf("; %d could not be read", unread)
	}
	return text + "\n"
}

func number(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
