package lint

import (
	"net/netip"
	"testing"
)

func TestIsWorld(t *testing.T) {
	for _, tt := range []struct {
		cidr string
		want bool
	}{
		{"0.0.0.0/0", true}, {"::/0", true},
		{"0.0.0.0/1", true}, {"128.0.0.0/1", true}, {"192.0.0.0/3", true}, {"12.0.0.0/7", true},
		{"12.0.0.0/8", false}, {"10.0.0.0/8", false}, {"172.16.0.0/12", false}, {"203.0.113.7/32", false},
		{"224.0.0.0/3", false}, {"224.0.0.0/4", false}, {"240.0.0.0/4", false}, // nobody sends from there
		{"2000::/3", true}, {"2000::/4", true}, {"2400::/12", true}, // a regional registry's
		{"2600::/13", false}, {"2001:db8::/32", false}, {"fc00::/7", false}, {"fd00::/8", false}, {"fe80::/10", false}, {"8000::/1", false},
	} {
		if got := isWorld(netip.MustParsePrefix(tt.cidr)); got != tt.want {
			t.Errorf("%s: %t, want %t", tt.cidr, got, tt.want)
		}
	}
	if isWorld(netip.Prefix{}) {
		t.Error("no CIDR is the world")
	}
}
