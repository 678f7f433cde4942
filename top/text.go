package top

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/charmbracelet/lipgloss"
)

// unknown stands where there is no rate yet.
const unknown = "-"

// short prints a number as far as it matters: "0", "0.4", "12", "1.2k", "34M".
func short(n float64) string {
	unit := ""
	for _, unit = range []string{"", "k", "M", "G", "T", "P", "E"} {
		if n < 999.5 {
			break
		}
		n /= 1000
	}
	if n < 9.95 && (unit != "" || n != float64(int(n))) {
		if s := fmt.Sprintf("%.1f%s", n, unit); s != "0.0" {
			return strings.TrimSuffix(s, ".0")
		}
		return "0"
	}
	return fmt.Sprintf("%.0f%s", n, unit)
}

// thousands prints a number in groups of three digits: "1,204".
func thousands[N int | int64 | uint64](n N) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// age prints a time as far as it matters: "3s", "4m12s", "2h5m", "3d4h".
func age(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%dh", int(d.Hours())/24, int(d.Hours())%24)
}

// clean takes away what would move the cursor or speak to the terminal: names and
// texts are others'.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return '?'
		}
		return r
	}, s)
}

// clip cuts plain or coloured text to a width, with an ellipsis where something
// is missing.
func clip(s string, width int) string {
	switch {
	case lipgloss.Width(s) <= width:
		return s
	case width <= 0:
		return ""
	case width == 1: // no width at all is no limit
		return "…"
	}
	return lipgloss.NewStyle().Inline(true).MaxWidth(width-1).Render(s) + "…"
}

// clipMiddle cuts plain text to a width, in its middle: of names and addresses,
// both the beginning and the end tell.
func clipMiddle(s string, width int) string {
	if lipgloss.Width(s) <= width || width < 5 {
		return clip(s, width)
	}
	tail := []rune(s)
	for len(tail) > 0 && lipgloss.Width(string(tail)) > (width-1)/2 {
		tail = tail[1:]
	}
	return clip(s, width-lipgloss.Width(string(tail))) + string(tail)
}

// bits prints bits a second: "24 Mbit/s".
func bits(n float64) string {
	s := short(n)
	unit := strings.TrimLeft(s, "0123456789.")
	return strings.TrimSuffix(s, unit) + " " + unit + "bit/s"
}

// pad makes text as wide as a column.
func pad(s string, width int, right bool) string {
	s = clip(s, width)
	gap := strings.Repeat(" ", max(0, width-lipgloss.Width(s)))
	if right {
		return gap + s
	}
	return s + gap
}
