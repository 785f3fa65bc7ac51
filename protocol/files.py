"""Files that users keep with the gateway, such as their scripts: names and verbs.

Everybody has one root folder, and a path is a way down from one: names, never ``.`` or ``..``, and
never anything that a file system could take for something else. It is decoded and checked once,
here; how it is walked is the store's affair.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, Callable
from dataclasses import dataclass

from protocol.commands import Command, Execute
from protocol.errors import GatewayError, Kind
from protocol.tasks import Task
from protocol.variables import ExecuteFilled

__all__ = [
    "CheckFile",
    "ExecuteScript",
    "FileContent",
    "FileEntry",
    "FilePath",
    "Folder",
    "ListFolder",
    "MakeFolder",
    "OpenFile",
    "OpenedFile",
    "ReadFile",
    "ReceiveFiles",
    "RemoveFile",
    "RenameFile",
    "WriteFile",
    "file_path",
    "file_url",
]

_LONGEST_NAME = 255
_LONGEST_PATH = 4096
_DEEPEST = 32
_UNFIT = re.compile(r"[\x00-\x1f\x7f/\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_OURS = ".narthex-"
_SCHEME = re.compile(r"file:/{0,3}", re.ASCII)


@dataclass(frozen=True, slots=True)
class FilePath:
    """A place below the root of ``owner``; empty is whoever asks. No ``parts`` is the root."""

    owner: str
    parts: tuple[str, ...]

    def child(self, name: str) -> FilePath:
        """A place directly below this one. INVALID if it cannot be a name."""
        return FilePath(self.owner, (*self.parts, _checked(name)))


def file_path(owner: str, text: str) -> FilePath:
    """The place that names with slashes between them mean; empty names count for nothing.

    INVALID for a name that goes up, hides a control character or is too long.
    """
    if len(text) > _LONGEST_PATH:
        raise GatewayError(Kind.INVALID, f"a path has at most {_LONGEST_PATH} characters")
    parts = tuple(_checked(name) for name in text.split("/") if name)
    if len(parts) > _DEEPEST:
        raise GatewayError(Kind.INVALID, f"a path has at most {_DEEPEST} names")
    return FilePath(owner, parts)


def file_url(text: str, field: str = "path") -> FilePath:
    """The place that ``file:///<owner>/<path>`` means, or a path from the asker's own root.

    INVALID with the field for another scheme and for what cannot be anybody's.
    """
    if not text:
        raise GatewayError(Kind.INVALID, f"{field} must not be empty", field=field)
    scheme = _SCHEME.match(text)
    if not scheme:
        if ":" in text.partition("/")[0]:
            raise GatewayError(Kind.INVALID, f"{field} must begin with file:///", field=field)
        return file_path("", text)
    owner, _, below = text[scheme.end() :].partition("/")
    if not owner:
        raise GatewayError(Kind.NOT_FOUND, "there is no such file or folder", field=field)
    return file_path(owner, below)


def _checked(name: str) -> str:
    if name in {"", ".", ".."} or _UNFIT.search(name) or name.startswith(_OURS):
        raise GatewayError(Kind.INVALID, "the path holds a name that no file can have")
    if len(name.encode()) > _LONGEST_NAME:
        raise GatewayError(Kind.INVALID, f"a file's name has at most {_LONGEST_NAME} bytes")
    return name


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file or folder as it is now. ``size`` is in bytes, 0 for a folder; times are ms, epoch."""

    path: FilePath
    folder: bool
    size: int
    modified_ms: int

    @property
    def name(self) -> str:
        """Its own name; empty for a root."""
        return self.path.parts[-1] if self.path.parts else ""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder and what is directly in it, folders first, by name."""

    entry: FileEntry
    children: tuple[FileEntry, ...]


@dataclass(frozen=True, slots=True)
class FileContent:
    """A small file with its bytes."""

    entry: FileEntry
    data: bytes


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """A file that is being read: ``chunks`` are as many bytes as its entry says."""

    entry: FileEntry
    chunks: AsyncIterable[bytes]


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

    Without a path it is a field of the form that is called ``path`` and stands before the files.
    """

    path: FilePath | None
    chunks: AsyncIterable[bytes]
    boundary: str


@dataclass(frozen=True, slots=True)
class OpenFile(Command[OpenedFile]):
    """Asks for the bytes of a file of any size."""

    path: FilePath


@dataclass(frozen=True, slots=True)
class ExecuteScript(Command[Task]):
    """Asks to run a script that is named by its path.

    ``made`` turns its text into the command to carry out, or raises GatewayError. ``execute`` is
    that command with the path in place of the text: what is known if there is no such script.
    """

    path: FilePath
    execute: Execute
    made: Callable[[str], Execute | ExecuteFilled]
