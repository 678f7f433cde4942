"""Writes botocore.json: requests as botocore signs them, for TestBotocore.

Run once, by hand: python3 generate.py > botocore.json
"""
import datetime
import json

import botocore
import botocore.auth
import botocore.session
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.config import Config
from botocore.credentials import Credentials

NOW = datetime.datetime(2026, 2, 28, 23, 59, 58, tzinfo=datetime.timezone.utc)
botocore.auth.get_current_datetime = lambda *a, **k: NOW

PLAIN = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
SESSION = Credentials("ASIAEXAMPLE", "a+b/c=d", "FwoGZXIvYXdzE//////////wEaDE/x+y=z==")
AWKWARD = "a b+c%20d&e=f;g/h?i#j*k'(l)!~-._\u00e9\U0001f9f1\"<>"
vectors = []


def wire(name, method, url, headers, body, service):
    scheme, rest = url.split("://", 1)
    host, slash, target = rest.partition("/")
    headers = {k: v.decode() if isinstance(v, bytes) else v for k, v in headers.items()}
    headers.setdefault("Host", host)
    if isinstance(body, bytes):
        body = body.decode()
    vectors.append({
        "name": name, "service": service, "method": method, "target": slash + target,
        "headers": sorted(headers.items()), "body": body or "",
    })


def sign(name, method, url, headers=(), data=b"", params=None, service="ec2", credentials=PLAIN):
    """Signs one request as it stands."""
    request = AWSRequest(method=method, url=url, data=data, params=params, headers=dict(headers))
    botocore.auth.SigV4Auth(credentials, service, "eu-west-1").add_auth(request)
    prepared = request.prepare()
    wire(name, method, prepared.url, prepared.headers, prepared.body, service)


def call(name, service, operation, arguments, credentials=PLAIN, endpoint="http://127.0.0.1:4599"):
    """Signs what a client sends for an operation."""
    session = botocore.session.Session()
    session.set_credentials(credentials.access_key, credentials.secret_key, credentials.token)
    client = session.create_client(service, region_name="eu-west-1", endpoint_url=endpoint, config=Config(retries={"total_max_attempts": 1}))

    def send(request, **_):
        headers = {k: v for k, v in request.headers.items()
                   if k.lower() not in ("user-agent", "amz-sdk-invocation-id", "amz-sdk-request")}
        wire(name, request.method, request.url, headers, request.body, service)
        return AWSResponse(request.url, 500, {}, type("Raw", (), {"stream": lambda *a, **k: iter(())})())

    client.meta.events.register("before-send", send)
    try:
        getattr(client, operation)(**arguments)
    except Exception:  # an answer of status 500
        pass


def presign(name, service, operation, arguments, expires, credentials=PLAIN):
    session = botocore.session.Session()
    session.set_credentials(credentials.access_key, credentials.secret_key, credentials.token)
    client = session.create_client(service, region_name="eu-west-1", endpoint_url="http://localhost:4599",
                                   config=Config(signature_version="v4"))
    url = client.generate_presigned_url(operation, Params=arguments, ExpiresIn=expires, HttpMethod="GET")
    wire(name, "GET", url, {}, b"", service)


FORM = [("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")]
HERE = "http://127.0.0.1:4599/"
call("client", "ec2", "describe_security_groups", {})
call("client, session token", "ec2", "describe_security_groups", {}, SESSION)
call("client, awkward filter", "ec2", "describe_security_groups",
     {"Filters": [{"Name": "tag:" + AWKWARD, "Values": [AWKWARD, "", "*"]}], "MaxResults": 5})
call("client, rules", "ec2", "authorize_security_group_ingress", {
    "GroupId": "sg-903004f8", "IpPermissions": [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22,
                                                 "IpRanges": [{"CidrIp": "203.0.113.0/24", "Description": AWKWARD[:3]}]}]})
call("client, host name without port", "ec2", "describe_vpcs", {}, endpoint="http://ec2.localhost")
call("client, IPv6", "ec2", "describe_vpcs", {}, endpoint="http://[::1]:4599")
call("client, sts", "sts", "get_caller_identity", {})
call("client, sts, session token", "sts", "get_caller_identity", {}, SESSION)
presign("presigned", "ec2", "describe_regions", {}, 60)
presign("presigned, session token", "ec2", "describe_regions", {"RegionNames": ["eu-west-1"]}, 3600, SESSION)
presign("presigned, awkward filter", "ec2", "describe_tags", {"Filters": [{"Name": "key", "Values": [AWKWARD]}]}, 604800)
presign("presigned, sts", "sts", "get_caller_identity", {}, 900)
sign("get", "GET", HERE + "?Action=DescribeRegions&Version=2016-11-15")
sign("get, parameters", "GET", HERE, params={"Action": "DescribeTags", "Filter.1.Value.1": AWKWARD, "Filter.1.Name": "key"})
sign("get, a name is another's beginning", "GET", HERE + "?Filter.1.Name=x&Filter=1&Filter.1=2&Filter-1=3&filter=4")
sign("get, a name twice", "GET", HERE + "?Name=b&Name=a&Name=&Name=B&Name=%C3%A9")
sign("get, empty value", "GET", HERE + "?Name=&Other=")
sign("post, query and body", "POST", HERE + "?Version=2016-11-15", FORM, b"Action=DescribeVpcs")
sign("post, empty body", "POST", HERE, FORM)
sign("post, large body", "POST", HERE, FORM, b"Action=CreateTags&Tag.1.Value=" + b"x" * 2000)
sign("date header", "POST", HERE, FORM + [("Date", "set by botocore")], b"Action=DescribeVpcs")
sign("content hash header", "POST", HERE, FORM + [("X-Amz-Content-SHA256",
     "7a6d7f3c5f3d6ec3a4c44ba04eb5d4d4ab7ac28cb5e3e0d2a4d2ee4ba9f1dd05")], b"")
sign("spaces in headers", "GET", HERE, [("X-Amz-Meta", "  a   b  "), ("My-Header", '"a   b"    c')])
sign("a path", "GET", HERE + "a%20b/./c/../d//e/?x=y")
sign("a path, its end", "GET", HERE + "a/b/..?x=y")
sign("a path, unreserved and not", "GET", HERE + "-._~!$&'()*+,;=:@%2F%C3%A9")

# A hash that is not the body's: botocore believes the header, a server must not.
bad = [v for v in vectors if v["name"] == "content hash header"][0]
bad["refused"] = "true"

print(json.dumps({"botocore": botocore.__version__, "now": NOW.strftime("%Y%m%dT%H%M%SZ"), "vectors": vectors}, indent=1, ensure_ascii=True))
