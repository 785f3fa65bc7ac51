"""What the server says of itself: its root, version, time zone, and who asks.

OAR document, *GET /version*, *GET /whoami*, *GET /timezone*.
"""

from __future__ import annotations

from datetime import UTC, datetime

from protocol.command import Command, Given
from protocol.commands.resources import ListResources, PoolReport
from protocol.dialects.oar.collection import link
from protocol.dialects.oar.formats import Answer, address, chosen, now_of
from protocol.dialects.oar.words import API_VERSION, VERSION
from protocol.http import Request
from protocol.media import JsonObject
from protocol.resources import LeafState

__all__ = [
    "parse_stress",
    "parse_word",
    "render_root",
    "render_stress",
    "render_timezone",
    "render_version",
    "render_whoami",
]

_COLLECTIONS = {
    "resources": "/resources",
    "full_resources": "/resources/full",
    "jobs": "/jobs",
    "detailed_jobs": "/jobs/details",
    "jobs_table": "/jobs/table",
    "config": "/config",
    "admission_rules": "/admission_rules",
}


def parse_word(request: Request) -> Command[None]:
    """Asks for nothing."""
    chosen(request)
    return Given(None)


def parse_stress(_request: Request) -> Command[PoolReport]:
    """Asks how much of the pool is in use."""
    return ListResources()


def render_root(_nothing: None, request: Request) -> Answer:
    """Where everything is."""
    links = [link("self", address(request, "/"))]
    links += [
        link("collection", address(request, path), title) for title, path in _COLLECTIONS.items()
    ]
    return Answer({**_versions(request), "links": list(links)})


def render_version(_nothing: None, request: Request) -> Answer:
    """The versions of OAR and its API that this one answers like."""
    return Answer(_versions(request))


def render_whoami(_nothing: None, request: Request) -> Answer:
    """Who asks; empty for a stranger."""
    return Answer({"authenticated_user": request.user, "api_timestamp": now_of(request)})


def render_timezone(_nothing: None, request: Request) -> Answer:
    """The time zone of the server."""
    return Answer({"timezone": _zone(request), "api_timestamp": now_of(request)})


def render_stress(report: PoolReport, request: Request) -> Answer:
    """How much of what is given out is in use, from 0 to 1."""
    alive = [one for one in report.leaves if one.leaf.state is LeafState.ALIVE]
    used = sum(1 for one in alive if one.task)
    return Answer(
        {
            "GLOBAL_STRESS": f"{used / max(len(alive), 1):.2f}",
            "links": [link("self", address(request, "/stress_factor"))],
            "api_timestamp": now_of(request),
        }
    )


def _versions(request: Request) -> JsonObject:
    return {
        "oar_version": VERSION,
        "api_version": API_VERSION,
        "apilib_version": API_VERSION,
        "oar": VERSION,
        "api": API_VERSION,
        "apilib": API_VERSION,
        "api_timestamp": now_of(request),
        "api_timezone": _zone(request),
    }


def _zone(request: Request) -> str:
    return datetime.fromtimestamp(now_of(request), UTC).astimezone().tzname() or "UTC"
