"""Options that several commands share, each written once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

import click

__all__ = ["Reach", "as_json", "data_dir", "engine", "given_code", "raw", "reaching", "source"]


@dataclass(frozen=True, slots=True)
class Reach:
    """What a command line says about which gateway it means."""

    server: str | None
    token: str | None
    data_dir: Path | None


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


def reaching(function: Callable[..., None]) -> Callable[..., None]:
    """``--server``, ``--token`` and ``--data-dir``, which arrive together as ``reach``."""

    @functools.wraps(function)
    def gathered(
        *values: object,
        server: str | None,
        token: str | None,
        data_dir: Path | None,
        **others: object,
    ) -> None:
        _check_texts((server, *values, *others.values()))
        if token and not token.isascii():
            raise click.UsageError("this is no token")
        function(*values, reach=Reach(server, token, data_dir), **others)

    named = click.option(
        "--token", envvar="NARTHEX_TOKEN", help="A token [NARTHEX_TOKEN]. Default: a fresh one."
    )(data_dir(gathered))
    return click.option(
        "--server",
        envvar="NARTHEX_SERVER",
        metavar="URL",
        help="The gateway [NARTHEX_SERVER]. Default: the one of the data folder.",
    )(named)


def _check_texts(values: Iterable[object]) -> None:
    """What is sent as text must be one: arguments can be any bytes."""
    each = (one for value in values for one in (value if isinstance(value, tuple) else (value,)))
    try:
        "".join(one for one in each if isinstance(one, str)).encode()
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
        "--lang", default="", help="The language of the code. Default: the engine's own."
    )(function)
    return click.option("--engine", default="shell", show_default=True, help="What runs it.")(
        function
    )


def source(function: Function) -> Function:
    """The code itself, as an argument or in a file."""
    function = click.option(
        "--file",
        "-f",
        "file",
        type=click.File("r", encoding="utf-8"),
        help="Read the code from a file; - is stdin.",
    )(function)
    return click.argument("code", required=False)(function)


def given_code(code: str | None, file: IO[str] | None) -> str:
    """The code that was given in one of the two ways; refused if there is none in it."""
    if (code is None) == (file is None):
        raise click.UsageError("give either CODE or --file")
    try:
        text = file.read() if file else code or ""
    except (OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"cannot read the code: {error}") from error
    if not text.strip():
        raise click.UsageError("the code is empty")
    return text
