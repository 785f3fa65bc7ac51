"""The commands ``group``: groups of users and what their members may, on the data folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

import click

from gateway.cli import options
from gateway.cli.lines import print_done, print_record
from gateway.cli.local import ask
from gateway.cli.table import print_table
from protocol.commands.directory import DropGroup, Join, Leave, ListUserGroups, PutGroup
from protocol.directory import UserGroup

__all__ = ["group"]

_HEADINGS = ("GROUP", "ADMIN", "QUEUES", "DESCRIPTION")


@click.group()
def group() -> None:
    """Add, change, list and remove groups of users."""


@group.command("list")
@options.data_dir
@options.as_json
def list_groups(*, data_dir: Path | None, as_json: bool) -> None:
    """List all groups."""
    found = ask(data_dir, ListUserGroups())
    if as_json:
        for one in found:
            print_record(_record(one))
    else:
        print_table(_HEADINGS, map(_cells, found))


def _wanted(*, new: bool) -> Callable[..., None]:
    """The command that makes a group, or the one that changes it: they take the same."""

    @click.argument("name")
    @click.option("--description", help="What the group is.")
    @click.option("--external-name", help="What another directory calls it.")
    @click.option("--queue", "queues", multiple=True, metavar="QUEUE", help="Grant it; repeatable.")
    @click.option("--no-queues", is_flag=True, help="Grant none.")
    @click.option("--admin/--no-admin", default=None, help="Make its members administrators.")
    @options.data_dir
    @options.as_json
    def carried_out(
        name: str,
        *,
        description: str | None,
        external_name: str | None,
        queues: tuple[str, ...],
        no_queues: bool,
        admin: bool | None,
        data_dir: Path | None,
        as_json: bool,
    ) -> None:
        granted = queues if queues or no_queues else None
        wanted = PutGroup(name, new, description, external_name, admin, granted)
        ask(data_dir, wanted, make=new)
        words = f"{'added' if new else 'changed'} group {name}"
        print_done(words, f"group {'add' if new else 'set'}", name, as_json=as_json)

    return cast("Callable[..., None]", carried_out)


add = group.command("add", help="Add the group NAME.")(_wanted(new=True))
change = group.command("set", help="Change the group NAME; what is not given stays.")(
    _wanted(new=False)
)


@group.command()
@click.argument("name")
@options.data_dir
@options.as_json
def remove(name: str, *, data_dir: Path | None, as_json: bool) -> None:
    """Remove the group NAME; its members lose what it gave."""
    ask(data_dir, DropGroup(name))
    print_done(f"removed group {name}", "group remove", name, as_json=as_json)


@group.command("join")
@click.argument("name")
@click.argument("users", nargs=-1, required=True, metavar="USER...")
@options.data_dir
@options.as_json
def join(name: str, users: tuple[str, ...], *, data_dir: Path | None, as_json: bool) -> None:
    """Put users into the group NAME."""
    for user in users:
        ask(data_dir, Join(user, name))
        print_done(f"{user} is in {name}", "group join", f"{user} {name}", as_json=as_json)


@group.command("leave")
@click.argument("name")
@click.argument("users", nargs=-1, required=True, metavar="USER...")
@options.data_dir
@options.as_json
def leave(name: str, users: tuple[str, ...], *, data_dir: Path | None, as_json: bool) -> None:
    """Take users out of the group NAME."""
    for user in users:
        ask(data_dir, Leave(user, name))
        print_done(f"{user} is not in {name}", "group leave", f"{user} {name}", as_json=as_json)


def _record(one: UserGroup) -> dict[str, object]:
    return {
        "type": "group",
        "name": one.name,
        "description": one.description,
        "external_name": one.external_name,
        "admin": one.admin,
        "queues": list(one.queues),
        "extension": one.extension,
    }


def _cells(one: UserGroup) -> tuple[str, ...]:
    return (one.name, "yes" if one.admin else "", ",".join(one.queues), one.description)
