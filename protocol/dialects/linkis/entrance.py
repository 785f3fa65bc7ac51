"""The calls below ``entrance/`` that ask for a task or about it.

Follows the seed, sections 1), 2) and 4), whose messages are kept literally.
"""

from __future__ import annotations

from protocol.command import Command
from protocol.commands.tasks import ReadTask
from protocol.dialects.linkis.code_checks import CodeChecks
from protocol.dialects.linkis.envelope import success
from protocol.dialects.linkis.exec_id import ExecIds
from protocol.dialects.linkis.files_script import parse_submission
from protocol.dialects.linkis.submission import WARNINGS
from protocol.dialects.linkis.words import STATUS_WORDS
from protocol.http import Reply, Request
from protocol.tasks import Stage, Task, TaskState

__all__ = ["Entrance", "ending", "progress_data"]

_UNFINISHED = 0.99
_NO_CHECKS = CodeChecks()
_STARTED = frozenset({TaskState.RUNNING, TaskState.SUSPENDED, TaskState.KILLING})


def progress_data(task: Task) -> dict[str, object]:
    """``progress`` in [0, 1], 1 when and only when the task is final, and ``progressInfo``."""
    fraction = 0.0
    if task.state.final:
        fraction = 1.0
    elif task.state in _STARTED:
        fraction = min(max(task.progress.fraction or 0.0, 0.0), _UNFINISHED)
    stages = [_stage(stage) for stage in task.progress.stages if stage.total]
    return {"progress": fraction, "progressInfo": stages}


def ending(task: Task) -> dict[str, object]:
    """``exitCode`` and ``signal``: null where there is none.

    If the disk did not take all of the output, ``logIncompleteFrom`` is the first line concerned.
    """
    outcome = task.outcome
    shown: dict[str, object] = {
        "exitCode": outcome.exit_code if outcome else None,
        "signal": outcome.signal if outcome else None,
    }
    if outcome and outcome.refused_line:
        shown["logIncompleteFrom"] = outcome.refused_line
    return shown


class Entrance:
    """The routes of the entrance but for the log.

    Args:
        ids: names and finds tasks.
        checks: what code is looked through for.
    """

    def __init__(self, ids: ExecIds, checks: CodeChecks = _NO_CHECKS) -> None:
        self._ids = ids
        self._checks = checks

    def parse_execute(self, request: Request) -> Command[Task]:
        """What a body asks to be run."""
        return parse_submission(request, self._ids.instance, self._checks)

    def render_execute(self, task: Task, request: Request) -> Reply:
        """Both names of the accepted task; the taskID is a number (contract, rule 6)."""
        data: dict[str, object] = {"execID": self._ids.of(task), "taskID": task.number}
        if warnings := task.client.get(WARNINGS):
            data["warnings"] = warnings
        return success(request, "Execution request succeeded", data)

    def parse_read(self, request: Request) -> ReadTask:
        """The task that the path names."""
        return ReadTask(self._ids.ref(request.params["id"], request.query.get("taskID", "")))

    def render_status(self, task: Task, request: Request) -> Reply:
        """The status word, and how a final task ended."""
        names = self._named(task, request)
        word = STATUS_WORDS[task.state]
        # Pollers stop for good at a word that they do not know (contract, rule 15).
        data: dict[str, object] = {"status": "Scheduled" if word == "WaitForRetry" else word}
        if task.state.final:
            data |= ending(task)
        elif task.waiting_reason:
            data["waitingReason"] = task.waiting_reason
        if task.node:
            data["node"] = task.node
        if task.unreachable_since_ms:
            data["unreachableSince"] = task.unreachable_since_ms
        return success(request, "Succeeded to retrieve status", names | data)

    def render_progress(self, task: Task, request: Request) -> Reply:
        """How much is done."""
        data = self._named(task, request) | progress_data(task)
        return success(request, "Return progress information", data)

    def render_progress_with_resource(self, task: Task, request: Request) -> Reply:
        """How much is done, and that no resources of a cluster are counted."""
        metrics: dict[str, object] = {"yarnMetrics": {"yarnResource": None}}
        data = self._named(task, request) | progress_data(task) | metrics
        return success(request, "Return progress information", data)

    def render_subscription(self, task: Task, request: Request) -> Reply:
        """The answer to ``subscribe`` and ``unsubscribe`` on a websocket."""
        names = self._named(task, request)
        return success(request, "OK", names | {"status": STATUS_WORDS[task.state]})

    def _named(self, task: Task, request: Request) -> dict[str, object]:
        """Both names of the task, if it is the one that was asked for."""
        second = request.query.get("taskID", "")
        exec_id = self._ids.check(task, request.params["id"], second)
        return {"execID": exec_id, "taskID": task.number}


def _stage(stage: Stage) -> dict[str, object]:
    return {
        "id": stage.id,
        "succeedTasks": stage.succeeded,
        "failedTasks": stage.failed,
        "runningTasks": stage.running,
        "totalTasks": stage.total,
    }
