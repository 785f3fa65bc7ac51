"""The noun and its verbs: a note is a line of text on a task, seen by whoever sees the task."""

from __future__ import annotations

from dataclasses import dataclass

from protocol.command import Command
from protocol.tasks import TaskRef

__all__ = ["AddNote", "ListNotes", "Note"]


@dataclass(frozen=True, slots=True)
class Note:
    """A note. ``at_ms`` is when it was written (ms, epoch)."""

    at_ms: int
    text: str


@dataclass(frozen=True, slots=True)
class AddNote(Command[Note]):
    """Asks to keep a note on a task."""

    task: TaskRef
    text: str


@dataclass(frozen=True, slots=True)
class ListNotes(Command[tuple[Note, ...]]):
    """Asks for the notes on a task, oldest first."""

    task: TaskRef
