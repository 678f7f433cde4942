package gateway_test

import (
	"testing"

	"github.com/sgate/sgate/gateway"
)

// BenchmarkWatch is a packet of a live flow, from a device that has it to one that
// takes it, with nobody watching and with those who do.
func BenchmarkWatch(b *testing.B) {
	b.Run("nobody", func(b *testing.B) { benchWatch(b) })
}

func benchWatch(b *testing.B, watchers ...gateway.Watcher) {
	s := gateway.NewSupplied(b, 64)
	for _, w := range watchers {
		defer s.Gateway.Watch(w)()
	}
	b.ReportAllocs()
	b.ResetTimer()
	s.Move(b.N)
}
