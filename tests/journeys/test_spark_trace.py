"""A trace goes on in Spark: each job is a span below the run that it belongs to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.journeys.entrance import Caller
from tests.support.served import Served, serving
from tests.support.traces import Editor, by_name

CONFIG = """\
[tracing]
exporter = "file"

[engines.spark]
master = "local[1]"
driver_memory = "512m"
conf = { "spark.driver.extraJavaOptions" = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1" }
"""
SEEN = """
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
print(spark.conf.get("spark.narthex.traceparent"))
print(spark.range(10).count())
"""


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway with a small Spark that writes its spans to a file."""
    folder = tmp_path_factory.mktemp("traced")
    config = folder / "config.toml"
    config.write_text(CONFIG)
    with serving(folder / "data", "--config", str(config)) as gateway:
        yield gateway


def body(code: str, kind: str, session: str) -> dict[str, Any]:
    """What is submitted; an empty session is the nameless one."""
    special = {"session": session} if session else {}
    return {
        "executionCode": code,
        "executeApplicationName": "spark",
        "runType": kind,
        "params": {"configuration": {"special": special}},
    }


@pytest.mark.timeout(300)
@pytest.mark.parametrize("session", ["", "none"])
def test_a_spark_job_hangs_below_the_run(traced: Served, session: str) -> None:
    """On a warm driver as on one of its own; Spark's configuration has the place in the trace."""
    sent = body("select count(*) from range(1000)", "sql", session)
    python = body(SEEN, "py", session)
    editor, second = Editor(), Editor()
    with Caller(traced) as caller:
        data = caller.call("POST", "execute", json=sent, headers=editor.carrier)
        assert caller.finished(str(data["execID"]), seconds=120) == "Succeed"
        found = by_name(traced.data, editor.trace_id, "accept", "run", "spark job 0")
        data = caller.call("POST", "execute", json=python, headers=second.carrier)
        lines = [line["text"] for line in caller.lines(str(data["execID"]))]
    job, run = found["spark job 0"], found["run"]
    assert found["accept"].parent_id == editor.span_id
    assert job.parent_id == run.span_id
    assert run.start_ns <= job.start_ns < job.end_ns <= run.end_ns
    assert not job.fault
    assert job.facts["spark.job.name"]
    place = by_name(traced.data, second.trace_id, "run")["run"].span_id
    assert f"00-{second.trace_id}-{place}-{second.carrier['traceparent'][-2:]}" in lines
