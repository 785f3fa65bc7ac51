"""What a shell is offered."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.gateway.cli.command import NARTHEX, clean_environment, narthex
from tests.support.absent import missing


def offered(*words: str) -> list[str]:
    """What bash would be offered for the last word."""
    environment = clean_environment(
        _NARTHEX_COMPLETE="bash_complete",
        COMP_WORDS=" ".join(("narthex", *words)),
        COMP_CWORD=str(len(words)),
    )
    done = subprocess.run(
        [*NARTHEX], capture_output=True, text=True, timeout=60, check=False, env=environment
    )
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


def test_commands_and_engines() -> None:
    """Commands by their beginning, and engines after ``--engine``."""
    assert offered("re") == ["results", "rerun", "resume", "resources"]
    assert offered("run", "--engine", "s") == ["shell", "spark"]


def test_without_a_gateway_no_task_is_offered(tmp_path: Path) -> None:
    """And nothing is said, for the shell shows whatever is."""
    assert offered("logs", "--data-dir", str(tmp_path), "1") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_installed_by_one_command(shell: str, tmp_path: Path) -> None:
    """The script is written where the shell looks for it, and is what is printed without."""
    names = ("XDG_DATA_HOME", "ZDOTDIR", "XDG_CONFIG_HOME")
    more = dict.fromkeys(names, str(tmp_path))
    narthex("completion", shell, "--install", more=more)
    (file,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert file.read_text() == narthex("completion", shell, more=more).stdout
    assert "_NARTHEX_COMPLETE" in file.read_text()


BASH = """
. "$1"
COMP_WORDS=(narthex run --engine s) COMP_CWORD=3
_narthex_completion narthex
echo "${COMPREPLY[@]}"
"""
# What zsh's own completion system would be given, which needs a terminal.
ZSH = """
compdef() { :; }
_describe() { print -rl -- "${(@P)3}"; }
words=(narthex use) CURRENT=2
. "$1"
_narthex_completion
"""


@pytest.mark.parametrize(
    ("shell", "program", "said"),
    [
        ("bash", BASH, "shell spark"),
        ("fish", "source $argv[1]; complete -C 'narthex use'", "user\tAdd, change, list and "),
        ("zsh", ZSH, "user:Add, change, list and "),
    ],
)
def test_in_the_shell_itself(shell: str, program: str, said: str, tmp_path: Path) -> None:
    """Each shell reads its script and offers what the program says, with all words about it."""
    found = shutil.which(shell)
    if not found:
        missing(f"{shell} is not installed: its completion is not tried")
    scripts = tmp_path / "bin"
    scripts.mkdir()
    (scripts / "narthex").write_text(f'#!/bin/sh\nexec {shlex.join(NARTHEX)} "$@"\n')
    (scripts / "narthex").chmod(0o755)
    names = ("XDG_DATA_HOME", "ZDOTDIR", "XDG_CONFIG_HOME", "HOME")
    more = dict.fromkeys(names, str(tmp_path)) | {"PATH": f"{scripts}:{os.environ['PATH']}"}
    narthex("completion", shell, "--install", more=more)
    (script,) = [
        path for path in tmp_path.rglob("*narthex*") if path.is_file() and path.parent != scripts
    ]
    (tmp_path / "program").write_text(program)
    words = [found, str(tmp_path / "program"), str(script), str(tmp_path / "dump")]
    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=clean_environment(**more),
    )
    assert said in done.stdout, (done.stdout, done.stderr)
