package report

// Watched is a way of watching packets, and the sub-benchmark of BenchmarkWatch in
// package gateway that measures it.
type Watched struct {
	Metric    Metric
	Benchmark string
	// Impossible says that it is measured in the build in which nobody can watch.
	Impossible bool
	title      string
}

// Watching are all of them. The first two are compared closely.
func Watching() []Watched {
	return []Watched{
		{WatchImpossible, "nobody", true, "nobody can watch"},
		{WatchNobody, "nobody", false, "nobody watches"},
		{WatchDrops, "follower=drops", false, "somebody follows drops, and there are none"},
		{WatchAll, "follower=all", false, "somebody follows all packets"},
		{WatchCapture, "capture=snaplen-128", false, "a capture of 128 bytes a packet"},
		{WatchFlowLog, "flow-log", false, "a flow log"},
	}
}

// watchRows is a table of what they cost.
func (r *Results) watchRows() [][]string {
	rows := [][]string{{"", "a packet", "of that with nobody"}}
	for _, w := range Watching() {
		s := r.spread(Micro, 0, w.Metric)
		if s.Count == 0 {
			continue
		}
		c := r.compare(Micro, []Metric{w.Metric}, Micro, []Metric{WatchNobody})
		rows = append(rows, []string{w.title, Nanoseconds.spread(s), Ratio.spread(c.Spread)})
	}
	return rows
}
