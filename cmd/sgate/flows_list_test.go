package main

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sgate/sgate/control"
)

func listedFlows() []control.Flow {
	id := uint16(0)
	rule := func(id, group, text string) control.RuleRef {
		return control.RuleRef{RuleID: id, Group: group, Rule: text}
	}
	end := func(name, addr string, port uint16, tracked bool, packets, bytes uint64) control.FlowEnd {
		return control.FlowEnd{Name: name, Address: netip.MustParseAddr(addr), Port: port, Tracked: tracked, Packets: packets, Bytes: bytes}
	}
	return []control.Flow{
		{VPC: "main", Protocol: "tcp", From: end("web", "10.0.1.10", 40000, true, 12, 1234), To: end("db", "10.0.2.30", 3306, true, 10, 5_600_000), State: "ESTABLISHED",
			Age: 61.2, Expires: 432000.4, Egress: rule("sgr-1", "web", "all traffic to 0.0.0.0/0"), Ingress: rule("sgr-2", "db", "tcp 3306 from group web")},
		{VPC: "main", Protocol: "udp", From: end("", "fd00::2", 53, false, 1, 0), To: end("web", "fd00::1", 40000, true, 0, 0), State: "ONE_WAY",
			Age: 1.26, Expires: 28.74, Ingress: rule("sgr-3", "", "")},
		{VPC: "main", Protocol: "icmp", From: end("web", "10.0.1.10", 0, false, 3, 252), To: end("db", "10.0.2.30", 0, false, 3, 252), State: "ANSWERED", ICMPID: &id},
	}
}

func TestFlowTable(t *testing.T) {
	for _, c := range []struct {
		name    string
		wide    bool
		flows   []control.Flow
		matched int
		want    string
	}{
		{"none", false, nil, 0, "no flows\n"},
		{"ids of rules", false, listedFlows(), 3, `PROTOCOL  STATE        FROM                 TO                   AGE   EXPIRES   PACKETS  BYTES      TRACKED  EGRESS RULE  INGRESS RULE
tcp       ESTABLISHED  web 10.0.1.10:40000  db 10.0.2.30:3306    1m1s  120h0m0s  12/10    1.2k/5.6M  both     sgr-1        sgr-2
udp       ONE_WAY      [fd00::2]:53         web [fd00::1]:40000  1.3s  28.7s     1/0      0/0        to       -            sgr-3
icmp      ANSWERED     web 10.0.1.10 id 0   db 10.0.2.30         0s    0s        3/3      252/252    no       -            -
`},
		{"more than listed", true, listedFlows()[:2], 1206, `VPC   PROTOCOL  STATE        FROM                 TO                   AGE   EXPIRES   PACKETS  BYTES      TRACKED  EGRESS RULE                            INGRESS RULE
main  tcp       ESTABLISHED  web 10.0.1.10:40000  db 10.0.2.30:3306    1m1s  120h0m0s  12/10    1.2k/5.6M  both     sgr-1 (web: all traffic to 0.0.0.0/0)  sgr-2 (db: tcp 3306 from group web)
main  udp       ONE_WAY      [fd00::2]:53         web [fd00::1]:40000  1.3s  28.7s     1/0      0/0        to       -                                      sgr-3 (gone)
and 1,204 more (--limit 0 lists all)
`},
	} {
		var got strings.Builder
		table := newFlowTable(&got, c.wide)
		for _, f := range c.flows {
			if err := table.flow(f); err != nil {
				t.Fatal(err)
			}
		}
		if err := table.end(c.matched); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, got.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// TestFlowObject holds that what is printed flow by flow is the object that it
// looks like.
func TestFlowObject(t *testing.T) {
	for n := range 4 {
		var got strings.Builder
		o := &flowObject{w: &got}
		want := struct {
			Flows   []control.Flow `json:"flows"`
			Matched int            `json:"matched"`
		}{[]control.Flow{}, 7}
		for _, f := range listedFlows()[:n] {
			if err := o.flow(f); err != nil {
				t.Fatal(err)
			}
			want.Flows = append(want.Flows, f)
		}
		if err := o.end(7); err != nil {
			t.Fatal(err)
		}
		indented, err := json.MarshalIndent(want, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(indented)+"\n", got.String()); diff != "" {
			t.Errorf("%d flows (-want +got):\n%s", n, diff)
		}
	}
}

func TestShortBytes(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "0", 999: "999", 1000: "1.0k", 1249: "1.2k", 9949: "9.9k", 9950: "10k", 999_499: "999k", 999_500: "1.0M", 34_000_000: "34M",
		1_500_000_000: "1.5G", 2e12: "2.0T", 1<<64 - 1: "18E",
	} {
		if got := shortBytes(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
	for n, want := range map[uint64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
