package report

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// group is a panel of the plot: how the paths compare with the limit in some
// metrics.
type group struct {
	title   string
	metrics []Metric
}

func groups() []group {
	return []group{
		{"TCP, one stream", []Metric{TCP1IPv4, TCP1IPv6}},
		{"TCP, four streams", []Metric{TCP4IPv4, TCP4IPv6}},
		{"UDP 64 bytes, flood", []Metric{UDPFlood}},
		{"UDP 64 bytes, paced", []Metric{UDPPaced}},
		{"round trips a second", []Metric{RoundTrips}},
		{"new connections a second", []Metric{Connections}},
	}
}

// The plot's measures, in pixels.
const (
	panelColumns = 2
	plotWidth    = 980
	margin       = 16
	labelWidth   = 104 // the paths' names, left of the bars
	valueWidth   = 40  // the ratios, right of them
	rowHeight    = 19
	barHeight    = 11
	headHeight   = 56 // above the panels
	titleHeight  = 30 // of a panel
	footHeight   = 34 // of a panel: the axis
)

// style has colours for a light and for a dark page; the background is the page's.
const style = `<style>
text{font:12px system-ui,sans-serif;fill:#24292f}
.title{font-size:16px;font-weight:600}
.panel{font-weight:600}
.small{font-size:11px;fill:#57606a}
.bar{fill:#8c959f}.own{fill:#0969da}.limit{fill:#57606a}
.grid{stroke:#d0d7de;stroke-width:1}
.one{stroke:#cf222e;stroke-width:1.5}
.whisker{stroke:#24292f;stroke-width:1.2}
@media (prefers-color-scheme:dark){
text{fill:#e6edf3}.small{fill:#9198a1}
.bar{fill:#6e7681}.own{fill:#4493f8}.limit{fill:#9198a1}
.grid{stroke:#3d444d}.one{stroke:#f85149}.whisker{stroke:#e6edf3}
}
</style>
`

// bar is a path in a panel.
type bar struct {
	path  string
	ratio Spread
}

// Plot draws the paths' ratios to the limit as an SVG, on a logarithmic axis,
// with a bar for the median and a whisker from the least to the greatest.
func Plot(r *Results) string {
	var panels [][]bar
	for _, g := range groups() {
		panels = append(panels, r.bars(g))
	}
	a := axisOf(panels)
	var body strings.Builder
	top := float64(headHeight)
	for first := 0; first < len(panels); first += panelColumns {
		row := panels[first:min(first+panelColumns, len(panels))]
		most := 0
		for i, bars := range row {
			a.draw(&body, margin+float64(i)*a.panel(), top, groups()[first+i].title, bars)
			most = max(most, len(bars))
		}
		top += titleHeight + float64(most)*rowHeight + footHeight
	}
	var b strings.Builder
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %.0f\" role=\"img\" aria-label=\"sgate and others against a bare copy between two TUN devices\">\n", plotWidth, top)
	b.WriteString(style)
	text(&b, margin, 24, "title", "", "Ratio to the limit, a bare copy between two TUN devices (more is better)")
	text(&b, margin, 43, "small", "", fmt.Sprintf("Median of %d rounds' ratios; whiskers from the least to the greatest. Logarithmic axis.", r.Rounds))
	b.WriteString(body.String())
	b.WriteString("</svg>\n")
	return b.String()
}

// bars are the paths that were measured.
func (r *Results) bars(g group) []bar {
	var out []bar
	for _, p := range r.Paths {
		if c := r.compare(p.Name, g.metrics, "limit", g.metrics); c.Count > 0 {
			out = append(out, bar{p.Name, c.Spread})
		}
	}
	return out
}

// axis is the logarithmic axis that all panels share.
type axis struct{ low, high float64 } // powers of ten

func axisOf(panels [][]bar) axis {
	low, high := 0.5, 2.0
	for _, bars := range panels {
		for _, b := range bars {
			low, high = min(low, b.ratio.Min), max(high, b.ratio.Max)
		}
	}
	return axis{math.Floor(math.Log10(low)), math.Log10(high * 1.05)}
}

// panel is the width of one, with the space after it.
func (a axis) panel() float64 { return (plotWidth - margin) / panelColumns }

// at is the place of a ratio in a panel that begins at left.
func (a axis) at(left, ratio float64) float64 {
	room := a.panel() - margin - labelWidth - valueWidth
	return left + labelWidth + room*(math.Log10(ratio)-a.low)/(a.high-a.low)
}

func (a axis) draw(b *strings.Builder, left, top float64, title string, bars []bar) {
	text(b, left, top+18, "panel", "", title)
	top += titleHeight
	bottom := top + float64(len(bars))*rowHeight
	for _, tick := range []float64{0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5} {
		if at := math.Log10(tick); at < a.low || at > a.high {
			continue
		}
		x, class := a.at(left, tick), "grid"
		if tick == 1 {
			class = "one"
		}
		line(b, class, x, top-3, x, bottom+3)
		text(b, x, bottom+17, "small", "middle", fmt.Sprint(tick))
	}
	for i, of := range bars {
		a.drawBar(b, left, top+float64(i)*rowHeight, of)
	}
}

func (a axis) drawBar(b *strings.Builder, left, top float64, of bar) {
	class := "bar"
	switch {
	case strings.HasPrefix(of.path, "sgate"):
		class = "own"
	case of.path == "limit":
		class = "limit"
	}
	middle := top + rowHeight/2.0
	start, end := left+labelWidth, a.at(left, of.ratio.Median)
	text(b, start-8, middle+4, "", "end", of.path)
	fmt.Fprintf(b, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" rx=\"2\"/>\n", class, start, middle-barHeight/2.0, end-start, barHeight)
	from, to := a.at(left, of.ratio.Min), a.at(left, of.ratio.Max)
	if to-from > 1 {
		line(b, "whisker", from, middle, to, middle)
		line(b, "whisker", from, middle-3, from, middle+3)
		line(b, "whisker", to, middle-3, to, middle+3)
	}
	text(b, left+a.panel()-margin, middle+4, "small", "end", Ratio.format(of.ratio.Median))
}

func text(b *strings.Builder, x, y float64, class, anchor, s string) {
	fmt.Fprintf(b, "<text x=\"%.1f\" y=\"%.1f\"", x, y)
	if class != "" {
		fmt.Fprintf(b, " class=%q", class)
	}
	if anchor != "" {
		fmt.Fprintf(b, " text-anchor=%q", anchor)
	}
	fmt.Fprintf(b, ">%s</text>\n", html.EscapeString(s))
}

func line(b *strings.Builder, class string, x1, y1, x2, y2 float64) {
	fmt.Fprintf(b, "<line class=%q x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", class, x1, y1, x2, y2)
}
