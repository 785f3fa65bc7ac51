"""The service: a row for each verb, over the store in a folder of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from gateway.caller import Access
from gateway.services.lookup import Lookup
from gateway.services.parts import Parts
from gateway.services.service import Verb
from narthex_notes.note import AddNote, ListNotes, Note
from narthex_notes.store import Notes
from protocol.errors import GatewayError, Kind
from protocol.tasks import Task

__all__ = ["NoteService"]

_LONGEST = 1000


class NoteService:
    """Carries out the commands on notes; a task has at most ``most`` of them."""

    def __init__(self, store: Notes, lookup: Lookup, most: int) -> None:
        self._store = store
        self._lookup = lookup
        self._most = most

    @classmethod
    def of(cls, parts: Parts) -> NoteService:
        """The service of a gateway; ``most`` may stand in its table of settings."""
        most = parts.settings("notes").get("most", 100)
        if not isinstance(most, int):
            raise TypeError("notes: most must be a number")
        return cls(Notes(parts.folder("notes")), parts.get(Lookup), most)

    @property
    def verbs(self) -> Sequence[Verb[Any, Any]]:
        """What is done for which command."""
        on_task = self._lookup.on_task
        return (
            Verb(AddNote, Access.USER, on_task(self.add)),
            Verb(ListNotes, Access.READ, on_task(self.list)),
        )

    async def add(self, task: Task, command: AddNote) -> Note:
        """Keeps a note."""
        if not 0 < len(command.text) <= _LONGEST:
            raise GatewayError(Kind.INVALID, f"a note has 1 to {_LONGEST} characters", field="text")
        note = Note(int(time.time() * 1000), command.text)
        if not await asyncio.to_thread(self._store.add, task.id, note, self._most):
            raise GatewayError(Kind.EXHAUSTED, f"a task has at most {self._most} notes")
        return note

    async def list(self, task: Task, _command: ListNotes) -> tuple[Note, ...]:
        """The notes on a task."""
        return await asyncio.to_thread(self._store.list, task.id)
