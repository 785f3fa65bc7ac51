"""A trace goes on in Spark: each job is a span below the run that it belongs to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.gateway.editors.vscode.conftest import Extension, extension, node
from tests.journeys.entrance import Caller
from tests.support.collector import Collector, collecting
from tests.support.genuine_collector import handing_on
from tests.support.served import Served, serving
from tests.support.traces import Editor
from tests.support.waiting import wait_until_sync

__all__ = ["extension", "node"]

CONFIG = """\
[tracing]
exporter = "otlp"
endpoint = "{collector}"

[engines.spark]
master = "local[1]"
driver_memory = "512m"
conf = {{ "spark.driver.extraJavaOptions" = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1" }}
"""
SEEN = """
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
print(spark.conf.get("spark.narthex.traceparent"))
print(spark.range(10).count())
"""


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    """What the genuine collector hands on."""
    with collecting() as found:
        yield found


@pytest.fixture(scope="module")
def genuine(
    collector: Collector, pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Where a genuine collector takes the spans of the editor and of the gateway."""
    with handing_on(pytestconfig, collector, tmp_path_factory.mktemp("collector")) as url:
        yield url


@pytest.fixture(scope="module")
def traced(genuine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway with a small Spark whose spans are collected."""
    folder = tmp_path_factory.mktemp("traced")
    config = folder / "config.toml"
    config.write_text(CONFIG.format(collector=genuine))
    with serving(folder / "data", "--config", str(config)) as gateway:
        yield gateway


@pytest.mark.timeout(600)
@pytest.mark.parametrize("session", ["", "none"])
def test_a_spark_job_hangs_below_the_run(
    traced: Served, genuine: str, collector: Collector, extension: Extension, session: str
) -> None:
    """One trace from the editor to Spark's job, on a warm driver as on one of its own."""
    words: dict[str, Any] = {"url": traced.url, "token": traced.token, "collector": genuine}
    words |= {"code": "select count(*) from range(1000)", "session": session}
    spark = {"engine": "spark", "language": "sql"}
    (done,) = extension.run("submit.mjs", **words, choice=spark)
    with Caller(traced) as caller:
        assert caller.finished(str(done["execId"]), seconds=300) == "Succeed"
    wait_until_sync(
        lambda: collector.spans_of("narthex-vscode", str(done["taskId"])), "the editor's span"
    )
    (top,) = collector.spans_of("narthex-vscode", str(done["taskId"]))
    found = collector.by_name(top.trace_id, "submit", "accept", "run", "spark job 0")
    job, run, accept = found["spark job 0"], found["run"], found["accept"]
    assert (top.name, top.parent_id) == ("submit", "")
    assert accept.parent_id == top.span_id
    assert run.parent_id == accept.span_id
    assert job.parent_id == run.span_id
    assert top.start_ns <= accept.start_ns
    assert run.start_ns <= job.start_ns < job.end_ns <= run.end_ns
    assert not job.fault
    assert job.facts["spark.job.name"]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("session", ["", "none"])
def test_a_script_of_spark_knows_its_place(
    traced: Served, collector: Collector, session: str
) -> None:
    """Spark's configuration has it."""
    editor = Editor()
    body = {
        "executionCode": SEEN,
        "executeApplicationName": "spark",
        "runType": "py",
        "params": {"configuration": {"special": {"session": session} if session else {}}},
    }
    with Caller(traced) as caller:
        data = caller.call("POST", "execute", json=body, headers=editor.carrier)
        lines = [line["text"] for line in caller.lines(str(data["execID"]))]
    place = collector.by_name(editor.trace_id, "run")["run"].span_id
    assert f"00-{editor.trace_id}-{place}-{editor.carrier['traceparent'][-2:]}" in lines
