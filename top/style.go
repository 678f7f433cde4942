package top

import (
	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"
)

// Paint says how a terminal may be written to.
type Paint int

// The ways.
const (
	NoStyle Paint = iota // nothing but text, as tests want it
	NoColor              // bold, dim and reverse only: who has set NO_COLOR wants that
	Color                // and the terminal's own first eight colours, which people choose to be readable
)

// styles are what parts of the screen look like. None sets a background: the
// terminal may be light or dark.
type styles struct {
	title, focus, head, dim, alert, good, cursor lipgloss.Style
}

func newStyles(p Paint) *styles {
	r := lipgloss.NewRenderer(nil)
	r.SetColorProfile(termenv.Ascii)
	if p != NoStyle {
		r.SetColorProfile(termenv.ANSI)
	}
	color := func(s lipgloss.Style, c string) lipgloss.Style {
		if p == Color {
			return s.Foreground(lipgloss.Color(c))
		}
		return s
	}
	const red, green, cyan = "1", "2", "6"
	plain := r.NewStyle().Inline(true)
	return &styles{
		title:  plain.Bold(true),
		focus:  color(plain.Bold(true), cyan),
		head:   plain.Faint(true),
		dim:    plain.Faint(true),
		alert:  color(plain.Bold(true), red),
		good:   color(plain, green),
		cursor: plain.Reverse(true),
	}
}
