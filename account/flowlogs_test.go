package account

import (
	"context"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/flowlog/record"
	"github.com/sgate/sgate/store"
)

// createFlowLog makes a flow log of a resource over the API and returns its id.
func (w *world) createFlowLog(resourceType, resourceID string, more ...string) string {
	w.t.Helper()
	status, id := w.call("item", "CreateFlowLogs", append([]string{"ResourceType", resourceType, "ResourceId.1", resourceID, "TrafficType", "REJECT",
		"MaxAggregationInterval", "60", "LogFormat", "${action} ${dstport}"}, more...)...)
	if status != http.StatusOK || !strings.HasPrefix(id, "fl-") {
		w.t.Fatalf("CreateFlowLogs: %d, %q", status, id)
	}
	return id
}

// toS3 is a destination whose name leads elsewhere.
var toS3 = []string{"LogDestinationType", "s3", "LogDestination", "arn:aws:s3:::../../../etc/passwd"}

// toGroup is another one.
var toGroup = []string{"LogGroupName", "/../../x", "DeliverLogsPermissionArn", "arn:aws:iam::000000000000:role/x"}

func TestFlowLogsOfTheAPIReachTheServer(t *testing.T) {
	dir := t.TempDir()
	w := newWorld(t, Options{FlowLogs: dir})
	w.apply(lab + "flow_logs: [{name: all, destination: all.log}]\n")
	subnet := w.server.inForce.Declared.Subnets[0].ID
	id := w.createFlowLog("Subnet", subnet, toS3...)
	logs := w.server.inForce.FlowLogs
	if len(logs) != 2 || logs[0].Name != "all" {
		t.Fatalf("the server has %+v", logs)
	}
	format, err := record.Parse("${action} ${dstport}")
	if err != nil {
		t.Fatal(err)
	}
	want := config.FlowLog{
		ID: id, ResourceID: subnet, TrafficType: "REJECT", MaxAggregationInterval: time.Minute, LogFormat: format,
		Destination: filepath.Join(dir, id+".log"), Header: true, MaxFileSize: 100 << 20, MaxFiles: 10,
	}
	if logs[1] != want {
		t.Errorf("the API's log is %+v, want %+v", logs[1], want)
	}
	other := w.createFlowLog("Subnet", subnet, toGroup...)
	if l := w.server.inForce.FlowLogs[2]; l.Destination != filepath.Join(dir, other+".log") || l.Header {
		t.Errorf("the log for CloudWatch is %+v, want one in %s without a header", l, dir)
	}
	w.call("return", "DeleteFlowLogs", "FlowLogId.1", id)
	if logs := w.server.inForce.FlowLogs; len(logs) != 2 || logs[1].ID != other {
		t.Errorf("after one was deleted: %+v", logs)
	}
}

// full is a recorder on a disk without room.
type full struct {
	recorder
	failing map[string]bool
}

func (f *full) Undelivered() map[string]bool { return f.failing }

func TestALogWithoutRoomIsToldToFail(t *testing.T) {
	server := &full{failing: make(map[string]bool)}
	a, err := New(server, Options{Listen: "127.0.0.1:0", FlowLogs: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	w := &world{a, t, &server.recorder}
	w.apply(lab)
	id := w.createFlowLog("VPC", w.server.inForce.Declared.VPCs[0].ID, toS3...)
	for _, want := range []string{"SUCCESS", "FAILED"} {
		server.failing[id] = want == "FAILED"
		if _, status := w.call("deliverLogsStatus", "DescribeFlowLogs"); status != want {
			t.Errorf("the log is said to be %q, want %q", status, want)
		}
	}
}

// TestALogWaitsForItsResource takes a subnet with a flow log of the API out of the
// file, and puts it back.
func TestALogWaitsForItsResource(t *testing.T) {
	w := newWorld(t, Options{FlowLogs: t.TempDir()})
	id := w.createFlowLog("Subnet", w.server.inForce.Declared.Subnets[0].ID, toS3...)
	w.apply(strings.NewReplacer("name: a,", "name: b,").Replace(lab))
	if logs := w.server.inForce.FlowLogs; len(logs) != 0 {
		t.Errorf("without the subnet there is %+v", logs)
	}
	if _, status := w.call("deliverLogsStatus", "DescribeFlowLogs", "FlowLogId.1", id); status != "FAILED" {
		t.Errorf("the log is said to be %q", status)
	}
	w.apply(lab)
	if logs := w.server.inForce.FlowLogs; len(logs) != 1 || logs[0].ID != id {
		t.Errorf("with the subnet again there is %+v", logs)
	}
}

func TestFlowLogsOfTheFileAreTold(t *testing.T) {
	w := newWorld(t, Options{})
	w.apply(lab + "flow_logs: [{name: all, resource: a, traffic_type: ACCEPT, destination: /tmp/all.log}]\n")
	if logs := w.server.inForce.FlowLogs; len(logs) != 1 || logs[0].Destination != "/tmp/all.log" {
		t.Errorf("the server has %+v, want the file's log once", logs)
	}
	id := w.server.inForce.FlowLogs[0].ID
	for element, want := range map[string]string{
		"flowLogId": id, "trafficType": "ACCEPT", "logDestination": "/tmp/all.log", "resourceId": w.server.inForce.Declared.Subnets[0].ID,
		"logFormat": record.Default().String(), "maxAggregationInterval": "600", "value": "all",
	} {
		if _, got := w.call(element, "DescribeFlowLogs"); got != want {
			t.Errorf("%s is %q, want %q", element, got, want)
		}
	}
	if status, code := w.call("Code", "DeleteFlowLogs", "FlowLogId.1", id); status != http.StatusBadRequest || code != "OperationNotPermitted" {
		t.Errorf("deleted: %d %s", status, code)
	}
}

// TestAStateThatIsNotOurs has flow logs that this sgate would not have made.
func TestAStateThatIsNotOurs(t *testing.T) {
	cfg := parse(t, lab)
	good := store.FlowLog{ID: "fl-00000000000000001", ResourceID: cfg.Declared.VPCs[0].ID, Format: "${action}"}
	bad := []store.FlowLog{good, good}
	bad[0].Format = "${colour}"
	bad[1].ID = "fl-../../etc/passwd"
	s, err := store.Open("")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Declare(context.Background(), declaration(cfg), func(context.Context, *store.View) error { return nil }); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"flow log fl-00000000000000001: format: ", `flow log "fl-../../etc/passwd": want an id`} {
		v := *s.View()
		v.FlowLogs = slices.Clone(bad[i : i+1])
		if _, err := FlowLogConfig(&v, "/x"); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
		v.FlowLogs[0] = good
		if logs, err := FlowLogConfig(&v, "/x"); err != nil || len(logs) != 1 || !cmp.Equal(logs[0].Destination, "/x/fl-00000000000000001.log") {
			t.Errorf("the good one: %+v, %v", logs, err)
		}
	}
}
