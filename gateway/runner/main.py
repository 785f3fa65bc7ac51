"""The runner process: everything that happens to runs on this node, under one task group.

Composition only. It ends in three ways: told to (SIGTERM, SIGINT), because another runner took
over, or by a fault. In each the runs go on under their shims, and the next runner finds them.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NoReturn

from engines.contract import Engine
from engines.launcher import Zygote
from gateway.config import Config, ConfigError, load
from gateway.garbage import settle
from gateway.journal import journal, set_up
from gateway.places import PlaceError, Places
from gateway.plugins import load_engines
from gateway.runner.admit import Admission
from gateway.runner.bell import KILL, QUEUE, Doorbell
from gateway.runner.kill import Killer
from gateway.runner.launch import PREPARE_SECONDS, Launcher
from gateway.runner.node import Node
from gateway.runner.recover import Recovery
from gateway.runner.retention import Retention
from gateway.runner.roster import Live, Roster
from gateway.runner.sessions import Sessions
from gateway.runner.steady import SteadyClock
from gateway.runner.supervise import Supervisor
from gateway.runner.vouch import Vouching
from gateway.stores.errors import StaleEpoch
from gateway.stores.link import Link
from gateway.stores.logs import LogStore
from gateway.stores.objects import Objects
from gateway.stores.partials import PartialStore
from gateway.stores.queue import TaskQueue
from gateway.stores.revival import Revival
from gateway.stores.sessions import SessionStore
from gateway.stores.spool import NodeLock, Spool
from gateway.stores.tasks import TaskStore
from protocol.errors import GatewayError, Kind

__all__ = ["House", "composed", "main", "serve"]

_TICK_SECONDS = 0.5
_LOCK_SECONDS = 3.0
_LOCK_PAUSE_SECONDS = 0.05
_journal = journal(__name__)


class _Stopped(Exception):  # noqa: N818 - a wish, not a fault
    """Somebody told the runner to end."""


class House:
    """The loops of a runner around one node."""

    def __init__(self, node: Node, launcher: Launcher, sessions: Sessions) -> None:
        self._node = node
        self._sessions = sessions
        self._supervisor = Supervisor(node, launcher)
        self._group = asyncio.TaskGroup()
        self._killer = Killer(node, self._begin)
        self._recovery = Recovery(node, self._begin, self._killer)
        self._admission = Admission(node, self._begin, self._recovery.doubt)
        self._retention = Retention(node, self._killer)
        self._vouching = Vouching(node, self._recovery)

    def heard(self, verb: bytes, run_id: str) -> None:
        """The doorbell rang."""
        if verb == KILL:
            self._killer.ask(run_id)
        elif verb == QUEUE:
            self._admission.ring()
        elif not self._node.roster.ring(run_id):
            self._sessions.heard(run_id)

    async def run(self, stopping: asyncio.Event) -> None:
        """Works until ``stopping`` is set. Raises StaleEpoch if another runner took over."""
        try:
            async with self._group as group:
                await self._sessions.adopt()
                await self._recovery.adopt()
                group.create_task(self._sessions.run())
                group.create_task(self._killer.run())
                group.create_task(self._vouching.run())
                group.create_task(self._admission.run())
                group.create_task(self._recovery.run())
                group.create_task(self._retention.run())
                group.create_task(self._retention.keeping.run())
                group.create_task(self._tick())
                await _stop_after(stopping)
        except* _Stopped:
            _journal.info("stopped", live=len(self._node.roster))
        except* StaleEpoch as errors:
            raise StaleEpoch from errors

    def _begin(self, live: Live) -> bool:
        if not self._node.roster.enter(live):
            return False
        self._group.create_task(self._look_after(live))
        return True

    async def _look_after(self, live: Live) -> None:
        await self._supervisor.supervise(live)
        self._sessions.left(live.run_id)
        self._retention.keeping.ask(live.run_id)
        self._admission.ring()

    async def _tick(self) -> None:
        """Looks at the facts of all live runs, so that a lost ring costs a moment only."""
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            for live in self._node.roster:
                if live.look():
                    live.rung.set()


@asynccontextmanager
async def composed(
    config: Config,
    places: Places,
    engines: Mapping[str, Engine],
    prepare_seconds: float = PREPARE_SECONDS,
) -> AsyncIterator[House]:
    """A runner with all it needs, listening at its doorbell. Closes everything at the end."""
    async with AsyncExitStack() as stack:
        spool = Spool(places.spool)
        stack.callback(spool.close)
        spool.prepare()
        lock = await _locked(spool)
        stack.callback(lock.close)
        url = config.redis.url or f"unix://{places.redis_socket}"
        redis = config.redis
        link = Link(url, timeout=redis.timeout_seconds, calls=redis.calls)
        stack.push_async_callback(link.close)
        keep = config.retention
        tasks = TaskStore(link, tombstone_seconds=keep.tombstone_seconds)
        node = Node(
            epoch=lock.next_epoch(await _known_epoch(tasks)),
            config=config,
            tasks=tasks,
            revival=Revival(link, tombstone_seconds=keep.tombstone_seconds),
            queue=TaskQueue(link, weights=config.runner.weights),
            logs=LogStore(link, hot_bytes=keep.hot_bytes),
            partials=PartialStore(link),
            spool=spool,
            objects=Objects(places.objects),
            roster=Roster(),
            steady=SteadyClock(places.spool / "clock"),
        )
        zygote = Zygote(nice=config.runner.nice)
        await zygote.start()
        stack.push_async_callback(zygote.close)
        sessions = Sessions(
            SessionStore(places.spool, places.sessions),
            zygote,
            config.sessions,
            node.roster,
            str(places.runner_socket),
        )
        launcher = Launcher(
            engines,
            zygote,
            node.objects,
            config.runner,
            config.results,
            places.runner_socket,
            sessions,
            prepare_seconds,
        )
        house = House(node, launcher, sessions)
        await stack.enter_async_context(Doorbell(places.runner_socket, house.heard))
        yield house


async def serve(config: Config, places: Places) -> None:
    """Runs until SIGTERM or SIGINT. Raises StaleEpoch if another runner took over."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with composed(config, places, load_engines(config)) as house:
        settle()
        await house.run(stopping)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command ``python -m gateway.runner``; its exit status."""
    parser = argparse.ArgumentParser(prog="gateway.runner", description="Run the tasks of a node.")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--config", type=Path)
    options = parser.parse_args(arguments)
    try:
        places = Places.of(options.data_dir)
        config = load(options.config)
        places.prepare()
        set_up(config.log, "runner")
        _raise_file_limit()
        asyncio.run(serve(config, places))
    except (ConfigError, PlaceError) as error:
        sys.stderr.write(f"narthex: {error}\n")
        return 2
    except GatewayError as error:
        sys.stderr.write(f"narthex: {error.message}\n")
        return 1
    return 0


async def _stop_after(stopping: asyncio.Event) -> NoReturn:
    """Ends the task group that waits for it once the event is set."""
    await stopping.wait()
    raise _Stopped


async def _locked(spool: Spool) -> NodeLock:
    """The right to act for the node; a runner that is just ending is waited for."""
    deadline = asyncio.get_running_loop().time() + _LOCK_SECONDS
    while True:
        try:
            return spool.lock()
        except GatewayError as error:
            if error.kind is not Kind.CONFLICT or asyncio.get_running_loop().time() > deadline:
                raise
        await asyncio.sleep(_LOCK_PAUSE_SECONDS)


async def _known_epoch(tasks: TaskStore) -> int:
    """The newest epoch that Redis knows; 0 if it cannot be asked, since the disk knows as well."""
    try:
        return await tasks.newest_epoch()
    except GatewayError:
        return 0


def _raise_file_limit() -> None:
    """As many open files as allowed: each start needs some, and many may start at once."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
