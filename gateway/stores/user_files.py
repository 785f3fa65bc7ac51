"""Folders of users, walked for real: one name at a time from the descriptor of the owner's root.

No path is ever put together and given to the kernel, and no link is ever followed, so nothing that
is planted or swapped below a root leads out of it. Only plain files that belong to the gateway's
user, or to one that its tasks are, have one name and no special bits are there at all; anything
else is as if it did not exist.
Every change holds the lock of the root, which the quota is counted under. Blocks on the disk.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import stat
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from engines.trees import remove_tree, walk
from gateway.config import Config
from protocol.errors import GatewayError, Kind, Subject
from protocol.file_modes import ModeChange
from protocol.files import FileEntry, FilePath

__all__ = ["FolderLimits", "Incoming", "UserFiles"]

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NAMED = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_WALKED = stat.S_IRWXU
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_SPECIAL = stat.S_ISUID | stat.S_ISGID
_PART = ".narthex-"
_LEFT_SECONDS = 3600.0
_RESERVED_BYTES = 1024 * 1024
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
_DENIED = frozenset({errno.EACCES, errno.EPERM})
_TAKEN = frozenset({errno.EEXIST, errno.ENOTEMPTY, errno.EISDIR, errno.ENOTDIR})


@dataclass(frozen=True, slots=True)
class FolderLimits:
    """How much one user may keep: bytes in all, bytes in a file, files and folders in all.

    ``users`` are the first of the users of the system that tasks are, and how many there are; none
    where they are the gateway's.
    """

    quota_bytes: int
    file_bytes: int
    entries: int
    users: tuple[int, int] = (0, 0)

    @classmethod
    def of(cls, config: Config) -> FolderLimits:
        """Those of the settings."""
        kept, runner = config.files, config.runner
        users = runner.user_ids if runner.isolation == "users" else (0, 0)
        return cls(kept.quota_bytes, kept.file_bytes, kept.entries, users)

    def may_own(self, uid: int) -> bool:
        """Whether a file of that user of the system can be one of the gateway's users."""
        first, count = self.users
        return uid == os.geteuid() or first <= uid < first + count


@dataclass(slots=True)
class Incoming:
    """A file that is received beside the place where it will be; nothing before ``begin``.

    Who waits for a thread may be cancelled while the thread goes on: each step holds ``alone``, so
    that the end closes nothing under it, and none begins after the end. One that is ``staged``
    waits in its owner's root, because the folder that it is for is not known yet.
    """

    staged: bool = False
    folder: int = -1
    part: str = ""
    descriptor: int = -1
    size: int = 0
    owner: str = ""
    reserved: int = 0
    alone: threading.Lock = field(default_factory=threading.Lock)
    ended: bool = False


class UserFiles:
    """The folders of all users below one folder of the gateway."""

    def __init__(self, root: Path, limits: FolderLimits) -> None:
        self._root = root
        self.limits = limits

    def look(self, path: FilePath) -> FileEntry | None:
        """What is known of a file or folder; None if there is none."""
        try:
            with self._parent(path) as (folder, name):
                return self._entry(path, os.stat(name, dir_fd=folder, follow_symlinks=False))
        except GatewayError as error:
            if error.kind is Kind.NOT_FOUND:
                return None
            raise

    def list(self, path: FilePath) -> tuple[FileEntry, list[FileEntry]]:
        """A folder and what is directly in it, folders first, by name."""
        with self._folder(path) as folder:
            found: list[FileEntry] = []
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.startswith(_PART) or len(found) >= self.limits.entries:
                        continue
                    with contextlib.suppress(FileNotFoundError, GatewayError):
                        status = entry.stat(follow_symlinks=False)
                        child = self._entry(path.child(entry.name), status)
                        found += [child] if child else []
            own = self._entry(path, os.fstat(folder))
        if own is None:
            raise _missing()
        return own, sorted(found, key=lambda child: (not child.folder, child.name))

    def open(self, path: FilePath) -> tuple[FileEntry, int]:
        """A file and a descriptor to read it from, which is the caller's to close."""
        with self._parent(path) as (folder, name):
            descriptor = os.open(name, _FILE, dir_fd=folder)
        entry = self._entry(path, os.fstat(descriptor))
        if entry is None or entry.folder:
            os.close(descriptor)
            raise _missing()
        return entry, descriptor

    def write(self, path: FilePath, data: bytes, *, create: bool) -> FileEntry:
        """Puts a file in place as a whole, durably."""
        incoming = Incoming()
        try:
            self.begin(incoming, path)
            self.add(incoming, data)
            return self.keep(incoming, path, create=create)
        finally:
            self.end(incoming)

    def begin(self, incoming: Incoming, path: FilePath) -> None:
        """Begins a file in the folder where ``path`` is to be."""
        with _step(incoming), self._parent(path) as (folder, _):
            incoming.owner = path.owner
            incoming.part = _PART + os.urandom(9).hex()
            incoming.descriptor = os.open(incoming.part, _NEW, 0o600, dir_fd=folder)
            incoming.folder = os.dup(folder)

    def add(self, incoming: Incoming, data: bytes) -> None:
        """Appends to it. TOO_LARGE beyond what a file may have."""
        incoming.size += len(data)
        if incoming.size > self.limits.file_bytes:
            raise GatewayError(
                Kind.TOO_LARGE, f"a file has at most {self.limits.file_bytes} bytes here"
            )
        view = memoryview(data)
        with _step(incoming):
            self._reserve(incoming)
            while view:
                view = view[os.write(incoming.descriptor, view) :]

    def _reserve(self, incoming: Incoming) -> None:
        """Has room for all of it.

        What is reserved shows in the size of the file itself, so that all uploads of an owner share
        the quota while they go on.
        """
        missing = incoming.size - incoming.reserved
        if missing <= 0:
            return
        with _refusing(), self._lock(incoming.owner) as root:
            left = self.limits.quota_bytes - _usage(root)[0]
            if missing > left:
                raise self._no_room()
            incoming.reserved += min(left, max(missing, _RESERVED_BYTES))
            os.ftruncate(incoming.descriptor, incoming.reserved)

    def _no_room(self) -> GatewayError:
        return GatewayError(
            Kind.TOO_LARGE, f"your files would be more than {self.limits.quota_bytes} bytes"
        )

    def keep(self, incoming: Incoming, path: FilePath, *, create: bool) -> FileEntry:
        """Gives it its name. TOO_LARGE if the owner has no room for it."""
        name = path.parts[-1]
        with _step(incoming):
            os.ftruncate(incoming.descriptor, incoming.size)
            os.fsync(incoming.descriptor)
            with self._changing(path.owner), self._target(incoming, path) as folder:
                known = _status(name, folder)
                if known is not None and (create or not stat.S_ISREG(known.st_mode)):
                    raise _taken(name)
                os.rename(incoming.part, name, src_dir_fd=incoming.folder, dst_dir_fd=folder)
                os.fsync(folder)
                entry = self._entry(path, os.fstat(incoming.descriptor))
        if entry is None:
            raise _missing()
        return entry

    @contextlib.contextmanager
    def _target(self, incoming: Incoming, path: FilePath) -> Iterator[int]:
        """The descriptor of the folder that a received file is for."""
        if not incoming.staged:
            yield incoming.folder
            return
        with self._parent(path) as (folder, _):
            yield folder

    def end(self, incoming: Incoming) -> None:
        """Gives everything back, and forgets a file that was not kept. May be called again."""
        with incoming.alone:
            if incoming.ended:
                return
            incoming.ended = True
            if incoming.folder >= 0:
                with contextlib.suppress(OSError):
                    os.unlink(incoming.part, dir_fd=incoming.folder)
                os.close(incoming.folder)
            if incoming.descriptor >= 0:
                os.close(incoming.descriptor)

    def make_folder(self, path: FilePath) -> FileEntry:
        """Makes a folder in one that is there."""
        with self._changing(path.owner), self._parent(path) as (folder, name):
            os.mkdir(name, 0o700, dir_fd=folder)
            entry = self._entry(path, os.stat(name, dir_fd=folder, follow_symlinks=False))
        if entry is None:
            raise _missing()
        return entry

    def make_parents(self, path: FilePath) -> None:
        """Makes the folders above a path that are not there; CONFLICT if one of them is a file."""
        for count in range(1, len(path.parts)):
            above = FilePath(path.owner, path.parts[:count])
            found = self.look(above)
            if found is None:
                with contextlib.suppress(GatewayError):
                    self.make_folder(above)
                found = self.look(above) or self.make_folder(above)
            if not found.folder:
                raise _taken(above.parts[-1])

    def place(self, path: FilePath) -> Path:
        """Where a folder is, for a process that is to work in it; made if it is not there."""
        self.make_parents(path.child("-"))
        with self._folder(path) as folder:
            # What the descriptor leads to: a folder below the owner's root, whatever names changed.
            return Path(f"/proc/self/fd/{folder}").readlink()

    def change_mode(self, path: FilePath, mode: ModeChange) -> FileEntry:
        """Changes the permissions of a file or folder, and of nothing that a link leads to."""
        with self._lock(path.owner), self._parent(path) as (folder, name):
            descriptor = os.open(name, _NAMED, dir_fd=folder)
            try:
                found = self._entry(path, os.fstat(descriptor))
                if found is None:
                    raise _missing()
                wanted = mode.of(found.mode) | (_WALKED if found.folder else 0)
                # The descriptor's own file, whatever has the name by now; it need not be readable.
                os.chmod(f"/proc/self/fd/{descriptor}", wanted)  # noqa: PTH101 - a descriptor
                return replace(found, mode=stat.S_IFMT(found.mode) | wanted)
            finally:
                os.close(descriptor)

    def rename(self, path: FilePath, to: FilePath) -> FileEntry:
        """Moves a file or folder to a name that is free."""
        if to.parts[: len(path.parts)] == path.parts:
            raise GatewayError(Kind.CONFLICT, "a folder cannot be moved into itself")
        with (
            self._changing(path.owner),
            self._parent(path) as (source, old),
            self._parent(to) as (target, new),
        ):
            found = self._entry(to, os.stat(old, dir_fd=source, follow_symlinks=False))
            if found is None:
                raise _missing()
            if _status(new, target) is not None:
                raise _taken(new)
            os.rename(old, new, src_dir_fd=source, dst_dir_fd=target)
            return found

    def remove(self, path: FilePath) -> None:
        """Removes a file or link, or a folder with all that is in it."""
        with self._lock(path.owner), self._parent(path) as (folder, name):
            if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                remove_tree(name, dir_fd=folder)
            else:
                os.unlink(name, dir_fd=folder)

    @contextlib.contextmanager
    def _parent(self, path: FilePath) -> Iterator[tuple[int, str]]:
        """The descriptor of the folder that a path is in, and its name there."""
        if not path.parts:
            raise GatewayError(Kind.INVALID, "this cannot be done with a root folder")
        with self._folder(FilePath(path.owner, path.parts[:-1])) as folder:
            yield folder, path.parts[-1]

    @contextlib.contextmanager
    def _folder(self, path: FilePath) -> Iterator[int]:
        """The descriptor of a folder, reached name by name; faults below become refusals."""
        with _refusing():
            descriptor = self._own(path.owner)
            try:
                for name in path.parts:
                    following = os.open(name, _FOLDER, dir_fd=descriptor)
                    os.close(descriptor)
                    descriptor = following
                yield descriptor
            finally:
                os.close(descriptor)

    def _own(self, owner: str) -> int:
        """The descriptor of a user's root, which is made at the first use."""
        name = hashlib.sha256(owner.encode("utf-8", "surrogatepass")).hexdigest()[:40]
        path = self._root / name
        try:
            return os.open(path, _FOLDER)
        except FileNotFoundError:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            return os.open(path, _FOLDER)

    @contextlib.contextmanager
    def _lock(self, owner: str) -> Iterator[int]:
        descriptor = self._own(owner)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def _changing(self, owner: str) -> Iterator[None]:
        """Holds the owner's lock for something that adds an entry, if there is room."""
        limits = self.limits
        with _refusing(), self._lock(owner) as root:
            used, entries = _usage(root)
            if used > limits.quota_bytes:
                raise self._no_room()
            if entries >= limits.entries:
                raise GatewayError(
                    Kind.TOO_LARGE, f"you have {limits.entries} files and folders already"
                )
            yield

    def _entry(self, path: FilePath, status: os.stat_result) -> FileEntry | None:
        """What is known of a file or folder; None for what is none of ours."""
        folder = stat.S_ISDIR(status.st_mode)
        plain = (
            stat.S_ISREG(status.st_mode)
            and status.st_nlink == 1
            and self.limits.may_own(status.st_uid)
            and not status.st_mode & _SPECIAL
        )
        if not folder and not plain:
            return None
        modified = status.st_mtime_ns // 1_000_000
        size = 0 if folder else status.st_size
        return FileEntry(path, folder, size, modified, status.st_mode)


@contextlib.contextmanager
def _step(incoming: Incoming) -> Iterator[None]:
    """Holds a file that is being received; refuses one that was given up meanwhile."""
    with incoming.alone:
        if incoming.ended:
            raise _missing()
        yield


def _usage(root: int) -> tuple[int, int]:
    """Bytes and number of all that is below a root; removes what dead uploads left."""
    size = count = 0
    old = time.time() - _LEFT_SECONDS
    for step in walk(".", root):
        for entry in step.entries or ():
            if entry.is_dir(follow_symlinks=False):
                count += 1
                continue
            status = _status(entry.name, step.fd)
            if status is None:
                continue
            if entry.name.startswith(_PART):
                if status.st_mtime < old:
                    os.unlink(entry.name, dir_fd=step.fd)
                else:
                    size += status.st_size
                continue
            size += status.st_size
            count += 1
    return size, count


def _status(name: str, folder: int) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    """Turns what the kernel says of a name into a refusal."""
    try:
        yield
    except OSError as error:
        if error.errno in _TAKEN and error.errno not in _ABSENT:
            raise GatewayError(
                Kind.CONFLICT, "there is something of that name already", subject=Subject.FILE
            ) from error
        if error.errno in _ABSENT:
            raise _missing() from error
        if error.errno in _DENIED:
            raise GatewayError(
                Kind.FORBIDDEN,
                "the permissions of this file or folder do not allow it",
                subject=Subject.FILE,
            ) from error
        raise


def _missing() -> GatewayError:
    return GatewayError(Kind.NOT_FOUND, "there is no such file or folder", subject=Subject.FILE)


def _taken(name: str) -> GatewayError:
    return GatewayError(
        Kind.CONFLICT, f"there is something called {name[:80]!r} already", subject=Subject.FILE
    )
