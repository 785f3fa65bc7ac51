"""Writes the reference of the command line from the commands themselves: ``gateway/docs/cli.md``.

``python -m gateway.cli.reference`` writes it; a test holds the page against the commands.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from gateway.cli.program import program

__all__ = ["PAGE", "commands", "written"]

PAGE = Path(__file__).parents[1] / "docs" / "cli.md"
_HEAD = """# The command line

Written from the commands themselves by `python -m gateway.cli.reference`; do not change it by hand.

A task is named by its number, its execID or its name (the newest of that name). Which gateway is
meant: `--server`, else `--context`, else `--data-dir`, else the current context of `narthex login`,
else your own data folder. What comes after `--` are arguments of the code. Exit codes are in
[operations](operations.md#exit-codes-of-the-command-line). With `--json` commands print one record
a line, and errors as a record on stderr; [`cli.schema.json`](cli.schema.json) describes them.
"""


def commands() -> Iterator[tuple[str, click.Command]]:
    """Each command with its name, those of groups included, in the order of the help."""
    context = click.Context(program, info_name="narthex")
    for name in program.list_commands(context):
        command = program.get_command(context, name)
        if command is None:
            continue
        yield name, command
        if isinstance(command, click.Group):
            inner = click.Context(command, info_name=name, parent=context)
            for below in command.list_commands(inner):
                found = command.get_command(inner, below)
                if found is not None:
                    yield f"{name} {below}", found


def letters() -> dict[str, set[str]]:
    """Each letter that is an option with the long options that it stands for, in all commands."""
    found: dict[str, set[str]] = {}
    for _, command in commands():
        for param in command.params:
            if isinstance(param, click.Option):
                long = next((one for one in param.opts if one.startswith("--")), "")
                for one in (*param.opts, *param.secondary_opts):
                    if one.startswith("-") and not one.startswith("--"):
                        found.setdefault(one, set()).add(long)
    return found


def written() -> str:
    """The whole page."""
    pieces = [_HEAD, "## Letters\n", "Each letter means the same in every command.\n"]
    pieces.append("| Letter | Option |\n|---|---|")
    known = letters() | {"-h": {"--help"}, "-V": {"--version"}}
    pieces += [
        f"| `{letter}` | {', '.join(f'`{one}`' for one in sorted(known[letter]))} |"
        for letter in sorted(known, key=str.lower)
    ]
    for name, command in commands():
        context = click.Context(command, info_name=f"narthex {name}")
        usage = " ".join(command.collect_usage_pieces(context))
        pieces.append(f"\n## narthex {name}\n\n```\nnarthex {name} {usage}\n```\n")
        text = " ".join((command.help or "").split())
        pieces.append(f"{text}\n")
        rows = [
            record
            for param in command.params
            if isinstance(param, click.Option) and not param.hidden
            for record in [param.get_help_record(context)]
            if record
        ]
        if rows:
            pieces.append("| Option | Meaning |\n|---|---|")
            pieces += [f"| `{_cell(left)}` | {_cell(right)} |" for left, right in rows]
    return "\n".join(pieces) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(written(), encoding="utf-8")
    sys.exit(0)
