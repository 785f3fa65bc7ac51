"""Directory trees that somebody else made: removed and measured however deep they are.

Everything goes by descriptor, in a loop, with at most three of them open: a tree may be deeper than
a path can be long, than Python can recurse and than a process may open files. No link is followed.
The shim imports this file: standard library only.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["Step", "disk_usage", "give_tree", "open_folder", "remove_tree", "walk"]

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_BLOCK = 512
_REFILLS = 100
_OWN = stat.S_IRWXU


class Step(NamedTuple):
    """One step of a walk: a directory is entered, or left.

    Entering: ``fd`` is the directory and ``entries`` is what it holds. Leaving: ``entries`` is None
    and ``fd`` is the directory above, in which the one that was left is called ``name``. The
    descriptor is the walk's own and good until the next step.
    """

    fd: int
    name: str
    entries: list[os.DirEntry[str]] | None


class _Level(NamedTuple):
    """A directory on the way down: its identity, its name and what is still to be entered."""

    identity: tuple[int, int]
    name: str
    folders: list[str]


def remove_tree(path: str, seconds: float = 0.0, dir_fd: int | None = None) -> bool:
    """Removes a directory with all that is below it; False if time ran out before the end.

    Whatever is deeper than one level is first moved up, so that what is worked on never gets deep
    and a crash leaves a tree that can be removed by the same call. Permissions that the owner took
    away are given back. What is not there needs no
    removing, and a link or a file in its place goes itself.

    Args:
        path: the directory, on a file system that nobody else mounts into.
        seconds: how long it may take, 0 for as long as it needs.
        dir_fd: the directory to which ``path`` is relative, if not the working directory.

    Raises:
        OSError: something cannot be removed; everything else is.
    """
    deadline = time.monotonic() + seconds if seconds else float("inf")
    try:
        root = open_folder(path, dir_fd)
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno not in (errno.ENOTDIR, errno.ELOOP):
            raise
        os.unlink(path, dir_fd=dir_fd)
        return True
    try:
        removal = _Removal(root, deadline)
        while removal.run():
            try:
                os.rmdir(path, dir_fd=dir_fd)
            except FileNotFoundError:
                return True
            except OSError as error:
                # Somebody else removes it as well, and has just moved something up.
                if error.errno != errno.ENOTEMPTY:
                    raise
            else:
                return True
        return False
    finally:
        os.close(root)


def disk_usage(path: str) -> int:
    """The disk that a directory and all below it take, in bytes; what vanishes meanwhile is none.

    Raises:
        OSError: a directory cannot be read, or was moved while it was being read.
    """
    total = 0
    for step in walk(path):
        for entry in step.entries or ():
            try:
                total += entry.stat(follow_symlinks=False).st_blocks * _BLOCK
            except FileNotFoundError:
                continue
    return total


def give_tree(path: str, uid: int) -> None:
    """Gives a file, or a directory with all that is below it, to a user and their group; 0 to none.

    Raises:
        OSError: it is not there, or was moved meanwhile, or this user may not give it.
    """
    if not uid:
        return
    os.chown(path, uid, uid, follow_symlinks=False)
    if not stat.S_ISDIR(os.lstat(path).st_mode):
        return
    for step in walk(path):
        for entry in step.entries or ():
            with contextlib.suppress(FileNotFoundError):
                os.chown(entry.name, uid, uid, dir_fd=step.fd, follow_symlinks=False)


def walk(path: str, dir_fd: int | None = None) -> Iterator[Step]:
    """Goes through a directory and all below it, each entered before and left after its children.

    A directory that vanishes before it is entered is passed over. With ``dir_fd`` the path is
    relative to that directory.

    Raises:
        OSError: a directory cannot be read, or was moved while the walk was in it.
    """
    fd = os.open(path, _FOLDER, dir_fd=dir_fd)
    try:
        levels = [_Level(_identity(fd), "", [])]
        entries = _entries(fd)
        yield Step(fd, "", entries)
        levels[-1].folders.extend(_folders(entries))
        while levels:
            level = levels[-1]
            if level.folders:
                name = level.folders.pop()
                try:
                    inner = os.open(name, _FOLDER, dir_fd=fd)
                except (FileNotFoundError, NotADirectoryError):
                    continue
                os.close(fd)
                fd = inner
                entries = _entries(fd)
                yield Step(fd, name, entries)
                levels.append(_Level(_identity(fd), name, _folders(entries)))
                continue
            levels.pop()
            if levels:
                outer = os.open("..", _FOLDER, dir_fd=fd)
                os.close(fd)
                fd = outer
                if _identity(fd) != levels[-1].identity:
                    raise OSError(f"{path} is being moved about")
                yield Step(fd, level.name, None)
    finally:
        os.close(fd)


def open_folder(name: str, fd: int | None = None) -> int:
    """Opens a directory for reading, with the permissions that its owner took away given back.

    Raises:
        OSError: it is not there, is no directory, or is not ours to change.
    """
    try:
        found = os.open(name, _FOLDER, dir_fd=fd)
    except PermissionError:
        path = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
        try:
            os.chmod(f"/proc/self/fd/{path}", _OWN)
        finally:
            os.close(path)
        found = os.open(name, _FOLDER, dir_fd=fd)
    mode = os.fstat(found).st_mode
    if mode & _OWN != _OWN:
        try:
            os.fchmod(found, _OWN)
        except PermissionError:
            # Somebody else's: what can be removed of it is removed.
            return found
    return found


class _Removal:
    """The emptying of one directory, ``root``: what is deep is moved up into it and taken apart."""

    def __init__(self, root: int, deadline: float) -> None:
        self._root = root
        self._deadline = deadline
        self._mark = f".{os.urandom(6).hex()}"
        self._count = 0
        self._failed: dict[str, OSError] = {}
        self._refilled = 0

    def run(self) -> bool:
        """Empties it; False if time ran out. Raises OSError if something cannot be removed."""
        while names := [one for one in os.listdir(self._root) if one not in self._failed]:
            for name in names:
                if time.monotonic() > self._deadline:
                    return False
                self._try(self._root, name)
        for error in self._failed.values():
            raise error
        return True

    def _try(self, fd: int, name: str) -> None:
        """Removes one entry of the root, or remembers why that cannot be."""
        try:
            self._remove(fd, name)
        except FileNotFoundError:
            return
        except OSError as error:
            # Somebody may write into what is being emptied; for a while that is tried again.
            self._refilled += error.errno == errno.ENOTEMPTY
            if error.errno != errno.ENOTEMPTY or self._refilled > _REFILLS:
                self._failed[name] = error

    def _remove(self, fd: int, name: str) -> None:
        try:
            os.unlink(name, dir_fd=fd)
        except (IsADirectoryError, PermissionError):
            if not stat.S_ISDIR(os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode):
                raise
        else:
            return
        inner = open_folder(name, fd)
        try:
            failure = self._clear(inner)
        finally:
            os.close(inner)
        if failure is not None:
            raise failure
        if time.monotonic() <= self._deadline:
            os.rmdir(name, dir_fd=fd)

    def _clear(self, fd: int) -> OSError | None:
        """Takes all out of a directory: files go, directories go up into the root."""
        failure: OSError | None = None
        for entry in _entries(fd):
            if time.monotonic() > self._deadline:
                return failure
            try:
                if entry.is_dir(follow_symlinks=False):
                    self._lift(fd, entry.name)
                else:
                    os.unlink(entry.name, dir_fd=fd)
            except FileNotFoundError:
                continue
            except OSError as error:
                failure = failure or error
        return failure

    def _lift(self, fd: int, name: str) -> None:
        self._count += 1
        above = f"{self._mark}.{self._count}"
        try:
            os.rename(name, above, src_dir_fd=fd, dst_dir_fd=self._root)
        except PermissionError:
            # To move a directory is to write into it: its owner may have taken that away.
            os.close(open_folder(name, fd))
            os.rename(name, above, src_dir_fd=fd, dst_dir_fd=self._root)


def _entries(fd: int) -> list[os.DirEntry[str]]:
    with os.scandir(fd) as entries:
        return list(entries)


def _folders(entries: list[os.DirEntry[str]]) -> list[str]:
    return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]


def _identity(fd: int) -> tuple[int, int]:
    found = os.fstat(fd)
    return found.st_dev, found.st_ino
