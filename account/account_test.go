package account

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/export"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorder is a Server that notes what it is to enforce.
type recorder struct {
	inForce *config.Config
	refuse  error
	refused int
	closed  bool
	closing func() // when it is closed; nil: nothing
}

func (r *recorder) Apply(_ context.Context, cfg *config.Config) error {
	if r.refuse != nil {
		return r.refuse
	}
	r.inForce = cfg
	return nil
}

func (r *recorder) Refused() { r.refused++ }

func (r *recorder) Close() error {
	if r.closed = true; r.closing != nil {
		r.closing()
	}
	return nil
}

// world is an account around a recorder.
type world struct {
	*Account
	t      *testing.T
	server *recorder
}

const lab = `
vpc: {cidr: 10.0.0.0/16}
subnets: [{name: a, cidr: 10.0.1.0/24}]
images: [{id: ami-web, command: [sleep, "60"]}]
instances: [{name: web, address: 10.0.1.10}]
`

func newWorld(t *testing.T, o Options) *world {
	t.Helper()
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	o.Log = slog.New(slog.DiscardHandler)
	server := &recorder{}
	a, err := New(server, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &world{a, t, server}
	w.apply(lab)
	return w
}

func (w *world) apply(file string) {
	w.t.Helper()
	if err := w.Apply(context.Background(), parse(w.t, file)); err != nil {
		w.t.Fatal(err)
	}
}

func parse(t *testing.T, file string) *config.Config {
	t.Helper()
	cfg, err := config.Parse([]byte(file), config.Source{Path: "lab.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// call sends a request and returns the status and the text of one element.
func (w *world) call(element, action string, params ...string) (int, string) {
	w.t.Helper()
	return call(w.t, w.Addr(), element, action, params...)
}

// call sends a request to an address.
func call(t testing.TB, address, element, action string, params ...string) (int, string) {
	t.Helper()
	form := url.Values{"Action": {action}, "Version": {"2016-11-15"}}
	for i := 0; i < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // leaves nothing
	answer, err := client.PostForm("http://"+address, form)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	return answer.StatusCode, find(t, answer.Body, element)
}

// find returns the text of the first element of that name.
func find(t testing.TB, document io.Reader, name string) string {
	t.Helper()
	for d := xml.NewDecoder(document); ; {
		token, err := d.Token()
		if err != nil {
			return ""
		}
		if start, is := token.(xml.StartElement); is && start.Name.Local == name {
			var text string
			if err := d.DecodeElement(&text, &start); err != nil {
				t.Fatal(err)
			}
			return strings.TrimSpace(text)
		}
	}
}

func (w *world) create(name string) string {
	w.t.Helper()
	status, id := w.call("groupId", "CreateSecurityGroup", "GroupName", name, "GroupDescription", "d", "VpcId", w.server.inForce.Declared.VPCs[0].ID)
	if status != http.StatusOK || id == "" {
		w.t.Fatalf("CreateSecurityGroup: %d, id %q", status, id)
	}
	return id
}

func TestAChangeReachesTheServerAndOutlivesTheFile(t *testing.T) {
	w := newWorld(t, Options{})
	id := w.create("ssh")
	if _, is := w.server.inForce.Resources.SecurityGroup(id); !is {
		t.Error("the server does not have the group")
	}
	w.apply(strings.Replace(lab, "name: web,", "name: api,", 1))
	if _, is := w.server.inForce.Resources.SecurityGroup(id); !is || w.server.inForce.Endpoints[0].Name != "api" {
		t.Errorf("after another file: group there %v, instance %s", is, w.server.inForce.Endpoints[0].Name)
	}
}

func TestWhatTheServerRefusesIsNotTrue(t *testing.T) {
	w := newWorld(t, Options{})
	w.server.refuse = errors.New("no device to be had")
	status, code := w.call("Code", "CreateSecurityGroup", "GroupName", "ssh", "GroupDescription", "d", "VpcId", w.server.inForce.Declared.VPCs[0].ID)
	if status != http.StatusInternalServerError || code != "InternalError" {
		t.Errorf("status %d, code %q", status, code)
	}
	if err := w.Apply(context.Background(), parse(t, lab)); !errors.Is(err, w.server.refuse) {
		t.Errorf("the file: %v", err)
	}
	w.server.refuse = nil
	if _, name := w.call("groupName", "DescribeSecurityGroups", "Filter.1.Name", "group-name", "Filter.1.Value.1", "ssh"); name != "" {
		t.Error("the group is there all the same")
	}
}

// TestTheFileAndTheAPIMustAgree drops from the file what the API has built upon.
func TestTheFileAndTheAPIMustAgree(t *testing.T) {
	w := newWorld(t, Options{})
	w.create("ssh")
	before := w.server.inForce
	err := w.Apply(context.Background(), parse(t, strings.Replace(lab, "vpc: {", "vpc: {name: other, ", 1)))
	if err == nil || !strings.Contains(err.Error(), `security group "ssh"`) {
		t.Errorf("%v, want an error about the group", err)
	}
	if w.server.inForce != before || w.server.refused != 1 {
		t.Errorf("in force is another one, or %d refusals were noted", w.server.refused)
	}
}

func TestTheStateOutlivesTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	w := newWorld(t, Options{State: path})
	id := w.create("ssh")
	_, standard := w.call("vpcId", "DescribeVpcs", "Filter.1.Name", "is-default", "Filter.1.Value.1", "true")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if !w.server.closed {
		t.Error("the server was not closed")
	}
	w = newWorld(t, Options{State: path})
	if _, is := w.server.inForce.Resources.SecurityGroup(id); !is {
		t.Error("the group is gone")
	}
	if _, again := w.call("vpcId", "DescribeVpcs", "Filter.1.Name", "is-default", "Filter.1.Value.1", "true"); again != standard || standard == "" {
		t.Errorf("the default VPC was %q and is %q", standard, again)
	}
}

func TestTheDefaultVPC(t *testing.T) {
	w := newWorld(t, Options{})
	if _, cidr := w.call("cidrBlock", "DescribeVpcs", "Filter.1.Name", "is-default", "Filter.1.Value.1", "true"); cidr != "172.31.0.0/16" {
		t.Errorf("the default VPC has %q", cidr)
	}
	o := newWorld(t, Options{})
	o.apply(lab) // nothing is made twice
	declared := newWorldOf(t, strings.Replace(lab, "vpc: {", "vpc: {default: true, ", 1))
	if _, cidr := declared.call("cidrBlock", "DescribeVpcs", "Filter.1.Name", "is-default", "Filter.1.Value.1", "true"); cidr != "10.0.0.0/16" {
		t.Errorf("the default VPC, of the file, has %q", cidr)
	}
}

// newWorldOf makes a world whose first file is another one.
func newWorldOf(t *testing.T, file string) *world {
	t.Helper()
	server := &recorder{}
	a, err := New(server, Options{Listen: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	w := &world{a, t, server}
	w.apply(file)
	return w
}

func TestInstancesTakeALab(t *testing.T) {
	w := newWorld(t, Options{Instances: true})
	status, id := w.call("instanceId", "RunInstances", "ImageId", "ami-web", "MinCount", "1", "MaxCount", "1")
	if status != http.StatusOK {
		t.Fatalf("RunInstances: %d", status)
	}
	last := w.server.inForce.Endpoints[len(w.server.inForce.Endpoints)-1]
	if last.Member != id || len(last.Command) != 2 || last.Device != "eth0" {
		t.Errorf("the server is to run %+v, want instance %s with the image's command", last, id)
	}
	alone := newWorld(t, Options{})
	if status, code := alone.call("Code", "RunInstances", "ImageId", "ami-web", "MinCount", "1", "MaxCount", "1"); status != http.StatusBadRequest || code != "UnsupportedOperation" {
		t.Errorf("without a lab: %d %s", status, code)
	}
}

func TestWhereItMayListen(t *testing.T) {
	keys := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(keys, []byte("[lab]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	server := &recorder{}
	if _, err := New(server, Options{Listen: "0.0.0.0:0"}); err == nil || !strings.Contains(err.Error(), "--ec2-credentials") || !server.closed {
		t.Errorf("everywhere without credentials: %v, server closed %v", err, server.closed)
	}
	a, err := New(&recorder{}, Options{Listen: "0.0.0.0:0", Credentials: keys, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatalf("everywhere with credentials: %v", err)
	}
	if got := a.Addr(); !strings.HasPrefix(got, "0.0.0.0:") {
		t.Errorf("it listens on %s, and everywhere of IPv4 was asked for", got)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	for _, o := range []Options{{Credentials: keys}, {Hosts: []string{"sgate.example"}}} {
		server := &recorder{}
		if _, err := New(server, o); err == nil || !strings.Contains(err.Error(), "--ec2-listen") || !server.closed {
			t.Errorf("%+v without an endpoint: %v, server closed %v", o, err, server.closed)
		}
	}
	w := newWorld(t, Options{Credentials: keys})
	if status, code := w.call("Code", "DescribeRegions"); status != http.StatusForbidden || code != "MissingAuthenticationToken" {
		t.Errorf("an unsigned request: %d %s", status, code)
	}
}

// TestMerged reads a state file without a server, and then the export of both as a
// file of its own: the same resources.
func TestMerged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	w := newWorld(t, Options{State: path, Instances: true})
	id := w.create("ssh")
	for _, call := range [][]string{
		{"AuthorizeSecurityGroupIngress", "GroupId", id, "IpPermissions.1.IpProtocol", "tcp", "IpPermissions.1.FromPort", "22", "IpPermissions.1.ToPort", "22", "IpPermissions.1.IpRanges.1.CidrIp", "203.0.113.0/24"},
		{"RunInstances", "ImageId", "ami-web", "MinCount", "2", "MaxCount", "2"},
		{"CreateTags", "ResourceId.1", id, "Tag.1.Key", "team", "Tag.1.Value", "a: b"},
		{"CreateManagedPrefixList", "PrefixListName", "office", "MaxEntries", "2", "AddressFamily", "IPv4", "Entry.1.Cidr", "198.51.100.0/24"},
		{"CreateFlowLogs", "ResourceId.1", w.server.inForce.Declared.VPCs[0].ID, "ResourceType", "VPC", "TrafficType", "ALL", "LogGroupName", "g", "DeliverLogsPermissionArn", "arn:aws:iam::000000000000:role/r"},
	} {
		if status, message := w.call("Message", call[0], call[1:]...); status != http.StatusOK {
			t.Fatalf("%s: %d %s", call[0], status, message)
		}
	}
	if _, err := Merged(parse(t, lab), path, "logs"); err == nil || !strings.Contains(err.Error(), "another process has it open") {
		t.Errorf("while it is open: %v", err)
	}
	inForce := w.server.inForce
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	merged, err := Merged(parse(t, lab), path, "logs")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(export.YAML(merged)), strings.ReplaceAll(string(export.YAML(inForce)), w.options.FlowLogs, "logs"); len(merged.FlowLogs) != 1 || len(merged.Endpoints) != 3 {
		t.Errorf("%d flow logs, %d endpoints:\n%s\nin force was:\n%s", len(merged.FlowLogs), len(merged.Endpoints), got, want)
	}
	text := export.YAML(merged)
	again := export.YAML(parse(t, string(text)))
	if string(again) != string(text) {
		t.Errorf("read back it is\n%s\nand was\n%s", again, text)
	}
	if _, err := Merged(parse(t, lab), path+".none", "logs"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a state file that is not there: %v", err)
	}
}
