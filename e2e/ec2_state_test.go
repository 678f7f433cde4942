package e2e

import (
	"encoding/xml"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sgate/sgate/internal/needs"
)

// rounds is how often TestKilledUnderWrites kills the gateway.
const rounds = 20

// TestKilledUnderWrites kills the gateway again and again while rules are added and
// revoked. Whatever was acknowledged is there after the next start; a change that
// was not is there as a whole or not at all.
func TestKilledUnderWrites(t *testing.T) {
	t.Parallel()
	needs.Root(t)
	file, state := writeFile(t, "run.yaml", justAVPC), filepath.Join(t.TempDir(), "state.db")
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var acknowledged atomic.Int64
	var writers []*writer
	for i := range 3 {
		writers = append(writers, &writer{
			name: fmt.Sprintf("writer-%d", i), random: rand.New(rand.NewPCG(seed, uint64(i+1))), has: make(map[int]bool), acknowledged: &acknowledged,
		})
	}
	for round := range rounds {
		e := newEndpoint(t)
		b := ec2Run(t, e, file, "--state", state)
		for _, w := range writers {
			w.check(t, e)
		}
		if t.Failed() {
			t.Fatalf("after %d kills and %d acknowledged changes", round, acknowledged.Load())
		}
		var group sync.WaitGroup
		for _, w := range writers {
			group.Go(func() { w.write(e) })
		}
		enough := acknowledged.Load() + 1 + random.Int64N(30)
		until(t, "changes", func() bool { return acknowledged.Load() >= enough })
		time.Sleep(time.Duration(random.IntN(10_000)) * time.Microsecond) // the instant, in the midst of some change
		_ = b.end(t, syscall.SIGKILL)
		group.Wait()
	}
	t.Logf("%d kills, %d acknowledged changes", rounds, acknowledged.Load())
}

// writer adds rules to a group of its own and revokes them. Each change is of two
// rules, by IPv4 and IPv6.
type writer struct {
	name         string
	group        string
	random       *rand.Rand
	has          map[int]bool  // ports that are let in, as far as was acknowledged
	doubtful     int           // the port of a change that nobody has acknowledged; 0: none
	acknowledged *atomic.Int64 // changes of all writers
}

const ports = 25

// write makes changes until one fails, as the gateway has been killed.
func (w *writer) write(e endpoint) {
	for {
		port := 1 + w.random.IntN(ports)
		action := "AuthorizeSecurityGroupIngress"
		if w.has[port] {
			action = "RevokeSecurityGroupIngress"
		}
		n := fmt.Sprint(port)
		w.doubtful = port
		_, err := e.call(action, "GroupId", w.group, "IpPermissions.1.IpProtocol", "tcp", "IpPermissions.1.FromPort", n, "IpPermissions.1.ToPort", n,
			"IpPermissions.1.IpRanges.1.CidrIp", "10.0.0.0/8", "IpPermissions.1.Ipv6Ranges.1.CidrIpv6", "fd00::/8")
		if err != nil {
			return
		}
		w.has[port], w.doubtful = !w.has[port], 0
		w.acknowledged.Add(1)
	}
}

// check holds the gateway's rules against what was acknowledged; it makes the
// writer's group if there is none.
func (w *writer) check(t *testing.T, e endpoint) {
	t.Helper()
	must := func(action string, params ...string) string {
		t.Helper()
		out, err := e.call(action, params...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if w.group == "" {
		var made struct {
			ID string `xml:"groupId"`
		}
		if err := xml.Unmarshal([]byte(must("CreateSecurityGroup", "GroupName", w.name, "GroupDescription", "Rules that come and go")), &made); err != nil || made.ID == "" {
			t.Fatalf("%v, %+v", err, made)
		}
		w.group = made.ID
	}
	var described struct {
		Rules []struct {
			Egress bool `xml:"isEgress"`
			Port   int  `xml:"fromPort"`
		} `xml:"securityGroupRuleSet>item"`
	}
	if err := xml.Unmarshal([]byte(must("DescribeSecurityGroupRules", "Filter.1.Name", "group-id", "Filter.1.Value.1", w.group)), &described); err != nil {
		t.Fatal(err)
	}
	got := make(map[int]int)
	for _, r := range described.Rules {
		if !r.Egress {
			got[r.Port]++
		}
	}
	for port := 1; port <= ports; port++ {
		want := []int{0}
		if w.has[port] {
			want = []int{2}
		}
		if port == w.doubtful {
			want = []int{0, 2}
			w.has[port] = got[port] == 2
		}
		if !slices.Contains(want, got[port]) {
			t.Errorf("%s: port %d has %d rules, want %v", w.name, port, got[port], want)
		}
	}
	w.doubtful = 0
}

// call sends a request without a signature and returns the answer.
func (e endpoint) call(action string, params ...string) (string, error) {
	form := url.Values{"Action": {action}, "Version": {"2016-11-15"}}
	for i := 0; i < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	r, err := (&http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}).PostForm("http://"+e.address+"/", form)
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err == nil && r.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", action, r.Status, body)
	}
	return string(body), err
}

// of sends a request without a signature, which has to be answered, and returns the
// text of the first element of that name in the answer.
func (e endpoint) of(t *testing.T, element, action string, params ...string) string {
	t.Helper()
	answer, err := e.call(action, params...)
	if err != nil {
		t.Fatal(err)
	}
	_, text, is := strings.Cut(answer, "<"+element+">")
	if !is {
		t.Fatalf("%s %q: no %s in %s", action, params, element, answer)
	}
	text, _, _ = strings.Cut(text, "<")
	return text
}

// TestStateAndFile starts a gateway again on the state of another run, with the
// same file and with one that declares more.
func TestStateAndFile(t *testing.T) {
	t.Parallel()
	needs.Root(t)
	file, state := writeFile(t, "run.yaml", justAVPC+"security_groups: [{name: declared}]\n"), filepath.Join(t.TempDir(), "state.db")
	e := newEndpoint(t)
	b := ec2Run(t, e, file, "--state", state)
	group := e.text(t, "GroupId", "create-security-group", "--group-name", "kept", "--description", "It stays", "--tag-specifications", "ResourceType=security-group,Tags=[{Key=Team,Value=a}]")
	rule := e.text(t, "SecurityGroupRules[0].SecurityGroupRuleId", "authorize-security-group-ingress", "--group-id", group, "--protocol", "tcp", "--port", "22", "--cidr", "203.0.113.0/24")
	if r := sgate(t, "run", "--config", file, "--state", state); r.code != 1 || !strings.Contains(r.stderr, "another process has it open") {
		t.Errorf("a second gateway with that state: %+v", r)
	}
	if err := b.end(t, syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(state); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the state file: %v, %v", info, err)
	}

	e = newEndpoint(t)
	ec2Run(t, e, file, "--state", state)
	if got := e.text(t, "SecurityGroups[0].[GroupName,Tags[0].Value,IpPermissions[0].FromPort]", "describe-security-groups", "--group-ids", group); strings.Join(strings.Fields(got), "") != `["kept","a",22]` {
		t.Errorf("after a restart: %s", got)
	}
	if got := e.text(t, "SecurityGroupRules[0].CidrIpv4", "describe-security-group-rules", "--security-group-rule-ids", rule); got != "203.0.113.0/24" {
		t.Errorf("the rule: %s", got)
	}
	declared := e.text(t, "SecurityGroups[0].GroupId", "describe-security-groups", "--group-names", "declared")
	e.awsRefuses(t, "OperationNotPermitted", "authorize-security-group-ingress", "--group-id", declared, "--protocol", "tcp", "--port", "22", "--cidr", "203.0.113.0/24")
	e.awsRefuses(t, "OperationNotPermitted", "delete-security-group", "--group-id", declared)
	e.awsRefuses(t, "InvalidGroup.Duplicate", "create-security-group", "--group-name", "declared", "--description", "x")
	e.aws(t, nil, "delete-security-group", "--group-id", group)
}
