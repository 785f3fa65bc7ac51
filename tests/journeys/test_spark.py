"""Spark as users see it: over HTTP, with rows in pages and progress while it runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.entrance import Caller
from tests.support.served import Served, serving
from tests.support.waiting import wait_until_sync

CONFIG = """\
[engines.spark]
master = "local[2]"
driver_memory = "512m"
conf = { "spark.driver.extraJavaOptions" = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1" }

[results]
rows = 0
"""
SECONDS = 90.0
ROWS = 1_000_000
PAGE = 5000
GROWTH = 16 << 20
"""Bytes: the rows are about 8 MB as they are kept, and 100 MB as objects of Python."""


@pytest.fixture(scope="module")
def sparkling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway with a small Spark, whose result sets have no limit."""
    folder = tmp_path_factory.mktemp("sparkling")
    config = folder / "config.toml"
    config.write_text(CONFIG)
    with serving(folder / "data", "--config", str(config)) as gateway:
        yield gateway


def say(caller: Caller, kind: str, code: str, creator: str = "tests") -> str:
    """The execID of a statement for Spark; for the creator IDE 5000 rows are kept."""
    body = {
        "executeApplicationName": "spark",
        "requestApplicationName": creator,
        "runType": kind,
        "executionCode": code,
    }
    return str(caller.call("POST", "execute", json=body)["execID"])


def progress(caller: Caller, exec_id: str) -> dict[str, Any]:
    """What is told of a task's progress."""
    return caller.call("GET", f"{exec_id}/progress")


def page(caller: Caller, task_id: object, number: int) -> list[str]:
    """The first column of a page of a task's only result set."""
    reply = caller.http.get(
        f"{caller.gateway.url}/api/rest_j/v1/filesystem/openFile",
        params={
            "path": f"narthex:///tasks/{task_id}/results/_0.dolphin",
            "page": number,
            "pageSize": PAGE,
        },
    )
    return [row[0] for row in reply.json()["data"]["fileContent"]]


def resident(gateway: Served) -> int:
    """The bytes of memory that the processes of a gateway have, each with all of its own."""
    pids = [*gateway.parts("gateway.app"), *gateway.parts("gateway.runner")]
    pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids]
    return sum(pages) * os.sysconf("SC_PAGE_SIZE")


def test_a_statement_from_submission_to_its_last_page(sparkling: Served) -> None:
    """A million rows of SQL are paged in level memory; Python finds the view of SQL."""
    with Caller(sparkling) as caller:
        code = "create temporary view v as select 1;select * from range(1000000)"
        exec_id = say(caller, "sql", code)
        assert caller.finished(exec_id, SECONDS) == "Succeed", caller.lines(exec_id)
        (stage, *_) = progress(caller, exec_id)["progressInfo"]
        assert stage["succeedTasks"] == stage["totalTasks"] > 0
        task_id = caller.call("GET", f"{exec_id}/status")["taskID"]
        page(caller, task_id, 1)
        before, most = resident(sparkling), 0
        for number in range(1, ROWS // PAGE + 1):
            first = (number - 1) * PAGE
            assert page(caller, task_id, number) == [str(i) for i in range(first, first + PAGE)]
            most = max(most, resident(sparkling))
        assert page(caller, task_id, ROWS // PAGE + 1) == []
        assert most - before < GROWTH, (before, most)
        exec_id = say(caller, "pyspark", "print(spark.table('v').count())")
        assert caller.finished(exec_id, SECONDS) == "Succeed", caller.lines(exec_id)
        assert [line["text"] for line in caller.lines(exec_id)] == ["1"]


def test_what_is_asked_of_hive(sparkling: Served) -> None:
    """Linkis section 9, point 10: Hive's statements run as Spark SQL, by either way to ask."""
    with Caller(sparkling) as caller:
        old = {"executeApplicationName": "hive", "runType": "hql", "executionCode": "select 1 + 1"}
        new = {
            "executionContent": {"code": "select 1 + 1"},
            "labels": {"engineType": "hive-2.3.3", "userCreator": "admin-IDE", "codeType": "hql"},
        }
        for way, body in (("execute", old), ("submit", new)):
            made = caller.call("POST", way, json=body)
            assert caller.finished(made["execID"], SECONDS) == "Succeed"
            assert page(caller, made["taskID"], 1) == ["2"]


@pytest.mark.parametrize(
    ("code", "rows"),
    [
        ("/* a /* b */ c */\nselect id from range(6000) offset 5", 5000),
        ("select id from range(6000) limit 5000+500", 5000),
        ("from range(5005) select id |> limit 5001 -- limit 1", 5000),
        ("select r'C:\\' d from range(7) limit all offset 3 # four", 4),
        ("--set ide.engine.no.limit.allow=true\nselect id from range(6000)", 6000),
    ],
)
def test_the_editor_is_shown_so_many_rows(sparkling: Served, code: str, rows: int) -> None:
    """Rows B4, B5: the limit of the editor holds for every form of a query, and is told."""
    with Caller(sparkling) as caller:
        exec_id = say(caller, "sql", code, "IDE")
        assert caller.finished(exec_id, SECONDS) == "Succeed", caller.lines(exec_id)
        task_id = caller.call("GET", f"{exec_id}/status")["taskID"]
        reply = caller.http.get(
            f"{caller.gateway.url}/api/rest_j/v1/filesystem/openFile",
            params={"path": f"narthex:///tasks/{task_id}/results/_0.dolphin", "pageSize": 10_000},
        )
        data = reply.json()["data"]
        assert (data["totalRow"], data["truncated"]) == (rows, rows == 5000)


def test_errors_and_values_as_the_editor_sees_them(sparkling: Served) -> None:
    """Rows B2, B6, B7, B13: a mark, directives, a zone and comments, all the way through."""
    with Caller(sparkling) as caller:
        code = "\ufeff--@set a=nowhere\n/* one\n two */\n\nselect x from ${a}"
        exec_id = say(caller, "sql", code, "IDE")
        assert caller.finished(exec_id, SECONDS) == "Failed"
        assert any("line 5 pos 14" in line["text"] for line in caller.lines(exec_id))
        exec_id = say(caller, "scala", "// only a comment", "IDE")
        assert caller.finished(exec_id, SECONDS) == "Succeed", caller.lines(exec_id)
        zone = "set spark.sql.session.timeZone=Asia/Tokyo; select timestamp'2024-01-01 00:00:00'"
        exec_id = say(caller, "sql", f"{zone} ts, double('NaN') n", "IDE")
        assert caller.finished(exec_id, SECONDS) == "Succeed", caller.lines(exec_id)
        task_id = caller.call("GET", f"{exec_id}/status")["taskID"]
        reply = caller.http.get(
            f"{caller.gateway.url}/api/rest_j/v1/filesystem/openFile",
            params={"path": f"narthex:///tasks/{task_id}/results/_1.dolphin"},
        )
        assert reply.json()["data"]["fileContent"] == [["2024-01-01 00:00:00", "NaN"]]


def test_a_kill_in_mid_job(sparkling: Served) -> None:
    """A killed job ends as killed, and the session takes the next statement."""
    with Caller(sparkling) as caller:
        code = "import time\nsc.range(4, numSlices=4).map(lambda i: time.sleep(300)).count()"
        exec_id = say(caller, "python", code)
        wait_until_sync(
            lambda: bool(progress(caller, exec_id)["progressInfo"]), "the job to run", SECONDS
        )
        (stage,) = progress(caller, exec_id)["progressInfo"]
        assert (stage["id"], stage["totalTasks"]) == ("job-1", 4)
        caller.call("POST", f"{exec_id}/kill", params={"grace": 20})
        assert caller.finished(exec_id, SECONDS) == "Cancelled"
        exec_id = say(caller, "scala", "println(sc.range(0, 10).count())")
        assert caller.finished(exec_id, SECONDS) == "Succeed", caller.lines(exec_id)
        assert "10" in [line["text"] for line in caller.lines(exec_id)]
