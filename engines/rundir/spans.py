"""What took how long within a run, as its engine noted it: one file of lines in its directory.

Whoever is told a file in the variable NARTHEX_SPANS may append to it, a JSON object a line. A task
may write there too, so what is read is checked and bounded. Standard library only.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from itertools import islice
from types import MappingProxyType
from typing import NamedTuple

from engines.rundir.members import UNREADABLE, parsed, text, whole
from engines.rundir.plain_files import read_plain
from engines.rundir.texts import bounded

__all__ = ["SPANS", "SPANS_VARIABLE", "NotedSpan", "note_spans", "read_spans"]

SPANS = "spans"
SPANS_VARIABLE = "NARTHEX_SPANS"

_MOST_BYTES = 1 << 20
_MOST = 1000
_MOST_FACTS = 16
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


class NotedSpan(NamedTuple):
    """One thing: its name, when it began and ended (ms since the epoch), and how.

    ``fault`` is one sentence if it failed. ``facts`` are texts by name.
    """

    name: str
    start_ms: int
    end_ms: int
    fault: str = ""
    facts: Mapping[str, str] = MappingProxyType({})


def note_spans(path: str, spans: Iterable[NotedSpan]) -> None:
    """Appends to the file. Raises OSError."""
    lines = (json.dumps({**span._asdict(), "facts": dict(span.facts)}) for span in spans)
    data = "".join(f"{line}\n" for line in lines).encode()
    opened = os.open(path, _FLAGS, 0o600)
    try:
        os.write(opened, data)
    finally:
        os.close(opened)


def read_spans(path: str) -> list[NotedSpan]:
    """What was noted, in order; lines that say no such thing are left out, as is what is too much.

    Raises OSError; a file that is not there is empty.
    """
    data = read_plain(path, _MOST_BYTES) or b""
    found = []
    for line in data.split(b"\n", _MOST)[:_MOST]:
        try:
            found.append(_span(line))
        except UNREADABLE:
            continue
    return found


def _span(line: bytes) -> NotedSpan:
    """What a line says; raises one of UNREADABLE."""
    known = parsed(line)
    facts = known.get("facts", {})
    named = facts.items() if isinstance(facts, dict) else ()
    return NotedSpan(
        bounded(text(known["name"])),
        whole(known["start_ms"]),
        whole(known["end_ms"]),
        bounded(text(known.get("fault", ""))),
        {bounded(name): bounded(text(value)) for name, value in islice(named, _MOST_FACTS)},
    )
