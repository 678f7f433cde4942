package metrics

import (
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/vpc"
)

// Collector is a prometheus.Collector of what a gateway counts.
type Collector struct {
	gateway    *gateway.Gateway
	interfaces *interfaceCollector
	mu         sync.Mutex // guards sums: scrapes can overlap
	sums       *sums      // nil where each interface has series of its own

	flows, flowsLimit, workers, latency, generation, rules, endpoints *prometheus.Desc
}

// NewCollector returns a collector for a gateway, with series of each interface
// or, if perVPC, of each VPC.
func NewCollector(g *gateway.Gateway, perVPC bool) *Collector {
	c := &Collector{
		gateway:    g,
		interfaces: newInterfaceCollector(perVPC),
		flows:      describe("sgate_flows", "Live flows by protocol and state.", "protocol", "state"),
		flowsLimit: describe("sgate_flows_limit", "How many flows the gateway tracks at most (gateway.conntrack.max_flows)."),
		workers:    describe("sgate_workers", "Threads that move packets: running, or failed, which only a restart mends.", "state"),
		latency: describe("sgate_packet_latency_seconds",
			"Time from reading a batch of packets until all of it was written or dropped; one batch in 1,024 is timed.", "worker"),
		generation: describe("sgate_policy_generation", "Number of the policy in force, one more with each configuration; 0 before the first."),
		rules:      describe("sgate_policy_rules", "Security group rules of the policy in force."),
		endpoints:  describe("sgate_interfaces", "Interfaces and hosts of the configuration: up, or down if their device is not there.", "vpc", "state"),
	}
	if perVPC {
		c.sums = newSums()
	}
	return c
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.flows, c.flowsLimit, c.workers, c.latency, c.generation, c.rules, c.endpoints} {
		out <- d
	}
	c.interfaces.describe(out)
}

// sender sends samples on.
type sender chan<- prometheus.Metric

func (out sender) send(d *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
	m, err := prometheus.NewConstMetric(d, kind, value, labels...)
	if err != nil { // a name that is not UTF-8 costs its own series only
		m = prometheus.NewInvalidMetric(d, err)
	}
	out <- m
}

func (out sender) gauge(d *prometheus.Desc, value float64, labels ...string) {
	out.send(d, prometheus.GaugeValue, value, labels...)
}

func (out sender) counter(d *prometheus.Desc, value uint64, labels ...string) {
	out.send(d, prometheus.CounterValue, float64(value), labels...)
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(metrics chan<- prometheus.Metric) {
	out := sender(metrics)
	for _, n := range c.gateway.CountFlows() {
		out.gauge(c.flows, float64(n.Flows), n.Protocol, n.State)
	}
	out.gauge(c.flowsLimit, float64(c.gateway.Flows().Max()))
	c.collectWorkers(out)
	c.collectEndpoints(out)
}

// collectEndpoints tells of the policy in force, and of its interfaces and hosts.
func (c *Collector) collectEndpoints(out sender) {
	c.mu.Lock() // before the policy is read, or an older one could come after a newer one
	defer c.mu.Unlock()
	policy, generation := c.gateway.Policy()
	out.gauge(c.generation, float64(generation))
	if policy == nil {
		return
	}
	out.gauge(c.rules, float64(policy.Rules()))
	endpoints := endpointsOf(c.gateway, policy.Snapshot())
	c.countEndpoints(out, policy.Snapshot(), endpoints)
	if c.sums == nil {
		for i := range endpoints {
			c.interfaces.collect(out, &endpoints[i])
		}
		return
	}
	for vpc, total := range c.sums.add(endpoints) {
		c.interfaces.counters(out, total, vpc)
	}
}

func (c *Collector) collectWorkers(out sender) {
	running, all := c.gateway.Workers()
	out.gauge(c.workers, float64(running), "running")
	out.gauge(c.workers, float64(all-running), "failed")
	for i, l := range c.gateway.Latencies() {
		out <- c.histogram(l, strconv.Itoa(i))
	}
}

// histogram makes one of a worker's latencies: Prometheus's buckets count all
// that are within their bound.
func (c *Collector) histogram(l gateway.Latency, worker string) prometheus.Metric {
	buckets := make(map[float64]uint64, len(l.Bounds))
	var count uint64
	for i, n := range l.Counts {
		count += n
		if i < len(l.Bounds) {
			buckets[l.Bounds[i].Seconds()] = count
		}
	}
	return prometheus.MustNewConstHistogram(c.latency, count, l.Sum.Seconds(), buckets, worker)
}

// countEndpoints tells how many of each VPC's interfaces and hosts have their
// device, and how many do not.
func (c *Collector) countEndpoints(out sender, s *vpc.Snapshot, endpoints []endpoint) {
	up, down := make(map[string]int), make(map[string]int) // by VPC
	for i := range endpoints {
		if e := &endpoints[i]; e.up() {
			up[e.vpc]++
		} else {
			down[e.vpc]++
		}
	}
	for _, v := range s.VPCs() {
		name := s.VPCName(v.ID)
		out.gauge(c.endpoints, float64(up[name]), name, "up")
		out.gauge(c.endpoints, float64(down[name]), name, "down")
	}
}
