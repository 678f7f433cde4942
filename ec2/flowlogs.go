package ec2

import (
	"cmp"
	"strings"
	"time"

	"github.com/sgate/sgate/ec2/query"
	"github.com/sgate/sgate/flowlog/record"
	"github.com/sgate/sgate/store"
)

// The types of destinations of flow logs. Here all of them are files.
const (
	toCloudWatch = "cloud-watch-logs"
	toS3         = "s3"
	toFirehose   = "kinesis-data-firehose"
)

const flowLogKind = "vpc-flow-log"

// maxFlowLogs is how many flow logs a resource can have (VPC User Guide, quotas):
// AWS does not raise it.
const maxFlowLogs = 2

type createFlowLogsRequest struct {
	clientToken
	tagSpecified
	ResourceIDs     []string          `query:"ResourceId,required"`
	ResourceType    string            `query:"ResourceType,required"`
	TrafficType     string            `query:"TrafficType"`
	DestinationType string            `query:"LogDestinationType"`
	Destination     string            `query:"LogDestination"`
	LogGroup        string            `query:"LogGroupName"`
	DeliverRole     string            `query:"DeliverLogsPermissionArn"`
	Format          string            `query:"LogFormat"`
	Interval        *int              `query:"MaxAggregationInterval"` // seconds
	Options         *flowLogOptionsIn `query:"DestinationOptions"`
}

// flowLogOptionsIn says how files in S3 are written. There is one way here.
type flowLogOptionsIn struct {
	FileFormat string `query:"FileFormat"`
	Hive       bool   `query:"HiveCompatiblePartitions"`
	PerHour    bool   `query:"PerHourPartition"`
}

type createFlowLogsAnswer struct {
	ClientToken  string             `xml:"clientToken,omitempty"`
	IDs          []string           `xml:"flowLogIdSet"`
	Unsuccessful []unsuccessfulItem `xml:"unsuccessful"`
}

// unsuccessfulItem is a resource for which a call has done nothing, and why.
type unsuccessfulItem struct {
	Error      itemError `xml:"error"`
	ResourceID string    `xml:"resourceId"`
}

type itemError struct {
	Code    string `xml:"code"`
	Message string `xml:"message"`
}

// createFlowLogs makes a flow log for each resource. Resources that there are none
// of, or that have as many as they may, are told in the answer; the others get
// theirs.
func (c *call) createFlowLogs(in *createFlowLogsRequest) (*createFlowLogsAnswer, error) {
	tags, err := in.tagsFor(flowLogKind)
	if err != nil {
		return nil, err
	}
	like, err := in.flowLog()
	if err != nil {
		return nil, err
	}
	answer := &createFlowLogsAnswer{ClientToken: in.ClientToken}
	for _, id := range in.ResourceIDs {
		like.ID, like.ResourceID, like.CreationTime = c.newID("fl"), id, c.now()
		if c.hasFlowLog(&like) {
			return nil, query.Errorf("FlowLogAlreadyExists", "Error. There is an existing Flow Log with the same configuration and log destination.")
		}
		if fault := c.canLog(in.ResourceType, id); fault != nil {
			answer.Unsuccessful = append(answer.Unsuccessful, unsuccessfulItem{itemError{fault.Code, fault.Message}, id})
			continue
		}
		if err := c.FlowLogs.Put(like); err != nil {
			return nil, err
		}
		if err := c.tagNew(like.ID, tags); err != nil {
			return nil, err
		}
		answer.IDs = append(answer.IDs, like.ID)
	}
	return answer, nil
}

// hasFlowLog reports whether there is a log of the same traffic of a resource to
// the same destination.
func (c *call) hasFlowLog(like *store.FlowLog) bool {
	for _, l := range c.FlowLogs.All() {
		if l.ResourceID == like.ResourceID && l.TrafficType == like.TrafficType && l.DestinationType == like.DestinationType &&
			l.Destination == like.Destination && l.LogGroup == like.LogGroup {
			return true
		}
	}
	return false
}

// canLog refuses a flow log of what there is not, and one too many.
func (c *call) canLog(resourceType, id string) *query.Error {
	var is bool
	var fault error
	switch resourceType {
	case "VPC":
		_, is = c.VPCs.Get(id)
		fault = noVPC(id)
	case "Subnet":
		_, is = c.Subnets.Get(id)
		fault = noSubnet(id)
	case "NetworkInterface":
		_, is = c.Interfaces.Get(id)
		fault = noInterface(id)
	}
	if !is {
		refused, _ := refusal(fault)
		return refused
	}
	count := 0
	for _, l := range c.FlowLogs.All() {
		if l.ResourceID == id {
			count++
		}
	}
	if count >= maxFlowLogs {
		return query.Errorf("FlowLogsLimitExceeded", "You've reached the limit on the number of flow logs you can create. There are %d for %s.", count, id)
	}
	return nil
}

// maxResources is how many resources a call about flow logs can name.
const maxResources = 1000

// flowLog returns what a request asks for, but for the resource.
func (in *createFlowLogsRequest) flowLog() (store.FlowLog, error) {
	l := store.FlowLog{
		TrafficType: in.TrafficType, Interval: 10 * time.Minute, Format: record.Default().String(),
		DestinationType: cmp.Or(in.DestinationType, toCloudWatch), Destination: in.Destination, LogGroup: in.LogGroup, DeliverRole: in.DeliverRole,
	}
	if err := in.check(); err != nil {
		return l, err
	}
	if err := checkDestination(&l); err != nil {
		return l, err
	}
	if in.Interval != nil {
		l.Interval = time.Duration(*in.Interval) * time.Second
	}
	if in.Format != "" {
		format, err := record.Parse(in.Format)
		if err != nil {
			return l, invalidFlowLog("Invalid LogFormat: %v", err)
		}
		l.Format = format.String()
	}
	return l, nil
}

func invalidFlowLog(format string, args ...any) error {
	return query.Errorf("InvalidParameter", format, args...)
}

// check refuses what is the same for all destinations.
func (in *createFlowLogsRequest) check() error {
	switch {
	case len(in.ResourceIDs) == 0:
		return missing("ResourceId")
	case len(in.ResourceIDs) > maxResources:
		return invalid("The maximum number of resources for one request is %d, and there are %d", maxResources, len(in.ResourceIDs))
	case in.ResourceType != "VPC" && in.ResourceType != "Subnet" && in.ResourceType != "NetworkInterface":
		return invalid("Value (%s) for parameter ResourceType is invalid. Valid values are VPC, Subnet and NetworkInterface.", in.ResourceType)
	case in.TrafficType == "":
		return missing("TrafficType")
	case in.TrafficType != "ALL" && in.TrafficType != "ACCEPT" && in.TrafficType != "REJECT":
		return invalid("Value (%s) for parameter TrafficType is invalid. Valid values are ACCEPT, REJECT and ALL.", in.TrafficType)
	case in.Interval != nil && *in.Interval != 60 && *in.Interval != 600:
		return invalidFlowLog("Invalid Flow Log Max Aggregation Interval")
	case in.Options != nil && (in.Options.FileFormat != "" && in.Options.FileFormat != plainText || in.Options.Hive || in.Options.PerHour):
		return invalidFlowLog("DestinationOptions: want FileFormat %s, without HiveCompatiblePartitions and PerHourPartition.", plainText)
	case in.Options != nil && in.DestinationType != toS3:
		return invalidFlowLog("DestinationOptions can only be provided if LogDestinationType is %s.", toS3)
	}
	return nil
}

// checkDestination refuses destinations as AWS does. A log group that is given by
// its ARN is told by its name as well.
func checkDestination(l *store.FlowLog) error {
	switch {
	case l.DestinationType != toCloudWatch && l.DestinationType != toS3 && l.DestinationType != toFirehose:
		return invalid("Value (%s) for parameter LogDestinationType is invalid. Valid values are %s, %s and %s.",
			l.DestinationType, toCloudWatch, toS3, toFirehose)
	case l.LogGroup == "" && l.Destination == "":
		return invalidFlowLog("LogDestination can't be empty if LogGroupName is not provided.")
	case l.LogGroup != "" && l.DestinationType != toCloudWatch:
		return invalidFlowLog("LogDestination type must be %s if LogGroupName is provided.", toCloudWatch)
	case l.LogGroup != "" && l.Destination != "":
		return invalidFlowLog("Please only provide LogGroupName or only provide LogDestination.")
	case l.DestinationType == toCloudWatch && l.DeliverRole == "":
		return invalidFlowLog("DeliverLogsPermissionArn can't be empty if LogDestinationType is %s.", toCloudWatch)
	case l.Destination != "" && !isARN(l.Destination, arnService(l.DestinationType)):
		return invalidFlowLog("LogDestination: %s is not the ARN of a destination of type %s.", l.Destination, l.DestinationType)
	}
	if l.DestinationType == toCloudWatch && l.Destination != "" {
		_, group, _ := strings.Cut(l.Destination, ":log-group:")
		l.LogGroup = strings.TrimSuffix(group, ":*")
	}
	return nil
}

// arnService returns the service that ARNs of a type of destinations name.
func arnService(destinationType string) string {
	switch destinationType {
	case toS3:
		return "s3"
	case toFirehose:
		return "firehose"
	}
	return "logs"
}

// isARN reports whether text is an ARN of a service's resource:
// arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE.
func isARN(text, service string) bool {
	parts := strings.SplitN(text, ":", 6)
	return len(parts) == 6 && parts[0] == "arn" && parts[2] == service && parts[5] != ""
}

type deleteFlowLogsRequest struct {
	IDs []string `query:"FlowLogId,required"`
}

type deleteFlowLogsAnswer struct {
	Unsuccessful []unsuccessfulItem `xml:"unsuccessful"`
}

func (c *call) deleteFlowLogs(in *deleteFlowLogsRequest) (*deleteFlowLogsAnswer, error) {
	var unknown []string
	for _, id := range in.IDs {
		if _, is := c.FlowLogs.Get(id); !is {
			unknown = append(unknown, id)
		}
	}
	switch {
	case len(in.IDs) > maxResources:
		return nil, invalid("The maximum number of flow logs for one request is %d, and there are %d", maxResources, len(in.IDs))
	case len(unknown) > 0:
		return nil, noFlowLogs(unknown)
	}
	for _, id := range in.IDs {
		if err := c.FlowLogs.Delete(id); err != nil {
			return nil, err
		}
		if err := c.untag(id); err != nil {
			return nil, err
		}
	}
	return &deleteFlowLogsAnswer{}, nil
}

// deleteFlowLogsOf deletes the flow logs of a resource that is being deleted.
func (c *call) deleteFlowLogsOf(resourceID string) error {
	for _, l := range c.FlowLogs.All() {
		if l.ResourceID != resourceID {
			continue
		}
		if _, err := c.deleteFlowLogs(&deleteFlowLogsRequest{[]string{l.ID}}); err != nil {
			return err
		}
	}
	return nil
}

func noFlowLog(id string) error { return noFlowLogs([]string{id}) }

func noFlowLogs(ids []string) error {
	return query.Errorf("InvalidFlowLogId.NotFound", "These flow log ids in the input list are not found: [TotalCount: %d] %s",
		len(ids), strings.Join(ids, " "))
}

func flowLogActions() []action {
	return []action{
		write("CreateFlowLogs", (*call).createFlowLogs),
		write("DeleteFlowLogs", (*call).deleteFlowLogs),
		read("DescribeFlowLogs", (*call).describeFlowLogs),
	}
}
