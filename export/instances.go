package export

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/vpc"
)

// images writes what instances can be launched from. An image that is gone is
// written as one that runs nothing, which is what its instances do.
func (x *exporter) images() []mapping {
	var out []mapping
	known := map[string]bool{config.NetnsImage: true}
	for _, im := range x.cfg.Images {
		if im.ID == config.NetnsImage {
			continue
		}
		m := new(mapping)
		m.set("id", im.ID)
		m.unless("name", im.Name, im.ID)
		m.texts("command", im.Command)
		known[im.ID] = true
		out = append(out, *m)
	}
	for _, in := range x.Instances() {
		if in.State != vpc.Terminated && !known[in.ImageID] {
			known[in.ImageID] = true
			out = append(out, mapping{{"id", in.ImageID}})
		}
	}
	return out
}

// instances writes the instances that are not terminated.
func (x *exporter) instances() []mapping {
	var out []mapping
	for _, in := range x.Instances() {
		if in.State != vpc.Terminated {
			out = append(out, x.instance(in, x.primary[in.ID]))
		}
	}
	return out
}

func (x *exporter) instance(in vpc.Instance, nic vpc.NetworkInterface) mapping {
	m, name := new(mapping), cmp.Or(in.Name, in.ID)
	m.set("name", name)
	m.unless("id", in.ID, vpc.NewID("i", in.VPCID, name))
	x.network(m, nic)
	image, _ := x.cfg.Image(in.ImageID)
	x.place(m, nic.ID, image.Command)
	m.unless("image", in.ImageID, config.NetnsImage)
	m.text("instance_type", in.Type)
	m.text("key_name", in.KeyName)
	m.unless("state", string(in.State), string(vpc.Running))
	m.text("state_reason", in.StateReason)
	m.time("launch_time", in.LaunchTime, time.Time{})
	m.time("state_time", in.StateTime, in.LaunchTime)
	m.number("launch_index", in.LaunchIndex)
	m.unless("reservation_id", in.ReservationID, vpc.NewID("r", in.VPCID, name))
	m.mapping("network_interface", x.primaryInterface(in, nic, name))
	m.items("tags", x.tags(in.ID))
	m.items("lint_ignore", x.silenced(in.Origin))
	return *m
}

// primaryInterface writes what an instance's interface has of its own.
func (x *exporter) primaryInterface(in vpc.Instance, nic vpc.NetworkInterface, name string) mapping {
	m := new(mapping)
	m.unless("id", nic.ID, vpc.NewID("eni", nic.VPCID, name))
	m.text("description", nic.Description)
	m.flag("delete_on_termination", nic.Attachment.DeleteOnTermination, true)
	m.time("attach_time", nic.Attachment.Time, in.LaunchTime)
	m.items("tags", x.tags(nic.ID))
	return *m
}

// interfaces writes those that are no instance's primary one.
func (x *exporter) interfaces() []mapping {
	var out []mapping
	for _, nic := range x.Interfaces() {
		if nic.Attachment.InstanceID == "" || nic.Attachment.DeviceIndex > 0 {
			out = append(out, x.networkInterface(nic))
		}
	}
	return out
}

func (x *exporter) networkInterface(nic vpc.NetworkInterface) mapping {
	m := new(mapping)
	if !config.ValidEndpointName(nic.Name) {
		nic.Name = ""
	}
	m.text("name", nic.Name)
	m.unless("id", nic.ID, config.InterfaceID(nic))
	x.network(m, nic)
	m.text("description", nic.Description)
	if a := nic.Attachment; a.InstanceID != "" {
		in, _ := x.Instance(a.InstanceID)
		m.set("instance", cmp.Or(in.Name, in.ID))
		m.set("device_index", a.DeviceIndex)
		m.flag("delete_on_termination", a.DeleteOnTermination, false)
		m.time("attach_time", a.Time, in.LaunchTime)
	}
	m.items("tags", x.tags(nic.ID))
	m.items("lint_ignore", x.silenced(nic.Origin))
	return *m
}

// network writes an interface's place in a subnet and what filters it.
func (x *exporter) network(m *mapping, nic vpc.NetworkInterface) {
	if len(x.Subnets()) > 1 {
		m.set("subnet", x.names.subnets.ref(nic.SubnetID))
	}
	addresses(m, nic.Addresses)
	if len(nic.GroupIDs) != 1 || nic.GroupIDs[0] != x.defaults[nic.VPCID] {
		var groups []string
		for _, id := range nic.GroupIDs {
			groups = append(groups, x.names.groups[nic.VPCID].ref(id))
		}
		m.texts("security_groups", groups)
	}
	m.flag("source_dest_check", nic.SourceDestCheck, true)
	tracking := new(mapping)
	tracking.seconds("tcp_established_timeout", nic.ConnectionTracking.TCPEstablished)
	tracking.seconds("udp_timeout", nic.ConnectionTracking.UDP)
	tracking.seconds("udp_stream_timeout", nic.ConnectionTracking.UDPStream)
	m.mapping("connection_tracking", *tracking)
}

// addresses writes addresses so that they are read in the same order: the first
// one, one of the other family if that comes next, and the secondary ones.
func addresses(m *mapping, all []netip.Addr) {
	key := func(a netip.Addr) string {
		if a.Is4() {
			return "address"
		}
		return "ipv6_address"
	}
	var secondary []string
	for i, a := range all {
		if i == 0 || i == 1 && all[0].Is4() && a.Is6() {
			m.set(key(a), a.String())
			continue
		}
		secondary = append(secondary, a.String())
	}
	m.texts("secondary_addresses", secondary)
}

// place writes what the file said of an endpoint's device and command. What was
// launched over the API has a place in a lab only, and its image's command.
func (x *exporter) place(m *mapping, id string, implied []string) {
	e, described := x.places[id]
	if !described {
		return
	}
	m.text("netns", e.Netns)
	m.number("pid", e.PID)
	elsewhere := e.Netns != "" || e.PID != 0
	m.unless("device", e.Device, e.UsualDevice())
	m.flag("configure", e.Configure, elsewhere)
	if !slices.Equal(e.Command, implied) {
		m.set("command", append([]string{}, e.Command...))
	}
}

func (x *exporter) hosts() []mapping {
	var out []mapping
	for _, h := range x.Hosts() {
		m := new(mapping)
		m.set("name", h.Name)
		x.vpcOf(m, h.VPCID)
		addresses(m, h.Addresses)
		x.place(m, h.ID, nil)
		out = append(out, *m)
	}
	return out
}
