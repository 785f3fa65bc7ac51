"""Result sets: list, read, export."""

from __future__ import annotations

from dataclasses import dataclass

from protocol.command import Command
from protocol.commands.logs import LogRead
from protocol.results import Exported, ExportFormat, ResultList, ResultPage
from protocol.tasks import TaskRef

__all__ = ["ExportResults", "ListResults", "ReadResult", "ReadWholeLog"]


@dataclass(frozen=True, slots=True)
class ListResults(Command[ResultList]):
    """Asks which result sets a task has."""

    task: TaskRef


@dataclass(frozen=True, slots=True)
class ReadResult(Command[ResultPage]):
    """Asks for rows from ``first`` on, as many as ``max_rows``; 0 for the configured number.

    ``whole`` insists on all of them: if they are more bytes than a page may have it is refused as
    TOO_LARGE; otherwise fewer come, and the reader goes on after the last of them.
    """

    task: TaskRef
    number: int
    first: int = 0
    max_rows: int = 0
    whole: bool = False


@dataclass(frozen=True, slots=True)
class ExportResults(Command[Exported]):
    """Asks for a result set as a file; ``number`` None is all of them, a sheet for each.

    CSV takes one only. ``null`` stands for NULL. ``charset`` and ``separator`` are for CSV,
    ``sheet`` names the sheet. ``max_rows`` of each are taken at most, 0 for all.
    """

    task: TaskRef
    number: int | None
    format: ExportFormat
    null: str = "NULL"
    charset: str = "utf-8"
    separator: str = ","
    sheet: str = "result"
    max_rows: int = 0


@dataclass(frozen=True, slots=True)
class ReadWholeLog(Command[LogRead]):
    """Asks for all lines that there are, up to the configured size."""

    task: TaskRef
