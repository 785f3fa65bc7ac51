"""The configuration as OAR's clients read it: a fixed list of names, none of which is a secret.

OAR document, *GET /config* and those that follow it. It is virtual: what a name stands for is how
this API behaves, and nothing of it can be changed here. No file of the gateway is ever told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from protocol.command import Command, Given
from protocol.dialect import Route
from protocol.dialects.oar.asking import as_admin
from protocol.dialects.oar.faults import OarError, missing, not_found
from protocol.dialects.oar.formats import Answer, address, hash_of, now_of
from protocol.dialects.oar.rows import row
from protocol.dialects.oar.structures import Structure, structure_of
from protocol.errors import Kind
from protocol.http import Request
from protocol.media import JsonObject

__all__ = ["VARIABLES", "config_routes"]

VARIABLES: Mapping[str, str] = {
    "API_DEFAULT_DATA_STRUCTURE": "simple",
    "API_DEFAULT_MAX_ITEMS_NUMBER": "500",
    "API_JOBS_URI_DEFAULT_PARAMS": "state=Finishing,Running,Resuming,Suspended,Launching,toLaunch,"
    "Waiting,toAckReservation,Hold",
    "DB_TYPE": "none",
    "LOG_LEVEL": "2",
    "OARSUB_DEFAULT_RESOURCES": "/resource_id=1",
    "OARSUB_NODES_RESOURCES": "network_address",
    "SCHEDULER_JOB_SECURITY_TIME": "0",
    "SCHEDULER_PRIORITY_HIERARCHY_ORDER": "network_address/resource_id",
    "SCHEDULER_RESOURCE_ORDER": "resource_id ASC",
    "USERS_ALLOWED_HOLD_RESUME": "no",
    "WALLTIME_CHANGE_ENABLED": "YES",
}
"""What the names stand for."""

_PATH = "oar.conf"


def config_routes(base: str) -> Iterator[Route[Any]]:
    """The rows below a mount."""
    config = f"{base}/config"
    yield row("GET", config, parse_asked, render_all, "GET")
    yield row("GET", f"{config}/file", parse_asked, render_file, "GET")
    yield row("GET", f"{config}/{{name}}", parse_one, render_one, "GET, POST")
    yield row("POST", f"{config}/{{name}}", parse_change, render_one, "GET, POST")


def parse_asked(request: Request) -> Command[str]:
    """Asks for all of it."""
    structure_of(request)
    return as_admin(lambda: Given(""))


def parse_one(request: Request) -> Command[str]:
    """Asks for one variable."""
    structure_of(request)
    return as_admin(lambda: Given(_known(request.params["name"])))


def parse_change(request: Request) -> Command[str]:
    """Asks for another value, which none of them can have."""
    name, data = request.params["name"], hash_of(request, "config")

    def refused() -> Command[str]:
        if data.get("value") is None:
            raise missing("A configuration variable needs a value")
        raise OarError(
            Kind.FORBIDDEN,
            "Forbidden",
            f"{name[:60]} cannot be changed here: it is set in the gateway's own configuration",
        )

    return as_admin(refused)


def render_all(_asked: str, request: Request) -> Answer:
    """A bare array of all variables, or a hash by name."""
    if structure_of(request) is Structure.OAR:
        return Answer({name: _item(name, request) for name in VARIABLES})
    return Answer([_item(name, request) for name in VARIABLES])


def render_one(name: str, request: Request) -> Answer:
    """An array of one, or a hash by name."""
    item = _item(name, request)
    return Answer({name: item} if structure_of(request) is Structure.OAR else [item])


def render_file(_asked: str, request: Request) -> Answer:
    """All variables as lines of a file that there is not."""
    text = "".join(f'{name}="{value}"\n' for name, value in VARIABLES.items())
    return Answer({"path": _PATH, "file": text, "api_timestamp": now_of(request)})


def _item(name: str, request: Request) -> JsonObject:
    href = address(request, f"/config/{name}")
    return {"id": name, "value": VARIABLES[name], "links": {"rel": "self", "href": href}}


def _known(name: str) -> str:
    if name not in VARIABLES:
        raise not_found("Not found", f"There is no configuration variable {name[:60]}")
    return name
