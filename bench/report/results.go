// Package report makes of the benchmark's samples what is read: ratios and
// their spread, the figures to reach beside those reached, tables and a plot.
//
// Two paths are compared round by round, because a machine is not as fast in
// one minute as in the next: a figure is the median of the rounds' ratios.
// Everything here is a function of [Results], so that the same results always
// give the same table and plot.
//
// The package imports nothing of this project.
package report

// Metric names what is measured.
type Metric string

// What is measured of a path, and in which unit.
const (
	TCP1IPv4        Metric = "tcp-1-ipv4" // bits a second, one stream
	TCP1IPv6        Metric = "tcp-1-ipv6"
	TCP4IPv4        Metric = "tcp-4-ipv4" // four streams
	TCP4IPv6        Metric = "tcp-4-ipv6"
	TCPCPU          Metric = "tcp-cpu"           // seconds of the gateway per gigabyte, over the four above
	UDPFlood        Metric = "udp-flood"         // packets of 64 bytes delivered a second
	UDPCPU          Metric = "udp-cpu"           // seconds of the gateway per million delivered packets of the flood
	UDPPaced        Metric = "udp-paced"         // highest rate with less than 0.1 % lost, packets a second
	RoundTrips      Metric = "round-trips"       // a second
	P50             Metric = "round-trip-p50"    // seconds
	P99             Metric = "round-trip-p99"    // seconds
	P999            Metric = "round-trip-p99.9"  // seconds
	Connections     Metric = "connections"       // new ones a second
	ChangeTook      Metric = "change-took"       // seconds, the longest of a round's changes
	P999Quiet       Metric = "change-p99.9-none" // seconds, round trips with no change
	P999Changing    Metric = "change-p99.9"      // seconds, round trips during changes
	HitThousand     Metric = "hit-1000"          // nanoseconds, 1,000 live flows
	HitThousandIPv6 Metric = "hit-1000-ipv6"
	HitMillion      Metric = "hit-1000000" // nanoseconds, 1,000,000 live flows
	HitMillionIPv6  Metric = "hit-1000000-ipv6"
	HitAllocations  Metric = "hit-allocations" // a packet
	FlowMemory      Metric = "flow-memory"     // bytes a flow
	Collection      Metric = "collection"      // nanoseconds of a garbage collection, 1,000,000 flows

	// Nanoseconds of a packet from device to device: where nobody can watch, while
	// nobody does, and while somebody does.
	WatchImpossible Metric = "watch-impossible"
	WatchNobody     Metric = "watch-nobody"
	WatchDrops      Metric = "watch-follower-drops"
	WatchAll        Metric = "watch-follower-all"
	WatchCapture    Metric = "watch-capture"
	WatchFlowLog    Metric = "watch-flow-log"
)

// Micro is the path of what Go benchmarks measure.
const Micro = "go test"

// Sample is one measurement.
type Sample struct {
	Round  int     `json:"round"`
	Path   string  `json:"path"`
	MTU    int     `json:"mtu,omitempty"` // bytes; 0 for Micro
	Metric Metric  `json:"metric"`
	Value  float64 `json:"value"`
}

// Fact is a line about the machine, a version or what could not be measured.
type Fact struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// Results is all that a run of the benchmark has found out.
type Results struct {
	Machine []Fact   `json:"machine"` // and versions
	Paths   []Fact   `json:"paths"`   // in the order of the tables, by name, with their descriptions
	Missing []Fact   `json:"missing"` // paths and measurements that there are not, and why
	Rounds  int      `json:"rounds"`
	Samples []Sample `json:"samples"`
}

// values returns, by round, what was measured of a path.
func (r *Results) values(path string, mtu int, m Metric) map[int]float64 {
	of := make(map[int]float64)
	for _, s := range r.Samples {
		if s.Path == path && s.MTU == mtu && s.Metric == m {
			of[s.Round] = s.Value
		}
	}
	return of
}

// mtus returns those of a path, ascending.
func (r *Results) mtus(path string) []int {
	seen := make(map[int]bool)
	for _, s := range r.Samples {
		if s.Path == path {
			seen[s.MTU] = true
		}
	}
	return sorted(seen)
}
