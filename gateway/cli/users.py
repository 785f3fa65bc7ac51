"""The commands ``user``: who there is, on the files of the data folder.

They need neither a running gateway nor a password of their own: who can write the folder is its
owner. A running gateway follows every change at once.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec

from gateway.cli import options
from gateway.cli.lines import print_done, print_record
from gateway.cli.local import ask
from gateway.cli.records import iso
from gateway.cli.table import moment, print_table
from protocol.commands.directory import (
    AddUser,
    Join,
    Leave,
    ListUsers,
    PatchProfile,
    ReadProfile,
    RemoveUser,
    SetPassword,
)
from protocol.directory import ADMIN_GROUP, Profile

__all__ = ["user"]

_HEADINGS = ("USER", "ROLE", "GROUPS", "E-MAIL", "PASSWORD SET")


@click.group()
def user() -> None:
    """Add, change, list and remove users, set passwords."""


@user.command()
@click.argument("name")
@click.option("--admin", is_flag=True, help="Make the user a member of the group admin.")
@click.option("--group", "groups", multiple=True, metavar="GROUP", help="Join it; repeatable.")
@click.option("--email", default="", help="Their address.")
@click.option("--password-stdin", is_flag=True, help="Read the password from stdin.")
@options.data_dir
@options.as_json
def add(
    name: str,
    *,
    admin: bool,
    groups: tuple[str, ...],
    email: str,
    password_stdin: bool,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Add the user NAME."""
    password = _password(from_stdin=password_stdin)
    joined = (*groups, ADMIN_GROUP) if admin else groups
    added = ask(data_dir, AddUser(name, password, email, joined), make=True)
    print_done(f"added {_role(added)} {name}", "user add", name, as_json=as_json)


@user.command("list")
@click.option("--group", default="", help="Of this group only.")
@options.data_dir
@options.as_json
def list_users(group: str, *, data_dir: Path | None, as_json: bool) -> None:
    """List all users."""
    found = ask(data_dir, ListUsers(group))
    if as_json:
        for profile in found:
            print_record(_record(profile))
    else:
        print_table(_HEADINGS, map(_cells, found))


@user.command()
@click.argument("name")
@options.data_dir
@options.as_json
def show(name: str, *, data_dir: Path | None, as_json: bool) -> None:
    """Show the user NAME."""
    record = _record(ask(data_dir, ReadProfile(name)))
    if as_json:
        print_record(record)
        return
    for key, value in record.items():
        shown = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        click.echo(f"{key}: {shown}")


@user.command("set")
@click.argument("name")
@click.option("--email", help="Their address.")
@click.option("--join", "joins", multiple=True, metavar="GROUP", help="Join a group; repeatable.")
@click.option("--leave", "leaves", multiple=True, metavar="GROUP", help="Leave one; repeatable.")
@click.option("--admin/--no-admin", default=None, help="Join or leave the group admin.")
@options.data_dir
@options.as_json
def change(
    name: str,
    *,
    email: str | None,
    joins: tuple[str, ...],
    leaves: tuple[str, ...],
    admin: bool | None,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Change the address and the groups of the user NAME."""
    if admin is not None:
        joins, leaves = (
            ((*joins, ADMIN_GROUP), leaves) if admin else (joins, (*leaves, ADMIN_GROUP))
        )
    if email is None and not joins and not leaves:
        raise click.UsageError("nothing to change; see 'narthex user set --help'")
    if email is not None:
        ask(data_dir, PatchProfile(name, email))
    for group in joins:
        ask(data_dir, Join(name, group))
    for group in leaves:
        ask(data_dir, Leave(name, group))
    print_done(f"changed {name}", "user set", name, as_json=as_json)


@user.command()
@click.argument("name")
@options.data_dir
@options.as_json
def remove(name: str, *, data_dir: Path | None, as_json: bool) -> None:
    """Remove the user NAME; all tokens of theirs are worthless from now on."""
    ask(data_dir, RemoveUser(name))
    print_done(f"removed {name}", "user remove", name, as_json=as_json)


@user.command()
@click.argument("name")
@click.option("--password-stdin", is_flag=True, help="Read the password from stdin.")
@options.data_dir
@options.as_json
def passwd(name: str, *, password_stdin: bool, data_dir: Path | None, as_json: bool) -> None:
    """Set a new password for NAME; older tokens are worthless, but those of applications."""
    password = _password(from_stdin=password_stdin)
    ask(data_dir, SetPassword(password, user=name))
    print_done(f"changed the password of {name}", "user passwd", name, as_json=as_json)


def _password(*, from_stdin: bool) -> str:
    """A password that is never shown: typed twice, or the first line of stdin."""
    if from_stdin:
        return sys.stdin.readline().removesuffix("\n")
    if not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask for a password; use --password-stdin")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))


def _role(profile: Profile) -> str:
    return "admin" if profile.admin else "user"


def _record(profile: Profile) -> dict[str, object]:
    return {
        "type": "user",
        "name": profile.name,
        "role": _role(profile),
        "email": profile.email,
        "groups": list(profile.groups),
        "queues": list(profile.queues),
        "extension": profile.extension,
        "created": iso(profile.created_ms),
        "password_set": iso(profile.password_ms),
    }


def _cells(profile: Profile) -> tuple[str, ...]:
    return (
        profile.name,
        _role(profile),
        ",".join(profile.groups),
        profile.email,
        moment(profile.password_ms),
    )
