"""The board: tasks that their owners share, for those to whom a route or a mount opens it.

A request looks at so many of the newest tasks of the dialect and at no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.caller import Access, Caller
from gateway.services.parts import Parts
from gateway.services.service import Verb
from gateway.stores.tasks import TaskStore
from protocol.commands.board import Board, PublicTask, ReadBoard
from protocol.errors import GatewayError, Kind

__all__ = ["BoardService"]

_MOST = 5_000
_STEP = 500


class BoardService:
    """Carries out the command on the board. ``most`` tasks are listed at once."""

    def __init__(self, store: TaskStore, most: int) -> None:
        self._store = store
        self._most = most

    @classmethod
    def of(cls, parts: Parts) -> BoardService:
        """The service of a gateway."""
        return cls(parts.stores.tasks, parts.config.limits.list_tasks)

    @property
    def verbs(self) -> Sequence[Verb[Any, Any]]:
        """What is done for which command."""
        return (Verb(ReadBoard, Access.READ, self.read),)

    async def read(self, caller: Caller, command: ReadBoard) -> Board:
        """A page of the board as the caller may see it."""
        if command.limit < 0 or command.offset < 0:
            raise GatewayError(Kind.INVALID, "limit and offset must not be negative")
        owner = command.owner
        if not caller.reads_shared:
            if owner not in {"", caller.user.name}:
                return Board((), 0)
            owner = caller.user.name
        limit = min(command.limit, self._most)
        shown: list[PublicTask] = []
        total = 0
        for start in range(0, _MOST, _STEP):
            step = await self._store.list(
                owner or None,
                command.states,
                from_ms=command.from_ms,
                to_ms=command.to_ms,
                dialect=command.dialect,
                limit=_STEP,
                offset=start,
            )
            for task in step:
                words = all(task.client.get(name) == word for name, word in command.words)
                if task.shared and words:
                    total += 1
                    if command.offset < total <= command.offset + limit:
                        shown.append(PublicTask.of(task))
            if len(step) < _STEP:
                break
        return Board(tuple(shown), total)
