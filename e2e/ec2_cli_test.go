package e2e

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const ec2LabFile = "../configs/ec2.yaml"

// awsCLIs returns the paths of the aws CLIs of the machine.
func awsCLIs(t *testing.T) []string {
	t.Helper()
	found(t, "aws", "the aws CLI (Debian's awscli)")
	paths := []string{"aws"}
	if first, err := exec.LookPath("aws"); err == nil && first != "/usr/bin/aws" {
		if other, err := exec.LookPath("/usr/bin/aws"); err == nil {
			paths = append(paths, other)
		}
	}
	return paths
}

// TestAuthorizeAsInTheReference runs the examples of the AWS CLI's reference on
// authorize-security-group-ingress, an IP range and another group as the source,
// in both of their forms, and wants the answers that are shown there.
func TestAuthorizeAsInTheReference(t *testing.T) {
	t.Parallel()
	e := ec2Lab(t, ec2LabFile)
	for _, cli := range awsCLIs(t) {
		t.Run(strings.Trim(cli, "/"), func(t *testing.T) {
			group := e.of(t, "groupId", "CreateSecurityGroup", "GroupName", "web "+cli, "GroupDescription", "Web tier")
			source := e.of(t, "groupId", "CreateSecurityGroup", "GroupName", "load-balancer "+cli, "GroupDescription", "Load balancer")
			range4 := map[string]any{"IpProtocol": "tcp", "FromPort": 22.0, "ToPort": 22.0, "CidrIpv4": "203.0.113.0/24"}
			pair := map[string]any{
				"IpProtocol": "tcp", "FromPort": 80.0, "ToPort": 80.0,
				"ReferencedGroupInfo": map[string]any{"GroupId": source, "UserId": "123456789012"},
			}
			for _, c := range []struct {
				name, command string
				want          map[string]any
			}{
				{"an IP range", `aws ec2 authorize-security-group-ingress \
    --group-id GROUP \
    --protocol tcp \
    --port 22 \
    --cidr 203.0.113.0/24`, range4},
				{"a group", `aws ec2 authorize-security-group-ingress \
    --group-id GROUP \
    --protocol tcp \
    --port 80 \
    --source-group SOURCE`, pair},
				{"an IP range as a permission", `aws ec2 authorize-security-group-ingress \
    --group-id GROUP \
    --ip-permissions IpProtocol=tcp,FromPort=22,ToPort=22,IpRanges="[{CidrIp=203.0.113.0/24}]"`, range4},
				{"a group as a permission", `aws ec2 authorize-security-group-ingress \
    --group-id GROUP \
    --ip-permissions 'IpProtocol=tcp,FromPort=80,ToPort=80,UserIdGroupPairs=[{GroupId=SOURCE}]'`, pair},
			} {
				e.wantRule(t, c.name, cli, strings.NewReplacer("GROUP", group, "SOURCE", source).Replace(c.command), group, c.want)
			}
		})
	}
}

// wantRule runs a command in a shell and wants the rule that its answer tells of;
// then it revokes it by its id.
func (e endpoint) wantRule(t *testing.T, name, cli, command, group string, want map[string]any) {
	t.Helper()
	script := "aws() { command " + cli + ` --endpoint-url "$ENDPOINT" "$@"; }` + "\n" + command
	r := e.run(t, time.Minute, "", "sh", "-c", script)
	var answer struct {
		Return             bool
		SecurityGroupRules []map[string]any
	}
	if err := json.Unmarshal([]byte(r.stdout), &answer); r.code != 0 || err != nil || !answer.Return || len(answer.SecurityGroupRules) != 1 {
		t.Fatalf("%s: exit status %d, %v\n%s\n%s%s", name, r.code, err, command, r.stdout, r.stderr)
	}
	got := answer.SecurityGroupRules[0]
	id, _ := got["SecurityGroupRuleId"].(string)
	if !regexp.MustCompile(`^sgr-[0-9a-f]{17}$`).MatchString(id) {
		t.Errorf("%s: the rule's id is %q", name, id)
	}
	all := map[string]any{"SecurityGroupRuleId": id, "GroupId": group, "GroupOwnerId": "123456789012", "IsEgress": false}
	for k, v := range want {
		all[k] = v
	}
	delete(got, "SecurityGroupRuleArn") // newer than the reference
	if diff := cmp.Diff(all, got); diff != "" {
		t.Errorf("%s (-reference +answer):\n%s", name, diff)
	}
	e.of(t, "return", "RevokeSecurityGroupIngress", "GroupId", group, "SecurityGroupRuleId.1", id)
}

// TestARuleChangedByTheCLI changes a group that a server has and sees it by real
// connections: one that is let in, and, once its rule is revoked, one that times
// out while the open one lives.
func TestARuleChangedByTheCLI(t *testing.T) {
	t.Parallel()
	e := ec2Lab(t, ec2LabFile)
	group := e.text(t, "GroupId", "create-security-group", "--group-name", "server", "--description", "Server")
	server := e.of(t, "instanceId", "DescribeInstances", "Filter.1.Name", "private-ip-address", "Filter.1.Value.1", "172.31.0.10")
	e.aws(t, nil, "modify-instance-attribute", "--instance-id", server, "--groups", group)
	wantConnect(t, "times out", e.lab, "office", "172.31.0.10", "22")

	rule := []string{"--group-id", group, "--protocol", "tcp", "--port", "22", "--cidr", "203.0.113.0/24"}
	e.aws(t, nil, append([]string{"authorize-security-group-ingress"}, rule...)...)
	wantConnect(t, "connects", e.lab, "office", "172.31.0.10", "22")
	open := openConnection(t, binary(t), "lab", "exec", "--lab", e.lab, "office", "--", "nc", "-n", "172.31.0.10", "22")
	open.echoes(t, "before")

	e.aws(t, nil, append([]string{"revoke-security-group-ingress"}, rule...)...)
	wantConnect(t, "times out", e.lab, "office", "172.31.0.10", "22")
	open.echoes(t, "after its rule was revoked")

	// Another group as the source: the client is let in while it is a member.
	clients := e.text(t, "GroupId", "create-security-group", "--group-name", "clients", "--description", "Clients")
	e.aws(t, nil, "authorize-security-group-ingress", "--group-id", group, "--protocol", "tcp", "--port", "80", "--source-group", clients)
	wantConnect(t, "times out", e.lab, "client", "172.31.0.10", "80")
	nic := e.of(t, "networkInterfaceId", "DescribeNetworkInterfaces", "Filter.1.Name", "private-ip-address", "Filter.1.Value.1", "172.31.16.20")
	e.aws(t, nil, "modify-network-interface-attribute", "--network-interface-id", nic, "--groups", clients)
	wantConnect(t, "connects", e.lab, "client", "172.31.0.10", "80")
	e.awsRefuses(t, "DependencyViolation", "delete-security-group", "--group-id", clients)
}

// TestInstancesOfTheAPI launches instances, connects from one to the other, and
// stops, starts and terminates one.
func TestInstancesOfTheAPI(t *testing.T) {
	t.Parallel()
	e := ec2Lab(t, ec2LabFile)
	subnet := e.of(t, "subnetId", "DescribeSubnets", "Filter.1.Name", "cidr-block", "Filter.1.Value.1", "172.31.0.0/20")
	group := e.of(t, "groupId", "CreateSecurityGroup", "GroupName", "web", "GroupDescription", "Web tier")
	web := e.text(t, "Instances[0].InstanceId", "run-instances", "--image-id", "ami-web", "--subnet-id", subnet,
		"--security-group-ids", group, "--tag-specifications", "ResourceType=instance,Tags=[{Key=Name,Value=web}]")
	other := e.text(t, "Instances[0].InstanceId", "run-instances", "--image-id", "ami-netns", "--subnet-id", subnet)
	e.aws(t, nil, "wait", "instance-running", "--instance-ids", web, other)
	address := e.text(t, "Reservations[0].Instances[0].PrivateIpAddress", "describe-instances", "--instance-ids", web)

	wantConnect(t, "times out", e.lab, other, address, "80")
	e.aws(t, nil, "authorize-security-group-ingress", "--group-id", group, "--protocol", "tcp", "--port", "80", "--cidr", "172.31.0.0/16")
	wantConnect(t, "connects", e.lab, other, address, "80")
	if r := in(t, e.lab, "web", "true"); r.code != 0 {
		t.Errorf("by the Name tag: %+v", r)
	}

	e.aws(t, nil, "stop-instances", "--instance-ids", web)
	if r := in(t, e.lab, "web", "true"); r.code == 0 {
		t.Error("a stopped instance has a namespace")
	}
	wantConnect(t, "times out", e.lab, other, address, "80")
	e.aws(t, nil, "start-instances", "--instance-ids", web)
	wantConnect(t, "connects", e.lab, other, address, "80")

	e.aws(t, nil, "terminate-instances", "--instance-ids", web, other)
	e.aws(t, nil, "wait", "instance-terminated", "--instance-ids", web, other)
	if left := namespaces(t, e.lab); len(left) != 3 {
		t.Errorf("namespaces: %v, want the file's three", left)
	}
	e.of(t, "return", "DeleteSecurityGroup", "GroupId", group)
}

// TestAnotherInterface attaches a second interface to a running instance and gives
// it a secondary address: both are the instance's, and the groups' of each.
func TestAnotherInterface(t *testing.T) {
	t.Parallel()
	e := ec2Lab(t, ec2LabFile)
	subnet := e.of(t, "subnetId", "DescribeSubnets", "Filter.1.Name", "cidr-block", "Filter.1.Value.1", "172.31.16.0/20")
	group := e.of(t, "groupId", "CreateSecurityGroup", "GroupName", "second", "GroupDescription", "Second interface")
	e.aws(t, nil, "authorize-security-group-ingress", "--group-id", group, "--protocol", "tcp", "--port", "80", "--cidr", "203.0.113.10/32")
	web := e.text(t, "Instances[0].InstanceId", "run-instances", "--image-id", "ami-web", "--subnet-id", subnet)
	nic := e.text(t, "NetworkInterface.NetworkInterfaceId", "create-network-interface", "--subnet-id", subnet,
		"--private-ip-address", "172.31.16.100", "--groups", group)
	attachment := e.text(t, "AttachmentId", "attach-network-interface", "--network-interface-id", nic, "--instance-id", web, "--device-index", "1")
	e.aws(t, nil, "assign-private-ip-addresses", "--network-interface-id", nic, "--private-ip-addresses", "172.31.16.101")

	addresses := strings.Fields(in(t, e.lab, web, "ip", "-brief", "-4", "address").stdout)
	for _, want := range []string{"172.31.16.100/20", "172.31.16.101/20"} {
		if !slices.Contains(addresses, want) {
			t.Errorf("the instance has %q, and lacks %s", addresses, want)
		}
	}
	wantConnect(t, "connects", e.lab, "office", "172.31.16.100", "80")
	wantConnect(t, "connects", e.lab, "office", "172.31.16.101", "80")
	e.aws(t, nil, "unassign-private-ip-addresses", "--network-interface-id", nic, "--private-ip-addresses", "172.31.16.101")
	wantConnect(t, "times out", e.lab, "office", "172.31.16.101", "80")
	e.aws(t, nil, "detach-network-interface", "--attachment-id", attachment)
	wantConnect(t, "times out", e.lab, "office", "172.31.16.100", "80")
}

// TestTheFileIsReadOnly tries to change what the file declares.
func TestTheFileIsReadOnly(t *testing.T) {
	t.Parallel()
	file, err := filepath.Abs(threeTier)
	if err != nil {
		t.Fatal(err)
	}
	e := ec2Lab(t, file)
	web := e.of(t, "groupId", "DescribeSecurityGroups", "Filter.1.Name", "group-name", "Filter.1.Value.1", "web")
	e.awsRefuses(t, "OperationNotPermitted", "authorize-security-group-ingress", "--group-id", web, "--protocol", "tcp", "--port", "80", "--cidr", "0.0.0.0/0")
	e.awsRefuses(t, "OperationNotPermitted", "delete-security-group", "--group-id", web)
	e.awsRefuses(t, "InvalidGroup.NotFound", "describe-security-groups", "--group-ids", "sg-00000000")
}
