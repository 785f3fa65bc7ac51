"""Blocks of lines as the wire has them, without touching line by line what need not be.

A million lines pass here for every reader, so a block is decoded once and split once, and only what
states a level or is no UTF-8 is looked at line by line. Two shapes: ``shown`` for the four texts by
level (``passages`` where lines need not be told apart) and ``block_rows`` for ``format=block``; the
one for ``format=lines`` and ``raw`` is in ``line_rows``.

Of a line that was overwritten after a carriage return, as a bar that shows progress is, people are
shown what came last. Its bytes stay what they are and are always to be had.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum

from protocol.dialects.linkis.fields import invalid
from protocol.dialects.linkis.words import time_text
from protocol.logs import Block, Level, Line, Mark, classify

__all__ = [
    "REPLACED",
    "Form",
    "block_rows",
    "by_level",
    "form_of",
    "joined",
    "passages",
    "shown",
]

_CUT = " ... (this line is longer than can be shown here)"
_GRAVE = ("ERROR ", "WARN ")
_STATED = (*_GRAVE, "INFO ")
REPLACED = "\ufffd"
"""What stands in texts for bytes that are not UTF-8."""


class Form(StrEnum):
    """How numbered lines are said: what counts for people, all text, the bytes, or joined."""

    SCREEN = "screen"
    TEXT = "text"
    RAW = "raw"
    BLOCK = "block"


def form_of(query: Mapping[str, str], prefix: str = "") -> Form:
    """The form that a query asks for; ``prefix`` is for the names in refusals."""
    match query.get("format") or "lines", query.get("text") or "screen":
        case "lines", "screen":
            return Form.SCREEN
        case "lines", "raw":
            return Form.TEXT
        case "lines", _:
            raise invalid(f"{prefix}text", "must be 'screen' or 'raw'")
        case "block", _:
            return Form.BLOCK
        case "raw", _:
            return Form.RAW
        case _:
            raise invalid(f"{prefix}format", "must be 'lines', 'block' or 'raw'")


def shown(blocks: Iterable[Block], *, blanks: bool = False) -> list[str]:
    """What the first face shows of lines of the core: no blank ones, and a level on each.

    With ``blanks`` they are there as empty texts, so that each line has the place of its number.
    """
    texts: list[str] = []
    for block in blocks:
        text = _without_levels(block)
        if text is None:
            texts += _shown_one_by_one(block.lines(), blanks=blanks)
            continue
        lines = iter(text.split("\n"))
        for size, _, time_ms in block.marks:
            head = f"{time_text(time_ms)} INFO "
            # The range comes first: it ends before a line of the next mark is taken.
            texts += [
                head + line if line.strip() else ""
                for _, line in zip(range(size), lines, strict=False)
                if blanks or line.strip()
            ]
    return texts


def passages(blocks: Iterable[Block], max_size: int) -> tuple[list[str], bool]:
    """What ``shown`` shows, with lines of one time together in texts of about ``max_size``.

    Also whether no line of them states a level.
    """
    texts: list[str] = []
    plain = True
    for block in blocks:
        text = _without_levels(block)
        if text is None:
            texts += _shown_one_by_one(block.lines(), blanks=False)
            plain = False
            continue
        lines = text.split("\n")
        start = 0
        for size, _, time_ms in block.marks:
            head = f"{time_text(time_ms)} INFO "
            step = max(1, max_size // (len(head) + len(text) // len(lines) + 1))
            for first in range(start, start + size, step):
                found = lines[first : min(first + step, start + size)]
                kept = [line for line in found if line.strip()]
                if kept:
                    texts.append(head + f"\n{head}".join(kept))
            start += size
    return texts, plain


def by_level(texts: Sequence[str], end: str = "", *, plain: bool = False) -> list[str]:
    """The array of four: errors, warnings, the rest, and all, each ending with ``end``.

    ``plain`` says that nothing in them is an error or a warning.
    """
    whole = "\n".join(texts) + end if texts else ""
    if plain or not any(word in whole for word in _GRAVE):
        return ["", "", whole, whole]
    levels: dict[Level, list[str]] = {level: [] for level in Level}
    for text in texts:
        levels[classify(text) or Level.INFO].append(text)
    columns = (levels[Level.ERROR], levels[Level.WARN], levels[Level.INFO])
    return [*("\n".join(column) + end if column else "" for column in columns), whole]


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
        if REPLACED in text and text.encode() != block.data:
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


def _without_levels(block: Block) -> str | None:
    """The text of a block if it is the same for people and states no level anywhere."""
    if block.part:
        return None
    text = block.data.decode("utf-8", "replace")
    # A level comes after a time of day, and one character is found ten times as fast as a word.
    stated = ":" in text and any(word in text for word in _STATED)
    odd = stated or REPLACED in text or "\r" in text
    return None if odd else text


def _shown_one_by_one(lines: Iterable[Line], *, blanks: bool) -> list[str]:
    """A line without a level gets its time and INFO; of a long line the first part is shown."""
    texts: list[str] = []
    for line in lines:
        text = line.screen
        # Of a long bar that shows progress the last part counts.
        late = line.part > 1 and (line.more or not line.overwritten)
        if late or not text.strip():
            if blanks and not line.part:
                texts.append("")
            continue
        if line.more:
            text += _CUT
        texts.append(text if classify(text) else f"{time_text(line.time_ms)} INFO {text}")
    return texts
