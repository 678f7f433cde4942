package e2e

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/sgate/sgate/internal/needs"
)

func TestIPv6(t *testing.T) {
	needs.Root(t)
	lab := labUp(t, threeTier)
	wantConnect(t, "connects", lab, "stranger", "fd00:10:0:1::10", "443")
	wantConnect(t, "times out", lab, "laptop", "fd00:10:0:1::10", "22") // its rule is for IPv4
	if r := in(t, lab, "stranger", "ping", "-c", "1", "-W", "5", "fd00:10:0:1::1"); r.code != 0 {
		t.Errorf("the router does not answer: %s%s", r.stdout, r.stderr)
	}
}

func TestTraceroute(t *testing.T) {
	needs.Root(t)
	lab := labUp(t, writeFile(t, "ping.yaml", pingable))
	for _, c := range []struct{ to, router string }{{"10.0.1.20", "10.0.1.1"}, {"fd00:10:0:1::20", "fd00:10:0:1::1"}} {
		if r := in(t, lab, "a", "ping", "-c", "1", "-W", "5", c.to); r.code != 0 {
			t.Errorf("ping %s: %s%s", c.to, r.stdout, r.stderr)
		}
		r := in(t, lab, "a", "ping", "-c", "1", "-W", "5", "-t", "1", c.to)
		if !strings.Contains(strings.ToLower(r.stdout), "from "+c.router) || !strings.Contains(r.stdout, "Time") {
			t.Errorf("ping %s with one hop: %s%s", c.to, r.stdout, r.stderr)
		}
	}
	// A blocked packet gets nothing, not even with its last hop.
	r := in(t, lab, "b", "ping", "-c", "1", "-W", "1", "-t", "1", "10.0.1.10")
	if strings.Contains(strings.ToLower(r.stdout), "from") {
		t.Errorf("a blocked ping is answered: %s", r.stdout)
	}
}

// pingable admits a's pings to b, and none of b's to a.
const pingable = `
vpc: {cidr: 10.0.0.0/16, ipv6_cidr: fd00:10::/56}
subnets: [{name: net, cidr: 10.0.1.0/24, ipv6_cidr: fd00:10:0:1::/64}]
security_groups:
  - {name: a}
  - name: b
    ingress:
      - {type: All ICMP - IPv4, source: a}
      - {type: All ICMP - IPv6, source: a}
      - {type: All TCP, source: a}
instances:
  - {name: a, address: 10.0.1.10, ipv6_address: "fd00:10:0:1::10", security_groups: [a]}
  - {name: b, address: 10.0.1.20, ipv6_address: "fd00:10:0:1::20", security_groups: [b], command: [sgate, listen, "9000", "udp/9000"]}
`

// TestBulk sends much through the gateway and back, with super-packets and
// without, over both families: what comes back is what was sent.
func TestBulk(t *testing.T) {
	needs.Root(t)
	const size = 32 << 20
	for _, offload := range []string{"true", "false"} {
		t.Run("offload="+offload, func(t *testing.T) {
			lab := labUp(t, writeFile(t, "bulk.yaml", pingable), "--offload="+offload)
			wantConnect(t, "connects", lab, "a", "10.0.1.20", "9000")
			seed := rand.Uint64()
			data := make([]byte, size)
			r := rand.New(rand.NewPCG(seed, 0))
			for i := range data {
				data[i] = byte(r.Uint32())
			}
			want := fmt.Sprintf("%x  -\n", sha256.Sum256(data))
			for _, to := range []string{"10.0.1.20", "fd00:10:0:1::20"} {
				got := runFor(t, time.Minute, string(data), binary(t), "lab", "exec", "--lab", lab, "a", "--",
					"sh", "-c", "nc -N "+to+" 9000 | sha256sum")
				if got.stdout != want {
					t.Errorf("%s: %d bytes (seed %d) came back as %s, want %s%s", to, size, seed, got.stdout, want, got.stderr)
				}
			}
		})
	}
}
