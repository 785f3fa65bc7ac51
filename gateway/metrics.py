"""What is counted: requests, commands, sockets and subscriptions, in Prometheus' words.

One registry for one process, made by its composition root. Labels are route templates and command
names, never what a client sent.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.process_collector import ProcessCollector

__all__ = ["Metrics"]

_LAG_LINES = (0.0, 1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6, 1e7)
_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0)


class Metrics:
    """The counters of one gateway process."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._commands: dict[tuple[str, str], tuple[Counter, Histogram]] = {}
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
        self.command_seconds = Histogram(
            "narthex_command_seconds",
            "Time to carry out a command, over HTTP and websockets alike",
            ("command",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.sockets = Gauge("narthex_websockets", "Open websockets", registry=self._registry)
        self.subscriptions = Gauge(
            "narthex_subscriptions", "Tasks followed on websockets", registry=self._registry
        )
        self.lines = Counter(
            "narthex_lines_pushed", "Log lines pushed on websockets", registry=self._registry
        )
        self.reader_lag = Histogram(
            "narthex_reader_lag_lines",
            "Complete lines that a websocket's reader had not been sent yet, at each page",
            buckets=_LAG_LINES,
            registry=self._registry,
        )
        self.line_seconds = Histogram(
            "narthex_line_seconds",
            "From the reading of a running task's newest line to its way to a websocket",
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.tasks = Gauge(
            "narthex_tasks", "Tasks of this node", ("state",), registry=self._registry
        )
        self.oldest_seconds = Gauge(
            "narthex_queue_oldest_seconds",
            "Age of the task that waits the longest for its start, 0 if none waits",
            registry=self._registry,
        )

    def answered(self, dialect: str, route: str, status: int, seconds: float) -> None:
        """Counts a request. Which counters a route has is looked up once."""
        key = dialect, route, status
        found = self._requests.get(key)
        if found is None:
            found = self._requests[key] = (
                self.requests.labels(dialect, route, status),
                self.request_seconds.labels(dialect, route),
            )
        found[0].inc()
        found[1].observe(seconds)

    def carried_out(self, command: str, outcome: str, seconds: float) -> None:
        """Counts a command, of whatever outcome."""
        found = self._commands.get((command, outcome))
        if found is None:
            found = self._commands[command, outcome] = (
                self.commands.labels(command, outcome),
                self.command_seconds.labels(command),
            )
        found[0].inc()
        found[1].observe(seconds)

    def pushed(self, lines: int, lag: int, age_seconds: float | None) -> None:
        """Counts a page of lines on its way: how many are behind it, how old its last one is.

        The age is None where it says nothing, as of a log that is read later.
        """
        self.lines.inc(lines)
        self.reader_lag.observe(lag)
        if age_seconds is not None:
            self.line_seconds.observe(age_seconds)

    def queued(self, waiting: float, running: float, oldest_seconds: float) -> None:
        """Takes how full the queue is at the moment; not a number for what nobody knows."""
        self.tasks.labels("waiting").set(waiting)
        self.tasks.labels("running").set(running)
        self.oldest_seconds.set(oldest_seconds)

    def exposition(self) -> bytes:
        """All of it in the text format."""
        return generate_latest(self._registry)
