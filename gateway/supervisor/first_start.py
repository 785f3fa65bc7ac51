"""What a data folder needs before anything can be served: a signing key and an administrator.

There is no default secret. The administrator's first password is random and stands in a file that
only its owner can read; it may be deleted once it is known.
"""

from __future__ import annotations

import secrets

from gateway import clock
from gateway.auth.tokens import load_key, make_key
from gateway.places import Places
from gateway.stores.accounts import Accounts
from gateway.stores.files import replace
from protocol.accounts import Role

__all__ = ["ADMIN", "prepare"]

ADMIN = "admin"
_PASSWORD_BYTES = 18


async def prepare(places: Places) -> None:
    """Makes the folders, the key and, if there is no user at all, the administrator."""
    places.prepare()
    make_key(places.token_key)
    load_key(places.token_key)
    accounts = Accounts(places.accounts)
    if await accounts.list():
        return
    password = secrets.token_urlsafe(_PASSWORD_BYTES)
    # The file first: an administrator whose password nobody knows would be one for ever.
    replace(places.admin_password, f"{password}\n".encode())
    await accounts.add(ADMIN, password, Role.ADMIN, clock.now_ms())
