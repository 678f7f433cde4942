package account

import (
	"cmp"
	"fmt"
	"path/filepath"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/flowlog/record"
	"github.com/sgate/sgate/store"
	"github.com/sgate/sgate/vpc"
)

// The files of the API's flow logs are set aside as those of a configuration file
// are by default.
const (
	flowLogSize  = 100 << 20 // bytes
	flowLogFiles = 10
)

// deliverer is a Server that tells which flow logs' destinations take no records.
type deliverer interface {
	Undelivered() map[string]bool
}

// declaredFlowLogs returns a file's flow logs as the API tells them.
func declaredFlowLogs(cfg *config.Config) []store.FlowLog {
	logs := make([]store.FlowLog, len(cfg.FlowLogs))
	for i, l := range cfg.FlowLogs {
		logs[i] = store.FlowLog{
			ID: l.ID, Name: l.Name, ResourceID: l.ResourceID, TrafficType: l.TrafficType, Interval: l.MaxAggregationInterval,
			Format: l.LogFormat.String(), File: l.Destination, Origin: l.Origin,
		}
	}
	return logs
}

// FlowLogConfig returns the flow logs that the API has made as a configuration has
// them. Each is written to a file of its own below dir, called ID.log: what the
// caller of the API says of a destination names no file, so that nobody writes
// elsewhere. What goes to S3 in AWS is headed by the names of its fields, as
// there. Logs of resources that a file had declared and declares no more are left
// out until they are back.
func FlowLogConfig(v *store.View, dir string) ([]config.FlowLog, error) {
	var logs []config.FlowLog
	for _, l := range v.FlowLogs {
		if v.Declared(l.ID) || !isThere(v.Snapshot, l.ResourceID) {
			continue
		}
		format, err := record.Parse(l.Format)
		if err != nil {
			return nil, fmt.Errorf("flow log %s: format: %w", l.ID, err)
		}
		if !vpc.IsID("fl", l.ID) {
			return nil, fmt.Errorf("flow log %q: want an id of fl- and 17 hexadecimal digits", l.ID)
		}
		logs = append(logs, config.FlowLog{
			ID: l.ID, Name: l.Name, ResourceID: l.ResourceID, TrafficType: l.TrafficType, MaxAggregationInterval: l.Interval,
			LogFormat: format, Destination: cmp.Or(l.File, filepath.Join(dir, l.ID+".log")), Header: l.DestinationType == "s3",
			MaxFileSize: flowLogSize, MaxFiles: flowLogFiles, Origin: l.Origin,
		})
	}
	return logs, nil
}

// isThere reports whether there is a VPC, subnet or network interface with that
// id.
func isThere(s *vpc.Snapshot, id string) bool {
	_, isVPC := s.VPC(id)
	_, isSubnet := s.Subnet(id)
	_, isInterface := s.Interface(id)
	return isVPC || isSubnet || isInterface
}
