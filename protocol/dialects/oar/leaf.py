"""One resource as it is told: short in lists, full with all its properties.

OAR document, *GET /resources*. OAR calls ``network_address`` what the core calls the node. What the
core does not keep of a resource is a constant here, as of a cluster where nobody changed it.
"""

from __future__ import annotations

from protocol.dialects.oar.collection import link
from protocol.dialects.oar.formats import address, now_of
from protocol.dialects.oar.resource_request import CONSTANTS
from protocol.dialects.oar.words import leaf_state
from protocol.http import Request
from protocol.media import JsonObject, JsonValue
from protocol.resources import NODE, Leaf

__all__ = ["full_leaf", "node_of", "short_leaf"]

_FOREVER = 2147483647


def node_of(leaf: Leaf) -> str:
    """The name of its node."""
    return str(leaf.properties.get(NODE, "localhost"))


def short_leaf(leaf: Leaf, request: Request) -> JsonObject:
    """An item of ``/resources``."""
    one = address(request, f"/resources/{leaf.id}")
    node = address(request, f"/resources/nodes/{node_of(leaf)}")
    return {
        "id": leaf.id,
        "resource_id": leaf.id,
        "state": leaf_state(leaf.state)[0],
        "network_address": node_of(leaf),
        "available_upto": _FOREVER,
        "api_timestamp": now_of(request),
        "links": [
            link("member", node, "node"),
            link("self", one),
            link("collection", f"{one}/jobs", "jobs"),
        ],
    }


def full_leaf(leaf: Leaf, request: Request) -> JsonObject:
    """A resource with all its properties."""
    own: JsonObject = {
        name: _number(value) for name, value in leaf.properties.items() if name != NODE
    }
    constants: JsonObject = dict(CONSTANTS)
    return {
        **constants,
        "state_num": leaf_state(leaf.state)[1],
        "next_state": "UnChanged",
        "finaud_decision": "NO",
        "next_finaud_decision": "NO",
        "suspended_jobs": "NO",
        "scheduler_priority": 0,
        "cpuset": 0,
        "expiry_date": 0,
        "last_job_date": 0,
        "last_available_upto": 0,
        **own,
        **short_leaf(leaf, request),
    }


def _number(value: str | int) -> JsonValue:
    """A number as one, also if it is kept as a text, as the counters of a pool are."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and str(int(value)) == value:
        return int(value)
    return value
