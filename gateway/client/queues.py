"""Asks for the queues and how much of each is in use."""

from __future__ import annotations

from gateway.client import reading
from gateway.client.call import ROOT, Call, Reply
from gateway.client.reading import Document
from gateway.client.values import QueueRow

__all__ = ["list_queues"]


def list_queues() -> Call[tuple[QueueRow, ...]]:
    """Asks for all queues, by name."""

    def read(data: Document, _reply: Reply) -> tuple[QueueRow, ...]:
        return tuple(sorted(map(_queue, reading.rows(data, "queues")), key=lambda one: one.name))

    return Call("GET", f"{ROOT}/narthex/queues", read)


def _queue(row: Document) -> QueueRow:
    return QueueRow(
        name=reading.text(row, "name"),
        status=reading.text(row, "status", ""),
        running=reading.number(row, "running", 0),
        waiting=reading.number(row, "waiting", 0),
        used_slots=reading.number(row, "usedSlots", 0),
        share_slots=reading.number(row, "shareSlots", 0),
        ceiling_slots=reading.number(row, "ceilingSlots", 0),
        used_memory_mb=reading.number(row, "usedMemoryMb", 0),
    )
