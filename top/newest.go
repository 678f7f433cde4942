package top

import (
	"fmt"
	"strings"

	"github.com/sgate/sgate/control"
)

func newNewest() *grid[drop] {
	return &grid[drop]{
		columns: []column[drop]{
			{
				title: "TIME", width: 8, rank: 2, most: true,
				text: func(d *drop) string { return d.Time.Local().Format("15:04:05") },
				less: func(a, b *drop) bool { return a.Time.Before(b.Time) },
			},
			{title: "FROM", width: 9, flex: true, ample: 16, text: func(d *drop) string { return endName(d.From) }, less: func(a, b *drop) bool { return endName(a.From) < endName(b.From) }},
			{title: "   TO", width: 9, flex: true, ample: 16, text: func(d *drop) string { return "-> " + endName(d.To) }, less: func(a, b *drop) bool { return endName(a.To) < endName(b.To) }},
			{title: "PACKET", width: 8, flex: true, rank: 1, text: func(d *drop) string { return service(&d.Event) }},
			{title: "REASON", width: 10, flex: true, ample: 20, text: func(d *drop) string { return d.Reason }, less: func(a, b *drop) bool { return a.Reason < b.Reason }},
			{
				title: "COUNT", width: 7, flex: true, rank: 3, most: true,
				text: func(d *drop) string { return times(d.Count) },
				less: func(a, b *drop) bool { return a.Count < b.Count },
			},
		},
		key: func(d *drop) string { return fmt.Sprint(keyOf(&d.Event)) }, empty: "none since this view was opened", sort: 0,
	}
}

// times says how often something came up, if more than once.
func times(n uint64) string {
	if n == 1 {
		return ""
	}
	return "x " + thousands(n)
}

// endName is an end of a packet without its port.
func endName(e control.EventEnd) string {
	e.Port = 0
	return e.String()
}

// service is what kind of packet it was, and for which port.
func service(e *control.Event) string {
	switch {
	case e.To.Port != 0:
		return fmt.Sprintf("%s %d", e.Protocol, e.To.Port)
	case e.ICMPType != nil && e.ICMPCode != nil:
		return fmt.Sprintf("%s %d/%d", e.Protocol, *e.ICMPType, *e.ICMPCode)
	case strings.Trim(e.Protocol, "0123456789") == "" && e.Protocol != "":
		return "protocol " + e.Protocol
	}
	return e.Protocol
}

// has reports whether a text, in lower case, is in what is known of a drop.
func (d *drop) has(text string) bool {
	if text == "" {
		return true
	}
	for _, s := range []string{
		d.From.String(), d.From.ID, d.From.Address.String(), d.To.String(), d.To.ID, d.To.Address.String(), service(&d.Event), d.Reason,
	} {
		if strings.Contains(strings.ToLower(s), text) {
			return true
		}
	}
	return false
}
