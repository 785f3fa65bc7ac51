"""What a task printed, by stream and byte, also while it runs."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Sequence
from typing import Any

from gateway.caller import Access
from gateway.services.lookup import Lookup
from gateway.services.parts import Parts
from gateway.services.service import Verb
from gateway.stores.errors import TaskGone
from gateway.stores.last_lines import last_lines
from gateway.stores.streams import Streams
from protocol.commands.control import ReadOutput
from protocol.control import OpenedOutput, Stream
from protocol.tasks import Task

__all__ = ["Outputs"]

_TAIL_BYTES = 1024 * 1024
"""How much of an output is looked at for its last lines."""


class Outputs:
    """Carries out the command that reads streams."""

    def __init__(self, streams: Streams, lookup: Lookup) -> None:
        self._streams = streams
        self._lookup = lookup

    @classmethod
    def of(cls, parts: Parts) -> Outputs:
        """The service of a gateway."""
        return cls(Streams(parts.stores.spool.find), parts.get(Lookup))

    @property
    def verbs(self) -> Sequence[Verb[Any, Any]]:
        """What is done for which command."""
        return (Verb(ReadOutput, Access.READ, self._lookup.on_task(self.read)),)

    async def read(self, task: Task, command: ReadOutput) -> OpenedOutput:
        """The bytes that there are of those that are asked for."""
        errors = command.stream is Stream.ERR
        first = -_TAIL_BYTES if command.lines else command.first
        stretch = await self._streams.locate(task.id, first, command.last, errors=errors)
        if stretch is None:
            raise TaskGone(task.id, task.number, task.owner)
        if command.lines:
            whole = [one async for one in self._streams.read(task.id, stretch, errors=errors)]
            data = b"".join(whole)
            tail = last_lines(io.BytesIO(data), len(data), command.lines, _TAIL_BYTES)
            begin = stretch.first + len(data) - len(tail)
            return OpenedOutput(
                task, command.stream, begin, len(tail), stretch.complete, _once(tail)
            )
        return OpenedOutput(
            task,
            command.stream,
            stretch.first,
            stretch.length,
            stretch.complete,
            self._streams.read(task.id, stretch, errors=errors),
        )


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
