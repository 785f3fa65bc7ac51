"""What the machine says of processes: asked of the kernel, not of the code that is tested."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.support.waiting import wait_until_sync

__all__ = ["command", "commands", "exists", "gone", "is_forker", "lives", "state"]


def state(pid: int) -> str:
    """The letter of a process's state as the kernel gives it, ``Z`` for a zombie; empty if gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("latin-1").rpartition(")")[2].split()[0]
    except OSError:
        return ""


def exists(pid: int) -> bool:
    """Whether the machine knows a process, be it a zombie."""
    return state(pid) != ""


def lives(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    return state(pid) not in {"", "Z", "X"}


def gone(pid: int) -> None:
    """Waits until a process does not exist any more, not even as a zombie."""
    wait_until_sync(lambda: not exists(pid), f"process {pid} is gone")


def command(pid: int) -> bytes:
    """The command line of a process, each word ended by NUL; empty if it is gone or a zombie."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def is_forker(pid: int) -> bool:
    """Whether a process is one that makes shims, or one of those, whichever of both kinds."""
    return any(word in command(pid) for word in (b"shim.zygote", b"narthex-shim"))


def commands() -> Iterator[tuple[int, bytes]]:
    """Every process of the machine that has a command line, with it."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (words := command(int(entry.name))):
            yield int(entry.name), words
