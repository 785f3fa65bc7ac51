"""Asks for the end of a task, and what came of it."""

from __future__ import annotations

from gateway.client import reading
from gateway.client.call import SECONDS, Call, Reply, task_path
from gateway.client.reading import Document
from gateway.client.values import KillReport

__all__ = ["kill", "kill_report"]


def kill(task: str, grace: float | None = None) -> Call[str]:
    """Asks for a task to end; answers its execID.

    ``grace`` is how many seconds lie between the polite signal and the certain one; None for as
    many as the gateway gives.
    """

    def read(data: Document, _reply: Reply) -> str:
        return reading.text(data, "execID", task)

    query = {} if grace is None else {"grace": f"{grace:g}"}
    return Call("POST", task_path(task, "kill"), read, query)


def kill_report(task: str, grace: float | None = None, wait: float = 0.0) -> Call[KillReport]:
    """As ``kill``, answered by a report, after the end if that comes within ``wait`` seconds."""

    def read(data: Document, _reply: Reply) -> KillReport:
        report = reading.section(data, "report")
        left = report.get("left")
        return KillReport(
            reading.text(data, "execID", task),
            reading.text(data, "status"),
            reading.text(report, "state"),
            reading.flag(report, "verified"),
            reading.text(report, "proof", ""),
            tuple(reading.text(row, "name") for row in reading.rows(report, "signals")),
            reading.number(report, "diedCount", 0),
            tuple(pid for pid in left if isinstance(pid, int)) if isinstance(left, list) else (),
            data,
        )

    query = {"report": "true", "wait": f"{wait:g}"}
    if grace is not None:
        query["grace"] = f"{grace:g}"
    return Call("POST", task_path(task, "kill"), read, query, seconds=SECONDS + wait)
