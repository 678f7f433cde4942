package demo

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/vpc"
)

// withInstance returns cfg with one instance more, in the subnet of the one it
// is like, without groups and so with the VPC's default one.
func withInstance(cfg *config.Config, name, like string, addr netip.Addr) (*config.Config, error) {
	return change(cfg, func(out *config.Config, r *vpc.Resources) error {
		model, ok := interfaceOf(cfg.Resources, like)
		if !ok {
			return fmt.Errorf("the configuration has no instance %q", like)
		}
		nic := model
		nic.Name, nic.ID, nic.GroupIDs = name, vpc.NewID("eni", model.VPCID, name), nil
		nic.Addresses = []netip.Addr{addr}
		in, _ := cfg.Resources.Instance(model.Attachment.InstanceID)
		in.ID, in.Name = vpc.NewID("i", model.VPCID, name), name
		nic.Attachment.InstanceID = in.ID
		r.Instances, r.Interfaces = append(r.Instances, in), append(r.Interfaces, nic)

		at := slices.IndexFunc(cfg.Endpoints, func(e config.Endpoint) bool { return e.ID == model.ID })
		e := cfg.Endpoints[at]
		e.Name, e.Member, e.ID, e.Command = name, name, nic.ID, nil
		e.Addresses = []netip.Prefix{netip.PrefixFrom(addr, e.Addresses[0].Bits())}
		e.Gateways = slices.DeleteFunc(slices.Clone(e.Gateways), netip.Addr.Is6)
		out.Endpoints = append(slices.Clone(cfg.Endpoints), e)
		return nil
	})
}

// withGroups returns cfg with an instance in just one group.
func withGroups(cfg *config.Config, instance, group string) (*config.Config, error) {
	return change(cfg, func(_ *config.Config, r *vpc.Resources) error {
		at := slices.IndexFunc(r.SecurityGroups, func(g vpc.SecurityGroup) bool { return g.Name == group })
		if at < 0 {
			return fmt.Errorf("the configuration has no security group %q", group)
		}
		for i := range r.Interfaces {
			if r.Interfaces[i].Name == instance {
				r.Interfaces[i].GroupIDs = []string{r.SecurityGroups[at].ID}
			}
		}
		return nil
	})
}

// withoutIngress returns cfg with a group's ingress rules removed.
func withoutIngress(cfg *config.Config, group string) (*config.Config, error) {
	return change(cfg, func(_ *config.Config, r *vpc.Resources) error {
		for i := range r.SecurityGroups {
			if r.SecurityGroups[i].Name == group {
				r.SecurityGroups[i].Ingress = nil
			}
		}
		return nil
	})
}

// change returns an edited copy of cfg, validated anew.
func change(cfg *config.Config, edit func(*config.Config, *vpc.Resources) error) (*config.Config, error) {
	out, resources := *cfg, cfg.Resources.Resources()
	if err := edit(&out, &resources); err != nil {
		return nil, err
	}
	snapshot, err := vpc.New(resources)
	if err != nil {
		return nil, err
	}
	out.Resources = snapshot
	return &out, nil
}

func interfaceOf(s *vpc.Snapshot, name string) (vpc.NetworkInterface, bool) {
	for _, nic := range s.Interfaces() {
		if nic.Name == name {
			return nic, true
		}
	}
	return vpc.NetworkInterface{}, false
}
