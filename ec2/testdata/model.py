"""Compares what sgate speaks with botocore's model of the API.

    model.py shapes   compares the shapes of requests and answers
    model.py answers  reads answers as a client does
    model.py filters  lists the filters that actions have

Standard input and output are JSON. Any botocore will do: its version is told.
"""

import datetime
import json
import re
import sys
import xml.etree.ElementTree as ElementTree

import botocore
import botocore.parsers
import botocore.session

SESSION = botocore.session.get_session()
SERVICES = [SESSION.get_service_model(name) for name in ("ec2", "sts")]
KINDS = {"long": "integer", "blob": "string", "float": "double"}


def operation(action):
    """The model of an action, and None if there is none."""
    for service in SERVICES:
        if action in service.operation_names:
            return service.operation_model(action)
    return None


def name_in_request(member, shape):
    serialization = shape.serialization
    if "queryName" in serialization:
        return serialization["queryName"]
    name = serialization.get("name", member)
    return name[:1].upper() + name[1:]


def name_in_answer(member, shape):
    return shape.serialization.get("name", member)


class Comparison:
    """Collects the differences between one of our shapes and the model's."""

    def __init__(self, side):
        self.side = side
        self.named = {"request": name_in_request, "answer": name_in_answer}[side]
        self.found = []

    def say(self, path, what):
        self.found.append({"path": path, "what": what})

    def compare(self, path, ours, model):
        kind = KINDS.get(model.type_name, model.type_name)
        if ours["kind"] == "ignored":
            return
        if ours["kind"] != kind:
            self.say(path, f"is a {ours['kind']}, the model's is a {kind}")
        elif kind == "structure":
            self.structure(path, ours, model)
        elif kind == "list":
            name = model.member.serialization.get("name")
            if self.side == "answer" and name != "item":
                self.say(path, f"has <item>s, the model's has <{name}>s")
            self.compare(path, ours["item"], model.member)

    def structure(self, path, ours, model):
        theirs = {self.named(name, shape): (name, shape) for name, shape in model.members.items()}
        required = {self.named(name, model.members[name]) for name in model.required_members}
        for name, shape in ours.get("members", {}).items():
            below = f"{path}.{name}".lstrip(".")
            if name not in theirs:
                self.say(below, "the model does not have it")
                continue
            self.compare(below, shape, theirs[name][1])
            if self.side == "request" and shape.get("required", False) != (name in required):
                self.say(below, "is not required" if name in required else "is required, the model's is not")
        if self.side == "request":
            for name in sorted(required - set(ours.get("members", {}))):
                self.say(f"{path}.{name}".lstrip("."), "is lacking, and the model requires it")


def shapes(actions):
    """The differences of all actions, by action and side."""
    found = []
    for action, ours in sorted(actions.items()):
        model = operation(action)
        if model is None:
            found.append({"action": action, "side": "", "path": "", "what": "the model does not have it"})
            continue
        for side, theirs in (("request", model.input_shape), ("answer", model.output_shape)):
            comparison = Comparison(side)
            if theirs is not None:
                comparison.structure("", ours[side], theirs)
            else:
                for name in ours[side].get("members", {}):
                    if (side, name) != ("answer", "return"):
                        comparison.say(name, "the model does not have it")
            found += [{"action": action, "side": side, **d} for d in comparison.found]
    return found


def left_out(actions):
    """The parameters that the model has and we do not take, by action."""
    out = {}
    for action, ours in sorted(actions.items()):
        model = operation(action)
        if model is None or model.input_shape is None:
            continue
        names = {name_in_request(name, shape) for name, shape in model.input_shape.members.items()}
        out[action] = sorted(names - set(ours["request"].get("members", {})) - {"DryRun"})
    return out


def filters(actions):
    """The names of the filters that the documentation of actions lists, by action."""
    out = {}
    for action in actions:
        model = operation(action)
        members = model.input_shape.members if model and model.input_shape else {}
        listed = [shape.documentation for name, shape in members.items() if name in ("Filter", "Filters")]
        names = re.findall(r"<li>\s*<p>\s*<code>([^<]*)</code>", " ".join(listed))
        if listed:
            out[action] = sorted({"tag:Key" if name.startswith("tag:") else name for name in names} - {"tag"})
    return out


TEXTS = {
    "boolean": re.compile(r"true|false"),
    "integer": re.compile(r"-?\d+"),
    "double": re.compile(r"-?\d+(\.\d+)?"),
    "timestamp": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"),
    "string": re.compile(r".*", re.DOTALL),
}


def unread(path, element, model):
    """The elements that a client would not read, or not as what they are."""
    kind = KINDS.get(model.type_name, model.type_name)
    below = list(element)
    if kind == "structure":
        theirs = {name_in_answer(n, s): s for n, s in model.members.items()}
        for child in below:
            name = child.tag.split("}")[-1]
            at = f"{path}.{name}".lstrip(".")
            if name not in theirs:
                yield at, "the model does not have it"
            else:
                yield from unread(at, child, theirs[name])
        names = [child.tag for child in below]
        for name in {n for n in names if names.count(n) > 1}:
            yield f"{path}.{name.split('}')[-1]}".lstrip("."), "is there more than once"
    elif kind == "list":
        for child in below:
            if child.tag.split("}")[-1] != "item":
                yield path, f"has a <{child.tag}>"
            yield from unread(path, child, model.member)
    elif below:
        yield path, f"has elements, the model's is a {kind}"
    elif not TEXTS[kind].fullmatch(element.text or ""):
        yield path, f"is {element.text!r}, the model's is a {kind}"


def without(element, drop, path=""):
    """Takes elements out that not every version of the model has."""
    for child in list(element):
        name = child.tag.split("}")[-1]
        at = path if name == "item" else f"{path}.{name}".lstrip(".")
        if name in drop or at in drop:
            element.remove(child)
        else:
            without(child, drop, at)


def plain(value):
    """What a client has read, as JSON that tells a time from a string."""
    if isinstance(value, dict):
        return {name: plain(v) for name, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    if isinstance(value, datetime.datetime):
        return {"timestamp": value.isoformat()}
    return value


def answer(action, status, document, drop):
    """What a client reads of an answer (None: nothing, as the model has no shape for
    it), the id of the request, and what it would not read."""
    model = operation(action)
    shape = model.output_shape if model else None
    root = ElementTree.fromstring(document)
    differences = []
    if status == 200 and shape is not None and model.service_model.service_name == "ec2":
        fields = [child for child in root if not child.tag.endswith("}requestId")]
        body = ElementTree.Element("body")
        body.extend(fields)
        differences = [{"action": action, "side": "answer", "path": p, "what": w} for p, w in unread("", body, shape)]
    without(root, set(drop))
    response = {"body": ElementTree.tostring(root), "headers": {}, "status_code": status}
    protocol = model.service_model.metadata["protocol"] if model else "ec2"
    parsed = botocore.parsers.create_parser(protocol).parse(response, shape)
    request = parsed.pop("ResponseMetadata", {}).get("RequestId")
    if status == 200 and shape is None:
        parsed = None
    return {"parsed": plain(parsed), "requestId": request, "differences": differences}


def main():
    given = json.load(sys.stdin)
    if sys.argv[1] == "shapes":
        result = {"differences": shapes(given), "leftOut": left_out(given)}
    elif sys.argv[1] == "filters":
        result = {"filters": filters(given)}
    else:
        result = {"answers": [answer(**exchange) for exchange in given]}
    json.dump({"version": botocore.__version__, **result}, sys.stdout, sort_keys=True)


main()
