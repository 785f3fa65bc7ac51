"""From an accepted task to a running process: working directory, engine, zygote.

The engine is foreign code and is called behind a deadline. It must never be started here what has
ever been started before: that is decided under the lock of the run directory by ``Zygote.launch``.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
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
from engines.rundir import RunDir
from gateway.config import Results, Runner
from gateway.journal import journal
from gateway.runner.aboard import aboard
from gateway.runner.deadline import Calls
from gateway.runner.inputs import environment, place
from gateway.runner.sessions import SessionBusy, Sessions, Statement
from gateway.stores.objects import Objects
from gateway.stores.spec import TaskSpec
from protocol.errors import GatewayError

__all__ = ["PREPARE_SECONDS", "Launcher"]

_Plan = tuple[RunSpec, SessionSpec | None, Launch | None]

_journal = journal(__name__)
_WORK = "work"
PREPARE_SECONDS = 20.0
"""How long an engine may take to say what to start."""
_ORDER_SECONDS = 300.0


class Launcher:
    """Starts runs. ``engines`` by name; ``bell`` is the socket where shims report.

    ``sessions`` is None where there are none: everything then runs in a process of its own.
    """

    def __init__(
        self,
        engines: Mapping[str, Engine],
        zygote: Zygote,
        objects: Objects,
        settings: Runner,
        results: Results,
        bell: Path,
        sessions: Sessions | None = None,
        prepare_seconds: float = PREPARE_SECONDS,
    ) -> None:
        self._engines = engines
        self._zygote = zygote
        self._objects = objects
        self._settings = settings
        self._results = results
        self._bell = str(bell)
        self._sessions = sessions
        # One that blocks holds up nobody but its own tasks.
        self._calls = {name: Calls(prepare_seconds) for name in engines}
        # Threads apart: inputs may be large, and nothing else should wait for a slow disk.
        self._orders = Calls(_ORDER_SECONDS, width=4, own=(GatewayError, OSError))

    async def launch(self, run: RunDir, spec: TaskSpec, *, settle: bool = True) -> bool:
        """Starts a run; False if it was not this call that did, its state says what is the case.

        ``settle`` false leaves a run of its own process startable when there is no process to be
        had at the moment.

        Raises:
            SessionBusy: the session that it belongs in is at work; come again when it rings.
            EngineError: the engine cannot or will not run this task.
            GatewayError: an input does not exist, or the environment is not possible.
            OSError: the disk or the process table is full.
        """
        engine = self._engines.get(spec.engine)
        if engine is None:
            raise EngineError(f"engine {spec.engine!r} is not enabled here")
        if self._sessions is not None and self._sessions.must_wait(spec.task_id):
            raise SessionBusy
        order, plan, made = await self._plan(engine, run, spec)
        hidden = tuple(spec.secrets.values())
        if self._sessions is not None and plan is not None:
            base = environment(self._settings.environment, os.environ)
            statement = Statement(
                run, spec.owner, spec.engine, spec.label, order, plan, base, hidden
            )
            return await self._sessions.place(statement)
        launch = replace(_checked(made, spec.engine), secrets=hidden)
        try:
            return await self._zygote.launch(run, launch, self._bell, settle=settle)
        except EngineError as error:
            # No fault of this engine, and nothing was started: it may be tried again.
            _journal.error("zygote does not answer", run=spec.task_id, error=str(error))
            return False

    async def _plan(self, engine: Engine, run: RunDir, spec: TaskSpec) -> _Plan:
        """What the run is told and what the engine makes of it: a session's part or a process.

        Without inputs that have to be copied it is one visit to a thread.
        """
        ready: RunSpec | None = None
        if spec.inputs:
            ready = await self._orders.call("placing inputs", lambda: self._order(run, spec))

        def plan() -> _Plan | GatewayError | OSError:
            order = ready
            if order is None:
                try:
                    order = self._order(run, spec)
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

    def _order(self, run: RunDir, spec: TaskSpec) -> RunSpec:
        """What the engine is told, with the working directory made and filled."""
        directory = Path(run.path)
        work = directory / _WORK
        shutil.rmtree(work, ignore_errors=True)  # of an attempt that ended before the start
        work.mkdir()
        variables = place(self._objects, spec.owner, spec.inputs, work)
        settings = self._settings
        own = {"PWD": str(work), "NARTHEX_TASK_ID": spec.task_id}
        given = (spec.environment, variables, spec.secrets)
        allowed = environment(settings.environment, os.environ, *given)
        own |= aboard(directory, self._results, allowed)
        return RunSpec(
            run_id=spec.task_id,
            language=spec.language,
            code=spec.code,
            directory=directory,
            work=work,
            environment=environment((), {}, allowed, own),
            parameters=spec.parameters,
            limits=Limits(
                seconds=_shorter(spec.seconds, settings.seconds),
                grace_seconds=settings.grace_seconds,
                output_bytes=settings.output_bytes,
                drain_seconds=settings.drain_seconds,
                processes=settings.processes,
                memory_bytes=settings.memory_bytes,
                open_files=settings.open_files,
                file_bytes=settings.file_bytes,
            ),
        )


def _shorter(one: float, other: float) -> float:
    """The shorter of two times of which 0 means without end."""
    return min(one, other) if one and other else one or other


def _checked(made: object, name: str) -> Launch:
    """The engine's answer if it is one that can be started."""
    if not isinstance(made, Launch):
        raise EngineError(f"engine {name!r} answered with something that is no launch")
    words: tuple[object, ...] = (*made.argv, *made.environment, *made.environment.values())
    if not made.argv or not all(isinstance(word, str) and "\0" not in word for word in words):
        raise EngineError(f"engine {name!r} named no program that can be started")
    return made
