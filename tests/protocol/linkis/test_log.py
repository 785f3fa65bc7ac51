"""The log: how each client pages through it, and what a page shows."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.commands.logs import LogRead, ReadLog
from protocol.dialects.linkis.line_rows import line_rows
from protocol.dialects.linkis.log import banner, closing
from protocol.dialects.linkis.log_blocks import (
    block_rows,
    by_level,
    joined,
    passages,
    shown,
)
from protocol.errors import GatewayError, Kind
from protocol.logs import Block, Cursor, Gap, LogPage, Mark, Stream
from protocol.tasks import Outcome, Reason, TaskState
from tests.protocol.linkis.scenes import (
    DONE,
    NOW,
    ROOT,
    SEED_ID,
    block,
    page_of,
    read,
    request,
    said,
    task,
)

PATH = f"{ROOT}/entrance/{SEED_ID}/log"
AT = "2023-11-14 22:13:20.000"
AFTER = "2023-11-14 22:13:29.000"
TEXTS = st.lists(st.sampled_from(["one", "", "  ", "two", "three", f"{AT} ERROR bad"]), max_size=30)


def answer(texts: Sequence[str], query: Mapping[str, str], state: TaskState) -> dict[str, Any]:
    """The data of the reply to a log request while the log holds these lines."""
    found, asked = request("GET", PATH, query)
    command = found.route.parse(asked)
    assert isinstance(command, ReadLog)
    data = said(found.route.render(read(texts, command, state), asked))["data"]
    assert isinstance(data, dict)
    return data


def whole(texts: Sequence[str], state: TaskState) -> list[str]:
    """Everything that a reader is to see of a log that has ended."""
    about = task(state, last_line=len(texts))
    page = LogPage((block(1, texts),) if texts else (), Cursor(len(texts) + 1), 1, 0, eof=True)
    return [*banner(about, SEED_ID), *shown(page.blocks), *closing(about, SEED_ID)]


CLIENTS: Mapping[str, tuple[Mapping[str, str], Mapping[str, str]]] = {
    "web": ({"fromLine": "1", "size": "-1"}, {"size": "-1"}),
    "ujes": ({"size": "1"}, {}),
    "cli": ({}, {}),
    "seed, one by one": ({"fromLine": "0", "size": "1"}, {"size": "1"}),
    "seed, by three": ({"fromLine": "0", "size": "3"}, {"size": "3"}),
    "history view": ({"fromLine": "0", "size": "10000"}, {"size": "10000"}),
}
"""How the clients begin and go on (contract, section 3.5)."""


@pytest.mark.parametrize("client", CLIENTS)
@given(
    texts=TEXTS, growth=st.lists(st.integers(0, 7), max_size=8), state=st.sampled_from(TaskState)
)
def test_every_client_sees_every_line_once(
    client: str, texts: list[str], growth: list[int], state: TaskState
) -> None:
    """Each client, asking in its own way while the log grows, gets all of it once, in order."""
    final = state if state.final else TaskState.SUCCEEDED
    first, later = CLIENTS[client]
    seen: list[str] = []
    query, there = dict(first), 0
    for more in [*growth, *[len(texts)] * (len(texts) + 8)]:
        there = min(there + more, len(texts))
        now = final if more == len(texts) and there == len(texts) else TaskState.RUNNING
        data = answer(texts[:there], query, now)
        everything = data["log"][3]
        seen += everything.split("\n") if everything else []
        query = {**later, "fromLine": str(data["fromLine"])}
    assert seen == whole(texts, final)


@given(texts=TEXTS, start=st.integers(0, 40), size=st.integers(0, 40), done=st.booleans())
def test_the_cursor_counts_what_was_consumed(
    texts: list[str], start: int, size: int, *, done: bool
) -> None:
    """The next cursor is the requested one plus the lines consumed, blank ones included."""
    state = TaskState.SUCCEEDED if done else TaskState.RUNNING
    data = answer(texts, {"fromLine": str(start), "size": str(size)}, state)
    there = 2 + len(texts) + (1 if done else 0)
    assert data["fromLine"] == max(start, min(start + size, there))


@pytest.mark.parametrize(
    ("query", "command"),
    [
        ({}, ReadLog),
        ({"fromLine": "-5", "size": ""}, ReadLog),
    ],
)
def test_the_defaults(query: Mapping[str, str], command: type[ReadLog]) -> None:
    """A request without numbers begins at the beginning and takes a hundred lines."""
    found, asked = request("GET", PATH, query)
    parsed = found.route.parse(asked)
    assert isinstance(parsed, command)
    assert (parsed.cursor, parsed.max_lines) == (Cursor(1), 98)


def test_four_texts_always() -> None:
    """Nothing new is four empty texts and the same cursor."""
    data = answer(["one"], {"fromLine": "3"}, TaskState.RUNNING)
    assert (data["log"], data["fromLine"]) == (["", "", "", ""], 3)
    beyond = answer(["one"], {"fromLine": "99"}, TaskState.SUCCEEDED)
    assert (beyond["log"], beyond["fromLine"]) == (["", "", "", ""], 99)


def test_one_text_on_request() -> None:
    """``distinctLevel=false`` asks for all levels in one text."""
    data = answer(["one"], {"fromLine": "2", "distinctLevel": "false"}, TaskState.RUNNING)
    assert data["log"] == f"{AT} INFO one"


def test_the_beginning_and_the_end() -> None:
    """Two banner lines name both ids; success ends with one line, failure with its reason."""
    failed = task(TaskState.FAILED, outcome=Outcome(Reason.EXITED, 3, None, "exit\ncode 3"))
    assert banner(failed, SEED_ID) == [
        f"{AT} INFO Job with jobId : 21 and execID : {SEED_ID} is submitted.",
        f"{AT} INFO Your job is accepted for engine hive. Please wait it to run.",
    ]
    assert closing(task(), SEED_ID) == []
    assert closing(failed, SEED_ID) == [
        f"{AFTER} ERROR exit code 3",
        f"{AFTER} INFO Sorry, Your job : {SEED_ID} execute with status Failed.",
    ]
    assert closing(task(TaskState.SUCCEEDED, outcome=DONE), SEED_ID) == [
        f"{AFTER} INFO Congratulations! Your job : {SEED_ID} execute with status Succeed."
    ]


def test_levels() -> None:
    """Errors, warnings, the rest, and all; each ends as asked, empty ones stay empty."""
    error, info = f"{AT} ERROR a", "plain"
    assert by_level([error, info]) == [error, "", info, f"{error}\n{info}"]
    assert by_level([error], end="\n") == [f"{error}\n", "", "", f"{error}\n"]
    assert by_level([]) == ["", "", "", ""]


def test_the_parts_of_a_long_line() -> None:
    """Of a line in parts the first is shown, says that it is cut, and the cursor goes on after."""
    mark = (Mark(1, Stream.OUT, NOW),)
    parts = (
        Block(1, 1, b"x" * 10, mark, part=1, more=True),
        Block(1, 1, b"y" * 10, mark, part=2, more=True),
    )
    page = LogPage(parts, Cursor(1, 3), 1, 1, eof=False)
    found, asked = request("GET", PATH, {"fromLine": "2", "size": "1"})
    reply = said(found.route.render(LogRead(page, task(last_line=1)), asked))["data"]
    assert reply["fromLine"] == 3
    assert reply["log"][3].startswith(f"{AT} INFO xxxxxxxxxx ... (this line is longer")
    assert "y" not in reply["log"][3]


def test_lines_that_are_no_longer_kept() -> None:
    """A gap is told as a warning, and the cursor counts its lines."""
    page = LogPage((block(8, ["eight"]),), Cursor(9), 8, 8, eof=False, gaps=(Gap(1, 7),))
    found, asked = request("GET", PATH, {"fromLine": "2"})
    data = said(found.route.render(LogRead(page, task(last_line=8)), asked))["data"]
    assert data["log"][1] == f"{AT} WARN lines 1 to 7 are no longer kept."
    assert data["fromLine"] == 10
    found, asked = request("GET", PATH, {"format": "lines"})
    data = said(found.route.render(LogRead(page, task(last_line=8)), asked))["data"]
    assert (data["gaps"], data["fromLine"], data["first"]) == ([[1, 7]], 9, 8)


@pytest.mark.parametrize(
    ("query", "command"),
    [
        ({}, ReadLog(task=..., cursor=Cursor(1))),  # type: ignore[arg-type]  # not compared
        ({"fromLine": "0", "size": "-1"}, ReadLog(..., Cursor(1))),  # type: ignore[arg-type]
        (
            {"fromLine": "7", "fromPart": "2", "size": "5", "wait": "1.5"},
            ReadLog(..., Cursor(7, 2), 5, 0, 1.5),  # type: ignore[arg-type]  # not compared
        ),
        ({"wait": "3600"}, ReadLog(..., wait_seconds=60.0)),  # type: ignore[arg-type]
    ],
)
def test_what_a_request_for_lines_asks(query: Mapping[str, str], command: ReadLog) -> None:
    """Numbers count from 1, the wait is bounded, and parts can be asked for."""
    found, asked = request("GET", PATH, {"format": "lines", **query})
    parsed = found.route.parse(asked)
    assert isinstance(parsed, ReadLog)
    assert (parsed.cursor, parsed.max_lines, parsed.wait_seconds) == (
        command.cursor,
        command.max_lines,
        command.wait_seconds,
    )


@given(texts=TEXTS, size=st.integers(1, 12))
def test_pages_of_lines_join_to_the_log(texts: list[str], size: int) -> None:
    """Pages of any size give every line once, with its number, until the end is told."""
    seen: list[tuple[int, str]] = []
    query = {"format": "lines", "size": str(size)}
    for _ in range(len(texts) + 1):
        data = answer(texts, query, TaskState.SUCCEEDED)
        seen += [(line["n"], line["text"]) for line in data["lines"]]
        query["fromLine"] = str(data["fromLine"])
        if data["eof"]:
            break
    assert data["eof"]
    assert seen == list(enumerate(texts, 1))


@given(texts=st.lists(TEXTS.filter(bool), max_size=4), size=st.integers(1, 99))
def test_passages_say_what_is_shown(texts: list[list[str]], size: int) -> None:
    """Lines that are kept together are the same lines, by level too, however they are cut."""
    blocks = []
    for lines in texts:
        whole = block(1, lines)
        marks = (Mark(1, Stream.OUT, 7), Mark(len(lines) - 1, Stream.ERR, NOW))
        blocks.append(replace(whole, marks=marks[: len(lines)]))
    found, plain = passages(blocks, size)
    assert "\n".join(found) == "\n".join(shown(blocks))
    assert by_level(found, "\n", plain=plain) == by_level(shown(blocks), "\n")


def test_bytes_that_are_no_text() -> None:
    """A line that is not UTF-8 has its bytes too; U+FFFD that was printed is just text."""
    mark = Mark(1, Stream.ERR, NOW)
    data = b"a\xff\n" + "\ufffd".encode()
    page = LogPage((Block(1, 2, data, (mark, mark)),), Cursor(3), 1, 2, eof=False)
    found, asked = request("GET", PATH, {"format": "lines"})
    reply = said(found.route.render(LogRead(page, task(last_line=2)), asked))["data"]
    assert reply["lines"] == [
        {"n": 1, "t": NOW, "s": "err", "text": "a\ufffd", "base64": "Yf8="},
        {"n": 2, "t": NOW, "s": "err", "text": "\ufffd"},
    ]


def test_a_page_that_ends_within_a_line() -> None:
    """Who names a part goes on with the part that follows."""
    part = Block(1, 1, b"x", (Mark(1, Stream.OUT, NOW),), part=1, more=True)
    page = LogPage((part,), Cursor(1, 2), 1, 1, eof=False)
    found, asked = request("GET", PATH, {"format": "lines", "fromPart": "0"})
    data = said(found.route.render(LogRead(page, task(last_line=1)), asked))["data"]
    assert (data["fromLine"], data["fromPart"]) == (1, 2)
    assert data["lines"][0] == {
        "n": 1,
        "t": NOW,
        "s": "out",
        "text": "x",
        "part": 1,
        "more": True,
    }


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"fromLine": "x"}, "fromLine"),
        ({"fromLine": "1.5"}, "fromLine"),
        ({"fromLine": "1" * 16}, "fromLine"),
        ({"size": "ten"}, "size"),
        ({"format": "xml"}, "format"),
        ({"format": "lines", "wait": "x"}, "wait"),
        ({"format": "lines", "wait": "-1"}, "wait"),
        ({"format": "lines", "wait": "nan"}, "wait"),
        ({"format": "lines", "fromLine": "٣"}, "fromLine"),
        ({"format": "lines", "fromPart": "a"}, "fromPart"),
    ],
)
def test_numbers_that_are_none(query: Mapping[str, str], field: str) -> None:
    """A query that cannot be read is refused with its name."""
    found, asked = request("GET", PATH, query)
    with pytest.raises(GatewayError) as caught:
        found.route.parse(asked)
    assert (caught.value.kind, caught.value.field) == (Kind.INVALID, field)


def test_the_page_of_another_task() -> None:
    """An id whose parts are not the task's is unknown, although the number is right."""
    found, asked = request("GET", PATH.replace("IDEhive", "IDEHive"))
    command = found.route.parse(asked)
    assert isinstance(command, ReadLog)
    answered = LogRead(page_of([], command, final=False), task())
    with pytest.raises(GatewayError, match="unknown execID"):
        found.route.render(answered, asked)


BLOCKS = (
    Block(1, 3, b"one\n\ntwo", (Mark(1, Stream.OUT, NOW), Mark(2, Stream.ERR, NOW + 1))),
    Block(4, 4, b"2023-11-14 22:13:20.000 WARN three", (Mark(1, Stream.ERR, NOW + 1),)),
    Block(5, 5, b"\xff four", (Mark(1, Stream.OUT, NOW),)),
    Block(6, 6, b"fi", (Mark(1, Stream.OUT, NOW),), part=1, more=True),
    Block(6, 6, b"ve", (Mark(1, Stream.OUT, NOW),), part=2),
    Block(9, 9, b"nine", (Mark(1, Stream.OUT, NOW),)),
)


def test_blocks_as_rows_are_their_lines_one_by_one() -> None:
    """The quick way over whole blocks says of each line what the line says of itself."""
    lines = [line for block in BLOCKS for line in block.lines()]
    rows = line_rows(BLOCKS)
    assert [(row["n"], row["t"], row["s"], row["text"]) for row in rows] == [
        (line.number, line.time_ms, line.stream.value, line.text) for line in lines
    ]
    assert [row["n"] for row in rows if "base64" in row] == [5]
    assert [(row["part"], row["more"]) for row in rows if "part" in row] == [(1, True), (2, False)]


def test_the_quick_way_shows_what_the_slow_way_shows() -> None:
    """A block without a word of a level is shown as the same lines beside one that has it."""
    plain = Block(1, 3, b"one\n \ntwo", (Mark(2, Stream.OUT, NOW), Mark(1, Stream.OUT, NOW + 9)))
    with_word = Block(1, 4, plain.data + b"\nINFO x", (*plain.marks, Mark(1, Stream.OUT, NOW)))
    assert shown([with_word])[:-1] == shown([plain])
    assert len(shown([plain])) == 2


def test_joined_blocks_hold_the_same_lines() -> None:
    """Neighbours become one block as far as they fit; parts and jumps stay apart."""
    blocks = list(joined(BLOCKS, 1000))
    assert [(block.first, block.last) for block in blocks] == [(1, 5), (6, 6), (6, 6), (9, 9)]
    assert blocks[0].marks[1] == Mark(3, Stream.ERR, NOW + 1)
    assert [line for block in blocks for line in block.lines()] == [
        line for block in BLOCKS for line in block.lines()
    ]
    assert len(list(joined(BLOCKS, 1))) == len(BLOCKS)


def test_block_rows_say_everything() -> None:
    """A row has first, last, text and marks; bytes that are no text, and parts, say so."""
    rows = block_rows(BLOCKS)
    assert rows[0] == {
        "first": 1,
        "last": 3,
        "text": "one\n\ntwo",
        "marks": [[1, "out", NOW], [2, "err", NOW + 1]],
    }
    assert rows[2]["base64"] == "/yBmb3Vy"
    assert (rows[3]["part"], rows[3]["more"]) == (1, True)


def test_a_page_of_blocks_is_asked_for_by_format() -> None:
    """``format=block`` answers with blocks where ``format=lines`` answers with lines."""
    found, asked = request("GET", PATH, {"format": "block"})
    page = LogPage(BLOCKS[:2], Cursor(5), 1, 4, eof=False)
    data = said(found.route.render(LogRead(page, task(TaskState.RUNNING)), asked))["data"]
    assert isinstance(data, dict)
    assert "lines" not in data
    assert [row["last"] for row in data["blocks"]] == [4]
    assert data["fromLine"] == 5
