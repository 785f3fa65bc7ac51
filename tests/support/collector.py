"""A small receiver of OTLP over HTTP, in both of its encodings, which keeps what it was sent."""

from __future__ import annotations

import contextlib
import gzip
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.traces import Collected, spans_in
from tests.support.waiting import wait_until_sync

__all__ = ["Collector", "collecting"]

_PATH = "/v1/traces"


@dataclass(slots=True)
class Collector:
    """Where it listens, and the requests that came: as JSON, and in the binary encoding."""

    url: str
    documents: list[dict[str, Any]] = field(default_factory=list)
    requests: list[ExportTraceServiceRequest] = field(default_factory=list)

    def spans(self) -> list[Collected]:
        """All spans, however they were sent."""
        found = [one for document in self.documents for one in spans_in(document)]
        return found + [one for request in self.requests for one in _spans_of(request)]

    def spans_of(self, service: str, task: str = "") -> list[Collected]:
        """Those of a service, about the task of that number if one is named."""
        found = [one for one in self.spans() if one.facts["service.name"] == service]
        return [one for one in found if not task or one.facts.get("narthex.task.number") == task]

    def by_name(self, trace_id: str, *names: str) -> dict[str, Collected]:
        """The spans of a trace by name, as soon as these are there."""

        def found() -> dict[str, Collected]:
            return {one.name: one for one in self.spans() if one.trace_id == trace_id}

        # Those of Spark are told after its job, by a process that has much to do.
        wait_until_sync(lambda: set(names) <= set(found()), f"the spans {names}", 120)
        return found()


@contextlib.contextmanager
def collecting() -> Iterator[Collector]:
    """Listens for the length of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """One request of an exporter."""
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers["Content-Encoding"] == "gzip":
                body = gzip.decompress(body)
            if self.path != _PATH:
                self.send_error(404)
                return
            if self.headers["Content-Type"] == "application/json":
                collector.documents.append(json.loads(body))
            else:
                collector.requests.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector = Collector(f"http://127.0.0.1:{server.server_port}{_PATH}")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()


def _spans_of(request: ExportTraceServiceRequest) -> Iterator[Collected]:
    for resource in request.resource_spans:
        of_resource = _facts(resource.resource.attributes)
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Collected(
                    span.name,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    span.start_time_unix_nano,
                    span.end_time_unix_nano,
                    span.trace_state,
                    span.status.message if span.status.code else "",
                    {**of_resource, **_facts(span.attributes)},
                )


def _facts(attributes: Any) -> dict[str, str]:  # noqa: ANN401 - of generated code
    return {one.key: str(getattr(one.value, one.value.WhichOneof("value"))) for one in attributes}
