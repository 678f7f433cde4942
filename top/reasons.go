package top

import "strings"

// reasonRow is a reason for drops.
type reasonRow struct {
	name  string
	rate  float64 // packets a second
	share float64 // of all packets dropped now, 0 to 1
	known bool    // there is a rate
	total uint64
}

// shareCells is how wide the bar is that shows a reason's share.
const shareCells = 10

func newReasons() *grid[reasonRow] {
	return &grid[reasonRow]{
		columns: []column[reasonRow]{
			{title: "REASON", width: 8, flex: true, ample: 20, text: func(r *reasonRow) string { return r.name }, less: func(a, b *reasonRow) bool { return a.name < b.name }},
			{
				title: "DROP/s", width: 6, right: true, most: true,
				text: func(r *reasonRow) string {
					if !r.known {
						return unknown
					}
					return short(r.rate)
				},
				less:  func(a, b *reasonRow) bool { return a.rate < b.rate || a.rate == b.rate && a.total < b.total },
				alert: func(r *reasonRow) bool { return r.rate > 0 },
			},
			{
				title: "TOTAL", width: 9, right: true, rank: 1, most: true,
				text: func(r *reasonRow) string { return thousands(r.total) },
				less: func(a, b *reasonRow) bool { return a.total < b.total },
			},
			{title: "SHARE", width: shareCells, rank: 2, text: func(r *reasonRow) string { return bar(r.share) }},
		},
		key: func(r *reasonRow) string { return r.name }, empty: "nothing has been dropped", sort: 1,
	}
}

// bar is a share as a bar.
func bar(share float64) string {
	cells := int(share*shareCells + 0.5)
	if share > 0 {
		cells = max(cells, 1)
	}
	return strings.Repeat("■", min(cells, shareCells))
}

// reasonRows returns reasons in the order of their names.
func reasonRows(of *tally, known bool) []*reasonRow {
	all := of.DropRate()
	var rows []*reasonRow
	for _, name := range of.names() {
		row := &reasonRow{name: name, rate: of.Rates[name], total: of.Totals[name], known: known}
		if all > 0 {
			row.share = row.rate / all
		}
		rows = append(rows, row)
	}
	return rows
}
