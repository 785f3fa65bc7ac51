"""The program ``narthex``: its table of commands and the one place where errors become one line.

A command's module is imported when the command is called: help and completion stay fast.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

from gateway.version import __version__

__all__ = ["main"]

_NAME = "narthex"
_FAILED = 1
_STDERR = 2


@dataclass(frozen=True, slots=True)
class _Entry:
    """Where a command is, and what help says of it."""

    place: str
    help: str


_COMMANDS: Mapping[str, _Entry] = {
    "run": _Entry("run:run", "Run code and print its log live."),
    "submit": _Entry("tasks:submit", "Submit code and print its ids."),
    "logs": _Entry("logs:logs", "Print the log of a task."),
    "status": _Entry("tasks:status", "Say how far a task is."),
    "ps": _Entry("tasks:ps", "List tasks, newest first."),
    "kill": _Entry("tasks:kill", "Kill a task."),
    "sessions": _Entry("sessions:sessions", "List warm sessions, or end them."),
    "serve": _Entry("serve:serve", "Serve the gateway until a signal ends it."),
    "check-config": _Entry("serve:check_config", "Check a configuration."),
    "doctor": _Entry("doctor:doctor", "Say what works on this machine."),
    "user": _Entry("users:user", "Add, list and remove users, set passwords."),
    "token": _Entry("users:token", "Make a token for a user."),
}


class _Commands(click.Group):
    """A group that finds its commands in the table."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order of the table."""
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        del ctx
        entry = _COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module, _, name = entry.place.partition(":")
        command = getattr(importlib.import_module(f"gateway.cli.{module}"), name)
        return command if isinstance(command, click.Command) else None

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's signature
        """Carries a command out. A reader that left is no fault; other trouble is one line.

        Here and not in ``main``, because click makes something else of a broken pipe.
        """
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            _forget_stdout()
            sys.exit(128 + signal.SIGPIPE)
        except OSError as error:
            _forget_stdout()
            raise click.ClickException(str(error)) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in the help, without importing a single command."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in _COMMANDS.items()])


@click.group(_NAME, cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", prog_name=_NAME)
def _program() -> None:
    """A websocket-first execution gateway with HTTP fallback."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs a command line and exits: 0 done, 1 failed, 2 misused, 128 + N ended by signal N."""
    _open_all()
    try:
        code = _program.main(
            list(arguments) if arguments is not None else None,
            prog_name=_NAME,
            standalone_mode=False,
        )
        sys.stdout.flush()
    except click.UsageError as error:
        _complain(error.format_message())
        sys.exit(error.exit_code)
    except click.ClickException as error:
        _complain(error.format_message())
        sys.exit(_FAILED)
    except (KeyboardInterrupt, click.Abort):
        sys.exit(128 + signal.SIGINT)
    except OSError as error:
        _forget_stdout()
        _complain(str(error))
        sys.exit(_FAILED)
    sys.exit(code if isinstance(code, int) else 0)


def _complain(message: str) -> None:
    """One line on stderr, whatever the message was made of."""
    try:
        click.echo(f"{_NAME}: {' '.join(message.split())}", err=True)
    except OSError:
        return


def _open_all() -> None:
    """Puts nothing in the place of standard streams that are closed, whoever closed them."""
    if None not in {sys.stdin, sys.stdout, sys.stderr}:
        return
    while (free := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        pass
    os.close(free)
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - for good
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(_STDERR, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def _forget_stdout() -> None:
    """Keeps the interpreter from complaining at its end about what it could not write."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
