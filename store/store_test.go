package store

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	bolt "go.etcd.io/bbolt"

	"github.com/sgate/sgate/vpc"
)

const (
	mainVPC  = "vpc-00000000000000001"
	mainNet  = "subnet-00000000000000001"
	webNIC   = "eni-00000000000000001" // without groups in the file
	dbNIC    = "eni-00000000000000002" // with a group in the file
	dbGroup  = "sg-00000000000000001"
	newGroup = "sg-000000000000000aa"
)

// file is what a configuration file declares.
func file() Declaration {
	at := func(line int) vpc.Origin { return vpc.Origin{File: "lab.yaml", Line: line, Column: 3} }
	return Declaration{Resources: vpc.Resources{
		VPCs:           []vpc.VPC{{ID: mainVPC, Name: "main", CIDR: netip.MustParsePrefix("10.0.0.0/16"), Origin: at(1)}},
		Subnets:        []vpc.Subnet{{ID: mainNet, Name: "a", VPCID: mainVPC, CIDR: netip.MustParsePrefix("10.0.1.0/24"), Origin: at(2)}},
		SecurityGroups: []vpc.SecurityGroup{{ID: dbGroup, Name: "db", VPCID: mainVPC, Origin: at(3)}},
		Interfaces: []vpc.NetworkInterface{
			{ID: webNIC, Name: "web", VPCID: mainVPC, SubnetID: mainNet, Addresses: []netip.Addr{netip.MustParseAddr("10.0.1.10")}, Origin: at(4)},
			{ID: dbNIC, Name: "db", VPCID: mainVPC, SubnetID: mainNet, Addresses: []netip.Addr{netip.MustParseAddr("10.0.1.20")}, GroupIDs: []string{dbGroup}, Origin: at(5)},
		},
		Tags: []vpc.TagSet{{ResourceID: dbGroup, Tags: []vpc.Tag{{Key: "owner", Value: "file"}}}},
	}}
}

// world is a store and what was put in force.
type world struct {
	*Store
	t       *testing.T
	path    string
	inForce *View
	refuse  error
	during  func() // while something is being put in force
}

func open1(t *testing.T, path string) *world {
	t.Helper()
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{Store: s, t: t, path: path}
	t.Cleanup(func() { w.Close() })
	w.declare(file())
	return w
}

func (w *world) apply(_ context.Context, v *View) error {
	if w.during != nil {
		w.during()
	}
	if w.refuse != nil {
		return w.refuse
	}
	w.inForce = v
	return nil
}

func (w *world) declare(d Declaration) {
	w.t.Helper()
	if err := w.Declare(context.Background(), d, w.apply); err != nil {
		w.t.Fatal(err)
	}
}

// change makes a change that has to succeed.
func (w *world) change(f func(*Draft) error) {
	w.t.Helper()
	if err := w.Change(context.Background(), f); err != nil {
		w.t.Fatal(err)
	}
	if w.inForce != w.View() {
		w.t.Error("what is in force is not what is told")
	}
}

// reopened returns the store of a process that starts anew.
func (w *world) reopened() *world {
	w.t.Helper()
	if err := w.Close(); err != nil {
		w.t.Fatal(err)
	}
	return open1(w.t, w.path)
}

func state(t *testing.T) string { return filepath.Join(t.TempDir(), "state.db") }

// group returns a group of the API with a rule.
func group(id, name string, port int32) vpc.SecurityGroup {
	return vpc.SecurityGroup{ID: id, Name: name, VPCID: mainVPC, Description: "of the API", Ingress: []vpc.Rule{{
		ID: "sgr-" + id[3:], Protocol: vpc.TCP, FromPort: port, ToPort: port, Peer: vpc.Peer{CIDR: netip.MustParsePrefix("203.0.113.9/24")}, Description: "ssh",
	}}}
}

func put(g vpc.SecurityGroup) func(*Draft) error {
	return func(d *Draft) error { return d.SecurityGroups.Put(g) }
}

// contents is a view as something to be compared.
func contents(v *View) (vpc.Resources, []FlowLog) {
	r := v.Snapshot.Resources()
	byID := func(a, b vpc.SecurityGroup) int { return strings.Compare(a.ID, b.ID) }
	slices.SortFunc(r.SecurityGroups, byID)
	slices.SortFunc(r.Tags, func(a, b vpc.TagSet) int { return strings.Compare(a.ResourceID, b.ResourceID) })
	return r, v.FlowLogs
}

func diff(a, b *View) string {
	ra, fa := contents(a)
	rb, fb := contents(b)
	opts := []cmp.Option{cmpopts.EquateEmpty(), cmp.Comparer(func(x, y netip.Prefix) bool { return x == y }), cmp.Comparer(func(x, y netip.Addr) bool { return x == y })}
	return cmp.Diff(ra, rb, opts...) + cmp.Diff(fa, fb, opts...)
}

func TestAChangeIsInForceToldAndKept(t *testing.T) {
	w := open1(t, state(t))
	w.change(put(group(newGroup, "ssh", 22)))
	g, ok := w.View().SecurityGroup(newGroup)
	if !ok || len(g.Ingress) != 1 || g.Ingress[0].Peer.String() != "203.0.113.0/24" {
		t.Fatalf("the view has %+v, %v", g, ok)
	}
	before := w.View()
	w = w.reopened()
	if d := diff(before, w.View()); d != "" {
		t.Errorf("after a restart (-before +after):\n%s", d)
	}
	w.change(func(d *Draft) error { return d.SecurityGroups.Delete(newGroup) })
	if _, ok := w.reopened().View().SecurityGroup(newGroup); ok {
		t.Error("a deleted group is back after a restart")
	}
}

// TestEveryKindIsKept makes one of each kind that the API owns.
func TestEveryKindIsKept(t *testing.T) {
	w := open1(t, state(t))
	cidr := netip.MustParsePrefix
	const own, ownNet, ownNIC, ownInstance = "vpc-000000000000000aa", "subnet-000000000000000aa", "eni-000000000000000aa", "i-000000000000000aa"
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	w.change(func(d *Draft) error {
		return errors.Join(
			d.VPCs.Put(vpc.VPC{ID: own, Name: "own", CIDR: cidr("172.31.0.0/16"), IPv6CIDR: cidr("fd00:31::/56"), Default: true, DNSSupport: true}),
			d.Subnets.Put(vpc.Subnet{ID: ownNet, VPCID: own, CIDR: cidr("172.31.0.0/20"), AvailabilityZone: "us-east-1b", DefaultForAZ: true}),
			d.SecurityGroups.Put(group(newGroup, "ssh", 22)),
			d.PrefixLists.Put(vpc.PrefixList{
				ID: "pl-000000000000000aa", Name: "office", MaxEntries: 3, Version: 2, Entries: []vpc.PrefixListEntry{{CIDR: cidr("198.51.100.0/24"), Description: "b"}},
				History: []vpc.PrefixListVersion{{Number: 1, Entries: []vpc.PrefixListEntry{{CIDR: cidr("203.0.113.0/24")}}}},
			}),
			d.NetworkACLs.Put(vpc.NetworkACL{ID: "acl-000000000000000aa", VPCID: own, Default: true, Entries: []vpc.NetworkACLEntry{
				{Number: 7, Direction: vpc.Egress, Allow: true, Protocol: vpc.UDP, FromPort: 53, ToPort: 53, CIDR: cidr("0.0.0.0/0")},
			}}),
			d.Interfaces.Put(vpc.NetworkInterface{
				ID: ownNIC, VPCID: own, SubnetID: ownNet, Addresses: []netip.Addr{netip.MustParseAddr("172.31.0.9")}, Description: "first", SourceDestCheck: true,
				Attachment:         vpc.Attachment{InstanceID: ownInstance, DeleteOnTermination: true, Time: at},
				ConnectionTracking: vpc.ConnectionTracking{UDP: 40 * time.Second},
			}),
			d.Instances.Put(vpc.Instance{ID: ownInstance, Name: "one", VPCID: own, SubnetID: ownNet, ImageID: "ami-netns", LaunchTime: at, State: vpc.Running, StateTime: at}),
			d.Tags.Put(vpc.TagSet{ResourceID: ownNIC, Tags: []vpc.Tag{{Key: "b", Value: "2"}, {Key: "a", Value: ""}}}),
			d.FlowLogs.Put(FlowLog{ID: "fl-000000000000000aa", ResourceID: own, TrafficType: "ALL", Interval: time.Minute, Format: "${version}", LogGroup: "g", CreationTime: at}),
			d.Tokens.Put(Token{Key: "RunInstances t", Request: []byte{1}, Answer: []byte("<a/>"), Time: at}),
			d.AttachGroups(webNIC, []string{newGroup}),
		)
	})
	before := w.View()
	if acl, _ := before.NetworkACLOf(ownNet); acl.ID != "acl-000000000000000aa" {
		t.Errorf("the subnet has ACL %q, want its VPC's default one", acl.ID)
	}
	w = w.reopened()
	if d := diff(before, w.View()); d != "" {
		t.Errorf("after a restart (-before +after):\n%s", d)
	}
	w.change(func(d *Draft) error {
		if token, ok := d.Tokens.Get("RunInstances t"); !ok || string(token.Answer) != "<a/>" {
			t.Errorf("the client token is %+v, %v", token, ok)
		}
		return nil
	})
}

func TestWhatTheFileStatesIsReadOnly(t *testing.T) {
	w := open1(t, "")
	before := w.View()
	nic, _ := before.Interface(dbNIC)
	nic.SourceDestCheck = true
	for name, f := range map[string]func(*Draft) error{
		"a group":             put(vpc.SecurityGroup{ID: dbGroup, Name: "db", VPCID: mainVPC}),
		"a group's deletion":  func(d *Draft) error { return d.SecurityGroups.Delete(dbGroup) },
		"an interface":        func(d *Draft) error { return d.Interfaces.Put(nic) },
		"an interface's file": func(d *Draft) error { return d.AttachGroups(dbNIC, []string{dbGroup}) },
		"tags":                func(d *Draft) error { return d.Tags.Put(vpc.TagSet{ResourceID: dbGroup}) },
		"the VPC":             func(d *Draft) error { return d.VPCs.Delete(mainVPC) },
	} {
		var declared *DeclaredError
		if err := w.Change(context.Background(), f); !errors.As(err, &declared) || !strings.Contains(err.Error(), "is declared in lab.yaml") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if w.View() != before {
		t.Error("something has changed")
	}
	err := w.Change(context.Background(), func(d *Draft) error { return d.SecurityGroups.Delete(dbGroup) })
	if want := dbGroup + " is declared in lab.yaml:3:3: change it there"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestWhatTheFileLeavesOpenIsTheAPIs(t *testing.T) {
	w := open1(t, state(t))
	standard := vpc.NewID("sg", mainVPC, vpc.DefaultGroupName)
	w.change(func(d *Draft) error {
		g, ok := d.SecurityGroups.Get(standard)
		if !ok {
			t.Fatal("the VPC has no default group")
		}
		g.Ingress = nil
		return errors.Join(
			d.SecurityGroups.Put(g),
			put(group(newGroup, "ssh", 22))(d),
			d.AttachGroups(webNIC, []string{newGroup}),
			d.Tags.Put(vpc.TagSet{ResourceID: mainVPC, Tags: []vpc.Tag{{Key: "team", Value: "lab"}}}),
		)
	})
	check := func(when string) {
		t.Helper()
		g, _ := w.View().SecurityGroup(standard)
		nic, _ := w.View().Interface(webNIC)
		if len(g.Ingress) != 0 || !slices.Equal(nic.GroupIDs, []string{newGroup}) || len(w.View().Tags(mainVPC)) != 1 {
			t.Errorf("%s: the default group has %d ingress rules, web the groups %q, the VPC the tags %v", when, len(g.Ingress), nic.GroupIDs, w.View().Tags(mainVPC))
		}
	}
	check("at once")
	w.declare(file())
	check("after the file was read again")
	w = w.reopened()
	check("after a restart")
	w.change(func(d *Draft) error { return d.AttachGroups(webNIC, []string{newGroup}) })
	without := file()
	without.Resources.Interfaces = without.Resources.Interfaces[1:]
	w.declare(without)
	if _, is := w.View().Interface(webNIC); is {
		t.Error("the file has web no more, and it is there")
	}
	w = w.reopened()
	w.declare(without)
	if _, is := w.View().Interface(webNIC); is {
		t.Error("the file has web no more, and it is there after a restart")
	}
	w.declare(file())
	check("when the file has web again")

	closed := file()
	closed.Resources.Interfaces[0].GroupIDs = []string{dbGroup}
	w.declare(closed)
	if nic, _ := w.View().Interface(webNIC); !slices.Equal(nic.GroupIDs, []string{dbGroup}) {
		t.Errorf("the file names a group now, and web has %q", nic.GroupIDs)
	}
}

// TestTheFileWins has a file declare what the API made, under the same id, and
// then no more.
func TestTheFileWins(t *testing.T) {
	w := open1(t, state(t))
	w.change(put(group(newGroup, "ssh", 22)))
	with := file()
	with.Resources.SecurityGroups = append(with.Resources.SecurityGroups, vpc.SecurityGroup{ID: newGroup, Name: "mine", VPCID: mainVPC, Origin: vpc.Origin{File: "lab.yaml", Line: 9, Column: 1}})
	w.declare(with)
	if g, _ := w.View().SecurityGroup(newGroup); g.Name != "mine" {
		t.Errorf("the group is called %q", g.Name)
	}
	if err := w.Change(context.Background(), put(group(newGroup, "ssh", 23))); err == nil {
		t.Error("the API could change it")
	}
	w.declare(file())
	if g, _ := w.View().SecurityGroup(newGroup); g.Name != "ssh" || len(g.Ingress) != 1 {
		t.Errorf("the file has it no more, and it is %+v", g)
	}
}

func TestARefusedChangeChangesNothing(t *testing.T) {
	w := open1(t, state(t))
	w.change(put(group(newGroup, "ssh", 22)))
	before := w.View()
	other := group("sg-000000000000000bb", "other", 80)

	w.refuse = errors.New("no device to be had")
	if err := w.Change(context.Background(), put(other)); !errors.Is(err, w.refuse) {
		t.Errorf("it could not be put in force: %v", err)
	}
	if err := w.Declare(context.Background(), file(), w.apply); !errors.Is(err, w.refuse) {
		t.Error("a file was declared that could not be put in force")
	}
	w.refuse = nil
	invalid := other
	invalid.Name = "SSH"
	var fault *vpc.Error
	if err := w.Change(context.Background(), put(invalid)); !errors.As(err, &fault) || fault.Code != vpc.CodeDuplicateGroup {
		t.Errorf("a name that is taken: %v", err)
	}
	if err := w.Change(context.Background(), func(d *Draft) error { d.DryRun = true; return put(other)(d) }); !errors.Is(err, ErrDryRun) {
		t.Errorf("a dry run: %v", err)
	}
	if err := w.Change(context.Background(), func(d *Draft) error { return errors.Join(put(other)(d), w.refuseNow()) }); err == nil {
		t.Error("a function's error was passed over")
	}
	if w.View() != before || w.inForce != before {
		t.Error("something has changed")
	}
	if d := diff(before, w.reopened().View()); d != "" {
		t.Errorf("on disk (-before +after):\n%s", d)
	}
}

func (w *world) refuseNow() error { return errors.New("half-way") }

// TestWhatCannotBeStoredIsTakenBack closes the state file under the store's hands.
func TestWhatCannotBeStoredIsTakenBack(t *testing.T) {
	var opened *os.File
	s, err := open(state(t), func(name string, flag int, mode os.FileMode) (*os.File, error) {
		f, err := os.OpenFile(name, flag, mode)
		opened = f
		return f, err
	})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{Store: s, t: t}
	w.declare(file())
	before := w.View()
	w.during = func() { opened.Close() }
	if err := w.Change(context.Background(), put(group(newGroup, "ssh", 22))); err == nil || !strings.Contains(err.Error(), "state file") {
		t.Errorf("%v, want an error about the state file", err)
	}
	if w.View() != before || w.inForce != before {
		t.Error("what could not be stored is in force")
	}
}

func TestStateFilesThatCannotBeUsed(t *testing.T) {
	path := state(t)
	w := open1(t, path)
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "another process has it open") {
		t.Errorf("opened twice: %v", err)
	}
	w.Close()
	junk := filepath.Join(t.TempDir(), "junk")
	if err := os.WriteFile(junk, []byte(strings.Repeat("not a state file\n", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(junk); err == nil || !strings.Contains(err.Error(), junk+": it is not one that sgate has written") {
		t.Errorf("junk: %v", err)
	}
	later := state(t)
	db, err := bolt.Open(later, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		b, err := tx.CreateBucket([]byte("meta"))
		return errors.Join(err, b.Put([]byte("format"), []byte("2")))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(later); err == nil || !strings.Contains(err.Error(), `has format "2", and this sgate knows "1"`) {
		t.Errorf("of a later sgate: %v", err)
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none", "state.db")); err == nil {
		t.Error("a state file was opened in a folder that is not there")
	}
}

// TestEmpty tells a state that has never been used, in which a default VPC is to
// be made, from one in which everything has been deleted.
func TestEmpty(t *testing.T) {
	w := open1(t, state(t))
	if w = w.reopened(); !w.Empty() {
		t.Error("a state without a change is not empty")
	}
	w.change(put(group(newGroup, "ssh", 22)))
	w.change(func(d *Draft) error { return d.SecurityGroups.Delete(newGroup) })
	if w = w.reopened(); w.Empty() {
		t.Error("a state that was used is empty")
	}
}

// TestOrphans drops the file's VPC after the API has changed what came with it.
func TestOrphans(t *testing.T) {
	w := open1(t, state(t))
	standard := vpc.NewID("sg", mainVPC, vpc.DefaultGroupName)
	v, _ := w.View().VPC(mainVPC)
	w.change(func(d *Draft) error {
		g, _ := d.SecurityGroups.Get(standard)
		g.Ingress = nil
		acl := vpc.DefaultNetworkACL(v)
		acl.Entries = acl.Entries[:1]
		return errors.Join(d.SecurityGroups.Put(g), d.NetworkACLs.Put(acl))
	})
	if g, _ := w.View().SecurityGroup(standard); g.Origin != (vpc.Origin{}) || g.Egress[0].Origin != (vpc.Origin{}) {
		t.Errorf("the API's group is said to be declared at %v, its rule at %v", g.Origin, g.Egress[0].Origin)
	}
	if acl := w.View().NetworkACLs()[0]; acl.Origin != (vpc.Origin{}) || acl.Entries[0].Origin != (vpc.Origin{}) {
		t.Errorf("the API's ACL is said to be declared at %v, its entry at %v", acl.Origin, acl.Entries[0].Origin)
	}
	w.declare(Declaration{})
	if n := len(w.View().SecurityGroups()) + len(w.View().NetworkACLs()); n != 0 {
		t.Errorf("%d groups and ACLs are left of a VPC that has gone", n)
	}
	w.declare(file())
	if g, _ := w.View().SecurityGroup(standard); len(g.Ingress) != 0 {
		t.Error("the VPC is back, and its default group is not as the API left it")
	}
}

// TestReadingChangesNothing changes a draft that is for reading only.
func TestReadingChangesNothing(t *testing.T) {
	w := open1(t, "")
	d := w.Read()
	if err := put(group(newGroup, "ssh", 22))(d); err != nil {
		t.Fatal(err)
	}
	if _, ok := d.SecurityGroups.Get(newGroup); !ok {
		t.Error("the draft does not show its own change")
	}
	if _, ok := w.View().SecurityGroup(newGroup); ok {
		t.Error("a draft for reading has changed the store")
	}
	if _, ok := w.Read().SecurityGroups.Get(newGroup); ok {
		t.Error("the next draft has the change")
	}
}

// TestVersionsOfTheFilesLists changes a prefix list in the file.
func TestVersionsOfTheFilesLists(t *testing.T) {
	w := open1(t, "")
	for version, cidr := range []string{"198.51.100.0/24", "203.0.113.0/24"} {
		with := file()
		with.Resources.PrefixLists = []vpc.PrefixList{{
			ID: "pl-00000000000000001", Name: "office", MaxEntries: 2, Entries: []vpc.PrefixListEntry{{CIDR: netip.MustParsePrefix(cidr)}},
		}}
		w.declare(with)
		w.declare(with)
		if l, _ := w.View().PrefixList("pl-00000000000000001"); l.Version != version+1 {
			t.Errorf("with %s the list has version %d, want %d", cidr, l.Version, version+1)
		}
	}
}

// TestTheFileTakesItsSubnetsBack has an ACL of the API in a subnet of the file,
// which comes to give the subnet an ACL of its own, and then has it no more.
func TestTheFileTakesItsSubnetsBack(t *testing.T) {
	w := open1(t, state(t))
	const own, theirs = "acl-000000000000000aa", "acl-00000000000000001"
	w.change(func(d *Draft) error {
		return d.NetworkACLs.Put(vpc.NetworkACL{ID: own, VPCID: mainVPC, SubnetIDs: []string{mainNet}})
	})
	of := func() string {
		acl, _ := w.View().NetworkACLOf(mainNet)
		return acl.ID
	}
	if of() != own {
		t.Fatalf("the subnet has ACL %q", of())
	}
	with := file()
	with.Resources.NetworkACLs = []vpc.NetworkACL{{ID: theirs, Name: "file", VPCID: mainVPC, SubnetIDs: []string{mainNet}}}
	w.declare(with)
	if of() != theirs {
		t.Errorf("the file gives the subnet an ACL, and it has %q", of())
	}
	w.declare(file())
	if of() != own {
		t.Errorf("the file gives the subnet no ACL any more, and it has %q", of())
	}
	without := file()
	without.Resources.Subnets, without.Resources.Interfaces = nil, nil
	w.declare(without)
	if acl, _ := w.View().NetworkACL(own); len(acl.SubnetIDs) != 0 {
		t.Errorf("the subnet has gone, and the ACL has %q", acl.SubnetIDs)
	}
}

// TestStateIsItsOwnersAlone opens a state file that others can read.
func TestStateIsItsOwnersAlone(t *testing.T) {
	w := open1(t, state(t))
	if err := os.Chmod(w.path, 0o644); err != nil {
		t.Fatal(err)
	}
	w = w.reopened()
	if info, err := os.Stat(w.path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
}
