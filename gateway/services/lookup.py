"""Finding a task or a user.

Every verb on a task goes through here, whichever way the task is named: what belongs to somebody
else is answered exactly like what does not exist.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from gateway.caller import Caller, sees
from gateway.services.audit import ForeignReads
from gateway.services.parts import Parts
from gateway.stores.directory import Account
from gateway.stores.errors import TaskGone
from gateway.stores.redis_client import unavailable
from gateway.stores.spool import Spool
from gateway.stores.tasks import TaskStore
from protocol.errors import GatewayError, Kind, Subject
from protocol.tasks import ById, ByNumber, Task, TaskRef

__all__ = ["Lookup", "Users", "known_user"]

R = TypeVar("R")


class Users(Protocol):
    """Who has an account."""

    def find(self, name: str) -> Account | None:
        """The user of that name."""
        ...


class _OnTask(Protocol):
    @property
    def task(self) -> TaskRef: ...


C = TypeVar("C", bound=_OnTask)


class Lookup:
    """Finds tasks for callers."""

    def __init__(self, store: TaskStore, spool: Spool) -> None:
        self._store = store
        self._spool = spool
        self._foreign = ForeignReads()

    @classmethod
    def of(cls, parts: Parts) -> Lookup:
        """The lookup of a gateway."""
        return cls(parts.stores.tasks, parts.stores.spool)

    def on_task(self, do: Callable[[Task, C], Awaitable[R]]) -> Callable[[Caller, C], Awaitable[R]]:
        """Carries out what is done with a task that the caller may see."""

        async def handler(caller: Caller, command: C) -> R:
            return await do(await self.seen(caller, command.task), command)

        return handler

    async def seen(self, caller: Caller, ref: TaskRef) -> Task:
        """A task that the caller may see.

        Raises:
            GatewayError: NOT_FOUND for an unknown and for a foreign one alike; GONE for one's own.
        """
        try:
            return await self._seen(caller, ref)
        except GatewayError as error:
            second = ref.otherwise if isinstance(ref, ByNumber) else 0
            if error.kind is not Kind.NOT_FOUND or not second:
                raise
        return await self._seen(caller, ByNumber(second))

    async def find(self, ref: TaskRef) -> Task:
        """The task as it is, whosever it is.

        Raises:
            GatewayError: NOT_FOUND if there is none that agrees with the reference, TaskGone.
        """
        try:
            task = await self._store.read(ref)
        except TaskGone as gone:
            if isinstance(ref, ByNumber) and ref.owner not in {"", gone.owner}:
                raise GatewayError(
                    Kind.NOT_FOUND, "there is no such task", subject=Subject.TASK
                ) from gone
            raise
        except GatewayError as error:
            if error.kind is not Kind.NOT_FOUND or not isinstance(ref, ById):
                raise
            if await self._spool.keeps(ref.id):
                raise unavailable() from error  # the index lost it, and gets it back
            raise
        if isinstance(ref, ByNumber) and not ref.admits(task):
            raise GatewayError(Kind.NOT_FOUND, "there is no such task", subject=Subject.TASK)
        return task

    async def _seen(self, caller: Caller, ref: TaskRef) -> Task:
        try:
            task = await self.find(ref)
        except TaskGone as gone:
            if caller.principal is not None and sees(caller.principal, gone.owner):
                raise
            raise _unknown(ref) from gone
        except GatewayError as error:
            if error.kind is Kind.NOT_FOUND:
                raise _unknown(ref) from error
            raise
        if not caller.may_see(task):
            raise _unknown(ref)
        self._foreign.note(caller, task)
        return task


def known_user(users: Users, name: str) -> Account:
    """The user of that name; if no user matches, the lower-case name is tried.

    Raises:
        GatewayError: INVALID if there is none.
    """
    account = users.find(name) or users.find(name.lower())
    if account is None:
        raise GatewayError(
            Kind.INVALID, f"there is no user {name[:64]!r}", field="user", subject=Subject.USER
        )
    return account


def _unknown(ref: TaskRef) -> GatewayError:
    name = f"task {ref.number}" if isinstance(ref, ByNumber) and ref.number else "such task"
    return GatewayError(Kind.NOT_FOUND, f"there is no {name}", subject=Subject.TASK)
