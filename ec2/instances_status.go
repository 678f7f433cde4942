package ec2

import (
	"slices"
	"strconv"

	"github.com/sgate/sgate/vpc"
)

type describeInstanceStatusRequest struct {
	filtered
	paged
	IDs []string `query:"InstanceId"`
	All bool     `query:"IncludeAllInstances"`
}

type describeInstanceStatusAnswer struct {
	Statuses []instanceStatus `xml:"instanceStatusSet"`
	nextPage
}

// instanceStatus is how an instance is.
type instanceStatus struct {
	ID                 string        `xml:"instanceId"`
	AvailabilityZone   string        `xml:"availabilityZone"`
	AvailabilityZoneID string        `xml:"availabilityZoneId"`
	State              instanceState `xml:"instanceState"`
	InstanceStatus     statusChecks  `xml:"instanceStatus"`
	SystemStatus       statusChecks  `xml:"systemStatus"`
}

// statusChecks is what AWS's checks of an instance have come to.
type statusChecks struct {
	Status  string        `xml:"status"`
	Details []statusCheck `xml:"details"`
}

type statusCheck struct {
	Name   string `xml:"name"`
	Status string `xml:"status"`
}

// describeInstanceStatus tells how instances are: those that run, unless all are
// asked for. What runs has passed all checks.
func (c *call) describeInstanceStatus(in *describeInstanceStatusRequest) (*describeInstanceStatusAnswer, error) {
	machines, err := c.machinesNamed(in.IDs, in.paged)
	if err != nil {
		return nil, err
	}
	var all []instanceStatus
	for i := range machines {
		if machines[i].State == vpc.Running || in.All {
			all = append(all, c.statusOf(&machines[i]))
		}
	}
	if all, err = selected(c, all, in.Filters, statusFilters, nil); err != nil {
		return nil, err
	}
	all, next, err := page(all, in.paged, ordinaryPages, func(s *instanceStatus) string { return s.ID })
	return &describeInstanceStatusAnswer{all, next}, err
}

func (c *call) statusOf(m *wiredInstance) instanceStatus {
	checks := statusChecks{Status: "not-applicable"}
	if m.State == vpc.Running {
		checks = statusChecks{"ok", []statusCheck{{"reachability", "passed"}}}
	}
	at := c.zoneOfSubnet(m.SubnetID)
	return instanceStatus{
		ID: m.ID, AvailabilityZone: at.Name, AvailabilityZoneID: at.ID, State: stateNamed(m.State),
		InstanceStatus: checks, SystemStatus: checks,
	}
}

// statusFilters are those of DescribeInstanceStatus. No instance has an event.
var statusFilters = filters[instanceStatus]{
	"availability-zone":            ofStatus(func(s *instanceStatus) string { return s.AvailabilityZone }),
	"availability-zone-id":         ofStatus(func(s *instanceStatus) string { return s.AvailabilityZoneID }),
	"instance-state-code":          ofStatus(func(s *instanceStatus) string { return strconv.Itoa(s.State.Code) }),
	"instance-state-name":          ofStatus(func(s *instanceStatus) string { return s.State.Name }),
	"instance-status.reachability": ofStatus(func(s *instanceStatus) string { return s.InstanceStatus.reachability() }),
	"instance-status.status":       ofStatus(func(s *instanceStatus) string { return s.InstanceStatus.Status }),
	"operator.managed":             ofStatus(func(*instanceStatus) string { return "false" }),
	"system-status.reachability":   ofStatus(func(s *instanceStatus) string { return s.SystemStatus.reachability() }),
	"system-status.status":         ofStatus(func(s *instanceStatus) string { return s.SystemStatus.Status }),
}.without(`attached-ebs-status.status event.code event.description event.instance-event-id event.not-after event.not-before
	event.not-before-deadline operator.principal`)

func ofStatus(of func(*instanceStatus) string) func(*call, *instanceStatus) []string {
	return func(_ *call, s *instanceStatus) []string {
		return slices.DeleteFunc([]string{of(s)}, func(s string) bool { return s == "" })
	}
}

func (s *statusChecks) reachability() string {
	if len(s.Details) == 0 {
		return ""
	}
	return s.Details[0].Status
}
