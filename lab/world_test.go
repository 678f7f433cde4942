package lab

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/internal/needs"
	"github.com/sgate/sgate/tun"
	"github.com/sgate/sgate/vpc"
)

// file is what the labs of these tests begin with. Whatever else they have was
// launched beside it.
const file = `
vpc: {cidr: 10.0.0.0/16, ipv6_cidr: fd00:10::/56}
subnets:
  - {name: a, cidr: 10.0.1.0/24, ipv6_cidr: fd00:10:0:1::/64}
  - {name: b, cidr: 10.0.2.0/24, ipv6_cidr: fd00:10:0:2::/64}
  - {name: c, cidr: 10.0.3.0/24, ipv6_cidr: fd00:10:0:3::/64}
security_groups:
  - {name: open, ingress: [{protocol: -1, source: [0.0.0.0/0, "::/0"]}]}
images:
  - {id: ami-sleeper, command: [sleep, "1000"]}
instances:
  - {name: client, subnet: c, address: 10.0.3.10, ipv6_address: "fd00:10:0:3::10", security_groups: [open]}
hosts:
  - {name: laptop, address: 203.0.113.10}
`

func parse(text string) (*config.Config, error) {
	return config.Parse([]byte(text), config.Source{Path: "f.yaml"})
}

// world is a lab, and the resources that its configuration is to have.
type world struct {
	*testing.T
	lab  *Lab
	file *config.Config
	res  vpc.Resources
}

func newWorld(t *testing.T) *world {
	t.Helper()
	needs.Root(t)
	cfg, err := parse(file)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, file: cfg, res: cfg.Resources.Resources()}
	name := testName(t)
	t.Cleanup(func() {
		if left := namespacesOf(name); len(left) > 0 {
			t.Errorf("namespaces are left: %q", left)
		}
	})
	w.lab, err = Up(t.Context(), cfg, Options{Name: name, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.lab.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func namespacesOf(lab string) (names []string) {
	entries, _ := os.ReadDir(tun.NamespaceDir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), namespaceName(lab, "")) {
			names = append(names, e.Name())
		}
	}
	return names
}

// tryApply puts the world's resources in force.
func (w *world) tryApply() error {
	s, err := vpc.New(w.res)
	if err != nil {
		w.Fatal(err)
	}
	return w.lab.Apply(w.Context(), w.file.WithResources(s))
}

func (w *world) apply() {
	w.Helper()
	if err := w.tryApply(); err != nil {
		w.Fatal(err)
	}
}

// launch adds an instance with a primary interface. It returns the instance's id.
func launch(r *vpc.Resources, name, image, subnet string, addrs ...string) string {
	id := vpc.NewID("i", name)
	nic := vpc.NewID("eni", name)
	addInterface(r, nic, subnet, addrs...)
	attach(r, nic, id, 0)
	net := r.Interfaces[len(r.Interfaces)-1]
	r.Instances = append(r.Instances, vpc.Instance{
		ID: id, Name: name, VPCID: net.VPCID, SubnetID: net.SubnetID, ImageID: image, State: vpc.Running,
	})
	return id
}

func addInterface(r *vpc.Resources, id, subnet string, addrs ...string) {
	at := slices.IndexFunc(r.Subnets, func(s vpc.Subnet) bool { return s.Name == subnet })
	open := slices.IndexFunc(r.SecurityGroups, func(g vpc.SecurityGroup) bool { return g.Name == "open" })
	nic := vpc.NetworkInterface{
		ID: id, VPCID: r.Subnets[at].VPCID, SubnetID: r.Subnets[at].ID,
		GroupIDs: []string{r.SecurityGroups[open].ID}, SourceDestCheck: true,
	}
	for _, a := range addrs {
		nic.Addresses = append(nic.Addresses, netip.MustParseAddr(a))
	}
	r.Interfaces = append(r.Interfaces, nic)
}

func interfaceOf(r *vpc.Resources, id string) *vpc.NetworkInterface {
	return &r.Interfaces[slices.IndexFunc(r.Interfaces, func(n vpc.NetworkInterface) bool { return n.ID == id })]
}

func attach(r *vpc.Resources, nic, instance string, index int) {
	interfaceOf(r, nic).Attachment = vpc.Attachment{InstanceID: instance, DeviceIndex: index}
}

func detach(r *vpc.Resources, nic string) { interfaceOf(r, nic).Attachment = vpc.Attachment{} }

// assign gives an interface one address more.
func assign(r *vpc.Resources, nic, addr string) {
	n := interfaceOf(r, nic)
	n.Addresses = append(slices.Clone(n.Addresses), netip.MustParseAddr(addr))
}

func unassign(r *vpc.Resources, nic, addr string) {
	n := interfaceOf(r, nic)
	n.Addresses = slices.DeleteFunc(slices.Clone(n.Addresses), func(a netip.Addr) bool { return a.String() == addr })
}

func setState(r *vpc.Resources, instance string, state vpc.InstanceState) {
	at := slices.IndexFunc(r.Instances, func(in vpc.Instance) bool { return in.ID == instance })
	r.Instances[at].State = state
}

func (w *world) namespace(member string) tun.Namespace {
	return tun.Namespace{Name: namespaceName(w.lab.Name(), member)}
}

// serve echoes what comes to a port of a member, on all of its addresses, as long
// as its namespace and the test last.
func (w *world) serve(member string) {
	w.Helper()
	var listener net.Listener
	err := w.namespace(member).Do(func() (err error) {
		listener, err = net.Listen("tcp", ":80")
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.Context())
	done := make(chan error)
	go func() { done <- accept(ctx, listener, slog.New(slog.DiscardHandler)) }()
	w.Cleanup(func() {
		listener.Close()
		cancel()
		<-done
	})
}

// patience is how long a connection gets that is to be; silence is shorter.
const patience, silence = 10 * time.Second, 700 * time.Millisecond

// dial connects a member to port 80 of an address.
func (w *world) dial(from, to string, within time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(w.Context(), within)
	defer cancel()
	return w.lab.Dial(ctx, from, "tcp", net.JoinHostPort(to, "80"))
}

// connect returns a connection that works.
func (w *world) connect(from, to string) net.Conn {
	w.Helper()
	conn, err := w.dial(from, to, patience)
	if err == nil {
		w.Cleanup(func() { conn.Close() })
		err = echo(conn)
	}
	if err != nil {
		w.Fatalf("from %s to %s: %v", from, to, err)
	}
	return conn
}

func (w *world) wantSilence(from, to string) {
	w.Helper()
	conn, err := w.dial(from, to, silence)
	if err == nil {
		conn.Close()
	}
	if failed, is := err.(net.Error); !is || !failed.Timeout() {
		w.Errorf("from %s to %s: %v, want no answer", from, to, err)
	}
}

// echo sends a line through a connection to a server, and back.
func echo(conn net.Conn) error {
	const line = "hello\n"
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, line); err != nil {
		return err
	}
	got := make([]byte, len(line))
	if _, err := io.ReadFull(conn, got); err != nil {
		return err
	}
	if string(got) != line {
		return fmt.Errorf("%q came back", got)
	}
	return nil
}

// devices lists the devices in a member's namespace, the loopback aside, each with
// its addresses.
func (w *world) devices(member string) (found []string) {
	w.Helper()
	err := w.namespace(member).Do(func() error {
		all, err := net.Interfaces()
		if err != nil {
			return err
		}
		for _, one := range all {
			if one.Flags&net.FlagLoopback != 0 {
				continue
			}
			addrs, err := one.Addrs()
			if err != nil {
				return err
			}
			text := []string{one.Name}
			for _, addr := range addrs {
				text = append(text, addr.String())
			}
			found = append(found, strings.Join(text, " "))
		}
		return nil
	})
	if err != nil {
		w.Fatal(err)
	}
	slices.Sort(found)
	return found
}

func (w *world) wantDevices(member string, want ...string) {
	w.Helper()
	if diff := cmp.Diff(w.devices(member), want); diff != "" {
		w.Errorf("devices of %s (-got +want):\n%s", member, diff)
	}
}

// rules counts the rules of IPv4 in a member's namespace.
func (w *world) rules(member string) (n int) {
	w.Helper()
	err := w.namespace(member).Do(func() error {
		rules, err := netlink.RuleList(netlink.FAMILY_V4)
		n = len(rules)
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return n
}

// processes lists those in a member's namespace.
func (w *world) processes(member string) []int {
	w.Helper()
	pids, err := w.namespace(member).Processes()
	if err != nil {
		w.Fatal(err)
	}
	return pids
}
