package ec2

import (
	"net/url"
	"slices"
	"strings"
)

// templates are requests that can succeed: @PREFIX stands for an id that has been
// seen, and @NAME for one of the words of that name.
const templates = `
AssignIpv6Addresses NetworkInterfaceId=@eni Ipv6AddressCount=1
AssignPrivateIpAddresses NetworkInterfaceId=@eni PrivateIpAddress.1=@address AllowReassignment=@bool
AssociateSubnetCidrBlock SubnetId=@subnet Ipv6CidrBlock=fd00:31:0:2::/64
AssociateVpcCidrBlock VpcId=@vpc AmazonProvidedIpv6CidrBlock=true
AttachNetworkInterface NetworkInterfaceId=@eni InstanceId=@i DeviceIndex=@n
AuthorizeSecurityGroupEgress GroupId=@sg IpPermissions.1.IpProtocol=@protocol IpPermissions.1.FromPort=@port IpPermissions.1.ToPort=@port IpPermissions.1.IpRanges.1.CidrIp=@cidr IpPermissions.1.IpRanges.1.Description=@text
AuthorizeSecurityGroupIngress GroupId=@sg IpPermissions.1.IpProtocol=@protocol IpPermissions.1.FromPort=22 IpPermissions.1.ToPort=@port IpPermissions.1.Groups.1.GroupId=@sg
AuthorizeSecurityGroupIngress GroupId=@sg IpPermissions.1.IpProtocol=@protocol IpPermissions.1.FromPort=22 IpPermissions.1.ToPort=@port IpPermissions.1.PrefixListIds.1.PrefixListId=@pl TagSpecification.1.ResourceType=security-group-rule TagSpecification.1.Tag.1.Key=@key TagSpecification.1.Tag.1.Value=@text
CreateDefaultSubnet AvailabilityZone=@zone
CreateDefaultVpc
CreateFlowLogs ResourceId.1=@vpc ResourceType=VPC TrafficType=ALL LogDestinationType=s3 LogDestination=arn:aws:s3:::logs ClientToken=@token
CreateFlowLogs ResourceId.1=@subnet ResourceType=Subnet TrafficType=ALL LogDestinationType=s3 LogDestination=arn:aws:s3:::logs
CreateManagedPrefixList PrefixListName=@text AddressFamily=IPv4 MaxEntries=@n Entry.1.Cidr=@cidr Entry.1.Description=@text ClientToken=@token
CreateNetworkAcl VpcId=@vpc TagSpecification.1.ResourceType=network-acl TagSpecification.1.Tag.1.Key=@key TagSpecification.1.Tag.1.Value=@text
CreateNetworkAclEntry NetworkAclId=@acl RuleNumber=@port Egress=@bool Protocol=6 RuleAction=allow CidrBlock=@cidr PortRange.From=22 PortRange.To=@port
CreateNetworkInterface SubnetId=@subnet Description=@text SecurityGroupId.1=@sg ClientToken=@token
CreateSecurityGroup VpcId=@vpc GroupName=@text GroupDescription=@text
CreateSubnet VpcId=@vpc CidrBlock=@block TagSpecification.1.ResourceType=subnet TagSpecification.1.Tag.1.Key=@key TagSpecification.1.Tag.1.Value=@text
CreateTags ResourceId.1=@any Tag.1.Key=@key Tag.1.Value=@text Tag.2.Key=@text Tag.2.Value=@text
CreateVpc CidrBlock=@block TagSpecification.1.ResourceType=vpc TagSpecification.1.Tag.1.Key=@key TagSpecification.1.Tag.1.Value=@text
DeleteFlowLogs FlowLogId.1=@fl
DeleteManagedPrefixList PrefixListId=@pl
DeleteNetworkAcl NetworkAclId=@acl
DeleteNetworkAclEntry NetworkAclId=@acl RuleNumber=@port Egress=@bool
DeleteNetworkInterface NetworkInterfaceId=@eni
DeleteSecurityGroup GroupId=@sg
DeleteSubnet SubnetId=@subnet
DeleteTags ResourceId.1=@any Tag.1.Key=@key
DeleteVpc VpcId=@vpc
DescribeInstances Filter.1.Name=tag:Name Filter.1.Value.1=@text
DescribeNetworkAcls
DescribeNetworkInterfaces MaxResults=5
DescribeSecurityGroupRules Filter.1.Name=group-id Filter.1.Value.1=@sg
DescribeSecurityGroups Filter.1.Name=ip-permission.cidr Filter.1.Value.1=@cidr
DescribeSubnets
DescribeTags
DescribeVpcs
DetachNetworkInterface AttachmentId=@eni-attach
DisassociateSubnetCidrBlock AssociationId=@subnet-cidr-assoc
DisassociateVpcCidrBlock AssociationId=@vpc-cidr-assoc
ModifyInstanceAttribute InstanceId=@i GroupId.1=@sg
ModifyInstanceAttribute InstanceId=@i SourceDestCheck.Value=@bool
ModifyManagedPrefixList PrefixListId=@pl CurrentVersion=@n AddEntry.1.Cidr=@cidr
ModifyManagedPrefixList PrefixListId=@pl MaxEntries=@port PrefixListName=@text
ModifyNetworkInterfaceAttribute NetworkInterfaceId=@eni Description.Value=@text
ModifyNetworkInterfaceAttribute NetworkInterfaceId=@eni SecurityGroupId.1=@sg
ModifySecurityGroupRules GroupId=@sg SecurityGroupRule.1.SecurityGroupRuleId=@sgr SecurityGroupRule.1.SecurityGroupRule.IpProtocol=@protocol SecurityGroupRule.1.SecurityGroupRule.FromPort=22 SecurityGroupRule.1.SecurityGroupRule.ToPort=@port SecurityGroupRule.1.SecurityGroupRule.CidrIpv4=@cidr
ModifySubnetAttribute SubnetId=@subnet MapPublicIpOnLaunch.Value=@bool
ModifyVpcAttribute VpcId=@vpc EnableDnsHostnames.Value=@bool
ReplaceNetworkAclAssociation AssociationId=@aclassoc NetworkAclId=@acl
ReplaceNetworkAclEntry NetworkAclId=@acl RuleNumber=100 Egress=false Protocol=-1 RuleAction=deny CidrBlock=@cidr
ResetNetworkInterfaceAttribute NetworkInterfaceId=@eni SourceDestCheck=true
RestoreManagedPrefixListVersion PrefixListId=@pl PreviousVersion=1 CurrentVersion=@n
RevokeSecurityGroupEgress GroupId=@sg IpPermissions.1.IpProtocol=-1 IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0
RevokeSecurityGroupEgress GroupId=@sg SecurityGroupRuleId.1=@sgr
RevokeSecurityGroupIngress GroupId=@sg SecurityGroupRuleId.1=@sgr
RunInstances ImageId=ami-netns MinCount=1 MaxCount=@n SubnetId=@subnet SecurityGroupId.1=@sg ClientToken=@token TagSpecification.1.ResourceType=instance TagSpecification.1.Tag.1.Key=@key TagSpecification.1.Tag.1.Value=@text
RunInstances ImageId=ami-netns MinCount=1 MaxCount=1
RunInstances ImageId=ami-netns MinCount=1 MaxCount=1 NetworkInterface.1.DeviceIndex=0 NetworkInterface.1.NetworkInterfaceId=@eni
RunInstances ImageId=ami-netns MinCount=1 MaxCount=1 NetworkInterface.1.DeviceIndex=0 NetworkInterface.1.SubnetId=@subnet NetworkInterface.1.DeleteOnTermination=@bool
StartInstances InstanceId.1=@i
StopInstances InstanceId.1=@i
TerminateInstances InstanceId.1=@i
UnassignIpv6Addresses NetworkInterfaceId=@eni Ipv6Addresses.1=@address
UnassignPrivateIpAddresses NetworkInterfaceId=@eni PrivateIpAddress.1=@address
UpdateSecurityGroupRuleDescriptionsIngress GroupId=@sg SecurityGroupRuleDescription.1.SecurityGroupRuleId=@sgr SecurityGroupRuleDescription.1.Description=@text
`

var words = map[string][]string{
	"address":  {"172.31.0.20", "172.31.0.21", "172.31.16.20", "10.0.1.5", "172.31.0.10", "fd00:31:0:1::20"},
	"block":    {"10.0.0.0/16", "10.0.1.0/24", "10.0.2.0/24", "172.31.48.0/20", "172.31.64.0/20"},
	"bool":     {"true", "false"},
	"cidr":     {"203.0.113.0/24", "198.51.100.7/24", "0.0.0.0/0", "10.0.0.0/8"},
	"key":      {"Name", "Name", "team", "k\xff", "k\xfe", "aws:x", ""},
	"n":        {"1", "1", "2", "3"},
	"port":     {"22", "443", "100", "65535"},
	"protocol": {"tcp", "udp", "6"},
	"text":     {"n1", "n2", "n3", "default", "declared", "open", "two words", "ü €", "<&>", "a\xff", "x\x01y", "line\nbreak", ""},
	"token":    {"t1", "t2", "t3", "t4", "t5", "t6"},
	"zone":     {"us-east-1a", "us-east-1b", "us-east-1c"},
}

// request makes a request of a template, and now and then spoils it.
func (w *walker) request(template string) url.Values {
	fields := strings.Split(template, " ")
	form := url.Values{"Action": {fields[0]}, "Version": {version}}
	for _, field := range fields[1:] {
		name, value, _ := strings.Cut(field, "=")
		if wanted, is := strings.CutPrefix(value, "@"); is {
			value = w.wordFor(wanted)
		}
		switch w.IntN(60) {
		case 0:
			continue
		case 1:
			value = w.one(w.wordFor("any"), w.wordFor("text"), "-1", "2147483648", "::/0")
		case 2:
			name += ".1"
		}
		form.Set(name, value)
	}
	if w.IntN(30) == 0 {
		form.Set("DryRun", "true")
	}
	return form
}

func (w *walker) one(of ...string) string { return of[w.IntN(len(of))] }

// wordFor returns one of the words of a name, or an id that has been seen.
func (w *walker) wordFor(name string) string {
	if name == "address" && w.IntN(2) == 0 {
		nics := w.store.View().Interfaces()
		nic := nics[w.IntN(len(nics))]
		return nic.Addresses[w.IntN(len(nic.Addresses))].String()
	}
	if words[name] != nil {
		return w.one(words[name]...)
	}
	ids := w.ids
	if current := w.current(name); len(current) > 0 && w.IntN(8) > 0 {
		ids = current
	}
	var fit []string
	for _, id := range ids {
		if name == "any" || prefixOf(id) == name {
			fit = append(fit, id)
		}
	}
	if len(fit) == 0 {
		return name + "-00000000000000000"
	}
	return w.one(fit...)
}

// current returns the ids of what there is of a kind.
func (w *walker) current(prefix string) (ids []string) {
	r := w.store.View().Resources()
	for _, x := range r.VPCs {
		ids = append(ids, x.ID, vpcBlockID(x.ID, x.IPv6CIDR))
	}
	for _, x := range r.Subnets {
		ids = append(ids, x.ID, subnetBlockID(x.ID, x.IPv6CIDR))
	}
	for _, x := range r.SecurityGroups {
		ids = append(ids, x.ID)
		for _, rule := range slices.Concat(x.Ingress, x.Egress) {
			ids = append(ids, rule.ID)
		}
	}
	for _, x := range r.Interfaces {
		ids = append(ids, x.ID, attachmentID(&x))
	}
	for _, x := range r.PrefixLists {
		ids = append(ids, x.ID)
	}
	for _, x := range r.NetworkACLs {
		ids = append(ids, x.ID)
	}
	for _, x := range r.Instances {
		ids = append(ids, x.ID)
	}
	return slices.DeleteFunc(ids, func(id string) bool { return prefixOf(id) != prefix })
}
