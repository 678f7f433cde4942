package top

import (
	"slices"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/sgate/sgate/control"
)

// What a model is told besides keys and the size of the window.
type (
	// tickMsg says what time it is.
	tickMsg time.Time
	// sampleMsg is the gateway's answer, or why there is none.
	sampleMsg struct {
		snapshot
		err error
	}
	// dropsMsg are lines of the gateway's events.
	dropsMsg []control.EventLine
	// streamMsg says that events are followed, or why they are not.
	streamMsg struct{ err error }
	// explanationMsg answers the question of an overlay.
	explanationMsg struct {
		overlay int
		control.Explanation
		err error
	}
)

// The panels.
const (
	interfacesPanel = iota
	reasonsPanel
	newestPanel
	panels
)

// board is all that is known of the gateway.
type board struct {
	reading
	drops []drop
	lost  uint64
}

// model is the view. It implements tea.Model.
type model struct {
	title  string
	ask    func(question) // does not wait: its answer is an explanationMsg
	paint  Paint
	styles *styles

	width, height int
	now           time.Time
	meter         meter
	events        drops
	known         board
	paused        *board // what the screen shows while it is paused
	pausedAt      time.Time
	problem       error     // why the gateway has not answered last
	answered      time.Time // when it last did; the start before the first
	stream        error     // why events are not followed

	interfaces *grid[row]
	reasons    *grid[reasonRow]
	newest     *grid[drop]
	focus      int // a panel

	filter  string // what names have in them
	editing bool   // the filter is being typed
	before  string // the filter before that
	reason  string // that is shown alone, "" for all
	only    string // the id of the interface that is shown alone, "" for all

	overlay  *overlay // nil for none
	overlays int      // how many there have been
}

// newModel returns the view of a gateway that is called title, as of a time. It
// calls ask for what a user wants explained.
func newModel(title string, now time.Time, ask func(question), p Paint) *model {
	m := &model{
		title: title, ask: ask, paint: p, styles: newStyles(p), now: now, answered: now,
		interfaces: newInterfaces(), reasons: newReasons(), newest: newNewest(),
	}
	m.refresh()
	return m
}

// Init implements tea.Model.
func (m *model) Init() tea.Cmd { return nil }

// Update implements tea.Model.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	var cmd tea.Cmd
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.KeyMsg:
		cmd = m.typed(msg)
	case tickMsg:
		m.now = time.Time(msg)
		m.place() // there may be something to say
		return m, nil
	case sampleMsg:
		m.sampled(msg)
	case dropsMsg:
		for i := range msg {
			m.events.add(&msg[i])
		}
		m.known.drops, m.known.lost = m.events.newest(), m.events.lost
	case streamMsg:
		m.stream = msg.err
	case explanationMsg:
		if m.overlay != nil && m.overlay.number == msg.overlay {
			m.overlay.answer(&msg, m.paint == Color)
		}
	}
	m.refresh()
	return m, cmd
}

func (m *model) sampled(s sampleMsg) {
	if m.problem = s.err; s.err != nil {
		m.known.reading = m.known.without()
		return
	}
	m.answered = s.At
	m.known.reading = m.meter.add(s.snapshot)
}

// shown is what the screen shows.
func (m *model) shown() *board {
	if m.paused != nil {
		return m.paused
	}
	return &m.known
}

// pause stops what is shown, or lets it go on.
func (m *model) pause() {
	if m.paused != nil {
		m.paused = nil
		return
	}
	b := m.known // its parts are made anew, never changed
	m.paused, m.pausedAt = &b, m.now
}

// clear forgets what was dropped until now.
func (m *model) clear() {
	m.meter.clear()
	m.events.clear()
	b := board{reading: m.known.reading}
	b.Totals = nil
	b.Rows = slices.Clone(b.Rows)
	for i := range b.Rows {
		b.Rows[i].Totals = nil
	}
	m.known, m.paused = b, nil
}

// refresh sets the rows of the panels, and their places.
func (m *model) refresh() {
	b := m.shown()
	text := strings.ToLower(m.filter)
	m.interfaces.set(where(b.Rows, func(r *row) bool {
		return strings.Contains(strings.ToLower(r.Name), text) || strings.Contains(r.ID, text)
	}))
	m.reasons.set(m.reasonRows(b))
	m.newest.set(where(b.drops, func(d *drop) bool {
		return (m.reason == "" || d.Reason == m.reason) && (m.only == "" || d.From.ID == m.only || d.To.ID == m.only) && d.has(text)
	}))
	m.place()
}

// where returns those that meet a condition.
func where[T any](all []T, is func(*T) bool) []*T {
	var some []*T
	for i := range all {
		if is(&all[i]) {
			some = append(some, &all[i])
		}
	}
	return some
}

// reasonRows are the reasons of all interfaces or, if one is shown alone, of that.
func (m *model) reasonRows(b *board) []*reasonRow {
	if m.only == "" {
		return reasonRows(&b.tally, b.Total.Known)
	}
	for i := range b.Rows {
		if b.Rows[i].ID == m.only {
			return reasonRows(&b.Rows[i].tally, b.Rows[i].Known)
		}
	}
	return nil // it is gone
}
