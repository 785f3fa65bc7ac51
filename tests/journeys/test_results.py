"""Results of a served gateway, as a web client and the drivers read them over HTTP."""

import csv
import io
import os
import zipfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.journeys.entrance import Caller
from tests.journeys.strangers import stranger_token
from tests.support.served import Served, serving
from tests.support.waiting import wait_until_sync

TABLE = """python3 - <<'EOF'
import decimal, narthex
columns = [("n", "long", "a number"), ("x", "double"), ("s", "string")]
columns += [("ok", "boolean"), ("d", "decimal")]
rows = [(1, 0.5, "one", True, decimal.Decimal("1.10")), [None] * 5, (3, 1.5, "", False, None)]
narthex.table(rows, columns)
narthex.text("first\\nsecond")
narthex.rich({"text/html": "<b>x</b>", "text/plain": "x"})
narthex.rich({"image/png": b"PNG"})
EOF"""
MANY = """python3 - <<'EOF'
import narthex
narthex.table(((n, f"row {n}") for n in range(%d)), ["n", ("s", "string", "")], limit=%d)
EOF"""


class Reader(Caller):
    """A caller that reads what tasks leave behind."""

    @property
    def address(self) -> str:
        """Where the calls on files are."""
        return f"{self.gateway.url}/api/rest_j/v1/filesystem"

    def got(self, route: str, /, **query: Any) -> dict[str, Any]:  # noqa: ANN401 - httpx
        """The data of a GET below the API that must be a success."""
        reply = self.http.get(f"{self.gateway.url}/api/rest_j/v1/{route}", params=query)
        envelope = reply.json()
        assert (reply.status_code, envelope["status"]) == (200, 0), envelope
        data = envelope["data"]
        assert isinstance(data, dict)
        return data

    def ran(self, code: str) -> dict[str, Any]:
        """The row of a task that has succeeded."""
        exec_id = self.execute(code)
        assert self.finished(exec_id) == "Succeed", self.lines(exec_id)
        task_id = self.call("GET", f"{exec_id}/status")["taskID"]
        task = self.got(f"jobhistory/{task_id}/get")["task"]
        assert isinstance(task, dict)
        return task

    def files(self, task: dict[str, Any]) -> list[str]:
        """The paths of a task's result sets."""
        tree = self.got("filesystem/getDirFileTrees", path=task["resultLocation"])["dirFileTrees"]
        assert all(child["isLeaf"] for child in tree["children"])
        return [child["path"] for child in tree["children"]]


@pytest.fixture
def reader(served: Served) -> Iterator[Reader]:
    """A caller of the shared gateway."""
    reader = Reader(served)
    yield reader
    reader.http.close()


def test_typed_columns_texts_and_pictures(reader: Reader) -> None:
    """Each kind of result arrives as the type that clients show, cells as texts, NULL apart."""
    table, text, html, picture = reader.files(reader.ran(TABLE))
    page = reader.got("filesystem/openFile", path=table)
    assert page["type"] == "2"
    assert page["metadata"] == [
        {"columnName": "n", "comment": "a number", "dataType": "bigint"},
        {"columnName": "x", "comment": "", "dataType": "double"},
        {"columnName": "s", "comment": "", "dataType": "string"},
        {"columnName": "ok", "comment": "", "dataType": "boolean"},
        {"columnName": "d", "comment": "", "dataType": "decimal"},
    ]
    assert page["fileContent"] == [
        ["1", "0.5", "one", "true", "1.10"],
        ["NULL"] * 5,
        ["3", "1.5", "", "false", "NULL"],
    ]
    assert (page["totalLine"], page["page"], page["totalColumn"]) == (3, 1, 5)
    assert (page["truncated"], page["complete"]) == (False, True)
    apart = reader.got("filesystem/openFile", path=table, nullValue="LINKIS_NULL")["fileContent"]
    assert apart[1] == [None] * 5
    shown = reader.got("filesystem/openFile", path=table, nullValue="-")["fileContent"]
    assert shown[1] == ["-"] * 5
    page = reader.got("filesystem/openFile", path=text)
    assert (page["type"], page["fileContent"]) == ("1", [["first"], ["second"]])
    page = reader.got("filesystem/openFile", path=html)
    assert (page["type"], page["fileContent"]) == ("5", [["<b>x</b>"]])
    page = reader.got("filesystem/openFile", path=picture)
    assert (page["type"], page["fileContent"]) == ("4", [["UE5H"]])


def test_pages_as_the_drivers_ask_for_them(reader: Reader) -> None:
    """Pages of 5000 until one is empty bring each row once; past the end there are columns only."""
    (path,) = reader.files(reader.ran(MANY % (12_345, 0)))
    rows: list[list[str]] = []
    for number in range(1, 10):
        page = reader.got("filesystem/openFile", path=path, page=number, pageSize=5000)
        assert page["totalLine"] == len(page["fileContent"])
        assert len(page["metadata"]) == 2
        rows += page["fileContent"]
        if not page["totalLine"]:
            break
    assert number == 4
    assert rows == [[str(n), f"row {n}"] for n in range(12_345)]
    assert len(reader.got("filesystem/openFile", path=path)["fileContent"]) == 5000


def test_columns_in_pages(reader: Reader) -> None:
    """With the limit on, wide tables are cut into pages of columns, and that is said."""
    code = 'python3 -c "import narthex; narthex.table([range(700)], map(str, range(700)))"'
    (path,) = reader.files(reader.ran(code))
    whole = reader.got("filesystem/openFile", path=path)
    assert len(whole["fileContent"][0]) == 700
    page = reader.got("filesystem/openFile", path=path, enableLimit="true", columnPage=2)
    assert page["fileContent"][0] == [str(n) for n in range(500, 700)]
    assert [column["columnName"] for column in page["metadata"]] == page["fileContent"][0]
    assert (page["column_limit_display"], page["totalColumn"]) == (True, 700)


def test_the_row_limit_is_told(reader: Reader) -> None:
    """A table that was cut at its limit says so."""
    (path,) = reader.files(reader.ran(MANY % (50, 10)))
    page = reader.got("filesystem/openFile", path=path)
    assert (page["totalLine"], page["truncated"], page["limit"]) == (10, True, 10)


@pytest.mark.parametrize("size", ["0", "100001", "x", "-5"])
def test_a_page_of_an_impossible_size_is_refused(reader: Reader, size: str) -> None:
    """Nobody gets more than a hundred thousand rows at once, nor none."""
    reply = reader.http.get(
        f"{reader.address}/openFile",
        params={"path": "narthex:///tasks/1/results/_0.dolphin", "pageSize": size},
    )
    assert (reply.status_code, reply.json()["status"]) == (412, 2)


def test_no_result_sets_is_an_empty_list(reader: Reader) -> None:
    """A task without results has a directory with nothing in it."""
    task = reader.ran("true")
    tree = reader.got("filesystem/getDirFileTrees", path=task["resultLocation"])["dirFileTrees"]
    assert tree["children"] == []


def test_exports(reader: Reader) -> None:
    """CSV and workbook hold all rows; the file is to be saved and has a harmless name."""
    task = reader.ran(f"{TABLE}\n{MANY % (2500, 0)}")
    table, *_, many = reader.files(task)
    reply = reader.http.get(
        f"{reader.address}/resultsetToExcel",
        params={
            "path": many,
            "charset": "utf-8",
            "outputFileType": "csv",
            "outputFileName": '../a"\r\nb.csv',
        },
    )
    assert reply.headers["content-disposition"].startswith('attachment;filename="a___b.csv"')
    assert reply.headers["x-content-type-options"] == "nosniff"
    found = list(csv.reader(io.StringIO(reply.text)))
    assert found == [["n", "s"], *([str(n), f"row {n}"] for n in range(2500))]
    reply = reader.http.get(
        f"{reader.address}/resultsetToExcel",
        params={"path": table, "csvSeperator": ";", "nullValue": "?", "charset": "gbk"},
    )
    assert reply.text.splitlines()[2] == "?;?;?;?;?"
    reply = reader.http.get(
        f"{reader.address}/resultsetsToExcel",
        params={"path": task["resultLocation"], "outputFileName": "all"},
    )
    with zipfile.ZipFile(io.BytesIO(reply.content)) as book:
        sheets = [name for name in book.namelist() if name.startswith("xl/worksheets/")]
        assert len(sheets) == 2
        assert book.read("xl/worksheets/sheet2.xml").count(b"<row ") == 2501


def test_the_whole_log_has_the_indexes_of_its_pages(reader: Reader) -> None:
    """What openLog shows is what the pages show, line by line, with the same banner and end."""
    task = reader.ran("for n in $(seq 7000); do echo line $n; done; echo bad ERROR >&2")
    whole = reader.got("filesystem/openLog", path=task["logPath"])["log"]
    assert [text.endswith("\n") for text in whole if text] == [True] * sum(map(bool, whole))
    pages: list[str] = []
    start = 0
    while True:
        page = reader.call(
            "GET", f"{task['strongerExecId']}/log", params={"fromLine": start, "size": 1000}
        )
        texts = page["log"][3].splitlines()
        if not texts:
            break
        pages += texts
        start = page["fromLine"]
    assert whole[3].splitlines() == pages
    assert len(pages) == 7001 + 2 + 1


def test_the_whole_log_says_what_is_not_kept(tmp_path: Path) -> None:
    """Of a log that lost its middle openLog names the lines, wherever in it they are."""
    settings = {
        "NARTHEX_RUNNER_OUTPUT_BYTES": "300000",
        "NARTHEX_RESULTS_PAGE_ROWS": "1000",
        # Or Redis may have what the disk has no more.
        "NARTHEX_RETENTION_HOT_BYTES": "1000",
    }
    with serving(tmp_path / "data", **settings) as served, Reader(served) as reader:
        task = reader.ran("seq 100000 199999")
        received = reader.got("filesystem/openLog", path=task["logPath"])["log"][1].splitlines()
        shown = reader.got("filesystem/openLog", path=task["logPath"])["log"][3].splitlines()
    kept = [int(line[-6:]) - 99_999 for line in shown if line[-6:].isdigit()]
    (gap,) = [number for number, next_ in pairwise(kept) if next_ != number + 1]
    following = kept[kept.index(gap) + 1]
    assert [line.partition(" WARN ")[2] for line in received] == [
        f"lines {gap + 1} to {following - 1} are no longer kept."
    ]


def test_progress_by_a_run_itself(reader: Reader) -> None:
    """A shell script and Python tell how far they are; a fraction never goes back."""
    # A gate for each step: one that is used twice may give the end of the first to the second.
    exec_id = reader.execute(
        'mkfifo gate1 gate2 gate3; echo 0.25 >&"$NARTHEX_PROGRESS_FD"; read line < gate1\n'
        'echo 0.5 >> "$NARTHEX_PROGRESS"; echo 0.1 >> "$NARTHEX_PROGRESS"; read line < gate2\n'
        'python3 -c "import narthex\n'
        "narthex.progress(0.75, [dict(id='map', total=4, running=1)])\"\n"
        "read line < gate3"
    )
    data = reader.gateway.data

    def shows(fraction: float) -> bool:
        return bool(reader.call("GET", f"{exec_id}/progress")["progress"] == fraction)

    for number, fraction in ((1, 0.25), (2, 0.5), (3, 0.75)):
        wait_until_sync(lambda fraction=fraction: shows(fraction), f"{fraction} to be shown")  # type: ignore[misc]
        if fraction == 0.75:
            info = reader.call("GET", f"{exec_id}/progress")["progressInfo"]
            assert info == [
                {
                    "id": "map",
                    "succeedTasks": 0,
                    "failedTasks": 0,
                    "runningTasks": 1,
                    "totalTasks": 4,
                }
            ]
        (gate,) = data.glob(f"spool/live/*/work/gate{number}")
        gate.write_text("go\n")
    assert reader.finished(exec_id) == "Succeed"
    assert shows(1.0)


def test_a_large_table_leaves_the_gateway_small(own: Served) -> None:
    """Every page of half a million rows is right, and reading them all costs no memory."""
    reader = Reader(own)
    (path,) = reader.files(reader.ran(MANY % (500_000, 0)))
    (pid,) = own.parts("gateway.app")

    def resident() -> int:
        pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def page(number: int) -> list[list[str]]:
        found = reader.got("filesystem/openFile", path=path, page=number, pageSize=5000)
        rows = found["fileContent"]
        assert isinstance(rows, list)
        return rows

    page(1)
    page(100)
    before = resident()
    for number in range(1, 101):
        first = (number - 1) * 5000
        assert page(number) == [[str(n), f"row {n}"] for n in range(first, first + 5000)]
    with reader.http.stream(
        "GET", f"{reader.address}/resultsetToExcel", params={"path": path}
    ) as r:
        size = sum(map(len, r.iter_bytes()))
    assert size == sum(len(f"{n},row {n}\r\n") for n in range(500_000)) + len("n,s\r\n")
    assert resident() - before < 24 << 20
    reader.http.close()


def test_results_outlive_a_restart_and_go_with_their_task(tmp_path: Path) -> None:
    """What a task left is there when it has succeeded, after a restart, and until the task goes."""
    data = tmp_path / "data"
    with serving(data) as first:
        reader = Reader(first)
        task = reader.ran(MANY % (10, 0))
        (path,) = reader.files(task)
        reader.http.close()
    with serving(data) as second:
        reader = Reader(second)
        assert reader.got("filesystem/openFile", path=path)["totalLine"] == 10
        assert reader.files(task) == [path]
        row = reader.got(f"jobhistory/{task['taskID']}/get")["task"]
        assert row["resultLocation"] == task["resultLocation"]
        (kept,) = data.glob("spool/done/*/*/results/0/rows")
        job = {"job_id": kept.parents[2].name}
        reply = reader.http.request("DELETE", f"{second.url}/delete", json=job)
        assert reply.status_code == 200, reply.text
        assert not kept.exists()
        gone = reader.http.get(f"{reader.address}/openFile", params={"path": path}).json()
        assert gone["status"] == 1
        reader.http.close()


def test_nobody_reads_anothers_results(reader: Reader, served: Served) -> None:
    """Somebody else's paths are answered like paths of tasks that never were."""
    task = reader.ran(MANY % (10, 0))
    (path,) = reader.files(task)
    stranger = httpx.Client(headers={"Authorization": f"Bearer {stranger_token(served)}"})
    calls = [("openFile", path), ("getDirFileTrees", task["resultLocation"])]
    calls += [("openLog", task["logPath"]), ("resultsetToExcel", path)]
    for name, asked in calls:
        answers = []
        for place in (asked, asked.replace(f"/{task['taskID']}/", "/999999/")):
            reply = stranger.get(f"{reader.address}/{name}", params={"path": place})
            said = reply.json()["message"].replace("999999", str(task["taskID"]))
            answers.append((reply.status_code, said))
        assert answers[0] == answers[1]
        assert answers[0][0] == 400
    stranger.close()


def test_results_can_be_read_while_the_task_runs(reader: Reader) -> None:
    """Rows that were flushed are shown before the end, and that more may come is said."""
    exec_id = reader.execute(
        'mkfifo gate; python3 -c "import narthex\n'
        "with narthex.Table(['n']) as table:\n"
        "    table.add([1]); table.flush(); open('gate').read(); table.add([2])\""
    )
    number = reader.call("GET", f"{exec_id}/status")["taskID"]
    location = f"narthex:///tasks/{number}/results"

    def found() -> list[str]:
        return reader.files({"resultLocation": location})

    wait_until_sync(found, "the first row to be there")
    (path,) = found()
    page = reader.got("filesystem/openFile", path=path)
    assert (page["fileContent"], page["complete"]) == ([["1"]], False)
    (gate,) = reader.gateway.data.glob("spool/live/*/work/gate")
    gate.write_text("go\n")
    assert reader.finished(exec_id) == "Succeed"
    page = reader.got("filesystem/openFile", path=path)
    assert (page["fileContent"], page["complete"]) == ([["1"], ["2"]], True)
