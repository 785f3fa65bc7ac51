"""How run directories go: out of sight by one rename, and then apart.

A run may leave anything behind, so what cannot be removed is set aside, said in the journal, and
shown by ``narthex doctor``; it holds up nobody. Blocks on the disk: for worker threads.
"""

from __future__ import annotations

import os
from pathlib import Path

from engines.rundir.creation import GONE
from engines.trees import open_folder, remove_tree
from gateway.journal import journal

__all__ = ["ASIDE", "Trash", "set_aside"]

ASIDE = "unremovable"
"""The folder of a spool in which lies what could not be removed."""
_SECONDS = 5.0
"""What takes longer is gone on with by the next tidying."""
_OWN = 0o700
_journal = journal(__name__)


def set_aside(spool: Path) -> list[str]:
    """What could not be removed from a spool, by name."""
    try:
        return sorted(path.name for path in (spool / ASIDE).iterdir())
    except OSError:
        return []


class Trash:
    """The directories of one spool that are to be removed; ``spool`` is its folder."""

    def __init__(self, spool: Path) -> None:
        self._new = spool / "new"
        self._aside = spool / ASIDE
        self._reported: set[str] = set()
        self._begun = False

    def remove(self, path: Path) -> None:
        """Takes a directory away at once and then apart; ``tidy`` ends what is left unfinished.

        Never fails for what is in the directory. What is not there needs no removing.
        """
        gone = self._new / f"{path.name}.{os.urandom(6).hex()}{GONE}"
        try:
            _move(path, gone)
        except FileNotFoundError:
            return
        except OSError as error:
            self._tell(path, error)
            return
        self._empty(gone)

    def tidy(self) -> None:
        """Goes on with what is left; what was set aside is tried again once in a process."""
        left = list(self._new.glob(f"*{GONE}"))
        if not self._begun:
            self._begun = True
            left += self._made().iterdir()
        for path in left:
            self._empty(path)

    def _made(self) -> Path:
        self._aside.mkdir(mode=_OWN, exist_ok=True)
        return self._aside

    def _empty(self, path: Path) -> None:
        try:
            remove_tree(str(path), _SECONDS)
        except OSError as error:
            self._tell(path, error)
            if path.parent != self._aside:
                try:
                    _move(path, self._made() / path.name)
                except OSError as refusal:
                    self._tell(path, refusal)

    def _tell(self, path: Path, error: OSError) -> None:
        """Says once of each directory that it stays, and why."""
        if path.name not in self._reported:
            self._reported.add(path.name)
            _journal.error(
                "a directory cannot be removed and is set aside",
                path=str(path),
                error=error.strerror or str(error),
            )


def _move(path: Path, to: Path) -> None:
    try:
        path.rename(to)
    except PermissionError:
        # To move a directory is to write into it: a run may have taken that away from us.
        os.close(open_folder(str(path)))
        path.rename(to)
