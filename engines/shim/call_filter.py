"""A filter of system calls for what runs in a sandbox: no namespaces, mounts, keys, or kernel code.

It refuses with EPERM, so that programs that only try go on. What it takes away is what such code
does not need and where faults of kernels have been found. Other machines than x86-64 and 64-bit ARM
get none. Standard library only.
"""

from __future__ import annotations

import ctypes
import errno
import os
from struct import Struct

__all__ = ["FILTERED", "filter_program", "install_filter"]

FILTERED = ("x86_64", "aarch64")
"""The machines for which there is a filter."""

_PR_SET_SECCOMP = 22
_FILTER = 2
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_STEP = Struct("<HBBI")
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _MACHINE, _FIRST, _SECOND = 0, 4, 16, 24
_X32 = 0x40000000
_NEW_NAMESPACES = 0x7E020080
"""Every CLONE_NEW of clone and unshare, that of time included."""
_CLONE = {"x86_64": 56, "aarch64": 220}
_CLONE3 = 435
_IOCTL = {"x86_64": 16, "aarch64": 29}
_PUSH_INTO_TERMINAL = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX

# In the order of the kernel's tables; those from 424 on are the same everywhere.
_X86 = (
    *(103, 134, 153, 155, 156, 159, 161, 163, 164, 165, 166, 167, 168, 169, 170, 171, 172, 173),
    *(174, 175, 176, 177, 178, 179, 180, 212, 227, 246, 248, 249, 250, 256, 272, 298, 300, 304),
    *(305, 308, 312, 313, 320, 321, 323),
)
_ARM = (
    *(18, 39, 40, 41, 42, 51, 58, 60, 89, 97, 104, 105, 106, 112, 116, 142, 161, 162, 170, 171),
    *(217, 218, 219, 224, 225, 238, 241, 262, 265, 266, 268, 272, 273, 280, 282, 294),
)
_EVERYWHERE = (425, 426, 427, 428, 429, 430, 431, 432, 433, 442, 443)
_REFUSED = {"x86_64": _X86, "aarch64": _ARM}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_char_p))


def install_filter() -> bool:
    """Filters from now on what this process and all below it ask of the kernel.

    False where there is no filter. Needs a process that refuses privileges. Raises OSError.
    """
    steps = filter_program()
    if not steps:
        return False
    program = _Program(len(steps) // _STEP.size, steps)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return True


def filter_program() -> bytes:
    """The filter of this machine in the kernel's form; empty where there is none."""
    machine = os.uname().machine
    return _program(machine) if machine in FILTERED else b""


def _program(machine: str) -> bytes:
    refuse = _ret(_ERRNO | errno.EPERM)
    absent = _ret(_ERRNO | errno.ENOSYS)
    steps = [
        _STEP.pack(_LOAD, 0, 0, _MACHINE),
        *(_STEP.pack(_EQUAL, 1, 0, _AUDIT[machine]), absent),
        _STEP.pack(_LOAD, 0, 0, _NUMBER),
    ]
    if machine == "x86_64":
        steps += [_STEP.pack(_AT_LEAST, 0, 1, _X32), absent]
    # Its flags lie where a filter cannot look; programs then use clone.
    steps += [_STEP.pack(_EQUAL, 0, 1, _CLONE3), absent]
    for number in (*_REFUSED[machine], *_EVERYWHERE):
        steps += [_STEP.pack(_EQUAL, 0, 1, number), refuse]
    steps += [
        _STEP.pack(_EQUAL, 0, 4, _CLONE[machine]),
        _STEP.pack(_LOAD, 0, 0, _FIRST),
        _STEP.pack(_ANY_BIT, 0, 1, _NEW_NAMESPACES & ~0xFF),
        refuse,
        _ret(_ALLOW),
        _STEP.pack(_EQUAL, 0, 5, _IOCTL[machine]),
        _STEP.pack(_LOAD, 0, 0, _SECOND),
        _STEP.pack(_EQUAL, 1, 0, _PUSH_INTO_TERMINAL[0]),
        _STEP.pack(_EQUAL, 0, 1, _PUSH_INTO_TERMINAL[1]),
        refuse,
        _ret(_ALLOW),
        _ret(_ALLOW),
    ]
    return b"".join(steps)


def _ret(value: int) -> bytes:
    return _STEP.pack(_RETURN, 0, 0, value)
