package fragment

// Problem says why a piece was dropped. The zero value is not a problem.
type Problem uint8

// The problems. NotAFragment, Duplicate and Dead are of one piece alone; with the
// others goes all that is held of its datagram.
const (
	NoProblem     Problem = iota
	NotAFragment          // nothing that stack.Parse calls a fragment
	BadPiece              // empty, or not the last one and no multiple of 8 bytes (RFC 791, RFC 8200 section 4.5)
	TinyFirst             // the first one lacks a part of the headers (RFC 1858, RFC 7112)
	TooLong               // the whole would have more than 65535 bytes
	ChangedHeader         // another protocol, copied IPv4 options or IPv6 unfragmentable part than the others
	Overlap               // some of its bytes are there already (RFC 5722)
	Duplicate             // all of its bytes are, and the same: only this one is dropped (RFC 8200, section 4.5)
	BadEnd                // data behind the datagram's end, or a second end
	TooManyPieces         // more than Limits.Pieces
	Limit                 // no room, or it had to make room for others
	Timeout               // the rest did not come in time
	Dead                  // its datagram has been killed before
	Detached              // its sender's interface is gone
	problems
)

// Problems is the number of values that Problem has.
const Problems = int(problems)

// String returns the problem in words that a counter's name can have.
func (p Problem) String() string {
	return [...]string{
		"fragment_none", "fragment_not_a_fragment", "fragment_bad_piece", "fragment_tiny_first", "fragment_too_long",
		"fragment_changed_header", "fragment_overlap", "fragment_duplicate", "fragment_bad_end", "fragment_too_many_pieces",
		"fragment_limit", "fragment_timeout", "fragment_dead", "fragment_detached",
	}[p]
}
