package config

import (
	"slices"
	"time"

	"github.com/sgate/sgate/vpc"
)

// buildInstances reads instances, each with its primary interface.
func (b *builder) buildInstances() {
	for i, raw := range b.raw.Instances {
		if it := b.root.child("instances", i); !it.broken() {
			b.buildInstance(it, raw)
		}
	}
}

func (b *builder) buildInstance(it item, raw rawInstance) {
	name := b.endpointName(it, raw.Name)
	nic, subnet, ok := b.network(it, raw.rawNetwork, name)
	primary := it.section("network_interface")
	nic.ID = primary.id("eni", raw.Interface.ID, vpc.NewID("eni", nic.VPCID, name))
	nic.Description = primary.interfaceDescription(raw.Interface.Description)
	in := b.launched(it, raw, nic)
	nic.Attachment = primary.attachment(raw.Interface.rawAttached, in, true)
	b.tags(it, raw.Tags, in.ID)
	b.tags(primary, raw.Interface.Tags, nic.ID)
	e := b.place(it, raw.rawPlace, name)
	if !it.given("command") {
		e.Command = b.commandOf(in.ImageID)
	}
	if name == "" || !ok {
		return
	}
	b.instances[name], b.instances[in.ID] = in, in
	e.ID, e.VPCID = nic.ID, nic.VPCID
	e.Addresses, e.Gateways = onLink(subnet, nic.Addresses)
	b.res.Instances = append(b.res.Instances, in)
	b.res.Interfaces = append(b.res.Interfaces, nic)
	b.endpoints = append(b.endpoints, e)
}

// network reads an interface's place in a subnet and what filters it. It returns
// false if it had to report a fault.
func (b *builder) network(it item, raw rawNetwork, name string) (vpc.NetworkInterface, vpc.Subnet, bool) {
	subnetID := b.subnetOf(it, raw.Subnet)
	subnet := b.subnetsBy[subnetID]
	addrs, ok := it.addresses(raw.Address, raw.IPv6Address)
	addrs, ok = it.secondary(addrs, ok, raw.SecondaryAddresses)
	nic := vpc.NetworkInterface{
		Name: name, VPCID: subnet.VPCID, SubnetID: subnetID, Addresses: addrs, GroupIDs: b.attached(it, subnet, raw),
		SourceDestCheck:    raw.SourceDestCheck == nil || *raw.SourceDestCheck,
		ConnectionTracking: it.section("connection_tracking").tracking(raw.ConnectionTracking),
		Origin:             it.origin(),
	}
	return nic, subnet, ok && b.sound[subnetID]
}

// launched returns the instance whose primary interface nic is. An instance
// without a reservation counts as launched by a call of its own.
func (b *builder) launched(it item, raw rawInstance, nic vpc.NetworkInterface) vpc.Instance {
	in := vpc.Instance{
		ID: it.id("i", raw.ID, vpc.NewID("i", nic.VPCID, nic.Name)), Name: nic.Name, VPCID: nic.VPCID, SubnetID: nic.SubnetID,
		ImageID: b.imageOf(it, raw.Image), Type: raw.InstanceType, KeyName: raw.KeyName,
		ReservationID: it.idAt("reservation_id", "r", raw.ReservationID, vpc.NewID("r", nic.VPCID, nic.Name)),
		LaunchIndex:   raw.LaunchIndex, LaunchTime: it.time("launch_time", raw.LaunchTime, time.Time{}),
		State: it.instanceState(raw.State), StateReason: raw.StateReason, Origin: nic.Origin,
	}
	in.StateTime = it.time("state_time", raw.StateTime, in.LaunchTime)
	if raw.LaunchIndex < 0 {
		it.misplaced("launch_index", "%d: want 0 or more", raw.LaunchIndex)
	}
	return in
}

// instanceState reads a state that lasts. A terminated instance is there to be
// listed only, for an hour: a file has none.
func (it item) instanceState(value string) vpc.InstanceState {
	known := []string{string(vpc.Running), string(vpc.Stopped)}
	switch {
	case !it.ok("state"):
	case !slices.Contains(known, value):
		it.fault("state", value, "%s", hint(value, known))
	default:
		return vpc.InstanceState(value)
	}
	return vpc.Running
}

// imageOf returns the id of an instance's image.
func (b *builder) imageOf(it item, id string) string {
	if !it.ok("image") {
		return NetnsImage
	}
	known := []string{NetnsImage}
	for _, im := range b.raw.Images {
		known = append(known, im.ID)
	}
	if !slices.Contains(known, id) && !b.root.bad["images"] {
		it.fault("image", id, "there is no such image: %s", hint(id, known))
	}
	return id
}

// commandOf returns what an image runs.
func (b *builder) commandOf(imageID string) []string {
	for _, im := range b.raw.Images {
		if im.ID == imageID {
			return []string(im.Command)
		}
	}
	return nil
}

// time reads a time, or returns another if there is none.
func (it item) time(key, value string, otherwise time.Time) time.Time {
	if !it.ok(key) {
		return otherwise
	}
	at, err := time.Parse(time.RFC3339, value)
	if err != nil {
		it.fault(key, value, "want a time such as 2026-01-31T12:00:00Z")
	}
	return at.UTC()
}

// Described returns the endpoints of the file's instances, be they running or
// stopped, and of its hosts: what it says of their devices and commands.
func (c *Config) Described() []Endpoint { return c.described }
