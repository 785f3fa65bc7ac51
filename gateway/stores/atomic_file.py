"""Small files that several processes read and write: replaced as a whole, durable, one at a time.

Also where a folder of the gateway must not be: on a file system whose locks and renames cannot be
trusted.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from protocol.errors import GatewayError, Kind

__all__ = ["exclusive", "private_folder", "refuse_network", "replace", "sync_folder", "try_lock"]

_NETWORK = frozenset(
    {
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "9p",
        "afs",
        "ceph",
        "glusterfs",
        "lustre",
        "fuse.sshfs",
    }
)


def private_folder(path: Path) -> None:
    """Makes a folder for its owner alone, or checks that an existing one is that."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    facts = path.stat()
    if facts.st_uid != os.getuid():
        raise GatewayError(Kind.FORBIDDEN, f"folder {path} belongs to another user")
    if facts.st_mode & 0o077:
        path.chmod(0o700)


def refuse_network(path: Path) -> None:
    """Raises UNSUPPORTED for a folder on a file system that is known to be remote."""
    kind = _file_system(path.resolve())
    if kind in _NETWORK:
        raise GatewayError(
            Kind.UNSUPPORTED, f"folder {path} is on a network file system ({kind}); use a local one"
        )


def _file_system(path: Path) -> str:
    best, kind = -1, ""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/mountinfo").read_text("utf-8", "replace").splitlines():
            mount, _, rest = line.partition(" - ")
            point = Path(mount.split()[4].encode().decode("unicode_escape"))
            if path.is_relative_to(point) and len(point.parts) >= best:
                best, kind = len(point.parts), rest.split()[0]
    return kind


def try_lock(path: Path) -> int | None:
    """Takes the lock that a file stands for; its descriptor, which holds it, or None if taken."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    except BaseException:
        os.close(fd)
        raise
    return fd


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Holds the lock that a file stands for; waits for it, so its holders must be brief."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def replace(path: Path, data: bytes) -> None:
    """Puts a private file in place as a whole, so that no reader and no crash sees half of it."""
    fresh = path.with_name(f".{path.name}.{os.urandom(6).hex()}")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Makes the names in a folder durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
