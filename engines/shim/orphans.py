"""What is done about a run whose shim died: kill what is left of it, then say that it is lost.

Must never touch a run whose lock is held, and never signal anything after another boot.
"""

from __future__ import annotations

import os
import signal
import time
from functools import partial

from engines import cgroups, processes
from engines.rundir import records
from engines.rundir.directory import RunDir
from engines.rundir.facts import Exit, ExitKind, RunState, ShimFact
from engines.rundir.holes import HOLE, decode_hole
from engines.rundir.plain_files import open_plain, read_plain

__all__ = ["COOKIE", "sweep_orphan"]

COOKIE = "NARTHEX_RUN_ID"
"""The variable by which a process of a run is known; its value is the run's id."""

_PAUSE_SECONDS = 0.01


def sweep_orphan(run: RunDir, timeout_seconds: float = 5.0) -> Exit | None:
    """Ends an orphaned run as LOST; the ending that counts, None if the run is no orphan.

    Kills by the run's control group if it has one, and whatever still carries the run's cookie.
    ``verified`` is True only if a control group, or another boot, proves that nothing is left.
    Takes at most about ``timeout_seconds``, and blocks: call it in a thread.
    """
    if run.placed() and run.state() is not RunState.ORPHANED:
        return None  # its shim is on another machine, under another boot
    deadline = time.monotonic() + timeout_seconds
    lock = _take(run, deadline)
    if lock is None:
        return None
    try:
        written = run.exit()
        shim = run.shim()
        if written is not None or shim is None:
            return written
        run.write_exit(_bury(run, shim, deadline))
        return run.exit()
    finally:
        os.close(lock)


def _take(run: RunDir, deadline: float) -> int | None:
    """The lock; one that is held by a look at the state is waited for, None if it is held."""
    while (lock := run.take()) is None:
        # A look ends with its process's copy of the lock: a child may have got one before it ran.
        if run.locked() or time.monotonic() >= deadline:
            return None
        time.sleep(_PAUSE_SECONDS)
    return lock


def _bury(run: RunDir, shim: ShimFact, deadline: float) -> Exit:
    # One that does not say of which boot it is was made unreadable in this one.
    restarted = shim.boot_id not in ("", processes.boot_id())
    verified = restarted
    if not restarted:
        verified = _kill_group(shim, run.run_id, deadline)
        verified &= _kill_by_cookie(run.run_id, deadline)
    size = _mend_output(run)
    started = run.started()
    message, reason = "the supervisor of the run died", "shim_died"
    if restarted:
        message, reason = "the machine was restarted", "node_restarted"
    elif shim.session:
        message, reason = "the session died in which the statement ran", "session_died"
    return Exit(
        ExitKind.LOST,
        message=message,
        reason=reason,
        started_ms=started.started_ms if started else 0,
        ended_ms=time.time_ns() // 1_000_000,
        bytes=size,
        verified=verified,
    )


def _kill_group(shim: ShimFact, run_id: str, deadline: float) -> bool:
    """Kills the run's group until it is proved empty; False if there is no such proof."""
    path = shim.cgroup
    # A group is named for its shim; those of an earlier version for their run.
    known = {cgroups.name(f"{shim.pid}-{shim.start_time}"), cgroups.name(run_id)}
    if os.path.basename(path) not in known:
        return False
    while not cgroups.empty(path):
        if time.monotonic() >= deadline:
            return False
        cgroups.kill(path)
        time.sleep(_PAUSE_SECONDS)
    cgroups.remove(path)
    return True


def _kill_by_cookie(run_id: str, deadline: float) -> bool:
    """Kills all that carry the cookie, until a look finds none; False if some stay."""
    cookie = f"{COOKIE}={run_id}".encode()
    is_meant = partial(processes.has_cookie, cookie=cookie)
    while found := processes.with_cookie(cookie):
        if time.monotonic() >= deadline:
            return False
        for pid in found:
            processes.signal_checked(pid, is_meant, (signal.SIGKILL,))
        time.sleep(_PAUSE_SECONDS)
    return True


def _mend_output(run: RunDir) -> int:
    try:
        fd = open_plain(run.file("output"), os.O_RDWR)
    except FileNotFoundError:
        return 0
    try:
        return records.mend(fd, _hole(run))
    finally:
        os.close(fd)


def _hole(run: RunDir) -> tuple[int, int]:
    try:
        hole = decode_hole(read_plain(run.file(HOLE)) or b"")
    except OSError:
        return 0, 0
    return (hole.begin, hole.end) if hole else (0, 0)
