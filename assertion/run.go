package assertion

import (
	"context"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sgate/sgate/control"
)

// Explainer says what the data path would do with a packet: that of a running
// gateway, or of a model of a configuration's. Several goroutines ask it. Its
// error of type *control.Error refuses the question.
type Explainer interface {
	Explain(context.Context, control.ExplainRequest) (control.Explanation, error)
}

// Prober sends a real packet and watches what becomes of it. Several goroutines
// ask it.
type Prober interface {
	// Probe tries a case whose addresses the explanation has. An error says
	// why it could not be tried.
	Probe(context.Context, Case, *control.Explanation) (Observation, error)
}

// Observation is what became of a real packet.
type Observation struct {
	// Verdict is Allow if the packet arrived, Drop if the gateway dropped it;
	// "" if none was sent.
	Verdict Verdict `json:"verdict,omitempty"`
	// Seen is what the sender saw, in words: "connected", "no answer within
	// 3s"; or why no packet was sent.
	Seen string `json:"seen"`
	// Unanswered says that an answer was due and did not come though the
	// packet arrived.
	Unanswered bool `json:"unanswered,omitempty"`
	// Reason is the gateway's for what it did, and Rules are the ids of the
	// rules that let the packet out at its sender's end and in at its
	// receiver's; "" where that is not known, or no rule was needed.
	Reason string    `json:"reason,omitempty"`
	Rules  [2]string `json:"rules,omitzero"`
}

// Runner runs the tests of files. Its fields stay as they are meanwhile.
type Runner struct {
	Explainer Explainer
	Prober    Prober           // nil: packets are only explained
	Match     *regexp.Regexp   // of the names of tests to run; nil is all
	Parallel  int              // cases under way at once; below 1 is 1
	Now       func() time.Time // for how long tests take
	Each      func(*Result)    // is shown each result, in the file's order; may be nil
}

// Run runs the tests of a file that has no faults. It fails only with ctx. When
// it returns, no case is under way.
func (r *Runner) Run(ctx context.Context, f *File) ([]Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	var under sync.WaitGroup
	defer under.Wait()
	defer cancel()
	slots := make(chan struct{}, max(r.Parallel, 1))
	var running []*execution
	for i := range f.Tests {
		if r.Match == nil || r.Match.MatchString(f.Tests[i].Name) {
			running = append(running, &execution{runner: r, test: &f.Tests[i], done: make(chan struct{})})
		}
	}
	under.Go(func() {
		for _, x := range running {
			x.start(ctx, slots, &under)
		}
	})
	results := make([]Result, 0, len(running))
	for _, x := range running {
		select {
		case <-x.done:
		case <-ctx.Done():
		}
		if err := ctx.Err(); err != nil { // what has come out may be cut short
			return nil, err
		}
		results = append(results, x.result(ctx))
		if r.Each != nil {
			r.Each(&results[len(results)-1])
		}
	}
	return results, nil
}

// execution is one test under way.
type execution struct {
	runner *Runner
	test   *Test
	done   chan struct{} // closed when each case has its outcome

	outcomes   []Outcome    // one a case, in the order of the cases
	left       atomic.Int64 // cases that have none yet
	mu         sync.Mutex
	began, end time.Time // the first case's beginning, the last one's end
}

// start starts the test's cases, each when a slot is free, until ctx is done.
func (x *execution) start(ctx context.Context, slots chan struct{}, under *sync.WaitGroup) {
	x.outcomes = make([]Outcome, x.test.count())
	x.left.Store(int64(len(x.outcomes)))
	i := 0
	for c := range x.test.Cases() {
		outcome := &x.outcomes[i]
		i++
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		under.Go(func() {
			defer func() { <-slots }()
			x.clock()
			*outcome = x.runner.try(ctx, x.test, c)
			x.clock()
			if x.left.Add(-1) == 0 {
				close(x.done)
			}
		})
	}
}

// clock notes that a case begins or ends.
func (x *execution) clock() {
	x.mu.Lock()
	defer x.mu.Unlock()
	now := x.runner.Now()
	if x.began.IsZero() {
		x.began = now
	}
	x.end = now
}

// result returns what the outcomes come to.
func (x *execution) result(ctx context.Context) Result {
	t := x.test
	result := Result{
		Name: t.Name, Place: t.Origin.String(), Expect: t.Expect, Passed: true,
		Cases: len(x.outcomes), Took: x.end.Sub(x.began), Outcomes: group(x.outcomes),
	}
	for i := range result.Outcomes {
		o := &result.Outcomes[i]
		if o.untried() {
			result.Untried += len(o.Cases)
		}
		if o.Problem == "" {
			continue
		}
		result.Passed = false
		result.Failed += len(o.Cases)
		if i < maxFailures && t.Expect == Allow {
			x.runner.elaborate(ctx, o)
		}
	}
	return result
}

// elaborate adds what would let an outcome's first case pass, which takes more
// than to say why it does not.
func (r *Runner) elaborate(ctx context.Context, o *Outcome) {
	if o.Explanation == nil {
		return
	}
	e, err := r.Explainer.Explain(ctx, o.Cases[0].Request())
	if err == nil && e.Verdict == o.Explanation.Verdict && e.Reason == o.Explanation.Reason {
		o.Explanation = &e
	}
}

// try explains a case, tries it if it is to be, and holds both against what the
// test expects.
func (r *Runner) try(ctx context.Context, t *Test, c Case) Outcome {
	o := Outcome{Cases: []Case{c}}
	request := c.Request()
	request.Brief = true
	explanation, err := r.Explainer.Explain(ctx, request)
	if err != nil {
		o.Problem = "cannot be explained: " + err.Error()
		return o
	}
	o.Verdict, o.Explanation = Verdict(explanation.Verdict), &explanation
	if r.Prober != nil {
		seen, err := r.Prober.Probe(ctx, c, &explanation)
		if err != nil {
			o.Problem = "cannot be tried: " + err.Error()
			return o
		}
		o.Observation = &seen
	}
	o.Problem = t.problem(c, &o)
	return o
}
