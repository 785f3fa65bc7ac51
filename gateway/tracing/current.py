"""The trace that the request at hand belongs to, if tracing is on.

Nothing is here while it is off: nobody enters ``following`` then.
"""

from __future__ import annotations

import contextvars
import os
from collections.abc import Mapping
from types import TracebackType

from gateway.journal import bound
from protocol.trace_context import TRACEPARENT, TRACESTATE, TraceContext, read_trace

__all__ = ["current", "following", "new_trace"]

_CURRENT: contextvars.ContextVar[TraceContext | None] = contextvars.ContextVar(
    "trace", default=None
)


def current() -> TraceContext | None:
    """The trace of the request at hand; None while tracing is off, or outside of a request."""
    return _CURRENT.get()


def new_trace() -> TraceContext:
    """The top of a trace that nobody has."""
    return TraceContext(os.urandom(16).hex())


class following:  # noqa: N801 - used like a function
    """A context manager within which the trace of some headers is the current one.

    Without a well-formed ``traceparent`` it is a new trace. Every line of the journal says which.
    """

    __slots__ = ("_bound", "_context", "_token")

    def __init__(self, headers: Mapping[str, str]) -> None:
        parent, state = headers.get(TRACEPARENT, ""), headers.get(TRACESTATE, "")
        self._context = (read_trace(parent, state) if parent else None) or new_trace()
        self._bound = bound(trace=self._context.trace_id)

    def __enter__(self) -> None:
        self._token = _CURRENT.set(self._context)
        self._bound.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bound.__exit__(kind, error, trace)
        _CURRENT.reset(self._token)
