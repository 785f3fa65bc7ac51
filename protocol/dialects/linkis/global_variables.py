"""The variables that a user keeps for all scripts: the calls that list and save them.

Follows the contract, section 7.1, and the bodies of the web clients: a save brings the whole list,
each entry with ``key`` and ``value``. as in Linkis: entries have a ``keyID`` and a ``valueID``;
here they are the places in the list and mean nothing in a save.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from protocol.commands.variables import ListVariables, SaveVariables
from protocol.dialect import Route
from protocol.dialects.linkis.envelope import success
from protocol.dialects.linkis.fields import Fields, invalid
from protocol.dialects.linkis.submission import body_of
from protocol.dialects.linkis.variables import NAME
from protocol.http import Reply, Request

__all__ = ["variable_rows"]

_LIST = "globalVariables"
_MOST = 500


def variable_rows() -> tuple[Route[Any], ...]:
    """The rows."""
    return (
        Route("GET", "/variable/listGlobalVariable", _parse_list, _render_list),
        Route("POST", "/variable/saveGlobalVariable", _parse_save, _render_save),
    )


def _parse_list(_request: Request) -> ListVariables:
    return ListVariables()


def _render_list(variables: Mapping[str, str], request: Request) -> Reply:
    entries = [
        {"keyID": place, "key": name, "valueID": place, "value": value}
        for place, (name, value) in enumerate(variables.items(), 1)
    ]
    return success(request, "OK", {_LIST: entries})


def _parse_save(request: Request) -> SaveVariables:
    fields, _ = body_of(request)
    entries = fields.values.get(_LIST)
    if not isinstance(entries, list) or len(entries) > _MOST:
        raise invalid(fields.path(_LIST), f"must be a list of at most {_MOST} variables")
    variables: dict[str, str] = {}
    for place, entry in enumerate(entries):
        path = f"{fields.path(_LIST)}[{place}]."
        if not isinstance(entry, dict):
            raise invalid(path[:-1], "must be an object")
        found = Fields(entry, path)
        name = found.needed("key")
        if not re.fullmatch(NAME, name, re.ASCII):
            raise invalid(found.path("key"), "must be a name of letters, digits, _ and .")
        if name in variables:
            raise invalid(found.path("key"), f"repeats {name}")
        value = entry.get("value")
        if isinstance(value, bool) or not isinstance(value, str | int | float | None):
            raise invalid(found.path("value"), "must be a string or a number")
        variables[name] = "" if value is None else str(value)
    return SaveVariables(variables)


def _render_save(_result: None, request: Request) -> Reply:
    return success(request, "OK", {})
