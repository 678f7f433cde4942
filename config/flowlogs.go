package config

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sgate/sgate/flowlog/record"
	"github.com/sgate/sgate/vpc"
)

type rawAccount struct {
	ID                 text   `mapstructure:"id"`
	Region             string `mapstructure:"region"`
	AvailabilityZoneID string `mapstructure:"availability_zone_id"`
}

type rawFlowLog struct {
	Name                   string   `mapstructure:"name"`
	ID                     string   `mapstructure:"id"`
	Resource               string   `mapstructure:"resource"`
	TrafficType            string   `mapstructure:"traffic_type"`
	MaxAggregationInterval int      `mapstructure:"max_aggregation_interval"`
	LogFormat              string   `mapstructure:"log_format"`
	Destination            string   `mapstructure:"destination"`
	Header                 bool     `mapstructure:"header"`
	MaxFileSizeMB          int      `mapstructure:"max_file_size_mb"`
	MaxFiles               int      `mapstructure:"max_files"`
	Tags                   []rawTag `mapstructure:"tags" label:"tag"`
}

// Account is where all resources are said to be: records of flow logs have it.
type Account struct {
	ID                 string // 12 digits
	Region             string // such as "us-east-1"
	AvailabilityZoneID string // such as "use1-az1"
}

// FlowLog is a VPC flow log: what AWS's CreateFlowLogs makes.
type FlowLog struct {
	ID         string
	Name       string
	ResourceID string // of a VPC, a subnet or a network interface; "" for every VPC
	// TrafficType is "ALL", "ACCEPT" or "REJECT".
	TrafficType            string
	MaxAggregationInterval time.Duration // 1 or 10 minutes
	LogFormat              record.Format
	// Destination is the path of a file, from the folder of the configuration's
	// file on if it was not absolute, or "-" for standard output.
	Destination string
	Header      bool  // the names of the fields head each file
	MaxFileSize int64 // bytes
	MaxFiles    int   // the one that is being written included
	Origin      vpc.Origin
}

// standardOutput is the destination that is no file.
const standardOutput = "-"

// The defaults of an account and of a flow log. Those of the account are what
// emulators of AWS have.
const (
	defaultAccountID        = "000000000000"
	defaultRegion           = "us-east-1"
	defaultZoneID           = "use1-az1"
	defaultInterval         = 600 // seconds, as in AWS
	defaultFileSizeMB       = 100
	defaultFiles            = 10
	maxFileSizeMB           = 1 << 20
	maxFiles                = 1000
	bytesOfMB         int64 = 1 << 20
)

var (
	accountForm = regexp.MustCompile(`^[0-9]{12}$`)
	regionForm  = regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)+-[0-9]+$`)
	zoneForm    = regexp.MustCompile(`^[a-z]+[0-9]+-az[0-9]+$`)
)

// DefaultAccount returns the account of a file that says nothing of it.
func DefaultAccount() Account {
	return Account{ID: defaultAccountID, Region: defaultRegion, AvailabilityZoneID: defaultZoneID}
}

// buildAccount reads the account section.
func buildAccount(raw rawAccount, index *index, f *faults) Account {
	it := item{index, f, "account"}
	value := func(key, value, otherwise, want string, form *regexp.Regexp) string {
		switch {
		case !it.ok(key):
			return otherwise
		case !form.MatchString(value):
			it.fault(key, value, "%s", want)
		}
		return value
	}
	return Account{
		ID:                 value("id", string(raw.ID), defaultAccountID, "want 12 digits, in quotes", accountForm),
		Region:             value("region", raw.Region, defaultRegion, "want a Region's code, such as us-east-1", regionForm),
		AvailabilityZoneID: value("availability_zone_id", raw.AvailabilityZoneID, defaultZoneID, "want an Availability Zone's id, such as use1-az1", zoneForm),
	}
}

// buildFlowLogs reads the flow logs. Resources are nil if they have faults: names
// of them are then not looked up.
func buildFlowLogs(raws []rawFlowLog, resources *vpc.Snapshot, index *index, f *faults) []FlowLog {
	var out []FlowLog
	known, ids, files := newNames(), make(map[string]string), make(map[string]string)
	for i, raw := range raws {
		it := item{index, f, ""}.child("flow_logs", i)
		if it.broken() {
			continue
		}
		l := it.flowLog(raw, known)
		l.ResourceID = it.resource(raw.Resource, resources)
		it.only(ids, "id", l.ID, "id")
		if l.Destination != "" && l.Destination != standardOutput {
			it.only(files, "destination", filepath.Clean(l.Destination), "file")
		}
		out = append(out, l)
	}
	return out
}

// flowLog reads a flow log, but for its resource.
func (it item) flowLog(raw rawFlowLog, known *names) FlowLog {
	name, named := it.nameOrID(raw.Name, "fl")
	l := FlowLog{Name: name, TrafficType: "ALL", LogFormat: it.logFormat(raw.LogFormat), Header: raw.Header, Origin: it.origin()}
	l.ID = it.id("fl", raw.ID, vpc.NewID("fl", l.Name))
	if !named {
		known.partial = true
	} else if l.Name != "" && !known.declare(l.Name, l.ID) {
		it.fault("name", raw.Name, "is taken: names are unique, letter case aside")
	}
	if types := []string{"ALL", "ACCEPT", "REJECT"}; it.ok("traffic_type") {
		l.TrafficType = raw.TrafficType
		if !slices.Contains(types, raw.TrafficType) {
			it.fault("traffic_type", raw.TrafficType, "%s", hint(raw.TrafficType, types))
		}
	}
	interval := defaultInterval
	if it.ok("max_aggregation_interval") {
		if interval = raw.MaxAggregationInterval; interval != 60 && interval != 600 {
			it.misplaced("max_aggregation_interval", "%d: want 60 or 600 seconds", interval)
		}
	}
	l.MaxAggregationInterval = time.Duration(interval) * time.Second
	l.Destination = it.destination(raw.Destination)
	l.MaxFileSize = int64(it.fileLimit("max_file_size_mb", raw.MaxFileSizeMB, defaultFileSizeMB, maxFileSizeMB, l.Destination)) * bytesOfMB
	l.MaxFiles = it.fileLimit("max_files", raw.MaxFiles, defaultFiles, maxFiles, l.Destination)
	return l
}

// logFormat reads a format; without one, it is AWS's default.
func (it item) logFormat(text string) record.Format {
	if !it.ok("log_format") {
		return record.Default()
	}
	format, err := record.Parse(text)
	if unknown := (*record.UnknownFieldError)(nil); errors.As(err, &unknown) {
		err = fmt.Errorf("unknown field %s: %s", quote(unknown.Name), hint(unknown.Name, record.FieldNames()))
	}
	if err != nil {
		it.misplaced("log_format", "%v", err)
	}
	return format
}

// destination reads where records go.
func (it item) destination(value string) string {
	const want = `want the path of a file, or "-" for standard output`
	switch {
	case !it.given("destination"):
		it.missing("destination", want)
	case !it.ok("destination"):
	case value == "" || strings.HasSuffix(value, "/") || strings.ContainsRune(value, 0):
		it.fault("destination", value, want)
	case value == standardOutput || filepath.IsAbs(value):
		return value
	default:
		return filepath.Join(filepath.Dir(it.file), value)
	}
	return ""
}

// fileLimit reads a number that says something of files.
func (it item) fileLimit(key string, n, otherwise, most int, destination string) int {
	if !it.ok(key) {
		return otherwise
	}
	switch {
	case destination == standardOutput:
		it.misplaced(key, "the destination is standard output, which is no file: leave it out")
	case n < 1 || n > most:
		it.misplaced(key, "%d: want 1 to %d", n, most)
	}
	return n
}

// only reports a value that another log has already.
func (it item) only(taken map[string]string, key, value, what string) {
	if other, is := taken[value]; is && it.given(key) {
		it.fault(key, value, "is the %s of %s: want another", what, other)
	}
	taken[value] = it.subject()
}

// The words that say of which kind a flow log's resource is, where its name alone
// does not.
const (
	vpcKind      = "vpc"
	subnetKind   = "subnet"
	instanceKind = "instance"
)

// resource returns the id of the VPC, subnet or instance's interface that is
// called, or has the id, ref: "web", or "instance/web" if a subnet is called so,
// too. It returns "" for all there are, and for a fault, which it reports.
func (it item) resource(ref string, s *vpc.Snapshot) string {
	if !it.ok("resource") || s == nil {
		return ""
	}
	var found, names, kinds []string
	look := func(kind, name, id string) {
		names = append(names, name)
		if ref == name || ref == id || ref == kind+"/"+name {
			found, kinds = append(found, id), append(kinds, kind+"/"+name)
		}
	}
	for _, v := range s.VPCs() {
		look(vpcKind, cmp.Or(v.Name, v.ID), v.ID)
	}
	for _, n := range s.Subnets() {
		look(subnetKind, cmp.Or(n.Name, n.ID), n.ID)
	}
	for i := range s.Interfaces() {
		look(instanceKind, cmp.Or(s.Interfaces()[i].Name, s.Interfaces()[i].ID), s.Interfaces()[i].ID)
	}
	switch len(found) {
	case 1:
		return found[0]
	case 0:
		it.fault("resource", ref, "there is no such vpc, subnet or instance: %s", hint(ref, names))
	default:
		it.fault("resource", ref, "is the name of several: want %s", strings.Join(kinds, " or "))
	}
	return ""
}
