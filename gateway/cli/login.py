"""The commands about gateways that one logs in to: login, logout, context."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import click

from gateway.cli import contexts, options
from gateway.cli.contexts import Context
from gateway.cli.lines import print_record
from gateway.cli.records import context_record
from gateway.cli.table import print_table
from gateway.cli.trouble import explained

__all__ = ["context", "login", "logout"]

_HEADINGS = ("", "CONTEXT", "SERVER", "USER")


@click.command()
@click.argument("server", metavar="[URL]", required=False)
@click.option("--user", metavar="NAME", help="Who you are there. Default: asked for.")
@click.option("--with-token", is_flag=True, help="Read a token from stdin in place of a password.")
@click.option(
    "--context", "name", metavar="NAME", help="What to call the gateway. Default: its host."
)
@click.option(
    "--ca-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Whose certificates are trusted there.",
)
@options.as_json
def login(
    server: str | None,
    *,
    user: str | None,
    with_token: bool,
    name: str | None,
    ca_file: Path | None,
    as_json: bool,
) -> None:
    """Log in to the gateway at URL and make it the current one.

    The password is asked for on a terminal, or else is the first line of stdin. Without URL it is
    the current gateway again. What proves who you are is kept in a file that only you can read.
    """
    known = contexts.load()
    if server is None:
        name = name or known.current
        if not name:
            raise click.UsageError("which gateway? Name its URL")
        before = known.named(name)
    else:
        before = known.known.get(name or "", Context(server))
        before = replace(before, server=server)
    trusted = str(ca_file.resolve()) if ca_file else before.ca_file
    proved = _proved(replace(before, ca_file=trusted), user, with_token=with_token)
    name = name or _host(proved.server)
    path = contexts.save(known.put(name, proved))
    if as_json:
        print_record(context_record(name, proved, current=True))
    else:
        who = f" as {proved.user}" if proved.user else ""
        click.echo(f"logged in to {proved.server}{who}: context {name} in {path}")


@click.command()
@click.option("--context", "name", metavar="NAME", help="Of which gateway. Default: the current.")
@options.as_json
def logout(*, name: str | None, as_json: bool) -> None:
    """Forget a gateway and what proved who you are there."""
    known = contexts.load()
    name = name or known.current
    if not name:
        raise click.UsageError("you are logged in nowhere")
    gone = known.named(name)
    contexts.save(known.without(name))
    if as_json:
        print_record(context_record(name, gone, current=False))
    else:
        click.echo(f"forgot {name} ({gone.server})")


@click.command()
@click.argument("name", required=False)
@click.option("--none", is_flag=True, help="Have no current one: commands mean the data folder.")
@options.as_json
def context(*, name: str | None, none: bool, as_json: bool) -> None:
    """List the gateways that you logged in to, or make NAME the current one."""
    known = contexts.load()
    if name or none:
        known = known.use("" if none else name or "")
        contexts.save(known)
    rows = sorted(known.known.items())
    if as_json:
        for one, found in rows:
            print_record(context_record(one, found, current=one == known.current))
        return
    print_table(
        _HEADINGS,
        (
            ("*" if one == known.current else "", one, found.server, found.user)
            for one, found in rows
        ),
    )


def _proved(proved: Context, user: str | None, *, with_token: bool) -> Context:
    """The context with what proves who the user is, which the gateway has accepted."""
    if proved.ca_file:
        os.environ["SSL_CERT_FILE"] = proved.ca_file
    from gateway.client.errors import ClientError  # noqa: PLC0415 - help needs none of it
    from gateway.client.sync import Client  # noqa: PLC0415

    try:
        if with_token:
            token = _line("token")
            with Client(proved.server, token) as client:
                client.list(size=1)
            return replace(proved, user=user or "", token=token)
        name = user or proved.user or _asked("User")
        with Client(proved.server) as client:
            ticket = client.login(name, _password(name))
    except ClientError as error:
        raise explained(error) from error
    return replace(proved, user=ticket.user, token=ticket.token)


def _password(name: str) -> str:
    if sys.stdin.isatty():
        return str(click.prompt(f"Password of {name}", hide_input=True, err=True))
    return _line("password")


def _asked(what: str) -> str:
    if not sys.stdin.isatty():
        raise click.UsageError("--user is needed where nobody can be asked")
    return str(click.prompt(what, err=True))


def _line(what: str) -> str:
    """The first line of stdin."""
    text = sys.stdin.readline().rstrip("\r\n")
    if not text or not text.isprintable():
        raise click.UsageError(f"stdin has no {what}")
    return text


def _host(server: str) -> str:
    """A name for a gateway that was given none."""
    url = urlsplit(server if "://" in server else f"//{server}")
    return f"{url.hostname or 'gateway'}-{url.port}" if url.port else url.hostname or "gateway"
