"""The commands that ask once about a task: submit, status, wait, rerun, rm."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from gateway.cli import options
from gateway.cli.endings import ending_code, ending_words
from gateway.cli.lines import print_done, print_record
from gateway.cli.names import meant, task_argument, tasks_argument
from gateway.cli.options import Reach
from gateway.cli.reach import calling
from gateway.cli.records import (
    end_record,
    state_of,
    status_record,
    submitted_record,
)
from gateway.cli.task_options import Asked, asking
from gateway.client.values import Status, Submitted

__all__ = ["rerun", "rm", "status", "submit", "wait"]

_PATIENCE_SECONDS = 600.0


@click.command()
@asking
@click.option("--request-id", default="", help="Makes a repetition of this command safe.")
@click.option("--hold", is_flag=True, help="Do not start it until it is resumed.")
@options.as_json
@options.reaching
def submit(*, asked: Asked, as_json: bool, reach: Reach) -> None:
    """Submit CODE and print the task's number and execID."""
    if asked.given.get("outputs"):
        raise click.UsageError("submit does not wait for the end, so --output is for run")
    with calling(reach) as client:
        accepted = client.execute(asked.code, **asked.known(lambda word: meant(client, word)))
    _print_submitted(Submitted(accepted.exec_id, accepted.task_id), as_json=as_json)


@click.command()
@task_argument
@options.as_json
@options.reaching
def status(task: str, *, as_json: bool, reach: Reach) -> None:
    """Show a task's status; ID is its number, its execID or its name."""
    with calling(reach) as client:
        task = meant(client, task)
        found = client.status(task)
        fraction = client.progress(task).fraction
    if as_json:
        print_record(status_record(found, fraction))
    else:
        click.echo(_status_line(found, fraction))


@click.command()
@tasks_argument
@options.as_json
@options.reaching
def wait(tasks: Sequence[str], *, as_json: bool, reach: Reach) -> None:
    """Wait for the end of tasks; exit with the exit code of the last that failed, else 0."""
    code = 0
    with calling(reach, _PATIENCE_SECONDS) as client:
        for task in [meant(client, word) for word in tasks]:
            end = client.wait(task)
            code = ending_code(end.status, end.exit_code, end.signal) or code
            if as_json:
                print_record({**end_record(end), "exec_id": client.status(task).exec_id})
            else:
                how = ending_words(end.status, end.exit_code, end.signal)
                state = state_of(end.status)
                click.echo(f"{task} {state} ({how})" if how else f"{task} {state}")
    sys.exit(code)


@click.command()
@task_argument
@click.option("--edit", is_flag=True, help="Change the code in $EDITOR before.")
@options.as_json
@options.reaching
def rerun(task: str, *, edit: bool, as_json: bool, reach: Reach) -> None:
    """Run what the task ID was given once more, as a new task: code, variables, secrets, limits."""
    with calling(reach) as client:
        task = meant(client, task)
        code = ""
        if edit:
            row = client.describe(task)
            suffix = {"python": ".py", "py": ".py", "sql": ".sql", "scala": ".scala"}
            changed = click.edit(row.code, extension=suffix.get(row.language, ".sh"))
            if changed is None:
                raise click.ClickException("nothing was saved, so nothing is run")
            if not changed.strip():
                raise click.ClickException("the code is empty")
            code = changed
        accepted = client.rerun(task, code)
    _print_submitted(Submitted(accepted.exec_id, accepted.task_id), as_json=as_json)


@click.command()
@tasks_argument
@options.as_json
@options.reaching
def rm(tasks: Sequence[str], *, as_json: bool, reach: Reach) -> None:
    """Forget tasks with all of their output; what still runs is killed first."""
    with calling(reach) as client:
        for word in tasks:
            gone = client.forget(meant(client, word))
            print_done(f"{gone.task_id} removed", "rm", gone.exec_id, as_json=as_json)


def _print_submitted(found: Submitted, *, as_json: bool) -> None:
    if as_json:
        print_record(submitted_record(found))
    else:
        click.echo(f"{found.task_id} {found.exec_id}")


def _status_line(found: Status, fraction: float) -> str:
    state = state_of(found.status)
    if how := ending_words(found.status, found.exit_code, found.signal):
        return f"{state} ({how})"
    if found.waiting_reason:
        return f"{state}: {found.waiting_reason}"
    return state if found.final else f"{state} ({fraction:.0%})"
