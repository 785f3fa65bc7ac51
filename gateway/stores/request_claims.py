"""Which request ids of which users were accepted: a hard link to the spec for each.

The name of a link is a hash of user and request id, so that any text may be one. Whoever makes the
link has the request id (``engines/rundir/creation.py``). Everything here blocks.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from gateway.stores.spec import TaskSpec, decode_spec

__all__ = ["RequestClaims", "claim_name"]

_DIGITS = 64


def claim_name(owner: str, request_id: str) -> str:
    """What stands for a request id of a user, whatever text it is."""
    text = f"{owner}\0{request_id}".encode("utf-8", "surrogatepass")
    return sha256(text).hexdigest()


class RequestClaims:
    """The claims in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, owner: str, request_id: str) -> Path:
        """The file of a claim, whether it is there or not."""
        return self.folder / claim_name(owner, request_id)

    def names(self) -> list[str]:
        """The names of all claims."""
        with contextlib.suppress(FileNotFoundError), os.scandir(self.folder) as entries:
            return [entry.name for entry in entries if len(entry.name) == _DIGITS]
        return []

    @staticmethod
    def read(path: Path) -> TaskSpec | None:
        """The task that was accepted under a claim; None if it is free. INTERNAL if damaged."""
        try:
            return decode_spec(path.read_bytes())
        except FileNotFoundError:
            return None

    def free(self, owner: str, request_id: str) -> None:
        """Lets the request id be used again."""
        self.path(owner, request_id).unlink(missing_ok=True)

    def sweep(self, now_ms: int, keep_ms: int, limit: int) -> int:
        """Frees those of tasks that expired more than ``keep_ms`` ago; how many, at most ``limit``.

        Only those whose run directory is gone.
        """
        freed = 0
        for path in self._without_run():
            if freed == limit:
                break
            spec = self.read(path)
            if spec is not None and spec.expires_ms + keep_ms < now_ms:
                path.unlink(missing_ok=True)
                freed += 1
        return freed

    def _without_run(self) -> Iterator[Path]:
        with os.scandir(self.folder) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    # Not the entry's own stat: its count of links may be an old one.
                    path = Path(entry.path)
                    if path.stat().st_nlink == 1:
                        yield path
