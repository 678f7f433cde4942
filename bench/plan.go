package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// measure is what is measured of a path in one go.
type measure string

const (
	tcp        measure = "tcp"     // one stream and four, both families
	udp        measure = "udp"     // a flood of 64-byte datagrams
	paced      measure = "paced"   // the highest rate of such without loss
	roundTrips measure = "rr"      // request and response
	connect    measure = "connect" // new TCP connections
	change     measure = "change"  // round trips while a rule changes
	micro      measure = "micro"   // Go benchmarks, once and of no path
)

func allMeasures() []measure {
	return []measure{tcp, udp, paced, roundTrips, connect, change, micro}
}

// job is what is measured of a path in one round at one MTU.
type job struct {
	path     string
	mtu      int // bytes
	measures []measure
}

// The MTUs: Ethernet's, and that of an EC2 instance within its VPC. Small
// packets and connections are the same at both and measured at the first.
const (
	smallMTU = 1500
	largeMTU = 9001
)

// jobs are those of a path. What does not route IP but ends TCP itself, and two
// shapes of sgate that differ from it in memory only, are measured at one MTU.
func jobs(path string) []job {
	all := []measure{tcp, udp, paced, roundTrips, connect}
	switch path {
	case "sgate-million", "sgate-devices":
		return []job{{path, smallMTU, []measure{tcp}}}
	case "slirp4netns", "passt":
		return []job{{path, smallMTU, all}}
	case "sgate-large":
		all = append(all, change)
	}
	return []job{{path, smallMTU, all}, {path, largeMTU, []measure{tcp}}}
}

// spans are how long the parts of a measurement are.
type spans struct {
	tcp, udp, roundTrips, connect, change time.Duration
}

// scaled returns the spans at a scale. iperf3 takes whole seconds.
func scaled(scale float64) spans {
	of := func(d time.Duration) time.Duration {
		return time.Duration(scale * float64(d)).Round(10 * time.Millisecond)
	}
	return spans{
		tcp: max(time.Second, of(time.Second).Truncate(time.Second)), udp: of(500 * time.Millisecond),
		roundTrips: of(time.Second), connect: of(700 * time.Millisecond), change: of(2 * time.Second),
	}
}

// plan is what a run measures, and for how long.
type plan struct {
	rounds int
	jobs   []job // of one round
	micro  bool
	spans
}

// The scales of the spans: below the least the noise of single measurements
// would drown what is measured, above the greatest more rounds are worth more.
const (
	leastScale    = 0.5
	greatestScale = 3.0
	scaleStep     = 0.1
)

// newPlan plans the rounds for paths and measures such that they fit into a
// budget of time.
func newPlan(rounds int, paths []string, measures []measure, budget time.Duration) (*plan, error) {
	p := &plan{rounds: rounds, micro: slices.Contains(measures, micro)}
	for _, path := range paths {
		for _, j := range jobs(path) {
			j.measures = slices.DeleteFunc(j.measures, func(m measure) bool { return !slices.Contains(measures, m) })
			if len(j.measures) > 0 {
				p.jobs = append(p.jobs, j)
			}
		}
	}
	for scale := greatestScale; scale > leastScale-scaleStep/2; scale -= scaleStep {
		if p.spans = scaled(scale); p.takes() <= budget {
			return p, nil
		}
	}
	return nil, fmt.Errorf("%d rounds of these paths and measures take about %v, and the budget is %v: fewer rounds (--rounds), paths or measures, or a greater budget",
		rounds, p.takes().Round(time.Second), budget)
}

// round returns the jobs of a round, counted from 0, in their order: MTU by
// MTU, and each round begins with another path, so that none is always the
// first.
func (p *plan) round(n int) []job {
	var out []job
	for _, mtu := range []int{smallMTU, largeMTU} {
		var of []job
		for _, j := range p.jobs {
			if j.mtu == mtu {
				of = append(of, j)
			}
		}
		if len(of) > 0 {
			first := n % len(of)
			out = append(append(out, of[first:]...), of[:first]...)
		}
	}
	return out
}

// What there is to a run besides the spans, by experience.
const (
	microTakes   = 60 * time.Second
	pacedTakes   = 3500 * time.Millisecond
	startTakes   = 150 * time.Millisecond // of a generator, its first sink included
	upTakes      = 600 * time.Millisecond
	millionTakes = 5 * time.Second // to open the flows
	largeTakes   = 2 * time.Second // to build the policy
)

// takes estimates how long the plan takes.
func (p *plan) takes() time.Duration {
	var round time.Duration
	for _, j := range p.jobs {
		round += p.takesJob(j)
	}
	all := time.Duration(p.rounds) * round
	if p.micro {
		all += microTakes
	}
	return all
}

func (p *plan) takesJob(j job) time.Duration {
	takes := upTakes
	switch j.path {
	case "sgate-million":
		takes += millionTakes
	case "sgate-large", "sgate-devices":
		takes += largeTakes
	}
	for _, m := range j.measures {
		switch m {
		case tcp:
			takes += 4 * (p.spans.tcp + startTakes)
		case udp:
			takes += p.spans.udp + startTakes
		case paced:
			takes += pacedTakes
		case roundTrips:
			takes += p.spans.roundTrips + startTakes
		case connect:
			takes += p.spans.connect + startTakes
		case change:
			takes += 2 * (p.spans.change + startTakes)
		}
	}
	return takes
}

// parseMeasures checks the names of measures.
func parseMeasures(names []string) (out []measure, err error) {
	for _, name := range names {
		m := measure(name)
		if !slices.Contains(allMeasures(), m) {
			return nil, fmt.Errorf("measure %q: there are %s", name, join(allMeasures()))
		}
		out = append(out, m)
	}
	return out, nil
}

func join(all []measure) string {
	var names []string
	for _, m := range all {
		names = append(names, string(m))
	}
	return strings.Join(names, ", ")
}
