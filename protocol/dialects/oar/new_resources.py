"""New resources: what may be posted, and what a description of many stands for.

OAR document, *POST /resources* and *POST /resources/generate*.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from protocol.commands.resources import PoolReport
from protocol.dialects.oar.faults import OarError, bad_query, missing
from protocol.dialects.oar.resource_request import CONSTANTS
from protocol.errors import Kind
from protocol.media import JsonObject, JsonValue
from protocol.pool_description import leaves_of
from protocol.resources import NODE
from protocol.yaml_document import decode_yaml

__all__ = ["generated", "properties_of"]

_SYSTEM = frozenset(
    [
        "resource_id",
        "state",
        "state_num",
        "next_state",
        "finaud_decision",
        "next_finaud_decision",
        "last_job_date",
        "suspended_jobs",
        "expiry_date",
        "scheduler_priority",
    ]
)
_NODE_NAMES = ("network_address", "hostname", "node")
_MOST = 32
_LONGEST = 128
_DIGITS = re.compile(r"[0-9]{1,9}", re.ASCII)
_ALWAYS = frozenset({"cpuset", "cpu", "core", "host", "hostname", "network_address", NODE})


def properties_of(data: JsonValue, known: Collection[str]) -> tuple[dict[str, str | int], ...]:
    """The properties of the resources that a body asks for.

    ``known`` are the properties that there are besides those of every cluster.

    Raises:
        OarError: 400, or 403 for a property that the system alone sets.
    """
    if isinstance(data, dict) and set(data) == {"yaml_array"}:
        data = decode_yaml(str(data["yaml_array"]))
    items = data if isinstance(data, list) else [data]
    if not items:
        raise missing("A resource is missing")
    return tuple(_properties(item, known) for item in items)


def generated(data: JsonObject, report: PoolReport) -> tuple[JsonObject, ...]:
    """The properties that a description of resources stands for.

    Raises:
        GatewayError: INVALID, TOO_LARGE.
    """
    text = data.get("resources")
    if not isinstance(text, str):
        raise bad_query("the description of resources is a text")
    ahead = _largest(report) if str(data.get("auto_offset", "")) in {"1", "True"} else {}
    more = _further(data.get("properties"))
    found: list[JsonObject] = []
    for leaf in leaves_of(text, ahead):
        shown: JsonObject = {
            "network_address" if name == NODE else name: value for name, value in leaf.items()
        }
        found.append({**shown, **more})
    return tuple(found)


def _properties(item: JsonValue, known: Collection[str]) -> dict[str, str | int]:
    if not isinstance(item, dict):
        raise bad_query("a resource is a hash of its properties")
    flat = _flat(item)
    found: dict[str, str | int] = {}
    node = next((flat.pop(name) for name in _NODE_NAMES if name in flat), None)
    for name, value in flat.items():
        checked = _checked(name, value, known)
        if name not in _NODE_NAMES and CONSTANTS.get(name) != value:
            found[name] = checked
    if not isinstance(node, str | int) or node == "":
        raise missing("A resource needs a network_address or a hostname")
    return {NODE: str(node), **found}


def _flat(item: JsonObject) -> JsonObject:
    """The properties, which may be nested as well; what stands outside wins."""
    inner = item.get("properties")
    if inner is not None and not isinstance(inner, dict):
        raise bad_query("the properties of a resource are a hash")
    return {**(inner or {}), **{name: one for name, one in item.items() if name != "properties"}}


def _checked(name: str, value: JsonValue, known: Collection[str]) -> str | int:
    if name in _SYSTEM:
        raise OarError(
            Kind.FORBIDDEN, "Forbidden", f"The property {name} is set by the system alone"
        )
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise bad_query(f"the property {name[:60]} is a text or a number")
    if name not in known and name not in _ALWAYS and name not in CONSTANTS:
        raise bad_query(f"unknown property {name[:60]}")
    return value


def _further(properties: JsonValue) -> JsonObject:
    """The same properties for all: a hash, or ``a=b,c=d``."""
    if properties in (None, ""):
        return {}
    if isinstance(properties, dict):
        return _bounded({name: str(value) for name, value in properties.items()})
    if not isinstance(properties, str):
        raise bad_query("properties are a hash, or a text like a=b,c=d")
    found: JsonObject = {}
    for pair in properties.split(","):
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise bad_query(f"{pair[:60]!r} is no property: name=value")
        found[name.strip()] = value.strip()
    return _bounded(found)


def _bounded(properties: JsonObject) -> JsonObject:
    """These properties, if that many can be written once for each resource."""
    if len(properties) > _MOST or any(
        len(name) + len(str(value)) > _LONGEST for name, value in properties.items()
    ):
        raise bad_query(
            f"at most {_MOST} properties of {_LONGEST} characters are for all resources"
        )
    return properties


def _largest(report: PoolReport) -> dict[str, int]:
    """The largest number in the values of each property of the pool."""
    found: dict[str, int] = {}
    for one in report.leaves:
        for name, value in one.leaf.properties.items():
            for digits in _DIGITS.findall(str(value)):
                found[name] = max(found.get(name, 0), int(digits))
    return found
