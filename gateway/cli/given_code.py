"""The code of a command line: where it is, its engine, and what its program is given."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import IO, Any, TypeVar

import click

__all__ = ["Code", "code_of", "input_of", "settled", "source"]

_LONGEST_INPUT = 256 * 1024
_SUFFIXES: Mapping[str, tuple[str, str]] = {
    ".sh": ("shell", "sh"),
    ".bash": ("shell", "bash"),
    ".py": ("python", "python"),
    ".sql": ("spark", "sql"),
    ".scala": ("spark", "scala"),
}
_FIRST: Mapping[str, str] = {"spark": "sql"}
"""The language of an engine whose name is none."""
_PROGRAMS: Mapping[str, tuple[str, str]] = {
    "sh": ("shell", "sh"),
    "bash": ("shell", "bash"),
    "python": ("python", "python"),
    "python3": ("python", "python"),
}

Function = TypeVar("Function", bound=Callable[..., Any])
Code = tuple[str, tuple[str, ...]]
"""The code, and the arguments of its program."""


def source(function: Function) -> Function:
    """The code itself, as an argument or in a file, and what its program is given."""
    function = click.option(
        "--stdin",
        "from_stdin",
        is_flag=True,
        help="Let the program read what this command is given on stdin, at most 256 KiB of text.",
    )(function)
    function = click.option(
        "--file",
        "-f",
        "file",
        type=click.File("r", encoding="utf-8"),
        help="Read the code from a file; - is stdin.",
    )(function)
    return click.argument("words", metavar="[CODE] [-- ARGUMENT...]", nargs=-1)(function)


def code_of(words: Sequence[str], file: IO[str] | None) -> Code:
    """The code and the arguments: all words are arguments if the code is in a file."""
    if file is None and not words:
        raise click.UsageError("give either CODE or --file")
    try:
        text = file.read() if file else words[0]
    except (OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"cannot read the code: {error}") from error
    if not text.strip():
        raise click.UsageError("the code is empty")
    return text, tuple(words if file else words[1:])


def input_of(file: IO[str] | None) -> str:
    """What stdin brings, for the program to read."""
    if file is not None and file.name == "<stdin>":
        raise click.UsageError("stdin is the code already: --stdin has nothing to read")
    if sys.stdin.isatty():
        click.echo("narthex: reading stdin; end it with Ctrl-D", err=True)
    data = sys.stdin.buffer.read(_LONGEST_INPUT + 1)
    if len(data) > _LONGEST_INPUT:
        raise click.ClickException(f"stdin has more than {_LONGEST_INPUT} bytes: use --input FILE")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise click.ClickException("stdin is not UTF-8: use --input FILE") from error
    if "\0" in text:
        raise click.ClickException("stdin holds a NUL character: use --input FILE")
    return text


def settled(engine: str | None, lang: str, name: str, code: str) -> tuple[str, str]:
    """The engine and the language: what was said, else what the file says, which is then told."""
    if engine is not None:
        return engine, lang or _FIRST.get(engine, "")
    if lang:
        return "shell", lang
    known = _guessed(name, code)
    if known is None:
        return "shell", ""
    click.echo(f"narthex: engine {known[0]}, language {known[1]}", err=True)
    return known


def _guessed(name: str, code: str) -> tuple[str, str] | None:
    """The engine and language of a file by its suffix, else of code by its first line."""
    known = _SUFFIXES.get(PurePath(name).suffix.lower())
    if known is None and code.startswith("#!"):
        words = code.partition("\n")[0].removeprefix("#!").split()
        program = PurePath(words[0]).name if words else ""
        if program == "env" and len(words) > 1:
            program = words[-1]
        known = _PROGRAMS.get(program)
    return known
