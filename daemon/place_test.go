package daemon

import (
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/vpc"
)

// TestLaunchedInstancesTakeALab: in the gateway's own namespace, the machine's own
// default route would be lost.
func TestLaunchedInstancesTakeALab(t *testing.T) {
	cfg, err := config.Parse([]byte("vpc: {cidr: 10.0.0.0/16}\nsubnets: [{name: a, cidr: 10.0.1.0/24}]\n"), config.Source{Path: "f.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	d, err := New(cfg.Gateway, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	res := cfg.Resources.Resources()
	subnet := res.Subnets[0]
	res.Instances = []vpc.Instance{{ID: "i-11111111", Name: "web", VPCID: subnet.VPCID, ImageID: config.NetnsImage, State: vpc.Running}}
	res.Interfaces = []vpc.NetworkInterface{{
		ID: "eni-11111111", VPCID: subnet.VPCID, SubnetID: subnet.ID, Addresses: []netip.Addr{netip.MustParseAddr("10.0.1.10")},
		Attachment: vpc.Attachment{InstanceID: "i-11111111"},
	}}
	s, err := vpc.New(res)
	if err != nil {
		t.Fatal(err)
	}
	err = d.Apply(t.Context(), cfg.WithResources(s))
	if err == nil || !strings.Contains(err.Error(), "launched over the API run in a lab") {
		t.Errorf("got %v", err)
	}
	if _, generation := d.Gateway().Policy(); generation != 0 {
		t.Error("the policy is in force all the same")
	}
}
