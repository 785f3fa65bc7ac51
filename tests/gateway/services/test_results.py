"""Results as the service gives them out: bounded pages, and files that hold every row."""

import csv
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import msgspec
import pytest

from engines.inside.narthex import Table
from engines.rundir.directory import RunDir
from gateway.config import Results as Limits
from gateway.services.logs import Logs
from gateway.services.lookup import Lookup
from gateway.services.results import ResultService
from gateway.services.sheets import Workbook, csv_rows
from gateway.stores.results import ResultStore
from protocol.commands.results import ExportResults, ListResults, ReadResult
from protocol.errors import GatewayError, Kind
from protocol.media import JsonValue
from protocol.results import Column, ColumnType, ExportFormat, ResultKind, cell_text
from protocol.tasks import ByNumber, TaskState
from tests.support.refusals import refused_as
from tests.support.specs import make_spec

LIMITS = Limits(
    rows=0, bytes=0, page_rows=100, page_bytes=5000, page_cells=400, sheet_rows=1500, log_bytes=1000
)

REF = ByNumber(1)
TASK = make_spec().task(TaskState.SUCCEEDED)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[ResultService]:
    """The results of one run, whose first set has 2500 rows of a number and a NULL."""
    folder = tmp_path / TASK.id / "results"
    with Table(["n", ("x", "string")], folder=folder) as table:
        table.extend((number, None) for number in range(2500))
    with Table([("text", "string")], folder=folder, kind="text") as table:
        table.add(["=1+1, \u20ac"])
    with Table([("x", "string")], folder=folder) as table:
        table.extend(["x" * 2000] for _ in range(10))
    store = ResultStore(lambda run_id: RunDir(tmp_path / run_id))
    # No test of this file reads a log or looks for a task.
    yield ResultService(LIMITS, store, cast("Logs", None), cast("Lookup", None))
    store.close()


async def exported(service: ResultService, command: ExportResults) -> bytes:
    """The whole file."""
    found = await service.export(TASK, command)
    return b"".join([chunk async for chunk in found.chunks])


async def test_lists_and_pages(service: ResultService) -> None:
    """A list describes each set, and a page is a slice of one."""
    found = (await service.list(TASK, ListResults(REF))).results
    assert [(result.number, result.kind, result.rows) for result in found] == [
        (0, ResultKind.TABLE, 2500),
        (1, ResultKind.TEXT, 1),
        (2, ResultKind.TABLE, 10),
    ]
    assert found[0].columns == (Column("n", ColumnType.LONG), Column("x", ColumnType.STRING))
    page = await service.read(TASK, ReadResult(REF, 0, first=2450))
    assert page.rows == tuple((number, None) for number in range(2450, 2500))


async def test_pages_have_bounds(service: ResultService) -> None:
    """Too many rows, too many bytes, places before the first, and sets that are not there."""
    assert await refused_as(service.read(TASK, ReadResult(REF, 0, max_rows=101))) is Kind.INVALID
    assert await refused_as(service.read(TASK, ReadResult(REF, 0, first=-1))) is Kind.INVALID
    assert (
        await refused_as(service.read(TASK, ReadResult(REF, 2, max_rows=5, whole=True)))
        is Kind.TOO_LARGE
    )
    assert await refused_as(service.read(TASK, ReadResult(REF, 9))) is Kind.NOT_FOUND
    assert len((await service.read(TASK, ReadResult(REF, 2, max_rows=5))).rows) == 2


async def test_pages_have_few_cells(service: ResultService) -> None:
    """Row D5: a page of a wide table says how many rows fit, or has that many."""
    wide = msgspec.structs.replace(LIMITS, page_rows=1000, page_bytes=1 << 20, page_cells=400)
    service._limits = wide
    assert len((await service.read(TASK, ReadResult(REF, 0, max_rows=200, whole=True))).rows) == 200
    with pytest.raises(GatewayError, match="at most 200 of these rows"):
        await service.read(TASK, ReadResult(REF, 0, max_rows=201, whole=True))
    assert len((await service.read(TASK, ReadResult(REF, 0, max_rows=201))).rows) == 200
    assert len((await service.read(TASK, ReadResult(REF, 0, 2400, 900, whole=True))).rows) == 100


async def test_csv_holds_every_row(service: ResultService) -> None:
    """All rows come, in the character set that was asked for; a text has no head."""
    data = await exported(service, ExportResults(REF, 0, ExportFormat.CSV, null="-"))
    rows = list(csv.reader(io.StringIO(data.decode())))
    assert rows == [["n", "x"], *([str(number), "-"] for number in range(2500))]
    some = await exported(service, ExportResults(REF, 0, ExportFormat.CSV, max_rows=2))
    assert some.count(b"\n") == 3
    wanted = ExportResults(REF, 1, ExportFormat.CSV, charset="ascii", separator=";")
    assert await exported(service, wanted) == b"'=1+1, ?\r\n"


@pytest.mark.parametrize(
    "cell", ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "-", "+", "=", "\uff1d1", "-5x"]
)
def test_no_cell_is_run(cell: str) -> None:
    """Row D12: a text that a spreadsheet would run, also in the name of a column, is one."""
    command = ExportResults(REF, 0, ExportFormat.CSV)
    data = csv_rows([Column(cell, ColumnType.STRING)], [(cell,), ({"a": cell},)], command)
    rows = list(csv.reader(io.StringIO(data.decode(), newline="")))
    assert rows[0] == rows[1] == [f"'{cell}"]
    assert rows[2][0].startswith("{")


@pytest.mark.parametrize(
    "cell", [-5, -5.25, True, "-5", "+5", "-5.25", "-1e-7", "-Infinity", "text", "", "a=b", " =1"]
)
def test_numbers_stay_numbers(cell: JsonValue) -> None:
    """Row D12: a minus before digits is no formula; nor is what does not begin as one."""
    command = ExportResults(REF, 0, ExportFormat.CSV)
    data = csv_rows((), [(cell, None)], command).decode()
    assert list(csv.reader(io.StringIO(data))) == [[cell_text(cell, ""), "NULL"]]


async def test_a_workbook_has_a_sheet_for_each_table(service: ResultService) -> None:
    """Sheets end at their limit, and every text is a text."""
    data = await exported(service, ExportResults(REF, None, ExportFormat.XLSX, sheet="a/b"))
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        assert b'name="a_b_0"' in book.read("xl/workbook.xml")
        assert b'name="a_b_2"' in book.read("xl/workbook.xml")
        assert book.read("xl/worksheets/sheet1.xml").count(b"<row ") == 1501
        assert book.read("xl/worksheets/sheet2.xml").count(b"<row ") == 11
    data = await exported(service, ExportResults(REF, 1, ExportFormat.XLSX))
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        sheet = book.read("xl/worksheets/sheet1.xml")
        assert b"<f>" not in sheet
        assert b"=1+1" in sheet
    with pytest.raises(GatewayError) as error:
        await exported(service, ExportResults(REF, 7, ExportFormat.XLSX))
    assert error.value.kind is Kind.NOT_FOUND


async def test_a_table_wider_than_a_sheet(service: ResultService, tmp_path: Path) -> None:
    """It is refused as a workbook rather than cut, and no trouble as CSV."""
    names = [f"c{number}" for number in range(16_385)]
    with Table(names, folder=tmp_path / TASK.id / "results"):
        pass
    for number in (None, 3):
        with pytest.raises(GatewayError) as error:
            await exported(service, ExportResults(REF, number, ExportFormat.XLSX))
        assert error.value.kind is Kind.TOO_LARGE
    head = await exported(service, ExportResults(REF, 3, ExportFormat.CSV))
    assert head.count(b",") == 16_384


def test_names_and_cells_of_a_workbook() -> None:
    """Names that are taken, empty or too long get others; numbers stay exact or become texts."""
    book = Workbook("NULL")
    for name in ("same", "SAME", "[]", "x" * 50):
        book.sheet(name, (Column("c", ColumnType.LONG),))
    book.rows([(True,), (2**60,), (1.5,), (float("inf"),), ([1],), (None,)])
    size = book.finish()
    data = book.read(size + 1)
    assert len(data) == size
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        names = file.read("xl/workbook.xml").decode()
        sheet = file.read("xl/worksheets/sheet4.xml").decode()
    for name in ("same", "SAME_2", "__", "x" * 27):
        assert f'name="{name}"' in names
    for text in ("1152921504606846976", "Infinity", "[1]", "NULL"):
        assert f"<t>{text}</t>" in sheet
    assert "<v>1.5</v>" in sheet
    book.close()


async def test_a_run_that_is_gone(tmp_path: Path) -> None:
    """Of a task whose run directory went there are no results, and none is open."""
    store = ResultStore(lambda _: None)
    elsewhere = ResultStore(lambda run_id: RunDir(tmp_path / run_id))
    for nothing in (store, elsewhere):
        assert await nothing.list(TASK.id) == ()
        with pytest.raises(GatewayError) as error:
            await nothing.open(TASK.id, 0)
        assert error.value.kind is Kind.NOT_FOUND
        nothing.close()


def test_numbers_of_a_workbook_that_are_kept_as_texts() -> None:
    """Row B9: ``1.0E10``, as Spark shows it, is a number in a sheet; ``NaN`` is a text there."""
    book = Workbook("NULL")
    book.sheet("one", [Column("a", ColumnType.DOUBLE), Column("b", ColumnType.STRING)])
    book.rows([("1.0E10", "1.0E10"), ("NaN", "NaN"), (0.5, "x"), (None, None)])
    book.finish()
    with zipfile.ZipFile(io.BytesIO(book.read(1 << 20))) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
    book.close()
    assert "<v>10000000000</v>" in sheet
    assert sheet.count("<t>1.0E10</t>") == 1
    assert sheet.count("<t>NaN</t>") == 2
