package ec2

import (
	"io"
	"net/netip"

	"github.com/sgate/sgate/ec2/query"
)

// The parameters that have CIDR blocks, as AWS's messages call them.
const (
	cidrBlock     = "cidrBlock"
	ipv6CIDRBlock = "ipv6CidrBlock"
)

// readBlock reads the value of a parameter as a CIDR block of the parameter's
// family, in its canonical form: EC2 clears the bits after the prefix.
func readBlock(parameter, value string) (netip.Prefix, error) {
	block, err := netip.ParsePrefix(value)
	if err != nil || block.Addr().Is4In6() || block.Addr().Is6() != (parameter == ipv6CIDRBlock) {
		return netip.Prefix{}, invalid("Value (%s) for parameter %s is invalid. This is not a valid CIDR block.", value, parameter)
	}
	return block.Masked(), nil
}

// ipv6Step is what the length of an IPv6 block of a VPC or subnet is a multiple of
// (EC2 API, CreateSubnet).
const ipv6Step = 4

// servicesBlock is the part of fd00::/8 in which AWS serves instances, the metadata and
// so on; no VPC gets a block there.
var servicesBlock = netip.MustParsePrefix("fd00:ec2::/32")

// newIPv6Block returns a random /56 for a VPC. AWS gives one of its public
// addresses. Here it is one of the unique local addresses (RFC 4193), so that it
// shadows no network that really is there.
func (e *Endpoint) newIPv6Block() netip.Prefix {
	for {
		var raw [16]byte
		raw[0] = 0xfd
		if _, err := io.ReadFull(e.options.Random, raw[1:7]); err != nil {
			panic("ec2: no randomness: " + err.Error()) // crypto/rand does not fail
		}
		block := netip.PrefixFrom(netip.AddrFrom16(raw), 56)
		if !servicesBlock.Overlaps(block) {
			return block
		}
	}
}

// The states of a CIDR block's association.
const (
	associated     = "associated"
	disassociating = "disassociating"
)

// blockState is the state of a CIDR block's association on the wire.
type blockState struct {
	State string `xml:"state"`
}

// ipv6Attribute says whether an IPv6 block is one of public or of private
// addresses.
func ipv6Attribute(block netip.Prefix) string {
	if block.Addr().IsPrivate() {
		return "private"
	}
	return "public"
}

// outOfRange refuses a block that is too large, too small or elsewhere.
func outOfRange(code string, block netip.Prefix) error {
	return query.Errorf(code, "The CIDR '%s' is invalid.", block)
}

// tooManyBlocks refuses one more IPv6 block for what has one already.
func tooManyBlocks(id string) error {
	return query.Errorf("CidrLimitExceeded", "This network '%s' has met its maximum number of allowed CIDRs: 1", id)
}

// dependent refuses to delete a place that others are in.
func dependent(kind, id string) error {
	return query.Errorf("DependencyViolation", "The %s '%s' has dependencies and cannot be deleted.", kind, id)
}
