"""OpenPAI's REST API, generations 1 and 2: the object that the gateway mounts.

Follows *OpenPAI rest-server API* (v1 and v2) and, for what it is silent about, later versions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from protocol.dialect import Located, Route
from protocol.dialects.openpai.info_routes import InfoRoutes
from protocol.dialects.openpai.node_rules import SETTINGS, node_rules
from protocol.dialects.openpai.refusal import refuse
from protocol.dialects.openpai.routes import routes
from protocol.dialects.openpai.submit_routes import SubmitRoutes
from protocol.errors import GatewayError
from protocol.http import Reply, Request

__all__ = ["OpenPaiDialect"]


class OpenPaiDialect:
    """Jobs of task roles, virtual clusters, users and their groups.

    Args:
        settings: ``mount`` is the path prefix before ``/api`` and ``/rest-server/api``; ``version``
            is what is told to clients; the others say what becomes of jobs that ask for what this
            node has not (``node_rules.py``).
    """

    name = "openpai"
    cookie = ""

    def __init__(self, settings: Mapping[str, object]) -> None:
        unknown = sorted(settings.keys() - {"mount", "version", *SETTINGS})
        if unknown:
            raise ValueError(f"{self.name} has no such setting: {unknown[0]}")
        version = settings.get("version", "v0.15.0")
        if not isinstance(version, str):
            raise ValueError(f"{self.name}.version must be a text")  # noqa: TRY004 - a setting
        submit = SubmitRoutes(node_rules(self.name, settings))
        self.routes: Sequence[Route[Any]] = tuple(routes(submit, InfoRoutes(version)))

    def credential(self, headers: Mapping[str, str]) -> None:
        """This dialect has no headers of its own."""

    def locate(self, path: str) -> Located:
        """A slash at the end means nothing, as in the original."""
        return Located(path.rstrip("/") or "/")

    def refuse(self, error: GatewayError, request: Request) -> Reply:
        """``{"code", "message"}``."""
        return refuse(error, request)
