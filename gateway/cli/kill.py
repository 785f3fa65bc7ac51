"""The command ``kill``, also called ``cancel``."""

from __future__ import annotations

from collections.abc import Sequence

import click

from gateway.cli import options
from gateway.cli.lines import print_record
from gateway.cli.names import meant, tasks_argument
from gateway.cli.options import Reach
from gateway.cli.reach import calling
from gateway.cli.records import kill_record, request_record, state_of
from gateway.client.values import KillReport

__all__ = ["kill", "report_line"]

_WAIT_SECONDS = 20.0


@click.command()
@tasks_argument
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
    """Kill tasks; returns once the requests are saved; see --wait."""
    with calling(reach) as client:
        named = [meant(client, word) for word in tasks]
        if wait:
            # All at once, or the last would have to wait for the grace of those before it.
            for task in named:
                client.kill_report(task, grace=grace)
        for task in named:
            if not wait:
                exec_id = client.kill(task, grace=grace)
                if as_json:
                    print_record(request_record("kill", exec_id))
                else:
                    click.echo(exec_id)
                continue
            while not (report := client.kill_report(task, grace=grace, wait=_WAIT_SECONDS)).over:
                pass
            if as_json:
                print_record(kill_record(report))
            else:
                click.echo(f"{report.exec_id} {report_line(report)}")


def report_line(report: KillReport) -> str:
    """What came of a kill, for a person."""
    sent = ", ".join(report.signals) or "no signal"
    left = f"nothing is left ({report.proof})" if report.verified else "what is left is not known"
    return f"{state_of(report.status)}: {sent} sent, {report.died} ended, {left}"
