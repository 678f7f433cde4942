package conntrack

// life is how far a flow has come and how long each of its sides lives, in one word:
// what is computed from a state is never stored beside another one. From the top:
// the state plus 1, in 4 bits, so that no flow's life is 0; when the low side ends, in
// 30; when the high one does, in 30. A side that knows nothing ends never.
type life uint64

func newLife(s State) life { return life(s+1) << (2 * tickBits) }

func (l life) state() State { return State(l>>(2*tickBits)) - 1 }

func (l life) withState(s State) life { return l&(1<<(2*tickBits)-1) | newLife(s) }

func (l life) low() tick  { return tick(l>>tickBits) & tickMask }
func (l life) high() tick { return tick(l) & tickMask }

// ends returns when a side ends.
func (l life) ends(e End) tick { return tick(l>>l.shift(e)) & tickMask }

func (l life) withEnd(e End, t tick) life {
	return l&^(tickMask<<l.shift(e)) | life(t)<<l.shift(e)
}

func (life) shift(e End) int { return tickBits * int(e.Opposite()&1) }

// holds reports whether both sides know the flow, and the time of neither is up.
func (l life) holds(now tick) bool {
	return l.low() != never && l.low().left(now) > 0 && l.high() != never && l.high().left(now) > 0
}

// left returns how many units the flow has to live: what the side that ends last has. It
// is 0 once both have ended.
func (l life) left(now tick) (left int32) {
	if low := l.low(); low != never {
		left = max(left, low.left(now))
	}
	if high := l.high(); high != never {
		left = max(left, high.left(now))
	}
	return left
}

// forgets reports whether the time of a side is up that still knows the flow.
func (l life) forgets(now tick) bool {
	return l.low() != never && l.low().left(now) <= 0 || l.high() != never && l.high().left(now) <= 0
}

// first returns when the first of the sides ends.
func (l life) first() tick { return earlier(l.low(), l.high()) }
