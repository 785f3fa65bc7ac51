"""The spool on a real disk."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from engines.rundir.directory import OUTPUT, Exit, ExitKind, RunDir, RunState
from engines.rundir.records import ERR, OUT, header
from gateway.stores import spool as spool_module
from gateway.stores.errors import TaskGone
from gateway.stores.run_folders import day_of
from gateway.stores.spec import TaskSpec
from gateway.stores.spool import Spool
from protocol.errors import GatewayError, Kind
from protocol.logs import Cursor, Line, Stream
from protocol.tasks import TaskId
from tests.support.specs import NOW_MS, make_spec, task_id_at

_ALL = 1 << 30


@pytest_asyncio.fixture
async def spool(tmp_path: Path) -> AsyncIterator[Spool]:
    """An empty spool."""
    spool = Spool(tmp_path / "spool")
    spool.prepare()
    yield spool
    spool.close()


def _run(spool: Spool, spec: TaskSpec) -> RunDir:
    run = spool.find(spec.task_id)
    assert run is not None
    return run


def _record(run: RunDir, *outputs: tuple[int, bytes]) -> None:
    with Path(run.file(OUTPUT)).open("ab") as file:
        file.writelines(header(stream, 7, len(data)) + data for stream, data in outputs)


async def _refused(kind: Kind, work: object) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        await work  # type: ignore[misc]
    assert caught.value.kind is kind
    return caught.value


async def test_the_folders_are_private(spool: Spool, tmp_path: Path) -> None:
    """Nobody else can look into the spool, also if it was open before."""
    (tmp_path / "spool").chmod(0o755)
    spool.prepare()
    for name in ("", "new", "live", "done", "requests"):
        assert stat.S_IMODE((tmp_path / "spool" / name).stat().st_mode) == 0o700


async def test_what_was_accepted_is_on_disk(spool: Spool) -> None:
    """An accepted task is live, startable and read back as it was."""
    spec = make_spec(client={"a": [1]})
    assert await spool.accept(spec) == spec
    assert await spool.live_ids() == [spec.task_id]
    assert await spool.spec(spec.task_id) == spec
    assert _run(spool, spec).state() is RunState.ACCEPTED
    assert await spool.spec(task_id_at()) is None


async def test_a_repeated_request_is_the_same_task(spool: Spool) -> None:
    """The same user, request id and body give the first task, however many ask at once."""
    specs = [make_spec(request_id="r", body_hash="h") for _ in range(20)]
    found = await asyncio.gather(*(spool.accept(spec) for spec in specs))
    assert len({spec.task_id for spec in found}) == 1
    assert await spool.live_ids() == [found[0].task_id]
    assert await spool.claimed("ann", "r") == found[0]
    other = make_spec("bob", request_id="r", body_hash="x")
    assert await spool.accept(other) == other


async def test_another_body_under_a_request_id_is_a_conflict(spool: Spool) -> None:
    """A request id stands for one request."""
    await spool.accept(make_spec(request_id="r", body_hash="h"))
    error = await _refused(
        Kind.CONFLICT, spool.accept(make_spec(request_id="r", body_hash="other"))
    )
    assert error.field == "requestId"
    assert len(await spool.live_ids()) == 1


async def test_nothing_is_claimed_without_a_request_id(spool: Spool) -> None:
    """Tasks without a request id are all different."""
    for _ in range(2):
        await spool.accept(make_spec())
    assert len(await spool.live_ids()) == 2
    assert await spool.claimed("ann", "") is None
    assert await spool.claimed("ann", "r") is None


async def test_a_crash_after_the_claim_is_finished_by_the_repetition(
    spool: Spool, tmp_path: Path
) -> None:
    """A task whose request id was taken and whose directory was not shown is shown then."""
    spec = make_spec(request_id="r", body_hash="h")
    await spool.accept(spec)
    half = tmp_path / "spool" / "new" / f"{spec.task_id}.half"
    (tmp_path / "spool" / "live" / spec.task_id).rename(half)
    assert await spool.accept(make_spec(request_id="r", body_hash="h")) == spec
    assert await spool.live_ids() == [spec.task_id]


async def test_tidying_ends_what_crashes_left(spool: Spool, tmp_path: Path) -> None:
    """A claimed half becomes a task, an unclaimed one and a half removed one go."""
    claimed, unclaimed = make_spec(request_id="r", body_hash="h"), make_spec()
    new = tmp_path / "spool" / "new"
    for spec in (claimed, unclaimed):
        await spool.accept(spec)
        (tmp_path / "spool" / "live" / spec.task_id).rename(new / f"{spec.task_id}.half")
    (new / "x.abc.gone").mkdir()
    (new / "x.abc.gone" / "output").touch()
    assert await spool.tidy(age_seconds=3600) == []
    assert await spool.tidy(age_seconds=0) == [claimed.task_id]
    assert list(new.iterdir()) == []


async def test_a_discarded_task_frees_its_request_id(spool: Spool) -> None:
    """What the index refused leaves nothing behind."""
    spec = make_spec(request_id="r", body_hash="h")
    await spool.accept(spec)
    await spool.discard(spec)
    await spool.discard(spec)
    assert await spool.live_ids() == []
    again = make_spec(request_id="r", body_hash="other")
    assert await spool.accept(again) == again


async def test_a_finished_run_is_found_by_its_day(spool: Spool) -> None:
    """A finalised run moves to the day of its id and is found there, also a second time."""
    spec = make_spec(created_ms=NOW_MS)
    await spool.accept(spec)
    for _ in range(2):
        await spool.finish(spec.task_id)
    assert await spool.live_ids() == []
    assert await spool.done_days() == [day_of(spec.task_id)] == ["20231114"]
    assert await spool.done_ids("20231114") == [spec.task_id]
    assert await spool.done_ids("19700101") == []
    assert await spool.spec(spec.task_id) == spec


async def test_a_removed_run_stays_known_to_its_request(spool: Spool, tmp_path: Path) -> None:
    """A repetition of a request whose task is gone is told so until the id is swept."""
    spec = make_spec(request_id="r", body_hash="h", expires_ms=NOW_MS + 10)
    kept = make_spec(request_id="s", body_hash="h", expires_ms=NOW_MS + 10)
    for each in (spec, kept):
        await spool.accept(each)
    await spool.finish(spec.task_id)
    for _ in range(2):
        await spool.remove(spec.task_id)
    assert spool.find(spec.task_id) is None
    assert await spool.done_days() == []
    with pytest.raises(TaskGone) as caught:
        await spool.accept(make_spec(request_id="r", body_hash="h"))
    assert caught.value.number == spec.number
    assert await spool.sweep(NOW_MS + 60, keep_ms=100) == 0
    assert await spool.sweep(NOW_MS + 111, keep_ms=100) == 1
    assert len(list((tmp_path / "spool" / "requests").iterdir())) == 1
    again = make_spec(request_id="r", body_hash="h")
    assert await spool.accept(again) == again


async def test_a_kill_request_is_durable_on_live_runs_only(spool: Spool) -> None:
    """The request is a file of the run; who is not live takes none."""
    spec = make_spec()
    await spool.accept(spec)
    assert await spool.request_kill(spec.task_id, 1.5)
    assert await spool.request_kill(spec.task_id, 9)
    request = _run(spool, spec).kill_request()
    assert request is not None
    assert request.grace_seconds == 1.5
    await spool.finish(spec.task_id)
    assert not await spool.request_kill(spec.task_id, 1)
    assert not await spool.request_kill(task_id_at(), 1)


async def test_a_log_is_read_from_the_recorded_output(spool: Spool) -> None:
    """Lines come with numbers, streams and times; only an ended run has an end of its log."""
    spec = make_spec()
    await spool.accept(spec)
    run = _run(spool, spec)
    page = await spool.read_log(spec.task_id, Cursor(), 10, _ALL)
    assert page is not None
    assert (page.blocks, page.next, page.last, page.eof) == ((), Cursor(1), 0, False)
    _record(run, (OUT, b"one\ntw"), (ERR, b"bad\n"), (OUT, b"o\nrest"))
    page = await spool.read_log(spec.task_id, Cursor(), 10, _ALL)
    assert page is not None
    assert list(page.lines()) == [
        Line(1, 7, Stream.OUT, b"one"),
        Line(2, 7, Stream.ERR, b"bad"),
        Line(3, 7, Stream.OUT, b"two"),
    ]
    assert (page.next, page.last, page.eof) == (Cursor(4), 3, False)
    run.write_exit(Exit(ExitKind.EXITED, exit_code=0))
    await spool.finish(spec.task_id)
    page = await spool.read_log(spec.task_id, Cursor(4), 10, _ALL)
    assert page is not None
    assert [line.data for line in page.lines()] == [b"rest"]
    assert (page.next, page.last, page.eof) == (Cursor(5), 4, True)
    page = await spool.read_log(spec.task_id, Cursor(2), 1, _ALL)
    assert page is not None
    assert ([line.number for line in page.lines()], page.eof) == ([2], False)


async def test_a_run_that_is_put_away_is_read_on(spool: Spool) -> None:
    """Readers do not notice that a run moves or that many read at once."""
    spec = make_spec()
    await spool.accept(spec)
    _record(_run(spool, spec), (OUT, b"".join(b"%d\n" % n for n in range(1, 5001))))

    async def read() -> list[int]:
        numbers: list[int] = []
        cursor = Cursor()
        while len(numbers) < 5000:
            page = await spool.read_log(spec.task_id, cursor, 300, _ALL)
            assert page is not None
            numbers += [line.number for line in page.lines()]
            cursor = page.next
        return numbers

    one, two, moved, three = await asyncio.gather(
        read(), read(), spool.finish(spec.task_id), read()
    )
    assert one == two == three == list(range(1, 5001))
    assert moved
    assert not await spool.finish(spec.task_id)


async def test_an_unknown_run_has_no_log(spool: Spool) -> None:
    """A log that was never there is told from an empty one."""
    assert await spool.read_log(task_id_at(), Cursor(), 1, 1) is None


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "x\0", "no-uuid", ".hidden"])
async def test_ids_that_are_no_ids_reach_no_file(spool: Spool, name: str) -> None:
    """An id is never a path."""
    await _refused(Kind.INVALID, spool.read_log(TaskId(name), Cursor(), 1, 1))
    await _refused(Kind.INVALID, spool.remove(TaskId(name)))


async def test_a_full_disk_accepts_nothing_and_leaves_nothing(
    spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the last of the disk is reached a submit is refused with a hint."""
    monkeypatch.setattr(spool_module, "_SPARE_SHARE", 2.0)
    monkeypatch.setattr(spool_module, "_SPARE_BYTES", 1 << 62)
    error = await _refused(Kind.UNAVAILABLE, spool.accept(make_spec(request_id="r")))
    assert error.retry_after > 0
    assert "full" in error.message
    assert await spool.live_ids() == []
    assert list((tmp_path / "spool" / "requests").iterdir()) == []


async def test_a_spool_that_went_away_is_unavailable(spool: Spool, tmp_path: Path) -> None:
    """An unmounted or renamed spool is refused and never made anew in silence."""
    (tmp_path / "spool").rename(tmp_path / "elsewhere")
    await _refused(Kind.UNAVAILABLE, spool.accept(make_spec()))
    await _refused(Kind.UNAVAILABLE, spool.live_ids())
    assert not (tmp_path / "spool").exists()


async def test_a_damaged_spec_is_told(spool: Spool) -> None:
    """A run directory whose spec nobody can read is an internal error and not an unknown task."""
    spec = make_spec()
    await spool.accept(spec)
    run = _run(spool, spec)
    run.write("spec", b'{"a": 1}', durable=False)
    await _refused(Kind.INTERNAL, spool.spec(spec.task_id))


async def test_a_disk_error_is_no_internal_text(spool: Spool, tmp_path: Path) -> None:
    """What the disk says stays inside; the client is told to come again."""
    (tmp_path / "spool" / "live").rmdir()
    (tmp_path / "spool" / "live").touch()
    error = await _refused(Kind.UNAVAILABLE, spool.accept(make_spec()))
    assert os.strerror(errno.ENOTDIR) not in error.message
    assert str(tmp_path) not in error.message


async def test_a_refused_task_is_recorded_as_ended(spool: Spool) -> None:
    """It lies among the finished ones with its spec, its reason and no output."""
    spec = make_spec()
    await spool.refuse(spec, "the queue is full", NOW_MS)
    assert await spool.live_ids() == []
    run = _run(spool, spec)
    end = run.exit()
    assert end is not None
    assert (end.kind, end.reason, end.message) == (
        ExitKind.START_FAILED,
        "refused",
        "the queue is full",
    )
    assert await spool.spec(spec.task_id) == spec
    page = await spool.read_log(spec.task_id, Cursor(), 100, _ALL)
    assert page is not None
    assert (page.blocks, page.eof) == ((), True)
