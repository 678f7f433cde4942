package account

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sgate/sgate/store"
)

// TestContradictions changes the file in ways that do not go with what the API has
// made: it is refused while it runs and at the next start, by the same words.
func TestContradictions(t *testing.T) {
	const subnets = "subnets: [{name: a, cidr: 10.0.1.0/24}]"
	for name, test := range map[string]struct {
		file string // of which the API has made use
		made func(w *world) [][]string
		then string
		want string
	}{
		"a group's name": {lab, func(w *world) [][]string {
			return [][]string{{"CreateSecurityGroup", "GroupName", "web", "GroupDescription", "d", "VpcId", w.vpcID()}}
		}, lab + "security_groups: [{name: WEB}]\n", `security group "web": the name is taken in this vpc, letter case aside (declared at lab.yaml:6:19)`},
		"a subnet's block": {lab, func(w *world) [][]string {
			return [][]string{{"CreateSubnet", "VpcId", w.vpcID(), "CidrBlock", "10.0.9.0/24", "TagSpecification.1.ResourceType", "subnet", "TagSpecification.1.Tag.1.Key", "Name", "TagSpecification.1.Tag.1.Value", "mine"}}
		}, strings.Replace(strings.Replace(lab, subnets, subnets[:len(subnets)-1]+", {name: b, cidr: 10.0.9.0/25}]", 1), "name: web,", "name: web, subnet: a,", 1),
			`subnet "mine": cidr 10.0.9.0/24: overlaps 10.0.9.0/25 of subnet "b" (declared at lab.yaml:3:41)`},
		"an instance's name": {lab, func(w *world) [][]string {
			return [][]string{{"RunInstances", "ImageId", "ami-web", "MinCount", "1", "MaxCount", "1", "SubnetId", w.subnetID(), "TagSpecification.1.ResourceType", "instance", "TagSpecification.1.Tag.1.Key", "Name", "TagSpecification.1.Tag.1.Value", "api"}}
		}, strings.Replace(lab, "name: web,", "name: api,", 1), `instance "api": the name is taken by another instance or host (declared at lab.yaml:5:13)`},
		"an address": {lab, func(w *world) [][]string {
			return [][]string{{"CreateNetworkInterface", "SubnetId", w.subnetID(), "PrivateIpAddress", "10.0.1.77"}}
		}, strings.Replace(lab, "10.0.1.10", "10.0.1.77", 1), `address 10.0.1.77: is taken by instance "web"`},
		"the default VPC": {lab, func(*world) [][]string { return nil },
			strings.Replace(lab, "vpc: {", "vpc: {default: true, ", 1), `A Default VPC already exists for this account in this region: vpc "main" (declared at lab.yaml:2:6)`},
		"a VPC": {lab, func(w *world) [][]string {
			return [][]string{{"CreateSecurityGroup", "GroupName", "web", "GroupDescription", "d", "VpcId", w.vpcID()}}
		}, strings.Replace(lab, "vpc: {", "vpc: {name: other, ", 1), `security group "web": the vpc "vpc-`},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state.db")
			w := newWorld(t, Options{State: path, Instances: true})
			w.apply(test.file)
			for _, call := range test.made(w) {
				if status, message := w.call("Message", call[0], call[1:]...); status != http.StatusOK {
					t.Fatalf("%s: %d %s", call[0], status, message)
				}
			}
			before := w.server.inForce
			running := w.Apply(context.Background(), parse(t, test.then))
			if w.server.inForce != before {
				t.Error("it is in force")
			}
			if err := w.Close(); err != nil {
				t.Error(err)
			}
			next, err := New(&recorder{}, Options{State: path, Listen: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			starting := next.Apply(context.Background(), parse(t, test.then))
			for when, err := range map[string]error{"while it runs": running, "at the start": starting} {
				var conflict *store.ConflictError
				if !errors.As(err, &conflict) || !strings.Contains(err.Error(), test.want) {
					t.Errorf("%s: %v, want %s", when, err, test.want)
				}
			}
			if err := next.Apply(context.Background(), parse(t, test.file)); err != nil {
				t.Errorf("the file before: %v", err)
			}
			if err := next.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func (w *world) vpcID() string    { return w.server.inForce.Declared.VPCs[0].ID }
func (w *world) subnetID() string { return w.server.inForce.Declared.Subnets[0].ID }

// TestWhatIsLostIsSaid deletes a group that the API has attached to an instance of
// the file, while the file does not have that.
func TestWhatIsLostIsSaid(t *testing.T) {
	w := newWorld(t, Options{})
	var said bytes.Buffer
	w.options.Log = slog.New(slog.NewTextHandler(&said, nil))
	id := w.create("ssh")
	nic := w.server.inForce.Declared.Interfaces[0].ID
	if status, message := w.call("Message", "ModifyNetworkInterfaceAttribute", "NetworkInterfaceId", nic, "SecurityGroupId.1", id); status != http.StatusOK {
		t.Fatal(message)
	}
	w.apply(strings.Replace(lab, "instances: [{name: web, address: 10.0.1.10}]", "", 1))
	if status, message := w.call("Message", "DeleteSecurityGroup", "GroupId", id); status != http.StatusOK {
		t.Fatal(message)
	}
	w.apply(lab)
	if !strings.Contains(said.String(), "level=WARN") || !strings.Contains(said.String(), nic) || !strings.Contains(said.String(), id) {
		t.Errorf("it said %q", said.String())
	}
}

// TestTheStateEndsBeforeTheServer makes a change while the account closes the
// server: nothing may be put in force behind its back.
func TestTheStateEndsBeforeTheServer(t *testing.T) {
	w := newWorld(t, Options{})
	var late error
	w.server.closing = func() {
		late = w.store.Change(context.Background(), func(*store.Draft) error { return nil })
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(late, store.ErrClosed) {
		t.Errorf("a change while the server closes: %v", late)
	}
}
