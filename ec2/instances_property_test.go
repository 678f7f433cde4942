package ec2

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sgate/sgate/vpc"
)

// fleet is a world with instances that random calls launch, change and end.
type fleet struct {
	*world
	t *rapid.T
}

// instanceIDs, interfaceIDs and attachmentIDs return the ids there are, the newest
// first since draws favour what stands first, and one that nothing has.
func (f *fleet) instanceIDs() []string {
	var ids []string
	for _, in := range f.store.View().Instances() {
		ids = slices.Insert(ids, 0, in.ID)
	}
	return append(ids, "i-"+nobody)
}

func (f *fleet) interfaceIDs() []string {
	var ids []string
	for _, nic := range f.store.View().Interfaces() {
		ids = slices.Insert(ids, 0, nic.ID)
	}
	return append(ids, "eni-"+nobody)
}

func (f *fleet) attachmentIDs() []string {
	var ids []string
	for _, nic := range f.store.View().Interfaces() {
		if nic.Attachment.InstanceID != "" {
			ids = slices.Insert(ids, 0, attachmentID(&nic))
		}
	}
	return append(ids, "eni-attach-"+nobody)
}

func (f *fleet) pick(what string, from ...string) string {
	return rapid.SampledFrom(from).Draw(f.t, what)
}

func (f *fleet) number(what string, least, most int) string {
	return strconv.Itoa(rapid.IntRange(least, most).Draw(f.t, what))
}

// address returns one that may be free, taken or reserved.
func (f *fleet) address() string { return "10.0.2." + f.number("address", 0, 15) }

// call makes one random call, which may be refused.
func (f *fleet) call(kind string) {
	switch kind {
	case "run":
		params := runParams("MinCount", "1", "MaxCount", f.number("count", 1, 4))
		switch f.pick("with", "subnet", "small", "address", "interface", "two") {
		case "subnet":
			params = append(params, "SubnetId", subnetA)
		case "small":
			params = append(params, "SubnetId", subnetSmall)
		case "address":
			params = append(params, "SubnetId", subnetSmall, "PrivateIpAddress", f.address())
		case "interface":
			params = append(params, "NetworkInterface.1.DeviceIndex", "0", "NetworkInterface.1.NetworkInterfaceId", f.pick("interface", f.interfaceIDs()...))
		case "two":
			params = append(params, "NetworkInterface.1.DeviceIndex", "0", "NetworkInterface.1.SubnetId", subnetSmall,
				"NetworkInterface.2.DeviceIndex", "1", "NetworkInterface.2.SubnetId", subnetA, "NetworkInterface.2.DeleteOnTermination", f.pick("delete", "true", "false"))
		}
		params = append(params, "TagSpecification.1.ResourceType", "instance", "TagSpecification.1.Tag.1.Key", "Name", "TagSpecification.1.Tag.1.Value", f.pick("name", "a", "b", "declared"))
		f.try("RunInstances", params...)
	case "state":
		action := f.pick("action", "StopInstances", "StartInstances", "TerminateInstances")
		f.try(action, numbered("InstanceId", f.pick("one", f.instanceIDs()...), f.pick("other", f.instanceIDs()...))...)
	case "create":
		f.try("CreateNetworkInterface", "SubnetId", f.pick("subnet", subnetA, subnetSmall), "SecondaryPrivateIpAddressCount", f.number("more", 0, 3))
	case "delete":
		f.try("DeleteNetworkInterface", "NetworkInterfaceId", f.pick("interface", f.interfaceIDs()...))
	case "attach":
		f.try("AttachNetworkInterface", "NetworkInterfaceId", f.pick("interface", f.interfaceIDs()...), "InstanceId", f.pick("instance", f.instanceIDs()...), "DeviceIndex", f.number("index", 0, 4))
	case "detach":
		f.try("DetachNetworkInterface", "AttachmentId", f.pick("attachment", f.attachmentIDs()...))
	case "assign":
		f.try("AssignPrivateIpAddresses", "NetworkInterfaceId", f.pick("interface", f.interfaceIDs()...), "PrivateIpAddress.1", f.address(), "AllowReassignment", f.pick("allow", "true", "false"))
	case "assign ipv6":
		f.try("AssignIpv6Addresses", "NetworkInterfaceId", f.pick("interface", f.interfaceIDs()...), "Ipv6AddressCount", "1")
	case "unassign":
		nic := f.pick("interface", f.interfaceIDs()...)
		has := append(ofFamily(f.world.held(nic).Addresses, false), netip.MustParseAddr(f.address()))
		f.try("UnassignPrivateIpAddresses", "NetworkInterfaceId", nic, "PrivateIpAddress.1", rapid.SampledFrom(has).Draw(f.t, "of").String())
	case "wait":
		f.now = f.now.Add(40 * time.Minute)
	}
}

// check holds what must be true at any time: no address and no name is there
// twice, every instance that is not terminated has a primary interface, one that is
// has none, and what is told agrees with what is in force.
func (f *fleet) check() {
	v := f.store.View()
	addresses, names, slots := make(map[netip.Addr]string), make(map[string]bool), make(map[string]bool)
	for _, nic := range v.Interfaces() {
		subnet, _ := v.Subnet(nic.SubnetID)
		for _, addr := range nic.Addresses {
			if by := addresses[addr]; by != "" && subnet.VPCID == mainVPC {
				f.t.Fatalf("%s and %s have %s", by, nic.ID, addr)
			}
			addresses[addr] = nic.ID
		}
		if nic.Name != "" && names[nic.Name] {
			f.t.Fatalf("two interfaces are called %s", nic.Name)
		}
		names[nic.Name] = true
		a := nic.Attachment
		if in, ok := v.Instance(a.InstanceID); a.InstanceID != "" && (!ok || in.State == vpc.Terminated) {
			f.t.Fatalf("%s is attached to %q, which is %q", nic.ID, a.InstanceID, in.State)
		}
		slots[fmt.Sprint(a.InstanceID, a.DeviceIndex)] = true
		if in, _ := v.Instance(a.InstanceID); a.DeviceIndex == 0 && nic.Name != in.Name {
			f.t.Fatalf("the primary interface of %s is called %q, and the instance %q", in.ID, nic.Name, in.Name)
		}
	}
	var told []string
	for _, in := range v.Instances() {
		if in.State != vpc.Terminated && !slots[in.ID+"0"] {
			f.t.Fatalf("%s is %s and has no primary interface", in.ID, in.State)
		}
		if in.State != vpc.Terminated || f.now.Sub(in.StateTime) <= terminatedFor {
			told = append(told, in.ID)
		}
	}
	answer := f.do("DescribeInstances")
	got := answer.texts("reservationSet.item.instancesSet.item.instanceId")
	slices.Sort(told)
	if slices.Sort(got); !slices.Equal(got, told) {
		f.t.Fatalf("told: %q, want %q", got, told)
	}
	f.checkTold(answer, v.Interfaces())
}

// checkTold compares the interfaces of both Describes with those there are.
func (f *fleet) checkTold(answer *element, nics []vpc.NetworkInterface) {
	within := answer.texts("reservationSet.item.instancesSet.item.networkInterfaceSet.item.networkInterfaceId")
	var inUse, all []string
	for _, nic := range nics {
		all = append(all, nic.ID)
		if nic.Attachment.InstanceID != "" {
			inUse = append(inUse, nic.ID)
		}
	}
	slices.Sort(within)
	slices.Sort(inUse)
	if !slices.Equal(within, inUse) {
		f.t.Fatalf("interfaces of instances: %q, want %q", within, inUse)
	}
	if got := f.do("DescribeNetworkInterfaces").texts("networkInterfaceSet.item.networkInterfaceId"); !slices.Equal(got, all) {
		f.t.Fatalf("interfaces: %q, want %q", got, all)
	}
}

// TestFleetKeepsItsShape makes random calls, and ends with all of the API's
// instances terminated and forgotten: nothing is left of them.
func TestFleetKeepsItsShape(t *testing.T) {
	kinds := []string{"run", "run", "state", "state", "create", "delete", "attach", "attach", "detach", "assign", "assign ipv6", "unassign", "wait"}
	done := make(map[string]int)
	rapid.Check(t, func(rt *rapid.T) {
		f := &fleet{newWorld(t, machinesFile), rt}
		f.do("AttachNetworkInterface", attachParams(f.newInterface("SecondaryPrivateIpAddressCount", "2"), f.run(), 1)...)
		for range rapid.IntRange(1, 20).Draw(rt, "calls") {
			kind := rapid.SampledFrom(kinds).Draw(rt, "kind")
			before := f.applied
			f.call(kind)
			if f.applied > before || kind == "wait" {
				done[kind]++
				f.check()
			}
		}
		for _, in := range f.store.View().Instances() {
			if !f.store.View().Declared(in.ID) && in.State != vpc.Terminated {
				f.do("TerminateInstances", "InstanceId.1", in.ID)
			}
		}
		for _, nic := range f.store.View().Interfaces() {
			if nic.Attachment.InstanceID != "" && nic.Attachment.DeviceIndex != 0 {
				f.do("DetachNetworkInterface", "AttachmentId", attachmentID(&nic))
			}
			if !f.store.View().Declared(nic.ID) {
				f.do("DeleteNetworkInterface", "NetworkInterfaceId", nic.ID)
			}
		}
		f.now = f.now.Add(2 * time.Hour)
		f.do("StartInstances", "InstanceId.1", declaredInstance)
		v := f.store.View()
		if len(v.Instances()) != 2 || len(v.Interfaces()) != 2 || len(v.TagSets()) != f.declaredTags() {
			rt.Fatalf("left: %d instances, %d interfaces and the tags of %d resources", len(v.Instances()), len(v.Interfaces()), len(v.TagSets()))
		}
	})
	t.Logf("calls that changed something: %v", done)
}

// declaredTags returns how many resources have tags that the file gives them.
func (f *fleet) declaredTags() int {
	n := 0
	for _, set := range f.store.View().TagSets() {
		if f.store.View().Declared(set.ResourceID) {
			n++
		}
	}
	return n
}
