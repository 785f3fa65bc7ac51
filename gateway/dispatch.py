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
from gateway.services.logs import Logs
from gateway.services.tasks import Tasks
from gateway.stores.errors import TaskGone
from protocol import commands
from protocol.accounts import Principal
from protocol.commands import Command
from protocol.errors import GatewayError, Kind
from protocol.tasks import Task, TaskRef

__all__ = ["Data", "Dispatch"]

R = TypeVar("R")
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

    def __init__(
        self,
        tasks: Tasks,
        logs: Logs,
        sessions: Sessions,
        data: Data,
        throttle: Throttle,
        metrics: Metrics,
    ) -> None:
        self._tasks = tasks
        self._logs = logs
        self._sessions = sessions
        self._data = data
        self._throttle = throttle
        self._metrics = metrics
        self._handlers: Mapping[type[Command[Any]], Handler] = {
            commands.Hello: self._hello,
            commands.Login: self._login,
            commands.Logout: self._logout,
            commands.WhoAmI: self._who_am_i,
            commands.Renew: self._renew,
            commands.Execute: self._execute,
            commands.ReadTask: self._read_task,
            commands.ReadLog: self._read_log,
            commands.Kill: self._kill,
            commands.ListTasks: self._list_tasks,
            commands.DeleteTask: self._delete_task,
            commands.StoreData: self._store_data,
            commands.DescribeData: self._describe_data,
            commands.OpenData: self._open_data,
            commands.DeleteData: self._delete_data,
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
            task = await self._tasks.find(ref)
        except TaskGone as gone:
            if sees(principal, gone.owner):
                raise
            raise _unknown() from gone
        except GatewayError as error:
            if error.kind is Kind.NOT_FOUND:
                raise _unknown() from error
            raise
        if not sees(principal, task.owner):
            raise _unknown()
        return task

    async def _hello(self, _caller: Caller, _command: commands.Hello) -> None:
        return None

    async def _login(self, caller: Caller, command: commands.Login) -> object:
        subjects = (f"user {command.user[:256]}", f"address {caller.address}")
        self._throttle.check(subjects, clock.monotonic())
        try:
            return await self._sessions.login(command.user, command.password)
        except GatewayError as error:
            if error.kind is Kind.UNAUTHENTICATED:
                self._throttle.failed(subjects, clock.monotonic())
            raise

    async def _logout(self, caller: Caller, _command: commands.Logout) -> None:
        await self._sessions.logout(_principal(caller))

    async def _who_am_i(self, caller: Caller, _command: commands.WhoAmI) -> Principal:
        return _principal(caller)

    async def _renew(self, caller: Caller, _command: commands.Renew) -> object:
        return self._sessions.renew(_principal(caller))

    async def _execute(self, caller: Caller, command: commands.Execute) -> Task:
        return await self._tasks.execute(_principal(caller).name, command)

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

    async def _list_tasks(self, caller: Caller, command: commands.ListTasks) -> object:
        return await self._tasks.list(command.owner or _principal(caller).name, command)

    async def _delete_task(self, caller: Caller, command: commands.DeleteTask) -> Task:
        return await self._tasks.delete(await self.find(_principal(caller), command.task))

    async def _store_data(self, caller: Caller, command: commands.StoreData) -> object:
        return await self._data.store(_principal(caller), command)

    async def _describe_data(self, caller: Caller, command: commands.DescribeData) -> object:
        return await self._data.describe(_principal(caller), command)

    async def _open_data(self, caller: Caller, command: commands.OpenData) -> object:
        return await self._data.open(_principal(caller), command)

    async def _delete_data(self, caller: Caller, command: commands.DeleteData) -> object:
        return await self._data.delete(_principal(caller), command)


def _principal(caller: Caller) -> Principal:
    if caller.principal is None:
        raise GatewayError(Kind.UNAUTHENTICATED, "you are not logged in, please login first")
    return caller.principal


def _unknown() -> GatewayError:
    return GatewayError(Kind.NOT_FOUND, "there is no such task")
