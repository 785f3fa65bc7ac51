"""From recorded output to the hot log, through gaps, restarts and losses."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from engines.rundir.directory import OUTPUT, Exit, ExitKind, RunDir
from engines.rundir.records import OUT
from engines.shim.recorder import Recorder
from gateway.config import Config
from gateway.data_paths import DataPaths
from gateway.runner.node import Node
from gateway.runner.run.mirror import Mirror
from gateway.stores.errors import LogGap, StaleEpoch
from gateway.stores.redis_client import RedisClient
from gateway.stores.spec import TaskSpec
from protocol.errors import GatewayError
from protocol.logs import Cursor
from tests.gateway.runner.rig import Client, make_node, record, settings, spec_of


class Scene:
    """One accepted run whose output a test writes itself."""

    def __init__(self, link: RedisClient, folder: Path, config: Config | None = None) -> None:
        self.paths = DataPaths.of(folder, {})
        self.paths.prepare()
        self.node: Node = make_node(link, self.paths, config or settings())
        self.client = Client(link, self.paths)
        self.spec: TaskSpec = spec_of(1)
        self.run = RunDir("")

    async def begin(self) -> None:
        """Accepts the run."""
        await self.node.spool.accept(self.spec)
        await self.node.tasks.index(self.spec)
        found = self.node.spool.find(self.spec.task_id)
        assert found is not None
        self.run = found

    def mirror(self, epoch: int = 1) -> Mirror:
        """A mirror that knows nothing yet."""
        hot = self.node.config.retention.hot_bytes
        return Mirror(self.run, self.spec.task_id, epoch, self.node.logs, hot)

    async def texts(self) -> list[bytes]:
        """The lines in Redis."""
        return [line.data for line in await self.client.hot_lines(self.spec.task_id)]


@pytest.fixture
async def scene(link: RedisClient, tmp_path: Path) -> Scene:
    """An accepted run without output."""
    made = Scene(link, tmp_path)
    await made.begin()
    return made


async def drained(mirror: Mirror) -> None:
    """Mirrors all that is there."""
    while await mirror.turn():
        pass


async def finished(mirror: Mirror) -> int:
    """Mirrors all that is left; the number of the last line."""
    return (await ending(mirror))[0]


async def ending(mirror: Mirror) -> tuple[int, bool]:
    """The same, and whether that was told together with the end of the log."""

    async def reported(last: int, *, sent: bool) -> tuple[int, bool]:
        return last, sent

    return await mirror.finish(reported)


async def test_lines_arrive_as_recorded(scene: Scene) -> None:
    """Whole lines go on at once; the last one without a line feed when the run has ended."""
    mirror = scene.mirror()
    assert await mirror.turn() == 0
    record(scene.run, b"one\ntwo\nthr")
    await drained(mirror)
    assert await scene.texts() == [b"one", b"two"]
    record(scene.run, b"oops\n", errors=True)
    record(scene.run, b"ee\nlast")
    assert await finished(mirror) == 5
    assert await finished(mirror) == 5
    assert await scene.texts() == [b"one", b"two", b"oops", b"three", b"last"]


async def test_a_short_rest_is_told_together_with_the_end(scene: Scene) -> None:
    """What is left goes out with the news of the end; once it is there nothing is on its way."""
    mirror = scene.mirror()
    record(scene.run, b"one\ntwo")
    assert await ending(mirror) == (2, True)
    assert await ending(mirror) == (2, False)
    assert await finished(scene.mirror()) == 2
    assert await scene.texts() == [b"one", b"two"]


async def test_a_rest_that_was_refused_is_sent_again(scene: Scene) -> None:
    """An end that is told but not taken is told again, with all lines there and each once."""
    mirror = scene.mirror()
    record(scene.run, b"one\ntwo")

    async def refused(last: int, *, sent: bool) -> None:
        raise LogGap(last, Cursor(last + sent))

    with pytest.raises(LogGap):
        await mirror.finish(refused)
    assert await ending(mirror) == (2, False)
    assert await scene.texts() == [b"one", b"two"]


async def test_a_torn_record_waits(scene: Scene) -> None:
    """A record that is not whole yet is not there yet, and costs no endless loop."""
    mirror = scene.mirror()
    record(scene.run, b"one\n")
    size = scene.run.output_size()
    record(scene.run, b"two\n")
    os.truncate(scene.run.file("output"), scene.run.output_size() - 2)
    await drained(mirror)
    assert await scene.texts() == [b"one"]
    os.truncate(scene.run.file("output"), size)
    record(scene.run, b"two\n")
    await drained(mirror)
    assert await scene.texts() == [b"one", b"two"]


async def test_a_new_mirror_goes_on_where_the_log_ends(scene: Scene) -> None:
    """After a restart nothing is repeated and nothing is missing, also inside a long line."""
    lines = [b"line %d" % number for number in range(3000)]
    lines[1500] = b"x" * 300_000
    data = b"\n".join(lines) + b"\n"
    for start in range(0, len(data), 50_000):
        record(scene.run, data[start : start + 50_000])
        await drained(scene.mirror())
    assert await finished(scene.mirror()) == 3000
    joined: dict[int, bytes] = {}
    for line in await scene.client.hot_lines(scene.spec.task_id):
        joined[line.number] = joined.get(line.number, b"") + line.data
    assert [joined[number + 1] for number in range(3000)] == lines


async def test_a_log_that_lost_its_end_is_healed(scene: Scene, link: RedisClient) -> None:
    """When Redis comes back without what it had, the lines are brought again."""
    mirror = scene.mirror()
    record(scene.run, b"one\ntwo\n")
    await drained(mirror)
    await link.call("FLUSHALL")
    await scene.node.tasks.index(scene.spec)
    record(scene.run, b"three\n")
    with pytest.raises(LogGap):
        await mirror.turn()
    await drained(mirror)
    assert await scene.texts() == [b"one", b"two", b"three"]


async def test_of_a_long_log_only_the_end_is_brought_back(
    link: RedisClient, tmp_path: Path
) -> None:
    """After a loss the hot window is filled from near its end, with true line numbers."""
    scene = Scene(link, tmp_path, settings(retention__hot_bytes=100_000))
    await scene.begin()
    for start in range(0, 20_000, 1000):
        record(scene.run, b"".join(b"%063d\n" % number for number in range(start, start + 1000)))
    await drained(scene.mirror())
    await link.call("FLUSHALL")
    await scene.node.tasks.index(scene.spec)
    assert await finished(scene.mirror()) == 20_000
    assert await scene.node.logs.read(scene.spec.task_id, Cursor(1), 1, 1000) is None
    page = await scene.node.logs.read(scene.spec.task_id, Cursor(19_999), 10, 1000)
    assert page is not None
    assert [(line.number, int(line.data)) for line in page.lines()] == [
        (19_999, 19_998),
        (20_000, 19_999),
    ]


async def test_a_stale_mirror_writes_nothing(scene: Scene) -> None:
    """The mirror of a runner that was replaced is refused."""
    record(scene.run, b"one\n")
    await drained(scene.mirror(epoch=7))
    record(scene.run, b"two\n")
    with pytest.raises(StaleEpoch):
        await drained(scene.mirror(epoch=6))
    assert await scene.texts() == [b"one"]


async def test_an_unknown_task_is_not_mirrored(scene: Scene, link: RedisClient) -> None:
    """Output of a task that the index lost waits until the index has it again."""
    mirror = scene.mirror()
    record(scene.run, b"one\n")
    await link.call("FLUSHALL")
    with pytest.raises(GatewayError):
        await mirror.turn()
    await scene.node.tasks.index(scene.spec)
    await drained(mirror)
    assert await scene.texts() == [b"one"]


async def test_the_mirror_is_fast(link: RedisClient, tmp_path: Path) -> None:
    """A long log is mirrored at well over a hundred thousand lines a second."""
    scene = Scene(link, tmp_path)
    await scene.begin()
    piece = b"".join(b"a line of a usual length, number %d\n" % number for number in range(1500))
    for _ in range(200):
        record(scene.run, piece)
    start = time.monotonic()
    assert await finished(scene.mirror()) == 300_000
    assert 300_000 / (time.monotonic() - start) > 100_000


async def test_a_hole_is_gone_over_and_told(scene: Scene) -> None:
    """What a mirror did not see before it was dropped is a gap for readers; numbers stay true."""
    recorder = Recorder(scene.run.file(OUTPUT), 20_000)
    mirror = scene.mirror()
    for number in range(1, 3001):
        recorder.add(OUT, number, b"%d\n" % number)
        if number == 100:
            await drained(mirror)
    recorder.end(3000)
    scene.run.write_exit(Exit(ExitKind.EXITED, exit_code=0))
    assert await finished(mirror) == 3000
    task_id = scene.spec.task_id
    assert await scene.node.logs.last(task_id) == Cursor(3001)
    hot = await scene.node.logs.read(task_id, Cursor(3000), 10, 1000)
    assert hot is not None
    assert [line.data for line in hot.lines()] == [b"3000"]
    assert await scene.node.logs.read(task_id, Cursor(101), 10, 1000) is None
    page = await scene.node.spool.read_log(task_id, Cursor(1), 10_000, 1 << 20)
    assert page is not None
    ((first, last),) = page.gaps
    numbers = [(line.number, int(line.data)) for line in page.lines()]
    assert all(number == value for number, value in numbers)
    assert len(numbers) == 3000 - (last - first + 1)


async def test_loss_at_the_end_does_not_leave_the_log_open(scene: Scene) -> None:
    """Of a run whose last lines are not kept the log ends with the number of the last one."""
    recorder = Recorder(scene.run.file(OUTPUT))
    recorder.add(OUT, 1, b"kept\n")
    taking, recorder._fd = recorder._fd, os.open(scene.run.file(OUTPUT), os.O_RDONLY)
    recorder.add(OUT, 2, b"lost\nlost\n")
    os.close(recorder._fd)
    recorder._fd = taking
    recorder.end(3)
    scene.run.write_exit(Exit(ExitKind.EXITED, exit_code=0))
    assert await finished(scene.mirror()) == 3
    assert await scene.node.logs.last(scene.spec.task_id) == Cursor(4)
    page = await scene.node.spool.read_log(scene.spec.task_id, Cursor(2), 10, 1000)
    assert page is not None
    assert (page.gaps, page.next, page.eof) == (((2, 3),), Cursor(4), True)
