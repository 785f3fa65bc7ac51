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
from engines.slurm import SlurmPlace
from gateway.config import Config, ConfigError, load
from gateway.config.isolation import is_sandboxed
from gateway.data_paths import DataPathError, DataPaths
from gateway.garbage import freeze_gc
from gateway.journal import journal, set_up
from gateway.memory import MemoryKeeper
from gateway.plugins import load_engines
from gateway.runner.clock_guard import ClockGuard
from gateway.runner.groups import Groups
from gateway.runner.index.index_lease import IndexLease
from gateway.runner.index.recover import Recovery
from gateway.runner.listener import CONTROL, GROUP, KILL, QUEUE, NotificationListener
from gateway.runner.live_runs import LiveRun, LiveRuns
from gateway.runner.node import Node
from gateway.runner.occupancy import Occupancy
from gateway.runner.output_files import OutputFiles
from gateway.runner.queue_consumer import QueueConsumer
from gateway.runner.retention import Retention
from gateway.runner.run.control import Controller
from gateway.runner.run.isolation import Isolation
from gateway.runner.run.kill import Killer
from gateway.runner.run.launch import PREPARE_SECONDS, Launcher
from gateway.runner.run.member_words import Peer
from gateway.runner.run.placing import PlacedRuns
from gateway.runner.run.sessions import Sessions
from gateway.runner.run.supervise import Supervisor
from gateway.runner.run.work_folder import WorkFolders
from gateway.runner.tick import Tick
from gateway.stores.bulk_restore import BulkRestore
from gateway.stores.control import ControlStore
from gateway.stores.errors import ForeignNode, StaleEpoch
from gateway.stores.groups import GroupStore
from gateway.stores.index_lease import IndexLeaseStore
from gateway.stores.logs import LogStore
from gateway.stores.node_lock import NodeLock, lock_node
from gateway.stores.number_floor import NumberFloor
from gateway.stores.objects import Objects
from gateway.stores.occupancy import OccupancyStore
from gateway.stores.own_redis import own_redis
from gateway.stores.partials import PartialStore
from gateway.stores.pool import PoolFile
from gateway.stores.queue import TaskQueue
from gateway.stores.queues import QueueFile
from gateway.stores.request_homes import RequestHomes
from gateway.stores.sessions import SessionStore
from gateway.stores.spec import TaskSpec
from gateway.stores.spool import Spool
from gateway.stores.tasks import TaskStore
from gateway.stores.user_files import FolderLimits, UserFiles
from gateway.tracing.tracer import closed, tracer_of
from protocol.errors import GatewayError, Kind
from protocol.groups import GroupId

__all__ = ["RunnerProcess", "composed", "main", "serve"]

_LOCK_SECONDS = 3.0
_LOCK_PAUSE_SECONDS = 0.05
_RUN_BYTES = 12 << 10
"""Of an idle one, as ``tests.benchmarks.growth`` measures it."""
_journal = journal(__name__)


class _Stopped(Exception):  # noqa: N818 - a request, not a fault
    """Somebody told the runner to end."""


class RunnerProcess:
    """The loops of a runner around one node."""

    def __init__(self, node: Node, launcher: Launcher, sessions: Sessions) -> None:
        self._node = node
        self._sessions = sessions
        self._supervisor = Supervisor(node, launcher)
        self._group = asyncio.TaskGroup()
        self._killer = Killer(node, self._begin)
        self._controller = Controller(node, self._queued)
        self._recovery = Recovery(node, self._begin, self._killer, self._controller)
        self._places = launcher.places
        self._queue_consumer = QueueConsumer(node, self._begin, self._recovery.doubt, self._places)
        self._groups = Groups(node, node.groups, self._group, self._killer.ask, self._ring_wanting)
        self._retention = Retention(node, self._killer)
        self._index_lease = IndexLease(node, self._recovery)

    def on_notification(self, verb: bytes, run_id: str) -> None:
        """A notification came."""
        if verb == KILL:
            self._killer.ask(run_id)
        elif verb == CONTROL:
            self._controller.ask(run_id)
        elif verb == GROUP:
            self._groups.ask(run_id)
        elif verb == QUEUE:
            self._queue_consumer.notify(wanting=bool(run_id))
        elif not self._node.live_runs.notify(run_id):
            self._sessions.on_notification(run_id)

    async def run(self, stopping: asyncio.Event) -> None:
        """Works until ``stopping`` is set.

        Raises:
            StaleEpoch: another runner took over.
            ForeignNode: Redis belongs to another node.
        """
        try:
            async with self._group as group:
                await self._sessions.adopt()
                await self._recovery.adopt()
                group.create_task(self._sessions.run())
                if self._places is not None:
                    group.create_task(self._places.run())
                group.create_task(self._killer.run())
                group.create_task(self._controller.run())
                group.create_task(self._index_lease.run())
                group.create_task(self._queue_consumer.run())
                group.create_task(self._recovery.run())
                group.create_task(self._groups.run())
                group.create_task(self._retention.run())
                group.create_task(self._retention.archiver.run())
                group.create_task(Tick(self._node.live_runs, self._controller.ask).run())
                group.create_task(MemoryKeeper(expected=self._run_bytes).run())
                await _stop_after(stopping)
        except* _Stopped:
            _journal.info("stopped", live=len(self._node.live_runs))
        except* StaleEpoch as errors:
            raise StaleEpoch from errors
        except* ForeignNode as errors:
            raise ForeignNode from errors

    def _run_bytes(self) -> int:
        """About so much memory is taken by the runs that are live."""
        return len(self._node.live_runs) * _RUN_BYTES

    def _queued(self) -> None:
        """The queue may have changed."""
        self._queue_consumer.notify(wanting=True)

    def _ring_wanting(self) -> None:
        self._queue_consumer.notify(wanting=True)

    def _begin(self, live: LiveRun) -> bool:
        if not self._node.live_runs.enter(live):
            return False
        self._group.create_task(self._look_after(live))
        return True

    async def _look_after(self, live: LiveRun) -> None:
        await self._supervisor.supervise(live)
        self._sessions.left(live.run_id)
        self._retention.archiver.ask(live.run_id)
        if live.group:
            self._groups.run_ended(live.group)
        self._queue_consumer.notify(wanting=live.allotment is not None)


@asynccontextmanager
async def composed(
    config: Config,
    paths: DataPaths,
    engines: Mapping[str, Engine],
    prepare_seconds: float = PREPARE_SECONDS,
) -> AsyncIterator[RunnerProcess]:
    """A runner with all it needs, listening for notifications. Closes everything at the end."""
    async with AsyncExitStack() as stack:
        tracer = tracer_of(config.tracing, "runner", paths.data)
        await stack.enter_async_context(closed(tracer))
        spool = Spool(paths.spool)
        stack.callback(spool.close)
        spool.prepare()
        lock = await _locked(paths)
        stack.callback(lock.close)
        link = own_redis(config, paths)
        stack.push_async_callback(link.close)
        keep = config.retention
        lease = IndexLeaseStore(link)
        live_runs = LiveRuns()
        files = UserFiles(paths.files, FolderLimits.of(config))
        node = Node(
            epoch=lock.next_epoch(await _known_epoch(lease)),
            config=config,
            tasks=TaskStore(link, tombstone_seconds=keep.tombstone_seconds),
            lease=lease,
            bulk_restore=BulkRestore(link, tombstone_seconds=keep.tombstone_seconds),
            queue=TaskQueue(link, weights=config.runner.weights),
            logs=LogStore(link, hot_bytes=keep.hot_bytes),
            partials=PartialStore(link),
            spool=spool,
            objects=Objects(paths.objects),
            controls=ControlStore(link, tombstone_seconds=keep.tombstone_seconds),
            live_runs=live_runs,
            occupancy=Occupancy(
                PoolFile(paths.pool, config.runner),
                QueueFile(paths.queues),
                config.runner,
                live_runs,
            ),
            occupancy_store=OccupancyStore(link),
            groups=GroupStore(paths.groups),
            clock_guard=ClockGuard(paths.spool / "clock"),
            output_files=OutputFiles(spool.find, files),
            tracer=tracer,
            numbers=NumberFloor(paths.spool / "number") if config.node.name else None,
            homes=RequestHomes(link, keep.home_seconds) if config.node.name else None,
        )
        sandboxed = await asyncio.to_thread(is_sandboxed, config)
        isolation = Isolation(config.runner, paths) if sandboxed else None
        shim = config.runner.shim
        zygote = Zygote(nice=config.runner.nice, shim=shim)
        await zygote.start()
        stack.push_async_callback(zygote.close)
        sessions = Sessions(
            SessionStore(paths.spool, paths.sessions),
            zygote,
            config.sessions,
            node.live_runs,
            str(paths.runner_socket),
            isolation,
        )
        launcher = Launcher(
            engines,
            zygote,
            WorkFolders(node.objects, files),
            config.runner,
            config.results,
            paths.runner_socket,
            sessions,
            prepare_seconds,
            isolation,
        )
        launcher.places = _places(node, launcher, engines)
        runner_process = RunnerProcess(node, launcher, sessions)
        await stack.enter_async_context(
            NotificationListener(paths.runner_socket, runner_process.on_notification)
        )
        yield runner_process


def _places(node: Node, launcher: Launcher, engines: Mapping[str, Engine]) -> PlacedRuns | None:
    """The place of this node, None if none is enabled."""
    config = node.config
    slurm = config.places.slurm
    if not slurm.enabled:
        return None

    def engine(name: str) -> tuple[str, Mapping[str, object]]:
        kind = type(engines[name])
        return f"{kind.__module__}:{kind.__qualname__}", config.engines[name].settings

    def peers(spec: TaskSpec) -> list[Peer]:
        facts = node.groups.facts(GroupId(spec.group)) if spec.group else None
        if facts is None or not facts.attempts:
            return []
        tasks = facts.tasks(facts.attempts[-1])
        keys = (member.key for member in facts.spec.members)
        return list(map(Peer, keys, tasks))

    place = SlurmPlace(slurm.python, slurm.conf, slurm.options)
    return PlacedRuns(
        place,
        slurm,
        node.live_runs,
        node.spool.runs,
        launcher.order,
        engine,
        peers,
        config.runner.ports,
        config.results.bytes,
    )


async def serve(config: Config, paths: DataPaths) -> None:
    """Runs until SIGTERM or SIGINT. Raises StaleEpoch if another runner took over."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with composed(config, paths, load_engines(config)) as runner_process:
        freeze_gc()
        await runner_process.run(stopping)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command ``python -m gateway.runner``; its exit status."""
    parser = argparse.ArgumentParser(prog="gateway.runner", description="Run the tasks of a node.")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--config", type=Path)
    options = parser.parse_args(arguments)
    try:
        paths = DataPaths.of(options.data_dir)
        config = load(options.config)
        paths.prepare()
        set_up(config.log, "runner")
        _raise_file_limit()
        asyncio.run(serve(config, paths))
    except (ConfigError, DataPathError) as error:
        sys.stderr.write(f"narthex: {error}\n")
        return 2
    except GatewayError as error:
        sys.stderr.write(f"narthex: {error.message}\n")
        return 2 if isinstance(error, ForeignNode) else 1
    return 0


async def _stop_after(stopping: asyncio.Event) -> NoReturn:
    """Ends the task group that waits for it once the event is set."""
    await stopping.wait()
    raise _Stopped


async def _locked(paths: DataPaths) -> NodeLock:
    """The right to act for the node; a runner that is just ending is waited for."""
    deadline = asyncio.get_running_loop().time() + _LOCK_SECONDS
    while True:
        try:
            return lock_node(paths.spool)
        except GatewayError as error:
            if error.kind is not Kind.CONFLICT or asyncio.get_running_loop().time() > deadline:
                raise
        await asyncio.sleep(_LOCK_PAUSE_SECONDS)


async def _known_epoch(lease: IndexLeaseStore) -> int:
    """The newest epoch that Redis knows; 0 if it cannot be asked, since the disk knows as well."""
    try:
        return await lease.newest_epoch()
    except ForeignNode:
        raise
    except GatewayError:
        return 0


def _raise_file_limit() -> None:
    """As many open files as allowed: each start needs some, and many may start at once."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
