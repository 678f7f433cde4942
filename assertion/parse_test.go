package assertion

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sgate/sgate/vpc"
)

// world has web with both families, app with IPv4 only and the host laptop.
func world() Known {
	addr := netip.MustParseAddr
	return Known{
		Endpoints: []vpc.Endpoint{
			{Name: "web", ID: "eni-web", InstanceID: "i-web", Addresses: []netip.Addr{addr("10.0.1.10"), addr("fd00::10")}},
			{Name: "app", ID: "eni-app", Addresses: []netip.Addr{addr("10.0.1.20")}},
			{Name: "laptop", ID: "host-laptop", Addresses: []netip.Addr{addr("203.0.113.10"), addr("2001:db8::10")}},
		},
		VPCs:   []vpc.VPC{{ID: "vpc-1", Name: "main"}},
		Groups: []vpc.SecurityGroup{{Name: "web", ID: "sg-web", Ingress: []vpc.Rule{{ID: "sgr-1"}}, Egress: []vpc.Rule{{ID: "sgr-2"}}}},
	}
}

// one returns a file with one test, which begins at f.yaml:2:5.
func one(test string) string { return "tests:\n  - {" + test + "}\n" }

// tcp returns one with what every test of TCP has.
func tcp(rest string) string { return one("from: web, to: app, protocol: tcp, " + rest) }

func parse(text string) (*File, error) {
	f := Parse("f.yaml", []byte(text))
	return f, f.Check(world())
}

func lines(err error) []string {
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}

func TestFaults(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", `f.yaml:1:1: is empty: want at least tests`},
		{"tests: []", `f.yaml:1:1: tests is missing: want a list of them, such as - {from: web, to: db, protocol: tcp, port: 3306, expect: drop}`},
		{"config: ''\n" + tcp("port: 1, expect: drop"), `f.yaml:1:9: config: is empty: want a configuration's path, from this file's folder, or leave it out`},
		{"vpc: {}\n" + tcp("port: 1, expect: drop"), `f.yaml:1:1: unknown key "vpc": known are config, tests`},
		{one("from: web, to: app, protocol: tcp, port: 1, expct: drop"), `f.yaml:2:50: test 1: unknown key "expct": did you mean "expect"?`},
		{one("to: app, protocol: tcp, port: 1, expect: drop"), `f.yaml:2:5: test 1: from is missing: want an instance or host, by name or id, or an address`},
		{one("from: [], to: app, protocol: tcp, port: 1, expect: drop"), `f.yaml:2:12: test 1: from: is an empty list: want at least one instance, host or address`},
		{one("from: web, to: {a: b}, protocol: tcp, port: 1, expect: drop"), `f.yaml:2:21: test 1: to: want a string, an integer or a list of them, got a mapping`},
		{one("from: web, to: [app, ''], protocol: tcp, port: 1, expect: drop"), `f.yaml:2:27: test 1: to "": want an instance or host, by name or id, or an address`},
		{one("from: web, to: [app, 2001:db8::1], protocol: tcp, port: 1, expect: drop"), `f.yaml:2:21: test 1: to: want a string, an integer or a list of them, got a list whose item 2 is a mapping (an IPv6 address in brackets takes quotes)`},
		{one("from: web, to: [app, ap], protocol: tcp, port: 1, expect: drop"), `f.yaml:2:27: test 1: to "ap": no instance or host is called so: did you mean "app"?`},
		{one("from: 0.0.0.0/0, to: app, protocol: tcp, port: 1, expect: drop"), `f.yaml:2:12: test 1: from "0.0.0.0/0": a packet has one address: want one within it, such as 203.0.113.9`},
		{one("from: '::/0', to: web, protocol: tcp, port: 1, expect: drop"), `f.yaml:2:12: test 1: from "::/0": a packet has one address: want one within it, such as 2001:db8::1`},
		{one("from: 10.1.2.3/16, to: app, protocol: tcp, port: 1, expect: drop"), `f.yaml:2:12: test 1: from "10.1.2.3/16": a packet has one address: want one within it, such as 10.1.0.1`},
		{one("from: '::ffff:1.2.3.4', to: app, protocol: tcp, port: 1, expect: drop"), `f.yaml:2:12: test 1: from "::ffff:1.2.3.4": want an address as packets have it, such as 1.2.3.4`},
		{one("from: fe80::1%eth0, to: web, protocol: tcp, port: 1, expect: drop"), `f.yaml:2:12: test 1: from "fe80::1%eth0": want an address as packets have it, such as fe80::1`},
		{one("from: web, to: app, port: 1, expect: drop"), `f.yaml:2:5: test 1: protocol is missing: want tcp, udp, icmp, icmpv6 or a number from 0 to 255`},
		{one("from: web, to: app, protocol: htp, expect: drop"), `f.yaml:2:36: test 1: protocol "htp": want tcp, udp, icmp, icmpv6 or a number from 0 to 255`},
		{one("from: web, to: app, protocol: 256, expect: drop"), `f.yaml:2:36: test 1: protocol "256": want tcp, udp, icmp, icmpv6 or a number from 0 to 255`},
		{one("from: web, to: app, protocol: -1, expect: drop"), `f.yaml:2:36: test 1: protocol "-1": a packet has one protocol: want tcp, udp, icmp, icmpv6 or a number from 0 to 255`},
		{tcp("expect: drop"), `f.yaml:2:5: test 1: port is missing: want the destination's, such as 443, 8000-8010 or [80, 443]`},
		{tcp("port: [], expect: drop"), `f.yaml:2:47: test 1: port: is an empty list: want at least one port or range`},
		{tcp("port: 0, expect: drop"), `f.yaml:2:47: test 1: port "0": nothing is sent to port 0: want ports from 1 to 65535`},
		{tcp("port: 0-9, expect: drop"), `f.yaml:2:47: test 1: port "0-9": nothing is sent to port 0: want ports from 1 to 65535`},
		{tcp("port: [80, 65536], expect: drop"), `f.yaml:2:52: test 1: port "65536": ports end at 65535`},
		{tcp("port: 9-8, expect: drop"), `f.yaml:2:47: test 1: port "9-8": the first port is above the last: want 8-9`},
		{tcp("port: 080, expect: drop"), `f.yaml:2:47: test 1: port "080": want a port such as 443 or a range such as 8000-8100`},
		{tcp("port: 1.5, expect: drop"), `f.yaml:2:47: test 1: port: want a string, an integer or a list of them, got the value 1.5`},
		{tcp("port: 1, source_port: 0, expect: drop"), `f.yaml:2:63: test 1: source_port "0": want a number from 1 to 65535`},
		{tcp("port: 1, icmp_type: 8, expect: drop"), `f.yaml:2:61: test 1: icmp_type: protocol tcp has none: leave it out`},
		{one("from: web, to: app, protocol: icmp, port: 1, expect: drop"), `f.yaml:2:48: test 1: port: protocol icmp has no ports: leave it out`},
		{one("from: web, to: app, protocol: 47, source_port: 1, expect: drop"), `f.yaml:2:53: test 1: source_port: protocol 47 has no ports: leave it out`},
		{one("from: web, to: app, protocol: icmp, icmp_type: 256, expect: drop"), `f.yaml:2:53: test 1: icmp_type "256": want a number from 0 to 255`},
		{one("from: web, to: app, protocol: icmp, icmp_code: 1, expect: drop"), `f.yaml:2:53: test 1: icmp_code: means nothing without a type: want an icmp_type beside it`},
		{tcp("port: 1, ipv6: yes please, expect: drop"), `f.yaml:2:56: test 1: ipv6 "yes please": want true, false or both`},
		{tcp("port: 1, ipv6: [true], expect: drop"), `f.yaml:2:56: test 1: ipv6: want a string, a number, true or false, got a list`},
		{tcp("port: 1, ipv6: both, expect: drop"), `f.yaml:2:21: test 1: to "app": has no IPv6 address`},
		{one("from: 2001:db8::1, to: app, protocol: tcp, port: 1, expect: drop"), `f.yaml:2:29: test 1: to "app": has no IPv6 address`},
		{one("from: 1.2.3.4, to: web, protocol: tcp, port: 1, ipv6: true, expect: drop"), `f.yaml:2:12: test 1: from "1.2.3.4": is not of the family that ipv6 says`},
		{one("from: 1.2.3.4, to: web, protocol: tcp, port: 1, ipv6: both, expect: drop"), `f.yaml:2:12: test 1: from "1.2.3.4": an address is of one family: want a name, or leave ipv6 out`},
		{one("from: 1.2.3.4, to: [web, '2001:db8::1'], protocol: tcp, port: 1, expect: drop"), `f.yaml:2:31: test 1: to "2001:db8::1": is not of the family of an address in from: want a test for each family`},
		{one("from: 2001:db8::1, to: web, protocol: icmp, expect: drop"), `f.yaml:2:12: test 1: from "2001:db8::1": protocol icmp is not of this address's family`},
		{one("from: laptop, to: web, protocol: icmp, ipv6: true, expect: drop"), `f.yaml:2:51: test 1: ipv6: protocol icmp is of the other family: want protocol: icmpv6`},
		{one("from: laptop, to: web, protocol: icmpv6, ipv6: false, expect: drop"), `f.yaml:2:53: test 1: ipv6: protocol icmpv6 is of the other family: want protocol: icmp`},
		{one("from: laptop, to: web, protocol: icmpv6, ipv6: both, expect: drop"), `f.yaml:2:53: test 1: ipv6: for pings of both families want protocol: icmp`},
		{one("from: laptop, to: web, protocol: icmp, icmp_type: 3, ipv6: both, expect: drop"), `f.yaml:2:65: test 1: ipv6: icmp and icmpv6 have types of their own: want a test for each`},
		{tcp("port: 1"), `f.yaml:2:5: test 1: expect is missing: want allow or drop`},
		{tcp("port: 1, expect: deny"), `f.yaml:2:58: test 1: expect "deny": want allow or drop`},
		{tcp("port: 1, expect: drop, reason: no_ingres_rule"), `f.yaml:2:72: test 1: reason "no_ingres_rule": there is no such reason for a drop: did you mean "no_ingress_rule"?`},
		{tcp("port: 1, expect: drop, reason: flow"), `f.yaml:2:72: test 1: reason "flow": there is no such reason for a drop: did you mean "flow_table_full"?`},
		{tcp("port: 1, expect: drop, reason: ''"), `f.yaml:2:72: test 1: reason: is empty: want a value, or leave it out`},
		{tcp("port: 1, expect: allow, reason: no_route"), `f.yaml:2:73: test 1: reason: goes with expect: drop only; which rule must admit the packet is the key rule`},
		{tcp("port: 1, expect: drop, rule: web"), `f.yaml:2:70: test 1: rule: goes with expect: allow only: no rule drops a packet; why it is dropped is the key reason`},
		{tcp("port: 1, expect: allow, rule: wbe"), `f.yaml:2:71: test 1: rule "wbe": there is no rule of that id, nor a security group of that name or id: did you mean "web"?`},
		{tcp("port: 1, vpc: mian, expect: allow"), `f.yaml:2:55: test 1: vpc "mian": there is no VPC of that name or id: did you mean "main"?`},
		{tcp("name: \"a\\u0007\", port: 1, expect: allow"), `f.yaml:2:47: test "a\a": name "a\a": want text without control characters`},
		{tcp("name: ' ', port: 1, expect: allow"), `f.yaml:2:47: test " ": name: is empty: want a value, or leave it out`},
		{tcp("port: 1-65535, expect: allow"), `f.yaml:2:5: test 1: with it the file comes to more than 10000 cases, from x to x family x port: try some ports of a range, such as its first and its last, or make two files of this one`},
	} {
		_, err := parse(tt.text)
		if diff := cmp.Diff([]string{tt.want}, lines(err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.text, diff)
		}
	}
}

// TestNamesAndIDs names an instance in each way that there is.
func TestNamesAndIDs(t *testing.T) {
	for _, ref := range []string{"web", "eni-web", "i-web"} {
		if _, err := parse(one("from: " + ref + ", to: app, protocol: tcp, port: 1, expect: drop")); err != nil {
			t.Errorf("%s: %v", ref, err)
		}
	}
}

// TestAllFaultsAtOnce has faults of every step in one file.
func TestAllFaultsAtOnce(t *testing.T) {
	_, err := parse(`config: [three-tier.yaml]
tests:
  - 7
  - {name: a, from: nobody, to: app, protocol: tcp, port: 99999, expect: never}
  - {name: a, from: web, to: app, protocol: tcp, port: 1, expect: drop, reson: x}
`)
	want := []string{
		`f.yaml:1:9: config: want a string, got a list`,
		`f.yaml:3:5: test 1: want a mapping with keys such as name and from, got the integer 7`,
		`f.yaml:4:21: test "a": from "nobody": no instance or host is called so: known are web, app, laptop`,
		`f.yaml:4:59: test "a": port "99999": ports end at 65535`,
		`f.yaml:4:74: test "a": expect "never": want allow or drop`,
		`f.yaml:5:5: test "a": is called "a", as is the one at f.yaml:4:5: give one of them another name, or take it out`,
		`f.yaml:5:73: test "a": unknown key "reson": did you mean "reason"?`,
	}
	if diff := cmp.Diff(want, lines(err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestNothingKnown has a target of which only names are known, or nothing.
func TestNothingKnown(t *testing.T) {
	text := one("from: nobody, to: app, protocol: tcp, port: 1, ipv6: true, vpc: x, expect: allow, rule: y")
	if err := Parse("f.yaml", []byte(text)).Check(Known{}); err != nil {
		t.Errorf("nothing is known: %v", err)
	}
	err := Parse("f.yaml", []byte(text)).Check(Known{Endpoints: []vpc.Endpoint{{Name: "app"}}})
	if want := []string{`f.yaml:2:12: test 1: from "nobody": no instance or host is called so: known are app`}; !slices.Equal(lines(err), want) {
		t.Errorf("names are known: %v", err)
	}
}

func mustParse(t *testing.T, text string) *File {
	t.Helper()
	f, err := parse(text)
	if err != nil {
		t.Fatalf("refused:\n%v\n%s", err, text)
	}
	return f
}

func TestCases(t *testing.T) {
	for _, tt := range []struct {
		test, name string
		want       []string
	}{
		{"from: web, to: app, protocol: tcp, port: 80, expect: drop", "web to app: tcp 80", []string{"web to app: tcp 80"}},
		{"name: mine, from: eni-web, to: app, protocol: TCP, port: '80', source_port: 7, expect: drop", "mine", []string{"eni-web to app: tcp 80 from port 7"}},
		{
			"from: [web, 1.2.3.4], to: [app, laptop], protocol: udp, port: [53, 100-101], expect: drop",
			"web, 1.2.3.4 to app, laptop: udp 53, 100-101",
			[]string{
				"web to app: udp 53", "web to app: udp 100", "web to app: udp 101",
				"web to laptop: udp 53", "web to laptop: udp 100", "web to laptop: udp 101",
				"1.2.3.4 to app: udp 53", "1.2.3.4 to app: udp 100", "1.2.3.4 to app: udp 101",
				"1.2.3.4 to laptop: udp 53", "1.2.3.4 to laptop: udp 100", "1.2.3.4 to laptop: udp 101",
			},
		},
		{"from: laptop, to: web, protocol: tcp, port: 1, ipv6: true, expect: drop", "laptop to web: tcp 1 IPv6", []string{"laptop to web: tcp 1 IPv6"}},
		{"from: laptop, to: web, protocol: tcp, port: 1, ipv6: both, expect: drop", "laptop to web: tcp 1, IPv4 and IPv6", []string{"laptop to web: tcp 1", "laptop to web: tcp 1 IPv6"}},
		{"from: laptop, to: web, protocol: tcp, port: 1, ipv6: false, expect: drop", "laptop to web: tcp 1", []string{"laptop to web: tcp 1"}},
		{"from: [1.2.3.4, '2001:db8::1'], to: web, protocol: 6, port: 1, expect: drop", "1.2.3.4, 2001:db8::1 to web: tcp 1", []string{"1.2.3.4 to web: tcp 1", "2001:db8::1 to web: tcp 1 IPv6"}},
		{"from: web, to: app, protocol: icmp, expect: drop", "web to app: icmp echo request", []string{"web to app: icmp echo request"}},
		{"from: laptop, to: web, protocol: icmpv6, expect: drop", "laptop to web: icmpv6 echo request", []string{"laptop to web: icmpv6 echo request"}},
		{"from: laptop, to: web, protocol: icmp, ipv6: both, expect: drop", "laptop to web: icmp echo request, IPv4 and IPv6", []string{"laptop to web: icmp echo request", "laptop to web: icmpv6 echo request"}},
		{"from: web, to: app, protocol: icmp, icmp_type: 3, icmp_code: 4, expect: drop", "web to app: icmp type 3 code 4", []string{"web to app: icmp type 3 code 4"}},
		{"from: web, to: app, protocol: icmp, icmp_type: 0, expect: drop", "web to app: icmp type 0 code 0", []string{"web to app: icmp type 0 code 0"}},
		{"from: web, to: app, protocol: 47, expect: drop", "web to app: protocol 47", []string{"web to app: protocol 47"}},
	} {
		test := mustParse(t, one(tt.test)).Tests[0]
		var got []string
		for c := range test.Cases() {
			got = append(got, c.String())
		}
		if diff := cmp.Diff(tt.want, got); diff != "" || test.Name != tt.name {
			t.Errorf("%s: called %q, want %q; cases (-want +got):\n%s", tt.test, test.Name, tt.name, diff)
		}
		if test.count() != len(got) {
			t.Errorf("%s: counted %d cases, want %d", tt.test, test.count(), len(got))
		}
	}
}

// TestRequest holds that nothing of a case is lost on the way to an Explainer.
func TestRequest(t *testing.T) {
	kind := uint8(3)
	c := Case{From: "a", To: "b", IPv6: true, Protocol: "icmpv6", Port: 1, SourcePort: 2, ICMPType: &kind, ICMPCode: 4, VPC: "v"}
	got := fmt.Sprintf("%+v", c.Request())
	for _, want := range []string{"From:a", "To:b", "VPC:v", "Protocol:icmpv6", " Port:1", "SourcePort:2", fmt.Sprintf("ICMPType:%v", c.ICMPType), "ICMPCode:4", "IPv6:true"} {
		if !strings.Contains(got, want) {
			t.Errorf("the request lacks %s: %s", want, got)
		}
	}
}

func TestConfigIsFromTheFilesFolder(t *testing.T) {
	for config, want := range map[string]string{"a.yaml": "dir/a.yaml", "../b.yaml": "b.yaml", "/c.yaml": "/c.yaml"} {
		text := "config: " + config + "\n" + tcp("port: 1, expect: drop")
		if f := Parse("dir/f.yaml", []byte(text)); f.Config != want {
			t.Errorf("config: %s: got %s, want %s", config, f.Config, want)
		}
	}
}

// TestMostCases is a file with as many cases as there may be, in two tests.
func TestMostCases(t *testing.T) {
	file := func(last int) string {
		return fmt.Sprintf("tests:\n  - {from: web, to: app, protocol: tcp, port: 1-5000, expect: drop}\n  - {from: web, to: app, protocol: udp, port: 1-%d, expect: drop}\n", last)
	}
	mustParse(t, file(5000))
	if _, err := parse(file(5001)); err == nil || !strings.Contains(err.Error(), "f.yaml:3:5: test 2: with it the file comes to more than 10000 cases") {
		t.Errorf("got %v", err)
	}
}
