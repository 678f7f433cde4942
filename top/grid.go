package top

import (
	"slices"
	"strings"

	"github.com/charmbracelet/lipgloss"
)

// column is one of a grid's.
type column[T any] struct {
	title string
	width int  // of its contents at least
	flex  bool // it grows with its contents, and is cut in the middle
	ample int  // so wide, if its contents are, before there are columns of a rank above 0
	right bool // its contents stand at the right
	rank  int  // where there is no room, columns of the highest rank go; those of rank 0 stay
	text  func(*T) string
	less  func(a, b *T) bool // what the grid can be sorted by; nil if it cannot
	most  bool               // sorted by it, the most comes first
	alert func(*T) bool      // the cell is to be noticed; nil is never
}

// grid is a table with a cursor that can be sorted and scrolled.
type grid[T any] struct {
	columns []column[T]
	key     func(*T) string // what tells rows apart
	empty   string          // what stands there if there are none
	sort    int             // the column that it is sorted by, -1 for the rows' own order
	back    bool            // in the other direction

	rows          []*T
	width, height int    // of the screen's part, with the line of titles
	cursor, top   int    // rows: the chosen one and the first on the screen
	held          string // the key of the chosen row; "" chooses whatever comes first
}

// set changes the rows. The cursor stays with its row, as long as that is there.
func (g *grid[T]) set(rows []*T) {
	if g.sort >= 0 {
		c := &g.columns[g.sort]
		slices.SortStableFunc(rows, func(a, b *T) int {
			switch first := c.most == g.back; {
			case c.less(a, b):
				return sign(first)
			case c.less(b, a):
				return sign(!first)
			}
			return 0
		})
	}
	g.rows = rows
	if g.held == "" {
		g.cursor = 0
	} else if at := slices.IndexFunc(rows, func(r *T) bool { return g.key(r) == g.held }); at >= 0 {
		g.cursor = at
	}
	g.scroll()
}

// sign is what a comparison returns for what comes first, or does not.
func sign(first bool) int {
	if first {
		return -1
	}
	return 1
}

// size changes the part of the screen.
func (g *grid[T]) size(width, height int) {
	g.width, g.height = width, height
	g.scroll()
}

// page is how many rows there is room for.
func (g *grid[T]) page() int { return max(0, g.height-1) }

// scroll keeps the cursor among the rows and on the screen.
func (g *grid[T]) scroll() {
	g.cursor = max(0, min(g.cursor, len(g.rows)-1))
	g.top = min(g.top, g.cursor, max(0, len(g.rows)-g.page()))
	g.top = max(g.top, g.cursor-g.page()+1, 0)
}

// move moves the cursor by so many rows.
func (g *grid[T]) move(by int) {
	g.cursor += by
	g.scroll()
	g.held = ""
	if g.cursor > 0 {
		g.held = g.key(g.rows[g.cursor])
	}
}

// chosen returns the row at the cursor, nil if there are none.
func (g *grid[T]) chosen() *T {
	if len(g.rows) == 0 {
		return nil
	}
	return g.rows[g.cursor]
}

// sortNext sorts by the next column that can be sorted by. The caller sets the
// rows anew.
func (g *grid[T]) sortNext() {
	for range g.columns {
		if g.sort = (g.sort + 1) % len(g.columns); g.columns[g.sort].less != nil {
			g.back = false
			return
		}
	}
	g.sort = -1
}

// sortBack sorts in the other direction.
func (g *grid[T]) sortBack() { g.back = !g.back }

// count returns how many rows there are.
func (g *grid[T]) count() int { return len(g.rows) }

// draw returns the lines of the grid's part of the screen.
func (g *grid[T]) draw(s *styles, focused bool) []string {
	if g.height <= 0 {
		return nil
	}
	widths := g.fit()
	lines := []string{s.head.Render(pad(g.titles(widths), g.width, false))}
	for i := g.top; i < min(len(g.rows), g.top+g.page()); i++ {
		lines = append(lines, g.line(s, widths, i, focused && i == g.cursor))
	}
	if len(g.rows) == 0 && g.height > 1 {
		lines = append(lines, s.dim.Render(pad("  "+g.empty, g.width, false)))
	}
	for len(lines) < g.height {
		lines = append(lines, strings.Repeat(" ", g.width))
	}
	return lines
}

// titles is the line of titles; an arrow shows what the grid is sorted by.
func (g *grid[T]) titles(widths []int) string {
	var b strings.Builder
	for i, c := range g.columns {
		if widths[i] == 0 {
			continue
		}
		title := c.title
		if i == g.sort {
			title += map[bool]string{true: "▼", false: "▲"}[c.most != g.back]
		}
		b.WriteString(" " + pad(title, widths[i], c.right))
	}
	return b.String()
}

func (g *grid[T]) line(s *styles, widths []int, at int, chosen bool) string {
	var b strings.Builder
	row := g.rows[at]
	for i, c := range g.columns {
		if widths[i] == 0 {
			continue
		}
		gap := " "
		if chosen && b.Len() == 0 {
			gap = ">"
		}
		text := clean(c.text(row))
		if c.flex {
			text = clipMiddle(text, widths[i])
		}
		text = pad(text, widths[i], c.right)
		if !chosen && c.alert != nil && c.alert(row) {
			text = s.alert.Render(text)
		}
		b.WriteString(gap + text)
	}
	line := pad(b.String(), g.width, false)
	if chosen {
		return s.cursor.Render(line)
	}
	return line
}

// maxRank is the highest rank of a column.
const maxRank = 4

// fit returns how wide each column is, 0 for those that there is no room for.
func (g *grid[T]) fit() []int {
	widths, want := make([]int, len(g.columns)), make([]int, len(g.columns))
	used, needed := 0, 0
	for i, c := range g.columns {
		// One more than the title: for the arrow.
		widths[i] = max(c.width, lipgloss.Width(c.title)+1)
		want[i] = widths[i]
		for j := range g.rows {
			if c.flex {
				want[i] = max(want[i], lipgloss.Width(c.text(g.rows[j])))
			}
		}
		used += widths[i] + 1
		needed += max(widths[i], min(want[i], c.ample)) + 1
	}
	for rank := maxRank; rank > 0 && needed > g.width; rank-- {
		for i, c := range g.columns {
			if c.rank == rank {
				used -= widths[i] + 1
				needed -= widths[i] + 1
				widths[i], want[i] = 0, 0
			}
		}
	}
	g.grow(widths, want, g.width-used)
	return widths
}

// grow gives columns room as long as they want some, each a cell in turn; where
// there is less than none, it takes from the widest.
func (g *grid[T]) grow(widths, want []int, room int) {
	for given := true; room > 0 && given; {
		given = false
		for i := range widths {
			if room > 0 && widths[i] < want[i] {
				widths[i]++
				room--
				given = true
			}
		}
	}
	for room < 0 {
		widest := 0
		for i := range widths {
			if widths[i] > widths[widest] {
				widest = i
			}
		}
		if widths[widest] <= 1 {
			return
		}
		widths[widest]--
		room++
	}
}
