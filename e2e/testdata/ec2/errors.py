"""Calls that AWS refuses, each with its code and message: docs/semantics.md,
sections 1, 2, 5 and 6. Prints what is refused otherwise, or not at all."""

from botocore.exceptions import ClientError

from client import client, rule

EC2 = client(region_name="us-east-1")


def want(code, message, call, **params):
    """A call has to be refused, with a message unless AWS's is not known (None)."""
    what = f"{call}({params})"
    try:
        getattr(EC2, call)(**params)
    except ClientError as e:
        got = e.response["Error"]
        if got["Code"] != code or message is not None and got["Message"] != message:
            print(f"{what}\n  got  {got['Code']}: {got['Message']}\n  want {code}: {message}")
        return
    print(f"{what}\n  got  an answer\n  want {code}: {message}")


def vpc_of(cidr):
    return EC2.describe_vpcs(Filters=[{"Name": "cidr", "Values": [cidr]}])["Vpcs"][0]["VpcId"]


def subnet_of(cidr):
    return EC2.describe_subnets(Filters=[{"Name": "cidr-block", "Values": [cidr]}])["Subnets"][0]["SubnetId"]


MAIN, OTHER = vpc_of("172.31.0.0/16"), vpc_of("10.0.0.0/16")
MAIN_NET, OTHER_NET = subnet_of("172.31.0.0/20"), subnet_of("10.0.1.0/24")
NO_SG, NO_SGR = "sg-00000000000000000", "sgr-00000000000000000"
CHARACTERS = "a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*"


def new_group(name, vpc=MAIN, **more):
    return EC2.create_security_group(GroupName=name, Description="A group", VpcId=vpc, **more)["GroupId"]


def authorize(group, *rules, **more):
    return EC2.authorize_security_group_ingress(GroupId=group, IpPermissions=list(rules), **more)["SecurityGroupRules"]


def refuse_rule(code, message, group, *rules):
    want(code, message, "authorize_security_group_ingress", GroupId=group, IpPermissions=list(rules))


WEB, FAR = new_group("web"), new_group("far", OTHER)


def groups():
    want("InvalidGroup.Duplicate", f"The security group 'WEB' already exists for VPC '{MAIN}'", "create_security_group", GroupName="WEB", Description="Again", VpcId=MAIN)
    want("InvalidGroup.NotFound", f"The security group '{NO_SG}' does not exist", "describe_security_groups", GroupIds=[NO_SG])
    want("InvalidGroup.NotFound", f"The security group 'nobody' does not exist in default VPC '{MAIN}'", "describe_security_groups", GroupNames=["nobody"])
    want("InvalidGroupId.Malformed", 'Invalid id: "foobar" (expecting "sg-...")', "describe_security_groups", GroupIds=["foobar"])
    want("InvalidVpcID.NotFound", "The vpc ID 'vpc-00000000000000000' does not exist", "create_security_group", GroupName="x", Description="x", VpcId="vpc-00000000000000000")
    want("InvalidParameterValue", f"Invalid security group description. Valid descriptions are strings less than 256 characters from the following set:  {CHARACTERS}", "create_security_group", GroupName="x", Description="It's", VpcId=MAIN)
    want("InvalidParameterValue", "Value (Größe) for parameter GroupDescription is invalid. Character sets beyond ASCII are not supported.", "create_security_group", GroupName="x", Description="Größe", VpcId=MAIN)
    want("InvalidParameterValue", None, "create_security_group", GroupName="sg-x", Description="x", VpcId=MAIN)
    want("InvalidParameterValue", None, "create_security_group", GroupName="x" * 256, Description="x", VpcId=MAIN)
    want("CannotDelete", f'the specified group: "{default_of(MAIN)}" name: "default" cannot be deleted by a user', "delete_security_group", GroupId=default_of(MAIN))
    want("InvalidGroup.NotFound", f"The security group '{NO_SG}' does not exist", "delete_security_group", GroupId=NO_SG)
    declared = EC2.describe_security_groups(GroupNames=["declared"])["SecurityGroups"][0]["GroupId"]
    want("OperationNotPermitted", None, "delete_security_group", GroupId=declared)
    want("OperationNotPermitted", None, "authorize_security_group_ingress", GroupId=declared, IpPermissions=[rule("tcp", 1, 1, cidr="0.0.0.0/0")])
    want("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", "delete_security_group", GroupId=WEB, DryRun=True)


def default_of(vpc):
    return EC2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["default"]}, {"Name": "vpc-id", "Values": [vpc]}])["SecurityGroups"][0]["GroupId"]


def rules():
    ports = "Invalid value for portRange. Must specify both from and to ports with TCP/UDP."
    refuse_rule("InvalidParameterValue", ports, WEB, rule("tcp", cidr="10.0.0.0/8"))
    refuse_rule("InvalidParameterValue", ports, WEB, rule("udp", 53, cidr="10.0.0.0/8"))
    refuse_rule("InvalidParameterValue", "Invalid value for portRange. Must specify both from and to ports with ICMP.", WEB, rule("icmp", cidr="10.0.0.0/8"))
    refuse_rule("InvalidParameterValue", "TCP/UDP port (-1) out of range", WEB, rule("tcp", -1, -1, cidr="10.0.0.0/8"))
    refuse_rule("InvalidParameterValue", "TCP/UDP port (65536) out of range", WEB, rule("tcp", 0, 65536, cidr="10.0.0.0/8"))
    refuse_rule("InvalidParameterValue", "ICMP code (65535) out of range", WEB, rule("icmp", 0, 65535, cidr="10.0.0.0/8"))
    refuse_rule("InvalidParameterValue", None, WEB, rule("tcp", 80, 79, cidr="10.0.0.0/8"))
    refuse_rule("InvalidParameterValue", None, WEB, rule("http", 80, 80, cidr="10.0.0.0/8"))
    refuse_rule("InvalidParameterValue", "CIDR block ::/0 is malformed", WEB, rule("tcp", 80, 80, cidr="::/0"))
    refuse_rule("InvalidParameterValue", "CIDR block 10.0.0.5 is malformed", WEB, rule("tcp", 80, 80, cidr="10.0.0.5"))
    refuse_rule("InvalidParameterValue", "CIDR block 10.0.0.0/33 is malformed", WEB, rule("tcp", 80, 80, cidr="10.0.0.0/33"))
    described = rule("tcp", 80, 80, cidr="10.0.0.0/8")
    described["IpRanges"][0]["Description"] = "<script>"
    refuse_rule("InvalidParameterValue", f"Invalid rule description. Valid descriptions are strings less than 256 characters from the following set:  {CHARACTERS}", WEB, described)
    refuse_rule("MissingParameter", "Missing source specification: include source security group or CIDR information", WEB, rule("tcp", 80, 80))
    refuse_rule("MissingParameter", "Source group ID missing.", WEB, rule("tcp", 80, 80) | {"UserIdGroupPairs": [{"Description": "nobody"}]})
    refuse_rule("InvalidGroup.NotFound", f"The security group '{NO_SG}' does not exist", WEB, rule("tcp", 80, 80, group=NO_SG))
    refuse_rule("InvalidGroup.NotFound", f"The security group '{NO_SG}' does not exist", NO_SG, rule("tcp", 80, 80, cidr="10.0.0.0/8"))
    refuse_rule("InvalidGroup.NotFound", "You have specified two resources that belong to different networks.", WEB, rule("tcp", 80, 80, group=FAR))
    refuse_rule("InvalidPrefixListID.NotFound", None, WEB, rule("tcp", 80, 80, prefix="pl-00000000000000000"))
    duplicates()
    revoke()
    modify()


def duplicates():
    group, peer = new_group("duplicates"), WEB
    for one, text in [
        (rule("tcp", 443, 443, cidr="0.0.0.0/0"), "peer: 0.0.0.0/0, TCP, from port: 443, to port: 443, ALLOW"),
        (rule("-1", cidr="0.0.0.0/0"), "peer: 0.0.0.0/0, ALL, ALLOW"),
        (rule("tcp", 0, 65535, group=peer), f"peer: {peer}, TCP, from port: 0, to port: 65535, ALLOW"),
        (rule("50", cidr="0.0.0.0/0"), "peer: 0.0.0.0/0, protocol: 50, ALLOW"),
    ]:
        authorize(group, one)
        refuse_rule("InvalidPermission.Duplicate", f'the specified rule "{text}" already exists', group, one)
    twice = rule("tcp", 1, 1, cidr="10.0.0.0/8")
    refuse_rule("InvalidParameterValue", "The same permission must not appear multiple times", group, twice, twice)
    EC2.delete_security_group(GroupId=group)


def revoke():
    one = rule("tcp", 5, 5, cidr="10.0.0.0/8")
    unknown = EC2.revoke_security_group_ingress(GroupId=WEB, IpPermissions=[one])
    if [p["FromPort"] for p in unknown.get("UnknownIpPermissions", [])] != [5]:
        print("revoke_security_group_ingress in the default VPC: want the rule in UnknownIpPermissions, got", unknown)
    want("InvalidPermission.NotFound", "The specified rule does not exist in this security group.", "revoke_security_group_ingress", GroupId=FAR, IpPermissions=[one])
    want("InvalidSecurityGroupRuleId.NotFound", f"The security group rule ID '{NO_SGR}' does not exist", "revoke_security_group_ingress", GroupId=WEB, SecurityGroupRuleIds=[NO_SGR])
    want("InvalidParameterCombination", None, "revoke_security_group_ingress", GroupId=WEB, SecurityGroupRuleIds=[NO_SGR], IpPermissions=[one])
    want("InvalidSecurityGroupRuleId.NotFound", None, "describe_security_group_rules", SecurityGroupRuleIds=[NO_SGR])


def modify():
    group = new_group("modified")
    first = authorize(group, rule("tcp", 80, 80, cidr="10.0.0.0/8"))[0]["SecurityGroupRuleId"]
    second = authorize(group, rule("tcp", 81, 81, cidr="10.0.0.0/8"))[0]["SecurityGroupRuleId"]

    def refuse(code, message, group=group, rule_id=first, **to):
        want(code, message, "modify_security_group_rules", GroupId=group, SecurityGroupRules=[{"SecurityGroupRuleId": rule_id, "SecurityGroupRule": to}])

    full = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "CidrIpv4": "10.0.0.0/8"}
    without = lambda name: {k: v for k, v in full.items() if k != name}
    refuse("InvalidGroup.NotFound", f"The security group '{NO_SG}' does not exist", NO_SG, **full)
    refuse("InvalidSecurityGroupRuleId.NotFound", f"The security group rule ID '{NO_SGR}' does not exist", rule_id=NO_SGR, **full)
    refuse("InvalidParameterValue", "Invalid value 'null' for protocol. VPC security group rules must specify protocols explicitly.", **without("IpProtocol"))
    refuse("InvalidParameterValue", "Invalid value for portRange. Must specify both from and to ports with TCP/UDP.", **without("ToPort"))
    refuse("MissingParameter", "The request must contain exactly one of: cidrIp, cidrIpv6, prefixListId, or referencedGroupId", **without("CidrIpv4"))
    refuse("InvalidParameterCombination", "Only one of cidrIp, cidrIpv6, prefixListId, or referencedGroupId can be specified", **full, CidrIpv6="::/0")
    refuse("InvalidParameterValue", f"Invalid rule type for security group rule '{first}'. You may not specify CidrIpv6 for an existing IPv4 CIDR rule.", **without("CidrIpv4"), CidrIpv6="::/0")
    refuse("InvalidPermission.Duplicate", None, rule_id=second, **full)
    EC2.delete_security_group(GroupId=group)


def other_resources():
    want("InvalidVpcID.NotFound", "The vpc ID 'vpc-00000000000000000' does not exist", "describe_vpcs", VpcIds=["vpc-00000000000000000"])
    want("InvalidSubnetID.NotFound", None, "describe_subnets", SubnetIds=["subnet-00000000000000000"])
    want("InvalidNetworkInterfaceID.NotFound", None, "describe_network_interfaces", NetworkInterfaceIds=["eni-00000000000000000"])
    want("InvalidInstanceID.NotFound", None, "describe_instances", InstanceIds=["i-00000000000000000"])
    want("InvalidNetworkAclID.NotFound", None, "describe_network_acls", NetworkAclIds=["acl-00000000000000000"])
    want("InvalidPrefixListID.NotFound", None, "get_managed_prefix_list_entries", PrefixListId="pl-00000000000000000")
    want("InvalidParameterValue", "The filter 'colour' is invalid", "describe_security_groups", Filters=[{"Name": "colour", "Values": ["red"]}])
    want("FilterLimitExceeded", "The maximum number of filter values specified on a single call is 200", "describe_security_groups", Filters=[{"Name": "tag:a", "Values": [str(i) for i in range(201)]}])
    want("InvalidAction", "The action DescribeVolumes is not valid for this web service.", "describe_volumes")
    try:
        EC2.describe_security_groups(NextToken="nonsense", MaxResults=5)
        print("describe_security_groups(NextToken='nonsense'): want a refusal")
    except ClientError as e:
        if e.response["Error"]["Code"] not in ("InvalidNextToken", "InvalidPaginationToken"):
            print("describe_security_groups(NextToken='nonsense'):", e)
    want("InvalidParameterValue", "Value ( 4 ) for parameter maxResults is invalid. Expecting a value greater than 5.", "describe_security_groups", MaxResults=4)
    want("InvalidParameterValue", "Value ( aws:x ) for parameter key is invalid. Tag keys starting with 'aws:' are reserved for internal use", "create_tags", Resources=[WEB], Tags=[{"Key": "aws:x", "Value": ""}])
    want("InvalidParameterValue", "Value ( x ) for parameter value is invalid. Tag value cannot be null. Use empty string instead.", "create_tags", Resources=[WEB], Tags=[{"Key": "x"}])
    want("TagLimitExceeded", None, "create_tags", Resources=[WEB], Tags=[{"Key": f"k{i}", "Value": ""} for i in range(51)])
    want("InvalidID", "The ID 'nothing' is not valid", "create_tags", Resources=["nothing"], Tags=[{"Key": "k", "Value": ""}])


def interfaces():
    far_net = f"Security group {WEB} and subnet {OTHER_NET} belong to different networks."
    want("InvalidParameter", far_net, "create_network_interface", SubnetId=OTHER_NET, Groups=[WEB])
    want("InvalidParameter", far_net, "run_instances", ImageId="ami-netns", MinCount=1, MaxCount=1, SubnetId=OTHER_NET, SecurityGroupIds=[WEB])
    want("InvalidParameterCombination", "The parameter groupName cannot be used with the parameter subnet", "run_instances", ImageId="ami-netns", MinCount=1, MaxCount=1, SubnetId=MAIN_NET, SecurityGroups=["web"])
    want("InvalidParameterCombination", "Network interfaces and an instance-level security groups may not be specified on the same request", "run_instances", ImageId="ami-netns", MinCount=1, MaxCount=1, SecurityGroupIds=[WEB], NetworkInterfaces=[{"DeviceIndex": 0, "SubnetId": MAIN_NET}])
    want("InvalidParameterValue", "Invalid availability zone: [us-east-1z]", "run_instances", ImageId="ami-netns", MinCount=1, MaxCount=1, Placement={"AvailabilityZone": "us-east-1z"})
    want("InvalidParameterValue", "Value () for parameter groupId is invalid. The value cannot be empty", "run_instances", ImageId="ami-netns", MinCount=1, MaxCount=1, SecurityGroupIds=[""])
    more = [new_group(f"more-{i}") for i in range(2)]
    want("SecurityGroupsPerInterfaceLimitExceeded", "The maximum number of security groups per interface has been reached.", "create_network_interface", SubnetId=MAIN_NET, Groups=[WEB, *more])
    nic = EC2.create_network_interface(SubnetId=MAIN_NET, Groups=[more[0]])["NetworkInterface"]["NetworkInterfaceId"]
    want("DependencyViolation", f"resource {more[0]} has a dependent object", "delete_security_group", GroupId=more[0])
    want("InvalidInstanceID.NotFound", None, "attach_network_interface", NetworkInterfaceId=nic, InstanceId="i-00000000000000000", DeviceIndex=1)
    instance = EC2.run_instances(ImageId="ami-netns", MinCount=1, MaxCount=1, SubnetId=MAIN_NET)["Instances"][0]["InstanceId"]
    attachment = EC2.attach_network_interface(NetworkInterfaceId=nic, InstanceId=instance, DeviceIndex=1)["AttachmentId"]
    want("InvalidInstanceID", f"There are multiple interfaces attached to instance '{instance}'. Please specify an interface ID for the operation instead.", "modify_instance_attribute", InstanceId=instance, Groups=[WEB])
    EC2.detach_network_interface(AttachmentId=attachment)
    EC2.delete_network_interface(NetworkInterfaceId=nic)
    EC2.terminate_instances(InstanceIds=[instance])
    want("InvalidAMIID.NotFound", None, "run_instances", ImageId="ami-00000000000000000", MinCount=1, MaxCount=1, SubnetId=MAIN_NET)
    for group in more:
        EC2.delete_security_group(GroupId=group)


def prefix_lists():
    made = EC2.create_managed_prefix_list(PrefixListName="offices", AddressFamily="IPv4", MaxEntries=3, Entries=[{"Cidr": "203.0.113.0/24"}])
    offices = made["PrefixList"]["PrefixListId"]
    want("PrefixListVersionMismatch", None, "modify_managed_prefix_list", PrefixListId=offices, CurrentVersion=7, AddEntries=[{"Cidr": "198.51.100.0/24"}])
    want("PrefixListMaxEntriesExceeded", None, "modify_managed_prefix_list", PrefixListId=offices, CurrentVersion=1, AddEntries=[{"Cidr": f"198.51.{i}.0/24"} for i in range(3)])
    used = authorize(WEB, rule("tcp", 7, 7, prefix=offices))[0]["SecurityGroupRuleId"]
    want("DependencyViolation", None, "delete_managed_prefix_list", PrefixListId=offices)
    want("RulesPerSecurityGroupLimitExceeded", "The maximum number of rules per security group has been reached.", "authorize_security_group_ingress", GroupId=WEB, IpPermissions=[rule("tcp", i, i, cidr="10.0.0.0/8") for i in range(1, 5)])
    EC2.revoke_security_group_ingress(GroupId=WEB, SecurityGroupRuleIds=[used])
    for i in range(2):
        EC2.create_managed_prefix_list(PrefixListName=f"list-{i}", AddressFamily="IPv6", MaxEntries=1)
    want("PrefixListLimitExceeded", None, "create_managed_prefix_list", PrefixListName="one-more", AddressFamily="IPv4", MaxEntries=1)


def network_acls():
    acl = EC2.create_network_acl(VpcId=MAIN)["NetworkAcl"]["NetworkAclId"]
    entry = {"NetworkAclId": acl, "Egress": False, "Protocol": "6", "RuleAction": "allow", "CidrBlock": "0.0.0.0/0", "PortRange": {"From": 22, "To": 22}}
    EC2.create_network_acl_entry(RuleNumber=100, **entry)
    want("NetworkAclEntryAlreadyExists", None, "create_network_acl_entry", RuleNumber=100, **entry)
    want("InvalidNetworkAclEntry.NotFound", None, "delete_network_acl_entry", NetworkAclId=acl, RuleNumber=7, Egress=False)
    want("InvalidNetworkAclEntry.NotFound", None, "replace_network_acl_entry", RuleNumber=7, **entry)
    EC2.create_network_acl_entry(RuleNumber=101, **entry)
    want("NetworkAclEntryLimitExceeded", None, "create_network_acl_entry", RuleNumber=102, **entry)
    default = EC2.describe_network_acls(Filters=[{"Name": "default", "Values": ["true"]}, {"Name": "vpc-id", "Values": [MAIN]}])["NetworkAcls"][0]
    association = [a for a in default["Associations"] if a["SubnetId"] == MAIN_NET][0]["NetworkAclAssociationId"]
    EC2.replace_network_acl_association(AssociationId=association, NetworkAclId=acl)
    want("DependencyViolation", None, "delete_network_acl", NetworkAclId=acl)
    for _ in range(2):
        EC2.create_network_acl(VpcId=MAIN)
    want("NetworkAclLimitExceeded", None, "create_network_acl", VpcId=MAIN)


def flow_logs():
    log = {"ResourceIds": [MAIN], "ResourceType": "VPC", "TrafficType": "ALL", "LogDestinationType": "s3", "LogDestination": "arn:aws:s3:::flow-logs"}
    EC2.create_flow_logs(**log)
    want("FlowLogAlreadyExists", None, "create_flow_logs", **log)
    want("InvalidFlowLogId.NotFound", None, "delete_flow_logs", FlowLogIds=["fl-00000000000000000"])


def limits():
    vpc = EC2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    want("VpcLimitExceeded", None, "create_vpc", CidrBlock="10.2.0.0/16")
    for i in range(3):
        EC2.create_subnet(VpcId=vpc, CidrBlock=f"10.1.{i}.0/24")
    want("SubnetLimitExceeded", None, "create_subnet", VpcId=vpc, CidrBlock="10.1.3.0/24")
    want("DependencyViolation", None, "delete_vpc", VpcId=vpc)
    made = []
    try:
        for i in range(12):
            made.append(new_group(f"limit-{i}"))
        print("create_security_group: want SecurityGroupLimitExceeded at 12 groups")
    except ClientError as e:
        if e.response["Error"]["Code"] != "SecurityGroupLimitExceeded":
            print("create_security_group beyond the quota:", e)
    for group in made:
        EC2.delete_security_group(GroupId=group)


for part in (groups, rules, other_resources, interfaces, prefix_lists, network_acls, flow_logs, limits):
    try:
        part()
    except Exception as e:
        print(f"{part.__name__} ends early: {e!r}")
