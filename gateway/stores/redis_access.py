"""Who may use the private index: two users of the server, their passwords in private files.

A password stands in its file alone: no command line and no environment holds it, and the server's
configuration has its digest only. The gateway and the runner are one user, who may do what they
need and nothing that leads out of the data: no configuration, modules, replication or shutdown.
The other one is for a person who looks after the server. It is the default user, which must be one
that may do everything: Redis 7.0 replays transactions as that one, and drops what it may not do.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from gateway.stores.atomic_file import replace

__all__ = ["GATEWAY", "OPERATOR", "Passwords", "private_url"]

GATEWAY = "narthex"
OPERATOR = "default"
_MAY: Mapping[str, str] = {
    GATEWAY: "~* &* +@all -@admin -@dangerous +info +keys +flushall +config|get",
    OPERATOR: "~* &* +@all",
}
_FILES = {GATEWAY: "gateway.password", OPERATOR: "operator.password"}
_PASSWORD_BYTES = 24
_LONGEST = 1024


class Passwords:
    """The passwords of one server folder; made once and the same for as long as this lives."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, str] = {}

    def prepare(self) -> None:
        """Reads the files, and writes those that are missing."""
        for user, name in _FILES.items():
            path = self._folder / name
            found = _read(path)
            # A file that was lost while clients know what it held gets that back.
            password = self._known.get(user) or found or secrets.token_urlsafe(_PASSWORD_BYTES)
            if password != found:
                replace(path, f"{password}\n".encode("ascii"))
            self._known[user] = password

    def __getitem__(self, user: str) -> str:
        """The password of a user, after ``prepare``."""
        return self._known[user]

    def rules(self) -> str:
        """The lines about users in a server's configuration; without a single password."""
        lines = []
        for user, may in _MAY.items():
            digest = hashlib.sha256(self._known[user].encode("ascii")).hexdigest()
            lines.append(f"user {user} reset on #{digest} {may}")
        return "\n".join(lines) + "\n"


def private_url(folder: Path, socket: Path, user: str = GATEWAY) -> str:
    """Where a private server is reached and by whom: a secret, for this process alone."""
    return f"unix://{user}:{_read(folder / _FILES[user])}@{quote(os.fsencode(socket))}"


def _read(path: Path) -> str:
    """The password in a file; empty if there is none that could be one."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            return file.read(_LONGEST).decode("ascii").strip()
    return ""
