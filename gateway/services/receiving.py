"""The files of one form on their way into a user's folder.

The folder may be named by a field that comes after the files: then they wait in the user's root,
where nobody sees them, and go to the folder once the form has ended. A file whose folder is known
is in place as soon as the next one begins.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from gateway.stores.user_files import Incoming, UserFiles
from protocol.errors import GatewayError, Kind
from protocol.files import FileEntry, FilePath

__all__ = ["Receiving"]

_MAX_FILES = 100


class Receiving:
    """What has arrived of a form.

    Args:
        folders: where files are.
        work: does one step of a disk in a thread.
        root: the root of the user, in which files wait.
        known: the folder that the form is for, as far as it is known; None while it is not.
    """

    def __init__(
        self,
        folders: UserFiles,
        work: Callable[..., Awaitable[Any]],
        root: FilePath,
        known: Callable[[], FilePath | None],
    ) -> None:
        self._folders = folders
        self._work = work
        self._root = root
        self._known = known
        self._waiting: list[tuple[Incoming, str]] = []
        self._current: tuple[Incoming, FilePath] | None = None
        self._kept: list[FileEntry] = []

    async def begin(self, name: str) -> None:
        """The next file begins, which its sender calls ``name``.

        Raises:
            GatewayError: TOO_LARGE for more files than may come at once, INVALID for a bad name.
        """
        await self._settle()
        if len(self._kept) + len(self._waiting) >= _MAX_FILES:
            raise GatewayError(Kind.TOO_LARGE, f"at most {_MAX_FILES} files at once")
        folder, name = self._known(), name.replace("\\", "/").rpartition("/")[2]
        incoming = Incoming(staged=folder is None)
        path = (self._root if folder is None else folder).child(name)
        if folder is None:
            self._waiting.append((incoming, name))
        else:
            self._current = incoming, path
        await self._work(self._folders.begin, incoming, path)

    async def add(self, data: bytes) -> None:
        """The file that began last goes on."""
        if self._current is not None:
            await self._work(self._folders.add, self._current[0], data)
        elif self._waiting:
            await self._work(self._folders.add, self._waiting[-1][0], data)

    async def finish(self) -> tuple[FileEntry, ...]:
        """The form has ended: all that waits goes to its folder.

        Raises:
            GatewayError: INVALID if no folder was named at all.
        """
        await self._settle()
        waiting, self._waiting = self._waiting, []
        folder = self._known()
        try:
            for incoming, name in waiting:
                if folder is None:
                    raise GatewayError(Kind.INVALID, "path must not be empty", field="path")
                path = folder.child(name)
                self._kept.append(
                    await self._work(partial(self._folders.keep, create=False), incoming, path)
                )
        finally:
            await self._end(waiting)
        return tuple(self._kept)

    async def abandon(self) -> None:
        """Gives back what was not kept."""
        left = [*self._waiting, *([self._current] if self._current else [])]
        self._waiting, self._current = [], None
        await asyncio.shield(self._end(left))

    async def _settle(self) -> None:
        """Puts the file that came last into its folder, if that is known."""
        if self._current is None:
            return
        incoming, path = self._current
        self._current = None
        try:
            self._kept.append(
                await self._work(partial(self._folders.keep, create=False), incoming, path)
            )
        finally:
            await self._work(self._folders.end, incoming)

    async def _end(self, left: list[tuple[Incoming, Any]]) -> None:
        for incoming, _ in left:
            await self._work(self._folders.end, incoming)
