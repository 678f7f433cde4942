package ec2

import (
	"github.com/sgate/sgate/ec2/query"
	"github.com/sgate/sgate/vpc"
)

type instancesRequest struct {
	IDs []string `query:"InstanceId,required"`
}

type stateChange struct {
	ID       string        `xml:"instanceId"`
	Current  instanceState `xml:"currentState"`
	Previous instanceState `xml:"previousState"`
}

type stateChangesAnswer struct {
	Changes []stateChange `xml:"instancesSet"`
}

// changeStates brings instances into a state. On the way there they are said to
// pass through another one, which is in the answer.
func (c *call) changeStates(ids []string, through, to vpc.InstanceState, change func(*vpc.Instance) error) (*stateChangesAnswer, error) {
	if len(ids) == 0 {
		return nil, combination("No instances specified")
	}
	all, err := c.instancesNamed(ids)
	if err != nil {
		return nil, err
	}
	out := new(stateChangesAnswer)
	for _, in := range all {
		current := through
		if in.State == to {
			current = to
		}
		out.Changes = append(out.Changes, stateChange{in.ID, stateNamed(current), stateNamed(in.State)})
		switch {
		case in.State == to:
			continue
		case c.Instances.Declared(in.ID):
			return nil, c.Instances.Put(in) // says where it is declared
		}
		if err := change(&in); err != nil {
			return nil, err
		}
		in.State, in.StateTime = to, c.now()
		if err := c.Instances.Put(in); err != nil {
			return nil, err
		}
	}
	return out, c.forget()
}

type stopInstancesRequest struct {
	instancesRequest
	_         query.Ignored `query:"Force"`
	_         query.Ignored `query:"SkipOsShutdown"`
	Hibernate bool          `query:"Hibernate"`
}

func (c *call) stopInstances(in *stopInstancesRequest) (*stateChangesAnswer, error) {
	if in.Hibernate {
		return nil, query.Errorf("UnsupportedHibernationConfiguration", "The instances are not configured for hibernation")
	}
	return c.changeStates(in.IDs, "stopping", vpc.Stopped, func(in *vpc.Instance) error {
		if in.State == vpc.Terminated {
			return wrongState("This instance '%s' is not in a state from which it can be stopped.", in.ID)
		}
		in.StateReason = userInitiated
		return nil
	})
}

type startInstancesRequest struct {
	instancesRequest
	_ query.Ignored `query:"AdditionalInfo"`
}

func (c *call) startInstances(in *startInstancesRequest) (*stateChangesAnswer, error) {
	return c.changeStates(in.IDs, "pending", vpc.Running, func(in *vpc.Instance) error {
		if in.State == vpc.Terminated {
			return wrongState("The instance '%s' is not in a state from which it can be started.", in.ID)
		}
		in.StateReason, in.LaunchTime = "", c.now()
		return nil
	})
}

type terminateInstancesRequest struct {
	instancesRequest
	_ query.Ignored `query:"Force"`
	_ query.Ignored `query:"SkipOsShutdown"`
}

func (c *call) terminateInstances(in *terminateInstancesRequest) (*stateChangesAnswer, error) {
	return c.changeStates(in.IDs, "shutting-down", vpc.Terminated, func(in *vpc.Instance) error {
		in.StateReason = userInitiated
		for _, nic := range c.interfacesOf(in.ID) {
			if err := c.release(&nic); err != nil {
				return err
			}
		}
		return nil
	})
}

// release takes an interface from an instance that is being terminated.
func (c *call) release(nic *vpc.NetworkInterface) error {
	if nic.Attachment.DeleteOnTermination {
		return c.removeInterface(nic)
	}
	nic.Attachment, nic.Name = vpc.Attachment{}, ""
	return c.Interfaces.Put(*nic)
}
