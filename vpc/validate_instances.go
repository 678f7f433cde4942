package vpc

import "fmt"

// instancesFit checks instances against the interfaces that are attached to them.
func (v *validation) instancesFit() {
	type slot struct {
		instanceID string
		index      int
	}
	taken := make(map[slot]string) // by which interface
	for i := range v.res.Interfaces {
		nic := &v.res.Interfaces[i]
		a := nic.Attachment
		if a.InstanceID == "" {
			continue
		}
		subject := fmt.Sprintf("network interface %q", orID(nic.Name, nic.ID))
		in, ok := v.Instance(a.InstanceID)
		switch {
		case !ok || in.State == Terminated:
			v.fault(nic.Origin, subject, "InvalidInstanceID.NotFound", "the instance %q does not exist", a.InstanceID)
			continue
		case in.VPCID != nic.VPCID:
			v.fault(nic.Origin, subject, "InvalidParameterCombination", "instance %q is in another vpc", orID(in.Name, in.ID))
		case a.DeviceIndex < 0:
			v.fault(nic.Origin, subject, CodeInvalidParameter, "device index %d: want 0 for the primary interface, or more", a.DeviceIndex)
		}
		key := slot{a.InstanceID, a.DeviceIndex}
		if by, is := taken[key]; is {
			v.fault(nic.Origin, subject, CodeInvalidParameter, "instance %q already has an interface attached at device index %d: %s", orID(in.Name, in.ID), a.DeviceIndex, by)
		}
		taken[key] = nic.ID
	}
	for _, in := range v.res.Instances {
		subject := fmt.Sprintf("instance %q", orID(in.Name, in.ID))
		switch in.State {
		case Running, Stopped:
			if taken[slot{in.ID, 0}] == "" {
				v.fault(in.Origin, subject, CodeInvalidParameter, "has no primary network interface (device index 0)")
			}
		case Terminated:
		default:
			v.fault(in.Origin, subject, CodeInvalidParameter, "state %q: want running, stopped or terminated", in.State)
		}
	}
}

// tagsFit checks the tags of every resource.
func (v *validation) tagsFit() {
	seen := make(map[string]bool, len(v.res.Tags))
	for i := range v.res.Tags {
		t := &v.res.Tags[i]
		if err := ValidateTags(t.Tags); err != nil {
			v.fault(Origin{}, "resource "+t.ResourceID, CodeInvalidParameter, "%v", err)
		}
		if seen[t.ResourceID] {
			v.fault(Origin{}, "resource "+t.ResourceID, CodeInvalidParameter, "its tags stand there twice")
		}
		seen[t.ResourceID] = true
	}
}
