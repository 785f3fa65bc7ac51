"""What a job asks of the pool: OAR's resource requests, such as ``/nodes=2/core=1,walltime=0:20``.

OAR document, *POST /jobs*, and the user manual's chapter on resource requests:

    request  := group { '+' group } [ ',' 'walltime' '=' duration ]
    group    := [ '{' filter '}' ] [ '/' ] level { '/' level }
    level    := name '=' ( number | 'ALL' | 'BEST' | 'BESTHALF' )
    duration := hours [ ':' minutes [ ':' seconds ] ]

The core calls ``network_address`` a node and ``resource_id`` the id of a leaf. What OAR keeps about
every resource and is the same for all here (``type``, ``besteffort``, ...) may stand in a filter
that speaks of nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from protocol.dialects.oar.faults import OarError, bad_query
from protocol.expressions import ALWAYS, Expr, ExprError
from protocol.resources import ALL, BEST, BEST_HALF, LEAF_ID, NODE, Pick, Shape

__all__ = [
    "CONSTANTS",
    "FORBIDDEN",
    "NAMES",
    "duration",
    "duration_text",
    "filter_of",
    "read_request",
]

MAX_TEXT = 4096
DEFAULT_WALLTIME = 7200
NAMES: Mapping[str, str] = {
    "nodes": NODE,
    "network_address": NODE,
    "host": NODE,
    "hostname": NODE,
    "resource_id": LEAF_ID,
}
"""What the core calls some properties."""
CONSTANTS: Mapping[str, str | int] = {
    "type": "default",
    "besteffort": "YES",
    "deploy": "NO",
    "desktop_computing": "NO",
    "drain": "NO",
}
"""What is the same of every resource here."""
FORBIDDEN = frozenset(
    [
        "type",
        "state",
        "next_state",
        "finaud_decision",
        "next_finaud_decision",
        "state_num",
        "suspended_jobs",
        "scheduler_priority",
        "cpuset",
        "besteffort",
        "deploy",
        "expiry_date",
        "desktop_computing",
        "last_job_date",
        "available_upto",
        "last_available_upto",
    ]
)
"""Properties that no level may name."""
_COUNTS = {"ALL": ALL, "BEST": BEST, "BESTHALF": BEST_HALF}
_LEVEL = re.compile(r"\s*([A-Za-z0-9_]{1,64})\s*=\s*([0-9]{1,7}|[A-Z]{1,8})\s*", re.ASCII)
_WALLTIME = re.compile(r"\s*walltime\s*=\s*([0-9: ]{1,32})\s*", re.ASCII)
_DURATION = re.compile(r"([0-9]{1,6})(?::([0-9]{1,6})(?::([0-9]{1,6}))?)?", re.ASCII)
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Asked:
    """One alternative: its shape, whether it names a walltime, and how OAR writes it."""

    shape: Shape
    timed: bool
    text: str


def read_request(text: str, default_seconds: int = DEFAULT_WALLTIME) -> Asked:
    """The alternative that a text asks for.

    Raises:
        OarError: 400, with the part that is at fault.
    """
    if len(text) > MAX_TEXT:
        raise bad_query(f"a resource request has at most {MAX_TEXT} characters")
    parts = _split(text, ",")
    seconds = 0
    if len(parts) > 1:
        timed = _WALLTIME.fullmatch(parts[-1])
        if timed is None or len(parts) > 2:  # noqa: PLR2004 - levels and a walltime
            raise _unreadable(parts[-1] if timed is None else text)
        seconds = duration(timed[1].replace(" ", ""))
    elif found := _WALLTIME.fullmatch(text):
        return read_request(f"/resource_id=1,walltime={found[1]}")
    picks = tuple(_group(part) for part in _split(parts[0], "+"))
    shape = Shape(tuple(pick for pick, _ in picks), float(seconds or default_seconds))
    levels = "+".join(shown for _, shown in picks)
    walltime = duration_text(seconds or default_seconds)
    return Asked(shape, bool(seconds), f'-l "{levels},walltime={walltime}" ')


def filter_of(text: str) -> Expr:
    """The condition on resources that a text is, over the core's names.

    Raises:
        OarError: 400, with the place.
    """
    try:
        found = Expr(text)
    except ExprError as error:
        raise bad_query(f"{error.message} in the filter {text[:_SHOWN]!r}") from error
    constants = found.names & CONSTANTS.keys()
    if not constants:
        return found.renamed({name: NAMES[name] for name in found.names & NAMES.keys()})
    if found.names - constants:
        raise bad_query(
            f"{min(constants)} is the same of all resources here: ask for it in a filter of its own"
        )
    if not found.holds(CONSTANTS):
        raise bad_query("There are not enough resources for your request")
    return ALWAYS


def duration(text: str) -> int:
    """The seconds of ``h[:m[:s]]``.

    Raises:
        OarError: 400.
    """
    found = _DURATION.fullmatch(text)
    if found is None:
        raise bad_query(f"{text[:_SHOWN]!r} is no duration: h[:m[:s]]")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds


def duration_text(seconds: float) -> str:
    """So many seconds as ``h:m:s``, without padding."""
    whole = int(abs(seconds))
    sign = "-" if seconds < 0 else ""
    return f"{sign}{whole // 3600}:{whole // 60 % 60}:{whole % 60}"


def _group(text: str) -> tuple[Pick, str]:
    rest = text.strip()
    where, shown = ALWAYS, "{type = 'default'}"
    if rest.startswith("{"):
        end = _closing(rest)
        shown = f"{{({rest[1:end]}) AND type = 'default'}}"
        where = filter_of(rest[1:end])
        rest = rest[end + 1 :].strip()
    pieces = rest.removeprefix("/").split("/") if rest else ["resource_id=1"]
    levels: list[tuple[str, int]] = []
    names: list[str] = []
    for piece in pieces:
        found = _LEVEL.fullmatch(piece)
        count = _COUNTS.get(found[2], 0) if found else 0
        if found and found[2].isdigit():
            count = int(found[2])
        if found is None or not count:
            raise _unreadable(piece or text)
        name = found[1]
        if name in FORBIDDEN:
            raise bad_query(f"'{name}' resource is not allowed")
        levels.append((NAMES.get(name, name), count))
        names.append(f"/{'network_address' if name == 'nodes' else name}={found[2]}")
    if len({name for name, _ in levels}) != len(levels):
        raise bad_query(f"a level is named twice in {text[:_SHOWN]!r}")
    return Pick(where, tuple(levels)), shown + "".join(names)


def _split(text: str, sign: str) -> list[str]:
    """The parts between signs, except for those inside braces or texts."""
    parts, depth, quoted = [""], 0, False
    for one in text:
        if one == "'" and depth:
            quoted = not quoted
        elif not quoted:
            depth += (one == "{") - (one == "}")
        if one == sign and not depth and not quoted:
            parts.append("")
        else:
            parts[-1] += one
    if depth or quoted:
        raise _unreadable(text)
    return parts


def _closing(text: str) -> int:
    """Where the brace that a text begins with is closed."""
    quoted = False
    for at, one in enumerate(text):
        if one == "'":
            quoted = not quoted
        elif one == "}" and not quoted:
            return at
    raise _unreadable(text)


def _unreadable(part: str) -> OarError:
    return bad_query(f"{part.strip()[:_SHOWN]!r} is no resource request")
