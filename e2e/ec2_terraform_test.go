package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// terraform is a folder in which Terraform works on an endpoint.
type terraform struct {
	endpoint
	folder string
}

// TestTerraform has Terraform make a VPC with groups, rules, prefix lists, ACLs,
// interfaces and a flow log, twice find nothing to do, change some in place,
// import all into a new state, and destroy it.
func TestTerraform(t *testing.T) {
	t.Parallel()
	mirror := providerMirror(t)
	e := ec2Lab(t, ec2LabFile)
	main, err := filepath.Abs("testdata/ec2/terraform/main.tf")
	if err != nil {
		t.Fatal(err)
	}
	tf := newTerraform(t, e, mirror, main)
	said := tf.must(t, "apply", "-auto-approve")
	said += tf.must(t, "plan", "-detailed-exitcode")
	made := tf.state(t)
	for name, want := range map[string]any{"account": "123456789012", "groups": 4.0} {
		if got := made.Outputs[name].Value; got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}

	changes := []string{"-var", `ssh_from=["203.0.113.0/25","192.0.2.0/28"]`, "-var", "app_port=9090", "-var", "third_office=192.0.2.64/26"}
	out := tf.must(t, append([]string{"apply", "-auto-approve"}, changes...)...)
	if !regexp.MustCompile(`Apply complete! Resources: 0 added, [3-9] changed, 0 destroyed`).MatchString(out) {
		t.Errorf("the change is not made in place:\n%s", out)
	}
	said += out + tf.must(t, append([]string{"plan", "-detailed-exitcode"}, changes...)...)
	web := fmt.Sprint(made.Outputs["web"].Value)
	ports := e.text(t, "sort(SecurityGroupRules[?FromPort==`22`].CidrIpv4)", "describe-security-group-rules", "--filters", "Name=group-id,Values="+web)
	if got := strings.Join(strings.Fields(ports), ""); got != `["192.0.2.0/28","203.0.113.0/25"]` {
		t.Errorf("SSH is let in from %s", got)
	}

	again := newTerraform(t, e, mirror, main)
	again.importAll(t, tf.state(t))
	out = again.must(t, append([]string{"apply", "-auto-approve"}, changes...)...)
	if !regexp.MustCompile(`Apply complete! Resources: 2[0-9] imported, 0 added, \d+ changed, 0 destroyed`).MatchString(out) {
		t.Errorf("what was imported is not what there is:\n%s", out)
	}

	said += again.must(t, "destroy", "-auto-approve", "-refresh=false")
	onThePage(t, said)
	if left := e.text(t, "length(Vpcs)", "describe-vpcs"); left != "1" {
		t.Errorf("%s VPCs are left, want the file's", left)
	}
}

// onThePage holds that docs/ec2.md shows how Terraform's commands have ended.
func onThePage(t *testing.T, said string) {
	t.Helper()
	page, err := os.ReadFile(ec2Page)
	if err != nil {
		t.Fatal(err)
	}
	ends := regexp.MustCompile(`(?m)^(Apply complete!|No changes\.|Destroy complete!).*$`)
	if want, got := ends.FindAllString(said, -1), ends.FindAllString(string(page), -1); !slices.Equal(got, want) {
		t.Errorf("%s shows %q, want %q", ec2Page, got, want)
	}
}

// newTerraform returns an initialized folder with a configuration.
func newTerraform(t *testing.T, e endpoint, mirror, main string) terraform {
	t.Helper()
	text, err := os.ReadFile(main)
	if err != nil {
		t.Fatal(err)
	}
	tf := terraform{e, t.TempDir()}
	settings := fmt.Sprintf("disable_checkpoint = true\nprovider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", mirror)
	for name, content := range map[string]string{"main.tf": string(text), "settings": settings} {
		if err := os.WriteFile(filepath.Join(tf.folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tf.env = append(tf.env[:len(tf.env):len(tf.env)], "TF_CLI_CONFIG_FILE="+filepath.Join(tf.folder, "settings"),
		"TF_VAR_endpoint=http://"+e.address, "TF_IN_AUTOMATION=1", "TF_INPUT=0")
	tf.must(t, "init")
	return tf
}

// must runs a command of Terraform, which has to succeed, and returns what it prints.
func (tf terraform) must(t *testing.T, args ...string) string {
	t.Helper()
	r := tf.run(t, 5*time.Minute, "", "terraform", append(append([]string{"-chdir=" + tf.folder}, args...), "-no-color")...)
	if r.code != 0 {
		t.Fatalf("terraform %s: exit status %d\n%s%s", strings.Join(args, " "), r.code, r.stdout, r.stderr)
	}
	return r.stdout
}

// state is what Terraform knows.
type state struct {
	Outputs   map[string]struct{ Value any }
	Resources []struct {
		Mode, Type, Name string
		Instances        []struct{ Attributes map[string]any }
	}
}

func (tf terraform) state(t *testing.T) (s state) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(tf.folder, "terraform.tfstate"))
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// importAll has a new state import what another one has.
func (tf terraform) importAll(t *testing.T, from state) {
	t.Helper()
	var blocks strings.Builder
	for _, r := range from.Resources {
		if r.Mode == "managed" {
			fmt.Fprintf(&blocks, "import {\n  to = %s.%s\n  id = %q\n}\n", r.Type, r.Name, importID(r.Type, r.Instances[0].Attributes))
		}
	}
	if err := os.WriteFile(filepath.Join(tf.folder, "imports.tf"), []byte(blocks.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

// importID returns what a resource is imported by.
func importID(kind string, a map[string]any) string {
	text := func(name string) string { return fmt.Sprint(a[name]) }
	switch kind {
	case "aws_security_group_rule":
		peers := text("source_security_group_id")
		if list, is := a["cidr_blocks"].([]any); is && len(list) > 0 {
			peers = strings.Join(strings.Fields(strings.Trim(fmt.Sprint(list), "[]")), "_")
		}
		return strings.Join([]string{text("security_group_id"), text("type"), text("protocol"), text("from_port"), text("to_port"), peers}, "_")
	case "aws_network_acl_rule":
		return strings.Join([]string{text("network_acl_id"), text("rule_number"), text("protocol"), text("egress")}, ":")
	case "aws_network_interface_sg_attachment":
		return text("network_interface_id") + "_" + text("security_group_id")
	case "aws_ec2_managed_prefix_list_entry":
		return text("prefix_list_id") + "," + text("cidr")
	}
	return text("id")
}

// providerMirror returns a folder with the AWS provider, as `terraform providers
// mirror` makes it; without one, or without Terraform, the test ends.
func providerMirror(t *testing.T) string {
	t.Helper()
	folders := []string{os.Getenv("SGATE_TERRAFORM_MIRROR"), "/usr/share/terraform/plugins", "/usr/local/share/terraform/plugins", "/opt/tf-plugins"}
	if home, err := os.UserHomeDir(); err == nil {
		folders = append(folders, filepath.Join(home, ".terraform.d/plugins"))
	}
	if _, err := exec.LookPath("terraform"); err != nil {
		t.Skip("did not run: there is no terraform here")
	}
	for _, folder := range folders {
		if versions, _ := filepath.Glob(filepath.Join(folder, "*/hashicorp/aws/*")); folder != "" && len(versions) > 0 {
			return folder
		}
	}
	t.Skipf("did not run: the AWS provider is in none of %s; SGATE_TERRAFORM_MIRROR names another folder", strings.Join(folders[1:], ", "))
	return ""
}
