"""Both shims are given the same orders: what is left in the run directories is the same.

Times, pids and the name of the control group aside, bit for bit.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engines.contract import Launch, Limits
from engines.launcher import ShimChoice, Zygote
from engines.rundir.records import GAP, HEADER_SIZE, Record, read_records
from tests.engines.conftest import LIMITS, Runs
from tests.support.native import native_program

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
NUMBERS = re.compile(rb'"(started_ms|ended_ms|seconds|pid|start_time|checksum|bytes)": [0-9.e-]+')
"""Times and pids; and what depends on how many reads the output came in."""
CUT = {"output", "hole", "exit"}
GROUP = re.compile(rb'"cgroup": "[^"]*"')
WRITER = "import os, sys\nfor fd, data in {what!r}:\n    os.write(fd, data)\nsys.exit({code})"


@pytest.mark.parametrize(
    ("argv", "limits"),
    [
        (("sh", "-c", "echo a; exit 3"), {}),
        (("sh", "-c", "kill -9 $$"), {}),
        (("sh", "-c", "kill -34 $$"), {}),
        (("no such", "x"), {}),
        (("/no/such/\u00e4'\"\n\udcff",), {}),
        (("/etc/passwd",), {}),
        (("/",), {}),
        (("",), {}),
        (("x" * 300,), {}),
        (("/" + "\u00e4" * 3000,), {}),
        (("a\0b",), {}),
        (("true", "a\0b"), {}),
        (("sh", "-c", "printf 'x%.0s' $(seq 1 400000)"), {"output_bytes": 100_000}),
        (("seq", "100000"), {"output_bytes": 50_000}),
        (("sh", "-c", "echo s3cret-long; echo s3cr >&2; printf et-long"), {}),
        (("sh", "-c", "exec 2>&1; ulimit -n; ulimit -f; umask; env"), {"open_files": 99}),
        (("sh", "-c", "sleep 30"), {"seconds": 0.1, "grace_seconds": 0.1}),
        (("sh", "-c", "cat /proc/self/oom_score_adj; nice; pwd; cat"), {}),
        (("sh", "-c", "(sleep 0.1; echo late) & echo early"), {"drain_seconds": 5.0}),
    ],
    ids=lambda value: ascii(value)[:40],
)
async def test_orders_leave_the_same(
    tmp_path: Path, argv: tuple[str, ...], limits: dict[str, float]
) -> None:
    """Endings, their sentences, facts and output of chosen orders."""
    left = [await one(tmp_path / name, shim, argv, limits) for name, shim in both()]
    assert left[0] == left[1]


@given(
    what=st.lists(
        st.tuples(st.sampled_from([1, 2]), st.binary(max_size=300)), min_size=1, max_size=6
    ),
    code=st.integers(0, 255),
    most=st.sampled_from([0, 10, 200, 5000]),
)
@settings(
    max_examples=int(os.environ.get("NARTHEX_EXAMPLES", "4")),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_bytes_leave_the_same(what: list[tuple[int, bytes]], code: int, most: int) -> None:
    """Each stream of a program that writes anything, byte for byte."""

    async def check() -> None:
        with tempfile.TemporaryDirectory() as folder:
            script = WRITER.format(what=what, code=code)
            argv = (sys.executable, "-I", "-S", "-c", script)
            limits: dict[str, float] = {"output_bytes": most}
            left = [await one(Path(folder, n), shim, argv, limits) for n, shim in both()]
        assert left[0] == left[1]

    asyncio.run(check())


def both() -> list[tuple[str, ShimChoice]]:
    """The shims, each with a folder of its own of the same length."""
    native_program()
    return [("p", "python"), ("n", "native")]


async def one(
    folder: Path, shim: ShimChoice, argv: tuple[str, ...], limits: Mapping[str, float]
) -> dict[str, object]:
    """What is left of a run, by the name of the file, without what is a matter of time."""
    folder.mkdir()
    async with Zygote(shim=shim) as zygote:
        runs = Runs(folder, zygote)
        run = runs.new("run")
        allowed: Limits = replace(LIMITS, **limits)  # type: ignore[arg-type]
        order = Launch(argv, ENVIRONMENT, folder / "work", allowed, secrets=("s3cret-long",))
        assert await zygote.launch(run, order, "")
        await runs.end(run)
    found: dict[str, object] = {}
    for path in sorted(Path(run.path).iterdir()):
        place = os.fsencode(folder)
        if path.name == "output":
            found[path.name] = streams(path, place)
        else:
            found[path.name] = timeless(path.read_bytes().replace(place, b"FOLDER"))
    for name in ("killed", "started"):  # an account of pids and times, and one that may be left out
        found.pop(name, None)
    if allowed.output_bytes:
        # Where a cut falls depends on how reads fell: that is for the test of the recorder.
        found = {name: data for name, data in found.items() if name not in CUT}
    return found


def timeless(data: bytes) -> bytes:
    """A fact without its times and pids."""
    return GROUP.sub(b"", NUMBERS.sub(rb"\1", data))


def streams(path: Path, folder: bytes) -> tuple[bytes, bytes, list[bytes]]:
    """What each stream said, and the gaps: how reads fell is chance."""
    with path.open("rb") as file:
        records: list[Record] = []
        offset = 0
        while found := read_records(file.fileno(), offset)[0]:
            records += found
            offset += sum(HEADER_SIZE + len(record.data) for record in found)
    said = (b"".join(one.data for one in records if one.kind == kind) for kind in (1, 2))
    out, err = (data.replace(folder, b"FOLDER") for data in said)
    return out, err, [one.data for one in records if one.kind == GAP]
