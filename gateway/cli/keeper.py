"""Keeps a private gateway for one command and leaves nothing of it behind.

``python -m gateway.cli.keeper`` serves a gateway from a folder of its own, prints that folder's
name as its first line and lets the gateway print the rest. When its stdin ends, because its owner
closed it or was killed, it ends the gateway, then every run, and removes the folder. Nothing of
this may depend on the owner being alive.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from engines.rundir.directory import RunDir, RunState
from engines.trees import remove_tree
from gateway.data_paths import DataPaths

__all__ = ["ENDED", "main"]

ENDED = "narthex ended: "
"""Begins the line about a gateway that ended by itself."""

_SERVE = (sys.executable, "-m", "gateway.cli", "serve", "--host", "127.0.0.1", "--port", "0")
_PR_SET_PDEATHSIG = 1
_STOP_SECONDS = 5.0
_RUN_SECONDS = 10.0
_REMOVE_SECONDS = 5.0
_POLL_SECONDS = 0.05


def main() -> None:
    """Serves until the owner has gone."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    folder = Path(tempfile.mkdtemp(prefix="narthex-run-"))
    paths = DataPaths.of(folder / "data")
    try:
        sys.stdout.write(f"{folder}\n")
        sys.stdout.flush()
        _serve(paths, folder / "serve.log")
    finally:
        _end_runs(paths.spool / "live")
        _end_runs(paths.spool / "sessions")
        _remove(folder, paths.runtime)


def _serve(paths: DataPaths, log: Path) -> None:
    with log.open("wb") as errors:
        gateway = subprocess.Popen(  # noqa: S603 - our own program
            [*_SERVE, "--data-dir", str(paths.data)],
            stdin=subprocess.DEVNULL,
            stderr=errors,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - one system call; there are no threads
        )
    try:
        _wait(gateway.pid)
    finally:
        gateway.terminate()
        try:
            gateway.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            gateway.kill()
            gateway.wait()
        if gateway.returncode > 0:
            _tell(log)


def _tell(log: Path) -> None:
    """Passes on what a gateway complained about that ended by itself: its log goes now."""
    lines = [line for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]
    with contextlib.suppress(OSError):
        sys.stdout.write(f"{ENDED}{lines[-1] if lines else 'it said nothing'}\n")
        sys.stdout.flush()


def _die_with_parent() -> None:
    """In the child: SIGTERM comes when the keeper ends, even by SIGKILL."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def _wait(pid: int) -> None:
    """Waits until the owner has gone, the gateway has ended or somebody sends SIGTERM."""
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    descriptor = os.pidfd_open(pid)
    try:
        select.select([sys.stdin.fileno(), descriptor], [], [])
    finally:
        os.close(descriptor)


def _end_runs(live: Path) -> None:
    """Kills what still runs. The gateway has ended, so nothing new begins."""
    runs = [RunDir(path) for path in live.iterdir()] if live.is_dir() else []
    deadline = time.monotonic() + _RUN_SECONDS
    while runs and time.monotonic() < deadline:
        runs = [run for run in runs if _lives(run)]
        for run in runs:
            run.request_kill(0.0)
            run.notify()
        if runs:
            time.sleep(_POLL_SECONDS)


def _lives(run: RunDir) -> bool:
    try:
        return run.state() in (RunState.STARTING, RunState.RUNNING, RunState.KILLING)
    except FileNotFoundError:
        return False


def _remove(*folders: Path) -> None:
    """Removes folders into which a dying process may still write."""
    deadline = time.monotonic() + _REMOVE_SECONDS
    for folder in folders:
        while folder.exists() and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                remove_tree(str(folder))
                break
            time.sleep(_POLL_SECONDS)


if __name__ == "__main__":
    main()
