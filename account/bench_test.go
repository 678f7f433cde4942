package account

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"path/filepath"
	"testing"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/vpc"
)

// enforcer is a Server that compiles and swaps policies, as a daemon does, and has
// no devices.
type enforcer struct{ *gateway.Gateway }

func (e enforcer) Apply(_ context.Context, cfg *config.Config) error {
	before, _ := e.Policy()
	return e.Gateway.Apply(filter.Update(before, cfg.Resources))
}

func (enforcer) Refused() {}

// fleet is a file of 10,000 interfaces and 1,000 groups with 60 rules each.
func fleet(b *testing.B) *config.Config {
	cfg, err := config.Parse([]byte("vpc: {cidr: 10.0.0.0/16}\nsubnets: [{name: a, cidr: 10.0.0.0/17}]\n"), config.Source{Path: "lab.yaml"})
	if err != nil {
		b.Fatal(err)
	}
	r := &cfg.Declared
	for i := range 1000 {
		g := vpc.SecurityGroup{ID: fmt.Sprintf("sg-%017x", i), Name: fmt.Sprint("group-", i), VPCID: r.VPCs[0].ID}
		for j := range int32(60) {
			source := netip.AddrFrom4([4]byte{198, 18, byte(i), byte(j)})
			g.Ingress = append(g.Ingress, vpc.Rule{Protocol: vpc.TCP, FromPort: j + 1, ToPort: j + 1, Peer: vpc.Peer{CIDR: netip.PrefixFrom(source, 32)}})
		}
		r.SecurityGroups = append(r.SecurityGroups, g)
	}
	addr := netip.MustParseAddr("10.0.0.9")
	for i := range 10_000 {
		addr = addr.Next()
		r.Interfaces = append(r.Interfaces, vpc.NetworkInterface{
			ID: fmt.Sprintf("eni-%017x", i), Name: fmt.Sprint("nic-", i), VPCID: r.VPCs[0].ID, SubnetID: r.Subnets[0].ID,
			Addresses: []netip.Addr{addr}, GroupIDs: []string{r.SecurityGroups[i%1000].ID}, SourceDestCheck: true,
		})
	}
	return cfg
}

// BenchmarkAuthorize is a call that adds or removes a rule of a group of the API
// beside a fleet of 10,000 interfaces, from the request to the answer, when the
// rule is in force and on disk.
func BenchmarkAuthorize(b *testing.B) {
	g, err := gateway.New(gateway.Options{MaxFlows: 1 << 10})
	if err != nil {
		b.Fatal(err)
	}
	a, err := New(enforcer{g}, Options{Listen: "127.0.0.1:0", State: filepath.Join(b.TempDir(), "state.db"), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer a.Close()
	cfg := fleet(b)
	if err := a.Apply(context.Background(), cfg); err != nil {
		b.Fatal(err)
	}
	post := func(element, action string, params ...string) string {
		status, text := call(b, a.Addr(), element, action, params...)
		if status != http.StatusOK {
			b.Fatalf("%s: %d", action, status)
		}
		return text
	}
	id := post("groupId", "CreateSecurityGroup", "GroupName", "new", "GroupDescription", "d", "VpcId", cfg.Declared.VPCs[0].ID)
	rule := []string{
		"GroupId", id, "IpPermissions.1.IpProtocol", "tcp", "IpPermissions.1.FromPort", "443", "IpPermissions.1.ToPort", "443",
		"IpPermissions.1.IpRanges.1.CidrIp", "203.0.113.0/24",
	}
	b.ResetTimer()
	for i := range b.N {
		action := "AuthorizeSecurityGroupIngress"
		if i%2 == 1 {
			action = "RevokeSecurityGroupIngress"
		}
		post("return", action, rule...)
	}
}
