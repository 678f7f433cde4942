"""The boto3 client of the endpoint under test, and helpers for calls of it."""

import os

import boto3
from botocore.config import Config

# The endpoint is what refuses here.
CONFIG = Config(retries={"max_attempts": 0}, max_pool_connections=32, parameter_validation=False)


def client(service="ec2", **more):
    return boto3.client(service, endpoint_url=os.environ["ENDPOINT"], config=CONFIG, **more)


def resource():
    return boto3.resource("ec2", endpoint_url=os.environ["ENDPOINT"], config=CONFIG)


def rule(protocol="tcp", first=None, last=None, **peer):
    """An IpPermission: rule("tcp", 22, 22, cidr="10.0.0.0/8")."""
    out = {"IpProtocol": protocol}
    if first is not None:
        out["FromPort"] = first
    if last is not None:
        out["ToPort"] = last
    forms = {
        "cidr": lambda v: {"IpRanges": [{"CidrIp": v}]},
        "cidr6": lambda v: {"Ipv6Ranges": [{"CidrIpv6": v}]},
        "group": lambda v: {"UserIdGroupPairs": [{"GroupId": v}]},
        "name": lambda v: {"UserIdGroupPairs": [{"GroupName": v}]},
        "prefix": lambda v: {"PrefixListIds": [{"PrefixListId": v}]},
    }
    for kind, value in peer.items():
        out.update(forms[kind](value))
    return out
