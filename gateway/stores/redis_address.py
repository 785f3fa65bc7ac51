"""Where a server is, by its address: what ``redis.url`` may say, and what is told to it first.

The addresses are those that redis-py reads, with the same names for their options. They are read
here, because to import it takes a tenth of what the start of a process does.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

__all__ = ["RedisAddress", "read_address"]

_PORT = 6379
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

    Options after a question mark: ``username``, ``password``, ``db``, for the first form, and for
    the last one ``ssl_ca_certs``, ``ssl_ca_path``, ``ssl_cert_reqs``, ``ssl_certfile`` and
    ``ssl_keyfile``; others say nothing.

    Raises:
        ValueError: it is none of these, or its port or database is no number.
    """
    parts = urlsplit(url)
    options = {name: values[0] for name, values in parse_qs(parts.query).items()}
    if parts.scheme == "unix":
        path, host, port = unquote(parts.path, errors="surrogateescape"), "", 0
    elif parts.scheme in {"redis", "rediss"}:
        path, host, port = "", unquote(parts.hostname or "localhost"), parts.port or _PORT
    else:
        raise ValueError("an address of Redis begins with redis://, rediss:// or unix://")
    secure = _secure(options) if parts.scheme == "rediss" else None
    return RedisAddress(path, host, port, secure, _greeting(parts, options))


def _greeting(parts: SplitResult, options: Mapping[str, str]) -> tuple[tuple[str | int, ...], ...]:
    """Who asks, and which database is meant."""
    user = unquote(parts.username or "") or options.get("username", "")
    password = unquote(parts.password or "") or options.get("password", "")
    greeting: list[tuple[str | int, ...]] = []
    if password:
        greeting.append(("AUTH", user, password) if user else ("AUTH", password))
    if database := _database(parts, options):
        greeting.append(("SELECT", database))
    return tuple(greeting)


def _database(parts: SplitResult, options: Mapping[str, str]) -> int:
    """The number after ``db=``, else the one that is the path of a host."""
    if "db" in options:
        return int(options["db"])
    number = unquote(parts.path).replace("/", "")
    return int(number) if parts.scheme != "unix" and number.isdecimal() else 0


def _secure(options: Mapping[str, str]) -> ssl.SSLContext:
    """The context for TLS."""
    context = ssl.create_default_context(
        cafile=options.get("ssl_ca_certs"), capath=options.get("ssl_ca_path")
    )
    if options.get("ssl_cert_reqs") == "none":
        context.check_hostname = False
        context.verify_mode = _NEVER
    if certificate := options.get("ssl_certfile"):
        context.load_cert_chain(certificate, options.get("ssl_keyfile"))
    return context
