package ec2

import (
	"errors"
	"net/http"

	"github.com/sgate/sgate/ec2/query"
	"github.com/sgate/sgate/store"
	"github.com/sgate/sgate/vpc"
)

// AWS's messages about ids that nothing has.
func notFound(code, kind, id string) error {
	return query.Errorf(code, "The %s '%s' does not exist", kind, id)
}

func noGroup(id string) error { return notFound("InvalidGroup.NotFound", "security group", id) }
func noRule(id string) error {
	return notFound("InvalidSecurityGroupRuleId.NotFound", "security group rule ID", id)
}
func noVPC(id string) error    { return notFound("InvalidVpcID.NotFound", "vpc ID", id) }
func noSubnet(id string) error { return notFound("InvalidSubnetID.NotFound", "subnet ID", id) }
func noInterface(id string) error {
	return notFound("InvalidNetworkInterfaceID.NotFound", "networkInterface ID", id)
}
func noInstance(id string) error { return notFound("InvalidInstanceID.NotFound", "instance ID", id) }
func noACL(id string) error      { return notFound("InvalidNetworkAclID.NotFound", "networkAcl ID", id) }
func noList(id string) error     { return notFound("InvalidPrefixListID.NotFound", "prefix list ID", id) }

// missing refuses a request that lacks a parameter.
func missing(parameter string) error {
	return query.Errorf("MissingParameter", "The request must contain the parameter %s", parameter)
}

// invalid refuses a parameter's value.
func invalid(format string, args ...any) error {
	return query.Errorf("InvalidParameterValue", format, args...)
}

// combination refuses parameters that do not go together.
func combination(format string, args ...any) error {
	return query.Errorf("InvalidParameterCombination", format, args...)
}

// inUse refuses to delete what others need.
func inUse(id string) error {
	return query.Errorf("DependencyViolation", "resource %s has a dependent object", id)
}

// refusal makes AWS's refusal of any error. What is none of the caller's fault
// becomes an InternalError, and false: somebody should know.
func refusal(err error) (e *query.Error, expected bool) {
	var declared *store.DeclaredError
	var fault *vpc.Error
	switch {
	case errors.As(err, &e):
		return e, true
	case errors.Is(err, store.ErrDryRun):
		return &query.Error{
			Code: "DryRunOperation", Status: http.StatusPreconditionFailed,
			Message: "Request would have succeeded, but DryRun flag is set.",
		}, true
	case errors.As(err, &declared):
		return query.Errorf("OperationNotPermitted", "%s", declared.Error()), true
	case errors.As(err, &fault):
		if fault.Code == "" {
			return query.Errorf("InvalidParameterValue", "%s", fault.Error()), true
		}
		return query.Errorf(fault.Code, "%s: %s", fault.Subject, fault.Detail), true
	}
	return &query.Error{Code: "InternalError", Message: "An internal error has occurred: " + err.Error(), Status: http.StatusInternalServerError}, false
}
