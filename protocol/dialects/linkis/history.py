"""The calls below ``jobhistory/``: one task's row, and rows newest first.

Follows the contract, sections 6.1 and 6.2. The types of the fields matter to the Java clients:
times are numbers, ``progress`` is a text. The code of a task is not kept with its row.
"""

from __future__ import annotations

from typing import Any

from protocol.commands import Command, ListTasks, ReadTask
from protocol.dialects.linkis.entrance import progress_data
from protocol.dialects.linkis.envelope import success
from protocol.dialects.linkis.exec_id import APPLICATION, CREATOR, INSTANCE, ExecIds
from protocol.dialects.linkis.fields import invalid, whole
from protocol.dialects.linkis.words import (
    DEFAULT_CREATOR,
    STATUS_WORDS,
    error_code,
    error_text,
    states_of,
)
from protocol.http import Reply, Request
from protocol.media import encode_json
from protocol.tasks import ByNumber, Task, TaskState

__all__ = ["History"]

_PAGE_SIZE = 20
_LARGEST_PAGE = 1000


class History:
    """The routes of the job history.

    Args:
        ids: names and finds tasks.
    """

    def __init__(self, ids: ExecIds) -> None:
        self._ids = ids

    def parse_get(self, request: Request) -> ReadTask:
        """The task whose taskID is in the path."""
        return ReadTask(self._ids.ref(request.params["id"]))

    def render_get(self, task: Task, request: Request) -> Reply:
        """The row of one task."""
        self._ids.check(task, request.params["id"])
        return success(request, "OK", {"task": self._row(task, request.now_ms)})

    def parse_list(self, request: Request) -> Command[Any]:
        """A page of the caller's tasks, or, for an admin, of those of ``proxyUser``."""
        query = request.query
        if number := whole(query, "taskID", 0):
            return ReadTask(ByNumber(number, query.get("proxyUser", "")))
        page = whole(query, "pageNow", 1)
        size = whole(query, "pageSize", _PAGE_SIZE)
        if page < 1:
            raise invalid("pageNow", "must be 1 or more")
        if not 0 < size <= _LARGEST_PAGE:
            raise invalid("pageSize", f"must be between 1 and {_LARGEST_PAGE}")
        return ListTasks(
            owner=query.get("proxyUser", ""),
            states=_states(query.get("status", "")),
            from_ms=max(0, whole(query, "startDate", 0)),
            to_ms=max(0, whole(query, "endDate", 0)),
            limit=size,
            offset=(page - 1) * size,
        )

    def render_list(self, found: Task | tuple[Task, ...], request: Request) -> Reply:
        """A page of rows. ``totalPage`` counts rows as in Linkis: as many as are known of."""
        tasks = (found,) if isinstance(found, Task) else found
        size = whole(request.query, "pageSize", _PAGE_SIZE)
        before = (whole(request.query, "pageNow", 1) - 1) * size
        # The core does not count what it does not return: a full page promises one row more.
        known = before + len(tasks) + (len(tasks) == size)
        rows = [self._row(task, request.now_ms) for task in tasks]
        return success(request, "OK", {"tasks": rows, "totalPage": known})

    def _row(self, task: Task, now_ms: int) -> dict[str, object]:
        words = task.client if task.dialect == "linkis" else {}
        creator = words.get(CREATOR, DEFAULT_CREATOR)
        engine = words.get(APPLICATION, task.engine)
        end = task.finished_ms or max(now_ms, task.created_ms)
        succeeded = task.state is TaskState.SUCCEEDED
        return {
            "taskID": task.number,
            "execId": f"{creator}_{task.owner}_{task.number}",
            "strongerExecId": self._ids.of(task),
            "status": STATUS_WORDS[task.state],
            "progress": str(progress_data(task)["progress"]),
            "umUser": task.owner,
            "executeUser": task.owner,
            "requestApplicationName": creator,
            "executeApplicationName": engine,
            "engineType": task.engine,
            "runType": words.get("runType", task.language),
            "instance": words.get(INSTANCE, self._ids.instance),
            "engineInstance": None,
            "executionCode": None,
            "createdTime": task.created_ms,
            "updatedTime": task.finished_ms or task.started_ms or task.created_ms,
            "engineStartTime": task.started_ms or None,
            "costTime": end - task.created_ms,
            "errCode": error_code(task),
            "errDesc": error_text(task),
            "resultLocation": "" if succeeded else None,
            "logPath": None,
            "paramsJson": encode_json(words.get("params", {})).decode(),
            "sourceJson": encode_json(words.get("source", {})).decode(),
            "sourceTailor": words.get("scriptPath", ""),
            "labels": [f"engineType:{engine}", f"userCreator:{task.owner}-{creator}"],
            "canRetry": False,
            "isReuse": None,
            "metrics": None,
            "subJobs": None,
        }


def _states(words: str) -> tuple[TaskState, ...]:
    found: list[TaskState] = []
    for word in filter(None, (part.strip() for part in words.split(","))):
        states = states_of(word)
        if not states:
            raise invalid("status", f"has no word {word[:40]!r}")
        found += states
    return tuple(found)
