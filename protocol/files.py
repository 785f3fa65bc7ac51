"""Files that users keep with the gateway, such as their scripts: names and verbs.

Everybody has one root folder, and a path is a way down from one: names, never ``.`` or ``..``, and
never anything that a file system could take for something else. It is decoded and checked once,
here; how it is walked is the store's affair.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterable
from dataclasses import dataclass

from protocol.errors import GatewayError, Kind, Subject

__all__ = [
    "FileContent",
    "FileEntry",
    "FilePath",
    "Folder",
    "OpenedFile",
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
        raise GatewayError(
            Kind.NOT_FOUND, "there is no such file or folder", field=field, subject=Subject.FILE
        )
    return file_path(owner, below)


def _checked(name: str) -> str:
    if name in {"", ".", ".."} or _UNFIT.search(name) or name.startswith(_OURS):
        raise GatewayError(Kind.INVALID, "the path holds a name that no file can have")
    if len(name.encode()) > _LONGEST_NAME:
        raise GatewayError(Kind.INVALID, f"a file's name has at most {_LONGEST_NAME} bytes")
    return name


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file or folder as it is now. ``size`` is in bytes, 0 for a folder; times are ms, epoch.

    ``mode`` is the whole mode of the file system, type and permissions.
    """

    path: FilePath
    folder: bool
    size: int
    modified_ms: int
    mode: int = 0

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
