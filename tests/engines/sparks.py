"""Statements for a Spark session of a test module's own, and what they leave behind."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from engines.contract import Limits, RunSpec
from engines.launcher import Zygote
from engines.rundir.directory import RunDir
from engines.rundir.facts import Exit
from engines.rundir.progress import PROGRESS, ProgressReader, Report
from engines.rundir.results import RESULTS, Results
from engines.spark import SparkEngine
from tests.engines.sessions import Seat, leave, seat_in

__all__ = [
    "JOIN",
    "SECONDS",
    "SETTINGS",
    "given",
    "progress",
    "rows_of",
    "said",
    "sparkling",
    "table",
]

SETTINGS = {
    "master": "local[2]",
    "driver_memory": "512m",
    "conf": {
        "spark.driver.extraJavaOptions": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
        "spark.sql.shuffle.partitions": "4",
    },
}
SECONDS = 100.0
"""A driver that starts on a busy machine takes a minute; without others it takes six seconds."""
JOIN = (
    "select count(*) c, sum(a.id % 7 + b.id % 5) s from range(0, 1000000, 1, 24) a "
    "join range(0, 1000000, 1, 24) b on a.id = b.id"
)


@contextmanager
def sparkling(settings: Mapping[str, object]) -> Iterator[Seat]:
    """A session of the Spark engine, whose driver is starting."""

    async def started(folder: Path) -> Seat:
        spec = SparkEngine(settings).session(RunSpec("", "sql", "", folder, folder))
        assert spec is not None
        async with Zygote() as zygote:
            return await seat_in(folder, spec, zygote)

    with tempfile.TemporaryDirectory(prefix="nx", ignore_cleanup_errors=True) as name:
        seat = asyncio.run(started(Path(name)))
        try:
            yield seat
        finally:
            asyncio.run(leave(seat))


async def said(
    seat: Seat, code: str, language: str = "sql", rows: int = 1000
) -> tuple[RunDir, Exit]:
    """A statement and how it ended."""
    run = await given(seat, code, language, rows)
    return run, await seat.end(run, SECONDS)


async def given(seat: Seat, code: str, language: str, rows: int = 1000) -> RunDir:
    """A statement that was taken."""
    run = seat.accept(code, language=language, limits=Limits(grace_seconds=20.0))
    return_to = Path(run.file("statement"))
    order = json.loads(return_to.read_bytes())
    order[0][2] |= {"NARTHEX_PROGRESS": run.file(PROGRESS), "NARTHEX_RESULT_ROWS": str(rows)}
    return_to.write_text(json.dumps(order))
    assert await seat.give(run) == "taken"
    return run


def table(run: RunDir, number: int = 0) -> tuple[list[tuple[str, str]], dict[str, object]]:
    """Columns and ending of a result set."""
    folder = Path(run.file(RESULTS)) / str(number)
    about = json.loads((folder / "about").read_bytes())
    end = json.loads((folder / "end").read_bytes())
    return [(column["name"], column["type"]) for column in about["columns"]], end


def rows_of(run: RunDir, number: int = 0) -> list[list[object]]:
    """The first rows of a result set."""
    with Results(run.file(RESULTS)).open(number) as reader:
        return reader.read(0, 1000, 1 << 20).rows


def progress(run: RunDir) -> Report:
    """What a statement last told of itself."""
    reader = ProgressReader(run.file(PROGRESS))
    reader.look()
    return reader.report
