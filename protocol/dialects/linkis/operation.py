"""The calls of the entrance about many tasks or about the entrance itself.

Follows the contract, sections 3.7 (``killJobs``) and 3.8. unlike Linkis: the tasks of a user are
one group, whatever their creator and engine, so that ``creator`` and ``ecType`` change no number.
A pause is refused, where Linkis says yes and does nothing.
"""

from __future__ import annotations

from typing import NoReturn

from protocol.command import Each
from protocol.commands.history import Load, ReadLoad
from protocol.commands.login import Hello
from protocol.commands.tasks import Kill
from protocol.dialects.linkis.envelope import ROOT, canonical, envelope, failure, success
from protocol.dialects.linkis.exec_id import ExecIds, unknown_id
from protocol.dialects.linkis.fields import Fields, invalid
from protocol.dialects.linkis.submission import body_of
from protocol.dialects.linkis.words import STATUS_WORDS
from protocol.errors import GatewayError, Kind
from protocol.http import Reply, Request
from protocol.tasks import ByNumber, Task, TaskRef, TaskState

__all__ = ["Operation", "already_finished"]

_NOBODY = ByNumber(0)


def already_finished(task: Task) -> GatewayError | None:
    """Why a kill that came too late is refused; None if it did not.

    The web clients would wait for Cancelled for ever (contract, section 10, 18).
    """
    if not task.state.final or task.state is TaskState.KILLED:
        return None
    word = STATUS_WORDS[task.state]
    return GatewayError(
        Kind.CONFLICT, f"task {task.number} is already finished, its status is {word}"
    )


class Operation:
    """The routes.

    Args:
        ids: names and finds tasks.
        grace: seconds between the polite and the certain end of what is killed.
    """

    def __init__(self, ids: ExecIds, grace: float = -1.0) -> None:
        self._ids = ids
        self._grace = grace

    def parse_kill_jobs(self, request: Request) -> Each[Task]:
        """Tasks by two lists of equal length; the id in the path means nothing."""
        return Each(tuple(Kill(self._ref(*pair), self._grace) for pair in _pairs(request)))

    def render_kill_jobs(self, ended: tuple[Task | GatewayError, ...], request: Request) -> Reply:
        """For each task the reply that its own kill would have had."""
        asked = [text or number for text, number in _pairs(request)]
        messages = [self._said(one, said) for one, said in zip(asked, ended, strict=True)]
        return success(request, "success", {"messages": messages})

    def parse_pause(self, _request: Request) -> NoReturn:
        """Tasks are not paused by a GET; they are suspended by a call of their own.

        Raises:
            GatewayError: UNSUPPORTED, always.
        """
        raise GatewayError(
            Kind.UNSUPPORTED, "tasks cannot be paused by this call; suspend is the one that does it"
        )

    def render_nothing(self, _result: object, request: Request) -> Reply:
        """An empty answer."""
        return success(request, "OK", {})

    def parse_task_info(self, request: Request) -> ReadLoad:
        """How busy the gateway is for ``user``, or for the caller."""
        return ReadLoad(request.query.get("user", ""))

    def render_task_info(self, load: Load, request: Request) -> Reply:
        """Numbers of one user's tasks and how many of them may run."""
        data: dict[str, object] = {
            "taskNumber": load.waiting + load.running,
            "runningNumber": load.running,
            "queuedNumber": load.waiting,
            "creatorECTypeMaxRunningJobs": load.most_running,
            "maxQueuedJobs": load.most_waiting,
            "limitExceeded": load.running >= load.most_running,
        }
        return success(request, "OK", data)

    def parse_load(self, _request: Request) -> ReadLoad:
        """How busy the gateway is."""
        return ReadLoad()

    def render_running(self, load: Load, request: Request) -> Reply:
        """What there is to wait for before this entrance can be stopped."""
        left = load.running_in_all + load.waiting_in_all
        data: dict[str, object] = {"runningTaskNumber": left, "isCompleted": left == 0}
        return success(request, "OK", data)

    def render_consumers(self, load: Load, request: Request) -> Reply:
        """How many users' tasks are in turn."""
        return success(request, "OK", {"consumerNum": load.users_waiting})

    def parse_online(self, _request: Request) -> Hello:
        """Asks nothing of the core: who answers is online."""
        return Hello()

    def render_online(self, _result: None, request: Request) -> Reply:
        """This entrance takes tasks."""
        return success(request, "OK", {"isOnline": True})

    def _ref(self, asked: str, number: str) -> TaskRef:
        try:
            return self._ids.ref(asked, number)
        except GatewayError:
            return _NOBODY

    def _said(self, asked: str, ended: Task | GatewayError) -> dict[str, object]:
        method = canonical(f"{ROOT}/entrance/{asked}/kill")
        if isinstance(ended, GatewayError):
            error = unknown_id(asked) if ended.kind is Kind.NOT_FOUND else ended
            return failure(method, error)
        if late := already_finished(ended):
            return failure(method, late)
        names: dict[str, object] = {"execID": self._ids.of(ended), "taskID": ended.number}
        return envelope(method, "OK", names)


def _pairs(request: Request) -> list[tuple[str, str]]:
    """Of each task its execID and its taskID, by which it is looked up if the other is unknown."""
    fields = body_of(request)[0]
    execs, numbers = _texts(fields, "idList"), _texts(fields, "taskIDList")
    if len(execs) != len(numbers):
        raise GatewayError(
            Kind.CONFLICT,
            f"idList has {len(execs)} entries and taskIDList {len(numbers)}, not as many",
            field=fields.path("idList"),
        )
    return list(zip(execs, numbers, strict=True))


def _texts(fields: Fields, name: str) -> list[str]:
    values = fields.values.get(name)
    if not isinstance(values, list):
        raise invalid(fields.path(name), "must be a list")
    texts = []
    for value in values:
        if isinstance(value, bool) or not isinstance(value, str | int | None):
            raise invalid(fields.path(name), "must hold texts or numbers")
        texts.append("" if value is None else str(value))
    return texts
