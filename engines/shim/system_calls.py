"""System calls of Linux that Python 3.11 does not have: namespaces, mounts, capabilities.

Each raises OSError as the kernel says it. Only for processes of one thread, as namespaces of users
are. Standard library only.
"""

from __future__ import annotations

import ctypes
import os
from struct import Struct

__all__ = [
    "BIND",
    "NODEV",
    "NOEXEC",
    "NOSUID",
    "PRIVATE",
    "READ_ONLY",
    "RECURSIVE",
    "SHARED",
    "be_hidden",
    "bound_capabilities",
    "die_with",
    "drop_capabilities",
    "mount",
    "open_without_links",
    "pivot_root",
    "restrict",
    "scope_names",
    "umount",
    "unshare",
]

NOSUID, NODEV, NOEXEC = 2, 4, 8
BIND, RECURSIVE = 0x1000, 0x4000
PRIVATE, SHARED = 1 << 18, 1 << 20
READ_ONLY = 1

_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_DETACH = 2
_MOUNT_SETATTR = 442
_OPENAT2 = 437
_AT_FDCWD = -100
_AT_RECURSIVE = 0x8000
_HOW = Struct("<QQQ")
_NO_SYMLINKS, _NO_MAGICLINKS = 4, 2
_ATTRIBUTES = Struct("<QQQQ")
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_CAPBSET_DROP = 24
_PR_CAP_AMBIENT = 47
_CLEAR_ALL = 4
_MOST_CAPABILITIES = 64
_CAPABILITIES_3 = 0x20080522
_CAP_HEADER = Struct("<Ii")

_CREATE_RULESET, _RESTRICT_SELF = 444, 446
_VERSION_OF_RULES = 1
_RULES = Struct("<QQQ")
_ABSTRACT_SOCKETS = 1
_SCOPES_SINCE = 6

_libc = ctypes.CDLL(None, use_errno=True)


def unshare(flags: int) -> None:
    """Puts this process, or its children, into new namespaces."""
    _checked(_libc.unshare(flags))


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    """Makes a mount; the words are those of the system call."""
    _checked(
        _libc.mount(
            source.encode(errors="surrogateescape"),
            target.encode(errors="surrogateescape"),
            kind.encode(),
            ctypes.c_ulong(flags),
            options.encode(),
        ),
        target,
    )


def umount(target: str) -> None:
    """Takes a mount away, with all below it, whoever still uses it."""
    _checked(_libc.umount2(target.encode(errors="surrogateescape"), _DETACH), target)


def pivot_root() -> None:
    """Makes the working directory, which must be a mount, the root, and forgets the old one."""
    number = _PIVOT_ROOT[os.uname().machine]
    _checked(_libc.syscall(ctypes.c_long(number), b".", b"."))
    umount(".")
    os.chdir("/")


def restrict(target: str, attributes: int, *, below: bool) -> None:
    """Takes rights away from a mount, and from those below it."""
    packed = _ATTRIBUTES.pack(attributes, 0, 0, 0)
    _checked(
        _libc.syscall(
            ctypes.c_long(_MOUNT_SETATTR),
            ctypes.c_int(_AT_FDCWD),
            target.encode(errors="surrogateescape"),
            ctypes.c_uint(_AT_RECURSIVE if below else 0),
            packed,
            ctypes.c_size_t(len(packed)),
        ),
        target,
    )


def open_without_links(path: str) -> int:
    """A descriptor that only names a file, to which no part of the path led by a symbolic link."""
    how = _HOW.pack(os.O_PATH | os.O_CLOEXEC, 0, _NO_SYMLINKS | _NO_MAGICLINKS)
    return _checked(
        _libc.syscall(
            ctypes.c_long(_OPENAT2),
            ctypes.c_int(_AT_FDCWD),
            path.encode(errors="surrogateescape"),
            how,
            ctypes.c_size_t(len(how)),
        ),
        path,
    )


def die_with(number: int) -> None:
    """Has the kernel send this process a signal when its parent dies; 0 for none."""
    _checked(_libc.prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0))


def be_hidden() -> None:
    """Lets nobody of this user look into this process."""
    _checked(_libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0))


def bound_capabilities() -> None:
    """Has no program give this process, or those below it, a capability."""
    for number in range(_MOST_CAPABILITIES):
        if _libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0):
            break  # this kernel knows no more of them


def drop_capabilities() -> None:
    """Gives up all that this process may do beyond what its user may."""
    _libc.prctl(_PR_CAP_AMBIENT, _CLEAR_ALL, 0, 0, 0)
    _checked(_libc.capset(_CAP_HEADER.pack(_CAPABILITIES_3, 0), bytes(24)))


def scope_names() -> bool:
    """Keeps this process, and those below it, from sockets without a file that others listen at.

    By Landlock, from Linux 6.12 on; False where that is not there. Needs a process that refuses
    privileges.
    """
    none, zero = ctypes.c_void_p(None), ctypes.c_size_t(0)
    number = ctypes.c_long(_CREATE_RULESET)
    if _libc.syscall(number, none, zero, ctypes.c_uint(_VERSION_OF_RULES)) < _SCOPES_SINCE:
        return False
    rules = _RULES.pack(0, 0, _ABSTRACT_SOCKETS)
    made = _libc.syscall(number, rules, ctypes.c_size_t(len(rules)), ctypes.c_uint(0))
    fd = _checked(made)
    try:
        _checked(_libc.syscall(ctypes.c_long(_RESTRICT_SELF), ctypes.c_int(fd), ctypes.c_uint(0)))
    finally:
        os.close(fd)
    return True


def _checked(result: int, path: str | None = None) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
    return result
