"""Files that a user keeps with the gateway, from a client: inputs of tasks and what they wrote.

Both clients have these as ``client.files``. A path counts from the user's own root folder, with
slashes: ``jobs/one/out.csv``. A file is sent and received as a whole, within the limits of
``[files]`` in the gateway's configuration.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from os import PathLike
from pathlib import Path

import orjson

from gateway.client import reading
from gateway.client.asking import Ask, AskLater
from gateway.client.call import ROOT, SECONDS, Call, Reply
from gateway.client.errors import ClientError, Conflict, Invalid
from gateway.client.reading import Document

__all__ = ["AsyncFiles", "FileRow", "Files", "Source"]

Source = str | PathLike[str] | bytes
"""What is uploaded: the path of a file here, or the bytes themselves."""

_FILES = f"{ROOT}/filesystem"
_SCHEME = "file:///"
_BYTES_PER_SECOND = 1 << 20
_MOST_FILES = 10_000
_UNFIT = frozenset({"", ".", ".."})


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file or folder: its path from the user's root, its bytes, its time (ms, epoch)."""

    path: str
    folder: bool
    size: int
    modified_ms: int


class Files:
    """The calls, for threads.

    Example:
        ``client.files.upload("jobs/one/in.csv", "data/in.csv")``
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def upload(self, path: str, source: Source) -> None:
        """Puts a file in place of what has that path, with the folders above it."""
        folder, name = _split(path)
        self.make_folder(folder)
        self._ask(upload(folder, name, _bytes(source)))

    def make_folder(self, path: str) -> None:
        """Makes a folder and those above it, if they are not there yet."""
        for above in _prefixes(path):
            try:
                self._ask(make(above))
            except Conflict:
                continue

    def list(self, folder: str = "") -> tuple[FileRow, ...]:
        """What is directly in a folder, folders first, by name."""
        return self._ask(tree(folder))

    def read(self, path: str) -> bytes:
        """The bytes of a file."""
        return self._ask(read(path))

    def remove(self, path: str) -> None:
        """Removes a file, or a folder with all that is in it."""
        self._ask(remove(path))

    def fetch(
        self, folder: str, into: str | PathLike[str] = ".", patterns: Sequence[str] = ("*",)
    ) -> tuple[Path, ...]:
        """Copies the files below a folder that match a pattern to here; where they are now.

        A pattern such as ``*.csv`` or ``plots/*`` is compared with the path from ``folder`` on.
        """
        found: list[Path] = []
        folders, seen = [_clean(folder)], 0
        while folders:
            for row in self._ask(tree(folders.pop())):
                seen = _counted(seen)
                if row.folder:
                    folders.append(row.path)
                elif target := _target(row, folder, Path(into), patterns):
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(self._ask(read(row.path, row.size)))
                    found.append(target)
        return tuple(sorted(found))


class AsyncFiles:
    """The same for asyncio."""

    def __init__(self, ask: AskLater) -> None:
        self._ask = ask

    async def upload(self, path: str, source: Source) -> None:
        """Puts a file in place of what has that path, with the folders above it."""
        folder, name = _split(path)
        await self.make_folder(folder)
        import asyncio  # noqa: PLC0415 - not for threads

        await self._ask(upload(folder, name, await asyncio.to_thread(_bytes, source)))

    async def make_folder(self, path: str) -> None:
        """Makes a folder and those above it, if they are not there yet."""
        for above in _prefixes(path):
            try:
                await self._ask(make(above))
            except Conflict:
                continue

    async def list(self, folder: str = "") -> tuple[FileRow, ...]:
        """What is directly in a folder, folders first, by name."""
        return await self._ask(tree(folder))

    async def read(self, path: str) -> bytes:
        """The bytes of a file."""
        return await self._ask(read(path))

    async def remove(self, path: str) -> None:
        """Removes a file, or a folder with all that is in it."""
        await self._ask(remove(path))

    async def fetch(
        self, folder: str, into: str | PathLike[str] = ".", patterns: Sequence[str] = ("*",)
    ) -> tuple[Path, ...]:
        """Copies the files below a folder that match a pattern to here; where they are now.

        A pattern such as ``*.csv`` or ``plots/*`` is compared with the path from ``folder`` on.
        """
        import asyncio  # noqa: PLC0415

        found: list[Path] = []
        folders, seen = [_clean(folder)], 0
        while folders:
            for row in await self._ask(tree(folders.pop())):
                seen = _counted(seen)
                if row.folder:
                    folders.append(row.path)
                elif target := _target(row, folder, Path(into), patterns):
                    data = await self._ask(read(row.path, row.size))
                    await asyncio.to_thread(_write, target, data)
                    found.append(target)
        return tuple(sorted(found))


def make(path: str) -> Call[None]:
    """Asks for a folder in one that is there."""
    return Call("POST", f"{_FILES}/createNewDir", _done, body=orjson.dumps({"path": path}))


def upload(folder: str, name: str, data: bytes) -> Call[None]:
    """Sends a file into a folder."""
    boundary = uuid.uuid4().hex
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    body = head.encode() + data + f"\r\n--{boundary}--\r\n".encode()
    return Call(
        "POST",
        f"{_FILES}/upload",
        _done,
        {"path": folder} if folder else {"path": "/"},
        body,
        SECONDS + len(data) / _BYTES_PER_SECOND,
        content_type=f"multipart/form-data; boundary={boundary}",
    )


def tree(folder: str) -> Call[tuple[FileRow, ...]]:
    """Asks what is directly in a folder."""

    def rows(data: Document, _reply: Reply) -> tuple[FileRow, ...]:
        return tuple(map(_row, reading.rows(reading.section(data, "dirFileTrees"), "children")))

    return Call("GET", f"{_FILES}/getDirFileTrees", rows, {"path": folder or "/"})


def read(path: str, size: int = 0) -> Call[bytes]:
    """Asks for the bytes of a file of about that size."""

    def body(_data: Document, reply: Reply) -> bytes:
        return reply.body

    seconds = SECONDS + size / _BYTES_PER_SECOND
    return Call("GET", f"{_FILES}/download", body, {"path": path}, seconds=seconds, raw=True)


def remove(path: str) -> Call[None]:
    """Asks for a file or folder to go."""
    return Call("POST", f"{_FILES}/deleteDirOrFile", _done, body=orjson.dumps({"path": path}))


def _done(_data: Document, _reply: Reply) -> None:
    return None


def _row(child: Document) -> FileRow:
    reported = reading.section(child, "properties")
    path = reading.text(child, "path")
    return FileRow(
        path.removeprefix(_SCHEME).partition("/")[2] if path.startswith(_SCHEME) else path,
        not reading.flag(child, "isLeaf"),
        reading.number(reported, "size", 0),
        reading.number(reported, "modifytime", 0),
    )


def _split(path: str) -> tuple[str, str]:
    folder, _, name = _clean(path).rpartition("/")
    if not name or any(sign in name for sign in '"\r\n\\'):
        raise Invalid(f"{path!r} is no path of a file", field="path")
    return folder, name


def _clean(path: str) -> str:
    return "/".join(part for part in path.split("/") if part)


def _prefixes(path: str) -> tuple[str, ...]:
    parts = _clean(path).split("/") if _clean(path) else []
    return tuple("/".join(parts[: count + 1]) for count in range(len(parts)))


def _bytes(source: Source) -> bytes:
    if isinstance(source, bytes):
        return source
    try:
        return Path(source).read_bytes()
    except OSError as error:
        raise Invalid(f"cannot read {str(source)!r}: {error.strerror}", field="inputs") from error


def _write(target: Path, data: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)


def _counted(seen: int) -> int:
    if seen >= _MOST_FILES:
        raise ClientError(f"there are more than {_MOST_FILES} files in that folder")
    return seen + 1


def _target(row: FileRow, folder: str, into: Path, patterns: Sequence[str]) -> Path | None:
    """Where a file goes; None if no pattern wants it. Its name may lead nowhere else."""
    name = row.path.removeprefix(_clean(folder)).lstrip("/")
    if not any(fnmatchcase(name, pattern) for pattern in patterns):
        return None
    parts = name.split("/")
    if any(part in _UNFIT or "\\" in part or "\0" in part for part in parts):
        raise ClientError(f"the gateway named a file {name!r}, which is no place here")
    return into.joinpath(*parts)
