"""A look at a file of separated text before it is imported: contract, section 6.5."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Mapping

import pytest

from protocol.errors import GatewayError
from protocol.files import FileContent, FileEntry, FilePath
from tests.protocol.linkis.scenes import ROOT, data_of, request

FILES = f"{ROOT}/filesystem"
SCRIPT = FilePath("ann", ("a.sql",))


@pytest.mark.parametrize(
    ("query", "names", "content"),
    [
        ({}, ["col_1", "col_2"], [["a", "b"], ["1", "2"]]),
        ({"hasHeader": "true", "escapeQuotes": "true", "quote": '"'}, ["a", "b"], [["1", "2"]]),
        ({"separator": ";"}, ["col_1"], [['a,"b"'], ["1,2"]]),
    ],
)
def test_section_6_5_a_look_before_an_import(
    query: Mapping[str, str], names: list[str], content: list[list[str]]
) -> None:
    """Separated text is shown as columns of texts, with its own names or made-up ones."""
    entry = FileEntry(SCRIPT, folder=False, size=1, modified_ms=1)
    found = FileContent(entry, b'a,"b"\n1,2\n')
    data = data_of("GET", f"{FILES}/formate", found, {"path": "/a.csv", **query})
    assert (data["formate"]["columnName"], data["fileContent"]) == (names, content)
    assert set(data["formate"]["columnType"]) == {"string"}
    empty = data_of("GET", f"{FILES}/formate", FileContent(entry, b""), {"path": "/a", **query})
    assert empty["fileContent"] == []
    with pytest.raises(GatewayError):
        data_of("GET", f"{FILES}/formate", found, {"path": "/a.csv", "encoding": "rot13"})


@pytest.mark.parametrize(
    ("data", "encoding", "rows"),
    [
        (b'n,t\n1,"a, ""b""\nc"\n', "", [["n", "t"], ["1", 'a, "b"\nc']]),
        ("\ufeffn;t\n1;ü\n".encode(), "utf-8", [["n;t"], ["1;ü"]]),
        ('"汉","字"\n'.encode("gbk"), "gbk", [["汉", "字"]]),
        ("a,b\n".encode("utf-16"), "", [["a", "b"]]),
        (b"a,b\n1\n", "", [["a", "b"], ["1", ""]]),
    ],
    ids=str,
)
def test_row_b14_a_look_at_csv(data: bytes, encoding: str, rows: list[list[str]]) -> None:
    """Row B14: quotes, separators and breaks in cells, marks and character sets; even rows."""
    found = FileContent(FileEntry(SCRIPT, folder=False, size=1, modified_ms=1), data)
    query = {"path": "/a.csv", "encoding": encoding}
    assert data_of("GET", f"{FILES}/formate", found, query)["fileContent"] == rows


def test_row_b14_a_file_in_another_character_set() -> None:
    """Row B14: what is not in the named set is refused with its first wrong byte."""
    entry = FileEntry(SCRIPT, folder=False, size=1, modified_ms=1)
    with pytest.raises(GatewayError, match="not UTF-8"):
        data_of("GET", f"{FILES}/formate", FileContent(entry, b"\xba\xba"), {"path": "/a.csv"})
    long = FileContent(entry, ("é," * 10 + "\n").encode() * 100_000)
    shown = data_of("GET", f"{FILES}/formate", long, {"path": "/a.csv"})
    assert (len(shown["fileContent"]), len(shown["fileContent"][0])) == (100, 11)


@pytest.mark.parametrize("content", [b"," * 4_000_000, b"a" * 4_000_000, b'"' * 3_999_999])
def test_an_import_shows_so_many_columns(content: bytes) -> None:
    """Row D5: of a very wide table so many are shown, or it is refused, and soon."""
    found, asked = request("GET", f"{FILES}/formate", {"path": "file:///ann/a.sql"})
    began = time.perf_counter()
    file = FileContent(FileEntry(SCRIPT, folder=False, size=0, modified_ms=0), content)
    with contextlib.suppress(GatewayError):
        body = found.route.render(file, asked).body
        assert len(body if isinstance(body, bytes) else b"") < 8_000_000
    assert time.perf_counter() - began < 3.0


def test_an_import_of_very_many_lines_shows_the_first() -> None:
    """Row D5: however long the file is."""
    found, asked = request("GET", f"{FILES}/formate", {"path": "file:///ann/a.sql"})
    content = FileContent(
        FileEntry(SCRIPT, folder=False, size=0, modified_ms=0), b"a,b\n" * 1_000_000
    )
    body = found.route.render(content, asked).body
    assert isinstance(body, bytes)
    assert len(json.loads(body)["data"]["fileContent"]) == 100
