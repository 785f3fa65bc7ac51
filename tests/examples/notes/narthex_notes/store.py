"""Where notes are kept: a file for each task, a line for each note."""

from __future__ import annotations

import json
from pathlib import Path

from narthex_notes.note import Note

__all__ = ["Notes"]


class Notes:
    """The notes below a folder. Its methods take their time: call them in a thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, task_id: str, note: Note, most: int) -> bool:
        """Keeps a note; False if the task has ``most`` already."""
        if len(self.list(task_id)) >= most:
            return False
        with (self._folder / task_id).open("a", encoding="utf-8") as file:
            file.write(json.dumps([note.at_ms, note.text]) + "\n")
        return True

    def list(self, task_id: str) -> tuple[Note, ...]:
        """All notes on a task."""
        try:
            lines = (self._folder / task_id).read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return ()
        return tuple(Note(*json.loads(line)) for line in lines)
