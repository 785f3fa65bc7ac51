"""What is counted: requests, commands, sockets and subscriptions, in Prometheus' words.

One registry for one process, made by its composition root. Labels are route templates and command
names, never what a client sent.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.process_collector import ProcessCollector

__all__ = ["Metrics"]

_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0)


class Metrics:
    """The counters of one gateway process."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self.requests = Counter(
            "narthex_requests",
            "HTTP requests answered",
            ("dialect", "route", "status"),
            registry=self._registry,
        )
        self.request_seconds = Histogram(
            "narthex_request_seconds",
            "Time to answer an HTTP request",
            ("dialect", "route"),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.commands = Counter(
            "narthex_commands",
            "Commands carried out or refused",
            ("command", "outcome"),
            registry=self._registry,
        )
        self.sockets = Gauge("narthex_websockets", "Open websockets", registry=self._registry)
        self.subscriptions = Gauge(
            "narthex_subscriptions", "Tasks followed on websockets", registry=self._registry
        )
        self.lines = Counter(
            "narthex_lines_pushed", "Log lines pushed on websockets", registry=self._registry
        )

    def exposition(self) -> bytes:
        """All of it in the text format."""
        return generate_latest(self._registry)
