package ec2

import (
	"bytes"
	"context"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/sgate/sgate/store"
	"github.com/sgate/sgate/vpc"
)

// newFleet is a world with 1,000 groups of 60 rules each.
func newFleet(tb testing.TB) *world {
	w := newWorld(tb, "vpc: {cidr: 10.0.0.0/16, ipv6_cidr: \"fd00:10::/56\"}\n")
	w.change(func(d *store.Draft) error {
		home := d.VPCs.All()[0].ID
		for i := range 1000 {
			g := vpc.SecurityGroup{ID: vpc.NewID("sg", strconv.Itoa(i)), Name: "group-" + strconv.Itoa(i), Description: "One of a fleet", VPCID: home}
			for j := range 60 {
				cidr := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i), byte(j), 0}), 24)
				g.Ingress = append(g.Ingress, vpc.Rule{Protocol: vpc.TCP, FromPort: int32(j % 20), ToPort: int32(j % 20), Peer: vpc.Peer{CIDR: cidr}, Description: "From a branch office"})
			}
			if err := d.SecurityGroups.Put(g); err != nil {
				return err
			}
		}
		return nil
	})
	return w
}

// BenchmarkDescribeFleet reads all groups, or all rules, of a fleet in pages.
func BenchmarkDescribeFleet(b *testing.B) {
	w := newFleet(b)
	for _, list := range []struct{ action, size string }{{"DescribeSecurityGroups", "100"}, {"DescribeSecurityGroups", "1000"}, {"DescribeSecurityGroupRules", "1000"}} {
		b.Run(list.action+"/"+list.size, func(b *testing.B) {
			for range b.N {
				total := readPages(b, w, list.action, list.size)
				b.ReportMetric(float64(total), "bytes/op")
			}
		})
	}
}

// readPages reads a list in pages and returns their size together.
func readPages(tb testing.TB, w *world, action, size string) (total int) {
	form := url.Values{"MaxResults": {size}, "Action": {action}, "Version": {version}}
	for {
		status, document := w.endpoint.answer(&caller{ctx: context.Background()}, form, "req-1")
		if status != 200 {
			tb.Fatalf("%s", document)
		}
		total += len(document)
		_, rest, more := bytes.Cut(document, []byte("<nextToken>"))
		if !more {
			return total
		}
		token, _, _ := strings.Cut(string(rest), "<")
		form.Set("NextToken", token)
	}
}

// BenchmarkAuthorizeInFleet adds a rule to one of many groups and takes it away.
func BenchmarkAuthorizeInFleet(b *testing.B) {
	w := newFleet(b)
	id := vpc.NewID("sg", "500")
	rule := permission(id, "udp", "53", "53", "2001:db8::/32")
	for b.Loop() {
		w.do("AuthorizeSecurityGroupIngress", rule...)
		w.do("RevokeSecurityGroupIngress", rule...)
	}
}
