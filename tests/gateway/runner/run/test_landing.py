"""A landing and those who knock: who is let in, who is not, and that nobody starts a run twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from engines.place import Grant, put
from engines.placed.wire import (
    VERSION,
    Frame,
    WireError,
    decode,
    file_piece,
    frame,
    object_frame,
    proof,
    read_frame,
    split_piece,
)
from engines.rundir.creation import create_run
from engines.rundir.directory import RunDir
from engines.rundir.facts import Exit, ExitKind, RunState, encode
from gateway.clock import now_ms
from gateway.ids import new_task_id
from gateway.runner.live_runs import LiveRun, LiveRuns
from gateway.runner.run.landing import Landing
from gateway.runner.run.placed_order import PlacedOrder
from gateway.stores.run_folders import RunFolders
from tests.support.ports import free_port
from tests.support.waiting import wait_until


@dataclass
class Site:
    """A landing with one run that was handed over."""

    run: RunDir
    key: str
    port: int
    landing: Landing
    live: LiveRuns = field(default_factory=LiveRuns)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """A landing that listens."""
    for name in ("new", "live"):
        (tmp_path / name).mkdir()
    run = create_run(tmp_path / "new", tmp_path / "live", new_task_id(now_ms()), b"{}")
    key = put(run, "slurm").key
    live = LiveRuns()
    live.enter(LiveRun(run.run_id, "ada", run, placed=True))

    async def order(_run: RunDir, _me: Grant) -> PlacedOrder:
        return PlacedOrder({"what": "ever"}, ())

    port = free_port()
    landing = Landing(f"127.0.0.1:{port}", None, RunFolders(tmp_path), live, order)
    task = asyncio.create_task(landing.run())
    yield Site(run, key, port, landing, live)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


class Guest:
    """Somebody who speaks to a landing."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def hear(self) -> tuple[Frame, bytes]:
        """The next frame that is no beat."""
        while True:
            kind, payload = await read_frame(self.reader)
            if kind is not Frame.BEAT:
                return kind, payload

    async def is_shut_out(self) -> None:
        """Hears on until the landing ends the connection."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await self.hear()

    async def introduce(
        self, site: Site, *, key: str = "", instance: str = "me", **changes: object
    ) -> tuple[Frame, dict[str, object]]:
        """Says who it is; what the landing answers."""
        nonce = str(decode((await self.hear())[1])["nonce"])
        claims = {
            "node": "n1",
            "boot": "b",
            "job": "7",
            "instance": instance,
            "have": False,
            "run": site.run.run_id,
            "version": VERSION,
            "time_ms": now_ms(),
            **changes,
        }
        signed = proof(key or site.key, "porter", (nonce, "mine"), claims)
        self.writer.write(object_frame(Frame.WHO, nonce="mine", proof=signed, claims=claims))
        kind, payload = await self.hear()
        return kind, decode(payload)


@asynccontextmanager
async def knocking(site: Site) -> AsyncIterator[Guest]:
    """A connection to a landing."""

    async def opened() -> bool:
        try:
            pair.extend(await asyncio.open_connection("127.0.0.1", site.port))
        except OSError:
            return False
        return True

    pair: list[asyncio.StreamReader | asyncio.StreamWriter] = []
    await wait_until(opened, "the landing listens")
    reader, writer = pair
    assert isinstance(reader, asyncio.StreamReader)
    assert isinstance(writer, asyncio.StreamWriter)
    try:
        yield Guest(reader, writer)
    finally:
        writer.close()


async def test_a_porter_with_the_key_is_granted_the_start_and_told_what_to_do(site: Site) -> None:
    """The grant says where the output goes on, the order what to start."""
    async with knocking(site) as guest:
        kind, answer = await guest.introduce(site)
        assert kind is Frame.GRANT
        assert answer["content"] == {"offset": 0}
        kind, payload = await guest.hear()
        assert (kind, decode(payload)) == (Frame.START, {"what": "ever"})
    assert site.run.state() is RunState.STARTING


async def test_nobody_without_the_key_is_answered(site: Site) -> None:
    """The connection ends without a word, and the run waits on."""
    async with knocking(site) as guest:
        with pytest.raises(asyncio.IncompleteReadError):
            await guest.introduce(site, key="another")
    assert site.run.state() is RunState.PLACED


async def test_the_start_is_granted_once_and_to_the_same_again(site: Site) -> None:
    """A porter whose answer was lost asks again; any other one is refused."""
    async with knocking(site) as guest:
        assert (await guest.introduce(site))[0] is Frame.GRANT
    async with knocking(site) as guest:
        kind, answer = await guest.introduce(site, instance="other")
        assert kind is Frame.REFUSE
        assert "another porter" in str(answer["content"])
    async with knocking(site) as guest:
        assert (await guest.introduce(site))[0] is Frame.GRANT


async def test_of_a_run_that_is_gone_its_porter_is_told_so(site: Site, tmp_path: Path) -> None:
    """What was removed while its porter was away is unknown, and is ended there."""
    Path(site.run.path).rename(tmp_path / "removed")
    async with knocking(site) as guest:
        assert await guest.introduce(site, have=True) == (Frame.REFUSE, {"unknown": True})


async def test_while_the_folder_of_runs_is_away_no_porter_hears_that_its_run_is_unknown(
    site: Site, tmp_path: Path
) -> None:
    """A lost mount ends connections and no run: with the folder back all goes on."""
    async with knocking(site) as guest:
        assert (await guest.introduce(site))[0] is Frame.GRANT
    live = tmp_path / "live"
    live.rename(tmp_path / "away")
    async with knocking(site) as guest:
        with pytest.raises(asyncio.IncompleteReadError):
            await guest.introduce(site, have=True)
    (tmp_path / "away").rename(live)
    async with knocking(site) as guest:
        assert (await guest.introduce(site, have=True))[0] is Frame.GRANT


async def test_a_result_does_not_bring_back_the_folder_of_runs(site: Site, tmp_path: Path) -> None:
    """What would be made beside a lost mount would hide that it is lost."""
    async with knocking(site) as guest:
        assert (await guest.introduce(site))[0] is Frame.GRANT
        (tmp_path / "live").rename(tmp_path / "away")
        guest.writer.write(frame(Frame.FILE, file_piece("results/1/table", 0, b"abc")))
        await guest.is_shut_out()
    assert not (tmp_path / "live").exists()


async def test_another_version_is_refused_with_a_sentence(site: Site) -> None:
    """Both must understand one another before anything is granted."""
    async with knocking(site) as guest:
        kind, answer = await guest.introduce(site, version=VERSION + 1)
        assert kind is Frame.REFUSE
        assert "version" in str(answer["content"])


async def test_a_run_that_is_to_be_killed_is_not_started(site: Site) -> None:
    """A kill that was asked for comes before the start."""
    site.run.request_kill(0.0)
    async with knocking(site) as guest:
        assert (await guest.introduce(site))[0] is Frame.REFUSE


async def test_output_is_taken_at_its_end_only_and_the_ending_with_all_of_it(site: Site) -> None:
    """What does not follow ends the connection; the next one goes on where the output ends."""
    async with knocking(site) as guest:
        await guest.introduce(site)
        guest.writer.write(frame(Frame.DATA, file_piece("", 0, b"abc")))
        await wait_until(lambda: site.run.output_size() == 3, "output is here")
        guest.writer.write(frame(Frame.DATA, file_piece("", 9, b"xyz")))
        await guest.is_shut_out()
    assert site.run.output_size() == 3
    async with knocking(site) as guest:
        _, answer = await guest.introduce(site, have=True)
        assert answer["content"] == {"offset": 3}
        guest.writer.write(frame(Frame.DATA, file_piece("", 3, b"def")))
        guest.writer.write(frame(Frame.END, encode(Exit(ExitKind.EXITED, 0, bytes=6))))
        kind, _ = await guest.hear()
        assert kind is Frame.DONE
    assert Path(site.run.file("output")).read_bytes() == b"abcdef"
    assert site.run.state() is RunState.ENDED


async def test_an_ending_that_does_not_agree_is_not_believed_at_first(site: Site) -> None:
    """All of the output is asked for once more."""
    async with knocking(site) as guest:
        await guest.introduce(site)
        guest.writer.write(frame(Frame.DATA, file_piece("", 0, b"abc")))
        guest.writer.write(frame(Frame.END, encode(Exit(ExitKind.EXITED, 0, bytes=6))))
        await guest.is_shut_out()
    assert site.run.exit() is None
    assert site.run.output_size() == 0


@pytest.mark.parametrize("name", ["../elsewhere", "results/../../x", "spec", "/tmp/x"])  # noqa: S108 - never made
async def test_files_land_among_the_results_only(site: Site, name: str) -> None:
    """A porter cannot write anywhere else."""
    async with knocking(site) as guest:
        await guest.introduce(site)
        guest.writer.write(frame(Frame.FILE, file_piece(name, 0, b"abc")))
        await guest.is_shut_out()
    assert Path(site.run.file("spec")).read_bytes() == b"{}"
    assert not (Path(site.run.path).parent / "elsewhere").exists()


@pytest.mark.parametrize(
    "said",
    [
        b"",
        bytes(range(64)),
        b"\xff\xff\xff\xff\x02",
        frame(Frame.WHO, b"[]"),
        frame(Frame.WHO, b"[" * 2000),
        object_frame(Frame.WHO, claims={"run": "x"}),
        object_frame(Frame.WHO, claims={"run": {}}, nonce=[], proof=None),
        frame(Frame.DATA, b"\x00"),
        frame(Frame.WHO, b"x" * 3000),
    ],
)
async def test_what_makes_no_sense_is_shut_out_and_the_landing_stays(
    site: Site, said: bytes
) -> None:
    """Garbage ends its own connection and nothing else."""
    async with knocking(site) as guest:
        guest.writer.write(said)
        guest.writer.write_eof()
        await guest.is_shut_out()
    async with knocking(site) as guest:
        assert (await guest.introduce(site))[0] is Frame.GRANT


def test_a_piece_of_a_file_is_what_it_was() -> None:
    """Packing and unpacking are inverse, and a torn piece is refused."""
    name, offset, data = split_piece(file_piece("a/b", 7, b"xyz"))
    assert (name, offset, bytes(data)) == ("a/b", 7, b"xyz")
    with pytest.raises(WireError):
        split_piece(b"\x01")
