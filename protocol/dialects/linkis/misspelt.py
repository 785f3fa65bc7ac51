"""Keys of a submit that are written almost like one that counts: told in the reply, or refused.

Unknown keys mean nothing, as in Linkis, and clients send some; but one that is a letter away from a
known one is a slip that changes what runs. With ``strict`` beside the code every unknown key is
refused. The free maps (variables, the maps of the configuration) are never looked through.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from protocol.dialects.linkis.extras import EXTRAS
from protocol.dialects.linkis.fields import Fields, invalid
from protocol.media import JsonObject

__all__ = ["warnings_of"]

_LIKE = 0.75
_MOST_KEYS = 50
_LONGEST = 60
_BODY = frozenset(
    (
        *("executionCode", "executionContent", "executeApplicationName", "requestApplicationName"),
        *("runType", "params", "source", "scriptPath", "labels", "executeUser", "formatCode"),
        *("websocketTag", "requestId", "push", "variables", "charset", "strict"),
        *EXTRAS,
    )
)
_OF_CLIENTS = frozenset(
    (
        *("method", "data", "postType", "fromLine", "umUser", "user", "userName", "creator"),
        *("type", "name", "engineInstance", "nodeId", "contextID", "isReuse"),
    )
)
"""Sent by genuine clients, and without meaning here."""

_NESTED: Mapping[str, frozenset[str]] = {
    "executionContent": frozenset({"code", "runType"}),
    "params": frozenset({"variable", "configuration", "jobRunningTimeout", "jobQueuingTimeout"}),
    "params.configuration": frozenset({"startup", "runtime", "special"}),
}
_FREE: Mapping[str, frozenset[str]] = {
    "source": frozenset({"scriptPath", "charset"}),
    "labels": frozenset(
        (
            *("engineType", "userCreator", "codeType", "codeLanguageType", "jobRunningTimeout"),
            *("jobQueuingTimeout", "jobRetryCount", "route", "tenant", "executeOnce"),
            *("bindEngine", "reuseExclusion", "fixedEngineConn"),
        )
    ),
}
"""Maps in which any other key may stand as well."""


def warnings_of(fields: Fields) -> list[str]:
    """A sentence for each key that is almost a known one.

    Raises:
        GatewayError: INVALID for any unknown key, if ``strict`` is asked for.
    """
    strict = fields.flag("strict", default=False)
    found: list[str] = []
    for path, key, known, free in _unknown(fields):
        near = _near(key, known)
        shown = fields.path(f"{path}.{key}" if path else key)[:_LONGEST]
        if strict and not free:
            raise invalid(shown, f"is unknown{f': is {near} meant?' if near else ''}")
        if near:
            found.append(f"{shown} is unknown and counts for nothing: is {near} meant?")
    return found


def _unknown(fields: Fields) -> Iterator[tuple[str, str, frozenset[str], bool]]:
    """Each unknown key with where it stands, what is known there, and whether others may stand."""
    maps: list[tuple[str, JsonObject, frozenset[str], bool]]
    maps = [("", fields.values, _BODY, False)]
    for table, free in ((_NESTED, False), (_FREE, True)):
        for path, known in table.items():
            value: object = fields.values
            for name in path.split("."):
                value = value.get(name) if isinstance(value, dict) else None
            if isinstance(value, dict):
                maps.append((path, value, known, free))
    for path, values, known, free in maps:
        for key in list(values)[:_MOST_KEYS]:
            if key not in known and not (path == "" and key in _OF_CLIENTS):
                yield path, key, known, free


def _near(key: str, known: frozenset[str]) -> str:
    """The known key that is almost this one; empty if there is none."""
    words = {word.lower(): word for word in sorted(known)}
    close = get_close_matches(key[:_LONGEST].lower(), words, 1, _LIKE)
    return words[close[0]] if close else ""
