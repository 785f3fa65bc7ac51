"""The part of ``doctor`` that reads what is kept of all finished runs.

Looks only, and beside a running gateway as well. A run that goes away meanwhile is none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engines.rundir.archive import Damaged
from engines.rundir.verify import verify
from gateway.data_paths import DataPaths
from gateway.stores.run_folders import RunFolders
from gateway.stores.spec import decode_spec
from protocol.errors import GatewayError

__all__ = ["Bad", "Verified", "verify_finished"]


@dataclass(frozen=True, slots=True)
class Bad:
    """A finished run of which not everything is as it was recorded."""

    run: str
    reason: str


@dataclass(frozen=True, slots=True)
class Verified:
    """How many finished runs were read, with how many bytes, and those that are not sound."""

    runs: int
    size: int
    bad: tuple[Bad, ...]


def verify_finished(paths: DataPaths, found: Callable[[Bad], None]) -> Verified:
    """Reads them all; tells each bad one when it is found."""
    runs = size = 0
    bad: list[Bad] = []
    for run in RunFolders(paths.spool).finished():
        runs += 1
        try:
            size += verify(run)
            decode_spec(run.spec())
        except FileNotFoundError:
            runs -= 1
        except (Damaged, GatewayError, OSError) as error:
            bad.append(Bad(run.run_id, _reported(error)))
            found(bad[-1])
    return Verified(runs, size, tuple(bad))


def _reported(error: Exception) -> str:
    if isinstance(error, GatewayError):
        return error.message
    return str(error.strerror if isinstance(error, OSError) else error)
