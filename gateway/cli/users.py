"""The commands for accounts: user add, list, remove, passwd; and token.

They work on the files of the data folder, so they need neither a running gateway nor a password
of their own: who can read the folder is its owner.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TypeVar

import click

from gateway.auth.tokens import SigningKeyError, Tokens, load_key
from gateway.cli import options
from gateway.cli.lines import print_record
from gateway.cli.table import moment, print_table
from gateway.clock import now_ms
from gateway.config import ConfigError, load
from gateway.places import PlaceError, Places
from gateway.stores.accounts import Account, Accounts
from protocol.accounts import Role
from protocol.errors import GatewayError

__all__ = ["token", "user"]

T = TypeVar("T")
_HEADINGS = ("USER", "ROLE", "PASSWORD SET")


@click.group()
def user() -> None:
    """Add, list and remove users, set passwords."""


@user.command()
@click.argument("name")
@click.option("--admin", is_flag=True, help="Let the user see and kill everybody's tasks.")
@click.option("--password-stdin", is_flag=True, help="Read the password from stdin.")
@options.data_dir
def add(name: str, *, admin: bool, password_stdin: bool, data_dir: Path | None) -> None:
    """Add the user NAME."""
    accounts = _accounts(data_dir, make=True)
    password = _password(from_stdin=password_stdin)
    role = Role.ADMIN if admin else Role.USER
    _carry_out(lambda: accounts.add(name, password, role, now_ms()))
    click.echo(f"added {role} {name}")


@user.command("list")
@options.data_dir
@options.as_json
def list_users(data_dir: Path | None, *, as_json: bool) -> None:
    """List all users."""
    accounts = _carry_out(_accounts(data_dir).list)
    if as_json:
        for account in accounts:
            print_record({"name": account.name, "role": str(account.role)})
    else:
        print_table(_HEADINGS, map(_cells, accounts))


@user.command()
@click.argument("name")
@options.data_dir
def remove(name: str, *, data_dir: Path | None) -> None:
    """Remove the user NAME; tokens of theirs are worthless from now on."""
    accounts = _accounts(data_dir)
    _carry_out(lambda: accounts.remove(name))
    click.echo(f"removed {name}")


@user.command()
@click.argument("name")
@click.option("--password-stdin", is_flag=True, help="Read the password from stdin.")
@options.data_dir
def passwd(name: str, *, password_stdin: bool, data_dir: Path | None) -> None:
    """Set a new password for NAME; older tokens are worthless from now on."""
    accounts = _accounts(data_dir)
    password = _password(from_stdin=password_stdin)
    _carry_out(lambda: accounts.passwd(name, password, now_ms()))
    click.echo(f"changed the password of {name}")


@click.command()
@click.option("--user", "name", required=True, metavar="NAME", help="Whom the token speaks for.")
@click.option("--ttl", metavar="S", type=click.IntRange(min=1), help="Its life in seconds.")
@options.data_dir
@options.as_json
def token(name: str, *, ttl: int | None, data_dir: Path | None, as_json: bool) -> None:
    """Print a signed token for a user; it is a secret."""
    places = Places.of(data_dir)
    account = Accounts(places.accounts).find(name)
    if account is None:
        raise click.ClickException(f"there is no user {name} in {places.data}")
    try:
        auth = load(places.config if places.config.exists() else None).auth
        tokens = Tokens(load_key(places.token_key), auth.max_token_seconds)
        ticket = tokens.issue(name, account.role, now_ms(), ttl or auth.token_seconds)
    except (ConfigError, SigningKeyError, GatewayError) as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        print_record({"token": ticket.token, "user": name, "expires": ticket.expires_ms})
    else:
        click.echo(ticket.token)


def _accounts(data_dir: Path | None, *, make: bool = False) -> Accounts:
    places = Places.of(data_dir)
    if make:
        try:
            places.prepare()
        except PlaceError as error:
            raise click.ClickException(str(error)) from error
    return Accounts(places.accounts)


def _password(*, from_stdin: bool) -> str:
    """A password that is never shown: typed twice, or the first line of stdin."""
    if from_stdin:
        return sys.stdin.readline().removesuffix("\n")
    if not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask for a password; use --password-stdin")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))


def _carry_out(action: Callable[[], Coroutine[None, None, T]]) -> T:
    try:
        return asyncio.run(action())
    except GatewayError as error:
        raise click.ClickException(error.message) from error


def _cells(account: Account) -> tuple[str, ...]:
    return (account.name, str(account.role), moment(account.changed_ms))
