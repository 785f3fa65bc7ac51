"""Options that several commands share, each written once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from gateway.cli import completing

__all__ = [
    "Reach",
    "as_json",
    "check_texts",
    "data_dir",
    "engine",
    "raw",
    "reaching",
    "tables",
]


@dataclass(frozen=True, slots=True)
class Reach:
    """What a command line says about which gateway it means."""

    server: str | None = None
    token: str | None = None
    data_dir: Path | None = None
    context: str | None = None
    ca_file: str = ""


Function = TypeVar("Function", bound=Callable[..., Any])


def data_dir(function: Function) -> Function:
    """``--data-dir``."""
    return click.option(
        "--data-dir",
        type=click.Path(path_type=Path, file_okay=False),
        help="The gateway's data folder. Default: one for each user.",
    )(function)


def as_json(function: Function) -> Function:
    """``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")(
        function
    )


def raw(function: Function) -> Function:
    """``--raw``."""
    return click.option(
        "--raw", is_flag=True, help="Print control characters to a terminal as they are."
    )(function)


def tables(function: Function) -> Function:
    """``--tables`` and ``--no-tables``."""
    return click.option(
        "--tables/--no-tables",
        default=None,
        help="Show the tables that the code made below its log, or do not.",
    )(function)


def reaching(function: Callable[..., None]) -> Callable[..., None]:
    """``--server``, ``--token``, ``--context`` and the like, which arrive together as ``reach``."""

    @functools.wraps(function)
    def gathered(
        *values: object,
        server: str | None,
        token: str | None,
        data_dir: Path | None,
        context: str | None,
        ca_file: str,
        **others: object,
    ) -> None:
        check_texts((server, context, *values, *others.values()))
        if token and not token.isascii():
            raise click.UsageError("this is no token")
        function(*values, reach=Reach(server, token, data_dir, context, ca_file), **others)

    named = click.option(
        "--ca-file",
        envvar="NARTHEX_CA_FILE",
        default="",
        metavar="FILE",
        help="Whose certificates are trusted [NARTHEX_CA_FILE]. Default: the usual ones.",
    )(data_dir(gathered))
    named = click.option(
        "--context",
        envvar="NARTHEX_CONTEXT",
        metavar="NAME",
        help="A gateway that you logged in to [NARTHEX_CONTEXT]. Default: the current one.",
    )(named)
    named = click.option(
        "--token", envvar="NARTHEX_TOKEN", help="A token [NARTHEX_TOKEN]. Default: a fresh one."
    )(named)
    return click.option(
        "--server",
        envvar="NARTHEX_SERVER",
        metavar="URL",
        help="The gateway [NARTHEX_SERVER]. Default: of the context or the data folder.",
    )(named)


def check_texts(values: Iterable[object]) -> None:
    """What is sent as text must be one: arguments can be any bytes."""
    try:
        for value in values:
            if isinstance(value, str):
                value.encode()
            elif isinstance(value, tuple):
                check_texts(value)
            elif isinstance(value, Mapping):
                check_texts((*value.keys(), *value.values()))
    except UnicodeEncodeError as error:
        raise click.UsageError("an argument is not valid UTF-8") from error


def engine(function: Function) -> Function:
    """``--engine``, ``--lang`` and ``--session``."""
    function = click.option(
        "--session",
        default="",
        metavar="NAME",
        help="The warm session to run in; none for a process of its own. Default: the unnamed one.",
    )(function)
    function = click.option(
        "--lang",
        "language",
        default="",
        help="The language of the code. Default: the engine's own.",
    )(function)
    return click.option(
        "--engine",
        shell_complete=completing.engines,
        help="What runs it. Default: by the file's suffix or first line, or shell.",
    )(function)
