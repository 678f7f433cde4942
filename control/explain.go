package control

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// ExplainRequest asks what would become of one packet.
type ExplainRequest struct {
	// From and To are names or ids of instances and hosts, or addresses,
	// which nobody need have.
	From string `json:"from"`
	To   string `json:"to"`
	// VPC is a name or id. It is needed where From does not tell.
	VPC string `json:"vpc,omitempty"`
	// Protocol is tcp, udp, icmp, icmpv6 or a number; "" is tcp.
	Protocol   string `json:"protocol,omitempty"`
	Port       uint16 `json:"port,omitempty"`        // the destination's; needed for TCP and UDP
	SourcePort uint16 `json:"source_port,omitempty"` // 0 is one that no live flow has
	ICMPType   *uint8 `json:"icmp_type,omitempty"`   // nil is echo request
	ICMPCode   uint8  `json:"icmp_code,omitempty"`
	// IPv6 chooses the family where both ends have both; the default is IPv4.
	IPv6 bool `json:"ipv6,omitempty"`
	// SourceAddress is what the packet has for a source if it is none of
	// From's own addresses: From forwards it, or lies.
	SourceAddress string `json:"source_address,omitempty"`
	// Brief leaves out what takes the most time: remedies and connections.
	Brief bool `json:"brief,omitempty"`
}

// The verdicts of an Explanation.
const (
	VerdictAllow = "allow"
	VerdictDrop  = "drop"
)

// Explanation says what would become of a packet, and why: the verdict of the
// data path itself, in a person's words.
type Explanation struct {
	Verdict string `json:"verdict"` // VerdictAllow or VerdictDrop
	Fate    string `json:"fate"`    // forwarded, local or dropped
	Reason  string `json:"reason"`  // the name of the counter it would count as
	Meaning string `json:"meaning"` // of the reason, in a sentence
	// Generation is the number of the policy that decided; it grows by one
	// with each change of the configuration.
	Generation uint64          `json:"generation"`
	Packet     ExplainedPacket `json:"packet"`
	From       ExplainedEnd    `json:"from"`
	To         ExplainedEnd    `json:"to"`
	Egress     ExplainedSide   `json:"egress"`  // the sender's security groups
	Ingress    ExplainedSide   `json:"ingress"` // the receiver's
	// NetworkACLs are those on the way, in the packet's order, as far as they
	// were asked; subnets with the default ACL, which allows everything, are
	// left out.
	NetworkACLs []ExplainedACL `json:"network_acls"`
	// Reply are the network ACLs on the way back, in order, asked about the
	// answer to a packet that passes. Security groups let it pass.
	Reply []ExplainedACL `json:"reply_network_acls"`
	// Flow is the live flow that has the packet's addresses and ports.
	Flow *ExplainedFlow `json:"flow,omitempty"`
	// Connections are the live flows between the two ends to the same port,
	// whatever their source ports.
	Connections *ExplainedConnections `json:"connections,omitempty"`
	// Reachability is the drop in the terms of AWS's Reachability Analyzer;
	// nil where it has no code for it.
	Reachability *Reachability `json:"reachability,omitempty"`
	Notes        []string      `json:"notes"` // what else a person should know
	// Remedies are what to add so that the packet, and its reply, pass: all
	// of them, in the packet's order. They were tried together. Unless
	// RemediesSuffice, a note says what is in the way then.
	Remedies        []Remedy `json:"remedies"`
	RemediesSuffice bool     `json:"remedies_suffice"`
}

// Allowed reports whether the packet would arrive.
func (e Explanation) Allowed() bool { return e.Verdict == VerdictAllow }

// ExplainedPacket is the packet in question: for TCP a SYN.
type ExplainedPacket struct {
	VPC             string     `json:"vpc"` // name, or id if it has none
	Protocol        string     `json:"protocol"`
	Source          netip.Addr `json:"source"`
	Destination     netip.Addr `json:"destination"`
	SourcePort      uint16     `json:"source_port,omitempty"`
	DestinationPort uint16     `json:"destination_port,omitempty"`
	ICMPType        *uint8     `json:"icmp_type,omitempty"`
	ICMPCode        *uint8     `json:"icmp_code,omitempty"`
	Bytes           int        `json:"bytes"` // from the IP header on
}

// The kinds of ends.
const (
	EndInstance = "instance"
	EndHost     = "host"    // a machine outside the VPC that is declared
	EndUnknown  = "unknown" // an address that nobody has
	EndRouter   = "router"  // the VPC router
	EndService  = "service" // DNS, metadata, time and the like, which groups do not filter
)

// ExplainedEnd is who sends or receives.
type ExplainedEnd struct {
	Kind    string     `json:"kind"`
	Name    string     `json:"name,omitempty"`
	ID      string     `json:"id,omitempty"` // of the network interface or host
	Address netip.Addr `json:"address"`
	Subnet  string     `json:"subnet,omitempty"` // name, or id if it has none
	Origin  string     `json:"origin,omitempty"` // file:line:column
}

// NameOrAddress returns what to call it.
func (e ExplainedEnd) NameOrAddress() string {
	if e.Name == "" {
		return e.Address.String()
	}
	return e.Name
}

// ExplainedSide is what one end's security groups have to say.
type ExplainedSide struct {
	Interface string     `json:"interface,omitempty"` // the network interface's id
	Groups    []GroupRef `json:"groups"`
	// Answer is rule, flow, no_rule, no_groups or not_asked.
	Answer string `json:"answer"`
	// Rule admits the packet or, with the answer flow, let the flow in.
	Rule *ExplainedRule `json:"rule,omitempty"`
	// RulesSay is what the rules would answer, where they were not asked
	// since a flow answered or the packet's fate had fallen: rule or no_rule.
	// RuleNow is that rule.
	RulesSay string         `json:"rules_say,omitempty"`
	RuleNow  *ExplainedRule `json:"rule_now,omitempty"`
	// Misses are the rules that come nearest to admitting the packet, where
	// none does, at most MaxMisses; Rules is how many there are in all.
	Misses []ExplainedMiss `json:"misses,omitempty"`
	Rules  int             `json:"rules"`
}

// MaxMisses is how many of the nearest rules an ExplainedSide lists.
const MaxMisses = 10

// GroupRef names a security group.
type GroupRef struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// ExplainedRule is a rule of a security group.
type ExplainedRule struct {
	ID          string   `json:"id"`
	Group       GroupRef `json:"group"`
	Direction   string   `json:"direction"`
	Text        string   `json:"text"` // "tcp 3306 from group app"
	Description string   `json:"description,omitempty"`
	Origin      string   `json:"origin,omitempty"` // file:line:column
	Gone        bool     `json:"gone,omitempty"`   // it is not in force any more; all but its id is unknown
}

// ExplainedMiss is a rule that nearly admits the packet.
type ExplainedMiss struct {
	Rule ExplainedRule `json:"rule"`
	// But are the properties in which the packet differs: port, icmp, peer,
	// family, protocol.
	But  []string `json:"but"`
	Text string   `json:"text"` // "but for the port: 3306 is asked, 5432 is open"
}

// ExplainedACL is the answer of a network ACL.
type ExplainedACL struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Subnet      string `json:"subnet"` // name, or id if it has none
	SubnetID    string `json:"subnet_id"`
	Direction   string `json:"direction"`
	Action      string `json:"action"`       // allow or deny
	EntryNumber int    `json:"entry_number"` // 32767 is "*" of IPv4, 32768 that of IPv6
	Entry       string `json:"entry"`        // "100 allow tcp 443 from 0.0.0.0/0"
	Origin      string `json:"origin,omitempty"`
}

// ExplainedFlow is a live flow.
type ExplainedFlow struct {
	State   string  `json:"state"`
	Age     float64 `json:"age_seconds"`
	Expires float64 `json:"expires_seconds"`
	// Opener is the packet's end that opened it: from or to.
	Opener string `json:"opener"`
	// TrackedBySender and TrackedByReceiver say which end lets its packets
	// pass whatever the rules are.
	TrackedBySender   bool `json:"tracked_by_sender"`
	TrackedByReceiver bool `json:"tracked_by_receiver"`
	// Rules let it in: of the opener's egress and of the other's ingress.
	Rules []ExplainedRule `json:"rules"`
}

// ExplainedConnections are live flows that go on, though a packet that opens
// another may be dropped, or the other way round.
type ExplainedConnections struct {
	Count   int `json:"count"`
	Tracked int `json:"tracked"` // by both ends, as far as they have groups: no rule can stop them
}

// Reachability is what AWS's Reachability Analyzer would call a drop.
type Reachability struct {
	Code      string `json:"explanation_code"` // ENI_SG_RULES_MISMATCH
	Meaning   string `json:"meaning"`
	Direction string `json:"direction,omitempty"` // ingress or egress
	Component string `json:"component,omitempty"` // the id of what drops: a network interface, a group, an ACL
}

// The kinds of remedies.
const (
	RemedyGroupRule   = "security_group_rule"
	RemedyACLEntry    = "network_acl_entry"
	RemedySourceCheck = "source_dest_check"
)

// Remedy is something to add so that a packet passes.
type Remedy struct {
	Kind      string `json:"kind"`
	ID        string `json:"id"` // of the security group, the network ACL or the interface
	Name      string `json:"name"`
	Direction string `json:"direction,omitempty"`
	// Place is where in the configuration that stands, file:line:column.
	Place string `json:"place,omitempty"`
	// Reply says that it lets the answer pass, not the packet itself.
	Reply bool `json:"reply,omitempty"`
	Choice
	Alternative *Choice `json:"alternative,omitempty"`
	Caution     string  `json:"caution,omitempty"` // what else it opens
}

// Where says for people what is to be done where in the configuration, up to
// what is to be written there, which is Config.
func (r *Remedy) Where() string {
	var where string
	switch lacking := strings.HasPrefix(r.Config, "- name: "); {
	case r.Kind == RemedyGroupRule && lacking:
		return fmt.Sprintf("add to security_groups the group %s, which the file does not have", r.Name)
	case r.Kind == RemedyGroupRule && strings.HasPrefix(r.Config, r.Direction+":"):
		where = "add to security group " + r.Name
	case r.Kind == RemedyGroupRule:
		where = fmt.Sprintf("add to security group %s, under %s", r.Name, r.Direction)
	case r.Kind == RemedyACLEntry:
		where = fmt.Sprintf("add to network ACL %s, under %s", r.Name, r.Direction)
	default:
		where = r.Text
	}
	if r.Place == "" {
		return where
	}
	return fmt.Sprintf("%s (%s)", where, r.Place)
}

// Choice is one way to write a remedy.
type Choice struct {
	Text string `json:"text"` // "tcp 3306 from group web"
	// Config is YAML for the configuration: an item of a list, "- {protocol: ...}";
	// where the file leaves all of it to AWS's defaults, the whole key, "egress:",
	// or a group of its own, "- name: default"; or "source_dest_check: false".
	Config string `json:"config"`
	AWS    string `json:"aws"` // a command of the aws CLI
}

// ExplainBackend explains what would become of packets.
type ExplainBackend interface {
	Explain(context.Context, ExplainRequest) (Explanation, error)
}

const explainPath = version + "/explain"

// explain is the endpoint: POST /v1/explain with an ExplainRequest. Nothing is
// sent, counted or remembered.
func (s *Server) explain(b ExplainBackend) endpoint {
	return endpoint{http.MethodPost, explainPath, s.reply(func(w http.ResponseWriter, r *http.Request) (any, error) {
		var request ExplainRequest
		if err := s.decode(w, r, &request); err != nil {
			return nil, err
		}
		return b.Explain(r.Context(), request)
	})}
}

// Explain asks what would become of a packet. An error of type *Error is the
// gateway's answer.
func (c *Client) Explain(ctx context.Context, r ExplainRequest) (Explanation, error) {
	var reply Explanation
	err := c.post(ctx, explainPath, r, &reply)
	return reply, err
}
