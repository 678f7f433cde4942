package demo

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sgate/sgate/config"
)

// table prints the demo's rows as they come.
type table struct {
	out        io.Writer
	rows       int
	unexpected int
	err        error // of writing; nothing is written after it
}

func (t *table) printf(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.out, format, args...)
	}
}

// format has the widths of all columns but the last.
const format = "%-9s %-9s %-14s %-10s %-10s %8s  %s\n"

func (t *table) begin(cfg *config.Config) {
	t.printf("Real connections between network namespaces; sgate reads every packet between them.\n")
	for _, e := range cfg.Endpoints {
		var addrs []string
		for _, p := range e.Addresses {
			addrs = append(addrs, p.Addr().String())
		}
		t.printf("  %-9s %s\n", e.Name, strings.Join(addrs, ", "))
	}
	t.printf("\n")
	t.printf(format, "FROM", "TO", "SERVICE", "EXPECTED", "OBSERVED", "TOOK", "DECIDED BY")
}

// scene prints what happens next.
func (t *table) scene(what string) { t.printf("-- %s\n", what) }

// row prints one attempt. subject stands in for the decision's subject, where
// it is not a new connection.
func (t *table) row(a attempt, subject string, seen result, took time.Duration, decided string) {
	t.rows++
	service := fmt.Sprintf("tcp %d", a.port)
	if a.ipv6 {
		service += " IPv6"
	}
	if subject != "" {
		decided = subject + ": " + decided
	}
	if seen != a.expect {
		t.unexpected++
		decided = "NOT AS EXPECTED: " + decided
	}
	t.printf(format, a.from, a.to, service, a.expect, seen, duration(took), decided)
}

// duration is short and lines up.
func duration(d time.Duration) string {
	if d >= time.Second {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}

func (t *table) end() {
	t.printf("\n%d connections, %d as expected, %d not.\n", t.rows, t.rows-t.unexpected, t.unexpected)
}
