package e2e

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/sgate/sgate/internal/needs"
)

func TestCheck(t *testing.T) {
	files := examples(t)
	if r := sgate(t, append([]string{"check"}, files...)...); r.code != 0 || strings.Count(r.stdout, ": ok: ") != len(files) {
		t.Errorf("the examples: %+v", r)
	}
	bad := writeFile(t, "bad.yaml", `vpc: {cidr: 10.0.0.0/16}
subnets: [{name: net, cidr: 10.0.1.0/24}]
security_groups:
  - name: web
    ingres: []
    ingress:
      - {protocol: tcp, port_range: 80-79, source: 0.0.0.0/0}
      - {type: HTTP, source: nobody}
instances:
  - {name: web, address: 10.0.2.10, security_groups: [web]}
`)
	r := sgate(t, "check", files[0], bad)
	if r.code != 1 {
		t.Errorf("exit status %d, want 1", r.code)
	}
	for _, want := range []string{
		bad + ":5:5: ",
		bad + `:7:37: security group "web": ingress rule 1: port_range "80-79": the first port is above the last`,
		bad + ":8:",
	} {
		if !strings.Contains(r.stderr, want) {
			t.Errorf("the faults lack %q:\n%s", want, r.stderr)
		}
	}
	if r := sgate(t, "check", "no-such-file.yaml"); r.code != 1 || !strings.Contains(r.stderr, "no-such-file.yaml") {
		t.Errorf("a missing file: %+v", r)
	}
}

// TestCheckWarns holds that what AWS would refuse, and no packet is judged by, is
// said and taken.
func TestCheckWarns(t *testing.T) {
	file := writeFile(t, "warn.yaml", `vpc: {cidr: 10.0.0.0/16}
security_groups:
  - name: web
    ingress:
      - {type: HTTPS, source: 0.0.0.0/0, description: from the load balancer's group}
`)
	r := sgate(t, "check", file)
	if want := "warning: " + file + `:5:9: security group "web": ingress rule: AWS would refuse the description`; r.code != 0 || !strings.Contains(r.stderr, want) {
		t.Errorf("got %+v, want %q", r, want)
	}
}

func TestConfigDefaultsAreAConfiguration(t *testing.T) {
	defaults := must(t, "config", "defaults").stdout
	file := writeFile(t, "defaults.yaml", defaults+"vpc: {cidr: 10.0.0.0/16}\n")
	must(t, "check", file)
}

// TestHelp holds that every command explains itself, with its flags.
func TestHelp(t *testing.T) {
	for _, command := range []string{"", "run", "check", "test", "config", "config defaults", "demo", "listen", "lab", "lab up", "lab list", "lab exec", "lab down"} {
		args := append(strings.Fields(command), "--help")
		r := must(t, args...)
		if !strings.Contains(r.stdout, "Usage:\n  sgate") || len(r.stdout) < 100 {
			t.Errorf("sgate %s --help:\n%s", command, r.stdout)
		}
	}
	if r := sgate(t, "no-such-command"); r.code != 1 || !strings.Contains(r.stderr, "no-such-command") {
		t.Errorf("an unknown command: %+v", r)
	}
	if r := sgate(t, "run"); r.code != 1 || !strings.Contains(r.stderr, `"config" not set`) {
		t.Errorf("run without a file: %+v", r)
	}
}

// TestRunInItsOwnNamespace is a gateway whose devices are beside it: it makes
// them and leaves addresses and routes alone.
func TestRunInItsOwnNamespace(t *testing.T) {
	needs.Root(t)
	own, server := netns(t, "own"), netns(t, "server")
	file := writeFile(t, "own.yaml", pair("device: sg-test", "configure: false, netns: "+server, admitSSH))
	cmd := exec.Command("ip", "netns", "exec", own, binary(t), "run", "--config", file)
	b := startCommand(t, cmd)
	b.says(t, "all are up")
	for ns, device := range map[string]string{own: "sg-test", server: "eth0"} {
		r := runFor(t, 20e9, "", "ip", "netns", "exec", ns, "ip", "-brief", "address", "show", "dev", device)
		if r.code != 0 || strings.Contains(r.stdout, "10.0.1.") {
			t.Errorf("%s in %s: %s%s, want it without addresses", device, ns, r.stdout, r.stderr)
		}
		if r := runFor(t, 20e9, "", "ip", "netns", "exec", ns, "ip", "route"); r.stdout != "" {
			t.Errorf("routes in %s: %s, want none", ns, r.stdout)
		}
	}
}

// TestRunDoesNotConfigureItsOwnNamespace gives the gateway its own namespace by
// another name: the machine's own default route would be lost.
func TestRunDoesNotConfigureItsOwnNamespace(t *testing.T) {
	needs.Root(t)
	own := netns(t, "own")
	file := writeFile(t, "own.yaml", pair("netns: /run/netns/"+own, "device: sg-test", admitSSH))
	r := runFor(t, 20e9, "", "ip", "netns", "exec", own, binary(t), "run", "--config", file)
	if r.code != 1 || !strings.Contains(r.stderr, "is the gateway's own") || !strings.Contains(r.stderr, "configure: false") {
		t.Errorf("got %+v", r)
	}
	if r := runFor(t, 20e9, "", "ip", "-n", own, "-brief", "link"); strings.Contains(r.stdout, "eth0") {
		t.Errorf("a device is left: %s", r.stdout)
	}
}
