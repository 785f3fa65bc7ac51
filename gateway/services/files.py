"""Files of users: each has a root folder, and sees nobody else's, whatever the path says."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

from gateway.services.forms import Began, Form
from gateway.services.verbs import OnOwn
from gateway.stores.folders import Folders, Incoming
from protocol.accounts import Principal
from protocol.errors import GatewayError, Kind
from protocol.files import (
    CheckFile,
    FileContent,
    FileEntry,
    FilePath,
    Folder,
    ListFolder,
    MakeFolder,
    OpenedFile,
    OpenFile,
    ReadFile,
    ReceiveFiles,
    RemoveFile,
    RenameFile,
    WriteFile,
    file_url,
)

__all__ = ["FileService"]

T = TypeVar("T")

_PIECE = 256 * 1024
_MAX_FILES = 100
_LONGEST_SHOWN = 200


class FileService:
    """Carries out the commands on files.

    Args:
        folders: where they are.
        read_bytes: how large a file may be that is read as a whole.
    """

    def __init__(self, folders: Folders, read_bytes: int) -> None:
        self._folders = folders
        self._read_bytes = read_bytes
        self.verbs: OnOwn = {
            ListFolder: self.list,
            CheckFile: self.check,
            ReadFile: self.read,
            WriteFile: self.write,
            MakeFolder: self.make_folder,
            RenameFile: self.rename,
            RemoveFile: self.remove,
            ReceiveFiles: self.receive,
            OpenFile: self.open,
        }
        """What is done for a principal, by the command that asks for it."""

    async def list(self, principal: Principal, command: ListFolder) -> Folder:
        """What is in a folder."""
        entry, children = await self._do(self._folders.list, _own(principal, command.path))
        return Folder(entry, tuple(children))

    async def check(self, principal: Principal, command: CheckFile) -> FileEntry | None:
        """What is known of a file, None if there is none."""
        path = _own(principal, command.path)
        if not path.parts:
            return (await self._do(self._folders.list, path))[0]
        return await self._do(self._folders.look, path)

    async def read(self, principal: Principal, command: ReadFile) -> FileContent:
        """A file with its bytes."""
        path = _own(principal, command.path)
        return await self._do(self._read, path)

    async def write(self, principal: Principal, command: WriteFile) -> FileEntry:
        """Puts a file in place."""
        path = _own(principal, command.path)
        return await self._do(
            partial(self._folders.write, create=command.create), path, command.data
        )

    async def make_folder(self, principal: Principal, command: MakeFolder) -> FileEntry:
        """Makes a folder."""
        return await self._do(self._folders.make_folder, _own(principal, command.path))

    async def rename(self, principal: Principal, command: RenameFile) -> FileEntry:
        """Moves a file or folder."""
        path, to = _own(principal, command.path), _own(principal, command.to)
        return await self._do(self._folders.rename, path, to)

    async def remove(self, principal: Principal, command: RemoveFile) -> None:
        """Removes a file or folder."""
        await self._do(self._folders.remove, _own(principal, command.path))

    async def receive(self, principal: Principal, command: ReceiveFiles) -> tuple[FileEntry, ...]:
        """Puts the files of a form into a folder, one after the other as they arrive."""
        form = Form(command.boundary)
        kept: list[FileEntry] = []
        incoming: Incoming | None = None
        path = FilePath(principal.name, ())
        try:
            async for data in command.chunks:
                for event in form.feed(data):
                    if not isinstance(event, Began):
                        if incoming is not None:
                            await self._do(self._folders.add, incoming, event.data)
                        continue
                    if incoming is not None:
                        last, incoming = incoming, None
                        kept.append(await self._keep(last, path))
                    if len(kept) >= _MAX_FILES:
                        raise GatewayError(Kind.TOO_LARGE, f"at most {_MAX_FILES} files at once")
                    folder = command.path or file_url(form.fields.get("path", ""))
                    path = _own(principal, folder).child(
                        event.name.replace("\\", "/").rpartition("/")[2]
                    )
                    incoming = Incoming()
                    await self._do(self._folders.begin, incoming, path)
            form.finish()
            if incoming is not None:
                last, incoming = incoming, None
                kept.append(await self._keep(last, path))
        finally:
            if incoming is not None:
                await asyncio.shield(self._do(self._folders.end, incoming))
        return tuple(kept)

    async def open(self, principal: Principal, command: OpenFile) -> OpenedFile:
        """A file that is being read."""
        path = _own(principal, command.path)
        entry = await self._do(self._folders.look, path)
        if entry is None or entry.folder:
            raise _absent(path)
        return OpenedFile(entry, self._chunks(path, entry.size))

    async def _keep(self, incoming: Incoming, path: FilePath) -> FileEntry:
        try:
            return await self._do(partial(self._folders.keep, create=False), incoming, path)
        finally:
            await self._do(self._folders.end, incoming)

    async def _chunks(self, path: FilePath, size: int) -> AsyncIterator[bytes]:
        """The first ``size`` bytes; opened here, since nobody may ever ask for the first piece."""
        _, descriptor = await self._do(self._folders.open, path)
        try:
            while size > 0:
                data = await self._do(os.read, descriptor, min(size, _PIECE))
                if not data:
                    raise GatewayError(Kind.INTERNAL, "the file was cut short while it was read")
                size -= len(data)
                yield data
        finally:
            os.close(descriptor)

    def _read(self, path: FilePath) -> FileContent:
        entry, descriptor = self._folders.open(path)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor is no path
            data = file.read(self._read_bytes + 1)
        if len(data) > self._read_bytes:
            raise GatewayError(
                Kind.TOO_LARGE, f"only files of up to {self._read_bytes} bytes are shown"
            )
        return FileContent(replace(entry, size=len(data)), data)

    async def _do(self, work: Callable[..., T], *arguments: object) -> T:
        try:
            return await asyncio.to_thread(work, *arguments)
        except GatewayError as error:
            place = next((one for one in arguments if isinstance(one, FilePath)), None)
            if error.kind is not Kind.NOT_FOUND or place is None:
                raise
            raise _absent(place) from error
        except OSError as error:
            raise GatewayError(
                Kind.UNAVAILABLE, "the files cannot be reached at the moment", retry_after=5.0
            ) from error


def _own(principal: Principal, path: FilePath) -> FilePath:
    """The path in the principal's own root; anybody else's root is not there."""
    if path.owner not in {"", principal.name}:
        raise _absent(path)
    return FilePath(principal.name, path.parts)


def _absent(path: FilePath) -> GatewayError:
    """The error for what is not there, by the path as it was asked for."""
    name = "/".join(("file://", path.owner, *path.parts))[:_LONGEST_SHOWN]
    return GatewayError(Kind.NOT_FOUND, f"there is no such file or folder: {name!r}", field="path")
