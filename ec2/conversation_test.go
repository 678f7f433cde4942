package ec2

// conversationFile is what the file of the conversation declares.
const conversationFile = `
account: {id: "123456789012"}
vpc: {name: main, cidr: 172.31.0.0/16, ipv6_cidr: fd00:31::/56, default: true}
subnets: [{name: a, cidr: 172.31.0.0/20, ipv6_cidr: fd00:31:0:1::/64, default_for_az: true}]
security_groups: [{name: declared, ingress: [{type: SSH, source: 203.0.113.0/24}]}]
instances: [{name: declared, address: 172.31.0.10}]
hosts: [{name: office, address: 203.0.113.10}]
`

// talk has every action in it, and of each kind of refusal one.
func (c *conversation) talk() {
	c.places()
	vpc, subnet := c.networks()
	c.securityGroups(vpc)
	c.prefixLists(vpc)
	c.acls(vpc, subnet)
	c.interfaces(subnet)
	c.instances(subnet)
	c.flowLogs(vpc)
	c.do("DeleteSubnet", "SubnetId", subnet)
	c.do("DeleteVpc", "VpcId", vpc)
}

func (c *conversation) places() {
	c.do("DescribeRegions")
	c.do("DescribeAvailabilityZones")
	c.do("DescribeAccountAttributes")
	c.do("DescribeInstanceTypes")
	c.do("DescribeImages")
	c.do("DescribePrefixLists")
	c.ask("DescribeRegions", "Filter.1.Name", "colour", "Filter.1.Value.1", "red")
	c.ask("DescribeVpcs", "DryRun", "true")
	c.ask("DescribeVolumes")
}

func (c *conversation) networks() (vpc, subnet string) {
	vpc = c.do("CreateVpc", "CidrBlock", "10.0.0.0/16", "AmazonProvidedIpv6CidrBlock", "true",
		"TagSpecification.1.ResourceType", "vpc", "TagSpecification.1.Tag.1.Key", "Name", "TagSpecification.1.Tag.1.Value", "main").get("vpc.vpcId")
	c.do("ModifyVpcAttribute", "VpcId", vpc, "EnableDnsHostnames.Value", "true")
	for _, attribute := range []string{"enableDnsSupport", "enableDnsHostnames", "enableNetworkAddressUsageMetrics"} {
		c.do("DescribeVpcAttribute", "VpcId", vpc, "Attribute", attribute)
	}
	c.do("DescribeVpcs", "Filter.1.Name", "tag:Name", "Filter.1.Value.1", "ma*")
	c.do("CreateTags", "ResourceId.1", vpc, "Tag.1.Key", "Team", "Tag.1.Value", "a & b")
	c.do("DescribeTags", "Filter.1.Name", "resource-id", "Filter.1.Value.1", vpc)
	c.do("DeleteTags", "ResourceId.1", vpc, "Tag.1.Key", "Team")
	subnet = c.do("CreateSubnet", "VpcId", vpc, "CidrBlock", "10.0.1.0/24").get("subnet.subnetId")
	c.do("ModifySubnetAttribute", "SubnetId", subnet, "MapPublicIpOnLaunch.Value", "true")
	c.do("DescribeSubnets", "SubnetId.1", subnet)
	ipv6 := c.do("DescribeVpcs", "VpcId.1", vpc).get("vpcSet.item.ipv6CidrBlockAssociationSet.item.ipv6CidrBlock")
	association := c.do("AssociateSubnetCidrBlock", "SubnetId", subnet, "Ipv6CidrBlock", ipv6[:len(ipv6)-2]+"64").get("ipv6CidrBlockAssociation.associationId")
	c.do("DescribeSubnets")
	c.do("DisassociateSubnetCidrBlock", "AssociationId", association)
	c.do("AssociateSubnetCidrBlock", "SubnetId", subnet, "Ipv6CidrBlock", ipv6[:len(ipv6)-2]+"64")
	c.ask("CreateDefaultVpc")
	c.ask("CreateDefaultSubnet", "AvailabilityZone", "us-east-1a")
	c.do("CreateDefaultSubnet", "AvailabilityZone", "us-east-1b")
	other := c.do("CreateVpc", "CidrBlock", "10.9.0.0/16").get("vpc.vpcId")
	association = c.do("AssociateVpcCidrBlock", "VpcId", other, "AmazonProvidedIpv6CidrBlock", "true").get("ipv6CidrBlockAssociation.associationId")
	c.do("DisassociateVpcCidrBlock", "AssociationId", association)
	c.do("DeleteVpc", "VpcId", other)
	return vpc, subnet
}

func (c *conversation) securityGroups(vpc string) {
	web := c.do("CreateSecurityGroup", "VpcId", vpc, "GroupName", "web", "GroupDescription", "Web tier",
		"TagSpecification.1.ResourceType", "security-group", "TagSpecification.1.Tag.1.Key", "Tier", "TagSpecification.1.Tag.1.Value", "web").get("groupId")
	app := c.do("CreateSecurityGroup", "VpcId", vpc, "GroupName", "app", "GroupDescription", "App tier").get("groupId")
	made := c.do("AuthorizeSecurityGroupIngress", "GroupId", web,
		"IpPermissions.1.IpProtocol", "tcp", "IpPermissions.1.FromPort", "22", "IpPermissions.1.ToPort", "22",
		"IpPermissions.1.IpRanges.1.CidrIp", "203.0.113.7/24", "IpPermissions.1.IpRanges.1.Description", "Office",
		"IpPermissions.1.Ipv6Ranges.1.CidrIpv6", "2001:db8::/32",
		"IpPermissions.2.IpProtocol", "icmp", "IpPermissions.2.FromPort", "8", "IpPermissions.2.ToPort", "-1", "IpPermissions.2.Groups.1.GroupId", app,
		"TagSpecification.1.ResourceType", "security-group-rule", "TagSpecification.1.Tag.1.Key", "Name", "TagSpecification.1.Tag.1.Value", "ssh")
	rule := made.texts("securityGroupRuleSet.item.securityGroupRuleId")[0]
	c.do("AuthorizeSecurityGroupEgress", "GroupId", web, "IpPermissions.1.IpProtocol", "-1", "IpPermissions.1.IpRanges.1.CidrIp", "10.0.0.0/8")
	c.ask("AuthorizeSecurityGroupIngress", "GroupId", web, "IpProtocol", "tcp", "FromPort", "22", "ToPort", "22", "CidrIp", "203.0.113.0/24")
	c.do("UpdateSecurityGroupRuleDescriptionsIngress", "GroupId", web,
		"SecurityGroupRuleDescription.1.SecurityGroupRuleId", rule, "SecurityGroupRuleDescription.1.Description", "Head office")
	c.do("UpdateSecurityGroupRuleDescriptionsEgress", "GroupId", web, "IpPermissions.1.IpProtocol", "-1",
		"IpPermissions.1.IpRanges.1.CidrIp", "10.0.0.0/8", "IpPermissions.1.IpRanges.1.Description", "Inside")
	c.do("ModifySecurityGroupRules", "GroupId", web, "SecurityGroupRule.1.SecurityGroupRuleId", rule,
		"SecurityGroupRule.1.SecurityGroupRule.IpProtocol", "tcp", "SecurityGroupRule.1.SecurityGroupRule.FromPort", "2222",
		"SecurityGroupRule.1.SecurityGroupRule.ToPort", "2222", "SecurityGroupRule.1.SecurityGroupRule.CidrIpv4", "203.0.113.0/24")
	c.do("DescribeSecurityGroups", "GroupId.1", web)
	c.do("DescribeSecurityGroupRules", "Filter.1.Name", "group-id", "Filter.1.Value.1", web)
	c.do("DescribeSecurityGroups", "MaxResults", "5")
	c.do("GetSecurityGroupsForVpc", "VpcId", vpc)
	c.do("DescribeSecurityGroupReferences", "GroupId.1", app)
	c.do("DescribeStaleSecurityGroups", "VpcId", vpc)
	c.ask("DeleteSecurityGroup", "GroupId", app)
	c.do("RevokeSecurityGroupIngress", "GroupId", web, "SecurityGroupRuleId.1", rule)
	c.do("RevokeSecurityGroupIngress", "GroupId", web, "IpPermissions.1.IpProtocol", "icmp", "IpPermissions.1.FromPort", "8",
		"IpPermissions.1.ToPort", "-1", "IpPermissions.1.Groups.1.GroupId", app)
	c.do("RevokeSecurityGroupEgress", "GroupId", web, "IpPermissions.1.IpProtocol", "-1", "IpPermissions.1.FromPort", "0",
		"IpPermissions.1.ToPort", "0", "IpPermissions.1.IpRanges.1.CidrIp", "0.0.0.0/0")
	c.ask("RevokeSecurityGroupIngress", "GroupId", web, "IpPermissions.1.IpProtocol", "-1", "IpPermissions.1.IpRanges.1.CidrIp", "0.0.0.0/0")
	inDefault := c.do("CreateSecurityGroup", "GroupName", "classic", "GroupDescription", "By its name").get("groupId")
	c.do("RevokeSecurityGroupIngress", "GroupName", "classic", "IpPermissions.1.IpProtocol", "tcp", "IpPermissions.1.FromPort", "1",
		"IpPermissions.1.ToPort", "2", "IpPermissions.1.IpRanges.1.CidrIp", "10.0.0.0/8")
	c.do("DeleteSecurityGroup", "GroupId", inDefault)
	c.do("DeleteSecurityGroup", "GroupId", app)
	c.do("DeleteSecurityGroup", "GroupId", web)
	declared := c.do("DescribeSecurityGroups", "GroupName.1", "declared").get("securityGroupInfo.item.groupId")
	c.ask("DeleteSecurityGroup", "GroupId", declared)
}

func (c *conversation) prefixLists(vpc string) {
	list := c.do("CreateManagedPrefixList", "PrefixListName", "offices", "AddressFamily", "IPv4", "MaxEntries", "3",
		"Entry.1.Cidr", "203.0.113.0/24", "Entry.1.Description", "Berlin", "ClientToken", "once",
		"TagSpecification.1.ResourceType", "prefix-list", "TagSpecification.1.Tag.1.Key", "Name", "TagSpecification.1.Tag.1.Value", "offices").get("prefixList.prefixListId")
	c.do("ModifyManagedPrefixList", "PrefixListId", list, "CurrentVersion", "1", "AddEntry.1.Cidr", "198.51.100.0/24", "RemoveEntry.1.Cidr", "203.0.113.0/24")
	c.ask("ModifyManagedPrefixList", "PrefixListId", list, "CurrentVersion", "1", "AddEntry.1.Cidr", "192.0.2.0/24")
	c.do("GetManagedPrefixListEntries", "PrefixListId", list)
	c.do("GetManagedPrefixListEntries", "PrefixListId", list, "TargetVersion", "1")
	c.do("RestoreManagedPrefixListVersion", "PrefixListId", list, "PreviousVersion", "1", "CurrentVersion", "2")
	c.do("DescribeManagedPrefixLists", "PrefixListId.1", list)
	group := c.do("CreateSecurityGroup", "VpcId", vpc, "GroupName", "from-offices", "GroupDescription", "Names a prefix list").get("groupId")
	c.do("AuthorizeSecurityGroupIngress", "GroupId", group, "IpPermissions.1.IpProtocol", "tcp", "IpPermissions.1.FromPort", "443",
		"IpPermissions.1.ToPort", "443", "IpPermissions.1.PrefixListIds.1.PrefixListId", list)
	c.do("GetManagedPrefixListAssociations", "PrefixListId", list)
	c.do("DescribeSecurityGroups", "GroupId.1", group)
	c.do("DeleteSecurityGroup", "GroupId", group)
	c.do("DeleteManagedPrefixList", "PrefixListId", list)
}

func (c *conversation) acls(vpc, subnet string) {
	acl := c.do("CreateNetworkAcl", "VpcId", vpc).get("networkAcl.networkAclId")
	c.do("CreateNetworkAclEntry", "NetworkAclId", acl, "RuleNumber", "100", "Egress", "false", "Protocol", "6", "RuleAction", "allow",
		"CidrBlock", "0.0.0.0/0", "PortRange.From", "22", "PortRange.To", "22")
	c.do("CreateNetworkAclEntry", "NetworkAclId", acl, "RuleNumber", "110", "Egress", "true", "Protocol", "58", "RuleAction", "deny",
		"Ipv6CidrBlock", "2001:db8::/32", "Icmp.Type", "128", "Icmp.Code", "0")
	c.do("ReplaceNetworkAclEntry", "NetworkAclId", acl, "RuleNumber", "100", "Egress", "false", "Protocol", "-1", "RuleAction", "deny", "CidrBlock", "192.0.2.0/24")
	c.ask("CreateNetworkAclEntry", "NetworkAclId", acl, "RuleNumber", "100", "Egress", "false", "Protocol", "-1", "RuleAction", "deny", "CidrBlock", "192.0.2.0/24")
	was := c.do("DescribeNetworkAcls", "Filter.1.Name", "association.subnet-id", "Filter.1.Value.1", subnet)
	association, first := was.get("networkAclSet.item.associationSet.item.networkAclAssociationId"), was.get("networkAclSet.item.networkAclId")
	association = c.do("ReplaceNetworkAclAssociation", "AssociationId", association, "NetworkAclId", acl).get("newAssociationId")
	c.do("DescribeNetworkAcls", "NetworkAclId.1", acl)
	c.do("ReplaceNetworkAclAssociation", "AssociationId", association, "NetworkAclId", first)
	c.do("DeleteNetworkAclEntry", "NetworkAclId", acl, "RuleNumber", "100", "Egress", "false")
	c.do("DeleteNetworkAcl", "NetworkAclId", acl)
}

func (c *conversation) interfaces(subnet string) {
	nic := c.do("CreateNetworkInterface", "SubnetId", subnet, "Description", "A spare", "PrivateIpAddress", "10.0.1.100",
		"ConnectionTrackingSpecification.TcpEstablishedTimeout", "600").get("networkInterface.networkInterfaceId")
	c.do("AssignPrivateIpAddresses", "NetworkInterfaceId", nic, "PrivateIpAddress.1", "10.0.1.101")
	c.do("AssignIpv6Addresses", "NetworkInterfaceId", nic, "Ipv6AddressCount", "1")
	c.do("DescribeNetworkInterfaces", "NetworkInterfaceId.1", nic)
	ipv6 := c.do("DescribeNetworkInterfaces", "NetworkInterfaceId.1", nic).get("networkInterfaceSet.item.ipv6AddressesSet.item.ipv6Address")
	c.do("UnassignIpv6Addresses", "NetworkInterfaceId", nic, "Ipv6Addresses.1", ipv6)
	c.do("UnassignPrivateIpAddresses", "NetworkInterfaceId", nic, "PrivateIpAddress.1", "10.0.1.101")
	c.do("ModifyNetworkInterfaceAttribute", "NetworkInterfaceId", nic, "SourceDestCheck.Value", "false")
	for _, attribute := range []string{"description", "groupSet", "sourceDestCheck", "attachment"} {
		c.do("DescribeNetworkInterfaceAttribute", "NetworkInterfaceId", nic, "Attribute", attribute)
	}
	c.do("ResetNetworkInterfaceAttribute", "NetworkInterfaceId", nic, "SourceDestCheck", "true")
	instance := c.do("RunInstances", "ImageId", "ami-netns", "MinCount", "1", "MaxCount", "1", "SubnetId", subnet).get("instancesSet.item.instanceId")
	attachment := c.do("AttachNetworkInterface", "NetworkInterfaceId", nic, "InstanceId", instance, "DeviceIndex", "1").get("attachmentId")
	c.do("DescribeInstances", "InstanceId.1", instance)
	c.do("DetachNetworkInterface", "AttachmentId", attachment)
	c.do("DeleteNetworkInterface", "NetworkInterfaceId", nic)
	c.do("TerminateInstances", "InstanceId.1", instance)
}

func (c *conversation) instances(subnet string) {
	instance := c.do("RunInstances", "ImageId", "ami-web", "MinCount", "1", "MaxCount", "1", "SubnetId", subnet, "InstanceType", "t3.micro",
		"TagSpecification.1.ResourceType", "instance", "TagSpecification.1.Tag.1.Key", "Name", "TagSpecification.1.Tag.1.Value", "web").get("instancesSet.item.instanceId")
	c.do("DescribeInstanceStatus", "InstanceId.1", instance)
	for _, attribute := range []string{"instanceType", "groupSet", "sourceDestCheck", "disableApiTermination"} {
		c.do("DescribeInstanceAttribute", "InstanceId", instance, "Attribute", attribute)
	}
	c.do("ModifyInstanceAttribute", "InstanceId", instance, "SourceDestCheck.Value", "false")
	c.do("StopInstances", "InstanceId.1", instance)
	c.do("DescribeInstances", "InstanceId.1", instance)
	c.do("StartInstances", "InstanceId.1", instance)
	c.do("TerminateInstances", "InstanceId.1", instance)
	c.do("DescribeInstances", "Filter.1.Name", "instance-state-name", "Filter.1.Value.1", "running")
	c.ask("TerminateInstances", "InstanceId.1", "i-00000000000000000")
}

func (c *conversation) flowLogs(vpc string) {
	log := c.do("CreateFlowLogs", "ResourceId.1", vpc, "ResourceType", "VPC", "TrafficType", "ALL", "LogDestinationType", "s3",
		"LogDestination", "arn:aws:s3:::flow-logs", "MaxAggregationInterval", "60").get("flowLogIdSet.item")
	c.do("DescribeFlowLogs", "FlowLogId.1", log)
	c.do("DeleteFlowLogs", "FlowLogId.1", log)
	c.ask("DeleteFlowLogs", "FlowLogId.1", log)
}
