"""Who there is: names, roles and the hashes of passwords, in one private file.

The file is the truth and every process reads it again when it changed. A password is never kept,
compared in clear or put into an error.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from gateway.stores.files import exclusive
from gateway.stores.files import replace as replace_file
from protocol.accounts import Role
from protocol.errors import GatewayError, Kind

__all__ = ["Account", "Accounts"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_COST = 1 << 14
_BLOCK = 8
_LANES = 1
_MEMORY = 64 << 20
_SALT_BYTES = 16
_LONGEST = 1024
_AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Account:
    """One user. ``changed_ms`` is when the password was last set: older tickets are worthless."""

    name: str
    role: Role
    changed_ms: int


@dataclass(frozen=True, slots=True)
class _Entry:
    role: Role
    salt: bytes
    hash: bytes
    changed_ms: int
    cost: int = _COST


@dataclass(frozen=True, slots=True)
class _File:
    users: dict[str, _Entry]
    version: int = 1


_Stamp = tuple[int, int, int]


class Accounts:
    """The users of a gateway, in the file ``path``, which need not be there yet."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[_Stamp, Mapping[str, _Entry]] | None = None
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._nobody = _hashed(os.urandom(8).hex(), Role.USER, 0)

    async def add(self, name: str, password: str, role: Role, now_ms: int) -> Account:
        """Makes a new user. CONFLICT if there is one of the name, INVALID for a bad name."""
        if not _NAME.fullmatch(name):
            raise GatewayError(
                Kind.INVALID,
                "a user's name has up to 64 letters, digits, dots, dashes, underscores and at"
                " signs, and begins with a letter or digit",
                field="user",
            )
        entry = await self._hash(password, role, now_ms)

        def change(users: dict[str, _Entry]) -> None:
            if name in users:
                raise GatewayError(Kind.CONFLICT, f"there is a user {name} already", field="user")
            users[name] = entry

        await self._change(change)
        return Account(name, role, now_ms)

    async def remove(self, name: str) -> None:
        """Removes a user. NOT_FOUND if there is none."""

        def change(users: dict[str, _Entry]) -> None:
            if users.pop(name, None) is None:
                raise _unknown(name)

        await self._change(change)

    async def passwd(self, name: str, password: str, now_ms: int) -> None:
        """Sets a new password, which makes older tickets worthless. NOT_FOUND if no such user."""
        entry = await self._hash(password, Role.USER, now_ms)

        def change(users: dict[str, _Entry]) -> None:
            if name not in users:
                raise _unknown(name)
            users[name] = replace(entry, role=users[name].role)

        await self._change(change)

    async def verify(self, name: str, password: str) -> Account | None:
        """The user if the password is theirs, else None. An unknown user takes as long."""
        users = await asyncio.to_thread(self._users)
        entry = users.get(name, self._nobody)
        async with self._slots:
            matches = await asyncio.to_thread(_matches, entry, password[:_LONGEST])
        if not matches or name not in users:
            return None
        return Account(name, entry.role, entry.changed_ms)

    async def list(self) -> tuple[Account, ...]:
        """All users by name."""
        users = await asyncio.to_thread(self._users)
        return tuple(
            Account(name, entry.role, entry.changed_ms) for name, entry in sorted(users.items())
        )

    def find(self, name: str) -> Account | None:
        """The user of that name as of now, None if there is none; cheap while nothing changes."""
        entry = self._users().get(name)
        return None if entry is None else Account(name, entry.role, entry.changed_ms)

    async def _hash(self, password: str, role: Role, now_ms: int) -> _Entry:
        if not password or len(password) > _LONGEST:
            raise GatewayError(
                Kind.INVALID, f"a password has 1 to {_LONGEST} characters", field="password"
            )
        async with self._slots:
            return await asyncio.to_thread(_hashed, password, role, now_ms)

    async def _change(self, change: Callable[[dict[str, _Entry]], None]) -> None:
        await asyncio.to_thread(self._change_now, change)

    def _change_now(self, change: Callable[[dict[str, _Entry]], None]) -> None:
        try:
            with exclusive(self._path.with_name(f"{self._path.name}.lock")):
                users = dict(self._users())
                change(users)
                replace_file(self._path, msgspec.json.format(msgspec.json.encode(_File(users))))
        except OSError as error:
            raise _unreadable() from error

    def _users(self) -> Mapping[str, _Entry]:
        """The users as of now. Raises UNAVAILABLE if the file cannot be read: nobody gets in."""
        try:
            facts = self._path.stat()
            stamp = (facts.st_ino, facts.st_size, facts.st_mtime_ns)
            if self._seen is None or self._seen[0] != stamp:
                found = msgspec.json.decode(self._path.read_bytes(), type=_File)
                self._seen = (stamp, found.users)
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.MsgspecError) as error:
            raise _unreadable() from error
        return self._seen[1]


def _hashed(password: str, role: Role, now_ms: int) -> _Entry:
    salt = os.urandom(_SALT_BYTES)
    return _Entry(role, salt, _scrypt(password, salt, _COST), now_ms)


def _matches(entry: _Entry, password: str) -> bool:
    return hmac.compare_digest(entry.hash, _scrypt(password, entry.salt, entry.cost))


def _scrypt(password: str, salt: bytes, cost: int) -> bytes:
    # A lone surrogate is no character anybody can type: it takes as long and matches nothing else.
    secret = password.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(secret, salt=salt, n=cost, r=_BLOCK, p=_LANES, maxmem=_MEMORY, dklen=32)


def _unknown(name: str) -> GatewayError:
    return GatewayError(Kind.NOT_FOUND, f"there is no user {name}", field="user")


def _unreadable() -> GatewayError:
    return GatewayError(Kind.UNAVAILABLE, "the accounts cannot be read or written", retry_after=1.0)
