"""Files of users: each has a root folder, and sees nobody else's, whatever the path says."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from gateway.caller import Access
from gateway.services.forms import Began, Form
from gateway.services.parts import Parts
from gateway.services.receiving import Receiving
from gateway.services.service import Verb, for_user
from gateway.stores.last_lines import last_lines
from gateway.stores.user_files import Incoming, UserFiles
from protocol.accounts import Principal
from protocol.commands.files import (
    ChangeMode,
    CheckFile,
    ListFolder,
    MakeFolder,
    OpenFile,
    ReadFile,
    ReadTail,
    ReceiveFile,
    ReceiveFiles,
    RemoveFile,
    RenameFile,
    WriteFile,
)
from protocol.errors import GatewayError, Kind, Subject
from protocol.files import FileContent, FileEntry, FilePath, Folder, OpenedFile, file_url

__all__ = ["FileService"]

T = TypeVar("T")

_PIECE = 256 * 1024
_LONGEST_SHOWN = 200


class FileService:
    """Carries out the commands on files.

    Args:
        folders: where they are.
        read_bytes: how large a file may be that is read as a whole.
    """

    def __init__(self, folders: UserFiles, read_bytes: int) -> None:
        self._folders = folders
        self._read_bytes = read_bytes

    @classmethod
    def of(cls, parts: Parts) -> FileService:
        """The service of a gateway."""
        return cls(parts.stores.files, parts.config.files.read_bytes)

    @property
    def verbs(self) -> Sequence[Verb[Any, Any]]:
        """What is done for which command."""
        return (
            Verb(ListFolder, Access.LOOK, for_user(self.list)),
            Verb(CheckFile, Access.LOOK, for_user(self.check)),
            Verb(ReadFile, Access.LOOK, for_user(self.read)),
            Verb(WriteFile, Access.USER, for_user(self.write)),
            Verb(MakeFolder, Access.USER, for_user(self.make_folder)),
            Verb(RenameFile, Access.USER, for_user(self.rename)),
            Verb(RemoveFile, Access.USER, for_user(self.remove)),
            Verb(ReceiveFiles, Access.USER, for_user(self.receive)),
            Verb(OpenFile, Access.LOOK, for_user(self.open)),
            Verb(ReceiveFile, Access.USER, for_user(self.receive_one)),
            Verb(ReadTail, Access.LOOK, for_user(self.read_tail)),
            Verb(ChangeMode, Access.USER, for_user(self.change_mode)),
        )

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

        def known() -> FilePath | None:
            if command.path is None and "path" not in form.fields:
                return None
            return _own(principal, command.path or file_url(form.fields["path"]))

        receiving = Receiving(self._folders, self._do, FilePath(principal.name, ()), known)
        try:
            async for data in command.chunks:
                for event in form.feed(data):
                    if isinstance(event, Began):
                        await receiving.begin(event.name)
                    else:
                        await receiving.add(event.data)
            form.finish()
            return await receiving.finish()
        finally:
            await receiving.abandon()

    async def receive_one(self, principal: Principal, command: ReceiveFile) -> FileEntry:
        """Puts one file in place as it arrives, or nothing at all."""
        path = _own(principal, command.path)
        known = await self._do(self._folders.look, path) if command.create else None
        if known is not None:
            raise GatewayError(Kind.CONFLICT, "there is such a file already", subject=Subject.FILE)
        await self._do(self._folders.make_parents, path)
        incoming = Incoming()
        try:
            await self._do(self._folders.begin, incoming, path)
            pieces = _form_file(command) if command.boundary else command.chunks
            async for data in pieces:
                await self._do(self._folders.add, incoming, data)
            keep = partial(self._folders.keep, create=command.create)
            return await self._do(keep, incoming, path)
        finally:
            await asyncio.shield(self._do(self._folders.end, incoming))

    async def read_tail(self, principal: Principal, command: ReadTail) -> FileContent:
        """The last lines of a file."""
        return await self._do(self._tail, _own(principal, command.path), command.lines)

    async def change_mode(self, principal: Principal, command: ChangeMode) -> FileEntry:
        """Other permissions of a file or folder."""
        path = _own(principal, command.path)
        return await self._do(self._folders.change_mode, path, command.mode)

    async def open(self, principal: Principal, command: OpenFile) -> OpenedFile:
        """A file that is being read."""
        path = _own(principal, command.path)
        entry = await self._do(self._folders.look, path)
        if entry is None or entry.folder:
            raise _absent(path)
        return OpenedFile(entry, self._chunks(path, entry.size))

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

    def _tail(self, path: FilePath, lines: int) -> FileContent:
        entry, descriptor = self._folders.open(path)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor is no path
            data = last_lines(file, entry.size, lines, self._read_bytes)
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


async def _form_file(command: ReceiveFile) -> AsyncIterator[bytes]:
    """The bytes of the one file of a form."""
    form, files = Form(command.boundary), 0
    async for data in command.chunks:
        for event in form.feed(data):
            if isinstance(event, Began):
                files += 1
            elif files == 1:
                yield event.data
        if files > 1:
            raise GatewayError(Kind.INVALID, "the form has more than one file", field="file")
    form.finish()


def _own(principal: Principal, path: FilePath) -> FilePath:
    """The path in the principal's own root; anybody else's root is not there."""
    if path.owner not in {"", principal.name}:
        raise _absent(path)
    return FilePath(principal.name, path.parts)


def _absent(path: FilePath) -> GatewayError:
    """The error for what is not there, by the path as it was asked for."""
    name = "/".join(("file://", path.owner, *path.parts))[:_LONGEST_SHOWN]
    return GatewayError(
        Kind.NOT_FOUND,
        f"there is no such file or folder: {name!r}",
        field="path",
        subject=Subject.FILE,
    )
