"""The commands ``token``: make one, list those of a user, and end them before their time."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli import options
from gateway.cli.lines import print_done, print_record
from gateway.cli.local import ask
from gateway.cli.records import iso
from gateway.cli.table import moment, print_table
from protocol.accounts import IssuedToken, Scope, TokenKind
from protocol.commands.tokens import IssueToken, ListTokens, RevokeToken

__all__ = ["token"]

_HEADINGS = ("ID", "KIND", "SCOPE", "ISSUED", "EXPIRES", "USED", "FROM")


@click.group(invoke_without_command=True)
@click.option("--user", "name", metavar="NAME", help="Whom the token speaks for.")
@click.option("--ttl", metavar="S", type=click.IntRange(min=1), help="Its life in seconds.")
@click.option(
    "--application",
    is_flag=True,
    help="For a program: it outlives a change of the password and cannot manage users.",
)
@click.option(
    "--scope",
    type=click.Choice([one.value for one in Scope]),
    default=Scope.FULL.value,
    show_default=True,
    help="What of the user's rights it has: all, their own tasks and files, or to read those.",
)
@options.data_dir
@options.as_json
@click.pass_context
def token(
    ctx: click.Context,
    *,
    name: str | None,
    ttl: int | None,
    application: bool,
    scope: str,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Print a signed token for a user; it is a secret. With a command: list or revoke tokens."""
    if ctx.invoked_subcommand is not None:
        return
    if name is None:
        raise click.UsageError("missing option '--user': whom the token speaks for")
    kind = TokenKind.APPLICATION if application else TokenKind.BROWSER
    ticket = ask(data_dir, IssueToken(kind, ttl or 0, name, Scope(scope)))
    if as_json:
        expires = iso(ticket.expires_ms)
        print_record({"type": "token", "token": ticket.token, "user": name, "expires": expires})
    else:
        click.echo(ticket.token)


@token.command("list")
@click.option("--user", "name", required=True, metavar="NAME", help="Whose.")
@options.data_dir
@options.as_json
def list_tokens(name: str, *, data_dir: Path | None, as_json: bool) -> None:
    """List the tokens of a user that are good, newest first; not the tokens themselves."""
    found = ask(data_dir, ListTokens(name))
    if as_json:
        for one in found:
            print_record(_record(one))
    else:
        print_table(_HEADINGS, map(_cells, found))


@token.command()
@click.argument("id_", metavar="ID", default="")
@click.option("--user", "name", required=True, metavar="NAME", help="Whose.")
@click.option("--all", "everything", is_flag=True, help="End all tokens of the user.")
@options.data_dir
@options.as_json
def revoke(id_: str, *, name: str, everything: bool, data_dir: Path | None, as_json: bool) -> None:
    """End the token ID of a user, and all that was derived from it.

    A token itself is taken in place of its id as well.
    """
    if everything == bool(id_):
        raise click.UsageError("name one token by its ID, or all of them with --all")
    count = ask(data_dir, RevokeToken(id_, name))
    print_done(
        f"revoked {count} token{'' if count == 1 else 's'} of {name}",
        "token revoke",
        name,
        as_json=as_json,
    )


def _record(one: IssuedToken) -> dict[str, object]:
    facts = one.facts
    return {
        "type": "issued_token",
        "id": facts.id,
        "kind": str(facts.kind),
        "scope": str(facts.scope),
        "issued": iso(facts.issued * 1000),
        "expires": iso(facts.expires * 1000),
        "used": iso(one.used_ms) if one.used_ms else None,
        "parents": list(facts.parents),
        "by": facts.by,
    }


def _cells(one: IssuedToken) -> tuple[str, ...]:
    facts = one.facts
    origin = "login" if facts.proved else "token" if facts.parents else facts.by or "-"
    return (
        facts.id,
        str(facts.kind),
        str(facts.scope),
        moment(facts.issued * 1000),
        moment(facts.expires * 1000),
        moment(one.used_ms) if one.used_ms else "-",
        origin,
    )
