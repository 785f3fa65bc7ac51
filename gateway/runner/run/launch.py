"""From an accepted task to a running process: working directory, engine, zygote.

The engine is foreign code and is called behind a deadline. It must never be started here what has
ever been started before: that is decided under the lock of the run directory by ``Zygote.launch``.
"""

from __future__ import annotations

import asyncio
import os
import zlib
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from engines.contract import (
    Engine,
    EngineError,
    Launch,
    Limits,
    RunSpec,
    SessionEngine,
    SessionSpec,
)
from engines.launcher import Zygote
from engines.rundir.directory import RunDir
from gateway.config import Results, Runner
from gateway.journal import journal
from gateway.runner.run.allotted_environment import allotted_environment
from gateway.runner.run.inputs import environment
from gateway.runner.run.isolation import Isolation
from gateway.runner.run.placing import PlacedRuns
from gateway.runner.run.run_environment import run_environment
from gateway.runner.run.sessions import SessionBusy, Sessions, Statement
from gateway.runner.run.task_spans import trace_environment
from gateway.runner.run.timeout_executor import TimeoutExecutor
from gateway.runner.run.work_folder import WorkFolders
from gateway.stores.allotment import read_allotment
from gateway.stores.spec import TaskSpec
from protocol.errors import GatewayError
from protocol.run_limits import RunLimits, asked_limits

__all__ = ["PREPARE_SECONDS", "Launcher"]

_Plan = tuple[RunSpec, SessionSpec | None, Launch | None]

_journal = journal(__name__)
_STDIN = "stdin"
PREPARE_SECONDS = 20.0
"""How long an engine may take to say what to start."""
_ORDER_SECONDS = 300.0
_NO_WARNING = (
    "a statement in a session cannot be warned before its time limit: run it in its own process"
)
_NO_LIMITS = "a statement in a session has its session's limits: run it in its own process"
_NO_FOLDER = "a statement in a session works where its session does: run it in its own process"


class Launcher:
    """Starts runs. ``engines`` by name; ``notify_path`` is the socket where shims report.

    ``sessions`` is None where there are none: everything then runs in a process of its own.
    ``isolation`` is None where tasks run as the gateway itself does.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - a composition: each is one thing, named where it is made
        self,
        engines: Mapping[str, Engine],
        zygote: Zygote,
        folders: WorkFolders,
        settings: Runner,
        results: Results,
        notify_path: Path,
        sessions: Sessions | None = None,
        prepare_seconds: float = PREPARE_SECONDS,
        isolation: Isolation | None = None,
    ) -> None:
        self.places: PlacedRuns | None = None
        """Where runs of some queues are handed to; they are started there."""
        self._isolation = isolation
        self._engines = engines
        self._zygote = zygote
        self._folders = folders
        self._settings = settings
        self._results = results
        self._notify_path = str(notify_path)
        self._sessions = sessions
        # One that blocks holds up nobody but its own tasks.
        self._calls = {name: TimeoutExecutor(prepare_seconds) for name in engines}
        # Threads apart: inputs may be large, and nothing else should wait for a slow disk.
        self._orders = TimeoutExecutor(_ORDER_SECONDS, width=4, own=(GatewayError, OSError))

    async def launch(self, run: RunDir, spec: TaskSpec, *, settle: bool = True) -> bool:
        """Starts a run; False if it was not this call that did, its state says what is the case.

        ``settle`` false leaves a run of its own process startable when there is no process to be
        had at the moment.

        Raises:
            SessionBusy: the session that it belongs in is at work; come again when it is notified.
            EngineError: the engine cannot or will not run this task.
            GatewayError: an input does not exist, or the environment is not possible.
            OSError: the disk or the process table is full.
        """
        engine = self._engines.get(spec.engine)
        if engine is None:
            raise EngineError(f"engine {spec.engine!r} is not enabled here")
        if self._sessions is not None and self._sessions.must_wait(spec.task_id):
            raise SessionBusy
        if self.places is not None and spec.wants and self.places.takes(spec.wants.queue):
            return await asyncio.to_thread(self.places.hand_over, run)
        order, plan, made = await self._plan(engine, run, spec)
        hidden = tuple(spec.secrets.values())
        if self._sessions is not None and plan is not None:
            if spec.warn is not None:
                raise EngineError(_NO_WARNING)
            if asked_limits(spec.parameters) != RunLimits():
                raise EngineError(_NO_LIMITS)
            if spec.home:
                raise EngineError(_NO_FOLDER)
            base = environment(self._settings.environment, os.environ)
            statement = Statement(
                run, spec.owner, spec.engine, spec.label, order, plan, base, hidden
            )
            return await self._sessions.place(statement)
        launch = replace(_checked(made, spec.engine), secrets=hidden, stdin=_input(order))
        if self._isolation is not None:
            launch = await self._orders.call(
                "making a sandbox",
                partial(self._isolation.enclose, spec.engine, launch, order.directory, spec.owner),
            )
        try:
            return await self._zygote.launch(run, launch, self._notify_path, settle=settle)
        except EngineError as error:
            # No fault of this engine, and nothing was started: it may be tried again.
            _journal.error("zygote does not answer", run=spec.task_id, error=str(error))
            return False

    async def _plan(self, engine: Engine, run: RunDir, spec: TaskSpec) -> _Plan:
        """What the run is told and what the engine makes of it: a session's part or a process.

        Without inputs that have to be copied it is one visit to a thread.
        """
        ready: RunSpec | None = None
        if spec.inputs or spec.home:
            ready = await self._orders.call("placing inputs", lambda: self.order(run, spec))

        def plan() -> _Plan | GatewayError | OSError:
            order = ready
            if order is None:
                try:
                    order = self.order(run, spec)
                except (GatewayError, OSError) as error:
                    return error  # not the engine's
            if self._sessions is not None and isinstance(engine, SessionEngine):
                session = engine.session(order)
                if session is not None:
                    return order, session, None
            return order, None, engine.prepare(order)

        found = await self._calls[spec.engine].call(f"engine {spec.engine!r}", plan)
        if isinstance(found, GatewayError | OSError):
            raise found
        return found

    def order(self, run: RunDir, spec: TaskSpec) -> RunSpec:
        """What the engine is told, with the working directory made and filled."""
        directory = Path(run.path)
        work, variables = self._folders.make(directory, spec)
        given_text = spec.parameters.get("stdin")
        if isinstance(given_text, str):
            path = directory / _STDIN
            path.write_bytes(given_text.encode("utf-8", "surrogatepass"))
            path.chmod(0o600)
        settings, asked = self._settings, asked_limits(spec.parameters)
        own = {
            "PWD": str(work),
            "NARTHEX_TASK_ID": spec.task_id,
            "NARTHEX_TASK_NUMBER": str(spec.number),
        }
        given = (spec.environment, variables, spec.secrets)
        allowed = environment(settings.environment, os.environ, *given)
        allotment = read_allotment(run) if spec.wants is not None else None
        if allotment is not None:
            own |= allotted_environment(run, allotment)
        own |= trace_environment(spec, directory)
        own |= run_environment(directory, self._results, allowed, spec.rows)
        return RunSpec(
            run_id=spec.task_id,
            language=spec.language,
            # Whoever sent it: what an editor puts first to say how a text is encoded is no code.
            code=spec.code.lstrip("\ufeff"),
            directory=directory,
            work=work,
            environment=environment((), {}, allowed, own),
            parameters=spec.parameters,
            limits=Limits(
                seconds=_shorter(
                    _shorter(spec.seconds, settings.seconds), allotment.seconds if allotment else 0
                ),
                grace_seconds=settings.grace_seconds,
                output_bytes=settings.output_bytes,
                drain_seconds=settings.drain_seconds,
                processes=_least(asked.processes, settings.processes),
                memory_bytes=_least(asked.memory_bytes, settings.memory_bytes),
                open_files=settings.open_files,
                file_bytes=settings.file_bytes,
                most_seconds=settings.seconds,
                warn_signal=spec.warn.signal if spec.warn else 0,
                warn_seconds=spec.warn.seconds if spec.warn else 0.0,
                cpu_weight=_least(asked.cpu_weight, settings.cpu_weight),
                user=_word(directory.parent, spec.owner),
                user_processes=settings.user_processes,
                user_memory_bytes=settings.user_memory_bytes,
                user_cpu_weight=settings.user_cpu_weight,
            ),
        )


def _word(folder: Path, owner: str) -> str:
    """A word for a user of this gateway, and not of another on this machine."""
    return f"{zlib.crc32(str(folder).encode(errors='surrogateescape')):08x}-{owner}"


def _shorter(one: float, other: float) -> float:
    """The shorter of two times of which 0 means without end."""
    return min(one, other) if one and other else one or other


def _least(one: int, other: int) -> int:
    """The smaller of two limits of which 0 means none."""
    return min(one, other) if one and other else one or other


def _input(order: RunSpec) -> str:
    """The file that a run reads as its input, empty for none."""
    return "" if order.stdin is None else str(order.directory / _STDIN)


def _checked(made: object, name: str) -> Launch:
    """The engine's answer if it is one that can be started."""
    if not isinstance(made, Launch):
        raise EngineError(f"engine {name!r} answered with something that is no launch")
    words: tuple[object, ...] = (*made.argv, *made.environment, *made.environment.values())
    if not made.argv or not all(isinstance(word, str) and "\0" not in word for word in words):
        raise EngineError(f"engine {name!r} named no program that can be started")
    return made
