package store

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/sgate/sgate/vpc"
)

// without returns the file without the interface for which it names no groups.
func without() Declaration {
	d := file()
	d.Resources.Interfaces = d.Resources.Interfaces[1:]
	return d
}

func drop(id string) func(*Draft) error {
	return func(d *Draft) error { return d.SecurityGroups.Delete(id) }
}

// TestGroupsThatAreGoneWhenTheFileHasAnInterfaceAgain has the API attach two groups
// to an interface of the file, and delete one while the file does not have it.
func TestGroupsThatAreGoneWhenTheFileHasAnInterfaceAgain(t *testing.T) {
	const other = "sg-000000000000000bb"
	standard := vpc.NewID("sg", mainVPC, vpc.DefaultGroupName) // which nobody has declared or changed
	w := open1(t, state(t))
	w.change(put(group(newGroup, "ssh", 22)))
	w.change(put(group(other, "other", 22)))
	w.change(func(d *Draft) error { return d.AttachGroups(webNIC, []string{newGroup, other, standard}) })
	w.declare(without())
	w.change(drop(newGroup))
	check := func(when string, want []string, lost int) {
		t.Helper()
		nic, _ := w.View().Interface(webNIC)
		if !slices.Equal(nic.GroupIDs, want) || len(w.View().Lost) != lost {
			t.Errorf("%s it has the groups %q, want %q, and lost is %q", when, nic.GroupIDs, want, w.View().Lost)
		}
	}
	w.declare(file())
	check("when the file has it again", []string{other, standard}, 1)
	w.declare(file())
	check("when the file is read once more", []string{other, standard}, 1)
	w = w.reopened()
	check("after a restart", []string{other, standard}, 1)
	w.declare(without())
	w.change(drop(other))
	w.declare(file())
	check("without the other one", []string{standard}, 2)
	if want := "network interface " + webNIC + ": the security group " + newGroup + " that the API gave it has gone"; w.View().Lost[0] != want {
		t.Errorf("lost is %q, want %q", w.View().Lost[0], want)
	}
	w.change(put(group(newGroup, "ssh", 22)))
	if len(w.View().Lost) != 0 {
		t.Errorf("the next change says again that it lost %q", w.View().Lost)
	}
}

// TestAFileThatTakesAGroupAway drops a group of the file that the API has given an
// interface which stays.
func TestAFileThatTakesAGroupAway(t *testing.T) {
	with := file()
	with.Resources.SecurityGroups = append(with.Resources.SecurityGroups, vpc.SecurityGroup{ID: newGroup, Name: "mine", VPCID: mainVPC})
	w := open1(t, "")
	w.declare(with)
	w.change(func(d *Draft) error { return d.AttachGroups(webNIC, []string{newGroup}) })
	before := w.View()
	var conflict *ConflictError
	err := w.Declare(context.Background(), file(), w.apply)
	if !errors.As(err, &conflict) || !strings.Contains(err.Error(), `instance "web"`) || !strings.Contains(err.Error(), newGroup) {
		t.Errorf("%v, want a conflict about the interface and its group", err)
	}
	if w.View() != before {
		t.Error("something has changed")
	}
}

// TestRulesThatAreStaleWhenTheFileHasAVPCAgain has a default group of the API's
// name a prefix list that is deleted while the file does not have the VPC.
func TestRulesThatAreStaleWhenTheFileHasAVPCAgain(t *testing.T) {
	const list = "pl-000000000000000aa"
	standard := vpc.NewID("sg", mainVPC, vpc.DefaultGroupName)
	w := open1(t, state(t))
	w.change(func(d *Draft) error {
		g, _ := d.SecurityGroups.Get(standard)
		g.Ingress = []vpc.Rule{
			{ID: "sgr-000000000000000aa", Protocol: vpc.TCP, FromPort: 22, ToPort: 22, Peer: vpc.Peer{PrefixListID: list}},
			{ID: "sgr-000000000000000bb", Protocol: vpc.TCP, FromPort: 80, ToPort: 80, Peer: vpc.Peer{GroupID: standard}},
		}
		return errors.Join(d.PrefixLists.Put(vpc.PrefixList{
			ID: list, Name: "office", MaxEntries: 1, Entries: []vpc.PrefixListEntry{{CIDR: netip.MustParsePrefix("203.0.113.0/24")}},
		}), d.SecurityGroups.Put(g))
	})
	w.declare(Declaration{})
	w.change(func(d *Draft) error { return d.PrefixLists.Delete(list) })
	w.declare(file())
	w.declare(file())
	w = w.reopened()
	if g, _ := w.View().SecurityGroup(standard); len(g.Ingress) != 1 || g.Ingress[0].FromPort != 80 || len(w.View().Lost) != 1 {
		t.Errorf("the default group lets in %v, and lost is %q", g.Ingress, w.View().Lost)
	}
}

// TestAFileThatTakesAListAway drops a prefix list of the file that a rule of the
// API's in a default group is about.
func TestAFileThatTakesAListAway(t *testing.T) {
	const list = "pl-000000000000000aa"
	standard := vpc.NewID("sg", mainVPC, vpc.DefaultGroupName)
	with := file()
	with.Resources.PrefixLists = []vpc.PrefixList{{ID: list, Name: "office", MaxEntries: 1}}
	w := open1(t, "")
	w.declare(with)
	w.change(func(d *Draft) error {
		g, _ := d.SecurityGroups.Get(standard)
		g.Egress = []vpc.Rule{{ID: "sgr-000000000000000aa", Protocol: vpc.TCP, FromPort: 22, ToPort: 22, Peer: vpc.Peer{PrefixListID: list}}}
		return d.SecurityGroups.Put(g)
	})
	before := w.View()
	var conflict *ConflictError
	if err := w.Declare(context.Background(), file(), w.apply); !errors.As(err, &conflict) || !strings.Contains(err.Error(), list) {
		t.Errorf("%v, want a conflict about the list", err)
	}
	if w.View() != before {
		t.Error("something has changed")
	}
}

// TestContradictions declares what does not go with what the API has made.
func TestContradictions(t *testing.T) {
	w := open1(t, state(t))
	w.change(put(group(newGroup, "ssh", 22)))
	with := file()
	with.Resources.SecurityGroups = append(with.Resources.SecurityGroups, vpc.SecurityGroup{ID: "sg-000000000000000cc", Name: "SSH", VPCID: mainVPC, Origin: vpc.Origin{File: "lab.yaml", Line: 9, Column: 1}})
	const want = `the file contradicts what the EC2 API has made: security group "ssh": the name is taken in this vpc, letter case aside (declared at lab.yaml:9:1): change the file, or put the one before back and change the rest over the API`
	var fault *vpc.Error
	if err := w.Declare(context.Background(), with, w.apply); err == nil || err.Error() != want || !errors.As(err, &fault) {
		t.Errorf("%v, want %s", err, want)
	}
	none := open1(t, "")
	var conflict *ConflictError
	with.Resources.SecurityGroups = append(with.Resources.SecurityGroups, with.Resources.SecurityGroups[1])
	if err := none.Declare(context.Background(), with, none.apply); err == nil || errors.As(err, &conflict) {
		t.Errorf("a fault of the file alone: %v", err)
	}
}

// TestTheDefaultGroupOfANewVPC gives a VPC an IPv6 block after it was made: its
// default group stays as it is, also after a restart.
func TestTheDefaultGroupOfANewVPC(t *testing.T) {
	const own = "vpc-000000000000000aa"
	w := open1(t, state(t))
	v := vpc.VPC{ID: own, CIDR: netip.MustParsePrefix("172.31.0.0/16")}
	for _, ipv6 := range []string{"", "fd00:31::/56"} {
		w.change(func(d *Draft) error {
			if ipv6 != "" {
				v.IPv6CIDR = netip.MustParsePrefix(ipv6)
			}
			return d.VPCs.Put(v)
		})
	}
	standard := vpc.NewID("sg", own, vpc.DefaultGroupName)
	before, _ := w.View().SecurityGroup(standard)
	w = w.reopened()
	if after, _ := w.View().SecurityGroup(standard); len(before.Egress) != 1 || len(after.Egress) != 1 {
		t.Errorf("it lets out %v, and after a restart %v", before.Egress, after.Egress)
	}
	w.change(func(d *Draft) error { return errors.Join(d.SecurityGroups.Delete(standard), d.VPCs.Delete(own)) })
	if _, is := w.reopened().View().SecurityGroup(standard); is {
		t.Error("it outlives its VPC")
	}
}

// TestNothingIsChangedAfterTheEnd has a request come too late.
func TestNothingIsChangedAfterTheEnd(t *testing.T) {
	for _, path := range []string{"", state(t)} {
		w := open1(t, path)
		before := w.View()
		if err := errors.Join(w.Close(), w.Close()); err != nil {
			t.Error(err)
		}
		if err := w.Change(context.Background(), put(group(newGroup, "ssh", 22))); !errors.Is(err, ErrClosed) {
			t.Errorf("a change: %v", err)
		}
		if err := w.Declare(context.Background(), file(), w.apply); !errors.Is(err, ErrClosed) {
			t.Errorf("a file: %v", err)
		}
		if w.inForce != before {
			t.Error("something was put in force")
		}
	}
}
