package capture

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/vpc"
)

// snapshot returns what a policy was compiled from, nil for none.
func snapshot(p *filter.Policy) *vpc.Snapshot {
	if p == nil {
		return nil
	}
	return p.Snapshot()
}

// describe returns how the file describes an interface or host.
func (w *writer) describe(s *vpc.Snapshot, id string) pcapgo.NgInterface {
	return pcapgo.NgInterface{
		Name: nameOf(s, id), Description: description(s, id), Filter: w.options.Filter,
		LinkType: layers.LinkTypeRaw, SnapLength: uint32(w.options.Snaplen),
	}
}

// nameOf returns the name of an instance or host, or its id where that is all
// there is.
func nameOf(s *vpc.Snapshot, id string) string {
	if s != nil {
		if name := s.EndpointName(id); name != "" {
			return name
		}
	}
	return id
}

// description says of an interface or host what its name does not.
func description(s *vpc.Snapshot, id string) string {
	if s == nil {
		return id
	}
	e, ok := s.Endpoint(id)
	if !ok {
		return id
	}
	in := "in"
	if e.Host {
		in = "a host outside of"
	}
	return fmt.Sprintf("%s, %s VPC %s, %s", id, in, s.VPCName(e.VPCID), join(e.Addresses))
}

func join(addrs []netip.Addr) string {
	words := make([]string, len(addrs))
	for i, a := range addrs {
		words[i] = a.String()
	}
	return strings.Join(words, " ")
}
