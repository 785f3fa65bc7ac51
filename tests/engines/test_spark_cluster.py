"""Spark on real clusters: a standalone master with two workers, and a Spark Connect server.

They take the same statements as a driver of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engines.contract import EngineError, RunSpec
from engines.rundir.facts import ExitKind
from engines.session.sessions import status
from engines.spark import SparkEngine
from engines.suite import read_lines
from tests.engines.sessions import Seat
from tests.engines.sparks import SECONDS, given, progress, rows_of, said, sparkling, table
from tests.support.spark_cluster import LEAN, Cluster, cluster, connect_server
from tests.support.waiting import wait_until

CONF = {
    "spark.driver.extraJavaOptions": LEAN,
    "spark.executor.extraJavaOptions": LEAN,
    "spark.executor.memory": "480m",
    "spark.sql.shuffle.partitions": "4",
}
JOIN = (
    "select count(*) c, sum(a.id % 7 + b.id % 5) s from range(0, 1000000, 1, 6) a "
    "join range(0, 1000000, 1, 6) b on a.id = b.id"
)
SLOW = "import time\nsc.range(24, numSlices=24).map(lambda i: time.sleep(0.25) or i).sum()"
CLUSTERS = """\
import os, time
def place(i):
    time.sleep(0.5)
    return os.environ["SPARK_EXECUTOR_DIRS"]
print(len(set(sc.range(4, numSlices=4).map(place).collect())))
"""


@pytest.fixture(scope="module", autouse=True)
def possible() -> None:
    """Nothing here can be shown without pyspark and Java."""
    health = SparkEngine().probe()
    if not health.available:
        pytest.skip(health.detail)


@pytest.fixture(scope="module")
def park(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A master with two workers, for all tests."""
    with cluster(tmp_path_factory.mktemp("park")) as made:
        yield made


@pytest.fixture(scope="module")
def spread(park: Cluster) -> Iterator[Seat]:
    """A session whose driver has its executors on the workers."""
    with sparkling({"master": park.url, "driver_memory": "512m", "conf": CONF}) as seat:
        yield seat


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Spark Connect server."""
    with connect_server(tmp_path_factory.mktemp("connect")) as url:
        yield url


@pytest.fixture(scope="module")
def remote(server: str) -> Iterator[Seat]:
    """A session on the server, for all tests that leave it as it was."""
    with sparkling({"remote": server, "conf": {"spark.sql.session.timeZone": "UTC"}}) as seat:
        yield seat


@pytest.fixture
def doomed(server: str) -> Iterator[Seat]:
    """A session on the server for one test alone."""
    with sparkling({"remote": server}) as seat:
        yield seat


async def ran(seat: Seat, code: str, language: str) -> list[str]:
    """What a statement printed that must succeed."""
    run, ending = await said(seat, code, language)
    assert ending.exit_code == 0, read_lines(run)
    return [text.decode() for _, text in read_lines(run)]


async def test_the_same_statements_run_on_a_cluster(spread: Seat) -> None:
    """Tables, a join that counts its tasks, and Python on both workers."""
    run, ending = await said(spread, f"show tables; {JOIN}", "sql")
    assert ending.exit_code == 0, read_lines(run)
    assert table(run, 0)[0][0] == ("namespace", "string")
    assert table(run, 1)[1]["rows"] == 1
    stages = progress(run).stages
    assert sum(stage.total for stage in stages) > 12
    assert all(stage.succeeded == stage.total for stage in stages)
    assert await ran(spread, CLUSTERS, "python") == ["2"]


async def test_a_job_survives_the_death_of_a_worker(spread: Seat, park: Cluster) -> None:
    """A worker that is killed in mid-job costs time only: the sum is right, on the other one."""
    await wait_until_two(spread)
    run = await given(spread, SLOW, "python")
    await wait_until(
        lambda: any(stage.succeeded > 2 for stage in progress(run).stages), "a start", SECONDS
    )
    park.workers[-1].kill()
    park.workers[-1].wait()
    ending = await spread.end(run, SECONDS)
    assert ending.exit_code == 0, read_lines(run)
    assert read_lines(run)[-1] == (1, str(sum(range(24))).encode())
    (stage,) = progress(run).stages
    assert (stage.total, stage.succeeded) == (24, 24)
    park.start_workers(1)


async def wait_until_two(seat: Seat) -> None:
    """Waits until work is spread over two workers: executors come when they are ready."""

    async def spread() -> bool:
        return await ran(seat, CLUSTERS, "python") == ["2"]

    await wait_until(spread, "executors on two workers", SECONDS)


async def test_a_kill_in_mid_job_on_a_cluster(spread: Seat) -> None:
    """The job is cancelled on the workers, and the session takes the next statement."""
    await ran(spread, "kept = 7", "python")
    code = "import time\nsc.range(8, numSlices=8).map(lambda i: time.sleep(300)).count()"
    run = await given(spread, code, "python")
    await wait_until(
        lambda: any(stage.running for stage in progress(run).stages), "the job to run", SECONDS
    )
    assert run.request_kill(20.0)
    run.notify()
    ending = await spread.end(run, SECONDS)
    assert (ending.kind, ending.message) == (ExitKind.KILLED, "killed: the session lives on")
    assert any(b"1 of 1 jobs were cancelled" in text for _, text in read_lines(run))
    assert await ran(spread, "print(kept, sc.range(10, numSlices=2).sum())", "python") == ["7 45"]


async def test_a_connect_server_takes_the_same_statements(remote: Seat) -> None:
    """SQL and Python share a session on the server, with rows, counts and its settings."""
    run, ending = await said(remote, f"create temporary view v as select 41 x; {JOIN}", "sql")
    assert ending.exit_code == 0, read_lines(run)
    assert table(run)[0] == [("c", "long"), ("s", "long")]
    assert sum(stage.succeeded for stage in progress(run).stages) > 12
    code = "print(spark.conf.get('spark.sql.session.timeZone'))\nspark.table('v').first().x + 1"
    assert await ran(remote, code, "python") == ["UTC", "42"]
    run, _ = await said(remote, "select * from range(30000)", "sql", rows=0)
    assert (table(run)[1]["rows"], table(run)[1]["truncated"]) == (30_000, False)


async def test_cells_of_a_connect_server_are_as_spark_shows_them(remote: Seat) -> None:
    """Rows B7, B8, B9: zone, years, intervals and numbers as on a driver of our own, nested too."""
    moment = "timestamp'2024-01-01 00:00:00'"
    values = f"{moment} a, date'12024-01-01' b, make_interval(1,2) c, double('NaN') d"
    code = f"select {values}, array({moment}) e, map(1, named_struct('x', {moment})) f -- one"
    run, ending = await said(remote, f"set spark.sql.session.timeZone=Asia/Tokyo; {code}")
    assert ending.exit_code == 0, read_lines(run)
    text = "2024-01-01 00:00:00"
    expected = [text, "+12024-01-01", "1 years 2 months", "NaN", [text], {"1": {"x": text}}]
    assert rows_of(run, 1) == [expected]
    await said(remote, "set spark.sql.session.timeZone=UTC")
    run, _ = await said(remote, "\n\n\n\nselect x from nowhere")
    assert any(b"line 5 pos 14" in line for _, line in read_lines(run))


async def test_a_kill_in_mid_query_on_a_connect_server(remote: Seat) -> None:
    """The server is told to end the operation, and the session takes the next statement."""
    await ran(remote, "kept = 7", "python")
    code = "select sum(a.id * b.id % 7) from range(10000000) a join range(100000) b"
    run = await given(remote, code, "sql")
    await wait_until(lambda: bool(progress(run).stages), "the query to run", SECONDS)
    assert run.request_kill(20.0)
    run.notify()
    ending = await remote.end(run, SECONDS)
    assert (ending.kind, ending.message) == (ExitKind.KILLED, "killed: the session lives on")
    assert any(b"the Spark server was told to end" in text for _, text in read_lines(run))
    assert await ran(remote, "kept", "python") == ["7"]


async def test_a_session_that_has_ended_on_the_server_is_over(doomed: Seat) -> None:
    """The statement that finds it out fails with that reason, and no other is taken."""
    await ran(doomed, "spark.client.release_session()", "python")
    _, ending = await said(doomed, "select 1", "sql")
    assert ending.message == "the session died: its session on the Spark server has ended"
    run = doomed.accept("select 1", language="sql")
    await wait_until(lambda: status(doomed.session).state == "over", "the session to be over")
    assert run.shim() is None


def test_a_remote_has_no_scala(tmp_path: Path) -> None:
    """What a Connect server does not take is refused with a sentence, without asking it."""
    engine = SparkEngine({"remote": "sc://127.0.0.1:1/;token=secret"})
    assert "scala" not in engine.capabilities.languages
    assert "secret" not in engine.probe().detail
    with pytest.raises(EngineError, match="does not take 'scala'"):
        engine.session(RunSpec("", "scala", "", tmp_path, tmp_path))
    with pytest.raises(ValueError, match="sc://"):
        SparkEngine({"remote": "http://x"})
