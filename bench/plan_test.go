package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sgate/sgate/bench/report"
)

func paths() []string {
	return []string{"sgate", "sgate-large", "sgate-million", "sgate-devices", "limit", "kernel", "wireguard", "netstack",
		"netstack-super", "slirp4netns", "passt"}
}

// TestDefaultPlanFits: all that there is, three times, within ten minutes.
func TestDefaultPlanFits(t *testing.T) {
	p, err := newPlan(3, paths(), allMeasures(), 10*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if takes := p.takes(); takes > 10*time.Minute || takes < 8*time.Minute {
		t.Errorf("it takes %v, want most of ten minutes and no more", takes)
	}
}

// TestPlanHasWhatTargetsAskFor: each path of a target is measured at its MTUs.
func TestPlanHasWhatTargetsAskFor(t *testing.T) {
	for _, target := range report.Targets() {
		for _, of := range []string{target.Path, target.Base} {
			if of == report.Micro || of == "" {
				continue
			}
			for _, mtu := range target.MTUs {
				if !slices.ContainsFunc(jobs(of), func(j job) bool { return j.mtu == mtu }) {
					t.Errorf("%s: %s is not measured at MTU %d", target.Measure, of, mtu)
				}
			}
		}
	}
}

func TestPlanScales(t *testing.T) {
	for _, c := range []struct {
		budget time.Duration
		want   time.Duration // of round trips
	}{
		{8 * time.Second, 500 * time.Millisecond},
		{time.Hour, 3 * time.Second},
	} {
		p, err := newPlan(3, []string{"limit", "kernel"}, []measure{roundTrips}, c.budget)
		if err != nil {
			t.Fatal(err)
		}
		if p.spans.roundTrips != c.want || p.takes() > c.budget {
			t.Errorf("budget %v: %v of round trips and %v in all, want %v and no more than the budget",
				c.budget, p.spans.roundTrips, p.takes(), c.want)
		}
	}
}

func TestPlanRefusesWhatCannotFit(t *testing.T) {
	_, err := newPlan(50, paths(), allMeasures(), 10*time.Minute)
	if err == nil || !strings.Contains(err.Error(), "50 rounds") || !strings.Contains(err.Error(), "10m0s") {
		t.Errorf("%v, want an error that says how long it would take", err)
	}
}

// TestRounds: every path has its turn at each MTU, every round begins with
// another one, and the MTUs are not mixed.
func TestRounds(t *testing.T) {
	p, err := newPlan(3, []string{"sgate", "limit", "kernel"}, []measure{tcp, udp}, 10*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for round, want := range []string{
		"sgate 1500, limit 1500, kernel 1500, sgate 9001, limit 9001, kernel 9001",
		"limit 1500, kernel 1500, sgate 1500, limit 9001, kernel 9001, sgate 9001",
		"kernel 1500, sgate 1500, limit 1500, kernel 9001, sgate 9001, limit 9001",
	} {
		var got []string
		for _, j := range p.round(round) {
			got = append(got, j.path+map[int]string{1500: " 1500", 9001: " 9001"}[j.mtu])
			if wanted := j.mtu == 1500; slices.Contains(j.measures, udp) != wanted || !slices.Contains(j.measures, tcp) {
				t.Errorf("%s at MTU %d: %v", j.path, j.mtu, j.measures)
			}
		}
		if all := strings.Join(got, ", "); all != want {
			t.Errorf("round %d: %s\nwant %s", round, all, want)
		}
	}
}

func TestOnlyMeasuresThatThereAre(t *testing.T) {
	if _, err := parseMeasures([]string{"udp", "speed"}); err == nil || !strings.Contains(err.Error(), `"speed"`) {
		t.Errorf("%v, want an error that names it", err)
	}
	if got, err := parseMeasures([]string{"udp", "rr"}); err != nil || !slices.Equal(got, []measure{udp, roundTrips}) {
		t.Errorf("%v, %v", got, err)
	}
}
