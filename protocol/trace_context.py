"""Trace context as W3C has it: the two values by which spans of many programs become one trace.

Follows *Trace Context*, a recommendation of W3C. What is malformed is no trace context and never an
error: whoever sent it begins a trace of its own with that.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace

__all__ = ["TRACEPARENT", "TRACESTATE", "TraceContext", "derived_id", "read_trace"]

TRACEPARENT = "traceparent"
TRACESTATE = "tracestate"

_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_OF_ALL_VERSIONS = 512
_FORBIDDEN_VERSION = "ff"
_FIRST_VERSION = "00"
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16
_SAMPLED = 0x01
_KNOWN_FLAGS = 0x03
_MEMBER = re.compile(
    r"(?P<key>[a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})"
    r"=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]",
    re.ASCII,
)
_MOST_MEMBERS = 32
_LONGEST_STATE = 512


@dataclass(frozen=True, slots=True)
class TraceContext:
    """A place in a trace: below the span of this id, or at the top of the trace if that is empty.

    ``trace_id`` has 32 hex digits and ``span_id`` 16. ``state`` is what the systems on the way
    keep in it, handed on as it came.
    """

    trace_id: str
    span_id: str = ""
    flags: int = _SAMPLED
    state: str = ""

    @property
    def sampled(self) -> bool:
        """Whether the trace is recorded."""
        return bool(self.flags & _SAMPLED)

    @property
    def traceparent(self) -> str:
        """The first of the two values; only for a place below a span."""
        return f"{_FIRST_VERSION}-{self.trace_id}-{self.span_id}-{self.flags:02x}"

    def below(self, span_id: str) -> TraceContext:
        """The place below a span of this trace."""
        return replace(self, span_id=span_id)


def read_trace(traceparent: str, tracestate: str = "") -> TraceContext | None:
    """What two values mean, None if the first is malformed; a malformed second one is left out."""
    parent = traceparent.strip(" \t")
    found = _PARENT.fullmatch(parent) if len(parent) <= _OF_ALL_VERSIONS else None
    if found is None:
        return None
    version, trace_id, span_id, flags, rest = found.groups()
    # Later versions may have more at the end; the first one has not.
    if version == _FORBIDDEN_VERSION or (version == _FIRST_VERSION and rest is not None):
        return None
    if trace_id == _NO_TRACE or span_id == _NO_SPAN:
        return None
    return TraceContext(trace_id, span_id, int(flags, 16) & _KNOWN_FLAGS, _state(tracestate))


def derived_id(*words: str) -> str:
    """The id of a span that follows from words: whoever makes it again makes the same."""
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:16]


def _state(tracestate: str) -> str:
    """The state with blanks only where they count, empty if it is malformed or too long."""
    if len(tracestate) > _LONGEST_STATE:
        return ""
    members = [member for part in tracestate.split(",") if (member := part.strip(" \t"))]
    found = [_MEMBER.fullmatch(member) for member in members]
    keys = {one["key"] for one in found if one is not None}
    if len(keys) != len(members) or len(keys) > _MOST_MEMBERS:
        return ""
    return ",".join(members)
