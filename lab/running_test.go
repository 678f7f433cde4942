package lab

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/internal/needs"
	"github.com/sgate/sgate/tun"
	"github.com/sgate/sgate/vpc"
)

// TestTwoInterfaces: the devices of one instance are in one namespace, and what is
// asked at one is answered by it. By the other the answer would be dropped, as its
// source is not that one's own.
func TestTwoInterfaces(t *testing.T) {
	w := newWorld(t)
	server := launch(&w.res, "server", "ami-sleeper", "a", "10.0.1.10", "fd00:10:0:1::10")
	w.apply()
	command, rules := w.processes("server"), w.rules("server")
	eni := vpc.NewID("eni", "second")
	addInterface(&w.res, eni, "b", "10.0.2.10", "fd00:10:0:2::10", "10.0.2.11")
	attach(&w.res, eni, server, 1)
	w.apply()
	const eth0 = "eth0 10.0.1.10/24 fd00:10:0:1::10/64"
	w.wantDevices("server", eth0, "eth1 10.0.2.10/24 10.0.2.11/24 fd00:10:0:2::10/64")
	w.serve("server")
	for _, to := range []string{"10.0.1.10", "fd00:10:0:1::10", "10.0.2.10", "10.0.2.11", "fd00:10:0:2::10"} {
		w.connect("client", to)
	}
	w.connect("laptop", "10.0.2.10") // eth0 has the default route, too

	open := w.connect("client", "10.0.1.10")
	detach(&w.res, eni)
	w.apply()
	w.wantDevices("server", eth0)
	w.wantSilence("client", "10.0.2.10")
	if got := w.rules("server"); got != rules {
		t.Errorf("%d rules are left, want %d", got, rules)
	}
	attach(&w.res, eni, server, 2)
	w.apply()
	w.wantDevices("server", eth0, "eth2 10.0.2.10/24 10.0.2.11/24 fd00:10:0:2::10/64")
	w.connect("client", "10.0.2.10")
	if err := echo(open); err != nil {
		t.Errorf("the open connection by eth0: %v", err)
	}
	if got := w.processes("server"); !slices.Equal(got, command) {
		t.Errorf("processes %v, want the command %v all along", got, command)
	}
}

// TestInterfacesOfAFilesInstance: one attached beside shares its namespace.
func TestInterfacesOfAFilesInstance(t *testing.T) {
	w := newWorld(t)
	eni := vpc.NewID("eni", "second")
	addInterface(&w.res, eni, "b", "10.0.2.10")
	attach(&w.res, eni, interfaceOf(&w.res, w.file.Endpoints[0].ID).Attachment.InstanceID, 1)
	launch(&w.res, "other", config.NetnsImage, "a", "10.0.1.10")
	w.apply()
	w.serve("client")
	w.connect("other", "10.0.2.10")
	w.connect("other", "10.0.3.10")
}

// dropped counts the drops at a member's primary device for one reason.
func (w *world) dropped(member string, why gateway.Reason) uint64 {
	for _, e := range w.lab.Config().Endpoints {
		if e.Member == member && e.DeviceIndex == 0 {
			return w.lab.Gateway().Port(e.ID).Counters().Dropped[why]
		}
	}
	return 0
}

// TestStopAndStart: a stopped instance has no device, and its namespace and
// processes are as gone as its memory. A started one has them anew.
func TestStopAndStart(t *testing.T) {
	w := newWorld(t)
	server := launch(&w.res, "server", "ami-sleeper", "a", "10.0.1.10")
	w.apply()
	first := w.processes("server")
	if len(first) != 1 {
		t.Fatalf("processes %v, want the image's command", first)
	}
	w.serve("server")
	open := w.connect("client", "10.0.1.10")

	for _, why := range []vpc.InstanceState{vpc.Stopped, vpc.Terminated} {
		setState(&w.res, server, why)
		if why == vpc.Terminated {
			detach(&w.res, vpc.NewID("eni", "server"))
		}
		before := w.dropped("client", gateway.ReasonNoRoute)
		w.apply()
		if left := namespacesOf(w.lab.Name()); len(left) != 2 {
			t.Errorf("%s: namespaces %q, want the client's and the laptop's", why, left)
		}
		if running(first[0]) {
			t.Errorf("%s: process %d still runs", why, first[0])
		}
		w.wantSilence("client", "10.0.1.10")
		if w.dropped("client", gateway.ReasonNoRoute) == before {
			t.Errorf("%s: what was sent to it was not dropped for want of a route", why)
		}
		if why == vpc.Terminated {
			break
		}
		setState(&w.res, server, vpc.Running)
		w.apply()
		second := w.processes("server")
		if len(second) != 1 || second[0] == first[0] {
			t.Errorf("started: processes %v, before %v, want another one", second, first)
		}
		w.serve("server")
		w.connect("client", "10.0.1.10")
		if err := echo(open); err == nil {
			t.Error("a connection has outlived the machine")
		}
		first = second
	}
}

func running(pid int) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	return err == nil && !strings.Contains(string(status), "\nState:\tZ")
}

// TestAssignAddresses: a device gets and loses addresses while connections go on.
func TestAssignAddresses(t *testing.T) {
	w := newWorld(t)
	launch(&w.res, "server", config.NetnsImage, "a", "10.0.1.10")
	eni := vpc.NewID("eni", "server")
	w.apply()
	w.serve("server")
	open, port := w.connect("client", "10.0.1.10"), w.lab.Gateway().Port(eni)
	for _, step := range []struct {
		change func(r *vpc.Resources, nic, addr string)
		addr   string
		want   string
	}{
		{assign, "10.0.1.11", "eth0 10.0.1.10/24 10.0.1.11/24"},
		{assign, "fd00:10:0:1::10", "eth0 10.0.1.10/24 10.0.1.11/24 fd00:10:0:1::10/64"},
		{unassign, "10.0.1.11", "eth0 10.0.1.10/24 fd00:10:0:1::10/64"},
		{unassign, "fd00:10:0:1::10", "eth0 10.0.1.10/24"},
	} {
		step.change(&w.res, eni, step.addr)
		w.apply()
		w.wantDevices("server", step.want)
		if slices.ContainsFunc(interfaceOf(&w.res, eni).Addresses, func(a netip.Addr) bool { return a.String() == step.addr }) {
			w.connect("client", step.addr)
		} else {
			w.wantSilence("client", step.addr)
		}
		if err := echo(open); err != nil {
			t.Errorf("after %s came or went: the open connection: %v", step.addr, err)
		}
		if w.lab.Gateway().Port(eni) != port {
			t.Errorf("after %s came or went: the device is another one", step.addr)
		}
	}
}

// TestApplyThatFails: a change of several things that cannot all be done is not
// done at all.
func TestApplyThatFails(t *testing.T) {
	w := newWorld(t)
	launch(&w.res, "server", config.NetnsImage, "a", "10.0.1.10")
	launch(&w.res, "other", config.NetnsImage, "a", "10.0.1.20")
	w.apply()
	w.serve("server")
	open := w.connect("client", "10.0.1.10")
	good := w.res
	state, inForce := w.stateFile(), w.lab.Config()

	busy := w.namespace("busy")
	if err := busy.Make(); err != nil {
		t.Fatal(err)
	}
	defer busy.Delete()
	if err := w.namespace("other").Do(takeDefaultRoute); err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]func(r *vpc.Resources){
		"a namespace of that name is there": func(r *vpc.Resources) { launch(r, "busy", config.NetnsImage, "a", "10.0.1.30") },
		// That of server has been changed by then.
		"an address cannot be given": func(r *vpc.Resources) { assign(r, vpc.NewID("eni", "other"), "fd00:10:0:1::20") },
	} {
		w.res = good
		w.res.Interfaces = slices.Clone(good.Interfaces)
		w.res.Instances = slices.Clone(good.Instances)
		assign(&w.res, vpc.NewID("eni", "server"), "10.0.1.11")
		launch(&w.res, "fresh", "ami-sleeper", "a", "10.0.1.40")
		edit(&w.res)
		if err := w.tryApply(); err == nil {
			t.Errorf("%s: no error", name)
		}
		if diff := cmp.Diff(w.stateFile(), state); diff != "" || w.lab.Config() != inForce {
			t.Errorf("%s: what others know (-got +want):\n%s", name, diff)
		}
		if got := namespacesOf(w.lab.Name()); len(got) != 5 {
			t.Errorf("%s: namespaces %q, want those of before", name, got)
		}
		w.wantDevices("server", "eth0 10.0.1.10/24")
		if err := echo(open); err != nil {
			t.Errorf("%s: the open connection: %v", name, err)
		}
	}
}

// takeDefaultRoute makes a default route of IPv6 that is not the lab's.
func takeDefaultRoute() error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	return netlink.RouteAdd(&netlink.Route{
		LinkIndex: lo.Attrs().Index, Dst: &net.IPNet{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)}, Scope: netlink.SCOPE_LINK,
	})
}

// stateFile is what is known of the lab from outside.
func (w *world) stateFile() string {
	data, err := os.ReadFile(filepath.Join(folderOf(w.lab.Name()), "state.json"))
	if err != nil {
		w.Fatal(err)
	}
	return string(data)
}

// TestStateIsWrittenWhenItChanges: of ten thousand members that would take longer
// than the rest of a change of rules.
func TestStateIsWrittenWhenItChanges(t *testing.T) {
	w := newWorld(t)
	file := func() os.FileInfo {
		info, err := os.Stat(filepath.Join(folderOf(w.lab.Name()), "state.json"))
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	before := file()
	open := slices.IndexFunc(w.res.SecurityGroups, func(g vpc.SecurityGroup) bool { return g.Name == "open" })
	w.res.SecurityGroups = slices.Clone(w.res.SecurityGroups)
	w.res.SecurityGroups[open].Ingress = nil
	w.apply()
	if !os.SameFile(file(), before) {
		t.Error("a change of rules has it written again")
	}
	server := launch(&w.res, "server", "ami-sleeper", "a", "10.0.1.10")
	w.apply()
	if os.SameFile(file(), before) {
		t.Error("an instance that has come does not")
	}
	m, err := load(w.lab.Name()).Member(server)
	if err != nil {
		t.Fatal(err)
	}
	want := MemberInfo{
		Name: "server", InstanceID: server, ImageID: "ami-sleeper", Namespace: namespaceName(w.lab.Name(), "server"),
		Interfaces: []InterfaceInfo{{vpc.NewID("eni", "server"), "eth0", []netip.Prefix{netip.MustParsePrefix("10.0.1.10/24")}}},
		Command:    []string{"sleep", "1000"}, Log: filepath.Join(folderOf(w.lab.Name()), "logs", "server.log"),
	}
	if !m.is(want) {
		t.Errorf("got %+v, want %+v", m, want)
	}
	assign(&w.res, vpc.NewID("eni", "server"), "10.0.1.11")
	w.apply()
	if _, err := load(w.lab.Name()).Member("10.0.1.11"); err != nil {
		t.Errorf("a new address is not written: %v", err)
	}
}

func TestMemberByAnyName(t *testing.T) {
	nic := func(id string, addrs ...string) InterfaceInfo {
		n := InterfaceInfo{ID: id}
		for _, a := range addrs {
			n.Addresses = append(n.Addresses, netip.MustParsePrefix(a))
		}
		return n
	}
	info := Info{Name: "l", Members: []MemberInfo{
		{Name: "web", InstanceID: "i-1", Interfaces: []InterfaceInfo{nic("eni-1", "10.0.1.10/24", "fd00::10/64"), nic("eni-2", "10.0.2.10/24")}},
		{Name: "i-1", InstanceID: "i-2", Interfaces: []InterfaceInfo{nic("eni-3", "10.0.1.10/24")}},
		{Name: "laptop", Host: true, Interfaces: []InterfaceInfo{nic("host-1", "203.0.113.10/32")}},
	}}
	for ref, want := range map[string]string{
		"web": "web", "eni-1": "web", "eni-2": "web", "10.0.2.10": "web", "fd00::10": "web", "FD00:0::10": "web",
		"i-1": "i-1", "i-2": "i-1", "laptop": "laptop", "host-1": "laptop", "203.0.113.10": "laptop",
	} {
		if m, err := info.Member(ref); err != nil || m.Name != want {
			t.Errorf("%s: %q, %v, want %q", ref, m.Name, err, want)
		}
	}
	for ref, want := range map[string]string{
		"10.0.1.10": `lab "l": several have 10.0.1.10, want one by its name: web, i-1`,
		"":          `lab "l" has no instance or host ""; it has: web, i-1, laptop`,
		"i-3":       `lab "l" has no instance or host "i-3"; it has: web, i-1, laptop`,
		"10.0.1.99": `lab "l" has no instance or host "10.0.1.99"; it has: web, i-1, laptop`,
	} {
		if _, err := info.Member(ref); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", ref, err, want)
		}
	}
}

// crashEnv makes the test binary bring up the lab of that name, to be killed.
const crashEnv = "SGATE_LAB_TEST_CRASH"

// upAndWait brings a lab up, launches an instance in it and waits to be killed.
func upAndWait(name string) {
	cfg, err := parse(file)
	if err != nil {
		panic(err)
	}
	l, err := Up(context.Background(), cfg, Options{Name: name, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		panic(err)
	}
	res := cfg.Resources.Resources()
	launch(&res, "server", "ami-sleeper", "a", "10.0.1.10")
	s, err := vpc.New(res)
	if err == nil {
		err = l.Apply(context.Background(), cfg.WithResources(s))
	}
	if err != nil {
		panic(err)
	}
	fmt.Println(upWord)
	select {}
}

// TestDownAfterKill: what was launched in a lab goes with the rest of it.
func TestDownAfterKill(t *testing.T) {
	needs.Root(t)
	name := testName(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashEnv+"="+name)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	word, _ := bufio.NewReader(out).ReadString('\n')
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait() // it was killed
	pids, err := (tun.Namespace{Name: namespaceName(name, "server")}).Processes()
	if strings.TrimSpace(word) != upWord || err != nil || len(pids) != 1 || len(namespacesOf(name)) != 3 {
		t.Errorf("%q: processes %v, %v, namespaces %q", word, pids, err, namespacesOf(name))
	}
	if _, err := Down(name); err != nil {
		t.Error(err)
	}
	if left := namespacesOf(name); len(left) > 0 {
		t.Errorf("namespaces are left: %q", left)
	}
	for _, pid := range pids {
		if running(pid) {
			t.Errorf("process %d is left", pid)
		}
	}
}
