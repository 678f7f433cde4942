package explain

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/gateway"
)

// TestWhoIsMeant asks by names, ids and addresses.
func TestWhoIsMeant(t *testing.T) {
	network, two := parse(t, "network.yaml", network), load(t, "two-vpcs.yaml")
	web, _ := network.Resources.FindEndpoint("web")
	for _, c := range []struct {
		r                  control.ExplainRequest
		two                bool
		from, to, src, dst string // what is found: kind and name, addresses
		vpc                string
	}{
		{r: control.ExplainRequest{From: "laptop", To: "web"}, from: "host laptop", to: "instance web", src: "203.0.113.10", dst: "10.0.1.10", vpc: "main"},
		{r: control.ExplainRequest{From: "laptop", To: web.ID}, from: "host laptop", to: "instance web", src: "203.0.113.10", dst: "10.0.1.10", vpc: "main"},
		{r: control.ExplainRequest{From: "laptop", To: "web", IPv6: true}, from: "host laptop", to: "instance web", src: "2001:db8::10", dst: "fd00:10:0:1::10", vpc: "main"},
		{r: control.ExplainRequest{From: "laptop", To: "fd00:10:0:1::10"}, from: "host laptop", to: "instance web", src: "2001:db8::10", dst: "fd00:10:0:1::10", vpc: "main"},
		{r: control.ExplainRequest{From: "203.0.113.10", To: "web"}, from: "host laptop", to: "instance web", src: "203.0.113.10", dst: "10.0.1.10", vpc: "main"},
		{r: control.ExplainRequest{From: "::ffff:203.0.113.10", To: "web"}, from: "host laptop", to: "instance web", src: "203.0.113.10", dst: "10.0.1.10", vpc: "main"},
		{r: control.ExplainRequest{From: "2001:db8::99", To: "web"}, from: "unknown ", to: "instance web", src: "2001:db8::99", dst: "fd00:10:0:1::10", vpc: "main"},
		{r: control.ExplainRequest{From: "192.0.2.1", To: "192.0.2.2"}, from: "unknown ", to: "unknown ", src: "192.0.2.1", dst: "192.0.2.2", vpc: "main"},
		{r: control.ExplainRequest{From: "web", To: "10.0.1.1"}, from: "instance web", to: "router ", src: "10.0.1.10", dst: "10.0.1.1", vpc: "main"},
		{r: control.ExplainRequest{From: "web", To: "169.254.169.253"}, from: "instance web", to: "service ", src: "10.0.1.10", dst: "169.254.169.253", vpc: "main"},

		{two: true, r: control.ExplainRequest{From: "green-client", To: "10.0.1.10"}, from: "instance green-client", to: "instance green-server", src: "10.0.1.20", dst: "10.0.1.10", vpc: "green"},
		{two: true, r: control.ExplainRequest{From: "10.0.1.20", To: "green-server"}, from: "instance green-client", to: "instance green-server", src: "10.0.1.20", dst: "10.0.1.10", vpc: "green"},
		{two: true, r: control.ExplainRequest{From: "10.0.1.20", To: "10.0.1.10", VPC: "green"}, from: "instance green-client", to: "instance green-server", src: "10.0.1.20", dst: "10.0.1.10", vpc: "green"},
		{two: true, r: control.ExplainRequest{From: "192.0.2.1", To: "green-server"}, from: "unknown ", to: "instance green-server", src: "192.0.2.1", dst: "10.0.1.10", vpc: "green"},
		{two: true, r: control.ExplainRequest{From: "192.0.2.1", To: "203.0.113.10"}, from: "unknown ", to: "host laptop", src: "192.0.2.1", dst: "203.0.113.10", vpc: "blue"},
		{two: true, r: control.ExplainRequest{From: "203.0.113.10", To: "192.0.2.1"}, from: "host laptop", to: "unknown ", src: "203.0.113.10", dst: "192.0.2.1", vpc: "blue"},
		// Somebody in another VPC, at an address that nobody has in this one.
		{two: true, r: control.ExplainRequest{From: "green-client", To: "laptop"}, from: "instance green-client", to: "unknown ", src: "10.0.1.20", dst: "203.0.113.10", vpc: "green"},
	} {
		cfg := network
		if c.two {
			cfg = two
		}
		c.r.Port = 443
		e := explained(t, cfg, c.r)
		got := []string{e.From.Kind + " " + e.From.Name, e.To.Kind + " " + e.To.Name, e.Packet.Source.String(), e.Packet.Destination.String(), e.Packet.VPC}
		if want := []string{c.from, c.to, c.src, c.dst, c.vpc}; strings.Join(got, ", ") != strings.Join(want, ", ") {
			t.Errorf("%+v:\ngot  %q\nwant %q", c.r, got, want)
		}
	}
}

// TestBadQuestions: each is refused with what would be right.
func TestBadQuestions(t *testing.T) {
	network, two := parse(t, "network.yaml", network), load(t, "two-vpcs.yaml")
	kind := uint8(8)
	for want, c := range map[string]struct {
		r   control.ExplainRequest
		two bool
	}{
		"from is missing": {r: control.ExplainRequest{To: "web", Port: 1}},
		"to is missing":   {r: control.ExplainRequest{From: "web", Port: 1}},
		`from: no instance or host "x"; there are: we`:            {r: control.ExplainRequest{From: "x", To: "web", Port: 1}},
		`to: no instance or host "x"`:                             {r: control.ExplainRequest{From: "web", To: "x", Port: 1}},
		`no VPC "x"; there are: main`:                             {r: control.ExplainRequest{From: "web", To: "web", VPC: "x", Port: 1}},
		"port is missing":                                         {r: control.ExplainRequest{From: "web", To: "open"}},
		`protocol "all"`:                                          {r: control.ExplainRequest{From: "web", To: "open", Protocol: "all"}},
		`protocol "x"`:                                            {r: control.ExplainRequest{From: "web", To: "open", Protocol: "x"}},
		"protocol 47 has no ports":                                {r: control.ExplainRequest{From: "web", To: "open", Protocol: "47", Port: 1}},
		"protocol icmp has no ports":                              {r: control.ExplainRequest{From: "web", To: "open", Protocol: "icmp", SourcePort: 1}},
		"protocol tcp has no ICMP type":                           {r: control.ExplainRequest{From: "web", To: "open", Port: 1, ICMPType: &kind}},
		"no ICMP type and code: want icmp or icmpv6":              {r: control.ExplainRequest{From: "web", To: "open", ICMPType: &kind}}, // the port is not what is missing
		"code means nothing":                                      {r: control.ExplainRequest{From: "web", To: "open", Protocol: "icmp", ICMPCode: 1}},
		"want icmpv6":                                             {r: control.ExplainRequest{From: "web", To: "laptop", Protocol: "icmp", IPv6: true}},
		"web has both families and open has IPv4 only: want IPv6": {r: control.ExplainRequest{From: "web", To: "open", IPv6: true, Port: 1}},
		"no family in common":                                     {r: control.ExplainRequest{From: "fd00:10:0:1::10", To: "open", Port: 1}},
		"is no machine's address":                                 {r: control.ExplainRequest{From: "127.0.0.1", To: "open", Port: 1}},
		"the gateway's own address (router)":                      {r: control.ExplainRequest{From: "10.0.1.1", To: "open", Port: 1}},
		"source_address \"web\": want an address":                 {r: control.ExplainRequest{From: "web", To: "open", Port: 1, SourceAddress: "web"}},
		"source_address goes with an instance":                    {r: control.ExplainRequest{From: "192.0.2.1", To: "open", Port: 1, SourceAddress: "192.0.2.2"}},
		"nor is it an address":                                    {r: control.ExplainRequest{From: "fe80::1%eth0", To: "open", Port: 1}},

		"blue-server in VPC blue and green-server in VPC green have": {two: true, r: control.ExplainRequest{From: "192.0.2.1", To: "10.0.1.10", Port: 1}},
		"in VPC blue, 10.0.1.20 is blue-client's":                    {two: true, r: control.ExplainRequest{From: "blue-server", To: "green-client", Port: 1}},
		"which vpc is meant? There are: blue, green":                 {two: true, r: control.ExplainRequest{From: "192.0.2.1", To: "192.0.2.2", Port: 1}},
		"from: blue-server is in VPC blue, not in green":             {two: true, r: control.ExplainRequest{From: "blue-server", To: "192.0.2.2", VPC: "green", Port: 1}},
	} {
		cfg := network
		if c.two {
			cfg = two
		}
		x, err := FromConfig(cfg)
		if err != nil {
			t.Fatal(err)
		}
		_, err = x.Explain(t.Context(), c.r)
		var refusal *control.Error
		if !errors.As(err, &refusal) || refusal.Status != http.StatusBadRequest || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v:\ngot  %v\nwant %s", c.r, err, want)
		}
	}
}

// TestBeforeAConfiguration asks a gateway that has none yet.
func TestBeforeAConfiguration(t *testing.T) {
	g, err := gateway.New(gateway.Options{Workers: 1, MaxFlows: 10})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	var refusal *control.Error
	if _, err := New(g).Explain(t.Context(), control.ExplainRequest{}); !errors.As(err, &refusal) || refusal.Status != http.StatusServiceUnavailable {
		t.Errorf("explain: %v", err)
	}
	if _, err := New(g).Matrix(t.Context(), control.MatrixRequest{}); !errors.As(err, &refusal) || refusal.Status != http.StatusServiceUnavailable {
		t.Errorf("matrix: %v", err)
	}
}

// TestNothingIsRemembered: questions leave no flow and count nothing.
func TestNothingIsRemembered(t *testing.T) {
	cfg := parse(t, "network.yaml", network)
	g, err := gateway.NewModel(filter.Compile(cfg.Resources), gateway.Options{MaxFlows: 100}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := New(g).Explain(t.Context(), control.ExplainRequest{From: "laptop", To: "web", Port: 443}); err != nil {
			t.Fatal(err)
		}
	}
	if flows := g.FlowInfos(); len(flows) > 0 {
		t.Errorf("flows: %+v", flows)
	}
}
