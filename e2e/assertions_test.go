package e2e

import (
	"encoding/json"
	"encoding/xml"
	"strings"
	"testing"

	"github.com/sgate/sgate/configs"
	"github.com/sgate/sgate/internal/needs"
)

// examples returns the paths of the example configurations.
func examples(t *testing.T) []string {
	t.Helper()
	var paths []string
	for _, name := range configs.Configurations() {
		paths = append(paths, "../configs/"+name)
	}
	if len(paths) < 5 {
		t.Fatalf("the examples are %v", paths)
	}
	return paths
}

// TestExampleTestsPass runs each test file of configs/ against the configuration
// that it names.
func TestExampleTestsPass(t *testing.T) {
	names := configs.TestFiles()
	if len(names) == 0 {
		t.Fatal("there are none")
	}
	for _, name := range names {
		if r := sgate(t, "test", "../configs/"+name); r.code != 0 || !strings.Contains(r.stdout, " 0 failed") || strings.Contains(r.stdout, "FAIL") {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// serves waits until the lab's services answer whom they are for.
func serves(t *testing.T, lab string) {
	t.Helper()
	wantConnect(t, "connects", lab, "laptop", "10.0.1.10", "22")
	wantConnect(t, "connects", lab, "laptop", "10.0.1.10", "443")
	wantConnect(t, "connects", lab, "web", "10.0.2.20", "8080")
	wantConnect(t, "connects", lab, "app", "10.0.2.30", "3306")
}

// TestAssertionsLive runs the example's tests by real connections.
func TestAssertionsLive(t *testing.T) {
	needs.Root(t)
	lab := labUp(t, threeTier)
	serves(t, lab)
	r := sgate(t, "test", "--live", "--lab", lab, "--verbose", "../configs/three-tier.test.yaml")
	for _, want := range []string{
		"(against lab " + lab + ")", " 0 failed", "(2 explained only)",
		"stranger to web: tcp 443 IPv6: allow, by sgr-", "; connected\n",
		"stranger to web: tcp 80: allow", "; connection refused: it arrived, and nobody listens there\n",
		"db to web: tcp 443: drop, by no_egress_rule; no answer within 3s\n",
		"web to db: icmp echo request: drop, by no_ingress_rule; sent; the gateway dropped it\n",
		"nobody in the lab has 203.0.113.9",
	} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("lacks %q", want)
		}
	}
	if r.code != 0 || t.Failed() {
		t.Errorf("exit status %d\n%s%s", r.code, r.stdout, r.stderr)
	}
}

// TestAssertionsLiveOfEveryProtocol has packets that nobody need answer, and
// pings.
func TestAssertionsLiveOfEveryProtocol(t *testing.T) {
	needs.Root(t)
	lab := labUp(t, writeFile(t, "ping.yaml", pingable))
	tests := writeFile(t, "ping.test.yaml", `tests:
  - {from: a, to: b, protocol: icmp, ipv6: both, expect: allow}
  - {from: b, to: a, protocol: icmp, ipv6: both, expect: drop, reason: no_ingress_rule}
  - {from: a, to: b, protocol: icmp, icmp_type: 3, icmp_code: 1, expect: allow}
  - {from: a, to: b, protocol: icmpv6, icmp_type: 1, icmp_code: 4, expect: allow}
  - {from: a, to: b, protocol: tcp, port: 9001-9003, ipv6: both, source_port: 777, expect: allow}
  - {from: a, to: b, protocol: udp, port: 9000, ipv6: both, expect: drop}
  - {from: a, to: b, protocol: 47, ipv6: both, expect: drop}
  - {from: a, to: 10.0.1.77, protocol: udp, port: 53, expect: drop, reason: no_route}
  - {from: a, to: [10.0.1.1, "fd00:10:0:1::1"], protocol: udp, port: 53, expect: allow}
`)
	if r := sgate(t, "test", "--live", "--lab", lab, tests); r.code != 0 || !strings.Contains(r.stdout, "9 tests, 19 cases: 9 passed, 0 failed") {
		t.Errorf("%+v", r)
	}
}

// TestAssertionsFail has tests that must not pass, against the file and live.
func TestAssertionsFail(t *testing.T) {
	needs.Root(t)
	lab := labUp(t, threeTier)
	serves(t, lab)
	tests := writeFile(t, "bad.test.yaml", `tests:
  - {name: first, from: web, to: db, protocol: tcp, port: 3306, expect: allow}
  - {name: second, from: web, to: app, protocol: tcp, port: 8080, expect: drop}
  - {name: third, from: laptop, to: web, protocol: tcp, port: 22, expect: allow}
`)
	for _, target := range [][]string{{"--config", threeTier}, {"--lab", lab}, {"--live", "--timeout", "1s", "--lab", lab}} {
		r := sgate(t, append([]string{"test", tests}, target...)...)
		for _, want := range []string{
			"FAIL  first\n      " + tests + ":2:5\n", "want allow, got drop: no_ingress_rule",
			"but for the source: web is not a member of group app", "aws ec2 authorize-security-group-ingress --group-id sg-",
			"FAIL  second\n", "want drop, got allow: sgr-", "ok    third\n", "3 tests, 3 cases: 1 passed, 2 failed",
		} {
			if !strings.Contains(r.stdout, want) {
				t.Errorf("%v: lacks %q", target, want)
			}
		}
		if r.code != 1 || r.stderr != "" || t.Failed() {
			t.Errorf("%v: exit status %d\n%s%s", target, r.code, r.stdout, r.stderr)
		}
	}
}

// noWayBack has a network ACL that lets connections in and no answer out.
const noWayBack = `
vpc: {cidr: 10.0.0.0/16}
subnets: [{name: near, cidr: 10.0.1.0/24}, {name: far, cidr: 10.0.2.0/24}]
network_acls:
  - name: tight
    subnets: [near]
    ingress: [{number: 1, action: allow, protocol: tcp, port_range: 9000, source: 0.0.0.0/0}]
    egress: [{number: 1, action: allow, protocol: tcp, port_range: 9000, destination: 0.0.0.0/0}]
security_groups: [{name: b, ingress: [{type: All TCP, source: 10.0.0.0/16}]}]
instances:
  - {name: a, subnet: far, address: 10.0.2.10, security_groups: [b]}
  - {name: b, subnet: near, address: 10.0.1.20, security_groups: [b]}
`

// TestAssertionsMissAnswers has connections that arrive and come to nothing: by
// a network ACL that denies the answers, which the configuration tells, and by a
// firewall of the server's own, which only a real connection can.
func TestAssertionsMissAnswers(t *testing.T) {
	needs.Root(t)
	lab := labUp(t, writeFile(t, "ping.yaml", pingable))
	wantConnect(t, "connects", lab, "a", "10.0.1.20", "9000")
	tests := writeFile(t, "answers.test.yaml", "tests: [{from: a, to: b, protocol: tcp, port: 9000, expect: allow}]\n")
	live := []string{"test", "--live", "--timeout", "1s", "--lab", lab, tests}
	must(t, live...)
	if r := in(t, lab, "b", "nft", "add table inet f; add chain inet f out { type filter hook output priority 0; policy drop; }"); r.code != 0 {
		t.Fatalf("nft: %+v", r)
	}
	if r := sgate(t, live...); r.code != 1 || !strings.Contains(r.stdout, "want allow; the packet arrives, but no answer comes back: no answer within 1s") {
		t.Errorf("its own firewall: %+v", r)
	}
	must(t, "test", "--lab", lab, tests)

	denies := writeFile(t, "acl.yaml", noWayBack)
	if r := sgate(t, "test", "--config", denies, tests); r.code != 1 || !strings.Contains(r.stdout, "it arrives, but the network ACL tight denies the answer, egress") {
		t.Errorf("a network ACL: %+v", r)
	}
}

// TestAssertionFaults holds that nothing runs while a file has a fault, and that
// all faults of all files are told.
func TestAssertionFaults(t *testing.T) {
	good := writeFile(t, "good.test.yaml", "tests: [{from: web, to: app, protocol: tcp, port: 8080, expect: allow}]\n")
	bad := writeFile(t, "bad.test.yaml", "tests:\n  - {from: wbe, to: app, protocol: tcp, port: 8080, expect: alow}\n")
	worse := writeFile(t, "worse.test.yaml", "test: []\n")
	r := sgate(t, "test", "--config", threeTier, good, bad, worse)
	for _, want := range []string{
		bad + `:2:12: test 1: from "wbe": no instance or host is called so: did you mean "web"?`,
		bad + `:2:61: test 1: expect "alow": want allow or drop`,
		worse + `:1:1: unknown key "test": did you mean "tests"?`,
	} {
		if !strings.Contains(r.stderr, want) {
			t.Errorf("lacks %q", want)
		}
	}
	if r.code != 2 || r.stdout != "" || t.Failed() {
		t.Errorf("exit status %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	for _, args := range [][]string{
		{"--config", threeTier, "no-such-file"}, {"--config", "no-such-file", good}, {"--run", "(", good}, {"--config", threeTier, "--run", "nobody", good},
		{"--timeout", "0s", "--config", threeTier, good}, {"--lab", "no-such-lab", good}, {"--live", "--lab", "no-such-lab", good},
	} {
		if r := sgate(t, append([]string{"test"}, args...)...); r.code != 2 || !strings.HasPrefix(r.stderr, "sgate: ") {
			t.Errorf("%v: %+v", args, r)
		}
	}
}

// TestAssertionReports reads the forms for programs back.
func TestAssertionReports(t *testing.T) {
	const file = "../configs/three-tier.test.yaml"
	var junit struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Suites   []struct {
			Cases []struct {
				Name string `xml:"name,attr"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal([]byte(must(t, "test", "--output", "junit", file).stdout), &junit); err != nil || junit.Tests == 0 || junit.Failures != 0 || len(junit.Suites[0].Cases) != junit.Tests {
		t.Errorf("%v: %+v", err, junit)
	}
	var report struct {
		Tests, Passed int
		Files         []struct{ Tests []struct{ Name string } }
	}
	if err := json.Unmarshal([]byte(must(t, "test", "-o", "json", file, "--run", "SSH").stdout), &report); err != nil || report.Tests != 2 || report.Passed != 2 || len(report.Files[0].Tests) != 2 {
		t.Errorf("%v: %+v", err, report)
	}
}
