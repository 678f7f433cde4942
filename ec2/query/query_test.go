package query

import (
	"encoding/xml"
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// request has a field of each kind that requests have.
type request struct {
	paging
	Name    string   `query:"GroupName,required"`
	Count   *int     `query:"Count"`
	Small   *int32   `query:"Small"`
	Large   int64    `query:"Large"`
	Force   *bool    `query:"Force"`
	IDs     []string `query:"GroupId"`
	Filters []filter `query:"Filter"`
	Check   *value   `query:"SourceDestCheck"`
	_       Ignored  `query:"Comment"`
}

type paging struct {
	Token string `query:"NextToken"`
}

type filter struct {
	Name   string   `query:"Name,required"`
	Values []string `query:"Value"`
}

type value struct {
	Value *bool `query:"Value"`
}

// form makes a form of "name=value" lines.
func form(params ...string) url.Values {
	f := url.Values{"Action": {"Try"}, "Version": {"2016-11-15"}}
	for _, p := range params {
		name, value, _ := strings.Cut(p, "=")
		f.Add(name, value)
	}
	return f
}

func pointer[T any](x T) *T { return &x }

func TestDecode(t *testing.T) {
	want := request{
		paging: paging{"next"}, Name: "web tier", Count: pointer(-7), Small: pointer[int32](22), Large: 1 << 40, Force: pointer(false),
		IDs:     []string{"sg-1", "sg-2", "sg-10"},
		Filters: []filter{{"vpc-id", []string{"vpc-1", "vpc-2"}}, {"tag:Name", nil}},
		Check:   &value{pointer(true)},
	}
	var got request
	err := Decode(form("NextToken=next", "GroupName=web tier", "Count=-7", "Small=22", "Large=1099511627776", "Force=false",
		"GroupId.10=sg-10", "GroupId.1=sg-1", "GroupId.2=sg-2", // by number, not by text
		"Filter.3.Name=vpc-id", "Filter.3.Value.1=vpc-1", "Filter.3.Value.9=vpc-2", "Filter.7.Name=tag:Name", // numbers may be left out
		"SourceDestCheck.Value=true", "Comment=whatever", "Comment.1.Below=as well"), &got)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(request{}, paging{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestDecodeLeavesOutWhatIsNotThere(t *testing.T) {
	var got request
	if err := Decode(form("GroupName=web"), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(request{Name: "web"}, got, cmp.AllowUnexported(request{}, paging{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestDecodeWords(t *testing.T) {
	for text, want := range map[string]bool{"true": true, "True": true, "1": true, "false": false, "FALSE": false, "0": false} {
		var got request
		if err := Decode(form("GroupName=web", "Force="+text), &got); err != nil || *got.Force != want {
			t.Errorf("Force=%s: %v, %v", text, got.Force, err)
		}
	}
}

// TestDecodeEmptyList: botocore sends an empty list as its name alone.
func TestDecodeEmptyList(t *testing.T) {
	var got request
	if err := Decode(form("GroupName=web", "GroupId="), &got); err != nil || len(got.IDs) != 0 {
		t.Errorf("%q, %v", got.IDs, err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	tests := []struct{ param, code, message string }{
		{"Colour=red", "UnknownParameter", "The parameter Colour is not recognized"},
		{"SourceDestCheck.Colour=red", "UnknownParameter", "The parameter SourceDestCheck.Colour is not recognized"},
		{"Colour.1.Shade.2=red", "UnknownParameter", "The parameter Colour.1.Shade.2 is not recognized"},
		{"groupname=web", "UnknownParameter", "The parameter groupname is not recognized"},
		{"GroupName.1=web", "UnknownParameter", "The parameter GroupName.1 is not recognized"},
		{"Count.1=1", "UnknownParameter", "The parameter Count.1 is not recognized"},
		{"GroupId=sg-1", "UnknownParameter", "The parameter GroupId is not recognized"},
		{"Filter.1=vpc-id", "UnknownParameter", "The parameter Filter.1 is not recognized"},
		{"SourceDestCheck=true", "UnknownParameter", "The parameter SourceDestCheck is not recognized"},
		{"a.b.c.d.e.f.g.h.i.j.k.l.m=1", "UnknownParameter", "The parameter a.b.c.d.e.f.g.h.i.j.k.l.m is not recognized"},
		{"Comment.b.c.d.e.f.g.h.i.j.k.l.m=1", "UnknownParameter", "The parameter Comment.b.c.d.e.f.g.h.i.j.k.l.m is not recognized"}, // too deep
		{"Filter.1.Value.1=x", "MissingParameter", "The request must contain the parameter Filter.1.Name"},
		{"GroupId.01=sg-1", "InvalidParameterValue", "The parameter GroupId.01 is not a list: want GroupId.1"},
		{"GroupId.-1=sg-1", "InvalidParameterValue", "The parameter GroupId.-1 is not a list: want GroupId.1"},
		{"GroupId.member.1=sg-1", "InvalidParameterValue", "The parameter GroupId.member is not a list: want GroupId.1"},
		{"Count=many", "InvalidParameterValue", "Value (many) for parameter Count is invalid. Want an integer."},
		{"Small=2147483648", "InvalidParameterValue", "Value (2147483648) for parameter Small is invalid. Want an integer."},
		{"Count=", "InvalidParameterValue", "Value () for parameter Count is invalid. Want an integer."},
		{"Force=yes", "InvalidParameterValue", "Value (yes) for parameter Force is invalid. Want true or false."},
		{"GroupName=web", "InvalidParameterValue", "The parameter GroupName appears 2 times"},
	}
	for _, test := range tests {
		var got request
		err := Decode(form("GroupName=web", test.param), &got)
		var refusal *Error
		if !errors.As(err, &refusal) || refusal.Code != test.code || refusal.Message != test.message {
			t.Errorf("%s: %v, want %s: %s", test.param, err, test.code, test.message)
		}
	}
	err := Decode(form("Count=1"), new(request))
	if want := "MissingParameter: The request must contain the parameter GroupName"; err == nil || err.Error() != want {
		t.Errorf("without a name: %v, want %s", err, want)
	}
}

// FuzzDecode: whatever a form says, it is taken or refused, without a panic.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		"GroupName=web", "GroupName=web&Filter.1.Name=a&Filter.1.Value.1=b", "GroupId.1=a&GroupId.2.x=b", "GroupId=&GroupId.1=x",
		"Filter=&GroupName=", "..=1&.1.=2", "Filter.999999999999999999999.Name=x", "SourceDestCheck.Value=1", "Count=1&Count.1=2",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		values, _ := url.ParseQuery(body)
		err := Decode(values, new(request))
		var refusal *Error
		if err != nil && (!errors.As(err, &refusal) || refusal.Code == "" || refusal.Message == "") {
			t.Errorf("%q: %v", body, err)
		}
	})
}

// answer has a field of each kind that answers have.
type answer struct {
	Name    string       `xml:"groupName"`
	Absent  *string      `xml:"absent"`
	Empty   string       `xml:"empty,omitempty"`
	None    []string     `xml:"none,omitempty"`
	Blank   []string     `xml:"blankSet"`
	Zero    *bool        `xml:"zero,omitempty"`
	Count   int32        `xml:"count"`
	Large   int64        `xml:"large"`
	Is      bool         `xml:"is"`
	When    time.Time    `xml:"when"`
	Ended   *time.Time   `xml:"ended"`
	CIDR    netip.Prefix `xml:"cidr"`
	Address *netip.Addr  `xml:"address"`
	Groups  []group      `xml:"groupSet"`
	State   *state       `xml:"state"`
	Before  *state       `xml:"before"`
	Words   []string     `xml:"wordSet"`
	embedded
}

type group struct {
	ID string `xml:"groupId"`
}

type state struct {
	Code int    `xml:"code"`
	Word string `xml:"name"`
}

type embedded struct {
	deeper
	Token string `xml:"nextToken,omitempty"`
}

type deeper struct {
	Deep string `xml:"deep"`
}

func TestFields(t *testing.T) {
	when := time.Date(2026, 11, 21, 13, 4, 5, 678e6, time.FixedZone("", 3600))
	got := string(Append(nil, &answer{
		Name: "web", Zero: pointer(false), Count: -1, Large: 1 << 40, Is: true, When: when, CIDR: netip.MustParsePrefix("10.0.0.0/8"),
		Address: pointer(netip.MustParseAddr("::1")), Groups: []group{{"sg-1"}, {"sg-2"}}, State: &state{16, "running"}, Words: []string{"a", "b"},
		embedded: embedded{deeper{"down"}, "next"},
	}))
	want := "<groupName>web</groupName><blankSet></blankSet><zero>false</zero><count>-1</count><large>1099511627776</large>" +
		"<is>true</is><when>2026-11-21T12:04:05.678Z</when><cidr>10.0.0.0/8</cidr><address>::1</address>" +
		"<groupSet><item><groupId>sg-1</groupId></item><item><groupId>sg-2</groupId></item></groupSet>" +
		"<state><code>16</code><name>running</name></state><wordSet><item>a</item><item>b</item></wordSet>" +
		"<deep>down</deep><nextToken>next</nextToken>"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestOddCharacters: text comes back as it was, but for what XML cannot hold.
func TestOddCharacters(t *testing.T) {
	for text, want := range map[string]string{
		`<a href="x">&amp;</a>'`: `<a href="x">&amp;</a>'`,
		"tab\tline\nreturn\r":    "tab\tline\nreturn\r",
		"a < b":                  "a < b", "a & b": "a & b",
		"]]>":                       "]]>",
		"grüße 日本 \U0001f512":       "grüße 日本 \U0001f512",
		"nul\x00bell\x07escape\x1b": "nul\ufffdbell\ufffdescape\ufffd",
		"not UTF-8: \xff\xfe":       "not UTF-8: \ufffd\ufffd",
		"\ufffe\uffff":              "\ufffd\ufffd",
		"del\x7f":                   "del\x7f",
		"":                          "",
	} {
		document := End(Append(Begin(nil, "Try", "req-"+text), group{text}), "Try")
		var got struct {
			XMLName   xml.Name
			RequestID string `xml:"requestId"`
			ID        string `xml:"groupId"`
		}
		if err := xml.Unmarshal(document, &got); err != nil {
			t.Errorf("%q: %v in %s", text, err, document)
			continue
		}
		if got.ID != want || got.RequestID != "req-"+want {
			t.Errorf("%q came back as %q, and as %q in the request's id", text, got.ID, got.RequestID)
		}
		if got.XMLName.Local != "TryResponse" || got.XMLName.Space != Namespace {
			t.Errorf("the root is %v", got.XMLName)
		}
	}
}

func TestErrorDocument(t *testing.T) {
	refusal := Errorf("InvalidGroup.NotFound", "The security group '%s' does not exist", "<sg>")
	want := xml.Header + "<Response><Errors><Error><Code>InvalidGroup.NotFound</Code>" +
		"<Message>The security group &#39;&lt;sg&gt;&#39; does not exist</Message></Error></Errors><RequestID>req-1</RequestID></Response>\n"
	if diff := cmp.Diff(want, string(refusal.Document("req-1"))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if refusal.HTTPStatus() != 400 || (&Error{Status: 503}).HTTPStatus() != 503 {
		t.Error("the status is not 400 unless it is said")
	}
}

// TestFieldsCost holds the cost of a long list: nothing is allocated for an item
// beside the text itself.
func TestFieldsCost(t *testing.T) {
	cost := func(items int) float64 {
		a := answer{Groups: make([]group, items), CIDR: netip.MustParsePrefix("10.0.0.0/8")}
		for i := range a.Groups {
			a.Groups[i].ID = "sg-0123456789abcdef0"
		}
		return testing.AllocsPerRun(10, func() { Append(nil, &a) })
	}
	few, many := cost(1000), cost(9000)
	if more := many - few; more > 100 { // the buffer's growth
		t.Errorf("8000 more items cost %v allocations more", more)
	}
}
