"""Lines on their way from the machinery to the language: the same blocks in the other's type."""

from __future__ import annotations

from engines.rundir.lines import Block as RecordedBlock
from engines.rundir.records import ERR
from protocol.logs import Block, Mark, Stream

__all__ = ["from_engine"]


def from_engine(block: RecordedBlock) -> Block:
    """The block as the language has it."""
    marks = tuple(
        Mark(size, Stream.ERR if stream == ERR else Stream.OUT, time_ms)
        for size, stream, time_ms in block.marks
    )
    return Block(block.first, block.last, block.data, marks, block.part, block.more)
