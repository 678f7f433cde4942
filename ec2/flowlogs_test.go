package ec2

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sgate/sgate/flowlog/record"
	"github.com/sgate/sgate/store"
	"github.com/sgate/sgate/vpc"
)

const logsFile = `
vpc: {name: lab, cidr: 10.0.0.0/16}
subnets: [{name: a, cidr: 10.0.1.0/24}]
instances: [{name: web, subnet: a, address: 10.0.1.10}]
`

// toS3Bucket returns the parameters of a flow log of a VPC.
func toS3Bucket(vpcID string) []string {
	return []string{"ResourceId.1", vpcID, "ResourceType", "VPC", "TrafficType", "ALL", "LogDestinationType", "s3", "LogDestination", "arn:aws:s3:::bucket/prefix/"}
}

// toLogGroup is the same with a log group of CloudWatch.
func toLogGroup(kind, id, traffic string) []string {
	return []string{"ResourceId.1", id, "ResourceType", kind, "TrafficType", traffic, "LogGroupName", "logs",
		"DeliverLogsPermissionArn", "arn:aws:iam::123456789012:role/logs"}
}

// flowLog returns the only flow log that is described, element by element.
func (w *world) flowLog(params ...string) map[string]string {
	w.t.Helper()
	items := w.do("DescribeFlowLogs", params...).all("flowLogSet.item")
	if len(items) != 1 {
		w.t.Fatalf("%d flow logs, want one", len(items))
	}
	fields := make(map[string]string)
	for _, x := range items[0].Below {
		fields[x.XMLName.Local] = strings.TrimSpace(x.Text)
	}
	return fields
}

func TestTheFlowLogsLife(t *testing.T) {
	w := newWorld(t, logsFile)
	s := w.store.View()
	created := w.do("CreateFlowLogs", append(toLogGroup("NetworkInterface", s.Interfaces()[0].ID, "REJECT"), "ClientToken", "t", "MaxAggregationInterval", "60",
		"LogFormat", "${srcaddr}  ${dstaddr}", "TagSpecification.1.ResourceType", "vpc-flow-log", "TagSpecification.1.Tag.1.Key", "Owner", "TagSpecification.1.Tag.1.Value", "")...)
	id := created.get("flowLogIdSet.item")
	if !vpc.IsID("fl", id) || created.get("clientToken") != "t" || created.all("unsuccessful.item") != nil {
		t.Errorf("created: %+v", created)
	}
	want := map[string]string{
		"creationTime": "2026-11-21T12:00:00.000Z", "deliverLogsPermissionArn": "arn:aws:iam::123456789012:role/logs", "deliverLogsStatus": "SUCCESS",
		"flowLogId": id, "flowLogStatus": "ACTIVE", "logGroupName": "logs", "resourceId": s.Interfaces()[0].ID, "trafficType": "REJECT",
		"logDestinationType": "cloud-watch-logs", "logFormat": "${srcaddr} ${dstaddr}", "tagSet": "", "maxAggregationInterval": "60",
	}
	if diff := cmp.Diff(w.flowLog(), want); diff != "" {
		t.Errorf("described (-got +want):\n%s", diff)
	}
	w.hasTags(id, "Owner=")
	if l := w.store.View().FlowLogs[0]; l.Interval != time.Minute || l.File != "" {
		t.Errorf("stored: %+v", l)
	}
	if got := w.do("DeleteFlowLogs", "FlowLogId.1", id).all("unsuccessful.item"); got != nil {
		t.Errorf("deleted: %+v", got)
	}
	w.hasTags(id)
	if got := w.do("DescribeFlowLogs", "FlowLogId.1", id).all("flowLogSet.item"); got != nil {
		t.Errorf("after that: %+v", got)
	}
}

func TestFlowLogsOfEachDestination(t *testing.T) {
	for _, c := range []struct {
		params []string
		want   map[string]string
	}{
		{[]string{"LogDestinationType", "s3", "LogDestination", "arn:aws:s3:::bucket/x/", "DestinationOptions.FileFormat", "plain-text", "DestinationOptions.PerHourPartition", "false"},
			map[string]string{"logDestinationType": "s3", "logDestination": "arn:aws:s3:::bucket/x/", "logGroupName": ""}},
		{[]string{"LogDestinationType", "kinesis-data-firehose", "LogDestination", "arn:aws:firehose:us-east-1:123456789012:deliverystream/x"},
			map[string]string{"logDestinationType": "kinesis-data-firehose", "logDestination": "arn:aws:firehose:us-east-1:123456789012:deliverystream/x"}},
		{[]string{"LogDestination", "arn:aws:logs:us-east-1:123456789012:log-group:/vpc/x:*", "DeliverLogsPermissionArn", "arn:aws:iam::1:role/x"},
			map[string]string{"logDestinationType": "cloud-watch-logs", "logGroupName": "/vpc/x", "logDestination": "arn:aws:logs:us-east-1:123456789012:log-group:/vpc/x:*"}},
	} {
		w := newWorld(t, logsFile)
		w.do("CreateFlowLogs", append([]string{"ResourceId.1", w.store.View().Subnets()[0].ID, "ResourceType", "Subnet", "TrafficType", "ALL"}, c.params...)...)
		got := w.flowLog()
		for name, value := range c.want {
			if got[name] != value {
				t.Errorf("%q: %s is %q, want %q", c.params, name, got[name], value)
			}
		}
		if got["logFormat"] != record.Default().String() || got["maxAggregationInterval"] != "600" {
			t.Errorf("%q: %+v", c.params, got)
		}
		if _, told := got["destinationOptions"]; told != (c.want["logDestinationType"] == "s3") {
			t.Errorf("%q: destination options told: %v", c.params, told)
		}
	}
}

func TestFlowLogsThatAreRefused(t *testing.T) {
	w := newWorld(t, logsFile)
	id := w.store.View().VPCs()[0].ID
	refused := func(code, message string, params ...string) {
		t.Helper()
		form := make(map[string]string)
		for _, list := range [][]string{toS3Bucket(id), params} {
			for i := 0; i < len(list); i += 2 {
				form[list[i]] = list[i+1]
			}
		}
		params = nil
		for name, value := range form {
			if value != "-" {
				params = append(params, name, value)
			}
		}
		w.refused(code, message, "CreateFlowLogs", params...)
	}
	refused("MissingParameter", "The request must contain the parameter ResourceId", "ResourceId.1", "-")
	refused("MissingParameter", "The request must contain the parameter ResourceId", "ResourceId.1", "-", "ResourceId", "")
	refused("MissingParameter", "The request must contain the parameter ResourceType", "ResourceType", "-")
	refused("MissingParameter", "The request must contain the parameter TrafficType", "TrafficType", "-")
	refused("InvalidParameterValue", "Value (all) for parameter TrafficType is invalid. Valid values are ACCEPT, REJECT and ALL.", "TrafficType", "all")
	refused("InvalidParameterValue", "Value (TransitGateway) for parameter ResourceType is invalid. Valid values are VPC, Subnet and NetworkInterface.", "ResourceType", "TransitGateway")
	refused("InvalidParameterValue", "Value (syslog) for parameter LogDestinationType is invalid. Valid values are cloud-watch-logs, s3 and kinesis-data-firehose.", "LogDestinationType", "syslog")
	for parameter, message := range map[[2]string]string{
		{"MaxAggregationInterval", "61"}:                        "Invalid Flow Log Max Aggregation Interval",
		{"LogDestination", "-"}:                                 "LogDestination can't be empty if LogGroupName is not provided.",
		{"LogGroupName", "logs"}:                                "LogDestination type must be cloud-watch-logs if LogGroupName is provided.",
		{"LogDestination", "/var/log/x"}:                        "LogDestination: /var/log/x is not the ARN of a destination of type s3.",
		{"LogDestination", "arn:aws:logs:r:1:log-group:x"}:      "LogDestination: arn:aws:logs:r:1:log-group:x is not the ARN of a destination of type s3.",
		{"LogFormat", "srcaddr"}:                                `Invalid LogFormat: "srcaddr": want fields as ${srcaddr}, with a space between two`,
		{"LogFormat", "${srcaddr} ${srcaddr}"}:                  "Invalid LogFormat: ${srcaddr} stands there twice",
		{"LogFormat", "${ecs-task-id}"}:                         `Invalid LogFormat: field "ecs-task-id": it is of version 7, about ECS, which sgate does not have`,
		{"DestinationOptions.FileFormat", "parquet"}:            "DestinationOptions: want FileFormat plain-text, without HiveCompatiblePartitions and PerHourPartition.",
		{"DestinationOptions.PerHourPartition", "true"}:         "DestinationOptions: want FileFormat plain-text, without HiveCompatiblePartitions and PerHourPartition.",
		{"DestinationOptions.HiveCompatiblePartitions", "true"}: "DestinationOptions: want FileFormat plain-text, without HiveCompatiblePartitions and PerHourPartition.",
	} {
		refused("InvalidParameter", message, parameter[0], parameter[1])
	}
	refused("InvalidParameter", "", "LogFormat", "${colour}")
	refused("InvalidParameter", "DeliverLogsPermissionArn can't be empty if LogDestinationType is cloud-watch-logs.",
		"LogDestinationType", "-", "LogDestination", "-", "LogGroupName", "logs")
	refused("InvalidParameter", "Please only provide LogGroupName or only provide LogDestination.", "LogDestinationType", "cloud-watch-logs", "LogGroupName", "logs")
	refused("InvalidParameter", "DestinationOptions can only be provided if LogDestinationType is s3.", "LogDestinationType", "kinesis-data-firehose",
		"LogDestination", "arn:aws:firehose:r:1:x", "DestinationOptions.FileFormat", "plain-text")
	refused("InvalidParameterValue", "'vpc' is not a valid taggable resource type for this operation.", "TagSpecification.1.ResourceType", "vpc")
	var many []string
	for i := range 1001 {
		many = append(many, fmt.Sprintf("ResourceId.%d", i+1), id)
	}
	refused("InvalidParameterValue", "The maximum number of resources for one request is 1000, and there are 1001", many...)
	if logs := w.store.View().FlowLogs; len(logs) != 0 {
		t.Errorf("there are flow logs: %v", logs)
	}
	w.do("CreateFlowLogs", toS3Bucket(id)...)
	refused("FlowLogAlreadyExists", "Error. There is an existing Flow Log with the same configuration and log destination.")
}

// TestResourcesWithoutAFlowLog are told in the answer, while others get theirs.
func TestResourcesWithoutAFlowLog(t *testing.T) {
	w := newWorld(t, logsFile)
	s := w.store.View()
	id := s.VPCs()[0].ID
	const none = "-0123456789abcdef0"
	for kind, want := range map[string][]string{
		"VPC":              {"vpc" + none, "InvalidVpcID.NotFound", "The vpc ID 'vpc-0123456789abcdef0' does not exist"},
		"Subnet":           {"subnet" + none, "InvalidSubnetID.NotFound", "The subnet ID 'subnet-0123456789abcdef0' does not exist"},
		"NetworkInterface": {id, "InvalidNetworkInterfaceID.NotFound", "The networkInterface ID '" + id + "' does not exist"},
	} {
		answer := w.do("CreateFlowLogs", toLogGroup(kind, want[0], "ALL")...)
		item := []string{answer.get("unsuccessful.item.resourceId"), answer.get("unsuccessful.item.error.code"), answer.get("unsuccessful.item.error.message")}
		if !cmp.Equal(item, want) || answer.all("flowLogIdSet.item") != nil {
			t.Errorf("%s: %q, want %q", kind, item, want)
		}
	}
	answer := w.do("CreateFlowLogs", append(toLogGroup("VPC", id, "ALL"), "ResourceId.2", "vpc"+none)...)
	if len(answer.all("flowLogIdSet.item")) != 1 || answer.get("unsuccessful.item.resourceId") != "vpc"+none {
		t.Errorf("one of two: %+v", answer)
	}
	w.do("CreateFlowLogs", toLogGroup("VPC", id, "REJECT")...) // other traffic, the same group
	answer = w.do("CreateFlowLogs", toLogGroup("VPC", id, "ACCEPT")...)
	if got := answer.get("unsuccessful.item.error.code"); got != "FlowLogsLimitExceeded" {
		t.Errorf("a third one of the VPC: %q", got)
	}
}

func TestDeleteFlowLogsThatAreNotThere(t *testing.T) {
	w := newWorld(t, logsFile)
	id := w.do("CreateFlowLogs", toS3Bucket(w.store.View().VPCs()[0].ID)...).get("flowLogIdSet.item")
	w.refused("InvalidFlowLogId.NotFound", "These flow log ids in the input list are not found: [TotalCount: 2] fl-1 fl-2",
		"DeleteFlowLogs", "FlowLogId.1", "fl-1", "FlowLogId.2", id, "FlowLogId.3", "fl-2")
	w.refused("MissingParameter", "The request must contain the parameter FlowLogId", "DeleteFlowLogs")
	var many []string
	for i := range 1001 {
		many = append(many, fmt.Sprintf("FlowLogId.%d", i+1), id)
	}
	w.refused("InvalidParameterValue", "The maximum number of flow logs for one request is 1000, and there are 1001", "DeleteFlowLogs", many...)
	w.do("DeleteFlowLogs", "FlowLogId.1", id, "FlowLogId.2", id)
}

func TestDescribeFlowLogsInPagesAndByFilters(t *testing.T) {
	w := newWorld(t, logsFile)
	s := w.store.View()
	bad := w.do("CreateFlowLogs", append(toS3Bucket(s.VPCs()[0].ID), "TagSpecification.1.ResourceType", "vpc-flow-log",
		"TagSpecification.1.Tag.1.Key", "Owner", "TagSpecification.1.Tag.1.Value", "me")...).get("flowLogIdSet.item")
	other := w.do("CreateFlowLogs", toLogGroup("Subnet", s.Subnets()[0].ID, "REJECT")...).get("flowLogIdSet.item")
	w.endpoint.options.Undelivered = func() map[string]bool { return map[string]bool{bad: true} }
	for filter, want := range map[[2]string]string{
		{"deliver-log-status", "FAILED"}: bad, {"deliver-log-status", "SUCCESS"}: other, {"log-destination-type", "s3"}: bad,
		{"flow-log-id", other}: other, {"log-group-name", "log*"}: other, {"resource-id", s.Subnets()[0].ID}: other, {"traffic-type", "ALL"}: bad,
		{"tag:Owner", "me"}: bad, {"tag-key", "Owner"}: bad,
	} {
		if got := w.flowLog("Filter.1.Name", filter[0], "Filter.1.Value.1", filter[1])["flowLogId"]; got != want {
			t.Errorf("filter %s=%s: %s, want %s", filter[0], filter[1], got, want)
		}
	}
	if got := w.flowLog("FlowLogId.1", bad)["deliverLogsErrorMessage"]; got != "Unknown error" {
		t.Errorf("the log that fails: %q", got)
	}
	first := w.do("DescribeFlowLogs", "MaxResults", "1")
	second := w.do("DescribeFlowLogs", "MaxResults", "1", "NextToken", first.get("nextToken"))
	if first.get("flowLogSet.item.flowLogId") == second.get("flowLogSet.item.flowLogId") || second.get("nextToken") != "" {
		t.Error("the pages overlap")
	}
}

// TestFlowLogsOfTheFile are listed and read-only; one of a resource that the file
// has no more is told to fail.
func TestFlowLogsOfTheFile(t *testing.T) {
	w := newWorld(t, logsFile)
	const id = "fl-00000000000000001"
	of := w.do("CreateFlowLogs", toLogGroup("Subnet", w.store.View().Subnets()[0].ID, "ALL")...).get("flowLogIdSet.item")
	declare := func(d store.Declaration) {
		t.Helper()
		if err := w.store.Declare(context.Background(), d, func(context.Context, *store.View) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	resources := w.store.View().Resources()
	resources.Interfaces, resources.Subnets, resources.Instances = nil, nil, nil
	declare(store.Declaration{Resources: resources, FlowLogs: []store.FlowLog{{
		ID: id, Name: "all", TrafficType: "ALL", Interval: time.Minute, Format: "${action}", File: "/var/log/all.log", Origin: vpc.Origin{File: "lab.yaml", Line: 7, Column: 5},
	}}})
	want := map[string]string{
		"deliverLogsStatus": "SUCCESS", "flowLogId": id, "flowLogStatus": "ACTIVE", "trafficType": "ALL", "logDestination": "/var/log/all.log",
		"logFormat": "${action}", "tagSet": "", "maxAggregationInterval": "60",
	}
	if diff := cmp.Diff(w.flowLog("FlowLogId.1", id), want); diff != "" {
		t.Errorf("described (-got +want):\n%s", diff)
	}
	w.hasTags(id, "Name=all")
	w.refused("OperationNotPermitted", id+" is declared in lab.yaml:7:5: change it there", "DeleteFlowLogs", "FlowLogId.1", id)
	w.refused("OperationNotPermitted", id+" is declared in lab.yaml:7:5: change it there", "CreateTags", "ResourceId.1", id, "Tag.1.Key", "Name", "Tag.1.Value", "x")
	if got := w.flowLog("FlowLogId.1", of); got["deliverLogsStatus"] != "FAILED" || got["deliverLogsErrorMessage"] != "Unknown error" {
		t.Errorf("the log of a subnet that is gone: %+v", got)
	}
}
