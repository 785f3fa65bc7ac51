"""Files that users keep with the gateway."""

from __future__ import annotations

from collections.abc import AsyncIterable
from dataclasses import dataclass

from protocol.command import Command
from protocol.file_modes import ModeChange
from protocol.files import FileContent, FileEntry, FilePath, Folder, OpenedFile

__all__ = [
    "ChangeMode",
    "CheckFile",
    "ListFolder",
    "MakeFolder",
    "OpenFile",
    "ReadFile",
    "ReadTail",
    "ReceiveFile",
    "ReceiveFiles",
    "RemoveFile",
    "RenameFile",
    "WriteFile",
]


@dataclass(frozen=True, slots=True)
class ListFolder(Command[Folder]):
    """Asks what is in a folder. NOT_FOUND if there is none; one's own root is always there."""

    path: FilePath


@dataclass(frozen=True, slots=True)
class CheckFile(Command[FileEntry | None]):
    """Asks about a file or folder; None if there is none."""

    path: FilePath


@dataclass(frozen=True, slots=True)
class ReadFile(Command[FileContent]):
    """Asks for a file that fits into memory; TOO_LARGE for another."""

    path: FilePath


@dataclass(frozen=True, slots=True)
class WriteFile(Command[FileEntry]):
    """Asks to put a file in place as a whole; ``create`` refuses to replace one: CONFLICT."""

    path: FilePath
    data: bytes
    create: bool = False


@dataclass(frozen=True, slots=True)
class MakeFolder(Command[FileEntry]):
    """Asks for a new folder in one that is there. CONFLICT if the name is taken."""

    path: FilePath


@dataclass(frozen=True, slots=True)
class RenameFile(Command[FileEntry]):
    """Asks to move a file or folder to a free name. CONFLICT if it is taken."""

    path: FilePath
    to: FilePath


@dataclass(frozen=True, slots=True)
class RemoveFile(Command[None]):
    """Asks to remove a file, or a folder with all that is in it; a root stays."""

    path: FilePath


@dataclass(frozen=True, slots=True)
class ReceiveFiles(Command[tuple[FileEntry, ...]]):
    """Asks to put the files of a form into a folder; ``boundary`` is the form's.

    Without a path it is a field of the form that is called ``path``, before the files or after.
    """

    path: FilePath | None
    chunks: AsyncIterable[bytes]
    boundary: str


@dataclass(frozen=True, slots=True)
class OpenFile(Command[OpenedFile]):
    """Asks for the bytes of a file of any size."""

    path: FilePath


@dataclass(frozen=True, slots=True)
class ReceiveFile(Command[FileEntry]):
    """Asks to put a body of any size in place as a file; the folders above it are made.

    With a ``boundary`` the body is a form of one file. ``create`` refuses to replace one: CONFLICT.
    """

    path: FilePath
    chunks: AsyncIterable[bytes]
    boundary: str = ""
    create: bool = False


@dataclass(frozen=True, slots=True)
class ReadTail(Command[FileContent]):
    """Asks for the last lines of a file, as many of them as fit into memory."""

    path: FilePath
    lines: int


@dataclass(frozen=True, slots=True)
class ChangeMode(Command[FileEntry]):
    """Asks for other permissions of a file or folder; its owner can always walk a folder."""

    path: FilePath
    mode: ModeChange
