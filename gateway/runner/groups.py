"""All live groups of the node: finds them, gives each its conductor, and removes old ones."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from gateway.ids import is_task_id
from gateway.journal import journal
from gateway.runner.conductor import Conductor
from gateway.runner.node import Node
from gateway.stores.groups import GroupStore
from protocol.errors import GatewayError, Kind
from protocol.groups import GroupId

__all__ = ["Groups"]

_PATROL_SECONDS = 5.0
_UNREADABLE_MS = 3_600_000
_journal = journal(__name__)


class Groups:
    """Gives every group that has not ended a conductor.

    Args:
        node: the stores.
        store: the groups.
        group: owns the conductors.
        kill: hears of tasks that are to end.
        made: hears that tasks were queued.
    """

    def __init__(
        self,
        node: Node,
        store: GroupStore,
        group: asyncio.TaskGroup,
        kill: Callable[[str], None],
        made: Callable[[], None],
    ) -> None:
        self._node = node
        self._store = store
        self._group = group
        self._kill = kill
        self._made = made
        self._live: dict[GroupId, Conductor] = {}
        self._ended: dict[GroupId, int] = {}
        self._asked = asyncio.Event()

    def ask(self, group_id: str) -> None:
        """A group was submitted, or is to end."""
        known = self._live.get(GroupId(group_id))
        if known is not None:
            known.notify()
        elif is_task_id(group_id):
            self._ended.pop(GroupId(group_id), None)
            self._asked.set()

    def run_ended(self, group_id: str) -> None:
        """A task of a group has ended."""
        known = self._live.get(GroupId(group_id))
        if known is not None:
            known.notify()

    async def run(self) -> None:
        """Looks for groups at every notification and now and then; for ever."""
        with suppress(OSError):
            await asyncio.to_thread(self._store.tidy)
        while True:
            self._asked.clear()
            try:
                await self._look()
            except GatewayError as error:
                if error.kind is not Kind.UNAVAILABLE:
                    _journal.error("groups cannot be read", error=error.message)
            except OSError as error:
                _journal.error("groups cannot be read", error=str(error))
            with suppress(TimeoutError):
                async with asyncio.timeout(_PATROL_SECONDS):
                    await self._asked.wait()

    async def _look(self) -> None:
        """Takes in every group that has not ended, and removes those whose time is over."""
        ids = await asyncio.to_thread(self._store.ids)
        self._ended = {one: self._ended[one] for one in ids if one in self._ended}
        now = self._node.clock_guard.now_ms()
        for group_id in ids:
            if group_id not in self._live and self._ended.get(group_id, 0) <= now:
                await self._take(group_id, now)

    async def _take(self, group_id: GroupId, now_ms: int) -> None:
        try:
            facts = await asyncio.to_thread(self._store.facts, group_id)
        except GatewayError as error:
            if error.kind is Kind.INTERNAL:
                self._ended[group_id] = now_ms + _UNREADABLE_MS
                _journal.error("group is not readable", group=group_id)
                return
            raise
        if facts is None:
            return
        if facts.end is None:
            conductor = Conductor(self._node, self._store, group_id, self._kill, self._made)
            self._live[group_id] = conductor
            self._group.create_task(self._carry(conductor))
        elif facts.forget is not None or facts.spec.expires_ms <= now_ms:
            await asyncio.to_thread(self._store.remove, group_id)
        else:
            self._ended[group_id] = facts.spec.expires_ms

    async def _carry(self, conductor: Conductor) -> None:
        try:
            await conductor.run()
        finally:
            self._live.pop(conductor.group_id, None)
            self._asked.set()  # it may be one that is to be forgotten now
