"""How a run directory comes to be: whole or not at all, and only one for each claim.

It is built below ``new``, where nobody looks for runs, and moved into place by one rename. What a
crash leaves there is finished or removed by ``adopt_new``. The shim does not need this file.
"""

from __future__ import annotations

import errno
import os
import time

from engines.rundir.directory import EVENTS, EXIT, SPEC, RunDir
from engines.rundir.durable import remove_file, sync_directory, write_new
from engines.rundir.facts import Exit, encode

__all__ = ["GONE", "Claimed", "adopt_new", "create_run"]

GONE = ".gone"
"""How the name of a run directory ends that is being removed."""


class Claimed(Exception):  # noqa: N818 - it is the answer to a claim, not a fault
    """Somebody else accepted a run under this claim; its spec is the file ``claim``."""

    def __init__(self, claim: str) -> None:
        super().__init__(f"already claimed: {claim}")
        self.claim = claim


def create_run(
    new: str | os.PathLike[str],
    live: str | os.PathLike[str],
    run_id: str,
    spec: bytes,
    claim: str | os.PathLike[str] | None = None,
    ending: Exit | None = None,
    events: bytes = b"",
) -> RunDir:
    """Makes a run directory that survives the loss of power from here on, all or nothing.

    It is built below ``new`` and moved to ``live`` when it is whole. If ``claim`` is given it
    becomes a hard link to the spec first, so of several that claim the same only one goes on.
    With an ``ending`` the run has ended before it is there: nobody can ever start it. With
    ``events`` something is asked of it from the beginning.

    Raises:
        Claimed: somebody else holds the claim.
        FileExistsError: there is a run of this id.
        OSError: the disk refused. Without a claim nothing of the run is left; a claimed one is
        ended by ``adopt_new``, for its claim may have been seen.
    """
    building = f"{os.fspath(new)}/{run_id}.{os.urandom(6).hex()}"
    final = f"{os.fspath(live)}/{run_id}"
    os.mkdir(building, 0o700)
    try:
        write_new(f"{building}/{SPEC}", spec)
        if ending is not None:
            write_new(f"{building}/{EXIT}", encode(ending))
        if events:
            write_new(f"{building}/{EVENTS}", events)
        sync_directory(building)
        if claim is not None:
            _claim(f"{building}/{SPEC}", os.fspath(claim))
    except BaseException:
        _discard(building)
        raise
    try:
        _move(building, final)
    except FileExistsError:
        _discard(building)
        if claim is not None:
            remove_file(os.fspath(claim))
        raise
    except BaseException:
        # What is claimed may have been answered for by another process: adopt_new ends it.
        if claim is None:
            _discard(building)
        raise
    sync_directory(os.fspath(live))
    return RunDir(final)


def adopt_new(
    new: str | os.PathLike[str],
    live: str | os.PathLike[str],
    *,
    run_id: str = "",
    age_seconds: float = 0.0,
) -> list[str]:
    """Finishes what a crash of ``create_run`` left below ``new``; the ids that became live.

    A directory whose spec is claimed was as good as accepted and is moved to ``live``; any
    other was never answered for and is removed. Looks only at those that are at least
    ``age_seconds`` old, and only at ``run_id`` if one is given.
    """
    adopted: list[str] = []
    for name in os.listdir(new):
        if name.endswith(GONE):
            continue  # it is being removed
        path = f"{os.fspath(new)}/{name}"
        identity = name.rpartition(".")[0]
        if run_id not in ("", identity) or not _is_older(path, age_seconds):
            continue
        if _links(f"{path}/{SPEC}") < 2:  # noqa: PLR2004 - its own name and the claim
            _discard(path)
        elif _moved(path, f"{os.fspath(live)}/{identity}"):
            adopted.append(identity)
    if adopted:
        sync_directory(os.fspath(live))
    return adopted


def _claim(spec: str, claim: str) -> None:
    try:
        os.link(spec, claim)
    except FileExistsError:
        raise Claimed(claim) from None
    sync_directory(os.path.dirname(claim))


def _move(building: str, final: str) -> None:
    """Puts a whole directory into place; another one may have adopted it by now."""
    try:
        os.rename(building, final)
    except FileNotFoundError:
        if not os.path.lexists(final):
            raise
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        raise FileExistsError(errno.EEXIST, "there is a run of this id", final) from error


def _moved(path: str, final: str) -> bool:
    try:
        os.rename(path, final)
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        _discard(path)
        return False
    return True


def _links(path: str) -> int:
    try:
        return os.stat(path).st_nlink
    except FileNotFoundError:
        return 0


def _is_older(path: str, age_seconds: float) -> bool:
    try:
        return time.time() - os.stat(path).st_mtime >= age_seconds
    except FileNotFoundError:
        return False


def _discard(directory: str) -> None:
    """Removes a directory that holds files only, as far as that works."""
    try:
        for name in os.listdir(directory):
            remove_file(f"{directory}/{name}")
        os.rmdir(directory)
    except OSError:
        pass
