"""Lines that were overwritten after a carriage return: what counts, and where the bytes are."""

from base64 import b64decode
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.commands.logs import LogRead
from protocol.dialects.linkis.line_rows import line_rows
from protocol.dialects.linkis.log_blocks import Form, shown
from protocol.logs import Block, Cursor, Line, LogPage, Mark, Stream
from protocol.tasks import TaskState
from tests.protocol.linkis.scenes import NOW, ROOT, SEED_ID, request, said, task

LINES = [
    (b"plain", "plain", False),
    (b"10%\r20%\r100%", "100%", True),
    (b"10%\r20%\r100%\r", "100%", True),
    (b"\rbar", "bar", True),
    (b"dos line\r", "dos line", False),
    (b"\r\r", "", False),
    (b"a\r\rb", "b", True),
    (b"", "", False),
    (b"ok\r\xff", "\ufffd", True),
    (b"\x00\x1b[0m", "\x00\x1b[0m", False),
    ("é\rü".encode(), "ü", True),
]


def block(data: bytes, part: int = 0, *, more: bool = False) -> Block:
    """One line, or a part of one."""
    return Block(1, 1, data, (Mark(1, Stream.OUT, NOW),), part, more)


def log(data: bytes, query: Mapping[str, str]) -> dict[str, Any]:
    """The row that a request is given for a log of one line."""
    found, asked = request("GET", f"{ROOT}/entrance/{SEED_ID}/log", query)
    found.route.parse(asked)
    page = LogPage((block(data),), Cursor(2), 1, 1, eof=True)
    answer = said(found.route.render(LogRead(page, task(TaskState.SUCCEEDED)), asked))
    (row,) = answer["data"]["lines"]
    assert isinstance(row, dict)
    return row


def exact(row: Mapping[str, Any]) -> bytes:
    """The bytes of a line, from its row."""
    return b64decode(row["base64"]) if "base64" in row else str(row["text"]).encode()


@pytest.mark.parametrize(("data", "last", "over"), LINES)
def test_what_counts(data: bytes, last: str, *, over: bool) -> None:
    """The text is what came last; the end of a DOS line overwrites nothing."""
    line = Line(1, NOW, Stream.OUT, data)
    assert (line.screen, line.overwritten) == (last, over)
    row = log(data, {"format": "lines"})
    assert row.get("cr", False) == over
    assert row["text"] == (last if over else line.text)


@pytest.mark.parametrize("query", [{"format": "lines"}, {"format": "raw"}])
@pytest.mark.parametrize("data", [data for data, _, _ in LINES])
def test_the_bytes_are_always_there(data: bytes, query: dict[str, str]) -> None:
    """Whoever takes base64 where it is given has every byte."""
    assert exact(log(data, query)) == data
    assert exact(log(data, {**query, "text": "raw"})) == data


def test_forms() -> None:
    """All of the text, or nothing but the bytes, if that is asked for."""
    assert log(b"1\r2", {"format": "lines", "text": "raw"})["text"] == "1\r2"
    assert "base64" not in log(b"1\r2", {"format": "lines", "text": "raw"})
    assert log(b"plain", {"format": "raw"}) == {"n": 1, "t": NOW, "s": "out", "base64": "cGxhaW4="}


def test_the_four_texts_show_what_counts() -> None:
    """A bar is one line there too, and its end no box."""
    texts = shown([block(b"1%\r2%\r3%\r"), block(b"dos\r"), block(b"old\r")])
    assert [text.partition(" INFO ")[2] for text in texts] == ["3%", "dos", "old"]


def test_a_bar_in_parts() -> None:
    """Each overwritten part counts instead of those before; the last one is shown."""
    parts = [block(b"1%\r2%\r", 1, more=True), block(b"3%\r4", 2, more=True), block(b"%\r9%", 3)]
    rows = line_rows(parts)
    assert [(row["text"], row["cr"]) for row in rows] == [("", True), ("4", True), ("9%", True)]
    assert shown(parts)[-1].endswith(" INFO 9%")


@given(st.lists(st.sampled_from([b"a", b"bc", b"\r", b"\n", b"\xff", "é".encode()]), max_size=40))
def test_any_lines_in_every_form(pieces: list[bytes]) -> None:
    """Whatever the block holds, each form says every line of it, and all but the text are exact."""
    data = b"".join(pieces)
    lines = data.split(b"\n")
    whole = Block(1, len(lines), data, (Mark(len(lines), Stream.ERR, NOW),))
    for form in (Form.SCREEN, Form.TEXT, Form.RAW):
        rows = line_rows([whole], form)
        assert [row["n"] for row in rows] == list(range(1, len(lines) + 1))
        assert [exact(row) for row in rows] == lines
