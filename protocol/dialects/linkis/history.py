"""The calls below ``jobhistory/``: one task's row, and rows newest first.

Follows the contract, sections 6.1 and 6.2. The types of the fields matter to the Java clients:
times are numbers, ``progress`` is a text. The owner's rows have their code (section 9, point 4),
in a list as far as a bound for all of them allows.
``totalPage`` counts rows, as in Linkis.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NoReturn

from protocol.accounts import Principal
from protocol.commands.history import ReadSubmission, Submission, TaskPage, TaskQuery
from protocol.commands.login import WhoAmI
from protocol.commands.tasks import ReadTask
from protocol.dialects.linkis.entrance import progress_data
from protocol.dialects.linkis.envelope import success
from protocol.dialects.linkis.exec_id import APPLICATION, CREATOR, INSTANCE, ExecIds
from protocol.dialects.linkis.extras import TASK_NAME, words_of
from protocol.dialects.linkis.fields import Fields, invalid, whole
from protocol.dialects.linkis.results_paths import log_path, results_path
from protocol.dialects.linkis.submission import engine_of
from protocol.dialects.linkis.words import (
    DEFAULT_CREATOR,
    STATUS_WORDS,
    error_code,
    error_text,
    states_of,
)
from protocol.errors import GatewayError, Kind
from protocol.http import Reply, Request
from protocol.media import encode_json
from protocol.tasks import Task, TaskState

__all__ = ["History"]

_PAGE_SIZE = 20
_LARGEST_PAGE = 1000
_MOST_IDS = 30
_CODE_BYTES = 1 << 20
_UNDONE = "Running,Inited,Scheduled"
_NOT_KNOWN: Mapping[str, None] = dict.fromkeys(
    (
        *("ecmInstance", "engineLogPath", "ticketId", "observeInfo"),
        *("requestStartTime", "requestEndTime", "requestSpendTime"),
        *("isReuse", "metrics", "subJobs"),
    )
)
"""Fields of a row that clients look for and that mean nothing here."""


class History:
    """The routes of the job history.

    Args:
        ids: names and finds tasks.
    """

    def __init__(self, ids: ExecIds) -> None:
        self._ids = ids

    def parse_get(self, request: Request) -> ReadSubmission:
        """The task whose taskID is in the path."""
        return ReadSubmission(self._ids.ref(request.params["id"]))

    def render_get(self, found: Submission, request: Request) -> Reply:
        """The row of one task, with the code for its owner; ``brief`` leaves that out."""
        self._ids.check(found.task, request.params["id"])
        row = self.row(found.task, request.now_ms)
        if request.query.get("brief", "").lower() != "true":
            row["executionCode"] = found.code or None
        return success(request, "OK", {"task": row})

    def parse_list(self, request: Request) -> TaskQuery:
        """A page of the caller's tasks; an admin's ``isAdminView`` shows everybody's."""
        query = request.query
        page = whole(query, "pageNow", 1)
        size = whole(query, "pageSize", _PAGE_SIZE)
        if page < 1:
            raise invalid("pageNow", "must be 1 or more")
        if not 0 < size <= _LARGEST_PAGE:
            raise invalid("pageSize", f"must be between 1 and {_LARGEST_PAGE}")
        number = whole(query, "taskID", 0)
        application = query.get("executeApplicationName", "") or query.get("engineType", "")
        words = (
            (CREATOR, "creator"),
            ("runType", "runType"),
            (INSTANCE, "instance"),
            (TASK_NAME, TASK_NAME),
            # No task has one: who asks for some engine's tasks is shown none.
            ("engineInstance", "engineInstance"),
        )
        return TaskQuery(
            owner=query.get("proxyUser", ""),
            everybody=query.get("isAdminView", "").lower() == "true",
            states=_states(query.get("status", "")),
            from_ms=max(0, whole(query, "startDate", 0)),
            to_ms=max(0, whole(query, "endDate", 0)),
            engine=engine_of(application).lower(),
            words=tuple((word, query[name]) for word, name in words if query.get(name)),
            tags=words_of(Fields(dict(query)), "tags"),
            numbers=(number,) if number else (),
            first_number=max(0, whole(query, "startTaskID", 0)),
            limit=size,
            offset=(page - 1) * size,
            code_bytes=_CODE_BYTES,
        )

    def parse_undone(self, request: Request) -> TaskQuery:
        """A page of tasks that have not ended, unless ``status`` says otherwise."""
        status = request.query.get("status") or _UNDONE
        return self.parse_list(replace(request, query={**request.query, "status": status}))

    def parse_undone_count(self, request: Request) -> TaskQuery:
        """How many tasks have not ended."""
        return replace(self.parse_undone(request), limit=0, offset=0, code_bytes=0)

    def render_list(self, found: TaskPage, request: Request) -> Reply:
        """A page of rows. ``tasks`` is always an array; clients filter it without looking."""
        return success(
            request, "OK", {"tasks": self._rows(found, request), "totalPage": found.total}
        )

    def render_count(self, found: TaskPage, request: Request) -> Reply:
        """The number alone."""
        return success(request, "OK", {"totalPage": found.total})

    def parse_ids(self, request: Request) -> TaskQuery:
        """The tasks of a list of taskIDs, at most thirty."""
        texts = [text.strip() for text in request.query.get("taskID", "").split(",")]
        numbers = tuple(whole({"taskID": text}, "taskID", 0) for text in texts if text)
        if not 0 < len(numbers) <= _MOST_IDS:
            raise invalid("taskID", f"must be 1 to {_MOST_IDS} numbers with commas between them")
        return TaskQuery(numbers=numbers, limit=_MOST_IDS, code_bytes=_CODE_BYTES)

    def render_ids(self, found: TaskPage, request: Request) -> Reply:
        """The rows of those that are there."""
        return success(request, "OK", {"jobHistoryList": self._rows(found, request)})

    def parse_extra(self, request: Request) -> ReadTask:
        """The task whose number is ``jobId``."""
        return ReadTask(self._ids.ref(request.query.get("jobId", "")))

    def render_extra(self, task: Task, request: Request) -> Reply:
        """What is known of a task's times besides its row, in ms; null for what has not been."""
        ended = task.finished_ms or None
        started = task.started_ms or None
        metrics: dict[str, object] = {
            "taskID": task.number,
            "status": STATUS_WORDS[task.state],
            "jobSubmitTime": task.created_ms,
            "jobRunningTime": started,
            "jobCompleteTime": ended,
            "queueCostTime": started - task.created_ms if started else None,
            "runCostTime": ended - started if started and ended else None,
        }
        return success(request, "OK", {"metricsMap": metrics})

    def parse_admin(self, _request: Request) -> WhoAmI:
        """Asks who the caller is."""
        return WhoAmI()

    def render_admin(self, principal: Principal, request: Request) -> Reply:
        """What the console shows to this user. There are no departments."""
        data: dict[str, object] = {
            "admin": principal.admin,
            "historyAdmin": principal.admin,
            "deptAdmin": False,
            "canResultSet": True,
            "errorMsgTip": "",
        }
        return success(request, "OK", data)

    def parse_diagnosis(self, _request: Request) -> NoReturn:
        """There is no diagnosis.

        Raises:
            GatewayError: UNSUPPORTED, always.
        """
        raise GatewayError(Kind.UNSUPPORTED, "tasks are not diagnosed here")

    def _rows(self, found: TaskPage, request: Request) -> list[dict[str, object]]:
        return [
            self.row(task, request.now_ms) | {"executionCode": found.codes.get(task.number)}
            for task in found.tasks
        ]

    def row(self, task: Task, now_ms: int) -> dict[str, object]:
        """The row of a task without its code, as it is at a moment."""
        words = task.client if task.dialect == "linkis" else {}
        creator = words.get(CREATOR, DEFAULT_CREATOR)
        engine = words.get(APPLICATION, task.engine)
        end = task.finished_ms or max(now_ms, task.created_ms)
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
            "resultLocation": results_path(task),
            "logPath": log_path(task),
            "paramsJson": encode_json(words.get("params", {})).decode(),
            "sourceJson": encode_json(words.get("source", {})).decode(),
            "sourceTailor": words.get("scriptPath", ""),
            "fileName": str(words.get("scriptPath", "")).rstrip("/").rpartition("/")[2],
            "labels": _labels(task, str(engine), str(creator)),
            "canRetry": False,
            **_ours(task),
            **_NOT_KNOWN,
        }


def _ours(task: Task) -> dict[str, object]:
    """What a row of ours has besides those of Linkis."""
    outcome = task.outcome
    return {
        "uuid": task.id,
        TASK_NAME: str(task.client.get(TASK_NAME, "") or task.name),
        "tags": list(task.tags),
        "state": task.state.value,
        "waitingReason": task.waiting_reason,
        "finishedTime": task.finished_ms or None,
        "exitCode": outcome.exit_code if outcome else None,
        "signal": outcome.signal if outcome else None,
    }


def _labels(task: Task, engine: str, creator: str) -> list[str]:
    """Each label as ``key:value``: the two that every task has, and what else it came with."""
    labels = {"engineType": engine, "userCreator": f"{task.owner}-{creator}"}
    asked = task.client.get("labels")
    given = asked if isinstance(asked, dict) and task.dialect == "linkis" else {}
    return [f"{name}:{value}" for name, value in {**given, **labels}.items()]


def _states(words: str) -> tuple[TaskState, ...]:
    found: list[TaskState] = []
    for word in filter(None, (part.strip() for part in words.split(","))):
        states = states_of(word) or tuple(one for one in TaskState if one.value == word)
        if not states:
            raise invalid("status", f"has no word {word[:40]!r}")
        found += states
    return tuple(found)
