package e2e

import (
	"testing"
	"time"

	"github.com/sgate/sgate/internal/needs"
)

// patient are servers whose interfaces have timeouts of their own, and one that
// has the defaults. Without egress rules they answer as part of a flow only.
const patient = `
vpc: {cidr: 10.0.0.0/16}
subnets: [{name: net, cidr: 10.0.1.0/24}]
security_groups:
  - name: server
    ingress:
      - {type: All TCP, source: 203.0.113.0/24}
      - {type: All UDP, source: 203.0.113.0/24}
    egress: []
instances:
  - {name: defaults, address: 10.0.1.10, security_groups: [server], command: [sgate, listen, "udp/53"]}
  - name: short
    address: 10.0.1.20
    security_groups: [server]
    connection_tracking: {tcp_established_timeout: 60, udp_stream_timeout: 60}
    command: [sgate, listen, "udp/53"]
  - name: long
    address: 10.0.1.30
    security_groups: [server]
    connection_tracking: {udp_timeout: 60}
    command: [sgate, listen, "udp/53"]
hosts:
  - {name: client, address: 203.0.113.10}
`

// TestTimeouts leaves flows alone whose rules have gone, and looks after 31 s and
// 61 s which of them are still tracked (docs/semantics.md, 4.3). TCP connections
// have 5 days, UDP flows of one exchange 30 s and longer ones 180 s, unless their
// interface says otherwise. It is the one test that takes so long.
func TestTimeouts(t *testing.T) {
	needs.Root(t)
	t.Parallel()
	l := liveUp(t, patient)
	const defaults, short, long = "10.0.1.10", "10.0.1.20", "10.0.1.30"
	for member, host := range map[string]string{"defaults": defaults, "short": short} {
		start(t, "lab", "exec", "--lab", l.name, member, "--", python(t), script(t, "echo.py"), "80")
		wantConnect(t, "connects", l.name, "client", host, "80")
	}
	open := func(exchanges int, host, port string, options ...string) *connection {
		t.Helper()
		c := connectTo(t, l.name, "client", host, port, options...)
		for range exchanges {
			c.echoes(t, "before")
		}
		return c
	}
	once, onceLong := open(1, defaults, "53", "-u"), open(1, long, "53", "-u")
	stream, streamShort := open(3, defaults, "53", "-u"), open(3, short, "53", "-u")
	tcp, tcpShort := open(1, defaults, "80"), open(1, short, "80")
	l.change(t, without(patient, "{type: All TCP", "{type: All UDP"))
	last := time.Now()

	time.Sleep(time.Until(last.Add(31 * time.Second)))
	once.stalls(t, l.name, "client", "no_ingress_rule")
	onceLong.echoes(t, "after 31 s")
	onceLong.echoes(t, "and by now it is a stream")

	time.Sleep(time.Until(last.Add(61 * time.Second)))
	stream.echoes(t, "after 61 s")
	streamShort.stalls(t, l.name, "client", "no_ingress_rule")
	tcp.echoes(t, "after 61 s")
	tcpShort.stalls(t, l.name, "client", "no_ingress_rule")
}
