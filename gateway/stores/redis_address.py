"""Where a server is, by its address: what ``redis.url`` may say, and what is told to it first.

redis-py reads the addresses that users write. Its import takes a tenth of what the start of a
process does, so the address of the private server, a socket and no options, is read without it.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

__all__ = ["RedisAddress", "read_address"]

_NEVER = ssl.CERT_NONE


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """Where a server is and what it is told first.

    ``path`` is its socket; if it is empty, ``host`` and ``port`` count. ``secure`` is None for what
    is not encrypted.
    """

    path: str
    host: str
    port: int
    secure: ssl.SSLContext | None
    greeting: tuple[tuple[str | int, ...], ...]


def read_address(url: str) -> RedisAddress:
    """The address that is written ``unix:///path``, ``redis://`` or ``rediss://``.

    Options after a question mark are those of redis-py: ``username``, ``password``, ``db``, and for
    the last form ``ssl_ca_certs``, ``ssl_ca_path``, ``ssl_cert_reqs``, ``ssl_certfile`` and
    ``ssl_keyfile``; others say nothing.

    Raises:
        ValueError: it is none of these, or its port or database is no number.
    """
    if url.startswith("unix:") and "?" not in url:
        parts = urlsplit(url)
        path = unquote(parts.path, errors="surrogateescape")
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        return RedisAddress(path, "", 0, None, _greeting(user, password, 0))
    from redis.asyncio.connection import parse_url  # noqa: PLC0415 - only for what users write

    found: Mapping[str, object] = parse_url(url)
    user, password = str(found.get("username") or ""), str(found.get("password") or "")
    return RedisAddress(
        str(found.get("path") or ""),
        str(found.get("host") or "localhost"),
        int(str(found.get("port") or 6379)),
        _secure(found) if url.startswith("rediss:") else None,
        _greeting(user, password, int(str(found.get("db") or 0))),
    )


def _greeting(user: str, password: str, database: int) -> tuple[tuple[str | int, ...], ...]:
    """Who asks, and which database is meant."""
    greeting: list[tuple[str | int, ...]] = []
    if password:
        greeting.append(("AUTH", user, password) if user else ("AUTH", password))
    if database:
        greeting.append(("SELECT", database))
    return tuple(greeting)


def _secure(found: Mapping[str, object]) -> ssl.SSLContext:
    """The context for TLS, with the names that redis-py has for its parts."""

    def word(name: str) -> str | None:
        value = found.get(f"ssl_{name}")
        return None if value is None else str(value)

    context = ssl.create_default_context(cafile=word("ca_certs"), capath=word("ca_path"))
    if word("cert_reqs") == "none":
        context.check_hostname = False
        context.verify_mode = _NEVER
    if certificate := word("certfile"):
        context.load_cert_chain(certificate, word("keyfile"))
    return context
