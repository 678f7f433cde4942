package flowlog

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sgate/sgate/flowlog/record"
	"github.com/sgate/sgate/vpc"
)

// The examples of the VPC User Guide, "Flow log record examples", made by a
// gateway of the packets that they are about.

// share cuts bytes into that many sizes.
func share(bytes, packets int) []int {
	sizes := make([]int, packets)
	for i := range sizes {
		sizes[i] = bytes / packets
		if i < bytes%packets {
			sizes[i]++
		}
	}
	return sizes
}

// burst sends a flow's packets of one interval: the first and the last have flags
// of their own, and leave at its start and its end.
func (w *world) burst(from, src, dst string, first, last, packets, bytes int, start, end int64) {
	w.t.Helper()
	sizes := share(bytes, packets)
	for i, size := range sizes {
		flags := ack
		switch i {
		case 0:
			w.at(start)
			flags = first
		case packets - 1:
			w.sync()
			w.at(end)
			flags = last
		}
		w.send(from, tcp(w.t, src, dst, flags, size))
	}
	w.sync()
}

func wantLines(t *testing.T, got []string, want ...string) {
	t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func ssh() []vpc.Rule {
	return []vpc.Rule{rule(vpc.TCP, 22, 22, "0.0.0.0/0"), rule(vpc.TCP, 22, 22, "::/0")}
}

func TestAcceptedAndRejectedTraffic(t *testing.T) {
	res := resources("172.31.0.0/16", "172.31.16.0/24", "172.31.17.0/24", ssh(), nil,
		instance(theInterface, "172.31.16.21"), instance("eni-2222222222222222a", "172.31.16.12"),
		host("host-1", "172.30.16.139"), neighbour("eni-3333333333333333a", "172.31.17.139"))
	w := newWorld(t, res, Options{}, logOf(theInterface))
	w.at(1418530000)
	w.burst("eni-3333333333333333a", "172.31.17.139:20641", "172.31.16.21:22", syn, ack, 20, 4249, 1418530010, 1418530070)
	w.burst("host-1", "172.30.16.139:49761", "172.31.16.21:3389", syn, syn, 20, 4249, 1418530010, 1418530070)
	w.burst("host-1", "172.30.16.139:49761", "172.31.16.12:22", syn, syn, 20, 4249, 1418530010, 1418530070) // not logged
	wantLines(t, w.written(),
		"2 123456789010 eni-1235b8ca123456789 172.31.17.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK",
		"2 123456789010 eni-1235b8ca123456789 172.30.16.139 172.31.16.21 49761 3389 6 20 4249 1418530010 1418530070 REJECT OK")
}

func TestNoDataAndSkippedRecords(t *testing.T) {
	res := resources("172.31.0.0/16", "172.31.16.0/24", "172.31.17.0/24", ssh(), nil,
		instance(theInterface, "172.31.16.21"), instance("eni-11111111aaaaaaaaa", "172.31.16.22"), host("host-1", "203.0.113.12"))
	l := logOf("")
	l.Interval = MinInterval
	w := newWorld(t, res, Options{Flows: 4}, l)
	w.tick(1431280876) // an interval ends, whenever the clock was set
	w.send("host-1", tcp(t, "203.0.113.12:1000", "172.31.16.22:22", syn, 40), tcp(t, "203.0.113.12:1001", "172.31.16.22:22", syn, 40))
	w.tick(1431280934)
	got := w.written()
	wantLines(t, got[len(got)-3:],
		"2 123456789010 eni-11111111aaaaaaaaa 203.0.113.12 172.31.16.22 1000 22 6 1 40 1431280876 1431280876 ACCEPT OK",
		"2 123456789010 eni-1235b8ca123456789 - - - - - - - 1431280876 1431280934 - NODATA",
		"2 123456789010 eni-11111111aaaaaaaaa - - - - - - - 1431280876 1431280934 - SKIPDATA")
}

func TestSecurityGroupAndNetworkACLRules(t *testing.T) {
	pings := []vpc.Rule{rule(vpc.ICMP, vpc.Any, vpc.Any, "0.0.0.0/0")}
	request := "2 123456789010 eni-1235b8ca123456789 203.0.113.12 172.31.16.139 0 0 1 4 336 1432917027 1432917142 ACCEPT OK"
	reply := "2 123456789010 eni-1235b8ca123456789 172.31.16.139 203.0.113.12 0 0 1 4 336 1432917094 1432917142 ACCEPT OK"
	entry := func(d vpc.Direction, allow bool) vpc.NetworkACLEntry {
		return vpc.NetworkACLEntry{Number: 100, Direction: d, Allow: allow, Protocol: vpc.ICMP, FromPort: vpc.Any, ToPort: vpc.Any, CIDR: prefix("0.0.0.0/0")}
	}
	acl := func(entries ...vpc.NetworkACLEntry) []vpc.NetworkACL {
		return []vpc.NetworkACL{{ID: "acl-11111111111111111", Name: "acl", VPCID: theVPC, SubnetIDs: []string{theSubnet}, Entries: entries}}
	}
	for _, c := range []struct {
		name string
		in   []vpc.Rule
		acls []vpc.NetworkACL
		want []string
	}{
		{"the ACL denies the reply", pings, acl(entry(vpc.Ingress, true), entry(vpc.Egress, false)),
			[]string{request, strings.Replace(reply, "ACCEPT", "REJECT", 1)}},
		{"the ACL permits the reply", pings, acl(entry(vpc.Ingress, true), entry(vpc.Egress, true)), []string{request, reply}},
		{"the group denies the request", nil, nil, []string{strings.Replace(request, "ACCEPT", "REJECT", 1)}},
		{"the ACL denies the request", pings, acl(entry(vpc.Ingress, false)), []string{strings.Replace(request, "ACCEPT", "REJECT", 1)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			res := resources("172.31.0.0/16", "172.31.16.0/24", "172.31.17.0/24", c.in, nil,
				instance(theInterface, "172.31.16.139"), host("host-1", "203.0.113.12"))
			res.NetworkACLs = c.acls
			w := newWorld(t, res, Options{}, logOf(""))
			for i, at := range []int64{1432917027, 1432917094, 1432917094, 1432917142} {
				w.at(at)
				w.send("host-1", ping(t, "203.0.113.12", "172.31.16.139", false, 84))
				w.sync()
				answers := i > 0 // the first reply of AWS's example comes later
				if answers && len(c.want) > 1 {
					w.send(theInterface, ping(t, "172.31.16.139", "203.0.113.12", true, 84))
				}
				if i == 3 && len(c.want) > 1 {
					w.send(theInterface, ping(t, "172.31.16.139", "203.0.113.12", true, 84))
				}
				w.sync()
			}
			wantLines(t, w.written(), c.want...)
		})
	}
}

func TestIPv6Traffic(t *testing.T) {
	res := resources("172.31.0.0/16", "172.31.16.0/24", "172.31.17.0/24", ssh(), nil,
		instance(theInterface, "172.31.16.139", "2001:db8:1234:a102:3304:8879:34cf:4071"),
		neighbour("eni-3333333333333333a", "2001:db8:1234:a100:8d6e:3477:df66:f105"))
	w := newWorld(t, res, Options{}, logOf(theSubnet))
	w.burst("eni-3333333333333333a", "[2001:db8:1234:a100:8d6e:3477:df66:f105]:34892", "[2001:db8:1234:a102:3304:8879:34cf:4071]:22",
		syn, ack, 54, 8855, 1477913708, 1477913820)
	wantLines(t, w.written(), "2 123456789010 eni-1235b8ca123456789 2001:db8:1234:a100:8d6e:3477:df66:f105 "+
		"2001:db8:1234:a102:3304:8879:34cf:4071 34892 22 6 54 8855 1477913708 1477913820 ACCEPT OK")
}

// tcpFlagFormat is that of AWS's example.
const tcpFlagFormat = "${version} ${vpc-id} ${subnet-id} ${instance-id} ${interface-id} ${account-id} ${type} ${srcaddr} ${dstaddr} " +
	"${srcport} ${dstport} ${pkt-srcaddr} ${pkt-dstaddr} ${protocol} ${bytes} ${packets} ${start} ${end} ${action} ${tcp-flags} ${log-status}"

func TestTCPFlagSequence(t *testing.T) {
	res := resources("10.0.0.0/16", "10.0.0.0/24", "10.0.1.0/24", []vpc.Rule{rule(vpc.TCP, 5001, 5001, "0.0.0.0/0")}, nil,
		instance(theInterface, "10.0.0.62"), host("host-1", "52.213.180.42"))
	w := newWorld(t, res, Options{}, logOf("").in(t, tcpFlagFormat))
	const client, server = "52.213.180.42:", "10.0.0.62:5001"
	up := func(port string, first, last, packets, bytes int, start, end int64) {
		t.Helper()
		w.burst("host-1", client+port, server, first, last, packets, bytes, start, end)
	}
	down := func(port string, first, last, packets, bytes int, start, end int64) {
		t.Helper()
		w.burst(theInterface, server, client+port, first, last, packets, bytes, start, end)
	}
	// Two connections begin.
	up("43416", syn, ack, 8, 568, 1566848875, 1566848933)
	down("43416", syn|ack, ack, 7, 376, 1566848875, 1566848933)
	up("43418", syn, ack, 70, 100701, 1566848875, 1566848933)
	down("43418", syn|ack, ack, 12, 632, 1566848875, 1566848933)
	// One ends, in the next interval. AWS's began at 1566848933.
	w.tick(1566849000)
	down("43418", ack, fin|ack, 1219, 63388, 1566849001, 1566849113)
	up("43418", ack, fin|ack, 15774, 23294588, 1566849001, 1566849113)
	// A short one.
	w.tick(1566933000)
	up("43638", syn, ack, 16, 1220, 1566933133, 1566933193)
	down("43638", syn|ack, fin|ack, 14, 967, 1566933133, 1566933193)
	up("43638", fin|ack, fin|ack, 1, 40, 1566933193, 1566933193)
	const of = "3 vpc-abcdefab012345678 subnet-aaaaaaaa012345678 INSTANCE eni-1235b8ca123456789 123456789010 IPv4 "
	nic := res.Interfaces[0]
	var want []string
	for _, line := range []string{
		"52.213.180.42 10.0.0.62 43416 5001 52.213.180.42 10.0.0.62 6 568 8 1566848875 1566848933 ACCEPT 2 OK",
		"10.0.0.62 52.213.180.42 5001 43416 10.0.0.62 52.213.180.42 6 376 7 1566848875 1566848933 ACCEPT 18 OK",
		"52.213.180.42 10.0.0.62 43418 5001 52.213.180.42 10.0.0.62 6 100701 70 1566848875 1566848933 ACCEPT 2 OK",
		"10.0.0.62 52.213.180.42 5001 43418 10.0.0.62 52.213.180.42 6 632 12 1566848875 1566848933 ACCEPT 18 OK",
		"10.0.0.62 52.213.180.42 5001 43418 10.0.0.62 52.213.180.42 6 63388 1219 1566849001 1566849113 ACCEPT 1 OK",
		"52.213.180.42 10.0.0.62 43418 5001 52.213.180.42 10.0.0.62 6 23294588 15774 1566849001 1566849113 ACCEPT 1 OK",
		"52.213.180.42 10.0.0.62 43638 5001 52.213.180.42 10.0.0.62 6 1260 17 1566933133 1566933193 ACCEPT 3 OK",
		"10.0.0.62 52.213.180.42 5001 43638 10.0.0.62 52.213.180.42 6 967 14 1566933133 1566933193 ACCEPT 19 OK",
	} {
		want = append(want, strings.Replace(of, "INSTANCE", instanceID(&nic), 1)+line)
	}
	wantLines(t, w.written(), want...)
}

// TestTrafficThroughANATGateway is the part of AWS's example that needs no routes
// of the VPC's: what a forwarder sends in another's name.
func TestTrafficThroughANATGateway(t *testing.T) {
	nat := neighbour(theInterface, "10.0.1.220", "10.0.1.221")
	nat.SourceDestCheck = false
	res := resources("10.0.0.0/16", "10.0.0.0/24", "10.0.1.0/24", everything(), everything(),
		nat, instance("eni-1111aaaa2222bbbb3", "10.0.0.5", "10.0.0.6"))
	w := newWorld(t, res, Options{}, logOf("").in(t, "${interface-id} ${srcaddr} ${dstaddr} ${pkt-srcaddr} ${pkt-dstaddr} ${flow-direction} ${traffic-path}"))
	w.send(theInterface, udp(t, "203.0.113.5:53", "10.0.0.6:1000", 60))
	wantLines(t, w.written(),
		"eni-1235b8ca123456789 10.0.1.220 10.0.0.6 203.0.113.5 10.0.0.6 egress 1",
		"eni-1111aaaa2222bbbb3 203.0.113.5 10.0.0.5 203.0.113.5 10.0.0.6 ingress -")
}

// TestExamplesAreWhatParsersExpect holds the strict parser of these tests against
// AWS's own lines, so that it is no looser than they are.
func TestExamplesAreWhatParsersExpect(t *testing.T) {
	for _, line := range []string{
		"2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK",
		"2 123456789010 eni-1235b8ca123456789 - - - - - - - 1431280876 1431280934 - NODATA",
		"2 123456789010 eni-11111111aaaaaaaaa - - - - - - - 1431280876 1431280934 - SKIPDATA",
		"2 123456789010 eni-1235b8ca123456789 2001:db8:1234:a100:8d6e:3477:df66:f105 2001:db8:1234:a102:3304:8879:34cf:4071 34892 22 6 54 8855 1477913708 1477913820 ACCEPT OK",
	} {
		if _, err := parseLine(record.Default().Header(), line); err != nil {
			t.Error(err)
		}
	}
}
