package ec2

import (
	"bytes"
	"encoding"
	"encoding/json"
	"maps"
	"os/exec"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sgate/sgate/ec2/query"
	"github.com/sgate/sgate/internal/needs"
)

// newer lists what botocores before 1.43.11 may lack, and 1.29.27, that of Debian
// 12, does: an action, "ACTION SIDE PATH", or the last name of a path wherever it
// stands.
var newer = []string{
	"AssociateSubnetCidrBlock request Ipv6CidrBlock",                         // required before
	"CreateDefaultSubnet request AvailabilityZone",                           // required before
	"ModifySecurityGroupRules request SecurityGroupRule.SecurityGroupRuleId", // became required
	"CreateDefaultSubnet request AvailabilityZoneId",
	"ConnectionTrackingSpecification",
	"CreateNetworkInterface answer networkInterface.availabilityZoneId",
	"DescribeImages answer nextToken",
	"DescribeImages request IncludeDisabled",
	"DescribeImages request MaxResults",
	"DescribeImages request NextToken",
	"DescribeInstanceStatus answer instanceStatusSet.availabilityZoneId",
	"DescribeInstances answer reservationSet.instancesSet.placement.availabilityZoneId",
	"DescribeNetworkInterfaceAttribute answer associatePublicIpAddress",
	"DescribeNetworkInterfaces answer networkInterfaceSet.availabilityZoneId",
	"EnablePrimaryIpv6",
	"IsPrimaryIpv6",
	"NetworkPerformanceOptions",
	"PrimaryIpv6",
	"RunInstances answer instancesSet.placement.availabilityZoneId",
	"RunInstances request Placement.AvailabilityZoneId",
	"SkipOsShutdown",
	"TerminateInstances request Force",
	"connectionTrackingConfiguration",
	"isPrimaryIpv6",
	"CreateNetworkAcl request ClientToken",
	"CreateNetworkAcl answer clientToken",
	"DeleteSecurityGroup answer groupId",
	"GetSecurityGroupsForVpc",
	"blockPublicAccessStates",
	"ipSource",
	"ipv6AddressAttribute",
	"revokedSecurityGroupRuleSet",
	"securityGroupArn",
	"securityGroupRuleArn",
}

const (
	complete = "1.43.11" // has all that newer lists
	oldest   = "1.29.27" // has none of it
)

// TestContract compares the requests and answers of every action with the models
// of all botocores that are installed: names, types, lists, what is required.
func TestContract(t *testing.T) {
	shapes := make(map[string]map[string]shape)
	for _, a := range allActions() {
		shapes[a.name] = map[string]shape{
			"request": shapeOf(t, reflect.TypeOf(a.request()), "query"),
			"answer":  shapeOf(t, reflect.TypeOf(a.answer()), "xml"),
		}
	}
	for _, python := range pythons(t) {
		t.Run(python.version, func(t *testing.T) {
			var result struct {
				Differences []difference
				LeftOut     map[string][]string
			}
			python.run(t, "shapes", shapes, &result)
			python.check(t, result.Differences, true)
			for _, action := range slices.Sorted(maps.Keys(result.LeftOut)) {
				if names := result.LeftOut[action]; len(names) > 0 {
					t.Logf("%s does not take %s", action, strings.Join(names, ", "))
				}
			}
		})
	}
}

// TestContractIsHeld compares shapes that are wrong.
func TestContractIsHeld(t *testing.T) {
	text, required := shape{Kind: "string"}, shape{Kind: "string", Required: true}
	structure := func(members map[string]shape) shape { return shape{Kind: "structure", Members: members} }
	wrong := map[string]map[string]shape{
		"DeleteVpc": {
			"request": structure(map[string]shape{"VpcId": text, "Colour": required}),
			"answer":  structure(map[string]shape{"return": {Kind: "boolean"}}),
		},
		"DescribeVpcs": {
			"request": structure(map[string]shape{"MaxResults": text, "VpcId": text}),
			"answer":  structure(map[string]shape{"vpcs": text, "nextToken": {Kind: "integer"}}),
		},
		"DescribeWeather": {"request": structure(nil), "answer": structure(nil)},
	}
	for _, python := range pythons(t) {
		var result struct{ Differences []difference }
		python.run(t, "shapes", wrong, &result)
		var got []string
		for _, d := range result.Differences {
			got = append(got, d.place()+": "+d.What)
		}
		want := []string{
			"DeleteVpc request VpcId: is not required",
			"DeleteVpc request Colour: the model does not have it",
			"DescribeVpcs request MaxResults: is a string, the model's is a integer",
			"DescribeVpcs request VpcId: is a string, the model's is a list",
			"DescribeVpcs answer vpcs: the model does not have it",
			"DescribeVpcs answer nextToken: is a integer, the model's is a string",
			"DescribeWeather: the model does not have it",
		}
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", python.version, diff)
		}
	}
}

// difference is one place where an action is not as the model has it.
type difference struct {
	Action, Side, Path, What string
}

func (d difference) place() string {
	return strings.TrimRight(d.Action+" "+d.Side+" "+d.Path, " ")
}

// shape is the type of a request, an answer or a part of one.
type shape struct {
	Kind     string           `json:"kind"`
	Required bool             `json:"required,omitempty"`
	Members  map[string]shape `json:"members,omitempty"`
	Item     *shape           `json:"item,omitempty"`
}

// shapeOf returns the shape of a type whose fields have tags of that key.
func shapeOf(t *testing.T, of reflect.Type, key string) shape {
	t.Helper()
	switch of {
	case reflect.TypeFor[query.Ignored]():
		return shape{Kind: "ignored"}
	case reflect.TypeFor[time.Time]():
		return shape{Kind: "timestamp"}
	}
	if of.Implements(reflect.TypeFor[encoding.TextMarshaler]()) {
		return shape{Kind: "string"}
	}
	switch of.Kind() {
	case reflect.Pointer:
		return shapeOf(t, of.Elem(), key)
	case reflect.Struct:
		members := make(map[string]shape)
		addMembers(t, of, key, members)
		return shape{Kind: "structure", Members: members}
	case reflect.Slice:
		item := shapeOf(t, of.Elem(), key)
		return shape{Kind: "list", Item: &item}
	case reflect.String:
		return shape{Kind: "string"}
	case reflect.Bool:
		return shape{Kind: "boolean"}
	case reflect.Int, reflect.Int32, reflect.Int64:
		return shape{Kind: "integer"}
	}
	t.Fatalf("%v: the codec knows no such type", of)
	return shape{}
}

func addMembers(t *testing.T, of reflect.Type, key string, members map[string]shape) {
	t.Helper()
	for i := range of.NumField() {
		field := of.Field(i)
		if field.Anonymous {
			addMembers(t, field.Type, key, members)
			continue
		}
		name, option, _ := strings.Cut(field.Tag.Get(key), ",")
		if name == "" {
			t.Errorf("%v: the field %s has no %s tag", of, field.Name, key)
		}
		if _, twice := members[name]; twice {
			t.Errorf("%v has %s twice", of, name)
		}
		s := shapeOf(t, field.Type, key)
		s.Required = option == "required"
		members[name] = s
	}
}

// botocore is a Python that can import botocore.
type botocore struct {
	path, version string
}

// pythons returns a Python for each version of botocore that is installed.
func pythons(t *testing.T) []botocore {
	t.Helper()
	found := make(map[string]botocore)
	for _, path := range []string{"python3", "/usr/bin/python3"} {
		out, err := exec.Command(path, "-c", "import botocore; print(botocore.__version__)").Output()
		if version := strings.TrimSpace(string(out)); err == nil && found[version].path == "" {
			found[version] = botocore{path, version}
		}
	}
	if len(found) == 0 {
		needs.Missing(t, "Python with botocore (Debian's python3-botocore)")
	}
	return slices.SortedFunc(maps.Values(found), func(a, b botocore) int { return compareVersions(a.version, b.version) })
}

// run lets testdata/model.py work on something.
func (b botocore) run(t *testing.T, what string, on, result any) {
	t.Helper()
	input, err := json.Marshal(on)
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), b.path, "testdata/model.py", what)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(input), &stderr
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, result)
	}
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", b.path, what, err, out, stderr.String())
	}
}

// check reports differences, without those that this botocore is too old for; and
// entries of newer that are none, if all have been looked for.
func (b botocore) check(t *testing.T, found []difference, all bool) {
	t.Helper()
	used := make(map[string]bool)
	for _, d := range found {
		if key, listed := listedAs(d); listed && compareVersions(b.version, complete) < 0 {
			used[key] = true
			continue
		}
		t.Errorf("%s: %s", d.place(), d.What)
	}
	for _, key := range newer {
		if all && !used[key] && b.version == oldest {
			t.Errorf("%s is said to be newer than %s, which has it", key, oldest)
		}
	}
}

// listedAs returns the key under which a place, or something above it, stands in
// newer.
func listedAs(d difference) (key string, listed bool) {
	names := strings.Split(d.Path, ".")
	for n := len(names); n > 0; n-- {
		for _, key := range []string{difference{d.Action, d.Side, strings.Join(names[:n], "."), ""}.place(), names[n-1]} {
			if slices.Contains(newer, key) {
				return key, true
			}
		}
	}
	return d.Action, slices.Contains(newer, d.Action)
}

// compareVersions orders versions such as 1.29.27.
func compareVersions(a, b string) int {
	numbers := func(v string) (out []int) {
		for part := range strings.SplitSeq(v, ".") {
			n, _ := strconv.Atoi(part) // others are old
			out = append(out, n)
		}
		return out
	}
	return slices.Compare(numbers(a), numbers(b))
}
