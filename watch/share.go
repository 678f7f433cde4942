package watch

import "github.com/sgate/sgate/gateway"

// Selection returns a function that reports whether an event meets one of the
// filters. It may be called by several goroutines at once, allocates nothing and
// keeps nothing of the event.
func Selection(filters ...Filter) func(*gateway.Event) bool {
	selectors := make([]selector, len(filters))
	for i, f := range filters {
		selectors[i] = compile(f)
	}
	return func(e *gateway.Event) bool {
		for i := range selectors {
			if selectors[i].wants(e) {
				return true
			}
		}
		return false
	}
}
