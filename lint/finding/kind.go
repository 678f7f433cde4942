package finding

import "slices"

// Kind is a kind of finding. docs/lint.md has an example of each.
type Kind struct {
	ID       string   // kebab-case, never changed once it is out: files name it
	Severity Severity // of most findings of the kind
	// Lower says when a finding of the kind is a note instead, "" for never.
	Lower string
	// Optional kinds are shown only to those who ask: what they find is wrong
	// in some places and quite usual in most.
	Optional bool
	Title    string   // what is the matter, as the start of a sentence
	Why      string   // why it matters
	Sources  []string // who says so
}

// Lookup finds a kind by its id.
func Lookup(id string) (Kind, bool) {
	for _, k := range Kinds() {
		if k.ID == id {
			return k, true
		}
	}
	return Kind{}, false
}

// IDs returns the ids of the kinds that can be silenced: all but that of a
// silence without a use, which is removed instead.
func IDs() []string {
	var ids []string
	for _, k := range Kinds() {
		if k.ID != UnusedSilence {
			ids = append(ids, k.ID)
		}
	}
	return ids
}

// OptionalIDs returns the ids of the kinds that are shown to those who ask.
func OptionalIDs() []string {
	var ids []string
	for _, k := range Kinds() {
		if k.Optional {
			ids = append(ids, k.ID)
		}
	}
	return ids
}

// Kinds returns all kinds: those about open doors first, then those about rules,
// groups, network ACLs and the rest.
func Kinds() []Kind { return slices.Concat(open(), rules(), resources(), acls(), silences()) }

// The ids of all kinds.
const (
	EverythingOpen   = "everything-open"
	SSHOpen          = "ssh-open-to-world"
	RDPOpen          = "rdp-open-to-world"
	DatabaseOpen     = "database-open-to-world"
	HighRiskPortOpen = "high-risk-port-open-to-world"
	WidePortRange    = "wide-port-range"
	PortOpen         = "port-open-to-world"
	AllEgressOpen    = "all-egress-open"

	RuleCovered         = "rule-covered"
	RuleCoveredByOther  = "rule-covered-by-other-group"
	RuleMatchesNothing  = "rule-matches-nothing"
	EmptyReference      = "reference-without-members"
	EgressForReplies    = "egress-rule-for-replies"
	NoDescription       = "rule-without-description"
	DescriptionRefused  = "description-refused-by-aws"
	GroupUnattached     = "group-unattached"
	DefaultGroupInUse   = "default-group-in-use"
	PrefixListUnused    = "prefix-list-unused"
	QuotaNearlyReached  = "quota-nearly-reached"
	SourceDestCheckOff  = "source-dest-check-off"
	ACLBlocksReplies    = "network-acl-blocks-replies"
	ACLEntryUnreachable = "network-acl-entry-unreachable"
	ACLUnassociated     = "network-acl-unassociated"
	ACLAdminPortOpen    = "network-acl-admin-port-open"

	UnusedSilence = "unused-silence"
)

// open are the kinds about who may connect, or be connected to.
func open() []Kind {
	return []Kind{
		{ID: EverythingOpen, Severity: Error,
			Title:   "All traffic, or every TCP port, is open to the world",
			Why:     "The group protects nothing: whatever an instance listens on, anyone can reach, what was started by mistake included.",
			Sources: []string{"Security Hub EC2.18, EC2.19", "Trusted Advisor: Security Groups - Unrestricted Access", "checkov CKV_AWS_277", "cfn-nag W2, W42"}},
		{ID: SSHOpen, Severity: Error,
			Title:   "SSH is open to the world",
			Why:     "Port 22 of every public address is tried all day by machines that guess passwords and know the newest flaws.",
			Sources: []string{"Security Hub EC2.13, EC2.53, EC2.54", "CIS AWS Foundations 3.0: 5.2, 5.3", "checkov CKV_AWS_24"}},
		{ID: RDPOpen, Severity: Error,
			Title:   "RDP is open to the world",
			Why:     "Remote Desktop is how ransomware comes in most often: by guessed passwords and by flaws that need none.",
			Sources: []string{"Security Hub EC2.14, EC2.53, EC2.54", "CIS AWS Foundations 3.0: 5.2, 5.3", "checkov CKV_AWS_25"}},
		{ID: DatabaseOpen, Severity: Error,
			Title:   "A database is open to the world",
			Why:     "Clients of a database are known: other instances. Some stores, such as Redis and memcached, ask for no password at all by default.",
			Sources: []string{"Security Hub EC2.19", "Trusted Advisor: Security Groups - Specific Ports Unrestricted"}},
		{ID: HighRiskPortOpen, Severity: Warning,
			Title:   "A port of high risk is open to the world",
			Why:     "Its service sends passwords in the clear, was made for a local network, or is one that developers start and forget.",
			Sources: []string{"Security Hub EC2.19", "AWS Config restricted-common-ports", "Trusted Advisor: Security Groups - Specific Ports Unrestricted"}},
		{ID: WidePortRange, Severity: Warning, Lower: "the peer is not the world",
			Title:   "A wide range of ports is open",
			Why:     "Nobody runs thousands of services: the rule admits what the instance will happen to listen on next year.",
			Sources: []string{"VPC User Guide: security group best practices (do not open large port ranges)", "cfn-nag W27"}},
		{ID: PortOpen, Severity: Note, Optional: true,
			Title:   "A port other than 80 and 443 is open to the world",
			Why:     "Security Hub takes web ports alone for what everyone should reach, unless it is told of others.",
			Sources: []string{"Security Hub EC2.18", "cfn-nag W2"}},
		{ID: AllEgressOpen, Severity: Note, Optional: true,
			Title:   "All traffic to everywhere is let out",
			Why:     "It is what AWS gives a new group. Where data must not leave, an instance that was broken into can send it anywhere.",
			Sources: []string{"checkov CKV_AWS_382", "cfn-nag W5, W40", "tfsec aws-ec2-no-public-egress-sgr"}},
	}
}

// rules are the kinds about rules that do nothing, or not what they seem to do.
func rules() []Kind {
	return []Kind{
		{ID: RuleCovered, Severity: Warning,
			Title:   "Another rule of the group admits all that this one does",
			Why:     "Rules only add up, so the narrower one has no effect: whoever removes or tightens it believes that something has changed.",
			Sources: []string{"EC2 User Guide: security group rules"}},
		{ID: RuleCoveredByOther, Severity: Note,
			Title:   "A rule of another group that all its members have admits all that this one does",
			Why:     "An interface has the rules of all its groups. A rule that looks narrow is none if another group of the same interfaces is wide.",
			Sources: []string{"EC2 User Guide: security group rules"}},
		{ID: RuleMatchesNothing, Severity: Warning,
			Title:   "The rule matches no packet",
			Why:     "ICMP is IPv4's own and ICMPv6 is IPv6's; an empty prefix list is nobody. What the rule was meant to admit times out.",
			Sources: []string{"docs/semantics.md 1.3, 1.6"}},
		{ID: EmptyReference, Severity: Warning,
			Title:   "The rule names a group that no interface has",
			Why:     "It admits the group's members, of which there are none. What it was meant to admit times out.",
			Sources: []string{"EC2 User Guide: security group rules", "EC2 API: DescribeStaleSecurityGroups"}},
		{ID: EgressForReplies, Severity: Note,
			Title:   "The egress rule looks as if it were there for replies",
			Why:     "Groups are stateful: a reply to what was let in goes out by itself. Network ACLs need such an entry, groups do not, and it opens what it says for new connections.",
			Sources: []string{"EC2 User Guide: connection tracking"}},
		{ID: NoDescription, Severity: Note,
			Title:   "The rule has no description",
			Why:     "In a year nobody will dare to remove it, because nobody will know what it was for.",
			Sources: []string{"checkov CKV_AWS_23", "cfn-nag W36", "tfsec aws-ec2-add-description-to-security-group-rule"}},
		{ID: DescriptionRefused, Severity: Warning,
			Title:   "AWS would refuse the description",
			Why:     "No packet is judged by it, so sgate takes it; the EC2 API answers InvalidParameterValue.",
			Sources: []string{"docs/semantics.md 1.7"}},
	}
}

// resources are the kinds about groups, lists, interfaces and quotas.
func resources() []Kind {
	return []Kind{
		{ID: GroupUnattached, Severity: Note,
			Title:   "The group is attached to nothing",
			Why:     "Its rules have no effect until somebody picks it by its name, perhaps for something else.",
			Sources: []string{"Security Hub EC2.22", "AWS Config ec2-security-group-attached-to-eni", "checkov CKV2_AWS_5"}},
		{ID: DefaultGroupInUse, Severity: Warning, Lower: "the group has this one member and admits nobody else",
			Title:   "An interface has the VPC's default group",
			Why:     "Whatever is launched without a group gets this one, and its members reach each other on every port.",
			Sources: []string{"Security Hub EC2.2", "CIS AWS Foundations 3.0: 5.4", "checkov CKV2_AWS_12"}},
		{ID: PrefixListUnused, Severity: Note,
			Title:   "No rule names the prefix list",
			Why:     "Whoever keeps its entries believes that they have an effect.",
			Sources: []string{"VPC User Guide: managed prefix lists"}},
		{ID: QuotaNearlyReached, Severity: Warning,
			Title:   "A quota is used up to 80 % or more",
			Why:     "The rule, group or entry that is one too many is refused, and it tends to be an urgent one. A raise takes days.",
			Sources: []string{"Trusted Advisor: service limits (80 %)", "VPC User Guide: Amazon VPC quotas"}},
		{ID: SourceDestCheckOff, Severity: Note,
			Title:   "The source/destination check is off",
			Why:     "The interface can send packets in the name of any address. A NAT instance or a firewall needs that, nothing else does.",
			Sources: []string{"Security Hub EC2.180"}},
	}
}

// acls are the kinds about network ACLs.
func acls() []Kind {
	return []Kind{
		{ID: ACLBlocksReplies, Severity: Warning, Lower: "Linux's own ephemeral ports are open, or the entry is for all ports",
			Title:   "The network ACL admits requests and drops their replies",
			Why:     "An ACL has no memory: replies go to the ephemeral port of whoever asked (Linux 32768-60999, Windows 49152-65535; load balancers, NAT gateways and Lambda 1024-65535) and need an entry in the other direction. Without it connections time out.",
			Sources: []string{"VPC User Guide: network ACLs, ephemeral ports"}},
		{ID: ACLEntryUnreachable, Severity: Warning, Lower: "the entry before it does the same",
			Title:   "An entry with a lower number decides all that this one is about",
			Why:     "The first entry that matches decides. A deny below an allow for the same denies nothing.",
			Sources: []string{"VPC User Guide: network ACL rules", "cfn-nag W72"}},
		{ID: ACLUnassociated, Severity: Note,
			Title:   "The network ACL is associated with no subnet",
			Why:     "Its entries have no effect.",
			Sources: []string{"Security Hub EC2.16"}},
		{ID: ACLAdminPortOpen, Severity: Note, Optional: true,
			Title:   "The network ACL admits SSH or RDP from the world",
			Why:     "Groups are there to keep it out; Security Hub wants a second line.",
			Sources: []string{"Security Hub EC2.21", "CIS AWS Foundations 3.0: 5.1", "checkov CKV_AWS_231, CKV_AWS_232"}},
	}
}

// silences are the kinds about silences themselves.
func silences() []Kind {
	return []Kind{
		{ID: UnusedSilence, Severity: Warning,
			Title:   "A silence silences nothing",
			Why:     "What it was about has gone. It would hide the next finding of the kind, which nobody has thought about.",
			Sources: []string{"staticcheck: this linter directive didn't match anything"}},
	}
}
