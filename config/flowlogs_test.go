package config

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sgate/sgate/flowlog/record"
	"github.com/sgate/sgate/vpc"
)

// logWorld has a flow log whose keys follow, from line 10. One of its subnets
// and one of its instances are called a.
const logWorld = world + `instances:
  - {name: a, subnet: a, address: 10.0.1.10}
  - {name: web, subnet: a, address: 10.0.1.11}
flow_logs:
  - name: log
`

func TestFlowLogs(t *testing.T) {
	cfg := mustParse(t, logWorld+`    destination: "-"
  - name: full
    id: fl-0123456789abcdef0
    resource: web
    traffic_type: REJECT
    max_aggregation_interval: 60
    log_format: ${srcaddr} ${tcp-flags}
    destination: logs/../flow.log
    header: true
    max_file_size_mb: 5
    max_files: 1
account: {id: "012345678901", region: eu-central-1, availability_zone_id: euc1-az2}
`)
	short, err := record.Parse("${srcaddr} ${tcp-flags}")
	if err != nil {
		t.Fatal(err)
	}
	vpcID := vpc.NewID("vpc", "main")
	want := []FlowLog{{
		ID: vpc.NewID("fl", "log"), Name: "log", TrafficType: "ALL", MaxAggregationInterval: 10 * time.Minute,
		LogFormat: record.Default(), Destination: "-", MaxFileSize: 100 << 20, MaxFiles: 10,
		Origin: vpc.Origin{File: "f.yaml", Line: 9, Column: 5},
	}, {
		ID: "fl-0123456789abcdef0", Name: "full", ResourceID: vpc.NewID("eni", vpcID, "web"), TrafficType: "REJECT",
		MaxAggregationInterval: time.Minute, LogFormat: short, Destination: "flow.log", Header: true, MaxFileSize: 5 << 20, MaxFiles: 1,
		Origin: vpc.Origin{File: "f.yaml", Line: 11, Column: 5},
	}}
	if diff := cmp.Diff(want, cfg.FlowLogs, cmpopts.EquateComparable(record.Format{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if want := (Account{"012345678901", "eu-central-1", "euc1-az2"}); cfg.Account != want {
		t.Errorf("account %+v, want %+v", cfg.Account, want)
	}
	if want := (Account{"000000000000", "us-east-1", "use1-az1"}); mustParse(t, world).Account != want {
		t.Errorf("default account %+v, want %+v", mustParse(t, world).Account, want)
	}
}

func TestFlowLogDestinationsBeginAtTheFile(t *testing.T) {
	for value, want := range map[string]string{"flow.log": "/etc/sgate/flow.log", "/var/log/x": "/var/log/x", `"-"`: "-"} {
		cfg, err := Parse([]byte(logWorld+"    destination: "+value+"\n"), Source{Path: "/etc/sgate/sgate.yaml"})
		if err != nil {
			t.Fatal(err)
		}
		if got := cfg.FlowLogs[0].Destination; got != want {
			t.Errorf("%s: %s, want %s", value, got, want)
		}
	}
}

func TestFlowLogResources(t *testing.T) {
	vpcID := vpc.NewID("vpc", "main")
	subnet, instance := vpc.NewID("subnet", vpcID, "a"), vpc.NewID("eni", vpcID, "a")
	for ref, want := range map[string]string{
		"main": vpcID, vpcID: vpcID, "b": vpc.NewID("subnet", vpcID, "b"), subnet: subnet, instance: instance,
		"subnet/a": subnet, "instance/a": instance, "vpc/main": vpcID, "web": vpc.NewID("eni", vpcID, "web"),
	} {
		cfg := mustParse(t, logWorld+"    destination: f\n    resource: "+ref+"\n")
		if got := cfg.FlowLogs[0].ResourceID; got != want {
			t.Errorf("%s: %s, want %s", ref, got, want)
		}
	}
}

func TestFlowLogFaults(t *testing.T) {
	const log = `: flow log "log": `
	testFaults(t, logWorld+"    destination: f\n", []faultCase{
		{"traffic type", "    traffic_type: REJECTED\n", `f.yaml:11:19` + log + `traffic_type "REJECTED": did you mean "REJECT"?`},
		{"interval", "    max_aggregation_interval: 300\n", `f.yaml:11:31` + log + `max_aggregation_interval: 300: want 60 or 600 seconds`},
		{"field", "    log_format: ${version} ${srcadr}\n", `f.yaml:11:17` + log + `log_format: unknown field "srcadr": did you mean "srcaddr"?`},
		{"field of a later version", "    log_format: ${reject-reason}\n",
			`f.yaml:11:17` + log + `log_format: field "reject-reason": it is of version 8, about VPC Block Public Access, which sgate does not have`},
		{"resource", "    resource: wbe\n", `f.yaml:11:15` + log + `resource "wbe": there is no such vpc, subnet or instance: did you mean "web"?`},
		{"resource by a name of two", "    resource: a\n", `f.yaml:11:15` + log + `resource "a": is the name of several: want subnet/a or instance/a`},
		{"files", "    max_files: 0\n", `f.yaml:11:16` + log + `max_files: 0: want 1 to 1000`},
		{"file size", "    max_file_size_mb: -1\n", `f.yaml:11:23` + log + `max_file_size_mb: -1: want 1 to 1048576`},
		{"id", "    id: eni-0123456789abcdef0\n", `f.yaml:11:9` + log + `id "eni-0123456789abcdef0": want fl- and 17 hexadecimal digits (older ones have 8), or no id at all`},
		{"unknown key", "    format: x\n", `f.yaml:11:5` + log + `unknown key "format": known are name, id, resource, traffic_type, max_aggregation_interval, log_format, destination, header, max_file_size_mb, max_files, tags`},
		{"no destination", "  - {name: other}\n", `f.yaml:11:5: flow log "other": destination is missing: want the path of a file, or "-" for standard output`},
		{"a folder", "  - {name: other, destination: x/}\n", `f.yaml:11:32: flow log "other": destination "x/": want the path of a file, or "-" for standard output`},
		{"file size of standard output", "  - {name: other, destination: \"-\", max_files: 3}\n",
			`f.yaml:11:48: flow log "other": max_files: the destination is standard output, which is no file: leave it out`},
		{"the same file", "  - {name: other, destination: ./f}\n", `f.yaml:11:32: flow log "other": destination "f": is the file of flow log "log": want another`},
		{"the same name", "  - {name: LOG, destination: g}\n", `f.yaml:11:12: flow log "LOG": name "LOG": is taken: names are unique, letter case aside`},
		{"the same id", "    id: fl-0123456789abcdef0\n  - {name: other, destination: g, id: fl-0123456789abcdef0}\n",
			`f.yaml:12:39: flow log "other": id "fl-0123456789abcdef0": is the id of flow log "log": want another`},
		{"no name", "  - {destination: g}\n", `f.yaml:11:5: flow log 2: name is missing: want one, so that it can be referred to`},
		{"account", "account: {id: 123, region: Frankfurt, availability_zone_id: eu-central-1a}\n",
			`f.yaml:11:15: account: id "123": want 12 digits, in quotes
f.yaml:11:28: account: region "Frankfurt": want a Region's code, such as us-east-1
f.yaml:11:61: account: availability_zone_id "eu-central-1a": want an Availability Zone's id, such as use1-az1`},
	})
}

// TestTheDocumentedFlowLogLoads reads the example of docs/flow-logs.md.
func TestTheDocumentedFlowLogLoads(t *testing.T) {
	page, err := os.ReadFile("../docs/flow-logs.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```yaml\n")
	example, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("there is no example")
	}
	resources, _, _ := strings.Cut(logWorld, "flow_logs:")
	if cfg := mustParse(t, resources+example); len(cfg.FlowLogs) != 1 || cfg.FlowLogs[0].ResourceID == "" {
		t.Errorf("%+v", cfg.FlowLogs)
	}
}
