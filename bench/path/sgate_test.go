package path

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/internal/needs"
	"github.com/sgate/sgate/vpc"
)

// flows lists sgate's flows to an address.
func flows(t *testing.T, w *World, to string) control.CutFlowsReply {
	t.Helper()
	client, err := control.NewClient(w.controlSocket())
	if err != nil {
		t.Fatal(err)
	}
	reply, err := client.CutFlows(t.Context(), control.CutFlowsRequest{FlowFilter: control.FlowFilter{To: to}, DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

// TestFlowsAreTracked holds that what is measured is stateful at both ends.
func TestFlowsAreTracked(t *testing.T) {
	needs.Root(t)
	p, err := findSgate(sgate(t))
	w := up(t, found(t, p, err), 1500)
	try(t, w, true)
	reply := flows(t, w, "server")
	protocols := make(map[string]int)
	for _, f := range reply.Flows {
		protocols[f.Protocol]++
		if !f.From.Tracked || !f.To.Tracked {
			t.Errorf("not tracked: %+v", f)
		}
	}
	for _, want := range []string{"tcp", "udp", "icmp", "icmpv6"} {
		if protocols[want] == 0 {
			t.Errorf("no flow of %s: %v", want, protocols)
		}
	}
}

// TestLiveFlows makes enough flows for several bursts and ports.
func TestLiveFlows(t *testing.T) {
	needs.Root(t)
	const few = clientPorts + 2*segmentBurst + 1
	p, err := sgateWithFlows(sgate(t), few)
	w := up(t, found(t, p, err), 1500)
	try(t, w, true)
	reply := flows(t, w, "10.0.2.21")
	if reply.Matched != few {
		t.Errorf("%d flows, want %d", reply.Matched, few)
	}
	for _, f := range reply.Flows {
		if f.State != "ESTABLISHED" || !f.From.Tracked || !f.To.Tracked || f.Expires < 86400 {
			t.Fatalf("not a tracked connection that stays: %+v", f)
		}
	}
}

func TestIdleDevices(t *testing.T) {
	needs.Root(t)
	p, err := findSgateDevices(sgate(t))
	w := up(t, found(t, p, err), 1500)
	client, err := control.NewClient(w.controlSocket())
	if err != nil {
		t.Fatal(err)
	}
	reply, err := client.Counters(t.Context(), control.CountersRequest{})
	if err != nil || len(reply.Interfaces) != deviceCount {
		t.Errorf("%d interfaces, %v, want %d", len(reply.Interfaces), err, deviceCount)
	}
	err = Namespace{ownName("idle")}.Do(func() error {
		links, err := netlink.LinkList()
		up := 0
		for _, l := range links {
			if l.Attrs().RawFlags&1 != 0 && l.Attrs().Name != "lo" {
				up++
			}
		}
		if up != deviceCount-2 {
			t.Errorf("%d idle devices are up, want %d", up, deviceCount-2)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestLarge holds that the policy is as large as it is said to be, and that a
// change of a rule is in force once it is done.
func TestLarge(t *testing.T) {
	needs.Root(t)
	w, err := newWorld(1500)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	configuration, err := w.setting().configuration()
	if err != nil {
		t.Fatal(err)
	}
	l, err := newLarge(t.Context(), configuration)
	if err != nil {
		t.Fatal(err)
	}
	defer l.daemon.Close()
	try(t, w, true)
	policy, first := l.daemon.Gateway().Policy()
	if n := len(policy.Snapshot().Interfaces()); n != fleetInterfaces || policy.Rules() != fleetRules {
		t.Errorf("%d interfaces and %d rules", n, policy.Rules())
	}
	for n := 1; n <= 3; n++ {
		took, err := l.change(t.Context())
		if err != nil || took <= 0 {
			t.Fatal(took, err)
		}
		t.Logf("a rule is changed in %v", took)
		policy, generation := l.daemon.Gateway().Policy()
		if generation != first+uint64(n) {
			t.Errorf("change %d: the policy's generation is %d after %d", n, generation, first)
		}
		if got, want := changed(policy.Snapshot()), []string{fmt.Sprintf("198.51.100.%d/32", n)}; !slices.Equal(got, want) {
			t.Errorf("change %d: the sources are %v, want %v", n, got, want)
		}
	}
	try(t, w, true)
}

// changed returns the sources of the rule that changes.
func changed(s *vpc.Snapshot) (sources []string) {
	for _, g := range s.SecurityGroups() {
		for _, r := range g.Ingress {
			if r.FromPort == changedPort && g.Name == changedGroup {
				sources = append(sources, r.Peer.CIDR.String())
			}
		}
	}
	return sources
}

func TestChangeRule(t *testing.T) {
	needs.Root(t)
	p, err := findSgateLarge("")
	w := up(t, found(t, p, err), 1500)
	for range 2 {
		if took, err := w.ChangeRule(t.Context()); err != nil || took <= 0 {
			t.Errorf("%v, %v", took, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.ChangeRule(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a change that is called off: %v", err)
	}
	_ = w.gateway.stop()
	if _, err := w.ChangeRule(t.Context()); err == nil || !strings.Contains(err.Error(), "the gateway has ended") {
		t.Errorf("a change without a gateway: %v", err)
	}
}

// TestGatewayThatHangs: one that does not answer is killed.
func TestGatewayThatHangs(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	answers, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p, err := start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	c := &changer{p, io.Discard, bufio.NewReader(answers), 10 * time.Millisecond}
	if _, err := c.change(t.Context()); err == nil || !strings.Contains(err.Error(), "the gateway has ended: signal: killed") {
		t.Error(err)
	}
}

// TestSegmentsAreLost sends into devices that nobody reads.
func TestSegmentsAreLost(t *testing.T) {
	needs.Root(t)
	w, err := newWorld(1500)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.startBetween(t.Context(), exec.Command("sleep", "60"), withOffload); err != nil {
		t.Fatal(err)
	}
	client, server := netip.MustParseAddr("10.0.1.11"), netip.MustParseAddr("10.0.2.21")
	there, err := newSegments(w.Client, w.Server, client, server, false)
	if err != nil {
		t.Fatal(err)
	}
	defer there.close()
	err = exchange(t.Context(), there, there, 2*segmentBurst)
	if err == nil || !strings.Contains(err.Error(), "do not arrive") {
		t.Errorf("%v", err)
	}
}
