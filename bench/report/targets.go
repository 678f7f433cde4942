package report

import "fmt"

// Target is a figure to reach: a path's in relation to another's, or (with no
// Base) by itself.
type Target struct {
	Measure string
	Against string // in words; "" for a figure by itself
	Path    string
	Metrics []Metric
	Base    string
	To      []Metric // what the metrics are divided by; nil: the same of Base
	MTUs    []int    // at which all of it is measured
	Want    float64
	AtMost  bool
	Unit    Unit
}

// divisors are the metrics of Base.
func (t *Target) divisors() []Metric {
	if t.To == nil {
		return t.Metrics
	}
	return t.To
}

// Benchmark is the Go benchmark that measures a metric.
type Benchmark struct {
	Metric  Metric
	Package string // its folder, below the module's
	Name    string // as `go test -bench` prints it, without the number of processors
	Unit    string // of its figures the one that is meant
}

// Benchmarks are those that the targets take their figures from.
func Benchmarks() []Benchmark {
	all := []Benchmark{
		{HitThousand, "gateway", "BenchmarkHit/IPv4/flows=1000", "ns/op"},
		{HitThousandIPv6, "gateway", "BenchmarkHit/IPv6/flows=1000", "ns/op"},
		{HitMillion, "gateway", "BenchmarkHit/IPv4/flows=1000000", "ns/op"},
		{HitMillionIPv6, "gateway", "BenchmarkHit/IPv6/flows=1000000", "ns/op"},
		{HitAllocations, "gateway", "BenchmarkHit/IPv4/flows=1000000", "allocs/op"},
		{FlowMemory, "conntrack", "BenchmarkFootprint/flows=1000000", "B/flow"},
		{Collection, "conntrack", "BenchmarkCollect/flows=1000000", "ns/op"},
	}
	for _, rules := range []int{fewRules, manyRules} {
		for _, shape := range missShapes() {
			all = append(all, Benchmark{missMetric(shape, rules), "gateway", missName(shape, rules), "ns/op"})
		}
	}
	return all
}

// The rules of a flow miss: their number is what its cost is not to depend on.
const (
	fewRules  = 10
	manyRules = 100_000
)

// missShapes are flows and fleets of which there are both with few rules and
// with many: what admits the flow, and between how many interfaces.
func missShapes() []string {
	return []string{
		"from-everywhere/interfaces=10", "from-everywhere/interfaces=10000",
		"from-nobody/interfaces=10", "from-nobody/interfaces=10000",
	}
}

func missName(shape string, rules int) string {
	return fmt.Sprintf("BenchmarkMiss/groups=5/%s/rules=%d", shape, rules)
}

// missMetric is in nanoseconds.
func missMetric(shape string, rules int) Metric {
	return Metric(fmt.Sprintf("miss-%d %s", rules, shape))
}

func missMetrics(rules int) (all []Metric) {
	for _, shape := range missShapes() {
		all = append(all, missMetric(shape, rules))
	}
	return all
}

// Targets are the figures to reach.
func Targets() []Target {
	tcp := []Metric{TCP1IPv4, TCP1IPv6, TCP4IPv4, TCP4IPv6}
	small, both, none := []int{1500}, []int{1500, 9001}, []int{0}
	const streams = "TCP throughput, one stream and four, both families"
	return []Target{
		{Measure: streams, Against: "the limit", Path: "sgate", Metrics: tcp, Base: "limit", MTUs: both, Want: 0.97},
		{Measure: streams, Against: "kernel + nftables", Path: "sgate", Metrics: tcp, Base: "kernel", MTUs: both, Want: 0.55},
		{Measure: streams, Against: "wireguard/tun as it is", Path: "sgate", Metrics: tcp, Base: "wireguard", MTUs: both, Want: 2.3},
		{Measure: streams, Against: "gVisor netstack as the router, packet by packet", Path: "sgate", Metrics: tcp, Base: "netstack", MTUs: both, Want: 20},
		{Measure: streams, Against: "gVisor netstack as the router, with super-packets", Path: "sgate", Metrics: tcp, Base: "netstack-super", MTUs: both, Want: 4},
		limit("UDP 64 bytes under flood, delivered", UDPFlood, 0.97, false),
		limit("highest paced UDP rate with under 0.1 % loss", UDPPaced, 0.95, false),
		limit("CPU a small packet", UDPCPU, 1.15, true),
		limit("round trips a second", RoundTrips, 0.95, false),
		limit("p99 of round trips", P99, 1.1, true),
		{Measure: "new connections a second", Against: "kernel + nftables", Path: "sgate", Metrics: []Metric{Connections}, Base: "kernel", MTUs: small, Want: 0.5},
		micro("flow hit, parse to decision, 1,000 flows", 100, Nanoseconds, HitThousand, HitThousandIPv6),
		micro("flow hit, parse to decision, 1,000,000 flows in random order", 400, Nanoseconds, HitMillion, HitMillionIPv6),
		micro("allocations of a flow hit", 0, Number, HitAllocations),
		{Measure: "flow miss, 100,000 rules", Against: "10 rules", Path: Micro, Metrics: missMetrics(manyRules),
			Base: Micro, To: missMetrics(fewRules), MTUs: none, Want: 1.5, AtMost: true},
		{Measure: "a packet while nobody watches", Against: "a build in which nobody can", Path: Micro, Metrics: []Metric{WatchNobody},
			Base: Micro, To: []Metric{WatchImpossible}, MTUs: none, Want: 1.02, AtMost: true},
		{Measure: "TCP throughput with 1,000,000 live flows", Against: "10 flows", Path: "sgate-million", Metrics: tcp, Base: "sgate", MTUs: small, Want: 0.9},
		{Measure: "TCP throughput with 64 devices", Against: "two devices", Path: "sgate-devices", Metrics: tcp, Base: "sgate", MTUs: small, Want: 0.9},
		micro("memory of 1,000,000 flows, all in", 150, Megabytes, FlowMemory),
		// To scan so much memory takes ten times as long.
		micro("garbage collection with them, which does not scan them", 5e6, Milliseconds, Collection),
		{Measure: "change of one rule at 10,000 interfaces, compiled and swapped", Path: "sgate-large",
			Metrics: []Metric{ChangeTook}, MTUs: small, Want: 0.1, AtMost: true, Unit: Seconds},
		{Measure: "p99.9 of round trips meanwhile", Against: "no change", Path: "sgate-large", Metrics: []Metric{P999Changing},
			Base: "sgate-large", To: []Metric{P999Quiet}, MTUs: small, Want: 2, AtMost: true},
		limit("beyond the limit: UDP 64 bytes under flood, delivered", UDPFlood, 1.15, false),
	}
}

// limit is a target for sgate against the bare copy.
func limit(measure string, m Metric, want float64, atMost bool) Target {
	return Target{Measure: measure, Against: "the limit", Path: "sgate", Metrics: []Metric{m}, Base: "limit", MTUs: []int{1500}, Want: want, AtMost: atMost}
}

// micro is a target for what Go benchmarks measure; of several, for the worst.
func micro(measure string, want float64, unit Unit, metrics ...Metric) Target {
	return Target{Measure: measure, Path: Micro, Metrics: metrics, MTUs: []int{0}, Want: want, AtMost: true, Unit: unit}
}
