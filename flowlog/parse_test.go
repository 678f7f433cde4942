package flowlog

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// forms is what each field may be, besides "-".
var forms = map[string]string{
	"version": `[2-5]`, "account-id": `\d{12}`, "interface-id": `eni-[0-9a-f]{17}`,
	"srcaddr": address, "dstaddr": address, "pkt-srcaddr": address, "pkt-dstaddr": address,
	"srcport": `\d{1,5}`, "dstport": `\d{1,5}`, "protocol": `\d{1,3}`, "packets": `[1-9]\d*`, "bytes": `[1-9]\d*`,
	"start": `1\d{9}`, "end": `1\d{9}`, "action": `ACCEPT|REJECT`, "log-status": `OK|NODATA|SKIPDATA`,
	"vpc-id": `vpc-[0-9a-f]{17}`, "subnet-id": `subnet-[0-9a-f]{17}`, "instance-id": `i-[0-9a-f]{17}`,
	"tcp-flags": `\d{1,2}`, "type": `IPv4|IPv6`, "region": `[a-z]+-[a-z]+-\d`, "az-id": `[a-z]+\d-az\d`,
	"sublocation-type": `wavelength|outpost|localzone`, "sublocation-id": `\S+`, "pkt-src-aws-service": `[A-Z0-9_]+`, "pkt-dst-aws-service": `[A-Z0-9_]+`,
	"flow-direction": `ingress|egress`, "traffic-path": `[1-8]`,
}

const address = `(\d{1,3}\.){3}\d{1,3}|[0-9a-f:]*:[0-9a-f:]*`

// flowRecord is a line, by field.
type flowRecord map[string]string

// number returns a field that is one.
func (r flowRecord) number(field string) uint64 {
	n, _ := strconv.ParseUint(r[field], 10, 64)
	return n
}

// parseLine reads a line with the fields that header names. It takes nothing
// that AWS does not write.
func parseLine(header, line string) (flowRecord, error) {
	names, values := strings.Split(header, " "), strings.Split(line, " ")
	if len(names) != len(values) {
		return nil, fmt.Errorf("%q: %d fields, want %d", line, len(values), len(names))
	}
	r := make(flowRecord)
	for i, name := range names {
		if !regexp.MustCompile("^(?:"+forms[name]+"|-)$").MatchString(values[i]) || forms[name] == "" {
			return nil, fmt.Errorf("%q: %s %q", line, name, values[i])
		}
		r[name] = values[i]
	}
	for _, name := range []string{"srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets", "bytes", "action"} {
		value, has := r[name]
		if status, known := r["log-status"]; has && known && (value == "-") != (status != "OK") {
			return nil, fmt.Errorf("%q: %s %q with status %s", line, name, value, status)
		}
	}
	if r.number("end") < r.number("start") {
		return nil, fmt.Errorf("%q: ends before it starts", line)
	}
	return r, nil
}
