"""What a statement displays, as result sets: a display that is updated stays one of them.

The content of an updated display is written again in its place, at most a few times a second and at
the end of the statement, so that it can be looked at while it changes. It must never let an update
be more of what is kept than the task may keep.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from engines.inside import narthex

__all__ = ["Displays"]

_COLUMNS = (("media", "string"), ("encoding", "string"), ("content", "string"))
_EVERY_SECONDS = 0.5
_FILES = (narthex.ROWS, narthex.INDEX, narthex.ABOUT, narthex.END)

Forms = list[tuple[str, str, str]]
"""Media type, encoding and content of each form of one thing."""


class Displays:
    """The displays of one statement.

    Args:
        folder: the directory of its result sets; empty if none are kept.
        most_bytes: of all of them, 0 for any number.
    """

    def __init__(self, folder: str, most_bytes: int = 0) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._numbers: dict[str, int] = {}
        self._waiting: dict[str, Forms] = {}
        self._written = 0.0
        self.lost = 0
        """How many could not be kept."""

    def show(self, bundle: Mapping[str, object], name: str = "") -> None:
        """Keeps a thing in its forms; under the name of one before, in place of that."""
        if not self._folder:
            return
        forms = _forms(bundle)
        if name not in self._numbers:
            number = self._add(forms)
            if name and number >= 0:
                self._numbers[name] = number
            return
        self._waiting[name] = forms
        if time.monotonic() - self._written >= _EVERY_SECONDS:
            self.flush()

    def written(self, number: object, name: str) -> None:
        """Takes note of a table that the code's own process has written under a number.

        Under the name of a display before, it goes in place of that.
        """
        if not self._folder or not name or not isinstance(number, int) or number < 0:
            return
        known = self._numbers.setdefault(name, number)
        if known == number:
            return
        self._waiting.pop(name, None)
        root = Path(self._folder)
        try:
            _move(root / str(number), root / str(known))
            (root / str(number)).rmdir()
        except OSError:
            self.lost += 1

    def flush(self) -> None:
        """Writes the last content of what was updated."""
        for name, forms in self._waiting.items():
            try:
                self._replace(self._numbers[name], forms)
            except OSError:
                self.lost += 1
        self._waiting.clear()
        self._written = time.monotonic()

    def _add(self, forms: Forms) -> int:
        """The number of a new result set, -1 if it could not be kept."""
        try:
            with narthex.Table(_COLUMNS, 0, self._folder, "rich", self._most_bytes) as writer:
                number = writer.number
                writer.extend(forms)
        except OSError:
            self.lost += 1
            return -1
        return number

    def _replace(self, number: int, forms: Forms) -> None:
        """Writes a result set beside the old one and puts its files in their place."""
        root = Path(self._folder)
        old, beside = root / str(number), root / f"{number}.new"
        room = self._most_bytes and max(1, self._most_bytes - _size(root) + _size(old.parent, old))
        try:
            with narthex.Table(_COLUMNS, 0, beside, "rich", room) as writer:
                writer.extend(forms)
                writer.flush()
                if writer.truncated:
                    raise OSError("no room is left for the results of the task")
            _move(beside / "0", old)
        finally:
            shutil.rmtree(beside, ignore_errors=True)


def _move(source: Path, target: Path) -> None:
    """Puts the files of one result set in place of another's."""
    for name in _FILES:
        (source / name).replace(target / name)


def _size(root: Path, only: Path | None = None) -> int:
    """Bytes of the rows of all result sets, or of one."""
    folders = root.glob("*") if only is None else (only,)
    return sum(
        (folder / narthex.ROWS).stat().st_size
        for folder in folders
        if (folder / narthex.ROWS).is_file()
    )


def _forms(bundle: Mapping[str, object]) -> Forms:
    """The contents of a bundle by media type; what is binary comes as base64 from the kernel."""
    forms = []
    for media, content in bundle.items():
        if isinstance(content, str):
            binary = media.startswith("image/") and media != "image/svg+xml"
            forms.append((media, "base64" if binary else "", content))
        else:
            forms.append((media, "", json.dumps(content)))
    return forms
