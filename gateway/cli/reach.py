"""Which gateway a command means and how it proves who asks.

What is named counts first: an address, a context, a data folder. Else it is the current context,
and else the gateway of the user's own data folder, with a short token made from the folder's key.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import click

from gateway.auth.short_tokens import short_token
from gateway.auth.signing_key import SigningKeyError, load_key
from gateway.cli import contexts
from gateway.cli.contexts import Context
from gateway.cli.options import Reach
from gateway.clock import now_ms
from gateway.data_paths import DataPaths
from gateway.stores.administrator import first_administrator

if TYPE_CHECKING:
    import ssl

    from gateway.client import Client

__all__ = ["Target", "calling", "is_served", "served_target", "target_of"]

_TOKEN_SECONDS = 600
_CONNECT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Target:
    """A gateway and a token for it, or what makes a fresh one for each request.

    ``origin`` says where it was found if nobody named it, empty if somebody did. ``certificate`` is
    the file with the certificate of the gateway of a data folder, which no other one may have.
    """

    server: str
    token: str | Callable[[], str]
    ca_file: str = ""
    origin: str = ""
    certificate: str = ""

    @property
    def trust(self) -> ssl.SSLContext | None:
        """What decides whether it is the gateway; None for what this machine trusts.

        Raises ClickException if the certificate cannot be read.
        """
        if not self.certificate:
            return None
        from gateway.pinning import pinned  # noqa: PLC0415 - seldom needed, and slow to load

        try:
            return pinned(self.certificate)
        except OSError as error:
            raise click.ClickException(f"cannot read {self.certificate}: {error}") from error


def target_of(reach: Reach) -> Target:
    """What a command line means; raises ClickException if nothing can be reached that way.

    Whose certificates are trusted is said to all libraries in the way that they share.
    """
    found = _target_of(reach)
    if found.ca_file:
        os.environ["SSL_CERT_FILE"] = found.ca_file
    return found


def _target_of(reach: Reach) -> Target:
    if not reach.server:
        name, context = _context(reach)
        if context:
            return Target(
                context.server,
                reach.token or context.token,
                reach.ca_file or context.ca_file,
                "" if reach.context else f"context {name}",
            )
    paths = DataPaths.of(reach.data_dir)
    server, token = reach.server, reach.token
    if server and not token:
        token = _token_of_context(server)
    if server and not token and not _is_own(server, paths):
        raise click.UsageError(
            f"--token or NARTHEX_TOKEN is needed for {server}, or 'narthex login {server}'"
        )
    own = _own(paths) if not server or _is_own(server, paths) else _Own(server)
    return Target(
        own.server,
        token or _minter(paths),
        reach.ca_file,
        "" if server or reach.data_dir else f"data folder {paths.data}",
        "" if reach.ca_file else own.certificate,
    )


def served_target(reach: Reach) -> Target | None:
    """What is meant, or None if nothing was named and nothing serves this user's data folder."""
    if not (reach.server or reach.data_dir or _context(reach)[1]):
        paths = DataPaths.of(None)
        try:
            url = urlsplit(_own(paths).server)
            address = (url.hostname or "", url.port or 0)
            socket.create_connection(address, _CONNECT_SECONDS).close()
        except (click.ClickException, OSError, ValueError):
            return None
    return target_of(reach)


@contextmanager
def calling(reach: Reach, patience: float = 20.0) -> Iterator[Client]:
    """A client for the gateway that is meant; its errors become one line."""
    target = target_of(reach)
    # The HTTP library takes it along if it is installed, at a cost of as much again.
    sys.modules.setdefault("trio", None)  # type: ignore[arg-type] # Python's way to say: not there
    from gateway.cli.trouble import explained  # noqa: PLC0415 - after what fails without it
    from gateway.client.errors import ClientError  # noqa: PLC0415
    from gateway.client.sync import Client  # noqa: PLC0415

    try:
        with Client(
            target.server, target.token, patience_seconds=patience, ca_file=target.trust
        ) as client:
            yield client
    except ClientError as error:
        raise explained(error) from error


def _context(reach: Reach) -> tuple[str, Context | None]:
    """The context that is named, or the current one if nothing is named at all."""
    if reach.context:
        return reach.context, contexts.load().named(reach.context)
    if reach.data_dir:
        return "", None
    known = contexts.load()
    return known.current, known.named(known.current) if known.current else None


def _token_of_context(server: str) -> str:
    """The token of who logged in to that address."""
    wanted = server.rstrip("/")
    return next(
        (one.token for one in contexts.load().known.values() if one.server.rstrip("/") == wanted),
        "",
    )


def is_served(reach: Reach) -> bool:
    """Whether there is a gateway to ask: one that is named, or one over the data folder."""
    if reach.server or _context(reach)[1]:
        return True
    return DataPaths.of(reach.data_dir).endpoint.exists()


def _minter(paths: DataPaths) -> Callable[[], str]:
    """Makes short tokens from the data folder's key, so that following may go on for days."""
    try:
        key = load_key(paths.token_key)
    except SigningKeyError as error:
        raise click.ClickException(str(error)) from error
    name = _administrator(paths)
    return lambda: short_token(key, name, now_ms(), _TOKEN_SECONDS)


def _administrator(paths: DataPaths) -> str:
    """Who can read the data folder may do anything there, so an administrator speaks."""
    if name := first_administrator(paths.directory):
        return name
    import asyncio  # noqa: PLC0415 - hardly ever needed

    from gateway.stores.directory import Directory  # noqa: PLC0415
    from protocol.accounts import Role  # noqa: PLC0415
    from protocol.errors import GatewayError  # noqa: PLC0415

    try:
        accounts = asyncio.run(Directory.of(paths).accounts())
    except GatewayError as error:
        raise click.ClickException(error.message) from error
    for account in accounts:
        if account.role is Role.ADMIN:
            return account.name
    raise click.ClickException(f"{paths.data} has no administrator; see 'narthex user add'")


class _Own(NamedTuple):
    """What the gateway of a data folder says of itself."""

    server: str
    certificate: str = ""


def _own(paths: DataPaths) -> _Own:
    try:
        document = json.loads(paths.endpoint.read_bytes())
        return _Own(str(document["url"]), str(document.get("certificate", "")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        from gateway.cli.trouble import UNREACHABLE, Trouble  # noqa: PLC0415

        raise Trouble(
            f"no gateway is running over {paths.data}; start one with 'narthex serve', "
            "name one with --server, or log in to one",
            "unreachable",
            UNREACHABLE,
        ) from error


def _is_own(server: str, paths: DataPaths) -> bool:
    try:
        return _own(paths).server.rstrip("/") == server.rstrip("/")
    except click.ClickException:
        return False
