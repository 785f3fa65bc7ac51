"""The commands that ask once: submit, status, ps, kill."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import IO

import click

from gateway.cli import options
from gateway.cli.lines import print_record
from gateway.cli.options import Reach
from gateway.cli.reach import calling
from gateway.cli.table import moment, print_table
from gateway.client import Client, KillReport, Status, TaskRow

__all__ = ["kill", "ps", "status", "submit"]

_ACTIVE = ("Inited", "Scheduled", "Running", "WaitForRetry")
_WAIT_SECONDS = 20.0
_HEADINGS = ("TASK", "STATUS", "ENGINE", "USER", "CREATED", "SECONDS", "EXECID")


@click.command()
@options.source
@options.engine
@click.option("--request-id", default="", help="Makes a repetition of this command safe.")
@options.as_json
@options.reaching
def submit(
    code: str | None,
    file: IO[str] | None,
    *,
    engine: str,
    lang: str,
    session: str,
    request_id: str,
    as_json: bool,
    reach: Reach,
) -> None:
    """Submit CODE and print the task's number and execID."""
    text = options.given_code(code, file)
    with calling(reach) as client:
        accepted = client.execute(
            text, engine=engine, language=lang, request_id=request_id, session=session
        )
    if as_json:
        print_record({"taskID": accepted.task_id, "execID": accepted.exec_id})
    else:
        click.echo(f"{accepted.task_id} {accepted.exec_id}")


@click.command()
@click.argument("task", metavar="ID")
@options.as_json
@options.reaching
def status(task: str, *, as_json: bool, reach: Reach) -> None:
    """Say how far the task ID is: its execID or its number."""
    with calling(reach) as client:
        found = client.status(task)
        fraction = client.progress(task).fraction
    if as_json:
        print_record(_status_record(found, fraction))
    else:
        click.echo(_status_line(found, fraction))


@click.command()
@click.option("--all", "-a", "everything", is_flag=True, help="List ended tasks too.")
@click.option("--limit", default=100, type=click.IntRange(1, 1000), help="How many at most.")
@options.as_json
@options.reaching
def ps(*, everything: bool, limit: int, as_json: bool, reach: Reach) -> None:
    """List tasks, newest first."""
    with calling(reach) as client:
        rows = client.list(() if everything else _ACTIVE, size=limit)
    if as_json:
        for row in rows:
            print_record(asdict(row))
    else:
        print_table(_HEADINGS, map(_cells, rows))


@click.command()
@click.argument("tasks", metavar="ID...", nargs=-1, required=True)
@click.option(
    "--grace",
    type=click.FloatRange(0, 3600),
    metavar="SECONDS",
    help="Time between the polite signal and the certain one. Default: the gateway's.",
)
@click.option("--wait", is_flag=True, help="Wait for the end and say what was done.")
@options.as_json
@options.reaching
def kill(
    tasks: Sequence[str], *, grace: float | None, wait: bool, as_json: bool, reach: Reach
) -> None:
    """Kill tasks by execID or number; answers when the wish is durable, or at the end."""
    with calling(reach) as client:
        if wait:
            # All at once, or the last would have to wait for the grace of those before it.
            for task in tasks:
                client.kill_report(task, grace=grace)
        for task in tasks:
            if wait:
                _print_report(_killed(client, task, grace), as_json=as_json)
                continue
            exec_id = client.kill(task, grace=grace)
            if as_json:
                print_record({"execID": exec_id})
            else:
                click.echo(exec_id)


def _killed(client: Client, task: str, grace: float | None) -> KillReport:
    """The report of a kill that is over."""
    while True:
        report = client.kill_report(task, grace=grace, wait=_WAIT_SECONDS)
        if report.over:
            return report


def _print_report(report: KillReport, *, as_json: bool) -> None:
    if as_json:
        print_record(report.record)
        return
    sent = ", ".join(report.signals) or "no signal"
    left = f"nothing is left ({report.proof})" if report.verified else "what is left is not known"
    click.echo(f"{report.exec_id} {report.status}: {sent} sent, {report.died} ended, {left}")


def _status_record(found: Status, fraction: float) -> dict[str, object]:
    return {
        "execID": found.exec_id,
        "taskID": found.task_id,
        "status": found.status,
        "progress": fraction,
        "exitCode": found.exit_code,
        "signal": found.signal,
    }


def _status_line(found: Status, fraction: float) -> str:
    if found.signal is not None:
        return f"{found.status} (signal {found.signal})"
    if found.exit_code is not None:
        return f"{found.status} (exit code {found.exit_code})"
    return found.status if found.final else f"{found.status} ({fraction:.0%})"


def _cells(row: TaskRow) -> tuple[str, ...]:
    return (
        str(row.task_id),
        row.status,
        row.engine,
        row.owner,
        moment(row.created_ms),
        f"{row.milliseconds / 1000:.1f}",
        row.exec_id,
    )
