package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sgate/sgate/internal/needs"
)

// connection is an open connection to a server that sends back every line.
type connection struct {
	stdin io.Writer
	lines chan string // that came back
}

// openConnection runs a client, such as nc, whose input and output are the
// connection; the test ends it.
func openConnection(t *testing.T, command ...string) *connection {
	t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &connection{stdin, make(chan string, 100)}
	read := make(chan struct{})
	go func() {
		defer close(read)
		for in := bufio.NewScanner(stdout); in.Scan(); {
			c.lines <- in.Text()
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-read
		_ = cmd.Wait()
	})
	return c
}

func (c *connection) send(t *testing.T, line string) {
	t.Helper()
	if _, err := fmt.Fprintln(c.stdin, line); err != nil {
		t.Fatal(err)
	}
}

// echoes checks that a line comes back.
func (c *connection) echoes(t *testing.T, line string) {
	t.Helper()
	c.send(t, line)
	until(t, "the echo of "+line, func() bool { return len(c.lines) > 0 })
	if got := <-c.lines; got != line {
		t.Errorf("sent %q, got %q back", line, got)
	}
}

// counted is what `sgate counters` prints for programs.
type counted struct {
	Interfaces []struct {
		Name, ID string
		Received uint64
		Forward  uint64 `json:"forwarded"`
		Local    uint64
		Dropped  uint64
		Drops    map[string]uint64
	}
}

// countersOf asks a gateway, which its flag names, for counters.
func countersOf(t *testing.T, flag, gateway string, names ...string) counted {
	t.Helper()
	var c counted
	out := must(t, append([]string{"counters", flag, gateway, "--output", "json"}, names...)...).stdout
	if err := json.Unmarshal([]byte(out), &c); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return c
}

// dropsOf is how often one endpoint's packets were dropped for a reason.
func dropsOf(t *testing.T, flag, gateway, name, reason string) uint64 {
	t.Helper()
	return countersOf(t, flag, gateway, name).Interfaces[0].Drops[reason]
}

// fallsSilent checks that a connection's packets no longer arrive: the gateway
// drops them for want of an ingress rule, and nothing comes back.
func (c *connection) fallsSilent(t *testing.T, flag, gateway, client string) {
	t.Helper()
	before := dropsOf(t, flag, gateway, client, "no_ingress_rule")
	c.send(t, "after the cut")
	// TCP sends it again and again.
	until(t, "drops of what "+client+" sends", func() bool { return dropsOf(t, flag, gateway, client, "no_ingress_rule") >= before+2 })
	if len(c.lines) > 0 {
		t.Errorf("it still arrives: %q comes back", <-c.lines)
	}
}

func TestCounters(t *testing.T) {
	needs.Root(t)
	lab := labUp(t, threeTier)
	if text := must(t, "counters", "--lab", lab).stdout; strings.Contains(text, "no_ingress_rule") {
		t.Errorf("drops before anybody sent anything:\n%s", text)
	}
	wantConnect(t, "times out", lab, "stranger", "10.0.1.10", "22")
	wantConnect(t, "connects", lab, "laptop", "10.0.1.10", "22")

	text := must(t, "counters", "--lab", lab, "stranger").stdout
	if !strings.HasPrefix(text, "stranger (host-") || !strings.Contains(text, "\n          no_ingress_rule: ") ||
		!strings.Contains(text, "\n     forwarded: 0\n") || strings.Contains(text, "no_egress_rule") || strings.Contains(text, "laptop") {
		t.Errorf("the stranger's counters:\n%s", text)
	}
	if all := must(t, "counters", "--lab", lab, "--all", "stranger").stdout; !strings.Contains(all, "no_egress_rule: 0\n") {
		t.Errorf("--all:\n%s", all)
	}

	c := countersOf(t, "--lab", lab)
	var names []string
	for _, i := range c.Interfaces {
		names = append(names, i.Name)
		if i.Received != i.Forward+i.Local+i.Dropped {
			t.Errorf("%s: received %d packets, and %d forwarded, %d local, %d dropped", i.Name, i.Received, i.Forward, i.Local, i.Dropped)
		}
	}
	if got := strings.Join(names, " "); got != "web app db laptop stranger" {
		t.Errorf("interfaces: %s", got)
	}
	if laptop := c.Interfaces[3]; laptop.Forward == 0 || laptop.Dropped != 0 {
		t.Errorf("the laptop: %+v", laptop)
	}
	if byID := countersOf(t, "--lab", lab, c.Interfaces[0].ID); len(byID.Interfaces) != 1 || byID.Interfaces[0].Name != "web" {
		t.Errorf("by id: %+v", byID)
	}
	if r := sgate(t, "counters", "--lab", lab, "nobody"); r.code != 1 || !strings.Contains(r.stderr, `no instance or host "nobody"; there are: web, app, db, laptop, stranger`) {
		t.Errorf("an unknown name: %+v", r)
	}
}

// TestFlowsCutInALab removes the rule of an open connection, which lives on, as
// in AWS (docs/semantics.md, "Connection tracking"), and then cuts it.
func TestFlowsCutInALab(t *testing.T) {
	needs.Root(t)
	content, err := os.ReadFile(threeTier)
	if err != nil {
		t.Fatal(err)
	}
	file := writeFile(t, "lab.yaml", string(content))
	lab := labName(t)
	b := labStart(t, lab, file)
	wantConnect(t, "connects", lab, "app", "10.0.2.30", "3306")
	wantConnect(t, "connects", lab, "web", "10.0.2.20", "8080")
	database := openConnection(t, binary(t), "lab", "exec", "--lab", lab, "app", "--", "nc", "-n", "10.0.2.30", "3306")
	application := openConnection(t, binary(t), "lab", "exec", "--lab", lab, "web", "--", "nc", "-n", "10.0.2.20", "8080")
	database.echoes(t, "before")
	application.echoes(t, "before")

	removed := strings.Replace(string(content), "- {type: MySQL/Aurora, source: app, ", "- {type: MySQL/Aurora, source: db, ", 1)
	if removed == string(content) {
		t.Fatal("the example has changed")
	}
	if err := os.WriteFile(file, []byte(removed), 0o600); err != nil {
		t.Fatal(err)
	}
	b.says(t, "policy=2")
	wantConnect(t, "times out", lab, "app", "10.0.2.30", "3306")
	database.echoes(t, "after its rule was removed")

	filter := []string{"--lab", lab, "--from", "app", "--to", "10.0.2.0/24", "--protocol", "tcp", "--port", "3306"}
	for _, c := range []struct {
		flags      []string
		want, says string
	}{
		{[]string{"--dry-run"}, "ESTABLISHED", "would be cut\n"},
		{nil, "ESTABLISHED", " cut\n"},
	} {
		out := must(t, append(append([]string{"flows", "cut"}, filter...), c.flags...)...).stdout
		if !strings.HasSuffix(out, c.says) || !strings.Contains(out, c.want) {
			t.Errorf("flows cut %q:\n%s", c.flags, out)
		}
		if !strings.HasPrefix(out, "PROTOCOL") || !strings.Contains(out, "app 10.0.2.20:") || !strings.Contains(out, "db 10.0.2.30:3306") {
			t.Errorf("flows cut %q:\n%s", c.flags, out)
		}
		if len(c.flags) > 0 {
			database.echoes(t, "after a dry run")
		}
	}
	database.fallsSilent(t, "--lab", lab, "app")
	application.echoes(t, "after the cut of another one")
	if out := must(t, "flows", "cut", "--lab", lab, "--protocol", "udp").stdout; out != "no flow matches: nothing to cut\n" {
		t.Errorf("flows cut of none:\n%s", out)
	}

	// A connection that rules admit goes on after its flow is cut.
	out := must(t, "flows", "cut", "--lab", lab, "--all", "--output", "json").stdout
	var cut struct{ Flows []map[string]any }
	if err := json.Unmarshal([]byte(out), &cut); err != nil || len(cut.Flows) == 0 {
		t.Errorf("flows cut --all: %v\n%s", err, out)
	}
	application.echoes(t, "after the cut of all")
	for _, args := range [][]string{{}, {"--all", "--instance", "db"}, {"--instance", ""}, {"--all", "--port", "0"}} {
		if r := sgate(t, append([]string{"flows", "cut", "--lab", lab}, args...)...); r.code != 1 {
			t.Errorf("flows cut %q: %+v", args, r)
		}
	}
}

func TestFlowsCutInARun(t *testing.T) {
	needs.Root(t)
	client, server := netns(t, "client"), netns(t, "server")
	// Without egress rules the server cannot open the flow anew from its side.
	config := func(rules string) string { return pair("netns: "+client, "netns: "+server, rules+"\n    egress: []") }
	file := writeFile(t, "run.yaml", config(admitSSH+"\n      - {type: HTTP, source: 10.0.1.10/32}"))
	b := start(t, "run", "--config", file)
	b.says(t, "policy=1")
	startCommand(t, exec.Command("ip", "netns", "exec", server, binary(t), "listen", "22", "80"))
	socket := fmt.Sprintf("/run/sgate/gateways/%d.sock", b.cmd.Process.Pid)
	for _, port := range []string{"22", "80"} {
		until(t, "the server", func() bool { return nsConnect(t, client, "10.0.1.20", port) == "connects" })
	}
	ssh := openConnection(t, "ip", "netns", "exec", client, "nc", "-n", "10.0.1.20", "22")
	http := openConnection(t, "ip", "netns", "exec", client, "nc", "-n", "10.0.1.20", "80")
	ssh.echoes(t, "before")
	http.echoes(t, "before")
	if err := os.WriteFile(file, []byte(config("[]")), 0o600); err != nil {
		t.Fatal(err)
	}
	b.says(t, "policy=2")
	ssh.echoes(t, "after its rule was removed")
	must(t, "flows", "cut", "--control", socket, "--instance", "server", "--port", "22")
	ssh.fallsSilent(t, "--control", socket, "client")
	http.echoes(t, "after the cut of another one") // its rule has gone, its flow has not
	_ = b.end(t, syscall.SIGTERM)
}

// TestControlSocketComesAndGoes holds where the socket of `sgate run` is, who
// may open it, and that none is left.
func TestControlSocketComesAndGoes(t *testing.T) {
	needs.Root(t)
	client, server := netns(t, "client"), netns(t, "server")
	file := writeFile(t, "run.yaml", pair("netns: "+client, "netns: "+server, admitSSH))
	up := func(flags ...string) (*background, string) {
		t.Helper()
		b := start(t, append([]string{"run", "--config", file}, flags...)...)
		b.says(t, "all are up")
		return b, fmt.Sprintf("/run/sgate/gateways/%d.sock", b.cmd.Process.Pid)
	}
	b, socket := up()
	for path, want := range map[string]fs.FileMode{socket: fs.ModeSocket | 0o600, filepath.Dir(socket): fs.ModeDir | 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, want %v (%v)", path, info, want, err)
		}
	}
	must(t, "counters", "--control", socket)
	if err := b.end(t, syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(socket); !os.IsNotExist(err) {
		t.Errorf("the socket is left: %v", err)
	}

	b, killed := up()
	_ = b.end(t, syscall.SIGKILL)
	if _, err := os.Lstat(killed); err != nil {
		t.Fatalf("a killed gateway leaves its socket: %v", err)
	}
	if r := sgate(t, "counters", "--control", killed); r.code != 1 || !strings.Contains(r.stderr, "no gateway listens there") {
		t.Errorf("counters of a killed gateway: %+v", r)
	}
	b, _ = up()
	if _, err := os.Lstat(killed); !os.IsNotExist(err) {
		t.Errorf("the killed gateway's socket is left: %v", err)
	}
	_ = b.end(t, syscall.SIGTERM)

	own := filepath.Join(t.TempDir(), "own.sock")
	b, socket = up("--control", own)
	if _, err := os.Lstat(socket); !os.IsNotExist(err) {
		t.Errorf("there is a socket at the default path, too: %v", err)
	}
	must(t, "counters", "--control", own)
	_ = b.end(t, syscall.SIGKILL)
	b, _ = up("--control", own)
	must(t, "counters", "--control", own)
	if r := sgate(t, "run", "--config", file, "--control", own); r.code != 1 || !strings.Contains(r.stderr, own) || !strings.Contains(r.stderr, "another process listens there") {
		t.Errorf("a second gateway at that socket: %+v", r)
	}
	_ = b.end(t, syscall.SIGTERM)
	if _, err := os.Lstat(own); !os.IsNotExist(err) {
		t.Errorf("the socket is left: %v", err)
	}
}

func TestControlSocketOfALab(t *testing.T) {
	needs.Root(t)
	name := labName(t)
	b := labStart(t, name, threeTier)
	socket := "/run/sgate/labs/" + name + "/control.sock"
	if info, err := os.Stat(socket); err != nil || info.Mode() != fs.ModeSocket|0o600 {
		t.Errorf("%v, %v", info, err)
	}
	must(t, "counters", "--control", socket)
	_ = b.end(t, syscall.SIGKILL)
	if r := sgate(t, "counters", "--lab", name); r.code != 1 || !strings.Contains(r.stderr, "has crashed") {
		t.Errorf("counters of a crashed lab: %+v", r)
	}
	upNamed(t, name, threeTier)
	must(t, "counters", "--lab", name)
	must(t, "lab", "down", name)
	if r := sgate(t, "counters", "--lab", name); r.code != 1 || !strings.Contains(r.stderr, "no lab is up") && !strings.Contains(r.stderr, "is not up") {
		t.Errorf("counters of a lab that is down: %+v", r)
	}
}

// TestWhichGateway runs a lab and a gateway: without a flag, the user is asked
// which one is meant.
func TestWhichGateway(t *testing.T) {
	needs.Root(t)
	lab := labUp(t, "../configs/minimal.yaml")
	file := writeFile(t, "run.yaml", pair("netns: "+netns(t, "client"), "netns: "+netns(t, "server"), admitSSH))
	b := start(t, "run", "--config", file)
	b.says(t, "all are up")
	r := sgate(t, "counters")
	for _, want := range []string{"several gateways are running, name one: ", "--lab " + lab, fmt.Sprintf("--control /run/sgate/gateways/%d.sock", b.cmd.Process.Pid)} {
		if r.code != 1 || !strings.Contains(r.stderr, want) {
			t.Errorf("no flag: %+v, want %q", r, want)
		}
	}
	if r := sgate(t, "counters", "--lab", lab, "--control", "/x"); r.code != 1 || !strings.Contains(r.stderr, "[lab control]") {
		t.Errorf("both flags: %+v", r)
	}
	_ = b.end(t, syscall.SIGTERM)
}

func TestControlSocketRefused(t *testing.T) {
	needs.Root(t)
	client, server := netns(t, "client"), netns(t, "server")
	file := writeFile(t, "run.yaml", pair("netns: "+client, "netns: "+server, admitSSH))
	for socket, want := range map[string]string{
		"/tmp/" + strings.Repeat("x", 103): "a Unix socket's at most 107",
		file:                               "no socket",
		file + "/below":                    "not a directory",
		"":                                 "is empty",
	} {
		r := sgate(t, "run", "--config", file, "--control", socket)
		if r.code != 1 || !strings.Contains(r.stderr, want) || !strings.Contains(r.stderr, "control") || strings.Contains(r.stderr, "device is up") {
			t.Errorf("--control %q: %+v, want %q and no device", socket, r, want)
		}
	}
}
