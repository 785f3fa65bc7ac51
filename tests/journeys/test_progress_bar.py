"""A bar that shows progress with carriage returns: one line, seen while it grows and at its end."""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from tests.gateway.cli.terminal import on_terminal
from tests.journeys.entrance import Caller, executing, frame, opened
from tests.support.served import Served, command

BAR = f"""{sys.executable} -c '
import sys, time
for n in range(10000):
    sys.stdout.write("\\r%5.2f%% done" % (n / 100))
    sys.stdout.flush()
    if n % 50 == 0: time.sleep(0.01)
sys.stdout.write("\\r100% done\\nafter\\n")
'"""


def test_ten_thousand_updates_are_one_line(caller: Caller) -> None:
    """The last content counts, every byte is there, and the next line has the next number."""
    exec_id = caller.execute(BAR)
    assert caller.finished(exec_id) == "Succeed"
    rows = caller.lines(exec_id)
    assert {row["n"] for row in rows} == {1, 2}
    parts = [row for row in rows if row["n"] == 1]
    assert parts[-1]["text"] == "100% done"
    assert parts[-1]["cr"]
    assert [row["text"] for row in rows if row["n"] == 2] == ["after"]
    found = caller.call("GET", f"{exec_id}/log", params={"size": -1, "fromLine": 1})["log"][3]
    assert "\r" not in found
    assert found.count(" 100% done\n") == 1


async def test_readers_see_it_grow_a_few_times_a_second(served: Served) -> None:
    """What stands on the open line comes at most four times a second, its end once."""
    partial: list[tuple[float, str]] = []
    ends: list[str] = []
    data: dict[str, object] = {"partial": True, "text": "screen"}
    async with asyncio.timeout(60), opened(served) as socket:
        exec_id = await executing(socket, BAR)
        begun = time.monotonic()
        await socket.send(frame(f"{exec_id}/subscribe", data))
        while True:
            message: dict[str, Any] = json.loads(await socket.recv())
            verb = message["method"].rpartition("/")[2]
            if verb == "partial":
                partial.append((time.monotonic() - begun, message["data"]["text"]))
                assert message["data"]["n"] == 1
            if verb == "lines":
                ends += [row["text"] for row in message["data"]["lines"] if not row.get("more")]
            if verb == "eof":
                break
    assert len(partial) >= 3
    assert len(partial) <= 4 * (partial[-1][0] - partial[0][0]) + 2
    values = [float(text.partition("%")[0]) for _, text in partial]
    assert values == sorted(set(values))
    assert ends == ["100% done", "after"]


async def test_a_prompt_is_seen(served: Served, tmp_path: Path) -> None:
    """What stands on a line without any carriage return is seen too, and late comers see it."""
    go = tmp_path / "go"
    code = f"echo one; printf 'Sure? '; while [ ! -e {go} ]; do sleep 0.05; done; echo yes"
    async with asyncio.timeout(60), opened(served) as first, opened(served) as second:
        exec_id = await executing(first, code)
        for socket in (first, second):
            await socket.send(frame(f"{exec_id}/subscribe", {"partial": True, "fromLine": 1}))
            while True:
                message = json.loads(await socket.recv())
                if message["method"].endswith("/partial"):
                    break
            assert (message["data"]["n"], message["data"]["text"]) == (2, "Sure? ")
        go.touch()
        while not message["method"].endswith("/eof"):
            message = json.loads(await first.recv())
            if message["method"].endswith("/lines"):
                texts = [row["text"] for row in message["data"]["lines"]]
        assert texts[-1:] == ["Sure? yes"]


def test_a_terminal_shows_what_counts(caller: Caller, served: Served) -> None:
    """On a terminal a bar that has ended is its last content; in a pipe it is every byte."""
    exec_id = caller.execute("printf '10%%\\r20%%\\r100%%\\n'; printf 'dos\\r\\n'")
    assert caller.finished(exec_id) == "Succeed"
    with on_terminal("logs", exec_id, "--data-dir", served.data) as seat:
        seat.see(b"dos")
        assert seat.leave() == 0
    assert b"100%\r\ndos\r\n" in seat.shown
    assert b"20%" not in seat.shown
    assert command("logs", exec_id, data=served.data).encode().splitlines()[-1:] == [b"dos"]
