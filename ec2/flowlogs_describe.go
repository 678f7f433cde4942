package ec2

import (
	"cmp"
	"time"

	"github.com/sgate/sgate/store"
)

// flowLog is a flow log on the wire.
type flowLog struct {
	CreationTime    time.Time       `xml:"creationTime,omitempty"`
	DeliverError    string          `xml:"deliverLogsErrorMessage,omitempty"`
	DeliverRole     string          `xml:"deliverLogsPermissionArn,omitempty"`
	DeliverStatus   string          `xml:"deliverLogsStatus"`
	ID              string          `xml:"flowLogId"`
	Status          string          `xml:"flowLogStatus"`
	LogGroup        string          `xml:"logGroupName,omitempty"`
	ResourceID      string          `xml:"resourceId,omitempty"`
	TrafficType     string          `xml:"trafficType"`
	DestinationType string          `xml:"logDestinationType,omitempty"`
	Destination     string          `xml:"logDestination,omitempty"`
	Format          string          `xml:"logFormat"`
	Tags            []tag           `xml:"tagSet"`
	Interval        int             `xml:"maxAggregationInterval"` // seconds
	Options         *flowLogOptions `xml:"destinationOptions"`
}

// flowLogOptions says how files in S3 are written.
type flowLogOptions struct {
	FileFormat string `xml:"fileFormat"`
	Hive       bool   `xml:"hiveCompatiblePartitions"`
	PerHour    bool   `xml:"perHourPartition"`
}

const plainText = "plain-text"

// The statuses of deliveries, and what AWS says of one that fails for none of the
// caller's fault.
const (
	delivered     = "SUCCESS"
	notDelivered  = "FAILED"
	deliveryError = "Unknown error"
)

// describeFlowLog returns a log as it is told. That of a file has the path of its
// records as destination.
func (c *call) describeFlowLog(l *store.FlowLog) flowLog {
	out := flowLog{
		CreationTime: l.CreationTime, DeliverRole: l.DeliverRole, DeliverStatus: delivered, ID: l.ID, Status: "ACTIVE", LogGroup: l.LogGroup,
		ResourceID: l.ResourceID, TrafficType: l.TrafficType, DestinationType: l.DestinationType, Destination: cmp.Or(l.Destination, l.File),
		Format: l.Format, Tags: c.tagsOf(l.ID), Interval: int(l.Interval / time.Second),
	}
	if l.DestinationType == toS3 {
		out.Options = &flowLogOptions{FileFormat: plainText}
	}
	return out
}

// undelivered returns a function that reports whether a log's records are not
// written: the disk takes none, or the log is about what a file has declared, and
// declares no more.
func (c *call) undelivered() func(*flowLog) bool {
	failing := map[string]bool{}
	if ids := c.options.Undelivered; ids != nil {
		failing = ids()
	}
	isVPC, isSubnet, isInterface := in(c.VPCs), in(c.Subnets), in(c.Interfaces)
	return func(l *flowLog) bool {
		id := l.ResourceID
		return failing[l.ID] || id != "" && !isVPC(id) && !isSubnet(id) && !isInterface(id)
	}
}

type describeFlowLogsRequest struct {
	filtered
	paged
	IDs []string `query:"FlowLogId"`
}

type describeFlowLogsAnswer struct {
	nextPage
	FlowLogs []flowLog `xml:"flowLogSet"`
}

var flowLogFilters = filters[flowLog]{
	"deliver-log-status":   func(_ *call, l *flowLog) []string { return []string{l.DeliverStatus} },
	"log-destination-type": func(_ *call, l *flowLog) []string { return []string{l.DestinationType} },
	"flow-log-id":          func(_ *call, l *flowLog) []string { return []string{l.ID} },
	"log-group-name":       func(_ *call, l *flowLog) []string { return []string{l.LogGroup} },
	"resource-id":          func(_ *call, l *flowLog) []string { return []string{l.ResourceID} },
	"traffic-type":         func(_ *call, l *flowLog) []string { return []string{l.TrafficType} },
}

func idOfFlowLog(l *flowLog) string { return l.ID }

// describeFlowLogs lists flow logs. Of those that a request names it leaves out
// what is not there.
func (c *call) describeFlowLogs(in *describeFlowLogsRequest) (*describeFlowLogsAnswer, error) {
	wanted := make(map[string]bool)
	for _, id := range in.IDs {
		wanted[id] = true
	}
	var logs []flowLog
	fails := c.undelivered()
	for _, l := range c.FlowLogs.All() {
		if len(in.IDs) > 0 && !wanted[l.ID] {
			continue
		}
		told := c.describeFlowLog(&l)
		if fails(&told) {
			told.DeliverStatus, told.DeliverError = notDelivered, deliveryError
		}
		logs = append(logs, told)
	}
	logs, err := selected(c, logs, in.Filters, flowLogFilters, idOfFlowLog)
	if err != nil {
		return nil, err
	}
	logs, next, err := page(logs, in.paged, pageSizes{1, 1000}, idOfFlowLog)
	return &describeFlowLogsAnswer{next, logs}, err
}
