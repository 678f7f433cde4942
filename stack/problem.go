package stack

// Problem says why a packet could not be parsed. The zero value is not a
// problem.
type Problem uint8

// The problems that Parse finds.
const (
	Parsed             Problem = iota
	Truncated                  // shorter than its headers say
	BadVersion                 // neither IPv4 nor IPv6
	BadLength                  // a length field, the IP header's or UDP's, is not the length there is
	BadChecksum                // the IPv4 header's checksum is wrong
	BadHeader                  // a header field that contradicts another
	BadOptions                 // IPv4 or TCP options that cannot be told apart
	SourceRoute                // an IPv4 option that sends the packet elsewhere than to its destination
	RoutingHeader              // the same in IPv6: the rules would judge a stop on the way
	BadExtensions              // IPv6 extension headers that cannot stand together: two fragment headers
	ExtensionsTooLong          // more IPv6 extension headers than anybody sends
	ExtensionsOverflow         // an IPv6 extension header that runs past the packet
	HopByHopMisplaced          // an IPv6 hop-by-hop header that is not the first
	BadTCPFlags                // TCP flags that no TCP sends together
	problems
)

// Problems is the number of values that Problem has.
const Problems = int(problems)

// String returns the problem in words that a counter's name can have.
func (p Problem) String() string {
	return [...]string{
		"parsed", "truncated", "bad_version", "bad_length", "bad_checksum", "bad_header",
		"bad_options", "source_route", "routing_header",
		"bad_extensions", "extensions_too_long", "extensions_overflow", "hop_by_hop_misplaced",
		"bad_tcp_flags",
	}[p]
}
