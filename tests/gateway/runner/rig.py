"""What the runner's tests build on: a node on a real Redis, its run directories, whole runners."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from engines.rundir.directory import OUTPUT, RunDir
from engines.rundir.records import ERR, OUT, header
from engines.rundir.requests import Control, RunEvent
from gateway.clock import now_ms
from gateway.config import Config, load
from gateway.data_paths import DataPaths
from gateway.ids import new_task_id
from gateway.runner.clock_guard import ClockGuard
from gateway.runner.live_runs import LiveRuns
from gateway.runner.node import Node
from gateway.runner.occupancy import Occupancy
from gateway.runner.output_files import OutputFiles
from gateway.stores.bulk_restore import BulkRestore
from gateway.stores.control import ControlFiles, ControlStore
from gateway.stores.groups import GroupStore
from gateway.stores.index_lease import IndexLeaseStore
from gateway.stores.logs import LogStore
from gateway.stores.objects import Objects
from gateway.stores.occupancy import OccupancyStore
from gateway.stores.partials import PartialStore
from gateway.stores.pool import PoolFile
from gateway.stores.queue import TaskQueue
from gateway.stores.queues import QueueFile
from gateway.stores.redis_client import RedisClient
from gateway.stores.spec import TaskSpec
from gateway.stores.spool import Spool
from gateway.stores.tasks import NO_EPOCH, QueueLimits, TaskStore
from gateway.stores.user_files import FolderLimits, UserFiles
from protocol.errors import GatewayError, Kind
from protocol.logs import Cursor, Line
from protocol.tasks import ById, Task, TaskId, TaskState
from tests.support.waiting import wait_until

__all__ = ["Client", "Runner", "make_node", "record", "running", "settings", "spec_of"]


def settings(**overrides: object) -> Config:
    """The shipped configuration with some keys changed, ``section__key=value``."""
    changed = {name.replace("__", ".", 1): value for name, value in overrides.items()}
    return load(None, {}, changed)


def make_node(link: RedisClient, paths: DataPaths, config: Config, epoch: int = 1) -> Node:
    """The shared parts of a runner, without its process."""
    spool = Spool(paths.spool)
    spool.prepare()
    live_runs = LiveRuns()
    return Node(
        epoch=epoch,
        config=config,
        tasks=TaskStore(link),
        lease=IndexLeaseStore(link),
        bulk_restore=BulkRestore(link),
        queue=TaskQueue(link),
        logs=LogStore(link, hot_bytes=config.retention.hot_bytes),
        partials=PartialStore(link),
        spool=spool,
        objects=Objects(paths.objects),
        controls=ControlStore(link),
        live_runs=live_runs,
        occupancy=Occupancy(
            PoolFile(paths.pool, config.runner), QueueFile(paths.queues), config.runner, live_runs
        ),
        occupancy_store=OccupancyStore(link),
        groups=GroupStore(paths.groups),
        clock_guard=ClockGuard(paths.spool / "clock"),
        output_files=OutputFiles(
            spool.find, UserFiles(paths.files, FolderLimits(1 << 20, 1 << 20, 1000))
        ),
    )


def spec_of(number: int, code: str = "true", **changes: object) -> TaskSpec:
    """A task of user ada for the shell."""
    created = now_ms()
    fields: dict[str, object] = {
        "owner": "ada",
        "engine": "shell",
        "language": "shell",
        "created_ms": created,
        "expires_ms": created + 3_600_000,
    }
    fields.update(changes)
    return TaskSpec(new_task_id(created), number, code=code, **fields)  # type: ignore[arg-type]  # named by the callers


def record(run: RunDir, data: bytes, *, errors: bool = False, time_ms: int = 1) -> None:
    """Appends output as a shim would."""
    with Path(run.file(OUTPUT)).open("ab") as file:
        file.write(header(ERR if errors else OUT, time_ms, len(data)) + data)


class Client:
    """What a gateway process does with stores: submits, reads, kills."""

    def __init__(self, link: RedisClient, paths: DataPaths) -> None:
        self.tasks = TaskStore(link)
        self.queue = TaskQueue(link)
        self.logs = LogStore(link)
        self.spool = Spool(paths.spool)
        self.files = ControlFiles(self.spool.find)
        self.controls = ControlStore(link)
        self._notify_path = paths.runner_socket
        self.spool.prepare()

    async def submit(self, code: str, **changes: object) -> TaskSpec:
        """Has a task accepted and queued, waiting for a runner that is ready."""
        owner = str(changes.get("owner", "ada"))
        numbers: list[int] = []

        async def reserved() -> bool:
            try:
                numbers.append(await self.tasks.reserve(owner, QueueLimits()))
            except GatewayError as error:
                assert error.kind is Kind.UNAVAILABLE, error  # noqa: PT017 - anything else is final
                return False
            return True

        await wait_until(reserved, "the runner is ready", 30)
        spec = spec_of(numbers[-1], code, **changes)
        await self.spool.accept(spec)
        await self.tasks.index(spec)
        self.notify(b"q")
        return spec

    def notify(self, notify: bytes) -> None:
        """Notifies the runner; that may be lost."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as finger:
            try:
                finger.sendto(notify, str(self._notify_path))
            except OSError:
                return

    async def kill(
        self, task_id: TaskId, grace_seconds: float = 1.0, *, notify: bool = True
    ) -> None:
        """Has a task killed as the gateway does it."""
        await self.spool.request_kill(task_id, grace_seconds)
        await self.tasks.request_kill(task_id, now_ms())
        if notify:
            self.notify(b"k" + task_id.encode())

    async def ask(
        self, task_id: TaskId, event: str, *, notify: bool = True, **details: object
    ) -> Control:
        """Asks something of a task as the gateway does it; the index may be away."""
        line = RunEvent(event, now_ms(), "ada", **details)  # type: ignore[arg-type]  # named by the callers
        unstarted = event == "hold"
        held = await self.files.ask(task_id, lambda *_: line, unstarted=unstarted)
        assert held is not None
        if notify:
            with suppress(GatewayError):
                await self.controls.show(task_id, NO_EPOCH, held[0], now_ms())
            self.notify(b"c" + task_id.encode())
        return held[0]

    async def shows(self, task_id: TaskId, state: TaskState, within: float = 60.0) -> Task:
        """The task once it is shown in a state."""
        found: list[Task] = []

        async def shown() -> bool:
            with suppress(GatewayError):
                found.append(await self.tasks.read(ById(task_id)))
                return found[-1].state is state
            return False

        await wait_until(shown, f"task {task_id} is shown as {state}", within)
        return found[-1]

    async def ended(self, task_id: TaskId, within: float = 60.0) -> Task:
        """The task once it is final."""
        found: list[Task] = []

        async def final() -> bool:
            try:
                found.append(await self.tasks.read(ById(task_id)))
            except GatewayError as error:
                assert error.kind in (Kind.UNAVAILABLE, Kind.NOT_FOUND), error  # noqa: PT017 - as above
                return False
            return found[-1].state.final

        await wait_until(final, f"task {task_id} is final", within)
        return found[-1]

    async def has_line(self, task_id: TaskId, number: int) -> bool:
        """Whether a line is in Redis by now."""
        return (await self.logs.last(task_id)).line > number

    async def is_running(self, task_id: TaskId) -> bool:
        """Whether a task is shown as running."""
        return (await self.tasks.read(ById(task_id))).state is TaskState.RUNNING

    async def nothing_live(self) -> bool:
        """Whether no run directory is live."""
        return not await self.spool.live_ids()

    async def lines(self, task_id: TaskId) -> list[Line]:
        """The whole log from the spool."""
        return [line async for line in self._from_spool(task_id)]

    async def _from_spool(self, task_id: TaskId) -> AsyncIterator[Line]:
        cursor = Cursor()
        while True:
            page = await self.spool.read_log(task_id, cursor, 10_000, 1 << 20)
            assert page is not None
            for line in page.lines():
                yield line
            if page.next == cursor:
                return
            cursor = page.next

    async def hot_lines(self, task_id: TaskId) -> list[Line]:
        """The whole log from Redis, which must hold all of it."""
        found: list[Line] = []
        cursor = Cursor()
        while True:
            page = await self.logs.read(task_id, cursor, 10_000, 1 << 20)
            assert page is not None
            found.extend(page.lines())
            if page.next == cursor:
                return found
            cursor = page.next


@dataclass(slots=True)
class Runner:
    """A runner process of a test's own."""

    paths: DataPaths
    url: str
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it; a client's first submit waits until it is ready."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gateway.runner", "--data-dir", str(self.paths.data)],
            env={**os.environ, "NARTHEX_REDIS_URL": self.url, **self.environment},
        )

    def kill(self) -> None:
        """SIGKILL, and nothing is left of it but what it started."""
        self.end(signal.SIGKILL)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Ends it with a signal; its exit status."""
        if self.process is None:
            return 0
        self.process.send_signal(number)
        status = self.process.wait(30)
        self.process = None
        return status


@asynccontextmanager
async def running(paths: DataPaths, url: str, **environment: str) -> AsyncIterator[Runner]:
    """A runner for the length of a block."""
    runner = Runner(paths, url, environment)
    runner.start()
    try:
        yield runner
    finally:
        runner.kill()
