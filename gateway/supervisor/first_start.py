"""What a data folder needs before anything can be served: a signing key and an administrator.

There is no default secret. The administrator's first password is random and stands in a file that
only its owner can read; it may be deleted once it is known.
"""

from __future__ import annotations

import secrets

from gateway import clock
from gateway.auth.tokens import load_key, make_key
from gateway.data_paths import DataPaths
from gateway.stores.atomic_file import replace
from gateway.stores.directory import Directory
from protocol.directory import ADMIN_GROUP

__all__ = ["ADMIN", "prepare"]

ADMIN = "admin"
_PASSWORD_BYTES = 18


async def prepare(paths: DataPaths) -> None:
    """Makes the folders, the key and, if there is no user at all, the administrator."""
    paths.prepare()
    make_key(paths.token_key)
    load_key(paths.token_key)
    directory = Directory.of(paths)
    if await directory.accounts():
        return
    password = secrets.token_urlsafe(_PASSWORD_BYTES)
    # The file first: an administrator whose password nobody knows would be one for ever.
    replace(paths.admin_password, f"{password}\n".encode())
    await directory.add(ADMIN, password, clock.now_ms(), groups=(ADMIN_GROUP,))
