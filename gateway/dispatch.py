"""One door for every command: the guard, then the one service that knows the verb.

What belongs to somebody else is answered exactly like what does not exist, whichever way it is
named. A caller is whoever the transport identified; nothing in a command is believed about that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeVar, cast

from gateway import clock
from gateway.auth.guard import Caller, admit, sees
from gateway.auth.throttle import Throttle
from gateway.metrics import Metrics
from gateway.services.accounts import Sessions
from gateway.services.history import History, chosen
from gateway.services.logs import Logs
from gateway.services.tasks import Tasks
from gateway.services.verbs import OnOwn, OnTasks
from gateway.stores.errors import TaskGone
from protocol import commands, files, variables
from protocol.accounts import Principal
from protocol.commands import Command
from protocol.errors import GatewayError, Kind
from protocol.tasks import ByNumber, Task, TaskRef

__all__ = ["Data", "Dispatch"]

R = TypeVar("R")
_SHARING = 10
"""How many times more wrong passwords an address may send than a user: it may be many people's."""
_AT_ONCE = 2
"""How many passwords are looked at at the same time."""

_MOST_KILLS = 500
_MOST_NUMBERS = 1000
Handler = Callable[[Caller, Any], Awaitable[object]]


class Data(Protocol):
    """The service of stored files; it scopes everything to the principal by itself."""

    async def store(
        self, principal: Principal, command: commands.StoreData
    ) -> tuple[commands.DataObject, ...]:
        """Keeps the files of a request."""
        ...

    async def describe(
        self, principal: Principal, command: commands.DescribeData
    ) -> commands.DataObject:
        """What is known of a file."""
        ...

    async def open(self, principal: Principal, command: commands.OpenData) -> commands.OpenedData:
        """The bytes of a file."""
        ...

    async def delete(
        self, principal: Principal, command: commands.DeleteData
    ) -> commands.DataObject:
        """Removes a file."""
        ...


class Dispatch:
    """Carries commands out."""

    def __init__(  # noqa: PLR0913, PLR0917 - one for each service
        self,
        on_tasks: OnTasks,
        on_own: OnOwn,
        tasks: Tasks,
        logs: Logs,
        sessions: Sessions,
        data: Data,
        throttle: Throttle,
        attempts: int,
        metrics: Metrics,
        history: History,
    ) -> None:
        self._history = history
        self._read_file = on_own[files.ReadFile]
        self._list_variables = on_own[variables.ListVariables]
        self._tasks = tasks
        self._logs = logs
        self._sessions = sessions
        self._data = data
        self._throttle = throttle
        self._attempts = attempts
        self._guesses = asyncio.Semaphore(_AT_ONCE)
        self._metrics = metrics
        self._handlers: Mapping[type[Command[Any]], Handler] = {
            **{verb: self._about(do) for verb, do in on_tasks.items()},
            **{verb: _for_caller(do) for verb, do in on_own.items()},
            commands.Hello: self._hello,
            commands.Login: self._login,
            commands.Logout: self._logout,
            commands.WhoAmI: self._who_am_i,
            commands.Renew: self._renew,
            commands.Execute: self._execute,
            files.ExecuteScript: self._execute_script,
            variables.ExecuteFilled: self._execute_filled,
            commands.ReadTask: self._read_task,
            commands.ReadLog: self._read_log,
            commands.Kill: self._kill,
            commands.ListTasks: self._list_tasks,
            commands.DeleteTask: self._delete_task,
            commands.StoreData: self._store_data,
            commands.DescribeData: self._describe_data,
            commands.OpenData: self._open_data,
            commands.DeleteData: self._delete_data,
            commands.ReadLoginKey: self._read_login_key,
            commands.OpenSession: self._open_session,
            commands.Refuse: self._refuse,
            commands.ReadSubmission: self._read_submission,
            commands.SearchTasks: self._search_tasks,
            commands.KillEach: self._kill_each,
            commands.ReadLoad: self._read_load,
            commands.ListEngines: self._list_engines,
        }

    async def __call__(self, caller: Caller, command: Command[R]) -> R:
        """What the command asked for.

        Raises:
            GatewayError: the refusal, of whatever kind.
        """
        outcome = "failed"
        try:
            admit(caller, cast("Command[object]", command))
            result = await self._handlers[type(command)](caller, command)
            outcome = "done"
            return cast("R", result)
        except GatewayError as error:
            outcome = error.kind.value
            raise
        except asyncio.CancelledError:
            outcome = "abandoned"
            raise
        finally:
            self._metrics.commands.labels(type(command).__name__, outcome).inc()

    async def find(self, principal: Principal, ref: TaskRef) -> Task:
        """A task that the principal may see.

        Raises:
            GatewayError: NOT_FOUND for an unknown and for a foreign one alike; GONE for one's own.
        """
        try:
            return await self._found(principal, ref)
        except GatewayError as error:
            second = ref.otherwise if isinstance(ref, ByNumber) else 0
            if error.kind is not Kind.NOT_FOUND or not second:
                raise
        return await self._found(principal, ByNumber(second))

    async def _found(self, principal: Principal, ref: TaskRef) -> Task:
        try:
            task = await self._tasks.find(ref)
        except TaskGone as gone:
            if sees(principal, gone.owner):
                raise
            raise _unknown(ref) from gone
        except GatewayError as error:
            if error.kind is Kind.NOT_FOUND:
                raise _unknown(ref) from error
            raise
        if not sees(principal, task.owner):
            raise _unknown(ref)
        return task

    async def _hello(self, _caller: Caller, _command: commands.Hello) -> None:
        return None

    async def _login(self, caller: Caller, command: commands.Login) -> object:
        attempts = self._attempts
        subjects = {
            f"user {command.user[:256].lower()}": attempts,
            f"address {caller.address}": attempts * _SHARING,
        }
        # Few at a time: of a crowd of guesses most are looked at when the first have failed.
        async with self._guesses:
            self._throttle.check(subjects, clock.monotonic())
            try:
                return await self._sessions.login(command.user, command.password, command.encrypted)
            except GatewayError as error:
                if error.kind is Kind.UNAUTHENTICATED:
                    self._throttle.failed(subjects, clock.monotonic())
                raise

    async def _logout(self, caller: Caller, _command: commands.Logout) -> None:
        if caller.principal is not None:
            await self._sessions.logout(caller.principal)

    async def _who_am_i(self, caller: Caller, _command: commands.WhoAmI) -> Principal:
        return _principal(caller)

    async def _renew(self, caller: Caller, _command: commands.Renew) -> object:
        return self._sessions.renew(_principal(caller))

    async def _read_login_key(self, _caller: Caller, _command: commands.ReadLoginKey) -> bytes:
        return self._sessions.public_key

    async def _open_session(self, caller: Caller, command: commands.OpenSession) -> object:
        return self._sessions.open(_principal(caller), command.user)

    async def _execute(self, caller: Caller, command: commands.Execute) -> Task:
        owner = _principal(caller).name
        if command.owner:
            owner = self._sessions.known(command.owner).name
        return await self._tasks.execute(owner, command)

    async def _execute_script(self, caller: Caller, command: files.ExecuteScript) -> Task:
        found = await self._read_file(_principal(caller), files.ReadFile(command.path))
        made = command.made(cast("files.FileContent", found).data.decode("utf-8", "replace"))
        if isinstance(made, commands.Execute):
            return await self._execute(caller, made)
        return await self._execute_filled(caller, made)

    async def _execute_filled(self, caller: Caller, command: variables.ExecuteFilled) -> Task:
        whose = _principal(caller)
        if command.execute.owner:
            known = self._sessions.known(command.execute.owner)
            whose = Principal(known.name, known.role)
        found = await self._list_variables(whose, variables.ListVariables())
        return await self._execute(caller, command.made(cast("Mapping[str, str]", found)))

    async def _refuse(self, caller: Caller, command: commands.Refuse) -> Task:
        return await self._history.refuse(_principal(caller).name, command)

    async def _read_submission(
        self, caller: Caller, command: commands.ReadSubmission
    ) -> commands.Submission:
        principal = _principal(caller)
        return await self._history.submission(principal, await self.find(principal, command.task))

    async def _read_task(self, caller: Caller, command: commands.ReadTask) -> Task:
        return await self.find(_principal(caller), command.task)

    async def _read_log(self, caller: Caller, command: commands.ReadLog) -> object:
        principal = _principal(caller)
        return await self._logs.read(
            principal.name, await self.find(principal, command.task), command
        )

    async def _kill(self, caller: Caller, command: commands.Kill) -> Task:
        task = await self.find(_principal(caller), command.task)
        return await self._tasks.kill(task, command.grace_seconds)

    async def _kill_each(
        self, caller: Caller, command: commands.KillEach
    ) -> tuple[Task | GatewayError, ...]:
        if len(command.tasks) > _MOST_KILLS:
            raise GatewayError(Kind.TOO_LARGE, f"at most {_MOST_KILLS} tasks are killed at once")
        ended: list[Task | GatewayError] = []
        for ref in command.tasks:
            try:
                ended.append(await self._kill(caller, commands.Kill(ref, command.grace_seconds)))
            except GatewayError as error:
                ended.append(error)
        return tuple(ended)

    async def _search_tasks(
        self, caller: Caller, command: commands.SearchTasks
    ) -> commands.TaskPage:
        principal = _principal(caller)
        if not command.numbers:
            everybody = command.everybody and principal.admin and not command.owner
            owner = None if everybody else command.owner or principal.name
            return await self._history.search(owner, command)
        found: dict[int, Task] = {}
        for number in command.numbers[:_MOST_NUMBERS]:
            try:
                found[number] = await self.find(principal, ByNumber(number))
            except GatewayError as error:
                if error.kind not in {Kind.NOT_FOUND, Kind.GONE}:
                    raise
        return chosen(found.values(), command)

    async def _read_load(self, caller: Caller, command: commands.ReadLoad) -> commands.Load:
        principal = _principal(caller)
        return await self._history.load(command.user or principal.name, everybody=principal.admin)

    async def _list_engines(
        self, _caller: Caller, _command: commands.ListEngines
    ) -> tuple[str, ...]:
        return self._tasks.engines

    async def _list_tasks(self, caller: Caller, command: commands.ListTasks) -> object:
        return await self._tasks.list(command.owner or _principal(caller).name, command)

    async def _delete_task(self, caller: Caller, command: commands.DeleteTask) -> Task:
        return await self._tasks.delete(await self.find(_principal(caller), command.task))

    def _about(self, do: Callable[[Task, Any], Awaitable[object]]) -> Handler:
        """Carries out what is done with a task that the caller may see."""

        async def handler(caller: Caller, command: Any) -> object:  # noqa: ANN401 - by the table
            return await do(await self.find(_principal(caller), command.task), command)

        return handler

    async def _store_data(self, caller: Caller, command: commands.StoreData) -> object:
        return await self._data.store(_principal(caller), command)

    async def _describe_data(self, caller: Caller, command: commands.DescribeData) -> object:
        return await self._data.describe(_principal(caller), command)

    async def _open_data(self, caller: Caller, command: commands.OpenData) -> object:
        return await self._data.open(_principal(caller), command)

    async def _delete_data(self, caller: Caller, command: commands.DeleteData) -> object:
        return await self._data.delete(_principal(caller), command)


def _for_caller(do: Callable[[Principal, Any], Awaitable[object]]) -> Handler:
    """Carries out what is done with a caller's own things."""

    async def handler(caller: Caller, command: Any) -> object:  # noqa: ANN401 - by the table
        return await do(_principal(caller), command)

    return handler


def _principal(caller: Caller) -> Principal:
    if caller.principal is None:
        raise GatewayError(Kind.UNAUTHENTICATED, "you are not logged in, please login first")
    return caller.principal


def _unknown(ref: TaskRef) -> GatewayError:
    name = f"task {ref.number}" if isinstance(ref, ByNumber) and ref.number else "such task"
    return GatewayError(Kind.NOT_FOUND, f"there is no {name}")
