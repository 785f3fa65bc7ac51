"""Spans as lines of a file, for machines without a collector. Imported only if tracing is on.

Each line is one request of OTLP in JSON, the form that collectors read from files. Several
processes write to one file; each writes whole lines.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind, StatusCode

__all__ = ["FileExporter"]

_KINDS = {SpanKind.INTERNAL: 1, SpanKind.SERVER: 2, SpanKind.CLIENT: 3}
_STATUS = {StatusCode.UNSET: 0, StatusCode.OK: 1, StatusCode.ERROR: 2}
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC


class FileExporter(SpanExporter):
    """Appends to a file; one larger than ``most_bytes`` becomes ``NAME.1`` and another begins."""

    def __init__(self, path: Path, most_bytes: int) -> None:
        self._path = path
        self._most = most_bytes

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Writes a line; a disk that refuses costs these spans."""
        line = json.dumps({"resourceSpans": _by_resource(spans)}).encode() + b"\n"
        try:
            if self._path.exists() and self._path.stat().st_size > self._most:
                self._path.replace(f"{self._path}.1")
            opened = os.open(self._path, _FLAGS, 0o600)
            try:
                written = os.write(opened, line)
            finally:
                os.close(opened)
        except OSError:
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS if written == len(line) else SpanExportResult.FAILURE

    def shutdown(self) -> None:
        """There is nothing to give back."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 - the library's signature
        """Everything is written at once."""
        return True


def _by_resource(spans: Sequence[ReadableSpan]) -> list[dict[str, Any]]:
    """All spans of one tracer have one resource and one scope."""
    first = spans[0]
    scope = first.instrumentation_scope
    named = {"name": scope.name, "version": scope.version} if scope else {}
    return [
        {
            "resource": {"attributes": _attributes(first.resource.attributes)},
            "scopeSpans": [{"scope": named, "spans": [_span(span) for span in spans]}],
        }
    ]


def _span(span: ReadableSpan) -> dict[str, Any]:
    context, parent = span.get_span_context(), span.parent
    assert context is not None  # noqa: S101 - every span that was started has one
    return {
        "traceId": f"{context.trace_id:032x}",
        "spanId": f"{context.span_id:016x}",
        "traceState": context.trace_state.to_header(),
        "parentSpanId": f"{parent.span_id:016x}" if parent else "",
        "flags": int(context.trace_flags),
        "name": span.name,
        "kind": _KINDS.get(span.kind, 1),
        "startTimeUnixNano": str(span.start_time or 0),
        "endTimeUnixNano": str(span.end_time or 0),
        "attributes": _attributes(span.attributes or {}),
        "status": {
            "code": _STATUS[span.status.status_code],
            **({"message": span.status.description} if span.status.description else {}),
        },
    }


def _attributes(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": name, "value": _value(value)} for name, value in attributes.items()]


def _value(value: object) -> dict[str, Any]:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case str():
            return {"stringValue": value}
        case Iterable():
            return {"arrayValue": {"values": [_value(one) for one in value]}}
        case _:
            return {"stringValue": str(value)}
