"""Stored files: uploads and the output of ended tasks."""

from __future__ import annotations

from collections.abc import AsyncIterable
from dataclasses import dataclass

from protocol.command import Command

__all__ = ["DataObject", "DeleteData", "DescribeData", "OpenData", "OpenedData", "StoreData"]


@dataclass(frozen=True, slots=True)
class DataObject:
    """A stored file. ``sha256`` is lower-case hex, empty while not computed.

    ``answer`` is true for the output of a task, false for an upload. ``truncated`` says that the
    output was longer than what is kept.
    """

    id: str
    name: str
    size: int
    sha256: str
    created_ms: int
    answer: bool = False
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class OpenedData:
    """A stored file, or a stretch of it, being read: ``chunks`` are ``length`` bytes in all."""

    object: DataObject
    offset: int
    length: int
    chunks: AsyncIterable[bytes]


@dataclass(frozen=True, slots=True)
class StoreData(Command[tuple[DataObject, ...]]):
    """Asks to keep what a request's body holds: one file, or one for each part of a form.

    ``boundary`` is the form's, empty for a plain body, whose file is then called ``name``.
    """

    chunks: AsyncIterable[bytes]
    name: str = ""
    boundary: str = ""


@dataclass(frozen=True, slots=True)
class DescribeData(Command[DataObject]):
    """Asks about a stored file."""

    object_id: str


@dataclass(frozen=True, slots=True)
class OpenData(Command[OpenedData]):
    """Asks for the bytes of a stored file from ``first`` to ``last``, both included.

    A negative ``first`` counts from the end (``last`` is then ignored); a negative ``last`` is the
    end. ``errors`` asks for a task's stderr instead of its stdout.
    """

    object_id: str
    first: int = 0
    last: int = -1
    errors: bool = False


@dataclass(frozen=True, slots=True)
class DeleteData(Command[DataObject]):
    """Asks for a stored file to be removed; a conflict while an active task needs it."""

    object_id: str
