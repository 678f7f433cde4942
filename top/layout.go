package top

// The parts of the screen, in lines. What there is no room for is left out.
const (
	panelHead  = 2   // a panel's title and its line of titles
	minBody    = 16  // of panels, or there is but one
	minNewest  = 4   // rows
	maxReasons = 5   // rows, above each other
	sideBySide = 110 // columns from which on the lower panels stand beside each other
	minLeft    = 48  // columns of the left one then
	maxLeft    = 64
	headLines  = 2
)

// rect is a part of the screen; a panel has its title in its first line.
type rect struct{ width, height int }

// frame is how the screen is divided.
type frame struct {
	head, alert, foot int // lines
	panels            [panels]rect
	beside            bool // the lower panels are beside each other
}

// place divides the screen, and tells each panel its part.
func (m *model) place() {
	f := m.frame()
	for i, r := range f.panels {
		m.panel(i).size(r.width, max(0, r.height-1))
	}
	if m.overlay != nil {
		m.overlay.size(m.width, m.height)
	}
}

func (m *model) frame() frame {
	f := frame{head: min(headLines, m.height)}
	rest := m.height - f.head
	if rest > 3 {
		f.foot = 1
		rest--
	}
	if rest > 3 && m.alert() != "" {
		f.alert = 1
		rest--
	}
	switch {
	case rest < minBody:
		f.panels[m.focus] = rect{m.width, rest}
	case m.width >= sideBySide:
		f.beside = true
		lower := max(minNewest+panelHead, rest*2/5)
		upper := min(panelHead+max(1, m.interfaces.count()), rest-lower)
		left := min(max(m.width*2/5, minLeft), maxLeft)
		f.panels = [panels]rect{{m.width, upper}, {left, rest - upper}, {m.width - left - 1, rest - upper}}
	default:
		reasons := panelHead + max(1, min(maxReasons, m.reasons.count()))
		upper := min(panelHead+max(1, m.interfaces.count()), rest-reasons-minNewest-panelHead)
		f.panels = [panels]rect{{m.width, upper}, {m.width, reasons}, {m.width, rest - reasons - upper}}
	}
	return f
}
