"""What a task sees of the machine where tasks are kept apart: its own files, and what it needs.

Of the data folder that is the run's working directory, results and progress and what the engine
wrote for it; no key, no socket of the gateway, nothing of another run. Touches the disk.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from engines.contract import Launch
from engines.isolation import own_paths, program_paths
from engines.rundir.progress import PROGRESS
from engines.rundir.results import RESULTS
from engines.shim.sandbox import Sandbox
from engines.trees import give_tree
from gateway.config import Runner
from gateway.data_paths import DataPaths
from gateway.runner.run.identities import Identities, Identity
from gateway.stores.user_ids import UserIds

__all__ = ["Isolation"]

_ALL = "all"
_TMP = "/tmp"  # noqa: S108 - in a sandbox it is nobody else's
_NOBODY_ELSE = Identity(0, "")
_FOLDERS = ("HOME", "TMPDIR")
_JAVA = "JAVA_HOME"


class Isolation:
    """Makes sandboxes.

    Args:
        settings: the runner's.
        paths: of the gateway, which are hidden.
    """

    def __init__(self, settings: Runner, paths: DataPaths) -> None:
        self._settings = settings
        self._users: Identities | None = None
        if settings.isolation == "users":
            ids = UserIds(paths.user_ids, *settings.user_ids)
            self._users = Identities(ids, settings.system_users, same=settings.same_users)
        self._hidden = (str(paths.data), str(paths.runtime))
        self._live = str(paths.spool / "live")

    def enclose(self, engine: str, launch: Launch, directory: Path, owner: str) -> Launch:
        """The launch of a run, in a sandbox of its own.

        ``directory`` is the run's, which belongs to nobody but the gateway before the start;
        ``owner`` is whose task it is.

        Raises:
            GatewayError: there is no user of the system for its owner.
            OSError: the disk is full.
        """
        results, progress = directory / RESULTS, directory / PROGRESS
        results.mkdir(mode=0o700, exist_ok=True)
        progress.touch(mode=0o600)
        own = tuple(word for word in launch.argv if word.startswith(f"{directory}/"))
        java = launch.environment.get(_JAVA, "")
        writable = (str(launch.directory), str(results), str(progress), *launch.writable)
        box = self._box(
            engine,
            owner,
            (*own, *program_paths(launch.argv[0]), *((java,) if java else ())),
            writable,
        )
        for path in (*own, *writable, *((launch.stdin,) if launch.stdin else ())):
            give_tree(path, box.uid)
        return replace(launch, environment=self.environment(launch.environment), sandbox=box)

    def session(
        self, engine: str, owner: str, interpreters: tuple[str, ...], *writable: Path
    ) -> Sandbox:
        """The sandbox of a session; what belongs to a statement is let in while that runs.

        Raises:
            GatewayError: there is no user of the system for its owner.
            OSError: the disk refuses.
        """
        needed = [path for program in interpreters for path in program_paths(program)]
        box = self._box(engine, owner, tuple(needed), tuple(map(str, writable)))
        for path in writable:
            give_tree(str(path), box.uid)
        return box._replace(later=self._live)

    @staticmethod
    def environment(seen: Mapping[str, str]) -> dict[str, str]:
        """The variables with the gateway's own folders, which are not there, replaced."""
        ours = {name: os.environ.get(name) for name in _FOLDERS}
        return {
            **seen,
            **{name: _TMP for name, value in ours.items() if value and seen.get(name) == value},
        }

    def _box(
        self, engine: str, owner: str, read_only: tuple[str, ...], writable: tuple[str, ...]
    ) -> Sandbox:
        settings = self._settings
        read, write = settings.sandbox_read_only, settings.sandbox_writable
        who = self._users.of(owner) if self._users else _NOBODY_ELSE
        given = (*read.get(_ALL, ()), *read.get(engine, ()))
        return Sandbox(
            network=settings.network,
            read_only=(*own_paths(), *given, *read_only),
            writable=(*write.get(_ALL, ()), *write.get(engine, ()), *writable),
            hidden=self._hidden,
            tmp_bytes=settings.sandbox_tmp_bytes,
            uid=who.uid,
            name=who.name,
        )
