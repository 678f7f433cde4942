package metrics

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/tun"
	"github.com/sgate/sgate/vpc"
)

// crowd returns a gateway with so many interfaces.
func crowd(b *testing.B, n int) *gateway.Gateway {
	b.Helper()
	r := vpc.Resources{
		VPCs:           []vpc.VPC{{ID: "vpc-0123456789abcdef0", Name: "main", CIDR: netip.MustParsePrefix("10.0.0.0/16")}},
		Subnets:        []vpc.Subnet{{ID: "subnet-0123456789abcdef0", Name: "all", VPCID: "vpc-0123456789abcdef0", CIDR: netip.MustParsePrefix("10.0.0.0/16")}},
		SecurityGroups: []vpc.SecurityGroup{{ID: "sg-0123456789abcdef0", Name: "web", VPCID: "vpc-0123456789abcdef0"}},
	}
	for i := range n {
		r.Interfaces = append(r.Interfaces, vpc.NetworkInterface{
			ID: fmt.Sprintf("eni-%017x", i), Name: fmt.Sprintf("instance-%d", i), VPCID: r.VPCs[0].ID, SubnetID: r.Subnets[0].ID,
			GroupIDs: []string{"sg-0123456789abcdef0"}, Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, 0, byte(10 + i>>8), byte(i)})},
		})
	}
	s, err := vpc.New(r)
	if err != nil {
		b.Fatal(err)
	}
	g, err := gateway.New(gateway.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { g.Close() })
	for _, nic := range s.Interfaces() {
		dev, err := tun.NewMemory(nic.ID, 9001)
		if err == nil {
			_, err = g.Attach(nic.ID, dev)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := g.Apply(filter.Compile(s)); err != nil {
		b.Fatal(err)
	}
	return g
}

// BenchmarkScrape is a whole answer to Prometheus, as it asks: with gzip.
func BenchmarkScrape(b *testing.B) {
	for _, n := range []int{10, 1_000, 10_000} {
		g := crowd(b, n)
		for _, perVPC := range []bool{false, true} {
			for _, encoding := range []string{"identity", "gzip"} {
				b.Run(fmt.Sprintf("interfaces=%d/per-vpc=%v/%s", n, perVPC, encoding), func(b *testing.B) {
					m := New(g, Options{PerVPC: perVPC})
					request := httptest.NewRequest(http.MethodGet, "/metrics", nil)
					request.Header.Set("Accept-Encoding", encoding)
					bytes := 0
					b.ReportAllocs()
					for b.Loop() {
						w := httptest.NewRecorder()
						m.ServeHTTP(w, request)
						if w.Code != http.StatusOK {
							b.Fatal(w.Code)
						}
						bytes = w.Body.Len()
					}
					b.ReportMetric(float64(bytes)/1e3, "kB")
				})
			}
		}
	}
}
