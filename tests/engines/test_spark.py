"""Spark sessions: a real driver and JVM behind a real host under a real shim, one for all tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engines.contract import Engine, RunSpec
from engines.rundir.facts import ExitKind
from engines.rundir.progress import Report
from engines.rundir.results import RESULTS
from engines.spark import SparkEngine
from engines.suite import Dialogue, EngineSuite, read_lines
from tests.engines.conftest import ENVIRONMENT, Runs
from tests.engines.sessions import Seat
from tests.engines.sparks import JOIN, SECONDS, SETTINGS, given, progress, said, sparkling, table
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def spark() -> Iterator[Seat]:
    """A session of the Spark engine for all tests, which leave it as it was."""
    with sparkling(SETTINGS) as seat:
        yield seat


async def test_show_tables(spark: Seat) -> None:
    """An answer without rows has its columns, and nothing of Spark's log is in the user's."""
    run, ending = await said(spark, "show tables")
    assert ending.exit_code == 0, read_lines(run)
    columns, end = table(run)
    assert columns == [("namespace", "string"), ("tableName", "string"), ("isTemporary", "boolean")]
    assert end["complete"] is True
    assert read_lines(run) == []
    assert "SparkContext" in (Path(spark.session.path) / "spark" / "spark.log").read_text()


async def test_statements_run_in_order_until_one_fails(spark: Seat) -> None:
    """Each has a result set; the failing one is named with its line, the next does not run."""
    code = "select 1 as a;\nselect 'x;y' as b, cast(2 as decimal(5,2)) c;\nselect * from nowhere;\n"
    run, ending = await said(spark, code + "select 4")
    assert ending.exit_code == 1
    assert ending.message.startswith("statement 3 of 4 (line 3): AnalysisException:")
    assert table(run, 0)[0] == [("a", "int")]
    assert table(run, 1)[0] == [("b", "string"), ("c", "decimal")]
    assert not (Path(run.file(RESULTS)) / "2").exists()


async def test_rows_are_cut_at_the_limit(spark: Seat) -> None:
    """More rows than are kept are told; without a limit all are there."""
    run, _ = await said(spark, "select * from range(100000)", rows=5)
    assert (table(run)[1]["rows"], table(run)[1]["truncated"]) == (5, True)
    run, _ = await said(spark, "select * from range(50000)", rows=0)
    assert (table(run)[1]["rows"], table(run)[1]["truncated"]) == (50_000, False)


async def test_a_join_counts_its_tasks(spark: Seat) -> None:
    """While a join of a million rows runs its counts move, and no fraction goes back."""
    run = await given(spark, JOIN, "sql")
    seen: list[Report] = []

    def over() -> bool:
        seen.append(progress(run))
        return run.exit() is not None

    await wait_until(over, "the join to end", SECONDS)
    counts = {sum(stage.succeeded for stage in report.stages) for report in seen}
    assert len(counts) > 2, counts
    fractions = [report.fraction for report in seen if report.fraction is not None]
    assert fractions == sorted(fractions)
    assert all(stage.succeeded == stage.total for stage in progress(run).stages)


async def test_two_jobs_of_one_statement(spark: Seat) -> None:
    """Each job has its own counts."""
    code = "sc.parallelize(range(6), 3).count()\nsc.parallelize(range(4), 4).sum()"
    run, ending = await said(spark, code, "python")
    assert ending.exit_code == 0, read_lines(run)
    assert [(s.id, s.total, s.succeeded) for s in progress(run).stages] == [
        ("job-1", 3, 3),
        ("job-2", 4, 4),
    ]
    assert read_lines(run)[-1] == (1, b"6")


async def test_a_failing_task_is_counted(spark: Seat) -> None:
    """The job's failed tasks are told, and the error is in the log."""
    run, ending = await said(spark, "sc.range(4, numSlices=2).map(lambda i: 1 // i).sum()", "py")
    assert ending.exit_code == 1
    (stage,) = progress(run).stages
    assert (stage.total, stage.failed) == (2, 1)
    assert any(b"ZeroDivisionError" in text for _, text in read_lines(run))


@pytest.mark.parametrize(
    ("language", "code", "jobs"),
    [
        ("sql", "select sum(a.id * b.id % 7) from range(10000000) a join range(100000) b", True),
        ("python", "import time\nsc.range(4).map(lambda i: time.sleep(300)).count()", True),
        ("python", "import time\nprint('go')\ntime.sleep(300)", False),
    ],
)
async def test_a_kill_keeps_the_session(
    spark: Seat, language: str, code: str, *, jobs: bool
) -> None:
    """A kill in mid-job cancels the jobs; the names are still there for the next statement."""
    await said(spark, "kept = 7", "python")
    run = await given(spark, code, language)
    running = (lambda: bool(progress(run).stages)) if jobs else (lambda: bool(read_lines(run)))
    await wait_until(running, "the code to run", SECONDS)
    assert run.request_kill(20.0)
    run.notify()
    ending = await spark.end(run, SECONDS)
    assert (ending.kind, ending.message) == (ExitKind.KILLED, "killed: the session lives on")
    assert any(b"narthex: interrupted" in text for _, text in read_lines(run))
    run, _ = await said(spark, "print(kept)\nspark.sql('select 1 as one')", "python")
    assert read_lines(run)[0] == (1, b"7")
    assert table(run)[0] == [("one", "int")]


async def test_scala_shares_the_session(spark: Seat) -> None:
    """A view that Python makes is there for Scala; what it prints and its errors are the log."""
    await said(spark, "spark.range(5).createOrReplaceTempView('five')", "python")
    run, ending = await said(spark, 'println(spark.table("five").count() + 37)', "scala")
    assert ending.exit_code == 0, read_lines(run)
    assert (1, b"42") in read_lines(run)
    run, ending = await said(spark, "nope + 1", "scala")
    assert ending.exit_code == 1
    assert "not found: value nope" in ending.message


@pytest.mark.parametrize(
    ("language", "code", "line"),
    [
        ("sql", "select 41 as x;\nselect x from nowhere;\nselect 3", "statement 2 of 3 (line 2)"),
        ("scala", "println(sc.range(0, 42).count())", "42"),
    ],
)
async def test_a_body_on_a_driver_of_its_own(
    runs: Runs, language: str, code: str, line: str
) -> None:
    """Without a session SQL and Scala run as in one, and the driver ends with them."""
    run = runs.new()
    environment = {**ENVIRONMENT, "NARTHEX_RESULTS": run.file(RESULTS)}
    order = RunSpec(
        *(run.run_id, language, code, Path(run.path), runs.directory / "work", environment),
        parameters={"session": "none"},
    )
    engine = SparkEngine(SETTINGS)
    assert engine.session(order) is None
    assert await runs.zygote.launch(run, engine.prepare(order), "")
    await wait_until(lambda: run.exit() is not None, "the driver to end", SECONDS)
    lines = [text.decode() for _, text in read_lines(run)]
    assert any(text.startswith(line) for text in lines), lines
    ending = run.exit()
    assert ending is not None
    assert ending.exit_code == (1 if language == "sql" else 0)
    if language == "sql":
        assert table(run)[0] == [("x", "int")]


class TestScript(EngineSuite):
    """The Spark engine with scripts in a process of their own."""

    @pytest.fixture
    def engine(self) -> Engine:
        """The Spark engine on two cores."""
        return SparkEngine(SETTINGS)

    @pytest.fixture
    def dialogue(self) -> Dialogue:
        """Python scripts."""
        stubborn = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        return Dialogue(
            language="python",
            hello="import sys\nprint('hello')\nprint('oops', file=sys.stderr)",
            fails="raise SystemExit(7)",
            many="for i in range(1, 10001): print('line', i)",
            stubborn=f"{stubborn}print('ready')\ntime.sleep(300)",
            leaves="import subprocess\nsubprocess.Popen(['sleep', '300'], start_new_session=True)",
            nonsense="if then (",
        )
