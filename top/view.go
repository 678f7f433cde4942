package top

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/lipgloss"

	"github.com/sgate/sgate/control"
)

// View implements tea.Model.
func (m *model) View() string {
	if m.width <= 0 || m.height <= 0 {
		return ""
	}
	var lines []string
	if m.overlay != nil {
		lines = m.overlay.draw(m.styles, m.width, m.height)
	} else {
		lines = m.screen()
	}
	for i, line := range lines {
		lines[i] = strings.TrimRight(clip(line, m.width), " ")
	}
	return strings.Join(lines[:min(len(lines), m.height)], "\n")
}

func (m *model) screen() []string {
	f := m.frame()
	lines := m.head()[:f.head]
	if f.alert > 0 {
		lines = append(lines, m.styles.alert.Render(clip(" "+clean(m.alert()), m.width)))
	}
	lines = append(lines, m.drawPanel(f, interfacesPanel)...)
	lower, right := m.drawPanel(f, reasonsPanel), m.drawPanel(f, newestPanel)
	if f.beside {
		lower = strings.Split(lipgloss.JoinHorizontal(lipgloss.Top, strings.Join(lower, "\n"), " ", strings.Join(right, "\n")), "\n")
		right = nil
	}
	lines = append(append(lines, lower...), right...)
	if f.foot > 0 {
		lines = append(lines, m.foot())
	}
	return lines
}

// head are the lines about the gateway as a whole.
func (m *model) head() []string {
	b, now := m.shown(), m.now
	if m.problem != nil {
		now = m.answered // what is known is of then
	}
	first := []string{m.styles.title.Render(" sgate top"), clean(m.title)}
	if s := &b.Status; !b.At.IsZero() {
		if s.Generation > 0 {
			policy := fmt.Sprintf("policy %d", s.Generation)
			if !s.Applied.IsZero() {
				policy += ", " + age(now.Sub(s.Applied)) + " old"
			}
			first = append(first, policy)
		}
		if !s.Started.IsZero() {
			first = append(first, "up "+age(now.Sub(s.Started)))
		}
	}
	clock := clockText(m.now)
	if m.paused != nil {
		clock = m.styles.alert.Render("PAUSED at " + clockText(m.pausedAt))
	}
	return []string{ends(joinFitting(first, m.width-lipgloss.Width(clock)-2), clock, m.width), joinFitting(m.sums(b), m.width)}
}

func clockText(t time.Time) string { return t.Local().Format("15:04:05") }

// sums are the numbers of the gateway as a whole.
func (m *model) sums(b *board) []string {
	if b.At.IsZero() {
		return []string{m.styles.dim.Render(" waiting for the gateway to answer")}
	}
	packets, traffic, drops := unknown, unknown+" bit/s", unknown
	if b.Total.Known {
		packets, traffic, drops = short(b.Total.Out), bits(b.Total.OutBits), short(b.DropRate())
	}
	drops += " drops/s"
	if b.DropRate() > 0 {
		drops = m.styles.alert.Render(drops)
	}
	flows := fmt.Sprintf("%s of %s flows", thousands(b.Status.Flows), short(float64(b.Status.MaxFlows)))
	parts := []string{
		" " + packets + " packets/s", traffic,
		drops, thousands(b.Dropped()) + " dropped", flows,
	}
	if states := flowsText(b.Status.FlowStates); states != "" {
		parts = append(parts, m.styles.dim.Render(states))
	}
	return parts
}

// flowsText says how many flows each protocol has: "tcp 12, udp 3".
func flowsText(states []control.FlowState) string {
	by := make(map[string]int)
	for _, s := range states {
		by[s.Protocol] += s.Flows
	}
	var parts []string
	for _, p := range slices.Sorted(maps.Keys(by)) {
		parts = append(parts, fmt.Sprintf("%s %s", clean(p), thousands(by[p])))
	}
	return strings.Join(parts, ", ")
}

// joinFitting joins as many parts as there is room for.
func joinFitting(parts []string, width int) string {
	s := parts[0]
	for _, p := range parts[1:] {
		if lipgloss.Width(s)+3+lipgloss.Width(p) > width {
			break
		}
		s += "   " + p
	}
	return clip(s, width)
}

// ends puts one text at the left and one at the right.
func ends(left, right string, width int) string {
	gap := width - lipgloss.Width(left) - lipgloss.Width(right) - 1
	if gap < 1 {
		return clip(left, width)
	}
	return left + strings.Repeat(" ", gap) + right
}

// patience is how long an answer may be due until that is said.
const patience = 4 * time.Second

// alert says what is wrong, "" for nothing.
func (m *model) alert() string {
	late := m.now.Sub(m.answered)
	switch {
	case m.problem != nil && !m.shown().At.IsZero():
		return fmt.Sprintf("no answer since %s, trying again: %v", clockText(m.answered), m.problem)
	case m.problem != nil:
		return fmt.Sprintf("no answer, trying again: %v", m.problem)
	case late >= patience:
		return "no answer for " + age(late) + ": the gateway, or this machine, is busy"
	case m.stream != nil:
		return fmt.Sprintf("newest drops are not shown, trying again: %v", m.stream)
	case m.known.Status.FailedWorkers > 0:
		return fmt.Sprintf("%d of %d workers have failed, and packets of their devices are not read: start the gateway anew",
			m.known.Status.FailedWorkers, m.known.Status.Workers)
	}
	return ""
}

// drawPanel returns the lines of a panel.
func (m *model) drawPanel(f frame, n int) []string {
	r := f.panels[n]
	if r.height <= 0 {
		return nil
	}
	name, rest := m.panelTitle(n)
	style := m.styles.title
	if n == m.focus {
		style = m.styles.focus
		name = "[" + name + "]"
	} else {
		name = " " + name + " "
	}
	line := "─" + style.Render(name)
	for _, part := range rest {
		line += "─ " + part + " "
	}
	line = clip(line, r.width)
	line += m.styles.dim.Render(strings.Repeat("─", r.width-lipgloss.Width(line)))
	return append([]string{line}, m.panel(n).draw(m.styles, n == m.focus)...)
}

// panelTitle is a panel's name, and what else is to be said of it.
func (m *model) panelTitle(n int) (name string, rest []string) {
	b := m.shown()
	mark := func(format string, args ...any) {
		rest = append(rest, m.styles.good.Render(clean(fmt.Sprintf(format, args...))))
	}
	switch n {
	case interfacesPanel:
		name = "Interfaces " + portion(m.interfaces.count(), len(b.Rows))
	case reasonsPanel:
		name = "Drops by reason"
	case newestPanel:
		name = "Newest drops " + portion(m.newest.count(), len(b.drops))
		if b.lost > 0 {
			rest = append(rest, m.styles.alert.Render(thousands(b.lost)+" events lost"))
		}
		if m.reason != "" {
			mark("%s only", m.reason)
		}
	}
	if m.only != "" && n != interfacesPanel {
		mark("%s only", m.nameOf(m.only))
	}
	if m.filter != "" && n != reasonsPanel {
		mark("/%s", m.filter)
	}
	return name, rest
}

// portion says how many are shown, of how many.
func portion(shown, all int) string {
	if shown == all {
		return thousands(all)
	}
	return fmt.Sprintf("%s of %s", thousands(shown), thousands(all))
}

// nameOf is the name of an interface.
func (m *model) nameOf(id string) string {
	for _, r := range m.shown().Rows {
		if r.ID == id && r.Name != "" {
			return r.Name
		}
	}
	return id
}

// foot says which keys there are.
func (m *model) foot() string {
	if m.editing {
		return " /" + m.filter + m.styles.cursor.Render(" ") + m.styles.dim.Render("  enter keeps the filter, esc takes it back")
	}
	enter := [panels]string{"enter its drops", "enter its drops", "enter explain"}[m.focus]
	keys := []string{enter, "q quit", "? help", "tab panel", "/ filter", "s sort", "r reason", "p pause", "c clear"}
	for i, k := range keys {
		name, what, _ := strings.Cut(k, " ")
		keys[i] = m.styles.focus.Render(name) + " " + what
	}
	keys[0] = " " + keys[0]
	return joinFitting(keys, m.width)
}
