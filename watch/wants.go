package watch

import "github.com/sgate/sgate/gateway"

// Wants implements gateway.Selective.
func (r *Ring) Wants(why gateway.Reason) bool { return r.selector.wantsReason(why) }

// wantsReason reports whether a packet of that reason can meet the conditions.
func (s *selector) wantsReason(why gateway.Reason) bool {
	return (s.reasons == nil || s.reasons[why]) && (s.fates == nil || s.fates[why.Fate()])
}
