package e2e

import (
	"encoding/xml"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sgate/sgate/internal/needs"
)

// scanned is a target that answers on tcp 80 and udp 53, and has the ports next
// to them open in its group with nobody behind. The scanner hears ICMP errors;
// the deaf one, which has the same rights but for that, does not.
const scanned = `
vpc: {cidr: 10.0.0.0/16, ipv6_cidr: fd00:10::/56}
subnets: [{name: net, cidr: 10.0.1.0/24, ipv6_cidr: "fd00:10:0:1::/64"}]
security_groups:
  - {name: deaf}
  - name: scanner
    ingress:
      - {type: All ICMP - IPv4, source: 10.0.0.0/16}
      - {type: All ICMP - IPv6, source: "fd00:10::/56"}
  - name: target
    ingress:
      - {protocol: tcp, port_range: 80-81, source: [10.0.0.0/16, "fd00:10::/56"]}
      - {protocol: udp, port_range: 53-54, source: [10.0.0.0/16, "fd00:10::/56"]}
instances:
  - {name: scanner, address: 10.0.1.10, ipv6_address: "fd00:10:0:1::10", security_groups: [scanner]}
  - {name: odd, address: 10.0.1.11, ipv6_address: "fd00:10:0:1::11", security_groups: [scanner]}
  - {name: deaf, address: 10.0.1.12, security_groups: [deaf]}
  - {name: target, address: 10.0.1.20, ipv6_address: "fd00:10:0:1::20", security_groups: [target], command: [sgate, listen, "80", "udp/53"]}
`

// TestScans has nmap look at a target in each of its ways. What is blocked is
// "filtered", never "closed": nothing answers (docs/semantics.md, 3, rule 2).
func TestScans(t *testing.T) {
	needs.Root(t)
	needsProgram(t, "nmap")
	t.Parallel()
	lab := labUp(t, writeFile(t, "scan.yaml", scanned))
	wantConnect(t, "connects", lab, "scanner", "10.0.1.20", "80")
	const ipv4, ipv6 = "10.0.1.20", "fd00:10:0:1::20"
	open, blocked := map[string]string{"80": "open", "81": "closed", "22": "filtered"}, "open|filtered"
	datagrams := map[string]string{"53": "open", "54": "closed", "123": blocked}
	deaf := map[string]string{"53": "open", "54": blocked, "123": blocked}
	// An ACK that belongs to no connection passes where a rule admits the port,
	// since rules match no flags, and the target resets it.
	acks := map[string]string{"80": "unfiltered", "81": "unfiltered", "22": "filtered"}
	// No TCP sends these, so they pass nowhere.
	odd := map[string]string{"80": blocked, "81": blocked, "22": blocked}
	var checks []func()
	for _, c := range []struct {
		by, way, target string
		want            map[string]string
	}{
		{"scanner", "-sS", ipv4, open}, {"scanner", "-sS", ipv6, open},
		{"scanner", "-sT", ipv4, open}, {"scanner", "-sT", ipv6, open},
		{"scanner", "-sU", ipv4, datagrams}, {"scanner", "-sU", ipv6, datagrams}, {"deaf", "-sU", ipv4, deaf},
		{"scanner", "-sA", ipv4, acks}, {"scanner", "-sA", ipv6, acks},
		{"odd", "-sF", ipv4, odd}, {"odd", "-sN", ipv4, odd}, {"odd", "-sX", ipv4, odd}, {"odd", "-sX", ipv6, odd},
	} {
		checks = append(checks, func() {
			if diff := cmp.Diff(scan(t, lab, c.by, c.way, c.target, c.want), c.want); diff != "" {
				t.Errorf("nmap %s from %s to %s (-got +want):\n%s", c.way, c.by, c.target, diff)
			}
		})
	}
	together(checks...)
	c := countersOf(t, "--lab", lab, "odd").Interfaces[0]
	if c.Forward > 0 || c.Drops["bad_tcp_flags"] != c.Dropped || c.Dropped < 12 {
		t.Errorf("of FIN, null and Xmas scans of 3 ports each: %+v, want all dropped for bad_tcp_flags", c)
	}
}

// scan returns the state that nmap finds each of the ports in.
func scan(t *testing.T, lab, by, way, target string, ports map[string]string) map[string]string {
	t.Helper()
	list := make([]string, 0, len(ports))
	for port := range ports {
		list = append(list, port)
	}
	command := []string{"nmap", way, "-Pn", "-n", "-T4", "--max-retries", "3", "-p", strings.Join(list, ","), "-oX", "-"}
	if strings.Contains(target, ":") {
		command = append(command, "-6")
	}
	r := in(t, lab, by, append(command, target)...)
	var found struct {
		Ports []struct {
			ID    string `xml:"portid,attr"`
			State struct {
				State string `xml:"state,attr"`
			} `xml:"state"`
		} `xml:"host>ports>port"`
	}
	if err := xml.Unmarshal([]byte(r.stdout), &found); err != nil {
		t.Errorf("nmap %s: %v\n%s%s", way, err, r.stdout, r.stderr)
	}
	states := make(map[string]string)
	for _, port := range found.Ports {
		states[port.ID] = port.State.State
	}
	return states
}

// TestOddFlags has hping3 send flags that no TCP has, and what every TCP has.
func TestOddFlags(t *testing.T) {
	needs.Root(t)
	needsProgram(t, "hping3")
	t.Parallel()
	lab := labUp(t, writeFile(t, "scan.yaml", scanned))
	wantConnect(t, "connects", lab, "scanner", "10.0.1.20", "80")
	const each = 3
	want := make(map[string]uint64)
	var silent []func() // hping3 counts the answers that another one got as its own
	for i, c := range []struct {
		flags, port string
		answered    string // flags of the answers; "" for silence
		reason      string // of the drops
	}{
		{"--syn", "80", "flags=SA", ""},
		{"--syn", "81", "flags=RA", ""},
		{"--syn", "22", "", "no_ingress_rule"},
		{"--ack", "80", "flags=R", ""},
		{"--ack", "22", "", "no_ingress_rule"},
		{"--fin", "80", "", "bad_tcp_flags"},
		{"--push", "80", "", "bad_tcp_flags"},
		{"-SF", "80", "", "bad_tcp_flags"},
		{"-SR", "80", "", "bad_tcp_flags"},
		{"-FPU", "80", "", "bad_tcp_flags"},
		{"-FSRPAUXY", "80", "", "bad_tcp_flags"},
		{"--numeric", "80", "", "bad_tcp_flags"}, // no flag at all
	} {
		if c.reason != "" {
			want[c.reason] += each
		}
		source := fmt.Sprint(10000 + 100*i) // a port that no other one of these has
		check := func() {
			r := in(t, lab, "odd", "hping3", "-n", "-c", fmt.Sprint(each), "-i", "u10000", "-s", source, c.flags, "-p", c.port, "10.0.1.20")
			answers := strings.Count(r.stdout, "ip=10.0.1.20")
			if c.answered != "" && (answers != each || strings.Count(r.stdout, c.answered) != each) || c.answered == "" && answers > 0 {
				t.Errorf("hping3 %s to port %s: answers, want %q:\n%s%s", c.flags, c.port, c.answered, r.stdout, r.stderr)
			}
		}
		if c.answered == "" {
			silent = append(silent, check)
		} else {
			check()
		}
	}
	together(silent...)
	got := countersOf(t, "--lab", lab, "odd").Interfaces[0].Drops
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("drops (-got +want):\n%s", diff)
	}
}
