package e2e

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/sgate/sgate/internal/needs"
)

// TestExplainOfARunningLab: what is explained is what happens, and by which rule.
func TestExplainOfARunningLab(t *testing.T) {
	needs.Root(t)
	lab := labUp(t, threeTier)
	explain := func(args ...string) result {
		return sgate(t, append([]string{"explain", "--lab", lab}, args...)...)
	}
	blocked := explain("--from", "web", "--to", "db", "--protocol", "tcp", "--port", "3306")
	if blocked.code != 1 || !strings.HasPrefix(blocked.stdout, "DROP ") {
		t.Errorf("web to db: exit status %d\n%s%s", blocked.code, blocked.stdout, blocked.stderr)
	}
	for _, want := range []string{"no_ingress_rule", "but for the source: web is not a member of group app", "ENI_SG_RULES_MISMATCH", "aws ec2 authorize-security-group-ingress"} {
		if !strings.Contains(blocked.stdout, want) {
			t.Errorf("web to db: %q is missing:\n%s", want, blocked.stdout)
		}
	}
	wantConnect(t, "times out", lab, "web", "10.0.2.30", "3306")

	allowed := explain("--from", "app", "--to", "db", "--port", "3306", "--output", "json")
	var said struct {
		Verdict string
		Ingress struct{ Rule struct{ ID string } }
	}
	if err := json.Unmarshal([]byte(allowed.stdout), &said); err != nil || allowed.code != 0 || said.Verdict != "allow" {
		t.Fatalf("app to db: exit status %d, %v\n%s%s", allowed.code, err, allowed.stdout, allowed.stderr)
	}
	wantConnect(t, "connects", lab, "app", "10.0.2.30", "3306")
	out := must(t, "flows", "--lab", lab, "--from", "app", "--to", "db", "--output", "json").stdout
	if !strings.Contains(out, said.Ingress.Rule.ID) || said.Ingress.Rule.ID == "" {
		t.Errorf("the flow does not name the rule %q that was explained:\n%s", said.Ingress.Rule.ID, out)
	}
	if r := explain("--from", "web", "--to", "nobody", "--port", "1"); r.code == 0 || !strings.Contains(r.stderr, "nobody") {
		t.Errorf("to nobody: exit status %d, %q", r.code, r.stderr)
	}
}

// TestFollow streams the drops of a lab as they fall.
func TestFollow(t *testing.T) {
	needs.Root(t)
	lab := labUp(t, threeTier)
	b := start(t, "flows", "--follow", "--lab", lab, "--verdict", "drop", "--instance", "db")
	b.says(t, "following")
	wantConnect(t, "times out", lab, "stranger", "10.0.1.10", "22") // not of db's
	wantConnect(t, "connects", lab, "app", "10.0.2.30", "3306")     // no drop
	wantConnect(t, "times out", lab, "web", "10.0.2.30", "3306")
	b.says(t, "-> db:3306 tcp SYN  no_ingress_rule")
	if err := b.end(t, syscall.SIGINT); err != nil {
		t.Error(err)
	}
	if out := b.output(t); strings.Contains(out, "stranger") || strings.Contains(out, "app:") {
		t.Errorf("it follows more than was asked for:\n%s", out)
	}
}

// record is one line of a flow log in the default format.
type record struct {
	src, dst                string
	port, protocol, packets int
	action                  string
}

// readRecords reads a flow log of version 2, as strictly as AWS documents it.
func readRecords(t *testing.T, file string) (records []record) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), " ")
		if len(f) != 14 || f[0] != "2" || len(f[1]) != 12 || !strings.HasPrefix(f[2], "eni-") {
			t.Fatalf("no record of version 2: %q", line)
		}
		start, err1 := strconv.ParseInt(f[10], 10, 64)
		end, err2 := strconv.ParseInt(f[11], 10, 64)
		if err1 != nil || err2 != nil || end < start || end-start > 60 {
			t.Fatalf("start and end: %q", line)
		}
		if f[13] == "NODATA" {
			continue
		}
		var r record
		r.src, r.dst, r.action = f[3], f[4], f[12]
		for i, to := range map[int]*int{6: &r.port, 7: &r.protocol, 8: &r.packets} {
			if *to, err = strconv.Atoi(f[i]); err != nil {
				t.Fatalf("field %d: %q", i+1, line)
			}
		}
		if net.ParseIP(r.src) == nil || net.ParseIP(r.dst) == nil || f[13] != "OK" || r.packets == 0 {
			t.Fatalf("no record of version 2: %q", line)
		}
		records = append(records, r)
	}
	return records
}

// TestFlowLog: real connections, let through and not, are in the log when the lab
// has gone down.
func TestFlowLog(t *testing.T) {
	needs.Root(t)
	content, err := os.ReadFile(threeTier)
	if err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(t.TempDir(), "flow.log")
	file := writeFile(t, "lab.yaml", string(content)+"\nflow_logs:\n  - {name: all, destination: "+log+", max_aggregation_interval: 60}\n")
	lab := labUp(t, file)
	wantConnect(t, "connects", lab, "app", "10.0.2.30", "3306")
	wantConnect(t, "times out", lab, "web", "10.0.2.30", "3306")
	wantConnect(t, "times out", lab, "db", "10.0.1.10", "443")
	must(t, "lab", "down", lab)
	var got []string
	for _, r := range readRecords(t, log) {
		if r.protocol == 6 {
			got = append(got, r.src+" "+r.dst+" "+strconv.Itoa(r.port)+" "+r.action)
		}
	}
	for _, want := range []string{
		"10.0.2.20 10.0.2.30 3306 ACCEPT",
		"10.0.1.10 10.0.2.30 3306 ACCEPT", // web's own interface lets it out,
		"10.0.1.10 10.0.2.30 3306 REJECT", // db's does not let it in
		"10.0.2.30 10.0.1.10 443 REJECT",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("no record %q among:\n%s", want, strings.Join(got, "\n"))
		}
	}
	if slices.Contains(got, "10.0.2.30 10.0.1.10 443 ACCEPT") {
		t.Error("a packet that was not let out was accepted somewhere")
	}
}

// TestMetrics scrapes a lab over TCP, as Prometheus does.
func TestMetrics(t *testing.T) {
	needs.Root(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	lab := labUp(t, threeTier, "--metrics-listen", address)
	curl := func(path string) result {
		return runFor(t, 20e9, "", "curl", "-sS", "-w", "\n%{http_code}", "http://"+address+path)
	}
	if r := curl("/readyz"); !strings.HasSuffix(r.stdout, "\n200") {
		t.Errorf("/readyz: %s%s", r.stdout, r.stderr)
	}
	wantConnect(t, "times out", lab, "web", "10.0.2.30", "3306")
	scraped := curl("/metrics").stdout
	if !hasLine(scraped, "sgate_dropped_packets_total{", `name="web"`, `reason="no_ingress_rule"`) || hasLine(scraped, `name="web"`, `reason="no_ingress_rule"`, "} 0\n") {
		t.Errorf("/metrics does not count web's drops:\n%s", scraped)
	}
	// A device that somebody deletes makes the gateway unready, not unhealthy.
	if r := in(t, lab, "web", "ip", "link", "delete", "eth0"); r.code != 0 {
		t.Fatalf("ip link delete: %s", r.stderr)
	}
	until(t, "the gateway to be unready", func() bool { return strings.HasSuffix(curl("/readyz").stdout, "\n503") })
	if r := curl("/readyz"); !strings.Contains(r.stdout, "web") {
		t.Errorf("/readyz does not say whose device is gone: %s", r.stdout)
	}
	if r := curl("/healthz"); !strings.HasSuffix(r.stdout, "\n200") {
		t.Errorf("/healthz: %s", r.stdout)
	}
}
