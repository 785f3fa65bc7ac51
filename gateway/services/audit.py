"""The audit trail: who did what, to whom or what, from where, and what came of it.

One line in the journal for each command in the table below, whatever became of it, under the event
``audit`` of the logger ``gateway.audit``, at any log level. The fields are documented in
``docs/users.md``: others read them. Never a password, a token, code or anything of a task's output;
names of others' making are made safe by the journal.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from gateway.caller import Caller
from gateway.clock import monotonic
from gateway.journal import journal
from protocol.accounts import Ticket
from protocol.command import Command
from protocol.commands import (
    control,
    directory,
    groups,
    kills,
    login,
    queues,
    resources,
    sessions,
    tasks,
    tokens,
)
from protocol.groups import Group
from protocol.tasks import ById, ByName, ByNumber, Task, TaskRef

__all__ = ["AUDITED", "ForeignReads", "audit"]

_journal = journal("gateway.audit")
_Facts = Mapping[str, object]
_MOST_NAMES = 32
_AGAIN_SECONDS = 3600.0
_MOST_REMEMBERED = 4096


def _task(command: Any, result: object) -> _Facts:  # noqa: ANN401 - by the table
    if isinstance(result, Task):
        return {"task": result.id}
    return {"task": _named(command.task)}


def _named(ref: TaskRef) -> str:
    match ref:
        case ByNumber(number=number):
            return str(number)
        case ById(id=task_id):
            return task_id
        case ByName(owner=owner, name=name):
            return f"{owner}/{name}"


def _again(_command: tasks.Rerun, result: object) -> _Facts:
    return {"task": result.id, "owner": result.owner} if isinstance(result, Task) else {}


def _submitted(command: tasks.Execute, result: object) -> _Facts:
    facts: dict[str, object] = {"engine": command.engine, "language": command.language}
    if isinstance(result, Task):
        facts |= {"task": result.id, "owner": result.owner}
    elif command.owner:
        facts["owner"] = command.owner
    return facts


def _ticket(command: Any, result: object) -> _Facts:  # noqa: ANN401 - by the table
    facts: dict[str, object] = {"user": command.user}
    if isinstance(result, Ticket) and result.principal.token is not None:
        issued = result.principal.token
        facts |= {
            "user": result.principal.name,
            "id": issued.id,
            "kind": str(issued.kind),
            "expires": issued.expires,
        }
    return facts


def _revoked(command: tokens.RevokeToken, _result: object) -> _Facts:
    id_ = "" if "." in command.token else command.token
    return {"user": command.user, "id": id_, "all": not command.token}


def _user(command: Any, _result: object) -> _Facts:  # noqa: ANN401 - by the table
    return {"user": command.user}


def _name(command: Any, _result: object) -> _Facts:  # noqa: ANN401 - by the table
    return {"user": command.name}


def _member(command: Any, _result: object) -> _Facts:  # noqa: ANN401 - by the table
    return {"user": command.user, "group": command.group}


def _added(command: directory.AddUser, _result: object) -> _Facts:
    return {"user": command.name, "groups": _joined(command.groups)}


def _regrouped(command: directory.SetGroups, _result: object) -> _Facts:
    return {"user": command.user, "groups": _joined(command.groups)}


def _group(command: directory.PutGroup, _result: object) -> _Facts:
    facts: dict[str, object] = {"group": command.name}
    if command.admin is not None:
        facts["admin"] = command.admin
    if command.queues is not None:
        facts["queues"] = _joined(command.queues)
    return facts


def _joined(names: tuple[str, ...]) -> str:
    return ",".join(names[:_MOST_NAMES])


def _of_group(_command: Command[Any], result: object) -> _Facts:
    return {"of": result.id, "owner": result.owner} if isinstance(result, Group) else {}


def _nothing(_command: Command[Any], _result: object) -> _Facts:
    return {}


AUDITED: Mapping[type[Command[Any]], tuple[str, Callable[[Any, object], _Facts]]] = {
    login.Login: ("login", _ticket),
    login.Logout: ("logout", _nothing),
    login.OpenLogin: ("derive-token", _ticket),
    tokens.IssueToken: ("issue-token", _ticket),
    tokens.RevokeToken: ("revoke-token", _revoked),
    tasks.Execute: ("submit", _submitted),
    tasks.Rerun: ("rerun", _again),
    tasks.Kill: ("kill", _task),
    kills.KillAndReport: ("kill", _task),
    tasks.DeleteTask: ("delete-task", _task),
    groups.SubmitGroup: ("submit-group", _of_group),
    groups.KillGroup: ("kill-group", _of_group),
    groups.DeleteGroup: ("delete-group", _of_group),
    control.Hold: ("hold", _task),
    control.Resume: ("resume", _task),
    control.Suspend: ("suspend", _task),
    control.Signal: ("signal", _task),
    control.SetLimit: ("set-limit", _task),
    sessions.EndSession: ("end-session", _nothing),
    directory.AddUser: ("add-user", _added),
    directory.RemoveUser: ("remove-user", _name),
    directory.SetPassword: ("set-password", _user),
    directory.PatchProfile: ("change-profile", _user),
    directory.SetGroups: ("set-groups", _regrouped),
    directory.Join: ("join-group", _member),
    directory.Leave: ("leave-group", _member),
    directory.PutGroup: ("put-group", _group),
    queues.PutQueue: ("put-queue", lambda command, _: {"queue": command.queue.name}),
    queues.SetQueueStatus: ("set-queue-status", lambda command, _: {"queue": command.name}),
    queues.DropQueue: ("drop-queue", lambda command, _: {"queue": command.name}),
    resources.PutResources: ("put-resources", _nothing),
    resources.SetResourceState: ("set-resource-state", _nothing),
    resources.DropResource: ("drop-resource", _nothing),
    directory.DropGroup: ("drop-group", lambda command, _: {"group": command.name}),
}
"""What is noted of which command: the action, and what it was done to."""


class ForeignReads:
    """Notes who looks at a task of somebody else: once an hour for each, since a page asks often.

    What its owner shared is there to be looked at, and leaves no line.
    """

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._noted: OrderedDict[tuple[str, str], float] = OrderedDict()

    def note(self, caller: Caller, task: Task) -> None:
        """The caller is shown the task, or something of it."""
        principal = caller.principal
        who = (principal.holder or principal.name) if principal else ""
        if principal is None or task.shared or task.owner == who:
            return
        key, now = (who, task.id), self._now()
        if now - self._noted.get(key, -_AGAIN_SECONDS) < _AGAIN_SECONDS:
            return
        self._noted[key] = now
        self._noted.move_to_end(key)
        while len(self._noted) > _MOST_REMEMBERED:
            self._noted.popitem(last=False)
        facts = {"acting": principal.name} if principal.holder else {}
        _journal.info(
            "audit",
            action="read",
            who=who,
            address=caller.address,
            result="done",
            task=task.id,
            owner=task.owner,
            **facts,
        )


def audit(caller: Caller, command: Command[Any], outcome: str, result: object) -> None:
    """Notes a command that was carried out or refused, if it is one of the table.

    ``outcome`` is ``done`` or the kind of the refusal.
    """
    found = AUDITED.get(type(command))
    if found is None:
        return
    action, describe = found
    principal = caller.principal
    who = principal.holder or principal.name if principal else ""
    facts = {key: value for key, value in describe(command, result).items() if value != ""}
    if principal is not None and principal.holder:
        facts["acting"] = principal.name
    _journal.info("audit", action=action, who=who, address=caller.address, result=outcome, **facts)
