"""Which tokens a user has: what is needed to list them, and no secret.

A file for each user, replaced as a whole, with what a token says and never the token: whoever has
the signing key can sign it again. Beside it an empty file for each token of an application that was
used, whose time is that of the last use. It decides nothing: a token is good unless it was revoked
(``stores/revocations.py``), whether it is listed or not. Of tokens from logins only the newest are
listed; those of applications all are, or they are not made.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import Callable, Collection
from pathlib import Path

import msgspec

from gateway.stores.atomic_file import exclusive, private_folder, replace
from protocol.accounts import TokenFacts, TokenKind
from protocol.errors import GatewayError, Kind

__all__ = ["MOST_APPLICATIONS", "MOST_LISTED", "TokenRecords"]

MOST_LISTED = 500
"""How many tokens of a user are listed, besides those of applications."""
MOST_APPLICATIONS = 100
"""How many tokens of applications a user may have."""


_USE_MS = 60_000
"""How exactly the last use of a token is kept."""
_MOST_REMEMBERED = 4096


class _File(msgspec.Struct, frozen=True):
    tokens: tuple[TokenFacts, ...] = ()
    version: int = 1


_Change = Callable[[tuple[TokenFacts, ...]], tuple[TokenFacts, ...]]


class TokenRecords:
    """The files in ``folder``, which need not be there yet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._used: dict[str, int] = {}

    async def note(self, user: str, facts: TokenFacts, now_ms: int) -> None:
        """Lists a token, in place of an earlier one of its id.

        Raises:
            GatewayError: UNAVAILABLE if it cannot be kept, EXHAUSTED for one too many of
                applications.
        """

        def change(known: tuple[TokenFacts, ...]) -> tuple[TokenFacts, ...]:
            others = [one for one in known if one.id != facts.id]
            kept = [one for one in others if one.kind is TokenKind.APPLICATION]
            rest = [one for one in others if one.kind is not TokenKind.APPLICATION]
            if facts.kind is not TokenKind.APPLICATION:
                return (*kept, *rest[-MOST_LISTED + 1 :], facts)
            if len(kept) >= MOST_APPLICATIONS:
                raise GatewayError(
                    Kind.EXHAUSTED, f"a user has at most {MOST_APPLICATIONS} application tokens"
                )
            return (*kept, facts, *rest)

        await asyncio.to_thread(self._change, user, change, now_ms)

    async def list(self, user: str, now_ms: int) -> tuple[TokenFacts, ...]:
        """The tokens of a user that have not ended, the newest first."""
        found = await asyncio.to_thread(self._alive, user, now_ms)
        return tuple(sorted(found, key=lambda one: one.issued, reverse=True))

    async def forget(self, user: str, ids: Collection[str], now_ms: int) -> None:
        """Lists these no longer."""
        await asyncio.to_thread(
            self._change, user, lambda known: tuple(t for t in known if t.id not in ids), now_ms
        )

    async def drop(self, user: str) -> None:
        """Forgets a user."""
        await asyncio.to_thread(self._drop, user)

    def used(self, user: str, token_id: str, now_ms: int) -> None:
        """Keeps that a token was just believed, to the minute. Cheap: for each request.

        It is a courtesy: what cannot be kept is no reason to refuse anybody.
        """
        if abs(now_ms - self._used.get(token_id, 0)) < _USE_MS:
            return
        if len(self._used) >= _MOST_REMEMBERED:
            self._used.clear()
        self._used[token_id] = now_ms
        path = self._uses(user) / token_id
        with contextlib.suppress(OSError):
            private_folder(path.parent)
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
            os.utime(path, ns=(now_ms * 1_000_000, now_ms * 1_000_000))

    def last_use(self, user: str, token_id: str) -> int:
        """When a token was last believed (ms, epoch), by whichever process; 0 for never."""
        try:
            return (self._uses(user) / token_id).stat().st_mtime_ns // 1_000_000
        except OSError:
            return 0

    def _drop(self, user: str) -> None:
        shutil.rmtree(self._uses(user), ignore_errors=True)
        with contextlib.suppress(OSError):
            self._file(user).unlink(missing_ok=True)

    def _change(self, user: str, change: _Change, now_ms: int) -> None:
        try:
            private_folder(self._folder)
            with exclusive(self._folder / "lock"):
                known = self._alive(user, now_ms)
                wanted = change(known)
                if wanted != known:
                    data = msgspec.json.encode(_File(wanted))
                    replace(self._file(user), data)
                    self._sweep(user, {one.id for one in wanted})
        except OSError as error:
            raise _unavailable() from error

    def _sweep(self, user: str, known: Collection[str]) -> None:
        """Forgets the uses of tokens that are in no list any more."""
        with contextlib.suppress(OSError):
            for path in self._uses(user).iterdir():
                if path.name not in known:
                    path.unlink(missing_ok=True)

    def _alive(self, user: str, now_ms: int) -> tuple[TokenFacts, ...]:
        try:
            found = msgspec.json.decode(self._file(user).read_bytes(), type=_File)
        except FileNotFoundError:
            return ()
        except (OSError, msgspec.MsgspecError) as error:
            raise _unavailable() from error
        return tuple(one for one in found.tokens if one.expires * 1000 > now_ms)

    def _file(self, user: str) -> Path:
        # A user's name is safe as the name of a file; see protocol/directory.py.
        return self._folder / f"{user}.json"

    def _uses(self, user: str) -> Path:
        return self._folder / f"{user}.used"


def _unavailable() -> GatewayError:
    return GatewayError(Kind.UNAVAILABLE, "the tokens cannot be read or written", retry_after=1.0)
