"""The call that ends a task, and the account of what came of it.

Follows the contract, section 3.7. An extension of ours: ``grace`` (seconds between the polite
signal and the certain one, 0 for none; without it the dialect's own, for the old Scriptis takes a
kill for failed after five seconds), ``report=true`` for the account in the reply, ``wait`` for how
long to wait for the end before replying, and ``killreport``, which only reads. With a report a kill
that came too late is no refusal: the report says how the task ended.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping

from protocol.commands.kills import KillAndReport, ReadKill
from protocol.commands.tasks import Kill
from protocol.dialects.linkis.entrance import ending
from protocol.dialects.linkis.envelope import success
from protocol.dialects.linkis.exec_id import ExecIds
from protocol.dialects.linkis.fields import invalid, number
from protocol.dialects.linkis.operation import already_finished
from protocol.dialects.linkis.words import STATUS_WORDS
from protocol.http import Reply, Request
from protocol.kills import Death, KillReport, Signalled
from protocol.tasks import ByNumber, Task

__all__ = ["Killing"]

_LONGEST_GRACE = 3600.0
_LONGEST_WAIT = 60.0
_NAMES = {one.value: one.name for one in signal.Signals}


class Killing:
    """The routes.

    Args:
        ids: names and finds tasks.
        grace: seconds for who says nothing, negative for what the gateway gives.
    """

    def __init__(self, ids: ExecIds, grace: float = -1.0) -> None:
        self._ids = ids
        self._grace = grace

    def parse_kill(self, request: Request) -> Kill | KillAndReport:
        """The task that the path names, to be ended."""
        query, ref = request.query, self._ref(request)
        grace = _grace(query, self._grace)
        match query.get("report", "false"):
            case "true":
                return KillAndReport(ref, grace, _wait(query))
            case "false" | "":
                return Kill(ref, grace)
            case _:
                raise invalid("report", "must be true or false")

    def render_kill(self, result: Task | KillReport, request: Request) -> Reply:
        """The request is known; or all that is known of its fulfilment.

        A task that ended otherwise is refused: the web clients would wait for Cancelled for ever.
        """
        if isinstance(result, KillReport):
            return self.render_report(result, request)
        self._check(result, request)
        if late := already_finished(result):
            raise late
        return success(request, "OK", self._names(result))

    def parse_report(self, request: Request) -> ReadKill:
        """The task that the path names."""
        return ReadKill(self._ref(request), _wait(request.query))

    def render_report(self, report: KillReport, request: Request) -> Reply:
        """What is known of the kill."""
        task = report.task
        self._check(task, request)
        data = self._names(task) | {"status": STATUS_WORDS[task.state], **ending(task)}
        return success(request, "OK", {**data, "report": _report(report)})

    def _ref(self, request: Request) -> ByNumber:
        return self._ids.ref(request.params["id"], request.query.get("taskID", ""))

    def _check(self, task: Task, request: Request) -> None:
        self._ids.check(task, request.params["id"], request.query.get("taskID", ""))

    def _names(self, task: Task) -> dict[str, object]:
        return {"execID": self._ids.of(task), "taskID": task.number}


def _grace(query: Mapping[str, str], default: float) -> float:
    grace = number(query, "grace", default)
    if grace > _LONGEST_GRACE:
        raise invalid("grace", f"must be at most {_LONGEST_GRACE:g} seconds")
    return grace


def _wait(query: Mapping[str, str]) -> float:
    return min(number(query, "wait", 0.0), _LONGEST_WAIT)


def _report(report: KillReport) -> dict[str, object]:
    return {
        "state": report.state.value,
        "verified": report.verified,
        "proof": report.proof,
        "wishedTime": report.requested_ms,
        "graceSeconds": report.grace_seconds,
        "begunTime": report.begun_ms,
        "endedTime": report.ended_ms,
        "signals": [_signalled(one) for one in report.signals],
        "diedCount": report.died,
        "died": [_death(one) for one in report.deaths],
        "left": list(report.left),
    }


def _signalled(one: Signalled) -> dict[str, object]:
    return {
        "signal": one.signal,
        "name": _NAMES.get(one.signal, str(one.signal)),
        "firstTime": one.first_ms,
        "lastTime": one.last_ms,
        "count": one.sent,
        "pids": list(one.pids),
    }


def _death(one: Death) -> dict[str, object]:
    return {
        "pid": one.pid,
        "time": one.at_ms,
        "exitCode": one.exit_code,
        "signal": one.signal,
    }
