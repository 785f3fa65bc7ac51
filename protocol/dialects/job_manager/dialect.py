"""The job manager dialect: its table of routes and what its refusals look like.

Follows "Job manager" (its reference and its sample calls, whose addresses differ: both are served,
and ``DELETE`` on the cancel address deletes, as printed). It never speaks of HTTP status by itself
in the core: a refusal's kind decides, together with the operation, as the document lists them.

Readings that were chosen where the document is silent or in two minds:

- A body is JSON whatever its Content-Type says, since the sample calls use plain ``curl --data``;
  one comma too many is forgiven. What is no JSON may be a form.
- Somebody else's job or file is answered exactly like one that does not exist: 404 for
  ``job_info`` and files, 400 for cancel and delete, whose 403 is left for what only an
  administrator may do. A difference would tell strangers which ids are in use.
- ``cancel`` of a job that had ended before the request arrived is 400; one that ended in the same
  moment was ended by it, or might have been, and is 200. A second cancel on the way is 200.
- ``delete`` of an ended job is 200, since that is what one deletes; only an unknown, deleted or
  expired one is 400.
- A job is expired the moment its time is over, whether or not it was cleared away by then.
- Lists hold the jobs that were started through this dialect; any task of the caller can be looked
  at, cancelled and deleted by its UUID.
- An unknown file named by ``run`` is 400 and not 404. A file's 410 is 404.
- The output of a job goes with the job: it cannot be deleted alone (409) nor be an input.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from protocol.dialect import Route
from protocol.dialects.job_manager import data, jobs
from protocol.dialects.job_manager.bodies import refused
from protocol.errors import GatewayError, Kind, Subject
from protocol.http import Reply, Request
from protocol.routing import NotAllowed, Router

__all__ = ["JobManagerDialect"]

_LIGHT = 8192
_PREFIXES = ("/api/job", "/api", "")

_STATUS: Mapping[Kind, int] = {
    Kind.INVALID: 400,
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.GONE: 410,
    Kind.UNSUPPORTED: 400,
    Kind.TOO_LARGE: 413,
    Kind.EXHAUSTED: 429,
    Kind.UNAVAILABLE: 503,
    Kind.INTERNAL: 500,
}
_BAD: Mapping[Kind, int] = {Kind.NOT_FOUND: 400, Kind.GONE: 400, Kind.TOO_LARGE: 400}
_BAD_OR_ENDED: Mapping[Kind, int] = {**_BAD, Kind.CONFLICT: 400}
_MISSING: Mapping[Kind, int] = {Kind.GONE: 404}
_BY_OPERATION: Mapping[tuple[str, str], Mapping[Kind, int]] = {
    ("POST", "run"): _BAD,
    ("POST", "cancel"): _BAD_OR_ENDED,
    ("DELETE", "cancel"): _BAD_OR_ENDED,
    ("DELETE", "delete"): _BAD_OR_ENDED,
    ("GET", "data"): _MISSING,
    ("HEAD", "data"): _MISSING,
    ("DELETE", "data"): _MISSING,
}
"""Where an operation answers otherwise than by _STATUS."""


class JobManagerDialect:
    """Jobs as shell commands over plain HTTP; no websocket of its own.

    Args:
        settings: ``mount`` is the path prefix that stands before all its routes; empty if missing.
    """

    name = jobs.NAME
    cookie = ""

    def __init__(self, settings: Mapping[str, object]) -> None:
        mount = settings.get("mount", "")
        unknown = sorted(settings.keys() - {"mount"})
        if unknown or not isinstance(mount, str):
            raise ValueError(f"{self.name} has no such setting: {(unknown or ['mount'])[0]}")
        self.routes: Sequence[Route[Any]] = tuple(
            route for prefix in _PREFIXES for route in _routes(prefix, f"{mount}{prefix}/data")
        )
        self._mount = mount
        self._router = Router(self.routes)

    def credential(self, headers: Mapping[str, str]) -> None:  # noqa: ARG002 - the seam's signature
        """This dialect has no headers of its own."""
        return

    def heavy(self, data: str | bytes) -> bool:
        """Long ones."""
        return len(data) > _LIGHT

    def refuse(self, error: GatewayError, request: Request) -> Reply:
        """``{"error": text}`` with the status that the operation lists for the kind.

        ``request.path`` may begin with the mount, as it does when no route was found.
        """
        path = request.path.removeprefix(self._mount)
        match = self._router.match(request.method, path)
        headers: dict[str, str] = {}
        if error.kind is Kind.UNAUTHENTICATED:
            headers["WWW-Authenticate"] = "Bearer"
        if error.retry_after > 0:
            headers["Retry-After"] = str(math.ceil(error.retry_after))
        special = _BY_OPERATION.get((request.method, _operation(path)), {})
        status = special.get(error.kind, _STATUS[error.kind])
        if error.subject is Subject.NODE:
            status = 504
        if isinstance(match, NotAllowed) and error.kind is Kind.UNSUPPORTED:
            status = 405
            headers["Allow"] = ", ".join(match.allowed)
        return refused(status, error.kind, error.message, headers, error.field)


def _routes(prefix: str, data_address: str) -> list[Route[Any]]:
    """All operations below one prefix; ``data_address`` is where clients find the files."""
    render_store = partial(data.render_store, address=data_address)
    one = f"{prefix}/data/{{id}}"
    return [
        Route("POST", f"{prefix}/run", jobs.parse_run, jobs.render_run),
        Route("GET", f"{prefix}/job_info/{{job_id}}", jobs.parse_info, jobs.render_info),
        Route("GET", f"{prefix}/job_info", jobs.parse_info, jobs.render_info),
        Route("GET", f"{prefix}/list_jobs", jobs.parse_list, jobs.render_list),
        Route("POST", f"{prefix}/cancel", jobs.parse_cancel, jobs.render_cancel),
        Route("DELETE", f"{prefix}/cancel", jobs.parse_delete, jobs.render_delete),
        Route("DELETE", f"{prefix}/delete", jobs.parse_delete, jobs.render_delete),
        Route("POST", f"{prefix}/data", data.parse_store, render_store, streams=True),
        Route("GET", one, data.parse_open, data.render_open),
        Route("HEAD", one, data.parse_open, data.render_open),
        Route("GET", f"{one}/info", data.parse_describe, data.render_describe),
        Route("DELETE", one, data.parse_remove, data.render_remove),
    ]


def _operation(path: str) -> str:
    """The word that names the operation, behind any of the prefixes."""
    for prefix in _PREFIXES:
        if path.startswith(f"{prefix}/"):
            return path.removeprefix(f"{prefix}/").partition("/")[0]
    return ""
