package explain

import (
	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/vpc"
)

// The explanation codes of AWS's Reachability Analyzer that apply here, and what
// they mean (docs/semantics.md, "Reachability Analyzer").
const (
	codeRulesMismatch = "ENI_SG_RULES_MISMATCH"
	codeNoRules       = "SG_HAS_NO_RULES"
	codeACL           = "SUBNET_ACL_RESTRICTION"
	codeSourceCheck   = "ENI_SOURCE_DEST_CHECK_RESTRICTION"
	codeNoRoute       = "NO_ROUTE_TO_DESTINATION"
)

// codeMeaning returns what a code means.
func codeMeaning(code string) string {
	switch code {
	case codeRulesMismatch:
		return "no rule of that direction in the interface's groups applies"
	case codeNoRules:
		return "the group has no rules of that direction"
	case codeACL:
		return "the network ACL must allow it"
	case codeSourceCheck:
		return "the source/destination check is on and the address is not the interface's"
	case codeNoRoute:
		return "no route leads to the destination"
	}
	return ""
}

// reachability returns a drop in the analyzer's terms: the first component that
// drops, nil where it has no code for it.
func (a *answer) reachability() *control.Reachability {
	of := func(code, direction, component string) *control.Reachability {
		return &control.Reachability{Code: code, Meaning: codeMeaning(code), Direction: direction, Component: component}
	}
	switch a.trial.Reason {
	case gateway.ReasonNoEgressRule:
		return of(groupCode(a.Egress), vpc.Egress.String(), a.Egress.Interface)
	case gateway.ReasonNoIngressRule:
		return of(groupCode(a.Ingress), vpc.Ingress.String(), a.Ingress.Interface)
	case gateway.ReasonNetworkACLEgress, gateway.ReasonNetworkACLIngress:
		acl := a.NetworkACLs[len(a.NetworkACLs)-1]
		return of(codeACL, acl.Direction, acl.ID)
	case gateway.ReasonSourceCheck:
		return of(codeSourceCheck, vpc.Egress.String(), a.From.ID)
	case gateway.ReasonNoRoute:
		return of(codeNoRoute, "", "")
	}
	return nil
}

// groupCode tells groups without any rule from groups whose rules do not apply.
func groupCode(s control.ExplainedSide) string {
	if s.Rules == 0 {
		return codeNoRules
	}
	return codeRulesMismatch
}
