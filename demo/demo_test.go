package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestOutcome(t *testing.T) {
	refusal := &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", unix.ECONNREFUSED)}
	for want, err := range map[result]error{
		connects:                    nil,
		refused:                     fmt.Errorf("dial: %w", refusal),
		timesOut:                    &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded},
		"connect: no route to host": os.NewSyscallError("connect", unix.EHOSTUNREACH),
		"something else":            errors.New("something else"),
	} {
		if got := outcome(err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	_, err := new(net.Dialer).DialContext(ctx, "tcp", "127.0.0.1:1")
	if got := outcome(err); got != timesOut {
		t.Errorf("a dial past its deadline: %q (%v)", got, err)
	}
}

func TestTableCountsWhatIsNotAsExpected(t *testing.T) {
	var out strings.Builder
	tab := &table{out: &out}
	a := attempt{from: "web", to: "db", port: 3306, expect: timesOut}
	tab.row(a, "", timesOut, 2*time.Second, "no ingress rule of db")
	tab.row(a, "", connects, time.Millisecond, "no ingress rule of db")
	tab.end()
	if tab.unexpected != 1 {
		t.Errorf("%d unexpected, want 1", tab.unexpected)
	}
	for _, want := range []string{
		"web       db        tcp 3306       times out  times out     2.0 s  no ingress rule of db\n",
		"web       db        tcp 3306       times out  connects     1.0 ms  NOT AS EXPECTED: no ingress rule of db\n",
		"2 connections, 1 as expected, 1 not.",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, out.String())
		}
	}
}

func TestChangesLeaveTheOldConfigAlone(t *testing.T) {
	cfg, err := load()
	if err != nil {
		t.Fatal(err)
	}
	endpoints, rules := len(cfg.Endpoints), 0
	for _, g := range cfg.Resources.SecurityGroups() {
		rules += len(g.Ingress)
	}
	if _, err := withoutIngress(cfg, "db"); err != nil {
		t.Fatal(err)
	}
	if _, err := withGroups(cfg, "app", "web"); err != nil {
		t.Fatal(err)
	}
	after := 0
	for _, g := range cfg.Resources.SecurityGroups() {
		after += len(g.Ingress)
	}
	nic, _ := interfaceOf(cfg.Resources, "app")
	group, _ := cfg.Resources.SecurityGroup(nic.GroupIDs[0])
	if len(cfg.Endpoints) != endpoints || after != rules || group.Name != "app" {
		t.Errorf("a change has changed its origin: %d endpoints, %d rules, app in %q", len(cfg.Endpoints), after, group.Name)
	}
	if _, err := withGroups(cfg, "app", "nobody"); err == nil {
		t.Error("an unknown group is no error")
	}
}
