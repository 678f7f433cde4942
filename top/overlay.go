package top

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/bubbles/viewport"
	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"
)

// overlay is a text over the whole screen.
type overlay struct {
	number  int
	title   string
	content string // without ends of lines that a narrow screen needs
	reply   string // of the gateway, below that
	view    viewport.Model
}

func newOverlay(title, content string) *overlay {
	return &overlay{title: title, content: content, view: viewport.New(0, 0)}
}

// open shows an overlay.
func (m *model) open(o *overlay) {
	m.overlays++
	o.number = m.overlays
	m.overlay = o
}

// typedOverlay takes a key in while an overlay is shown.
func (m *model) typedOverlay(k tea.KeyMsg) tea.Cmd {
	o := m.overlay
	switch k.String() {
	case "esc", "q", "enter", "?":
		m.overlay = nil
	case "home", "g":
		o.view.GotoTop()
	case "end", "G":
		o.view.GotoBottom()
	default:
		o.view, _ = o.view.Update(k)
	}
	return nil
}

// size fits the overlay to the screen: a line for the title and one for the keys.
func (o *overlay) size(width, height int) {
	o.view.Width, o.view.Height = width, max(0, height-2)
	o.view.SetContent(wrap(o.content+o.reply, width))
}

// underHeading is where the text begins in a line with a heading at its left, as
// package explain and drop.facts print it.
const underHeading = 11

// wrap breaks lines that are too long. What follows is indented as the line's text
// is.
func wrap(s string, width int) string {
	var lines []string
	for line := range strings.Lines(s) {
		line = strings.TrimSuffix(line, "\n")
		indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
		if lipgloss.Width(line) <= width || len(indent) >= width/2 {
			lines = append(lines, line)
			continue
		}
		start := indent // what the first line has at its left
		if len(indent) == 2 && len(line) > underHeading && line[underHeading-1] == ' ' {
			start, indent = line[:underHeading], strings.Repeat(" ", underHeading)
		}
		text := lipgloss.NewStyle().Width(width - len(indent)).Render(line[len(start):])
		for part := range strings.Lines(text) {
			lines = append(lines, start+strings.TrimRight(part, " \n"))
			start = indent
		}
	}
	return strings.Join(lines, "\n")
}

func (o *overlay) draw(s *styles, width, height int) []string {
	lines := []string{s.focus.Render(clip(" "+clean(o.title), width))}
	if height > 2 {
		lines = append(lines, strings.Split(o.view.View(), "\n")...)
	}
	foot := " esc back"
	if !o.view.AtTop() || !o.view.AtBottom() {
		foot += fmt.Sprintf("   %d%%   up, down, pgup, pgdn scroll", int(100*o.view.ScrollPercent()))
	}
	return append(lines, s.dim.Render(clip(foot, width)))
}
