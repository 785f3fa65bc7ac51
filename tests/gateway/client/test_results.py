"""Result sets with both clients against a real gateway: every type, pages, frames."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal

import pytest

from gateway.client import AsyncClient, Client, ClientError, End
from tests.support.served import Served

TYPES = """
import narthex
narthex.table(
    [
        ("ann", 1, 1.5, True, "1.10", "2024-02-29", "2024-02-29 12:00:01", b"ab", [1, None]),
        (None,) * 9,
    ],
    columns=[
        ("name", "string"), ("n", "long"), ("x", "double"), ("ok", "boolean"),
        ("d", "decimal"), ("day", "date"), ("at", "timestamp"), ("raw", "binary"), ("l", "array"),
    ],
)
narthex.text("one\\ntwo")
narthex.rich({"text/html": "<b>x</b>"})
"""
MANY = """
import narthex
with narthex.Table([("n", "int"), ("n", "int")], limit=0) as table:
    for n in range(9001):
        table.add([n, -n])
"""
ROW = (
    "ann",
    1,
    1.5,
    True,
    Decimal("1.10"),
    date(2024, 2, 29),
    datetime(2024, 2, 29, 12, 0, 1),  # noqa: DTZ001 - as the code wrote it, without a zone
    b"ab",
    [1, None],
)


@pytest.fixture(scope="module")
def client(served: Served) -> Iterator[Client]:
    """A client of the administrator."""
    with Client(served.url, served.token, patience_seconds=20) as made:
        yield made


def ended(client: Client, code: str) -> str:
    """The execID of Python code that has run."""
    task = client.execute(code, engine="python", session="none").exec_id
    *_, end = client.follow(task)
    assert isinstance(end, End)
    assert end.status == "Succeed", client.log(task)
    return task


@pytest.fixture(scope="module")
def typed(client: Client) -> str:
    """A task with a table of all types, a text and a piece of HTML."""
    return ended(client, TYPES)


@pytest.fixture(scope="module")
def many(client: Client) -> str:
    """A task with a table that needs several pages."""
    return ended(client, MANY)


def test_every_type_comes_as_what_it_means(client: Client, typed: str) -> None:
    """Cells are numbers, decimals, dates and bytes again, and NULL is None in each column."""
    table, text, html = client.results(typed)
    found = table.page()
    assert (found.kind, found.rows, found.total) == ("table", (ROW, (None,) * 9), 2)
    assert (found.complete, found.truncated) == (True, False)
    assert next(table.dicts())["day"] == date(2024, 2, 29)
    assert (text.page().kind, list(text.rows())) == ("text", [("one",), ("two",)])
    assert (html.page().kind, list(html.rows())) == ("html", [("<b>x</b>",)])


def test_all_rows_come_once_and_in_order(client: Client, many: str) -> None:
    """A table of several pages is read whole; a page is had by its number."""
    (table,) = client.results(str(client.status(many).task_id))
    assert list(table.rows()) == [(n, -n) for n in range(9001)]
    assert table.page(3, 10).rows[0] == (20, -20)
    assert table.page(10_000).rows == ()


def test_a_page_that_is_too_large_is_read_in_smaller_ones(client: Client) -> None:
    """Rows of a few hundred kilobytes each come all the same."""
    code = (
        "import narthex\nnarthex.table([(n, str(n) * 300000) for n in range(9)] * 13, ['n', 't'])"
    )
    (table,) = client.results(ended(client, code))
    with pytest.raises(ClientError, match="ask for fewer"):
        table.page(1, 117)
    assert [(n, len(text)) for n, text in table.rows()] == [(n, 300000) for n in range(9)] * 13


def test_frames(client: Client, typed: str, many: str) -> None:
    """A table is a frame of pandas and of Arrow, also with NULL and with a name twice."""
    frame = client.results(typed)[0].to_pandas()
    assert list(frame.columns) == ["name", "n", "x", "ok", "d", "day", "at", "raw", "l"]
    assert [str(frame.dtypes[name]) for name in ("n", "x", "ok")] == ["Int64", "float64", "boolean"]
    arrow = client.results(typed)[0].to_arrow()
    assert arrow.to_pylist()[0]["d"] == Decimal("1.10")
    assert tuple(arrow.to_pylist()[1].values()) == (None,) * 9
    assert client.results(many)[0].to_pandas().iloc[9000].tolist() == [9000, -9000]
    assert client.results(many)[0].to_arrow().column(1)[9000].as_py() == -9000


def test_a_task_without_results(client: Client) -> None:
    """No result sets are an empty tuple, and a task that is not there is an error."""
    assert client.results(ended(client, "pass")) == ()
    with pytest.raises(ClientError):
        client.results("999999999")


async def test_the_same_for_asyncio(served: Served, typed: str, many: str) -> None:
    """Rows, pages and frames come for asyncio too."""
    async with AsyncClient(served.url, served.token, patience_seconds=20) as later:
        table, text, _ = await later.results(typed)
        assert (await table.page()).rows[0] == ROW
        assert [row async for row in text.rows()] == [("one",), ("two",)]
        assert [row["name"] async for row in table.dicts()] == ["ann", None]
        assert (await table.to_arrow()).num_rows == 2
        assert len(await (await later.results(many))[0].to_pandas()) == 9001
