"""OpenPAI's first REST API: the object that the gateway mounts.

Follows the rest-server document of OpenPAI's first release. It stands on the same jobs as the
versioned generations (``protocol/dialects/openpai``), whose parts it uses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from protocol.accounts import Reads
from protocol.dialect import Located, Route
from protocol.dialects.openpai.info_routes import parse_hello
from protocol.dialects.openpai.node_rules import SETTINGS, node_rules
from protocol.dialects.openpai.submit_routes import SubmitRoutes
from protocol.dialects.openpai_old import auth_routes, job_routes
from protocol.dialects.openpai_old.refusal import refuse
from protocol.errors import GatewayError
from protocol.http import Reply, Request

__all__ = ["OldOpenPaiDialect"]

_PREFIXES = ("/api", "/rest-server/api")
_GREETING = b"<pre>Welcome to use PAI RESTful API!</pre>"


class OldOpenPaiDialect:
    """Users at ``/api/auth`` and jobs without a namespace at ``/api/job``.

    Args:
        settings: ``mount`` is the path prefix before all routes; the others are as in the dialect
            of the versioned generations.
    """

    name = "openpai_old"
    cookie = ""

    def __init__(self, settings: Mapping[str, object]) -> None:
        unknown = sorted(settings.keys() - {"mount", *SETTINGS})
        if unknown:
            raise ValueError(f"{self.name} has no such setting: {unknown[0]}")
        submit = SubmitRoutes(node_rules(self.name, settings))
        self.routes: Sequence[Route[Any]] = tuple(
            route for prefix in _PREFIXES for route in _routes(prefix, submit)
        )

    def credential(self, headers: Mapping[str, str]) -> None:
        """This dialect has no headers of its own."""

    def locate(self, path: str) -> Located:
        """A slash at the end means nothing, as in the original."""
        return Located(path.rstrip("/") or "/")

    def refuse(self, error: GatewayError, request: Request) -> Reply:
        """``{"error", "message"}``."""
        return refuse(error, request)


def _routes(prefix: str, submit: SubmitRoutes) -> Iterator[Route[Any]]:
    auth, job = f"{prefix}/auth", f"{prefix}/job"
    for method in ("GET", "POST", "PUT", "DELETE"):
        yield Route(method, prefix, parse_hello, _greeting, open=True, harmless=True)
    at, jobs = auth_routes, job_routes
    yield Route("POST", auth, at.parse_login, at.render_login, open=True)
    yield Route("PUT", auth, at.parse_update, at.render_updated)
    yield Route("DELETE", auth, at.parse_remove, at.render_removed)
    one = f"{job}/{{job}}"
    yield Route("GET", job, jobs.parse_list, jobs.render_list, reads=Reads.PUBLIC)
    yield Route("GET", one, jobs.parse_read, jobs.render_detail, reads=Reads.PUBLIC)
    yield Route("PUT", one, jobs.submit_parser(submit), jobs.render_submitted)
    yield Route("DELETE", one, jobs.parse_delete, jobs.render_deleted, reads=Reads.LOGGED_IN)


def _greeting(result: object, request: Request) -> Reply:
    """One line for who looks by hand."""
    del result, request
    return Reply(200, _GREETING, "text/html; charset=utf-8")
