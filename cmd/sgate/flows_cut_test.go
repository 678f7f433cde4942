package main

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sgate/sgate/control"
)

func TestPrintCut(t *testing.T) {
	end := func(name, addr string, port uint16) control.FlowEnd {
		return control.FlowEnd{Name: name, Address: netip.MustParseAddr(addr), Port: port}
	}
	id := uint16(0)
	flows := []control.Flow{
		{Protocol: "tcp", From: end("web", "10.0.1.10", 40000), To: end("db", "10.0.2.30", 3306), State: "ESTABLISHED", Age: 432000.4},
		{Protocol: "udp", From: end("web", "fd00::1", 40000), To: end("", "fd00::2", 53), State: "REPLIED", Age: 1.26},
		{Protocol: "icmp", From: end("web", "10.0.1.10", 0), To: end("db", "10.0.2.30", 0), ICMPID: &id, State: "ASKED", Age: 59.99},
	}
	table := `PROTOCOL  FROM                 TO                 STATE        AGE
tcp       web 10.0.1.10:40000  db 10.0.2.30:3306  ESTABLISHED  120h0m0s
udp       web [fd00::1]:40000  [fd00::2]:53       REPLIED      1.3s
icmp      web 10.0.1.10 id 0   db 10.0.2.30       ASKED        1m0s
`
	for _, c := range []struct {
		name   string
		reply  control.CutFlowsReply
		dryRun bool
		want   string
	}{
		{"none", control.CutFlowsReply{}, false, "no flow matches: nothing to cut\n"},
		{"all listed", control.CutFlowsReply{Matched: 3, Flows: flows}, false, table + "3 flows cut\n"},
		{"a dry run", control.CutFlowsReply{Matched: 3, Flows: flows}, true, table + "3 flows would be cut\n"},
		{"more than listed", control.CutFlowsReply{Matched: 10, Flows: flows}, false, table + "and 7 more\n10 flows cut\n"},
	} {
		var got strings.Builder
		if err := printCut(&got, c.reply, c.dryRun); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, got.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	var one strings.Builder
	if err := printCut(&one, control.CutFlowsReply{Matched: 1, Flows: flows[:1]}, false); err != nil || !strings.HasSuffix(one.String(), "\n1 flow cut\n") {
		t.Errorf("one: %v\n%s", err, one.String())
	}
}

func TestOutput(t *testing.T) {
	var o output
	for _, value := range []string{"text", "json"} {
		if err := o.Set(value); err != nil || o.String() != value {
			t.Errorf("%s: %v, %v", value, o, err)
		}
	}
	if err := o.Set("yaml"); err == nil || err.Error() != "want text or json" {
		t.Errorf("yaml: %v", err)
	}
}
