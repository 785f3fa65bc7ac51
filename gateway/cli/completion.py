"""The command ``completion``: what bash, zsh and fish need to complete, and its installation.

The script itself is click's, which asks the program with ``_NARTHEX_COMPLETE`` in the environment.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from gateway.cli import options
from gateway.cli.lines import print_done, print_record

__all__ = ["completion"]

_NAME = "narthex"
_VARIABLE = "_NARTHEX_COMPLETE"
_PLACES: Mapping[str, tuple[str, str, str]] = {
    "bash": ("XDG_DATA_HOME", ".local/share", "bash-completion/completions/narthex"),
    "zsh": ("ZDOTDIR", "", ".zfunc/_narthex"),
    "fish": ("XDG_CONFIG_HOME", ".config", "fish/completions/narthex.fish"),
}
"""The variable that names a folder, the folder below home without it, and the file in it."""
_HINTS: Mapping[str, str] = {
    "zsh": "; in .zshrc before compinit: fpath+=(~/.zfunc)",
}


@click.command()
@click.argument("shell", type=click.Choice(sorted(_PLACES)))
@click.option("--install", is_flag=True, help="Write it where the shell looks for it.")
@options.as_json
def completion(shell: str, *, install: bool, as_json: bool) -> None:
    """Print what SHELL needs to complete commands, options, engines, task numbers and names."""
    from gateway.cli.program import program  # noqa: PLC0415 - which has this command in its table

    found = get_completion_class(shell)
    if found is None:
        raise click.ClickException(f"{shell} cannot be completed for")
    text = found(program, {}, _NAME, _VARIABLE).source_vars()
    # click's fish cuts the words about a command at their first comma.
    template = found.source_template.replace('string split ","', 'string split -m 1 ","')
    script = (template % text).strip()
    if not install:
        if as_json:
            print_record({"type": "completion", "shell": shell, "script": script})
        else:
            click.echo(script)
        return
    path = _path(shell)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(script + "\n", encoding="utf-8")
    print_done(
        f"wrote {path}{_HINTS.get(shell, '')}; it counts in new shells",
        "completion install",
        str(path),
        as_json=as_json,
    )


def _path(shell: str) -> Path:
    variable, below, name = _PLACES[shell]
    given = os.environ.get(variable, "")
    folder = Path(given) if given.startswith("/") else Path.home() / below
    return folder / name
