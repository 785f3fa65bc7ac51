"""Spans in a file of lines of OTLP in JSON, as a collector reads them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from tests.support.waiting import wait_until_sync

__all__ = ["Collected", "Editor", "by_name", "spans_in", "spans_of"]


class Collected(NamedTuple):
    """One span; ``facts`` are its attributes and those of its resource."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    start_ns: int
    end_ns: int
    state: str
    fault: str
    facts: Mapping[str, str]


class Editor:
    """An editor that records spans of its own, with the library that everybody has."""

    def __init__(self) -> None:
        self.tracer = TracerProvider().get_tracer("editor")
        self.carrier: dict[str, str] = {}
        with self.tracer.start_as_current_span("run selection") as span:
            TraceContextTextMapPropagator().inject(self.carrier)
        context = span.get_span_context()
        self.trace_id, self.span_id = f"{context.trace_id:032x}", f"{context.span_id:016x}"


def spans_of(path: Path) -> list[Collected]:
    """All spans of a file, in order; none if it is not there."""
    if not path.exists():
        return []
    lines = path.read_text("utf-8").splitlines()
    return [span for line in lines for span in spans_in(json.loads(line))]


def spans_in(request: dict[str, Any]) -> Iterator[Collected]:
    """The spans of one request of OTLP in JSON."""
    for resource in request["resourceSpans"]:
        of_resource = _facts(resource["resource"]["attributes"])
        for scope in resource["scopeSpans"]:
            yield from (_span(span, of_resource) for span in scope["spans"])


def _span(span: dict[str, Any], of_resource: Mapping[str, str]) -> Collected:
    return Collected(
        span["name"],
        span["traceId"],
        span["spanId"],
        span.get("parentSpanId", ""),
        int(span["startTimeUnixNano"]),
        int(span["endTimeUnixNano"]),
        span.get("traceState", ""),
        span["status"].get("message", "") if span["status"].get("code") else "",
        {**of_resource, **_facts(span["attributes"])},
    )


def _facts(attributes: list[dict[str, Any]]) -> dict[str, str]:
    return {one["key"]: str(next(iter(one["value"].values()))) for one in attributes}


def by_name(data: Path, trace_id: str, *names: str) -> dict[str, Collected]:
    """The spans of a trace by name, as soon as these are there; no two have one id."""

    def found() -> dict[str, Collected]:
        of_trace = [one for one in spans_of(data / "traces.jsonl") if one.trace_id == trace_id]
        assert len({one.span_id for one in of_trace}) == len(of_trace), [
            (one.name, one.end_ns) for one in of_trace
        ]
        return {one.name: one for one in of_trace}

    wait_until_sync(lambda: set(names) <= set(found()), f"the spans {names}")
    return found()
