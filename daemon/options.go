package daemon

import (
	"log/slog"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/conntrack"
	"github.com/sgate/sgate/gateway"
)

// options returns what a gateway with those settings is made of.
func options(settings config.Gateway, log *slog.Logger) gateway.Options {
	return gateway.Options{
		Workers:           settings.Workers,
		MTU:               settings.MTU,
		MaxFlows:          settings.Conntrack.MaxFlows,
		Allowance:         settings.Conntrack.Allowance,
		Timeouts:          conntrack.Timeouts(settings.Conntrack.Timeouts),
		RelatedICMPErrors: settings.RelatedICMPErrors,
		DropMidstreamTCP:  settings.DropMidstreamTCP,
		OnRuleChange:      ruleChange(settings.OnRuleChange),
		Reclassify:        settings.Conntrack.Reclassify,
		Log:               log,
	}
}

func ruleChange(c config.OnRuleChange) gateway.RuleChange {
	switch c {
	case config.RevalidateFlows:
		return gateway.RevalidateFlows
	case config.FlushFlows:
		return gateway.FlushFlows
	}
	return gateway.KeepFlows
}
