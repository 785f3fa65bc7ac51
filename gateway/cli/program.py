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
from click.shell_completion import CompletionItem

from gateway.cli.trouble import REFUSED, Trouble, complain, wants_json
from gateway.version import __version__

__all__ = ["main", "program"]

_NAME = "narthex"
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
    "results": _Entry("results:results", "Show the tables and pictures that a task made."),
    "status": _Entry("tasks:status", "Show a task's status."),
    "ps": _Entry("ps:ps", "List tasks, newest first."),
    "wait": _Entry("tasks:wait", "Wait for the end of tasks."),
    "kill": _Entry("kill:kill", "Kill a task."),
    "cancel": _Entry("kill:kill", "Kill a task, as kill does."),
    "rerun": _Entry("tasks:rerun", "Run what a task was given once more."),
    "rm": _Entry("tasks:rm", "Forget tasks with all of their output."),
    "hold": _Entry("control:hold", "Keep waiting tasks from being started."),
    "resume": _Entry("control:resume", "Let held or suspended tasks go on."),
    "suspend": _Entry("control:suspend", "Have running tasks stand still."),
    "signal": _Entry("control:signal", "Send a signal to running tasks."),
    "limit": _Entry("control:limit", "Change how long tasks may run."),
    "tag": _Entry("control:tag", "Put words on tasks, or take them off."),
    "events": _Entry("control:events", "List what happened to a task."),
    "sessions": _Entry("sessions:sessions", "List warm sessions, or end them."),
    "login": _Entry("login:login", "Log in to a gateway, and make it the current one."),
    "logout": _Entry("login:logout", "Forget a gateway and who you are there."),
    "context": _Entry("login:context", "List the gateways that you logged in to, or choose one."),
    "completion": _Entry("completion:completion", "Complete commands in bash, zsh and fish."),
    "serve": _Entry("serve:serve", "Serve the gateway until a signal ends it."),
    "check-config": _Entry("serve:check_config", "Check a configuration."),
    "doctor": _Entry("doctor:doctor", "Say what works on this machine."),
    "node": _Entry("node:node", "Show whose Redis it is, or take it over."),
    "queue": _Entry("pool:queue", "List and change queues."),
    "resources": _Entry("pool:resources", "List and change what is given out to tasks."),
    "user": _Entry("users:user", "Add, change, list and remove users, set passwords."),
    "group": _Entry("groups:group", "Add, change, list and remove groups of users."),
    "token": _Entry("tokens:token", "Make, list and revoke tokens."),
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

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Names of commands out of the table, without importing a single one, and options."""
        found = [
            CompletionItem(name, help=entry.help)
            for name, entry in _COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click has it, which is told what commands there are: it names the nearest one."""
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            raise click.NoSuchCommand(
                error.command_name, possibilities=_COMMANDS, ctx=ctx
            ) from None

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


@click.group(
    _NAME,
    cls=_Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, "-V", "--version", prog_name=_NAME)
@click.pass_context
def program(ctx: click.Context) -> None:
    """A websocket-first execution gateway with HTTP fallback."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs a command line and exits: 0 done, 1 failed, 2 misused, 128 + N ended by signal N.

    69 if there is no gateway, 77 if it does not accept who asks.
    """
    _open_all()
    as_json = wants_json(sys.argv[1:] if arguments is None else arguments)
    try:
        code = program.main(
            list(arguments) if arguments is not None else None,
            prog_name=_NAME,
            standalone_mode=False,
        )
        sys.stdout.flush()
    except click.ClickException as error:
        complain(error, as_json=as_json)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        sys.exit(128 + signal.SIGINT)
    except OSError as error:
        _forget_stdout()
        complain(Trouble(str(error)), as_json=as_json)
        sys.exit(REFUSED)
    sys.exit(code if isinstance(code, int) else 0)


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
