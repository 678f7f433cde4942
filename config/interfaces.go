package config

import (
	"github.com/sgate/sgate/vpc"
)

// maxDeviceIndex is far above what AWS attaches to any instance, and leaves the
// device a name that the kernel takes.
const maxDeviceIndex = 255

// buildInterfaces reads the interfaces that are no instance's primary one. Those
// that are attached get their endpoints from Config.WithResources.
func (b *builder) buildInterfaces() {
	for i, raw := range b.raw.Interfaces {
		if it := b.root.child("network_interfaces", i); !it.broken() {
			b.buildInterface(it, raw)
		}
	}
}

func (b *builder) buildInterface(it item, raw rawInterface) {
	name := ""
	if it.given("name") {
		name = b.endpointName(it, raw.Name)
	}
	nic, _, ok := b.network(it, raw.rawNetwork, name)
	nic.ID = it.id("eni", raw.ID, InterfaceID(nic))
	nic.Description = it.interfaceDescription(raw.Description)
	b.tags(it, raw.Tags, nic.ID)
	in, found := b.owner(it, raw)
	if in.ID != "" {
		nic.Attachment = it.attachment(raw.rawAttached, in, false)
		nic.Attachment.DeviceIndex = raw.DeviceIndex
		found = it.checkDeviceIndex(raw.DeviceIndex)
	}
	if ok && found && (name != "" || !it.given("name")) {
		b.res.Interfaces = append(b.res.Interfaces, nic)
	}
}

// InterfaceID returns the id of an interface for which the file states none: it
// follows from its name, or else from its first address.
func InterfaceID(nic vpc.NetworkInterface) string {
	switch {
	case nic.Name != "":
		return vpc.NewID("eni", nic.VPCID, nic.Name)
	case len(nic.Addresses) > 0:
		return vpc.NewID("eni", nic.VPCID, "", nic.Addresses[0].String())
	}
	return ""
}

// owner returns the instance that an interface is attached to, or the zero
// Instance for none. It returns false if it is not known.
func (b *builder) owner(it item, raw rawInterface) (vpc.Instance, bool) {
	if !it.given("instance") {
		for _, key := range []string{"device_index", "delete_on_termination", "attach_time"} {
			if it.given(key) {
				it.misplaced(key, "means nothing without an instance: want the name of one as instance")
			}
		}
		return vpc.Instance{}, true
	}
	if !it.ok("instance") {
		return vpc.Instance{}, false
	}
	if in, ok := b.instances[raw.Instance]; ok {
		return in, true
	}
	var names []string
	for _, in := range b.res.Instances {
		names = append(names, in.Name)
	}
	if _, partial := b.endpointNames[raw.Instance]; !partial { // its own faults have been reported
		it.fault("instance", raw.Instance, "there is no such instance: %s", hint(raw.Instance, names))
	}
	return vpc.Instance{}, false
}

// checkDeviceIndex reports whether there is a fit place for an interface among its
// instance's.
func (it item) checkDeviceIndex(n int) bool {
	switch {
	case !it.given("device_index"):
		it.missing("device_index", "want its place among the instance's interfaces, 1 or more")
	case !it.ok("device_index"):
	case n < 1 || n > maxDeviceIndex:
		it.misplaced("device_index", "%d: want 1 to %d; 0 is the instance's own interface", n, maxDeviceIndex)
	default:
		return true
	}
	return false
}

// attachment returns an interface's place in an instance, with device index 0. Where
// the file does not say whether the interface ends with the instance, goes says it:
// in AWS, a primary one does, and one that is attached to an instance does not.
func (it item) attachment(raw rawAttached, in vpc.Instance, goes bool) vpc.Attachment {
	if raw.DeleteOnTermination != nil {
		goes = *raw.DeleteOnTermination
	}
	return vpc.Attachment{InstanceID: in.ID, DeleteOnTermination: goes, Time: it.time("attach_time", raw.AttachTime, in.LaunchTime)}
}

// interfaceDescription reads a description as AWS takes it.
func (it item) interfaceDescription(s string) string {
	if len([]rune(s)) > maxInterfaceDescription {
		it.misplaced("description", "want at most %d characters", maxInterfaceDescription)
	}
	return s
}

// maxInterfaceDescription is AWS's limit, in characters.
const maxInterfaceDescription = 255
