package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sgate/sgate/gateway"
)

// The directions, as the gateway sees them.
const (
	received = "received" // from the instance
	sent     = "sent"     // to it
)

// interfaceCollector makes the series of an interface or, if perVPC, those of a
// VPC, which have the same names and fewer labels.
type interfaceCollector struct {
	perVPC                                      bool
	packets, bytes, forwarded, local, dropped   *prometheus.Desc
	allowanceExceeded, allowanceAvailable, isUp *prometheus.Desc
}

func newInterfaceCollector(perVPC bool) *interfaceCollector {
	whose := []string{"vpc", "interface_id", "name"}
	if perVPC {
		whose = whose[:1]
	}
	of := func(name, help string, labels ...string) *prometheus.Desc {
		return describe(name, help, append(whose[:len(whose):len(whose)], labels...)...)
	}
	return &interfaceCollector{
		perVPC:    perVPC,
		packets:   of("sgate_interface_packets_total", "Packets received from the interface's instance, and sent to it; segments of super-packets count one by one.", "direction"),
		bytes:     of("sgate_interface_bytes_total", "Bytes of those packets, from the IP header on.", "direction"),
		forwarded: of("sgate_interface_forwarded_packets_total", "Packets of the instance that were forwarded to another."),
		local:     of("sgate_interface_local_packets_total", "Packets of the instance that were for, or answered by, the VPC router."),
		dropped:   of("sgate_dropped_packets_total", "Packets of the instance that were dropped, whichever end's rules decided.", "reason"),
		allowanceExceeded: of("sgate_conntrack_allowance_exceeded_total",
			"Packets of either direction that were dropped because the interface could not track their flow (conntrack_allowance_exceeded in AWS)."),
		allowanceAvailable: of("sgate_conntrack_allowance_available",
			"How many more flows the interface may track (conntrack_allowance_available in AWS)."),
		isUp: of("sgate_interface_up", "Whether the interface's device is there."),
	}
}

func (c *interfaceCollector) describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.packets, c.bytes, c.forwarded, c.local, c.dropped, c.allowanceExceeded} {
		out <- d
	}
	if !c.perVPC { // a VPC is not up, and its interfaces share what is available
		out <- c.isUp
		out <- c.allowanceAvailable
	}
}

// collect sends the series of one interface.
func (c *interfaceCollector) collect(out sender, e *endpoint) {
	whose := []string{e.vpc, e.ID, e.Name}
	if !e.up() {
		out.gauge(c.isUp, 0, whose...)
	} else {
		out.gauge(c.isUp, 1, whose...)
	}
	if e.port == nil {
		return
	}
	counters := e.port.Counters()
	c.counters(out, &counters, whose...)
	out.gauge(c.allowanceAvailable, float64(counters.ConntrackAllowanceAvailable), whose...)
}

// counters sends what was counted of one interface, or of one VPC.
func (c *interfaceCollector) counters(out sender, n *gateway.Counters, whose ...string) {
	and := func(label string) []string { return append(whose[:len(whose):len(whose)], label) }
	out.counter(c.packets, n.Received, and(received)...)
	out.counter(c.packets, n.Sent, and(sent)...)
	out.counter(c.bytes, n.ReceivedBytes, and(received)...)
	out.counter(c.bytes, n.SentBytes, and(sent)...)
	out.counter(c.forwarded, n.Forwarded, whose...)
	out.counter(c.local, n.Local, whose...)
	out.counter(c.allowanceExceeded, n.ConntrackAllowanceExceeded, whose...)
	for i, dropped := range n.Dropped {
		if reason := gateway.Reason(i); reason.IsDrop() && (dropped > 0 || c.always(reason)) {
			out.counter(c.dropped, dropped, and(reason.String())...)
		}
	}
}

// always reports whether a reason has a series before it comes up. Prometheus
// asks for that, because the first increase of a series that was not there does
// not show; but of 58 reasons, an interface sees two or three in its life. So each
// has those that rules give, and a VPC has all.
func (c *interfaceCollector) always(r gateway.Reason) bool {
	return c.perVPC || r == gateway.ReasonNoEgressRule || r == gateway.ReasonNoIngressRule
}
