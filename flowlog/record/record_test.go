package record

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sgate/sgate/vpc"
)

// full is a record with a value in every field that sgate has one for.
func full() Record {
	return Record{
		AccountID: "123456789010", InterfaceID: "eni-1235b8ca123456789", VPCID: "vpc-1", SubnetID: "subnet-1", InstanceID: "i-1",
		Region: "us-east-1", ZoneID: "use1-az1", Start: 100, End: 160, Direction: vpc.Egress, Action: Accept,
		Src: netip.MustParseAddr("10.0.0.5"), Dst: netip.MustParseAddr("10.0.0.6"),
		PktSrc: netip.MustParseAddr("10.0.0.15"), PktDst: netip.MustParseAddr("10.0.0.16"),
		SrcPort: 1000, DstPort: 22, Protocol: 6, TCPFlags: 19, TrafficPath: PathVPC, Packets: 7, Bytes: 700,
	}
}

// everyField is a format with all of them, one a line.
func everyField() string { return "${" + strings.Join(FieldNames(), "} ${") + "}" }

func mustParse(t *testing.T, text string) Format {
	t.Helper()
	f, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestDefaultFormat(t *testing.T) {
	const aws = "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} " +
		"${packets} ${bytes} ${start} ${end} ${action} ${log-status}"
	if got := Default().String(); got != aws {
		t.Errorf("%s\nwant %s", got, aws)
	}
	if mustParse(t, aws) != Default() {
		t.Error("the default format, parsed, is another one")
	}
	r := full()
	const line = "2 123456789010 eni-1235b8ca123456789 10.0.0.5 10.0.0.6 1000 22 6 7 700 100 160 ACCEPT OK"
	if got := string(Default().Append(nil, &r)); got != line {
		t.Errorf("%s\nwant %s", got, line)
	}
}

func TestEveryField(t *testing.T) {
	f := mustParse(t, everyField())
	const flow = "5 123456789010 eni-1235b8ca123456789 10.0.0.5 10.0.0.6 1000 22 6 7 700 100 160 ACCEPT OK " +
		"vpc-1 subnet-1 i-1 19 IPv4 10.0.0.15 10.0.0.16 us-east-1 use1-az1 - - - - egress 1"
	none := strings.NewReplacer("10.0.0.5 10.0.0.6 1000 22 6 7 700", "- - - - - - -", "ACCEPT OK", "- NODATA",
		"19 IPv4 10.0.0.15 10.0.0.16", "- - - -", "egress 1", "- -").Replace(flow)
	for _, c := range []struct {
		name, want string
		change     func(*Record)
	}{
		{"egress", flow, func(*Record) {}},
		{"ingress takes no path", strings.Replace(flow, "egress 1", "ingress -", 1), func(r *Record) { r.Direction = vpc.Ingress }},
		{"unknown path", strings.Replace(flow, "egress 1", "egress -", 1), func(r *Record) { r.TrafficPath = PathUnknown }},
		{"internet", strings.Replace(flow, "egress 1", "egress 8", 1), func(r *Record) { r.TrafficPath = PathInternetGateway }},
		{"rejected", strings.Replace(flow, "ACCEPT", "REJECT", 1), func(r *Record) { r.Action = Reject }},
		{"IPv6", strings.NewReplacer("IPv4 10.0.0.15", "IPv6 fd00::1").Replace(flow), func(r *Record) { r.PktSrc = netip.MustParseAddr("fd00::1") }},
		{"no instance", strings.Replace(flow, " i-1 ", " - ", 1), func(r *Record) { r.InstanceID = "" }},
		{"no data", none, func(r *Record) { r.Status = NoData }},
		{"skipped", strings.Replace(none, "NODATA", "SKIPDATA", 1), func(r *Record) { r.Status = SkipData }},
	} {
		r := full()
		c.change(&r)
		if diff := cmp.Diff(strings.Fields(c.want), strings.Fields(string(f.Append(nil, &r)))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestVersionIsTheHighest(t *testing.T) {
	for format, want := range map[string]int{
		"${srcaddr} ${dstaddr}":               2,
		"${version} ${tcp-flags}":             3,
		"${version} ${az-id} ${type}":         4,
		"${traffic-path} ${vpc-id} ${region}": 5,
	} {
		if got := mustParse(t, format).Version(); got != want {
			t.Errorf("%s: version %d, want %d", format, got, want)
		}
	}
}

func TestFormatsReadBack(t *testing.T) {
	for _, text := range []string{everyField(), "${dstaddr} ${srcaddr}", "${end}"} {
		f := mustParse(t, "  "+strings.ReplaceAll(text, " ", "   "))
		if f.String() != text || mustParse(t, f.String()) != f {
			t.Errorf("%s: got %s", text, f)
		}
		if want := strings.NewReplacer("${", "", "}", "").Replace(text); f.Header() != want {
			t.Errorf("header %s, want %s", f.Header(), want)
		}
	}
}

func TestFormatFaults(t *testing.T) {
	for text, want := range map[string]string{
		"":                        "want at least one field",
		"srcaddr":                 `"srcaddr": want fields as ${srcaddr}`,
		"${srcaddr},${dstaddr}":   `want fields as ${srcaddr}`,
		"${}":                     `want fields as ${srcaddr}`,
		"${srcaddr} ${srcaddr}":   "${srcaddr} stands there twice",
		"${srcadr}":               `unknown field "srcadr": known are version, account-id, `,
		"${reject-reason}":        `field "reject-reason": it is of version 8, about VPC Block Public Access, which sgate does not have`,
		"${ecs-task-id}":          "it is of version 7, about ECS",
		"${resource-id}":          "it is of version 9",
		"${encryption-status}":    "it is of version 10",
		"${version} ${Srcaddr}":   `unknown field "Srcaddr"`,
		"${version} ${srcaddr\n}": "want fields as",
	} {
		_, err := Parse(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q in it", text, err, want)
		}
		if unknown := (*UnknownFieldError)(nil); errors.As(err, &unknown) != strings.HasPrefix(want, "unknown") {
			t.Errorf("%q: %T", text, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(everyField())
	f.Add("${srcaddr} ${reject-reason}")
	f.Fuzz(func(t *testing.T, text string) {
		format, err := Parse(text)
		if err != nil {
			return
		}
		if again, err := Parse(format.String()); err != nil || again != format {
			t.Errorf("%q: %q, %v", text, again, err)
		}
		r := full()
		if got, want := len(strings.Split(string(format.Append(nil, &r)), " ")), len(strings.Split(format.Header(), " ")); got != want {
			t.Errorf("%q: %d values, %d fields", text, got, want)
		}
	})
}
