package vpc

import "time"

// InstanceState is where an instance is in its life.
type InstanceState string

// The states that last. AWS's pending, stopping and shutting-down are passed
// through within one call here.
const (
	Running    InstanceState = "running"
	Stopped    InstanceState = "stopped"
	Terminated InstanceState = "terminated"
)

// Instance is a machine with one or more network interfaces, which name it in
// their Attachment. A terminated one has none, and is there to be listed only.
type Instance struct {
	ID            string // "i-" and 17 hexadecimal digits
	Name          string // what programs call it; unique among instances
	VPCID         string
	SubnetID      string // of the primary interface
	ImageID       string // "ami-..."; names what it runs
	Type          string // such as "t3.micro"
	KeyName       string
	ReservationID string // "r-" and 17 hexadecimal digits: those that one call launched
	LaunchIndex   int
	LaunchTime    time.Time
	State         InstanceState
	StateReason   string    // why it is stopped or terminated, as AWS says it
	StateTime     time.Time // since when it has been in that state
	Origin        Origin
}
