"""A hundred thousand numbered lines, complete, once and in order, by every way there is."""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.entrance import Caller, frame, opened, received
from tests.support.served import NARTHEX, Served, serving

COUNT = 100_000
SCRIPT = (
    "import sys\n"
    f"for i in range(1, {COUNT} + 1):\n"
    "    stream = sys.stderr if i % 7 == 0 else sys.stdout\n"
    "    stream.write(f'{i:06d} of the numbered lines\\n')\n"
)


def expected(stream: str) -> list[str]:
    """The lines of one stream in the order in which the script writes them."""
    return [
        f"{i:06d} of the numbered lines"
        for i in range(1, COUNT + 1)
        if (i % 7 == 0) is (stream == "err")
    ]


def check(lines: list[tuple[int, str, str]]) -> None:
    """Line numbers are 1 to the end, and each stream is what its script wrote."""
    assert [number for number, _, _ in lines] == list(range(1, COUNT + 1))
    for stream in ("out", "err"):
        assert [text for _, side, text in lines if side == stream] == expected(stream)


@pytest.fixture(scope="module")
def long_run(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, str]:
    """A data folder whose gateway was restarted after the long script had ended."""
    data = tmp_path_factory.mktemp("long") / "data"
    with serving(data) as gateway, Caller(gateway) as caller:
        exec_id = caller.execute(f"python3 - <<'END'\n{SCRIPT}END")
        live = caller.lines(exec_id)
        check([(line["n"], line["s"], line["text"]) for line in live])
        assert caller.finished(exec_id) == "Succeed"
    return data, exec_id


@pytest.fixture(scope="module")
def restarted(long_run: tuple[Path, str]) -> Iterator[tuple[Served, str]]:
    """The gateway after its restart, and the execID of the long run before it."""
    data, exec_id = long_run
    with serving(data) as gateway:
        yield gateway, exec_id


@pytest.mark.parametrize("size", [977, 5000, 100_000])
def test_pages_of_any_size(restarted: tuple[Served, str], size: int) -> None:
    """Pages join to the whole log after a restart, whatever their size."""
    gateway, exec_id = restarted
    with Caller(gateway) as caller:
        lines = caller.lines(exec_id, size)
    check([(line["n"], line["s"], line["text"]) for line in lines])


def test_a_page_of_one_line_in_the_middle(restarted: tuple[Served, str]) -> None:
    """Any line can be asked for by its number."""
    gateway, exec_id = restarted
    with Caller(gateway) as caller:
        for number in (1, 2, 49_999, COUNT):
            params = {"format": "lines", "fromLine": number, "size": 1}
            page = caller.call("GET", f"{exec_id}/log", params=params)
            assert [line["n"] for line in page["lines"]] == [number]
            assert (page["first"], page["last"]) == (1, COUNT)
            assert page["eof"] is (number == COUNT)


def test_a_page_behind_the_end(restarted: tuple[Served, str]) -> None:
    """Who asks for lines that are not there is told the number of the last one that is."""
    gateway, exec_id = restarted
    with Caller(gateway) as caller:
        query = {"format": "lines", "fromLine": 2 * COUNT}
        page = caller.call("GET", f"{exec_id}/log", params=query)
        assert (page["lines"], page["first"], page["last"], page["eof"]) == ([], 1, COUNT, True)
        quiet = caller.execute("exec sleep 60")
        page = caller.call("GET", f"{quiet}/log", params=query)
        assert (page["lines"], page["first"], page["last"], page["eof"]) == ([], 0, 0, False)
        caller.call("GET", f"{quiet}/kill")


async def test_subscribe(restarted: tuple[Served, str]) -> None:
    """A subscription tells every line once and then exactly one end."""
    gateway, exec_id = restarted
    lines: list[tuple[int, str, str]] = []
    async with asyncio.timeout(60), opened(gateway) as socket:
        await socket.send(frame(f"{exec_id}/subscribe", {"fromLine": 1, "format": "lines"}))
        while True:
            message = await received(socket)
            data = message["data"]
            if message["method"].endswith("/lines"):
                lines += [(line["n"], line["s"], line["text"]) for line in data["lines"]]
                assert data["last"] == lines[-1][0]
            if message["method"].endswith("/eof"):
                break
    check(lines)
    assert data == {
        "execID": exec_id,
        "last": COUNT,
        "status": "Succeed",
        "exitCode": 0,
        "signal": None,
    }


def test_logs_follow(restarted: tuple[Served, str]) -> None:
    """``narthex logs`` prints both streams exactly."""
    gateway, exec_id = restarted
    printed = subprocess.run(
        [
            *NARTHEX,
            "logs",
            "-F",
            exec_id,
            "--server",
            gateway.url,
            "--token",
            gateway.token,
            "--json",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    records = [json.loads(line) for line in printed.splitlines()]
    lines = [record for record in records if record["type"] == "line"]
    check([(record["line"], record["stream"], record["text"]) for record in lines])
