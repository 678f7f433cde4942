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

	"github.com/sgate/sgate/ec2/query"
	"github.com/sgate/sgate/internal/needs"
)

// newer lists what older botocores, such as Debian 12's 1.29.27, do not have: an
// action, "ACTION SIDE PATH", or the last name of a path wherever it stands; and
// a version that has it.
var newer = map[string]string{
	"AssociateSubnetCidrBlock request Ipv6CidrBlock":                                    "1.43.11", // required before
	"CreateDefaultSubnet request AvailabilityZone":                                      "1.43.11", // required before
	"ModifySecurityGroupRules request SecurityGroupRule.SecurityGroupRuleId":            "1.43.11", // became required
	"CreateDefaultSubnet request AvailabilityZoneId":                                    "1.43.11",
	"ConnectionTrackingSpecification":                                                   "1.43.11",
	"CreateNetworkInterface answer networkInterface.availabilityZoneId":                 "1.43.11",
	"DescribeImages answer nextToken":                                                   "1.43.11",
	"DescribeImages request IncludeDisabled":                                            "1.43.11",
	"DescribeImages request MaxResults":                                                 "1.43.11",
	"DescribeImages request NextToken":                                                  "1.43.11",
	"DescribeInstanceStatus answer instanceStatusSet.availabilityZoneId":                "1.43.11",
	"DescribeInstances answer reservationSet.instancesSet.placement.availabilityZoneId": "1.43.11",
	"DescribeNetworkInterfaceAttribute answer associatePublicIpAddress":                 "1.43.11",
	"DescribeNetworkInterfaces answer networkInterfaceSet.availabilityZoneId":           "1.43.11",
	"EnablePrimaryIpv6":         "1.43.11",
	"IsPrimaryIpv6":             "1.43.11",
	"NetworkPerformanceOptions": "1.43.11",
	"PrimaryIpv6":               "1.43.11",
	"RunInstances answer instancesSet.placement.availabilityZoneId": "1.43.11",
	"RunInstances request Placement.AvailabilityZoneId":             "1.43.11",
	"SkipOsShutdown":                       "1.43.11",
	"TerminateInstances request Force":     "1.43.11",
	"connectionTrackingConfiguration":      "1.43.11",
	"isPrimaryIpv6":                        "1.43.11",
	"CreateNetworkAcl request ClientToken": "1.43.11",
	"CreateNetworkAcl answer clientToken":  "1.43.11",
	"DeleteSecurityGroup answer groupId":   "1.43.11",
	"GetSecurityGroupsForVpc":              "1.43.11",
	"blockPublicAccessStates":              "1.43.11",
	"ipSource":                             "1.43.11",
	"ipv6AddressAttribute":                 "1.43.11",
	"revokedSecurityGroupRuleSet":          "1.43.11",
	"securityGroupArn":                     "1.43.11",
	"securityGroupRuleArn":                 "1.43.11",
}

// oldest is the botocore that lacks all that newer lists.
const oldest = "1.29.27"

// ours lists the differences from the model that are meant, and why.
var ours = map[string]string{}

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

// check reports differences, without those that are meant or that this botocore
// is too old for; and entries of the lists that have no difference, if all have
// been looked for.
func (b botocore) check(t *testing.T, found []difference, all bool) {
	t.Helper()
	used := make(map[string]bool)
	for _, d := range found {
		if key, listed := listedAs(d); listed && compareVersions(b.version, newer[key]) < 0 {
			used[key] = true
			continue
		}
		if _, listed := ours[d.place()]; listed {
			used[d.place()] = true
			continue
		}
		t.Errorf("%s: %s", d.place(), d.What)
	}
	if !all {
		return
	}
	for key := range newer {
		if !used[key] && b.version == oldest {
			t.Errorf("%s is said to be newer than %s, which has it", key, oldest)
		}
	}
	for at := range ours {
		if !used[at] {
			t.Errorf("%s is said to differ from the model, and does not", at)
		}
	}
}

// listedAs returns the key under which a place, or something above it, stands in
// newer.
func listedAs(d difference) (key string, listed bool) {
	names := strings.Split(d.Path, ".")
	for n := len(names); n > 0; n-- {
		for _, key := range []string{difference{d.Action, d.Side, strings.Join(names[:n], "."), ""}.place(), names[n-1]} {
			if _, is := newer[key]; is {
				return key, true
			}
		}
	}
	_, is := newer[d.Action]
	return d.Action, is
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
