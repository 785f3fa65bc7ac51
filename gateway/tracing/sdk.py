"""Spans by way of OpenTelemetry's own library. Imported only if tracing is on.

The ids of spans are given and not drawn, so that a span that is made again, by a runner that took
over, is the same one. Everything that waits for a collector does so in a thread of the library.
"""

from __future__ import annotations

import threading
from pathlib import Path

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)
from opentelemetry.trace.span import TraceState

from gateway.config import Tracing
from gateway.journal import line_safe
from gateway.tracing.file_exporter import FileExporter
from gateway.tracing.tracer import Span
from gateway.version import __version__
from protocol.trace_context import TraceContext

__all__ = ["SdkTracer"]

_FILE = "traces.jsonl"
_QUEUE = 2048
_BATCH = 512
_EVERY_MS = 1000
_EXPORT_SECONDS = 5.0
_CLOSE_SECONDS = 3.0
_LONGEST = 1024


class SdkTracer:
    """Sends spans in batches, about once a second; at most 2,048 wait, more are dropped."""

    def __init__(self, settings: Tracing, process: str, data: Path) -> None:
        resource = Resource.create(
            {
                "service.name": "narthex",
                "service.version": __version__,
                "narthex.process": process,
            }
        )
        self._ids = _GivenIds()
        self._provider = TracerProvider(
            resource=resource, id_generator=self._ids, shutdown_on_exit=False
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(
                _exporter(settings, data),
                max_queue_size=_QUEUE,
                schedule_delay_millis=_EVERY_MS,
                max_export_batch_size=_BATCH,
            )
        )
        self._tracer = self._provider.get_tracer("narthex", __version__)
        self._guard = threading.Lock()

    def emit(self, span: Span) -> None:
        """Hands a span over; never waits and never raises. One of an unsampled trace is dropped."""
        if not span.parent.sampled:
            return
        with self._guard:
            self._ids.take(span)
            made = self._tracer.start_span(
                span.name,
                _place(span.parent),
                SpanKind.SERVER if span.serves else SpanKind.INTERNAL,
                {name: _plain(value) for name, value in span.attributes.items()},
                start_time=span.start_ns,
            )
        if span.fault:
            made.set_status(Status(StatusCode.ERROR, line_safe(span.fault, _LONGEST)))
        made.end(max(span.end_ns, span.start_ns))

    def close(self) -> None:
        """Sends what is left, for a bounded time. Blocks."""
        # A thread that nobody waits for at the end: a collector may never answer.
        last = threading.Thread(target=self._provider.shutdown, name="last spans", daemon=True)
        last.start()
        last.join(_CLOSE_SECONDS)


class _GivenIds(IdGenerator):
    """Gives out the ids of the span that is being made."""

    def __init__(self) -> None:
        self._trace_id = self._span_id = 0

    def take(self, span: Span) -> None:
        """The next ids are those of this span."""
        self._trace_id, self._span_id = int(span.parent.trace_id, 16), int(span.span_id, 16)

    def generate_span_id(self) -> int:
        """The id of the span."""
        return self._span_id

    def generate_trace_id(self) -> int:
        """The id of its trace; asked for at the top of one."""
        return self._trace_id


def _exporter(settings: Tracing, data: Path) -> SpanExporter:
    if settings.exporter == "file":
        path = Path(settings.file) if settings.file else data / _FILE
        return FileExporter(path, settings.file_bytes)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - as above
        OTLPSpanExporter,
    )

    # Headers and certificates come from the variables that OpenTelemetry names for them.
    return OTLPSpanExporter(endpoint=settings.endpoint, timeout=_EXPORT_SECONDS)


def _place(parent: TraceContext) -> Context:
    """The context below a span; an empty one at the top of a trace."""
    if not parent.span_id:
        return Context()
    context = SpanContext(
        int(parent.trace_id, 16),
        int(parent.span_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(parent.flags),
        trace_state=TraceState.from_header([parent.state]) if parent.state else None,
    )
    return set_span_in_context(NonRecordingSpan(context), Context())


def _plain(value: str | float) -> str | float:
    return line_safe(value, _LONGEST) if isinstance(value, str) else value
