package top

// newInterfaces returns the grid of interfaces. What drops most comes first; what
// drops nothing is in the configuration's order.
func newInterfaces() *grid[row] {
	rate := func(title string, rank int, of func(*row) float64) column[row] {
		return column[row]{
			title: title, width: 6, right: true, rank: rank, most: true,
			text: func(r *row) string { return rateText(r, of(r)) },
			less: func(a, b *row) bool { return of(a) < of(b) },
		}
	}
	drops := rate("DROP/s", 0, func(r *row) float64 { return r.DropRate() })
	drops.less = func(a, b *row) bool {
		if a.DropRate() != b.DropRate() {
			return a.DropRate() < b.DropRate()
		}
		return a.Dropped() < b.Dropped()
	}
	drops.alert = func(r *row) bool { return r.DropRate() > 0 }
	return &grid[row]{
		columns: []column[row]{
			{title: "NAME", width: 10, flex: true, ample: 24, text: func(r *row) string { return r.Name }, less: func(a, b *row) bool { return a.Name < b.Name }},
			{title: "INTERFACE", width: 12, flex: true, rank: 3, text: func(r *row) string { return r.ID }},
			rate("IN pps", 1, func(r *row) float64 { return r.In }),
			rate("IN bit/s", 1, func(r *row) float64 { return r.InBits }),
			rate("OUT pps", 1, func(r *row) float64 { return r.Out }),
			rate("OUT bit/s", 1, func(r *row) float64 { return r.OutBits }),
			drops,
			{
				title: "DROPPED", width: 8, right: true, rank: 2, most: true,
				text: func(r *row) string { return short(float64(r.Dropped())) },
				less: func(a, b *row) bool { return a.Dropped() < b.Dropped() },
			},
			{
				title: "CT AVAIL", width: 8, right: true, rank: 4,
				text:  func(r *row) string { return thousands(r.Available) },
				less:  func(a, b *row) bool { return a.Available < b.Available },
				alert: func(r *row) bool { return r.Available <= 0 },
			},
		},
		key: func(r *row) string { return r.ID }, empty: "no interfaces", sort: 6,
	}
}

// rateText prints a rate of an interface.
func rateText(r *row, rate float64) string {
	if !r.Known {
		return unknown
	}
	return short(rate)
}
