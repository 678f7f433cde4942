package top

import (
	tea "github.com/charmbracelet/bubbletea"
)

// panel is what keys do to a panel.
type panel interface {
	move(by int)
	page() int
	count() int
	sortNext()
	sortBack()
	size(width, height int)
	draw(s *styles, focused bool) []string
}

func (m *model) panel(n int) panel {
	return [panels]panel{m.interfaces, m.reasons, m.newest}[n]
}

// typed takes a key in.
func (m *model) typed(k tea.KeyMsg) tea.Cmd {
	switch k.String() {
	case "ctrl+c":
		return tea.Quit
	case "ctrl+z":
		return tea.Suspend
	case "ctrl+l":
		return tea.ClearScreen
	}
	switch {
	case m.overlay != nil:
		return m.typedOverlay(k)
	case m.editing:
		m.typedFilter(k)
		return nil
	case m.moved(k.String()):
		return nil
	}
	return m.command(k.String())
}

// moved moves the cursor, if the key is for that.
func (m *model) moved(key string) bool {
	p := m.panel(m.focus)
	switch key {
	case "up", "k":
		p.move(-1)
	case "down", "j":
		p.move(1)
	case "pgup", "ctrl+b":
		p.move(-p.page())
	case "pgdown", "ctrl+f", " ":
		p.move(p.page())
	case "home", "g":
		p.move(-p.count())
	case "end", "G":
		p.move(p.count())
	case "tab", "right", "l":
		m.focus = (m.focus + 1) % panels
	case "shift+tab", "left", "h":
		m.focus = (m.focus + panels - 1) % panels
	case "1", "2", "3":
		m.focus = int(key[0] - '1')
	default:
		return false
	}
	return true
}

// command does what any other key is for.
func (m *model) command(key string) tea.Cmd {
	switch key {
	case "q":
		return tea.Quit
	case "s":
		m.panel(m.focus).sortNext()
	case "S":
		m.panel(m.focus).sortBack()
	case "/":
		m.editing, m.before = true, m.filter
	case "esc":
		m.unfilter()
	case "r":
		m.filterReason()
	case "p":
		m.pause()
	case "c":
		m.clear()
	case "?":
		m.open(newHelp())
	case "enter":
		return m.enter()
	}
	return nil
}

// typedFilter takes a key in while the filter is being typed.
func (m *model) typedFilter(k tea.KeyMsg) {
	switch k.String() {
	case "enter":
		m.editing = false
	case "esc":
		m.editing, m.filter = false, m.before
	case "backspace", "ctrl+h":
		if r := []rune(m.filter); len(r) > 0 {
			m.filter = string(r[:len(r)-1])
		}
	case "ctrl+u":
		m.filter = ""
	default:
		if k.Type == tea.KeyRunes || k.Type == tea.KeySpace {
			m.filter = clean(m.filter + string(k.Runes))
		}
	}
}

// unfilter takes the newest kind of filter away.
func (m *model) unfilter() {
	switch {
	case m.reason != "":
		m.reason = ""
	case m.only != "":
		m.only = ""
	default:
		m.filter = ""
	}
}

// filterReason shows the drops of one reason alone, that of the chosen row, or
// those of all again.
func (m *model) filterReason() {
	chosen := ""
	if r := m.reasons.chosen(); r != nil {
		chosen = r.name
	}
	if d := m.newest.chosen(); d != nil && m.focus == newestPanel {
		chosen = d.Reason
	}
	if m.reason != "" {
		chosen = ""
	}
	m.reason = chosen
}

// enter opens what is chosen.
func (m *model) enter() tea.Cmd {
	switch m.focus {
	case interfacesPanel:
		if r := m.interfaces.chosen(); r != nil && m.only != r.ID {
			m.only = r.ID
		} else {
			m.only = ""
		}
	case reasonsPanel:
		m.filterReason()
	case newestPanel:
		if d := m.newest.chosen(); d != nil {
			return m.openDrop(*d)
		}
	}
	return nil
}
