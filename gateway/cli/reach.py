"""Which gateway a command means and how it proves who asks.

An address that is named goes with a token that is named; without either, the gateway of the data
folder is asked, with a short token made from the folder's own key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import click
import orjson

from gateway.auth.tokens import SigningKeyError, Tokens, load_key
from gateway.cli.options import Reach
from gateway.client import Client, ClientError
from gateway.clock import now_ms
from gateway.places import Places
from gateway.stores.accounts import Accounts
from protocol.accounts import Role
from protocol.errors import GatewayError

__all__ = ["Target", "calling", "target_of"]

_TOKEN_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Target:
    """A gateway and a token for it, or what makes a fresh one for each request."""

    server: str
    token: str | Callable[[], str]


def target_of(reach: Reach) -> Target:
    """What a command line means; raises ClickException if nothing can be reached that way."""
    places = Places.of(reach.data_dir)
    server, token = reach.server, reach.token
    if server and not token and not _is_own(server, places):
        raise click.UsageError(f"--token or NARTHEX_TOKEN is needed for {server}")
    return Target(server or _own_server(places), token or _minter(places))


def _minter(places: Places) -> Callable[[], str]:
    """Makes short tokens from the data folder's key, so that following may go on for days."""
    try:
        tokens = Tokens(load_key(places.token_key), _TOKEN_SECONDS)
    except SigningKeyError as error:
        raise click.ClickException(str(error)) from error
    name = _administrator(places)
    return lambda: tokens.issue(name, Role.ADMIN, now_ms(), _TOKEN_SECONDS).token


def _administrator(places: Places) -> str:
    """Who can read the data folder may do anything there, so an administrator speaks."""
    try:
        accounts = asyncio.run(Accounts(places.accounts).list())
    except GatewayError as error:
        raise click.ClickException(error.message) from error
    for account in accounts:
        if account.role is Role.ADMIN:
            return account.name
    raise click.ClickException(f"{places.data} has no administrator; see 'narthex user add'")


@contextmanager
def calling(reach: Reach, patience: float = 20.0) -> Iterator[Client]:
    """A client for the gateway that is meant; its errors become one line."""
    target = target_of(reach)
    try:
        with Client(target.server, target.token, patience_seconds=patience) as client:
            yield client
    except ClientError as error:
        raise click.ClickException(error.message) from error


def _own_server(places: Places) -> str:
    try:
        document = orjson.loads(places.endpoint.read_bytes())
        return str(document["url"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise click.ClickException(
            f"no gateway is running over {places.data}; start one with 'narthex serve' "
            "or name one with --server"
        ) from error


def _is_own(server: str, places: Places) -> bool:
    try:
        return _own_server(places).rstrip("/") == server.rstrip("/")
    except click.ClickException:
        return False
