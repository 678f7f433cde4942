package top

import (
	"fmt"
	"testing"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/sgate/sgate/control"
)

// BenchmarkView is what each message costs: to take it in, and to draw.
func BenchmarkView(b *testing.B) {
	for _, n := range []int{5, 1000, 10_000} {
		m := newModel("lab", noon, func(question) {}, Color)
		m.Update(tea.WindowSizeMsg{Width: 100, Height: 30})
		var faces []control.Counters
		for i := range n {
			faces = append(faces, face(fmt.Sprintf("instance-%05d", i), 100, reason(5)))
		}
		m.Update(sampleMsg{snapshot: sample(0, faces...)})
		m.Update(sampleMsg{snapshot: sample(1, faces...)})
		for i := range maxDrops {
			m.Update(told(dropped(float64(i), web, end("db", "10.0.2.30", uint16(i+1)), "tcp", "no_ingress_rule")))
		}
		for name, msg := range map[string]tea.Msg{"tick": tickMsg(noon), "drop": told(dropped(999, web, db, "tcp", "no_ingress_rule"))} {
			b.Run(fmt.Sprintf("interfaces=%d/%s", n, name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					m.Update(msg)
					_ = m.View()
				}
			})
		}
	}
}
