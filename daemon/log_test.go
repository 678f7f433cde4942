package daemon

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/sgate/sgate/gateway"
)

// TestNoLogOfPackets sends packets of every fate through a gateway that logs what
// happens at level info: none makes a line.
func TestNoLogOfPackets(t *testing.T) {
	var log bytes.Buffer
	w := newWorldWith(t, twoVPCs, gateway.Options{Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelInfo}))})
	log.Reset() // the control socket is up
	for range 100 {
		for _, p := range []struct {
			from, src, dst string
			transport      gopacket.SerializableLayer
		}{
			{"app", "10.0.1.10", "10.0.1.20", syn(40000, 3306)},  // a flow
			{"db", "10.0.1.20", "10.0.1.30", syn(40000, 22)},     // no ingress rule
			{"web", "10.0.1.99", "10.0.1.20", syn(40000, 80)},    // source check
			{"web", "10.0.1.30", "10.0.1.77", syn(40000, 80)},    // no route
			{"web", "10.0.1.30", "10.0.1.1", syn(40000, 80)},     // the router
			{"web", "10.0.1.30", "10.0.0.2", udp(5000, 53)},      // a service
			{"web", "10.0.1.30", "255.255.255.255", udp(68, 67)}, // broadcast
			{"laptop", "203.0.113.10", "10.0.1.20", ping(1)},     // no ingress rule
			{"web", "10.0.1.30", "10.0.1.20", &layers.TCP{SrcPort: 1, DstPort: 2, SYN: true, FIN: true}},
		} {
			w.send(p.from, p.src, p.dst, p.transport)
		}
	}
	c := w.g.Port(w.ids["web"]).Counters()
	if c.Forwarded+c.Local == 0 || c.TotalDropped() == 0 {
		t.Errorf("not every fate came up: %+v", c)
	}
	if n := strings.Count(log.String(), "\n"); n > 0 {
		t.Errorf("%d lines, such as: %.300s", n, log.String())
	}
}
