"""Hands spans that are over to whoever collects them, in the background and within bounds.

The libraries for it are imported only if the settings ask for spans: without the extra ``otel`` the
gateway has none of them. A collector that is away costs spans and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from gateway.config import ConfigError, Tracing
from protocol.trace_context import TraceContext

__all__ = ["Attribute", "Span", "Tracer", "closed", "tracer_of", "traces"]

Attribute = str | int | float | bool
_MISSING = "tracing.exporter needs the packages of narthex[otel]: {error}"


@dataclass(frozen=True, slots=True)
class Span:
    """Something that is over: ``parent`` is the place in the trace where it hangs.

    ``span_id`` has 16 hex digits. Times are nanoseconds since the epoch. ``fault`` is one sentence
    if it failed, else empty. ``serves`` says that it answered a request.
    """

    name: str
    parent: TraceContext
    span_id: str
    start_ns: int
    end_ns: int
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    fault: str = ""
    serves: bool = False


class Tracer(Protocol):
    """Takes spans."""

    def emit(self, span: Span) -> None:
        """Hands a span over; never waits and never raises. One of an unsampled trace is dropped."""
        ...

    def close(self) -> None:
        """Sends what is left, for a bounded time. Blocks."""
        ...


@asynccontextmanager
async def closed(tracer: Tracer | None) -> AsyncIterator[None]:
    """Closes a tracer at the end of the block, beside the loop."""
    try:
        yield
    finally:
        if tracer is not None:
            await asyncio.to_thread(tracer.close)


def traces(settings: Tracing) -> bool:
    """Whether spans are wanted."""
    return settings.exporter != "off"


def tracer_of(settings: Tracing, process: str, data: Path) -> Tracer | None:
    """What the settings ask for, None if that is nothing.

    ``process`` is named with every span; ``data`` is where the file lies if no other is named.

    Raises:
        ConfigError: the packages for it are not there.
    """
    if not traces(settings):
        return None
    try:
        from gateway.tracing.sdk import SdkTracer  # noqa: PLC0415 - only if it is wanted
    except ImportError as error:
        raise ConfigError(_MISSING.format(error=error)) from error
    return SdkTracer(settings, process, data)
