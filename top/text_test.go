package top

import (
	"testing"
	"time"

	"github.com/charmbracelet/lipgloss"
)

func TestNumbers(t *testing.T) {
	for n, want := range map[float64]string{
		0: "0", 0.04: "0", 0.4: "0.4", 3: "3", 3.02: "3", 3.06: "3.1", 9.96: "10", 12.4: "12", 999: "999", 999.4: "999", 999.5: "1.0k", 1234: "1.2k",
		9949: "9.9k", 9950: "10k", 999_499: "999k", 999_500: "1.0M", 34e6: "34M", 1.5e9: "1.5G", 2e12: "2.0T",
	} {
		if got := short(n); got != want {
			t.Errorf("short(%v) = %q, want %q", n, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -999: "-999", -123456: "-123,456"} {
		if got := thousands(n); got != want {
			t.Errorf("thousands(%d) = %q, want %q", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 59 * time.Second: "59s", 252 * time.Second: "4m12s", 125 * time.Minute: "2h5m", 76 * time.Hour: "3d4h",
	} {
		if got := age(d); got != want {
			t.Errorf("age(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestClip(t *testing.T) {
	for _, c := range []struct {
		s     string
		width int
		want  string
	}{
		{"web", 3, "web"}, {"webs", 3, "we…"}, {"web", 1, "…"}, {"web", 0, ""}, {"web", -1, ""}, {"", 0, ""},
		{"データベース", 7, "データ…"}, {"データベース", 6, "デー…"}, {"\x1b[31mred text\x1b[0m", 4, "\x1b[31mred\x1b[0m…"},
	} {
		if got := clip(c.s, c.width); got != c.want {
			t.Errorf("clip(%q, %d) = %q, want %q", c.s, c.width, got, c.want)
		}
	}
	for _, s := range []string{"", "web", "webserver", "データベース", "a\u0301b"} {
		for width := range 9 {
			if got := lipgloss.Width(pad(s, width, true)); got != width {
				t.Errorf("pad(%q, %d) is %d wide", s, width, got)
			}
		}
	}
}

// TestClean holds that nobody's name speaks to the terminal.
func TestClean(t *testing.T) {
	if got := clean("web\x1b[2J\a\r\n\u009b1m\tデ"); got != "web?[2J????1m?デ" {
		t.Errorf("%q", got)
	}
}

func TestWrap(t *testing.T) {
	got := wrap("short\n\n  egress   web, in group web: it is allowed\n           under it, a rule as long\n    aws ec2 x --port 3306\n", 24)
	want := "short\n\n" +
		"  egress   web, in group\n           web: it is\n           allowed\n" +
		"           under it, a\n           rule as long\n" +
		"    aws ec2 x --port\n    3306"
	if got != want {
		t.Errorf("%s\nwant:\n%s", got, want)
	}
	for width := range 30 {
		wrap("  egress   web, in group web: it is allowed\n           under it, a rule as long", width)
	}
}
