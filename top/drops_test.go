package top

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sgate/sgate/control"
)

// listed are the drops in short: "12:00:01 web->db no_ingress_rule x2".
func listed(d *drops) (all []string) {
	for _, drop := range d.newest() {
		all = append(all, fmt.Sprintf("%s %s->%s %s %s x%d", drop.Time.Format("05"), drop.From.Name, drop.To.Name, service(&drop.Event), drop.Reason, drop.Count))
	}
	return all
}

func add(d *drops, events ...control.Event) {
	for i := range events {
		d.add(&control.EventLine{Event: &events[i]})
	}
}

// TestRepeatedDropsAreOne holds what makes two drops the same.
func TestRepeatedDropsAreOne(t *testing.T) {
	var d drops
	other := web
	other.Port++
	super := dropped(3, web, db, "tcp", "no_ingress_rule")
	super.Packets = 10
	eight, zero, three := uint8(8), uint8(0), uint8(3)
	ping, unreachable := dropped(6, web, db, "icmp", "no_ingress_rule"), dropped(7, web, db, "icmp", "no_ingress_rule")
	ping.To.Port, unreachable.To.Port = 0, 0
	ping.ICMPType, ping.ICMPCode, unreachable.ICMPType, unreachable.ICMPCode = &eight, &zero, &three, &zero
	add(&d,
		dropped(1, web, db, "tcp", "no_ingress_rule"),
		dropped(2, other, db, "tcp", "no_ingress_rule"), // another connection of the same kind
		super,
		dropped(4, web, db, "tcp", "bad_checksum"),
		dropped(5, web, db, "udp", "no_ingress_rule"),
		ping, unreachable,
		dropped(8, stranger, db, "tcp", "no_ingress_rule"),
		dropped(9, web, end("db", "10.0.2.30", 22), "tcp", "no_ingress_rule"),
	)
	allowed := dropped(10, web, db, "tcp", "rule")
	allowed.Verdict = control.VerdictAllow
	add(&d, allowed)
	d.add(&control.EventLine{Lost: 5})
	d.add(&control.EventLine{Lost: 2})
	want := []string{
		"09 web->db tcp 22 no_ingress_rule x1",
		"08 stranger->db tcp 3306 no_ingress_rule x1",
		"07 web->db icmp 3/0 no_ingress_rule x1",
		"06 web->db icmp 8/0 no_ingress_rule x1",
		"05 web->db udp 3306 no_ingress_rule x1",
		"04 web->db tcp 3306 bad_checksum x1",
		"03 web->db tcp 3306 no_ingress_rule x12",
	}
	if diff := cmp.Diff(want, listed(&d)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if d.lost != 7 {
		t.Errorf("%d lost, want 7", d.lost)
	}
	last := d.newest()[6]
	if !last.First.Equal(at(1)) || last.From != web {
		t.Errorf("first at %v, last from %v", last.First, last.From)
	}
	d.clear()
	if len(d.newest()) != 0 || d.lost != 0 {
		t.Error("not cleared")
	}
	add(&d, super)
	if got := d.newest(); len(got) != 1 || got[0].Count != 10 {
		t.Errorf("after clear: %+v", got)
	}
}

// TestDropsAreBounded holds that of too many kinds the oldest go.
func TestDropsAreBounded(t *testing.T) {
	var d drops
	for i := range maxDrops + 10 {
		add(&d, dropped(float64(i), web, end("db", "10.0.2.30", uint16(i+1)), "tcp", "no_ingress_rule"))
		add(&d, dropped(float64(i), stranger, db, "tcp", "no_ingress_rule")) // keeps coming
	}
	got := d.newest()
	if len(got) != maxDrops || len(d.byKey) != maxDrops || d.order.Len() != maxDrops {
		t.Fatalf("%d drops, %d keys, %d in order", len(got), len(d.byKey), d.order.Len())
	}
	if newest := got[0]; newest.From != stranger || newest.Count != maxDrops+10 {
		t.Errorf("what keeps coming: %+v", newest)
	}
	if first := got[maxDrops-1]; first.To.Port != 12 {
		t.Errorf("the oldest left is to port %d", first.To.Port)
	}
}
