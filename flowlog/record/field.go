package record

// Field is a field of a record.
type Field uint8

// The fields, in the order of the VPC User Guide's table (flow log records). The
// first fourteen are the default format.
const (
	Version Field = iota
	AccountID
	InterfaceID
	SrcAddr
	DstAddr
	SrcPort
	DstPort
	Protocol
	Packets
	Bytes
	Start
	End
	ActionField
	LogStatus

	VPCID // version 3
	SubnetID
	InstanceID
	TCPFlags
	Type
	PktSrcAddr
	PktDstAddr

	Region // version 4
	ZoneID
	SublocationType // always missing: there are no sublocations
	SublocationID

	PktSrcAWSService // version 5; always missing: no address is known to be a service's
	PktDstAWSService
	FlowDirection
	TrafficPath
	fields
)

// String returns the field's name as AWS has it: "pkt-srcaddr".
func (f Field) String() string {
	return [...]string{
		"version", "account-id", "interface-id", "srcaddr", "dstaddr", "srcport", "dstport", "protocol",
		"packets", "bytes", "start", "end", "action", "log-status",
		"vpc-id", "subnet-id", "instance-id", "tcp-flags", "type", "pkt-srcaddr", "pkt-dstaddr",
		"region", "az-id", "sublocation-type", "sublocation-id",
		"pkt-src-aws-service", "pkt-dst-aws-service", "flow-direction", "traffic-path",
	}[f]
}

// Version returns the version of flow logs that brought the field, 2 to 5.
func (f Field) Version() int {
	switch {
	case f >= PktSrcAWSService:
		return 5
	case f >= Region:
		return 4
	case f >= VPCID:
		return 3
	}
	return 2
}

// FieldNames lists the names of all fields.
func FieldNames() []string {
	names := make([]string, fields)
	for i := range names {
		names[i] = Field(i).String()
	}
	return names
}

// unsupported returns why sgate has nothing to say in one of AWS's later fields,
// "" for what is none of them.
func unsupported(name string) string {
	switch name {
	case "ecs-cluster-arn", "ecs-cluster-name", "ecs-container-instance-arn", "ecs-container-instance-id",
		"ecs-container-id", "ecs-second-container-id", "ecs-service-name",
		"ecs-task-definition-arn", "ecs-task-arn", "ecs-task-id":
		return "it is of version 7, about ECS, which sgate does not have"
	case "reject-reason":
		return "it is of version 8, about VPC Block Public Access, which sgate does not have"
	case "resource-id":
		return "it is of version 9, about resources that sgate does not have"
	case "encryption-status":
		return "it is of version 10, about VPC encryption controls, which sgate does not have"
	}
	return ""
}
