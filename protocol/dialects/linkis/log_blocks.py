"""Blocks of lines as the wire has them, without touching line by line what need not be.

A million lines pass here for every reader, so a block is decoded once and split once, and only what
states a level or is no UTF-8 is looked at line by line. Three shapes: ``shown`` for the four texts
by level, ``line_rows`` for ``format=lines`` and ``block_rows`` for ``format=block``.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from protocol.dialects.linkis.words import time_text
from protocol.logs import Block, Level, Line, Mark, classify

__all__ = ["block_rows", "by_level", "joined", "line_rows", "shown"]

_CUT = " ... (this line is longer than can be shown here)"
_GRAVE = ("ERROR ", "WARN ")
_STATED = (*_GRAVE, "INFO ")
_REPLACED = "\ufffd"


def shown(blocks: Iterable[Block]) -> list[str]:
    """What the first face shows of lines of the core: no blank ones, and a level on each."""
    texts: list[str] = []
    for block in blocks:
        text = "" if block.part else block.data.decode("utf-8", "replace")
        if block.part or _REPLACED in text or any(word in text for word in _STATED):
            texts += _shown_one_by_one(block.lines())
            continue
        lines = iter(text.split("\n"))
        for size, _, time_ms in block.marks:
            head = f"{time_text(time_ms)} INFO "
            # The range comes first: it ends before a line of the next mark is taken.
            texts += [
                head + line for _, line in zip(range(size), lines, strict=False) if line.strip()
            ]
    return texts


def by_level(texts: Sequence[str], end: str = "") -> list[str]:
    """The array of four: errors, warnings, the rest, and all, each ending with ``end``."""
    whole = "\n".join(texts) + end if texts else ""
    if not any(word in whole for word in _GRAVE):
        return ["", "", whole, whole]
    levels: dict[Level, list[str]] = {level: [] for level in Level}
    for text in texts:
        levels[classify(text) or Level.INFO].append(text)
    columns = (levels[Level.ERROR], levels[Level.WARN], levels[Level.INFO])
    return [*("\n".join(column) + end if column else "" for column in columns), whole]


def line_rows(blocks: Iterable[Block]) -> list[dict[str, object]]:
    """Lines as the second face says them."""
    rows: list[dict[str, object]] = []
    for block in blocks:
        text = "" if block.part else block.data.decode("utf-8", "replace")
        if block.part or _REPLACED in text:
            rows += map(_row, block.lines())
            continue
        lines = iter(text.split("\n"))
        number = block.first
        for size, stream, time_ms in block.marks:
            word = stream.value
            rows += [
                {"n": n, "t": time_ms, "s": word, "text": line}
                for n, line in zip(range(number, number + size), lines, strict=False)
            ]
            number += size
    return rows


def block_rows(blocks: Iterable[Block]) -> list[dict[str, object]]:
    """Blocks as the third face says them: the lines joined, times and streams run-length coded."""
    rows: list[dict[str, object]] = []
    for block in blocks:
        text = block.data.decode("utf-8", "replace")
        row: dict[str, object] = {
            "first": block.first,
            "last": block.last,
            "text": text,
            "marks": [[size, stream.value, time_ms] for size, stream, time_ms in block.marks],
        }
        if block.part:
            row["part"], row["more"] = block.part, block.more
        if _REPLACED in text and text.encode() != block.data:
            row["base64"] = b64encode(block.data).decode()
        rows.append(row)
    return rows


def joined(blocks: Iterable[Block], max_bytes: int) -> Iterator[Block]:
    """The same lines in as few blocks as go, none of more than about ``max_bytes`` by joining."""
    held: list[Block] = []
    size = 0
    for block in blocks:
        fits = held and not block.part and not held[-1].part and block.first == held[-1].last + 1
        if held and not (fits and size + len(block.data) <= max_bytes):
            yield _join(held)
            held, size = [], 0
        held.append(block)
        size += len(block.data)
    if held:
        yield _join(held)


def _join(blocks: list[Block]) -> Block:
    if len(blocks) == 1:
        return blocks[0]
    marks: list[Mark] = []
    for block in blocks:
        for mark in block.marks:
            if marks and marks[-1][1:] == mark[1:]:
                marks[-1] = mark._replace(size=marks[-1].size + mark.size)
            else:
                marks.append(mark)
    data = b"\n".join(block.data for block in blocks)
    return replace(blocks[0], last=blocks[-1].last, data=data, marks=tuple(marks))


def _shown_one_by_one(lines: Iterable[Line]) -> list[str]:
    """A line without a level gets its time and INFO; of a long line the first part is shown."""
    texts: list[str] = []
    for line in lines:
        text = line.text
        if line.part > 1 or not text.strip():
            continue
        if line.more:
            text += _CUT
        texts.append(text if classify(text) else f"{time_text(line.time_ms)} INFO {text}")
    return texts


def _row(line: Line) -> dict[str, object]:
    row: dict[str, object] = {
        "n": line.number,
        "t": line.time_ms,
        "s": line.stream.value,
        "text": line.text,
    }
    if line.part:
        row["part"], row["more"] = line.part, line.more
    if _REPLACED in line.text and line.text.encode() != line.data:
        row["base64"] = b64encode(line.data).decode()
    return row
