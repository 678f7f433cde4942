// Package flowlog writes VPC flow logs: what the gateway decided of the packets
// at each network interface, summed up by flow and interval, in AWS's form.
//
// A packet's way:
//
//	gateway's event → verdict → collector → every minute, each log's records →
//	its destination
//
// The workers of the gateway come as far as the collector, which takes no system
// call, no memory for a flow that it knows, and a lock that only workers and, for
// an instant each minute, the Manager want. Whatever a destination does, packets
// do not wait for it: records are then lost, and said to be (SKIPDATA).
//
// The package imports flowlog/record, gateway, filter, stack, vpc and
// internal/background.
package flowlog

import (
	"time"

	"github.com/sgate/sgate/flowlog/record"
)

// Log is a flow log: what AWS's CreateFlowLogs makes. It does not change; to
// have another one it is removed and added anew. Logs can be compared with ==.
type Log struct {
	ID   string // "fl-" and 17 hexadecimal digits
	Name string // the Name tag
	// ResourceID is the VPC, subnet or network interface that it is about, with
	// those interfaces, too, that come later; "" for every VPC.
	ResourceID string
	Traffic    TrafficType
	// Interval is the longest that a record sums up: MinInterval or MaxInterval.
	// Records may be of less if there is much to remember.
	Interval time.Duration
	Format   record.Format
	// Destination is the path of a file, or StandardOutput.
	Destination string
	Header      bool // write the names of the fields first, in each file
	// MaxFileSize, in bytes, is when a file is set aside as PATH.1 and another
	// begun; MaxFiles is how many there are then at most, that one included. They
	// say nothing of StandardOutput.
	MaxFileSize int64
	MaxFiles    int
}

// What AWS allows as the maximum aggregation interval.
const (
	MinInterval = time.Minute
	MaxInterval = 10 * time.Minute
)

// StandardOutput is the Destination that is no file.
const StandardOutput = "-"

// TrafficType is which records a log has.
type TrafficType uint8

// The traffic types.
const (
	AllTraffic TrafficType = iota
	AcceptedTraffic
	RejectedTraffic
)

// String returns the type as AWS has it: "ALL", "ACCEPT" or "REJECT".
func (t TrafficType) String() string { return [...]string{"ALL", "ACCEPT", "REJECT"}[t] }

func (t TrafficType) has(a record.Action) bool {
	switch t {
	case AcceptedTraffic:
		return a == record.Accept
	case RejectedTraffic:
		return a == record.Reject
	}
	return true
}

// Place is where all resources are said to be. It says nothing of packets.
type Place struct {
	AccountID string // 12 digits
	Region    string // such as "us-east-1"
	ZoneID    string // of the Availability Zone, such as "use1-az1"
}

// Status is a log and how it fares.
type Status struct {
	Log
	CreationTime time.Time
	Records      uint64 // that were delivered, NODATA and SKIPDATA not counted
	Skipped      uint64 // records that the destination did not take
	// DeliverLogsErrorMessage is why the destination takes none now; "" if it does.
	DeliverLogsErrorMessage string
}
