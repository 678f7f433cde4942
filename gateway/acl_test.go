package gateway

import (
	"testing"

	"gvisor.dev/gvisor/pkg/tcpip/header"

	"github.com/sgate/sgate/vpc"
)

// entry is a network ACL's entry for TCP, of IPv4.
func entry(number int, d vpc.Direction, allow bool, from, to int32, cidr string) vpc.NetworkACLEntry {
	return vpc.NetworkACLEntry{Number: number, Direction: d, Allow: allow, Protocol: vpc.TCP, FromPort: from, ToPort: to, CIDR: prefix(cidr)}
}

// twoSubnets is a web server in a subnet with a network ACL, a neighbour beside
// it, an app in another subnet that has none, and a laptop. Groups admit all.
func twoSubnets(t *testing.T, entries ...vpc.NetworkACLEntry) *world {
	app := instance("app", []string{"10.0.2.20"}, "open")
	app.SubnetID = "subnet-2"
	w := newWorld(t, Options{}, []vpc.SecurityGroup{{Name: "open", Ingress: []vpc.Rule{all("10.0.0.0/8"), all("203.0.113.0/24")}, Egress: everything()}},
		instance("web", []string{"10.0.1.10"}, "open"), instance("neighbour", []string{"10.0.1.11"}, "open"), host("laptop", "203.0.113.10"))
	w.res.Subnets = append(w.res.Subnets, vpc.Subnet{ID: "subnet-2", Name: "private", VPCID: theVPC, CIDR: prefix("10.0.2.0/24")})
	w.res.Interfaces = append(w.res.Interfaces, app)
	w.attach("app", DefaultMTU)
	w.res.NetworkACLs = []vpc.NetworkACL{{ID: "acl-1", Name: "public", VPCID: theVPC, SubnetIDs: []string{theSubnet}, Entries: entries}}
	w.apply()
	return w
}

func TestNetworkACLsKnowNoFlows(t *testing.T) {
	in := []vpc.NetworkACLEntry{
		entry(90, vpc.Ingress, false, 22, 22, "203.0.113.0/24"), entry(100, vpc.Ingress, true, 0, 1023, "0.0.0.0/0"),
	}
	w := twoSubnets(t, in...)
	w.want("network_acl_ingress", "laptop", syn("203.0.113.10:4000", "10.0.1.10:22"))
	w.want("forwarded", "app", syn("10.0.2.20:4000", "10.0.1.10:22")) // the deny is for the laptop
	w.want("network_acl_ingress", "laptop", syn("203.0.113.10:4000", "10.0.1.10:8080"))

	// The answer of a connection that is let in needs an entry of its own.
	w.want("forwarded", "laptop", syn("203.0.113.10:4000", "10.0.1.10:80"))
	w.want("network_acl_egress", "web", synAck("10.0.1.10:80", "203.0.113.10:4000"))
	out := entry(100, vpc.Egress, true, 1024, 65535, "0.0.0.0/0")
	w.res.NetworkACLs[0].Entries = append(in[:2:2], out)
	w.apply()
	w.want("forwarded", "web", synAck("10.0.1.10:80", "203.0.113.10:4000"))
	w.want("forwarded", "laptop", ack("203.0.113.10:4000", "10.0.1.10:80"))

	// What the ACL comes to deny stops at once and goes on once it may: the
	// groups' flow is still there, though their rules are not.
	w.group("open").Ingress = nil
	w.res.NetworkACLs[0].Entries = []vpc.NetworkACLEntry{in[1]}
	w.apply()
	w.want("network_acl_egress", "web", ack("10.0.1.10:80", "203.0.113.10:4000"))
	w.want("forwarded", "laptop", ack("203.0.113.10:4000", "10.0.1.10:80"))
	w.res.NetworkACLs[0].Entries = append(in[:2:2], out)
	w.apply()
	w.want("forwarded", "web", ack("10.0.1.10:80", "203.0.113.10:4000"))

	// Groups are asked before an ACL on the way out, and after it on the way in.
	w.group("open").Egress = nil
	w.apply()
	w.want("no_egress_rule", "web", syn("10.0.1.10:4000", "203.0.113.10:22"))
	w.want("network_acl_ingress", "laptop", syn("203.0.113.10:4001", "10.0.1.10:22"))
	w.want("no_ingress_rule", "laptop", syn("203.0.113.10:4001", "10.0.1.10:80"))
}

func TestNetworkACLsActBetweenSubnets(t *testing.T) {
	w := twoSubnets(t) // denies all
	w.want("forwarded", "neighbour", syn("10.0.1.11:4000", "10.0.1.10:22"))
	w.want("network_acl_ingress", "app", syn("10.0.2.20:4000", "10.0.1.10:22"))
	w.want("network_acl_egress", "web", syn("10.0.1.10:4000", "10.0.2.20:22"))
	w.want("network_acl_egress", "web", icmpError("10.0.1.10", "203.0.113.10", 3, 3, udpPacket("203.0.113.10:1", "10.0.1.10:2")))
	w.want("network_acl_egress", "web", ipPacket(addr("10.0.1.10"), addr("10.0.2.20"), 47, nil))
	w.want("forwarded", "app", syn("10.0.2.20:4000", "203.0.113.10:80")) // its subnet has none
	// What groups do not filter, ACLs do not either.
	w.want("local", "web", icmpPacket("10.0.1.10", "10.0.1.1", 8, 0, 7))
	w.want("local", "web", udpPacket("10.0.1.10:4000", "10.0.0.2:53"))
	if got := w.awaitPacket("web"); header.IPv4(got).SourceAddress().String() == "" {
		t.Error("the router does not answer through the ACL")
	}
}

// TestRelatedErrorsMeetACLs: they are stateless for errors, too.
func TestRelatedErrorsMeetACLs(t *testing.T) {
	w := twoSubnets(t, entry(100, vpc.Ingress, true, 0, 65535, "0.0.0.0/0"), entry(100, vpc.Egress, true, 0, 65535, "0.0.0.0/0"))
	w.g.relatedICMPErrors = true
	data := ack("203.0.113.10:4000", "10.0.1.10:80")
	w.want("forwarded", "laptop", syn("203.0.113.10:4000", "10.0.1.10:80"))
	w.want("forwarded", "laptop", data)
	w.want("network_acl_egress", "web", tooBig("10.0.1.10", "203.0.113.10", data))
}
