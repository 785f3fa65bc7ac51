"""Files up and down: uploads, the output of ended tasks, and what is known of both.

An upload belongs to who sent it. The output of a task belongs to the task: it appears when the
task has ended, goes when the task goes, and cannot be removed by itself. What is somebody else's
is answered like what is not there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Sequence
from typing import Any

from gateway import clock
from gateway.caller import Access
from gateway.services.forms import Began, Form
from gateway.services.parts import Parts
from gateway.services.service import Verb, for_user
from gateway.stores.answers import Answers
from gateway.stores.objects import Objects, StoredObject
from gateway.stores.spool import Spool
from gateway.stores.tasks import TaskStore
from gateway.stores.upload_writer import UploadWriter
from protocol.accounts import Principal
from protocol.answers import answered_task
from protocol.commands.objects import (
    DataObject,
    DeleteData,
    DescribeData,
    OpenData,
    OpenedData,
    StoreData,
)
from protocol.errors import GatewayError, Kind, Subject
from protocol.tasks import ById, FileInput, Task, TaskId, TaskState

__all__ = ["ObjectService"]

_ACTIVE = tuple(state for state in TaskState if not state.final)
_PAGE = 500


class ObjectService:
    """Carries out the commands on data.

    Args:
        objects: the uploads.
        tasks: the index of tasks, for who may see an output and what is in use.
        spool: the run directories, where outputs and specs are.
        answer_bytes: how much of one stream of an output is given out.
    """

    def __init__(
        self, objects: Objects, tasks: TaskStore, spool: Spool, *, answer_bytes: int
    ) -> None:
        self._objects = objects
        self._tasks = tasks
        self._spool = spool
        self._answers = Answers(spool.find, answer_bytes)

    @classmethod
    def of(cls, parts: Parts) -> ObjectService:
        """The service of a gateway."""
        stores = parts.stores
        most = parts.config.objects.answer_bytes
        return cls(stores.objects, stores.tasks, stores.spool, answer_bytes=most)

    @property
    def verbs(self) -> Sequence[Verb[Any, Any]]:
        """What is done for which command."""
        return (
            Verb(StoreData, Access.USER, for_user(self.store)),
            Verb(DescribeData, Access.LOOK, for_user(self.describe)),
            Verb(OpenData, Access.LOOK, for_user(self.open)),
            Verb(DeleteData, Access.USER, for_user(self.delete)),
        )

    async def store(self, principal: Principal, command: StoreData) -> tuple[DataObject, ...]:
        """Keeps the files of a request, all or none."""
        async with UploadWriter(self._objects, principal.name) as upload:
            if command.boundary:
                await _receive_form(upload, command.chunks, command.boundary)
            else:
                await upload.begin(command.name)
                async for data in command.chunks:
                    await upload.write(data)
            kept = await upload.keep(clock.now_ms())
        return tuple(_described(stored) for stored in kept)

    async def describe(self, principal: Principal, command: DescribeData) -> DataObject:
        """Tells what is known of an upload, or of a task's stdout."""
        task_id = answered_task(command.object_id)
        if task_id is not None:
            return await self._answer(principal, task_id, command.object_id, errors=False)
        return _described(await self._objects.describe(principal.name, command.object_id))

    async def open(self, principal: Principal, command: OpenData) -> OpenedData:
        """Gives out the bytes of an upload or of an output."""
        task_id = answered_task(command.object_id)
        if task_id is None:
            stored = await self._objects.describe(principal.name, command.object_id)
            found = _described(stored)
            offset, length = _stretch(found.size, command.first, command.last)
            chunks = self._objects.read(principal.name, found.id, offset, length)
        else:
            errors = command.errors
            found = await self._answer(principal, task_id, command.object_id, errors=errors)
            offset, length = _stretch(found.size, command.first, command.last)
            chunks = self._answers.read(task_id, offset, length, errors=errors)
        return OpenedData(found, offset, length, chunks)

    async def delete(self, principal: Principal, command: DeleteData) -> DataObject:
        """Removes an upload that no active task of its owner uses.

        Raises:
            GatewayError: CONFLICT if one does, or if the file is the output of a task.
        """
        task_id = answered_task(command.object_id)
        if task_id is not None:
            await self._answer(principal, task_id, command.object_id, errors=False)
            raise GatewayError(Kind.CONFLICT, "an output goes with its task: delete the task")
        stored = await self._objects.describe(principal.name, command.object_id)
        user = await self._user_of(principal.name, stored.id)
        if user is not None:
            raise GatewayError(Kind.CONFLICT, f"data object {stored.id} is used by task {user}")
        return _described(await self._objects.remove(principal.name, stored.id))

    async def hold(self, owner: str, inputs: Sequence[FileInput]) -> None:
        """Makes sure that a task's inputs are there, and that they are not swept while it waits.

        Raises:
            GatewayError: NOT_FOUND if one is no upload of this owner.
        """
        await asyncio.to_thread(self._touch, owner, inputs)

    def _touch(self, owner: str, inputs: Sequence[FileInput]) -> None:
        for wanted in inputs:
            self._objects.touch(owner, wanted.object_id)

    async def _answer(
        self, principal: Principal, task_id: TaskId, object_id: str, *, errors: bool
    ) -> DataObject:
        """One stream of a task's output, if the task has ended and is theirs to see."""
        missing = GatewayError(Kind.NOT_FOUND, f"no data object {object_id}", subject=Subject.DATA)
        try:
            task = await self._tasks.read(ById(task_id))
        except GatewayError as error:
            if error.kind in {Kind.NOT_FOUND, Kind.GONE}:
                raise missing from error
            raise
        if not _may_read(principal, task):
            raise missing
        try:
            answer = await self._answers.measure(task_id, errors=errors)
        except GatewayError as error:
            raise missing from error
        return DataObject(
            id=object_id,
            name=f"{task_id}.{'err' if errors else 'out'}",
            size=answer.size,
            sha256=answer.sha256,
            created_ms=task.finished_ms,
            answer=True,
            truncated=answer.truncated,
        )

    async def _user_of(self, owner: str, object_id: str) -> TaskId | None:
        """An active task of the owner that has the object among its inputs."""
        offset = 0
        while True:
            page = await self._tasks.list(owner, _ACTIVE, limit=_PAGE, offset=offset)
            for task in page:
                spec = await self._spool.spec(task.id)
                inputs = spec.inputs if spec else ()
                if any(entry.object_id == object_id for entry in inputs):
                    return task.id
            if len(page) < _PAGE:
                return None
            offset += _PAGE


async def _receive_form(upload: UploadWriter, chunks: AsyncIterable[bytes], boundary: str) -> None:
    form = Form(boundary)
    async for data in chunks:
        for event in form.feed(data):
            if isinstance(event, Began):
                await upload.begin(event.name)
            else:
                await upload.write(event.data)
    form.finish()


def _may_read(principal: Principal, task: Task) -> bool:
    theirs = principal.admin or task.owner == principal.name
    return theirs and task.state.final and task.started_ms > 0


def _described(stored: StoredObject) -> DataObject:
    return DataObject(stored.id, stored.name, stored.size, stored.sha256, stored.created_ms)


def _stretch(size: int, first: int, last: int) -> tuple[int, int]:
    """Offset and length of the bytes from ``first`` to ``last`` of ``size``, as OpenData says."""
    if first < 0:
        offset = max(0, size + first)
        return offset, size - offset
    offset = min(first, size)
    end = size if last < 0 else min(last + 1, size)
    return offset, max(0, end - offset)
