"""One line of a hundred megabytes: delivered in parts, with one number, in level memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.retrying_client import calling
from tests.journeys.entrance import Caller
from tests.support.served import Served, serving

GROWTH = 64 << 20
QUICK = 8_000_000


def resident(gateway: Served) -> int:
    """The bytes in memory of the gateway and its runner."""
    pids = (*gateway.parts("gateway.app"), *gateway.parts("gateway.runner"))
    return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 for pid in pids)


def parts(caller: Caller, exec_id: str, length: int) -> int:
    """Reads line 1 to its end and insists on its parts; how many there were."""
    taken, part = 0, 0
    while True:
        place = {"fromLine": 1, "fromPart": part + 1} if part else {"fromLine": 1}
        query = {"format": "lines", "size": 8, "wait": 5, **place}
        for row in caller.call("GET", f"{exec_id}/log", params=query)["lines"]:
            assert (row["n"], row["part"]) == (1, part + 1)
            assert not row["text"].strip("x")
            taken, part = taken + len(row["text"]), row["part"]
            if not row["more"]:
                assert taken == length
                return int(part)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("length", [QUICK, pytest.param(100_000_000, marks=pytest.mark.storm)])
def test_a_very_long_line(length: int, tmp_path: Path) -> None:
    """All of it comes, in order, and neither gateway nor runner keeps it."""
    with serving(tmp_path / "data") as gateway, calling(gateway) as caller:
        warm = caller.execute("echo warm")
        assert caller.finished(warm) == "Succeed"
        before = resident(gateway)
        exec_id = caller.execute(f"head -c {length} /dev/zero | tr '\\0' x; echo; echo end")
        assert caller.finished(exec_id, 300) == "Succeed"
        assert parts(caller, exec_id, length) > length // (1 << 17)
        (last,) = caller.lines(exec_id, first=2)
        assert (last["n"], last["text"]) == (2, "end")
        assert resident(gateway) - before < GROWTH
