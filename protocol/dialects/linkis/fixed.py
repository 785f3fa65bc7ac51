"""Rows whose answer is the same for everybody who is logged in: what there is none of, is empty.

The shapes are those that clients read. A row may be asked by any method that a client uses for it;
none of them changes anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from protocol.accounts import Principal
from protocol.commands.login import WhoAmI
from protocol.dialect import Route
from protocol.dialects.linkis.envelope import success
from protocol.http import Reply, Request

__all__ = ["Fixed", "fixed_rows"]

Fixed = Mapping[tuple[str, str], Mapping[str, object]]
"""The data of an answer by method (``GET``, ``POST`` or ``GET POST``) and path."""


def fixed_rows(table: Fixed) -> tuple[Route[Any], ...]:
    """The rows of a table."""
    return tuple(
        Route(verb, path, _parse, _constant(data), harmless=True)
        for (verbs, path), data in table.items()
        for verb in verbs.split()
    )


def _parse(_request: Request) -> WhoAmI:
    return WhoAmI()


def _constant(data: Mapping[str, object]) -> Callable[[Principal, Request], Reply]:
    return lambda _principal, request: success(request, "OK", dict(data))
