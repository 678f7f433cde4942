package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/sgate/sgate/internal/needs"
)

// flooded is a small flow table that all share. Its rules are narrow, so that
// whatever passes is tracked.
const flooded = `
gateway: {conntrack: {max_flows: 200, allowance: 50}}
vpc: {cidr: 10.0.0.0/16}
subnets: [{name: net, cidr: 10.0.1.0/24}]
security_groups:
  - name: all
    egress: [{type: All traffic, destination: 10.0.0.0/16}]
  - name: server
    ingress: [{type: All TCP, source: 10.0.0.0/16}, {type: All UDP, source: 10.0.0.0/16}]
    egress: []
instances:
  - {name: client, address: 10.0.1.10, security_groups: [all]}
  - {name: server, address: 10.0.1.20, security_groups: [server], command: [sgate, listen, "80"]}
  - {name: bot, address: 10.0.1.66, security_groups: [all]}
  - {name: accomplice, address: 10.0.1.67, security_groups: [server], command: [sgate, listen, "80"]}
  - {name: forwarder, address: 10.0.1.68, security_groups: [all], source_dest_check: false}
`

// conntrackCounted are what `sgate counters` prints of one interface's tracked
// flows, by the names of AWS's driver.
type conntrackCounted struct {
	Exceeded  uint64 `json:"conntrack_allowance_exceeded"`
	Available int64  `json:"conntrack_allowance_available"`
	Forwarded uint64
}

func conntrackOf(t *testing.T, lab, member string) conntrackCounted {
	t.Helper()
	var c struct{ Interfaces []conntrackCounted }
	out := must(t, "counters", "--lab", lab, "--output", "json", member).stdout
	if err := json.Unmarshal([]byte(out), &c); err != nil || len(c.Interfaces) != 1 {
		t.Fatalf("%v\n%s", err, out)
	}
	return c.Interfaces[0]
}

// TestFloods has hping3 send as fast as it may, from its own address and from
// others, while a client works with the same server: its connection stays, and
// new ones get in.
func TestFloods(t *testing.T) {
	needs.Root(t)
	needsProgram(t, "hping3")
	t.Parallel()
	lab := labUp(t, writeFile(t, "flood.yaml", flooded))
	wantConnect(t, "connects", lab, "client", "10.0.1.20", "80")
	established := connectTo(t, lab, "client", "10.0.1.20", "80")
	established.echoes(t, "before the floods")

	const packets = 5000
	for _, flood := range []struct {
		name, by string
		flags    []string
		reasons  []string // what all of it is dropped for; nil if it passes
	}{
		{"SYNs to an open port", "bot", []string{"-S", "-p", "80"}, nil},
		{"SYNs to closed ports", "bot", []string{"-S", "-p", "++1000"}, nil},
		{"datagrams that nobody answers", "bot", []string{"--udp", "-p", "++1000"}, nil},
		{"SYNs from spoofed sources", "bot", []string{"-S", "-p", "80", "--rand-source"}, []string{"source_check", "martian_source"}},
		{"SYNs from others, by who may", "forwarder", []string{"-S", "-p", "80", "--rand-source"}, []string{"no_ingress_rule", "martian_source"}},
	} {
		t.Run(strings.ReplaceAll(flood.name, " ", "-"), func(t *testing.T) {
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("counters:\n%s", must(t, "counters", "--lab", lab).stdout)
				}
			})
			before := countersOf(t, "--lab", lab, flood.by).Interfaces[0]
			hping := append([]string{"lab", "exec", "--lab", lab, flood.by, "--", "hping3", "-q", "-n", "-c", fmt.Sprint(packets), "-i", "u100"}, flood.flags...)
			running := start(t, append(hping, "10.0.1.20")...)
			until(t, "the flood", func() bool {
				return countersOf(t, "--lab", lab, flood.by).Interfaces[0].Received > before.Received+500
			})
			for range 5 {
				wantConnect(t, "connects", lab, "client", "10.0.1.20", "80")
			}
			established.echoes(t, "beside "+flood.name)
			<-running.done
			wantConnect(t, "connects", lab, "client", "10.0.1.20", "80")
			established.echoes(t, "after "+flood.name)
			if flood.reasons == nil {
				return
			}
			after := countersOf(t, "--lab", lab, flood.by).Interfaces[0]
			var dropped uint64
			for _, reason := range flood.reasons {
				dropped += after.Drops[reason] - before.Drops[reason]
			}
			// A source at random may be one that the rules admit.
			if dropped < packets-10 || after.Forward > before.Forward && flood.by == "bot" {
				t.Errorf("of %d packets %d were dropped for %v: %+v, before %+v", packets, dropped, flood.reasons, after, before)
			}
		})
	}
}

// TestHoarder has a bot open more connections with its accomplice than an
// interface may track. It gets no more than its allowance, is counted, and keeps
// nobody else out (docs/semantics.md, 4.4).
func TestHoarder(t *testing.T) {
	needs.Root(t)
	t.Parallel()
	lab := labUp(t, writeFile(t, "hoard.yaml", flooded))
	wantConnect(t, "connects", lab, "client", "10.0.1.20", "80")
	wantConnect(t, "connects", lab, "client", "10.0.1.67", "80")
	if c := conntrackOf(t, lab, "bot"); c.Exceeded != 0 || c.Available != 50 {
		t.Errorf("before it opens any: %+v", c)
	}
	hoarder := start(t, "lab", "exec", "--lab", lab, "bot", "--", python(t), script(t, "hoard.py"), "10.0.1.67", "80", "60")
	until(t, "the bot to hold what it can", func() bool { return strings.HasSuffix(hoarder.output(t), "\n") })
	// The accomplice's own allowance went in part to the client's visit.
	if got := hoarder.output(t); got != "holds 50\n" && got != "holds 49\n" {
		t.Errorf("the bot %s, want 50 connections, its allowance", got)
	}
	bot, accomplice := conntrackOf(t, lab, "bot"), conntrackOf(t, lab, "accomplice")
	if bot.Exceeded+accomplice.Exceeded == 0 || bot.Available > 1 || accomplice.Available > 1 {
		t.Errorf("when it holds all it can: bot %+v, accomplice %+v", bot, accomplice)
	}
	if got := drops(t, lab, "bot", "conntrack_allowance_exceeded"); got == 0 {
		t.Error("the bot's packets were not dropped for it")
	}
	for range 3 {
		wantConnect(t, "connects", lab, "client", "10.0.1.20", "80")
	}
	wantConnects(t, lab, attempt{"times out", "bot", "10.0.1.67", "80"}, attempt{"times out", "bot", "10.0.1.20", "80"},
		attempt{"times out", "client", "10.0.1.67", "80"}) // the accomplice has none left either
}
