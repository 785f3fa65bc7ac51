"""Every ``narthex`` command line that a page shows is one that the program takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from gateway.cli.program import program

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "gateway" / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def command_lines(page: Path) -> list[list[str]]:
    """The words after each ``narthex`` in the blocks of shell of a page."""
    found = []
    for block in BLOCK.findall(page.read_text("utf-8")):
        for line in re.sub(r"\\\n\s*", " ", block).splitlines():
            for text in (line, *re.findall(r"\$\((.*?)\)", line)):
                words = words_of(text)
                for start, word in enumerate(words, 1):
                    before = words[start - 2] if start > 1 else ";"
                    first = not before.strip("();<>|&") or "=" in before
                    if word.endswith("bin/narthex") or (word == "narthex" and first):
                        rest = words[start:]
                        end = (n for n, one in enumerate(rest) if not one.strip("();<>|&"))
                        found.append(rest[: next(end, len(rest))])
    return found


def words_of(text: str) -> list[str]:
    """The words of a line as a shell has them; none of a text that goes over several lines."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        return list(lexer)
    except ValueError:
        return []


def parsed(words: list[str]) -> None:
    """Parses a command line as far as possible without doing anything; raises UsageError."""
    context = click.Context(program, info_name="narthex")
    command: click.Command = program
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name, found, words = command.resolve_command(context, words)
        assert found is not None
        context = click.Context(found, context, info_name=name)
        command = found
    command.make_parser(context).parse_args(list(words))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_of_a_page_are_commands(page: Path) -> None:
    """Commands and options that are shown are there."""
    for words in command_lines(page):
        parsed(words)


def test_commands_are_found_and_slips_too() -> None:
    """The pages have many of them, and what is none would be noticed."""
    assert sum(len(command_lines(page)) for page in PAGES) > 40
    for wrong in (["sumbit", "x"], ["ps", "--al"], ["queue", "make"], ["run", "-x"]):
        with pytest.raises(click.UsageError):
            parsed(wrong)
