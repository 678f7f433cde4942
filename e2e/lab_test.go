package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sgate/sgate/internal/needs"
)

const threeTier = "../configs/three-tier.yaml"

func TestLabLifeCycle(t *testing.T) {
	needs.Root(t)
	lab := labName(t)
	said := upNamed(t, lab, threeTier)
	if pid := regexp.MustCompile(`is up \(process (\d+)\)`).FindStringSubmatch(said); pid == nil || !alive(pid[1]) {
		t.Errorf("lab up --detach says %q, want the id of the lab's process", said)
	}

	list := must(t, "lab", "list").stdout
	for _, want := range []string{lab, "10.0.1.10,fd00:10:0:1::10", "sgate." + lab + ".db", "sgate listen 3306"} {
		if !strings.Contains(list, want) {
			t.Errorf("lab list lacks %q:\n%s", want, list)
		}
	}
	wantConnect(t, "connects", lab, "laptop", "10.0.1.10", "22")
	wantConnect(t, "times out", lab, "stranger", "10.0.1.10", "22")
	wantConnect(t, "refused", lab, "laptop", "10.0.1.10", "80")

	output, err := os.ReadFile("/run/sgate/labs/" + lab + "/logs/web.log")
	if err != nil || !strings.Contains(string(output), "listening") || !strings.Contains(string(output), "203.0.113.10:") {
		t.Errorf("web's output is not kept: %q, %v", output, err)
	}

	pids := pidsIn(t, lab)
	if len(pids) != 3 {
		t.Errorf("processes in the namespaces: %v, want the three commands", pids)
	}
	must(t, "lab", "down", lab)
	nothingLeft(t, lab)
	allEnded(t, pids)
}

func TestLabExecPassesEverythingThrough(t *testing.T) {
	needs.Root(t)
	lab := labUp(t, threeTier)
	r := runFor(t, 20e9, "from the terminal", binary(t), "lab", "exec", "--lab", lab, "web", "--",
		"sh", "-c", "cat; echo to stderr >&2; exit 7")
	if r.stdout != "from the terminal" || r.stderr != "to stderr\n" || r.code != 7 {
		t.Errorf("got %+v", r)
	}
	if r := in(t, lab, "web", "ip", "-brief", "address", "show", "dev", "eth0"); !strings.Contains(r.stdout, "10.0.1.10/24") || !strings.Contains(r.stdout, "fd00:10:0:1::10/64") {
		t.Errorf("web's device: %s%s", r.stdout, r.stderr)
	}
	if r := in(t, lab, "nobody", "true"); r.code == 0 || !strings.Contains(r.stderr, `has no instance or host "nobody"; it has: web, app, db, laptop, stranger`) {
		t.Errorf("an unknown member: %+v", r)
	}
	if r := in(t, lab, "web", "no-such-program"); r.code == 0 || !strings.Contains(r.stderr, "no-such-program") {
		t.Errorf("an unknown program: %+v", r)
	}
}

func TestLabEndsOnInterrupt(t *testing.T) {
	needs.Root(t)
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		name := labName(t)
		b := labStart(t, name, threeTier)
		pids := pidsIn(t, name)
		if err := b.end(t, signal); err != nil {
			t.Errorf("%v: %v", signal, err)
		}
		nothingLeft(t, name)
		allEnded(t, pids)
	}
}

func TestCrashedLab(t *testing.T) {
	needs.Root(t)
	name := labName(t)
	b := labStart(t, name, threeTier)
	pids := pidsIn(t, name)
	_ = b.end(t, syscall.SIGKILL)

	// The crash has left namespaces and commands behind.
	if len(pids) != 3 || !alive(pids[0]) || len(namespaces(t, name)) != 5 {
		t.Fatalf("processes %v, namespaces %v", pids, namespaces(t, name))
	}
	list := must(t, "lab", "list").stdout
	if !regexp.MustCompile(`(?m)^` + name + ` +crashed`).MatchString(list) { // other labs may be up, with longer names
		t.Errorf("lab list does not say that it crashed:\n%s", list)
	}
	must(t, "lab", "down", name)
	nothingLeft(t, name)
	allEnded(t, pids)
}

func TestUpAfterCrash(t *testing.T) {
	needs.Root(t)
	name := labName(t)
	b := labStart(t, name, threeTier)
	_ = b.end(t, syscall.SIGKILL)
	upNamed(t, name, threeTier)
	wantConnect(t, "connects", name, "app", "10.0.2.30", "3306")
}

func TestTwoLabsWithTheSameAddresses(t *testing.T) {
	needs.Root(t)
	first, second := labName(t), "second-"+fmt.Sprint(os.Getpid())
	upNamed(t, first, threeTier)
	upNamed(t, second, threeTier)
	// A server in one of them only.
	serve := start(t, "lab", "exec", "--lab", second, "web", "--", "sgate", "listen", "80")
	serve.says(t, "listening")
	wantConnect(t, "refused", first, "laptop", "10.0.1.10", "80")
	wantConnect(t, "connects", second, "laptop", "10.0.1.10", "80")
	if r := sgate(t, "lab", "exec", "web", "true"); r.code == 0 || !strings.Contains(r.stderr, "several labs are up, name one") {
		t.Errorf("exec without a name: %+v", r)
	}
	must(t, "lab", "down", second)
	wantConnect(t, "connects", first, "laptop", "10.0.1.10", "22")
}

func TestNameAlreadyUp(t *testing.T) {
	needs.Root(t)
	lab := labUp(t, threeTier)
	r := sgate(t, "lab", "up", threeTier, "--name", lab)
	if r.code != 1 || !strings.Contains(r.stderr, fmt.Sprintf("lab %q: already up (process ", lab)) {
		t.Errorf("got %+v", r)
	}
	r = sgate(t, "lab", "up", threeTier, "--name", lab, "--detach")
	if r.code != 1 || !strings.Contains(r.stderr, "already up") {
		t.Errorf("detached: got %+v", r)
	}
	wantConnect(t, "connects", lab, "laptop", "10.0.1.10", "22")
}

func TestLabThatFailsLeavesNothing(t *testing.T) {
	needs.Root(t)
	name := labName(t)
	bad := writeFile(t, "bad.yaml", "vpc: {cidr: 10.0.0.0/33}\n")
	if r := sgate(t, "lab", "up", bad, "--name", name); r.code != 1 || !strings.Contains(r.stderr, bad+":1:") {
		t.Errorf("a bad file: %+v", r)
	}
	nothingLeft(t, name)
	if r := sgate(t, "lab", "up", threeTier, "--name", "no spaces"); r.code != 1 || !strings.Contains(r.stderr, "letters, digits and hyphens") {
		t.Errorf("a bad name: %+v", r)
	}
	if r := sgate(t, "lab", "down", name); r.code != 1 || !strings.Contains(r.stderr, "is not up") && !strings.Contains(r.stderr, "no lab is up") {
		t.Errorf("down of a lab that is not up: %+v", r)
	}
}

func TestLabFollowsItsFile(t *testing.T) {
	needs.Root(t)
	content, err := os.ReadFile(threeTier)
	if err != nil {
		t.Fatal(err)
	}
	file := writeFile(t, "lab.yaml", string(content))
	name := labName(t)
	b := labStart(t, name, file)
	wantConnect(t, "times out", name, "web", "10.0.2.30", "3306")
	pids := pidsIn(t, name)

	// An instance comes, with its command, another one goes.
	changed := strings.Replace(string(content), "hosts:", `  - name: batch
    subnet: private
    address: 10.0.2.40
    security_groups: [app]
    command: [sgate, listen, "8080"]
hosts:`, 1)
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	until(t, "batch", func() bool { return len(namespaces(t, name)) == 6 })
	b.says(t, "policy=2")
	wantConnect(t, "connects", name, "batch", "10.0.2.30", "3306")
	wantConnect(t, "connects", name, "web", "10.0.2.40", "8080")

	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	b.says(t, "policy=3")
	until(t, "batch's end", func() bool { return len(namespaces(t, name)) == 5 })
	for _, pid := range pids {
		if !alive(pid) {
			t.Errorf("process %s, whose command did not change, was ended", pid)
		}
	}
	wantConnect(t, "connects", name, "app", "10.0.2.30", "3306")
	if err := b.end(t, syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	nothingLeft(t, name)
}

// TestEveryExampleRuns brings each file of configs/ up as a lab: every member
// has its addresses and reaches its router, where it has one.
func TestEveryExampleRuns(t *testing.T) {
	needs.Root(t)
	for _, file := range examples(t) {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			must(t, "check", file)
			lab := labUp(t, file)
			for _, ns := range namespaces(t, lab) {
				member := strings.TrimPrefix(filepath.Base(ns), "sgate."+lab+".")
				route := in(t, lab, member, "ip", "route", "show", "default").stdout
				via := strings.Fields(route)
				if len(via) < 3 || via[0] != "default" {
					t.Errorf("%s has no default route: %q", member, route)
					continue
				}
				if via[1] != "via" {
					continue // a host, on a link of its own
				}
				if r := in(t, lab, member, "ping", "-c", "1", "-W", "5", via[2]); r.code != 0 {
					t.Errorf("%s does not reach its router %s: %s%s", member, via[2], r.stdout, r.stderr)
				}
			}
		})
	}
}

func TestDetachHoweverSpelled(t *testing.T) {
	needs.Root(t)
	name := labName(t)
	t.Cleanup(func() { goesDown(t, name) })
	must(t, "lab", "up", threeTier, "--name", name, "-d=true")
	wantConnect(t, "connects", name, "laptop", "10.0.1.10", "22")
}

// TestListBesideUpAndDown looks at labs all the while one comes and goes.
func TestListBesideUpAndDown(t *testing.T) {
	needs.Root(t)
	name := labName(t)
	t.Cleanup(func() { goesDown(t, name) })
	stop := make(chan struct{})
	var looking sync.WaitGroup
	looking.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if out, err := exec.Command(binary(t), "lab", "list").CombinedOutput(); err != nil {
				t.Errorf("lab list: %v\n%s", err, out)
				return
			}
		}
	})
	defer looking.Wait()
	defer close(stop)
	for range 5 {
		must(t, "lab", "up", "../configs/minimal.yaml", "--name", name, "-d")
		must(t, "lab", "down", name)
		nothingLeft(t, name)
	}
}

// TestInterruptedStart ends labs at various moments of their coming up.
func TestInterruptedStart(t *testing.T) {
	needs.Root(t)
	for after := time.Duration(0); after < 60*time.Millisecond; after += 6 * time.Millisecond {
		name := labName(t)
		b := start(t, "lab", "up", threeTier, "--name", name, "-d")
		time.Sleep(after)
		err := b.end(t, syscall.SIGTERM)
		if err == nil { // it was up before it was told
			must(t, "lab", "down", name)
		}
		nothingLeft(t, name)
	}
}

// TestCommandIsTriedAgain names a program that is not there yet: the lab comes
// up without it, and a reload starts it once it is.
func TestCommandIsTriedAgain(t *testing.T) {
	needs.Root(t)
	program := filepath.Join(t.TempDir(), "late")
	file := writeFile(t, "late.yaml", `
vpc: {cidr: 10.0.0.0/16}
subnets: [{name: net, cidr: 10.0.1.0/24}]
instances: [{name: late, address: 10.0.1.10, command: [`+program+`, "600"]}]
`)
	name := labName(t)
	b := labStart(t, name, file)
	b.says(t, "command not started")
	if err := os.Symlink("/bin/sleep", program); err != nil {
		t.Fatal(err)
	}
	if err := b.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	b.says(t, "policy=2")
	until(t, "the command", func() bool { return len(pidsIn(t, name)) == 1 })
}
