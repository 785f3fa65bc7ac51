"""Files on their way from a request to the disk.

Nothing that is received exists before ``keep``, which makes all files of the request into objects
or none. This module never holds more than one gathered piece of a request in memory.
"""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar

from gateway.stores.objects import Objects, Part, StoredObject
from protocol.errors import GatewayError, Kind

__all__ = ["UploadWriter"]

T = TypeVar("T")

_GATHER_BYTES = 256 * 1024


class UploadWriter:
    """The files of one request: begin, write, write, begin, ..., keep, as a context manager.

    What was not kept when the block ends leaves no trace, however it ends. Limits are looked at
    while bytes arrive and, for certain, when they are kept.
    """

    def __init__(self, objects: Objects, owner: str) -> None:
        self._objects = objects
        self._owner = owner
        self._limits = objects.limits
        self._parts: list[Part] = []
        self._gathered = bytearray()
        # A cancelled wait does not stop its thread: the lock keeps the end of the block from
        # closing a file that a thread still writes to.
        self._alone = threading.Lock()
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await asyncio.shield(asyncio.to_thread(self._close))

    async def begin(self, name: str) -> None:
        """Begins the next file, which its sender calls ``name``.

        Raises:
            GatewayError: TOO_LARGE if there are more files in the request than may be.
        """
        await self._flush()
        if len(self._parts) >= self._limits.max_parts:
            raise GatewayError(
                Kind.TOO_LARGE, f"more than {self._limits.max_parts} files in one request"
            )
        await self._disk(lambda: self._open(name))

    async def write(self, data: bytes) -> None:
        """Appends to the file that was begun last.

        Raises:
            GatewayError: TOO_LARGE if the file or all the owner's files grow too large.
        """
        size = self._parts[-1].size + len(self._gathered) + len(data)
        if size > self._limits.max_bytes:
            raise GatewayError(
                Kind.TOO_LARGE, f"the file is larger than {self._limits.max_bytes} bytes"
            )
        self._gathered += data
        if len(self._gathered) >= _GATHER_BYTES:
            await self._flush()

    async def keep(self, now_ms: int) -> tuple[StoredObject, ...]:
        """Makes all files of the request into objects, all or none, durably.

        Raises:
            GatewayError: TOO_LARGE if they do not fit into the owner's quota.
        """
        await self._flush()
        return await self._disk(lambda: self._commit(now_ms))

    async def _flush(self) -> None:
        if self._gathered:
            data, self._gathered = bytes(self._gathered), bytearray()
            await self._disk(lambda: self._append(data))

    async def _disk(self, work: Callable[[], T]) -> T:
        """Does one piece of work in a thread, never two at a time, none after the end."""

        def alone() -> T:
            with self._alone:
                if self._closed:
                    raise GatewayError(Kind.INTERNAL, "the upload has ended")
                return work()

        try:
            return await asyncio.to_thread(alone)
        except OSError as error:
            raise _failed(error) from error

    def _open(self, name: str) -> None:
        if self._parts:
            self._parts[-1].trim()
        part = self._objects.open_part(self._owner)
        part.name = name
        self._parts.append(part)

    def _append(self, data: bytes) -> None:
        part = self._parts[-1]
        if part.size + len(data) > part.reserved:
            self._objects.reserve(self._owner, self._parts, len(data))
        part.write(data)

    def _commit(self, now_ms: int) -> tuple[StoredObject, ...]:
        for part in self._parts:
            os.fsync(part.descriptor)
        return self._objects.commit(self._owner, self._parts, now_ms)

    def _close(self) -> None:
        with self._alone:
            self._closed = True
            for part in self._parts:
                part.path.unlink(missing_ok=True)
                os.close(part.descriptor)
            self._parts.clear()


def _failed(error: OSError) -> GatewayError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return GatewayError(Kind.UNAVAILABLE, "the disk for uploaded files is full", retry_after=60)
    return GatewayError(Kind.INTERNAL, "an uploaded file could not be written")
