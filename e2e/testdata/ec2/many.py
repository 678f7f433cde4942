"""Paginators, waiters, resources, filters and concurrent calls of boto3. Raises an
error where something is not as on AWS."""

from concurrent.futures import ThreadPoolExecutor

from client import client, resource, rule

EC2 = client()
VPC = EC2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
THREADS = 8


def equal(what, got, want):
    if got != want:
        raise AssertionError(f"{what}: got {got!r}, want {want!r}")


def new_group(name):
    return EC2.create_security_group(GroupName=name, Description="A group", VpcId=VPC)["GroupId"]


def paginators():
    made = {new_group(f"page-{i:02}") for i in range(23)}
    pages = EC2.get_paginator("describe_security_groups").paginate(Filters=[{"Name": "group-name", "Values": ["page-??"]}], PaginationConfig={"PageSize": 5})
    sizes, seen = [], []
    for page in pages:
        sizes.append(len(page["SecurityGroups"]))
        seen += [g["GroupId"] for g in page["SecurityGroups"]]
    equal("sizes of pages", sizes, [5, 5, 5, 5, 3])
    equal("groups of all pages", set(seen), made)
    equal("groups twice", len(seen), len(made))
    rules = EC2.get_paginator("describe_security_group_rules").paginate(Filters=[{"Name": "group-id", "Values": sorted(made)}], PaginationConfig={"PageSize": 7})
    equal("egress rules", sorted(r["GroupId"] for p in rules for r in p["SecurityGroupRules"] if r.get("CidrIpv4")), sorted(made))
    for name in ("describe_vpcs", "describe_subnets", "describe_network_interfaces", "describe_instances", "describe_network_acls", "describe_tags", "describe_managed_prefix_lists"):
        sum(1 for _ in EC2.get_paginator(name).paginate())
    for group in made:
        EC2.delete_security_group(GroupId=group)


def waiters():
    group = new_group("waited-for")
    EC2.get_waiter("security_group_exists").wait(GroupIds=[group])
    vpc = EC2.create_vpc(CidrBlock="10.5.0.0/16")["Vpc"]["VpcId"]
    EC2.get_waiter("vpc_exists").wait(VpcIds=[vpc])
    EC2.get_waiter("vpc_available").wait(VpcIds=[vpc])
    subnet = EC2.create_subnet(VpcId=vpc, CidrBlock="10.5.1.0/24")["Subnet"]["SubnetId"]
    EC2.get_waiter("subnet_available").wait(SubnetIds=[subnet])
    nic = EC2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    EC2.get_waiter("network_interface_available").wait(NetworkInterfaceIds=[nic])
    instance = EC2.run_instances(ImageId="ami-netns", MinCount=1, MaxCount=1, SubnetId=subnet)["Instances"][0]["InstanceId"]
    EC2.get_waiter("instance_exists").wait(InstanceIds=[instance])
    EC2.get_waiter("instance_running").wait(InstanceIds=[instance])
    EC2.get_waiter("instance_status_ok").wait(InstanceIds=[instance])
    EC2.terminate_instances(InstanceIds=[instance])
    EC2.get_waiter("instance_terminated").wait(InstanceIds=[instance])
    EC2.delete_network_interface(NetworkInterfaceId=nic)
    EC2.delete_subnet(SubnetId=subnet)
    EC2.delete_vpc(VpcId=vpc)
    EC2.delete_security_group(GroupId=group)


def resources():
    ec2 = resource()
    group = ec2.create_security_group(GroupName="resource", Description="A group", VpcId=VPC, TagSpecifications=[{"ResourceType": "security-group", "Tags": [{"Key": "Name", "Value": "it"}]}])
    group.authorize_ingress(IpPermissions=[rule("tcp", 22, 22, cidr="203.0.113.7/24")])
    group.reload()
    equal("ip_permissions", group.ip_permissions, [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "203.0.113.0/24"}], "Ipv6Ranges": [], "PrefixListIds": [], "UserIdGroupPairs": []}])
    equal("tags", group.tags, [{"Key": "Name", "Value": "it"}])
    found = [g.id for g in ec2.security_groups.filter(Filters=[{"Name": "tag:Name", "Values": ["it"]}])]
    equal("groups with that tag", found, [group.id])
    equal("groups of the VPC", group.id in [g.id for g in ec2.Vpc(VPC).security_groups.all()], True)
    group.revoke_ingress(IpPermissions=group.ip_permissions)
    group.delete()


def concurrency():
    """Each thread adds and takes away rules of a group of its own and of one that
    all share. Whatever was acknowledged is so, and nothing else."""
    shared = new_group("shared")

    def work(thread):
        mine = client()
        own = new_group(f"own-{thread}")
        for i in range(12):
            for group in (own, shared):
                first = rule("tcp", 1000 * thread + i, 1000 * thread + i, cidr="10.0.0.0/8")
                mine.authorize_security_group_ingress(GroupId=group, IpPermissions=[first])
                if i % 2:
                    mine.revoke_security_group_ingress(GroupId=group, IpPermissions=[first])
        return own

    with ThreadPoolExecutor(THREADS) as pool:
        owned = list(pool.map(work, range(THREADS)))
    ports = lambda group: sorted(p["FromPort"] for p in EC2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"])
    left = lambda thread: [1000 * thread + i for i in range(0, 12, 2)]
    for thread, own in enumerate(owned):
        equal(f"rules of group {thread}", ports(own), left(thread))
    equal("rules of the shared group", ports(shared), [p for thread in range(THREADS) for p in left(thread)])
    for group in [*owned, shared]:
        EC2.delete_security_group(GroupId=group)


def identity():
    equal("account", client("sts").get_caller_identity()["Account"], "123456789012")
    equal("Regions", [r["RegionName"] for r in EC2.describe_regions()["Regions"]], ["us-east-1"])
    zones = EC2.describe_availability_zones()["AvailabilityZones"]
    equal("states of zones", {z["State"] for z in zones}, {"available"})
    attributes = EC2.describe_account_attributes(AttributeNames=["default-vpc"])["AccountAttributes"]
    equal("default VPC", attributes[0]["AttributeValues"][0]["AttributeValue"], VPC)


def tokens():
    """A call that is sent again with its token makes nothing more."""
    subnet = EC2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [VPC]}])["Subnets"][0]["SubnetId"]
    ids = {EC2.create_network_interface(SubnetId=subnet, ClientToken="once")["NetworkInterface"]["NetworkInterfaceId"] for _ in range(3)}
    equal("interfaces made with one token", len(ids), 1)
    EC2.delete_network_interface(NetworkInterfaceId=ids.pop())


for part in (identity, paginators, waiters, resources, tokens, concurrency):
    part()
    print("ok", part.__name__)
