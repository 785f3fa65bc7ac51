"""Uploaded files: streamed to disk, immutable, private to their owner, counted against a quota.

One folder per owner holds ``<id>`` (the bytes) and ``<id>.json`` (what is known of them). The file
with the bytes is the truth: it gets its name last and loses it first, so what a crash leaves over
never looks like an object. Leftovers are cleared when the owner's folder is next written to: an
upload in progress holds a lock on its own file, which a dead one cannot.

This module never believes a client's file name, never holds a whole file in memory and never lets
a path be made of anything but a checked id. An object of one owner does not exist for another.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import re
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import aiofiles
import msgspec

from gateway.stores.atomic_file import sync_folder
from protocol.errors import GatewayError, Kind, Subject

if TYPE_CHECKING:
    from hashlib import _Hash

__all__ = ["ObjectLimits", "Objects", "Part", "StoredObject", "clean_name"]

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,254}", re.ASCII)
_PART = ".part"
_ABOUT = ".json"
_CHUNK = 256 * 1024
_RESERVED_BYTES = 4 * 1024 * 1024
_SLACK_BYTES = 2 * 1024 * 1024
"""By how much uploads under way may pass the quota together: it is known at their ends who fits."""


@dataclass(frozen=True, slots=True)
class ObjectLimits:
    """How much may be stored: bytes in one file, bytes of one owner, files in one request."""

    max_bytes: int = 1 << 30
    quota_bytes: int = 10 << 30
    max_parts: int = 100


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What is known of an uploaded file. ``sha256`` is lower-case hex."""

    id: str
    owner: str
    name: str
    size: int
    sha256: str
    created_ms: int


def clean_name(name: str, object_id: str) -> str:
    """The name under which a file is placed: the base name if it is harmless, else the id."""
    base = name.replace("\\", "/").rpartition("/")[2]
    return base if _NAME.fullmatch(base) else object_id


class Objects:
    """The uploaded files of all owners below one folder."""

    def __init__(self, root: Path, limits: ObjectLimits | None = None) -> None:
        self._root = root
        self.limits = limits or ObjectLimits()

    def path(self, owner: str, object_id: str) -> Path:
        """Where the bytes of an object are, whether or not it exists.

        Raises:
            GatewayError: NOT_FOUND if the id is no canonical UUID.
        """
        if not _ID.fullmatch(object_id):
            raise _missing(object_id)
        return self._folder(owner) / object_id

    def find(self, owner: str, object_id: str) -> StoredObject:
        """What is known of an object. Blocks on the disk; for worker threads and the runner.

        Raises:
            GatewayError: NOT_FOUND if this owner has no such object.
        """
        path = self.path(owner, object_id)
        try:
            about = path.with_name(object_id + _ABOUT).read_bytes()
            path.stat()  # the bytes decide: what is known of them may be left over
            return msgspec.json.decode(about, type=StoredObject)
        except (FileNotFoundError, NotADirectoryError, msgspec.DecodeError) as error:
            raise _missing(object_id) from error

    async def describe(self, owner: str, object_id: str) -> StoredObject:
        """What is known of an object; NOT_FOUND if this owner has no such one."""
        return await asyncio.to_thread(self.find, owner, object_id)

    async def read(
        self, owner: str, object_id: str, offset: int, length: int
    ) -> AsyncIterator[bytes]:
        """The ``length`` bytes from ``offset`` on, in pieces.

        Raises:
            GatewayError: GONE if the object was removed meanwhile.
        """
        try:
            async with aiofiles.open(self.path(owner, object_id), "rb") as file:
                await file.seek(offset)
                while length > 0:
                    data = await file.read(min(_CHUNK, length))
                    if not data:
                        raise GatewayError(Kind.INTERNAL, f"object {object_id} is cut short")
                    length -= len(data)
                    yield data
        except FileNotFoundError as error:
            raise GatewayError(
                Kind.GONE, f"object {object_id} was removed", subject=Subject.DATA
            ) from error

    async def remove(self, owner: str, object_id: str) -> StoredObject:
        """Removes an object and tells what it was; NOT_FOUND if this owner has no such one."""
        return await asyncio.to_thread(self._remove, owner, object_id)

    def touch(self, owner: str, object_id: str) -> StoredObject:
        """Notes that an object is in use, so that ``sweep`` spares it. Blocks on the disk.

        Raises:
            GatewayError: NOT_FOUND if this owner has no such object.
        """
        found = self.find(owner, object_id)
        try:
            os.utime(self.path(owner, object_id))
        except FileNotFoundError as error:
            raise _missing(object_id) from error
        return found

    def sweep(self, before: float) -> int:
        """Removes objects of all owners that were neither stored nor used since ``before``.

        ``before`` is in seconds since the epoch. Blocks on the disk. Returns how many went.
        """
        removed = 0
        for folder in self._root.iterdir() if self._root.is_dir() else ():
            with _locked(folder):
                for path in folder.iterdir():
                    if _ID.fullmatch(path.name) and path.stat().st_mtime < before:
                        path.unlink(missing_ok=True)
                        removed += 1
                _used(folder)
        return removed

    def used(self, owner: str) -> int:
        """Bytes that the owner's objects take up. Blocks on the disk; clears leftovers."""
        try:
            with _locked(self._folder(owner)) as folder:
                return _used(folder)
        except FileNotFoundError:
            return 0

    def open_part(self, owner: str) -> Part:
        """Begins a file under a fresh id. Blocks on the disk; for Intake."""
        folder = self._folder(owner)
        if not folder.is_dir():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            sync_folder(self._root)
        object_id = str(uuid.uuid4())
        path = folder / (object_id + _PART)
        # In the owner's lock, so that nobody takes the file for a leftover before it is locked.
        with _locked(folder):
            descriptor = os.open(
                path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
            )
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return Part(object_id, path, descriptor)

    def commit(self, owner: str, parts: Sequence[Part], now_ms: int) -> tuple[StoredObject, ...]:
        """Makes received files into objects, all or none. Blocks on the disk; for Intake.

        Raises:
            GatewayError: TOO_LARGE if they do not fit into what is left of the owner's quota.
        """
        with _locked(self._folder(owner)) as folder:
            for part in parts:
                part.trim()
            if _used(folder) + sum(part.size for part in parts) > self.limits.quota_bytes:
                raise self._no_room()
            objects = tuple(part.described(owner, now_ms) for part in parts)
            kept: list[Path] = []
            try:
                for part, stored in zip(parts, objects, strict=True):
                    _write(folder / (part.id + _ABOUT), msgspec.json.encode(stored))
                    part.path.rename(folder / part.id)
                    kept.append(folder / part.id)
                sync_folder(folder)
            except OSError:
                for path in kept:
                    path.unlink(missing_ok=True)
                raise
            return objects

    def reserve(self, owner: str, parts: Sequence[Part], wanted: int) -> None:
        """Makes sure that the last part of a request may grow by so much. Blocks on the disk.

        What is reserved shows in the file's own size, so that all uploads of an owner, in whichever
        process, share the quota while they go on.

        Raises:
            GatewayError: TOO_LARGE if there is no room for that.
        """
        with _locked(self._folder(owner)) as folder:
            left = self.limits.quota_bytes + _SLACK_BYTES - _used(folder, under_way=True)
            part = parts[-1]
            missing = part.size + wanted - part.reserved
            whole = _used(folder) + sum(one.size for one in parts) + wanted
            if missing > left or whole > self.limits.quota_bytes:
                raise self._no_room()
            # Much at a time while there is much room, and little for each when there is little.
            part.grow(max(missing, min(_RESERVED_BYTES, left // 16)))

    def _no_room(self) -> GatewayError:
        return GatewayError(
            Kind.TOO_LARGE,
            f"your files would take more than {self.limits.quota_bytes} bytes in all",
        )

    def _folder(self, owner: str) -> Path:
        """The owner's folder; its name is a hash, since an owner's name may hold anything."""
        return self._root / hashlib.sha256(owner.encode("utf-8", "surrogatepass")).hexdigest()[:40]

    def _remove(self, owner: str, object_id: str) -> StoredObject:
        path = self.path(owner, object_id)
        try:
            with _locked(path.parent) as folder:
                found = self.find(owner, object_id)
                path.unlink()
                path.with_name(object_id + _ABOUT).unlink(missing_ok=True)
                sync_folder(folder)
        except FileNotFoundError as error:
            raise _missing(object_id) from error
        return found


@dataclass(slots=True)
class Part:
    """One file while it is being received."""

    id: str
    path: Path
    descriptor: int
    name: str = ""
    size: int = 0
    reserved: int = 0
    digest: _Hash = field(default_factory=hashlib.sha256)

    def write(self, data: bytes) -> None:
        """Appends to the file."""
        self.digest.update(data)
        self.size += len(data)
        view = memoryview(data)
        while view:
            view = view[os.write(self.descriptor, view) :]

    def grow(self, size: int) -> None:
        """Reserves more bytes."""
        with suppress(OSError):  # a disk that takes nothing says so when it is written to
            os.ftruncate(self.descriptor, self.reserved + size)
        self.reserved += size

    def trim(self) -> None:
        """Gives back what was reserved and is not needed."""
        os.ftruncate(self.descriptor, self.size)
        self.reserved = self.size

    def described(self, owner: str, now_ms: int) -> StoredObject:
        """What the finished file will be known as."""
        return StoredObject(
            id=self.id,
            owner=owner,
            name=clean_name(self.name, self.id),
            size=self.size,
            sha256=self.digest.hexdigest(),
            created_ms=now_ms,
        )


@contextmanager
def _locked(folder: Path) -> Iterator[Path]:
    """Holds the lock of an owner's folder, which every change of quota passes."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield folder
    finally:
        os.close(descriptor)


def _used(folder: Path, *, under_way: bool = False) -> int:
    """Bytes of the objects in a locked folder, and of uploads if they are asked for.

    Removes what dead uploads left.
    """
    total = 0
    names = {entry.name: entry for entry in os.scandir(folder)}
    for name, entry in names.items():
        if _ID.fullmatch(name):
            total += entry.stat(follow_symlinks=False).st_size
        elif name.endswith(_PART):
            if _abandoned(folder / name):
                (folder / name).unlink(missing_ok=True)
            elif under_way:
                with suppress(FileNotFoundError):
                    total += entry.stat(follow_symlinks=False).st_size
        elif name.endswith(_ABOUT) and name.removesuffix(_ABOUT) not in names:
            (folder / name).unlink(missing_ok=True)
    return total


def _abandoned(path: Path) -> bool:
    """Whether nobody writes to a file any more."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def _write(path: Path, data: bytes) -> None:
    """Writes a small file durably; its content appears before anything points to it."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(path, flags, 0o600), "wb") as file:  # noqa: PTH123 - a descriptor, no path
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _missing(object_id: str) -> GatewayError:
    return GatewayError(Kind.NOT_FOUND, f"no data object {object_id[:64]}", subject=Subject.DATA)
