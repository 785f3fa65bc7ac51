"""The command about warm sessions."""

from __future__ import annotations

import click

from gateway.cli import options
from gateway.cli.lines import print_record
from gateway.cli.options import Reach
from gateway.cli.reach import calling
from gateway.cli.records import session_record
from gateway.cli.table import moment, print_table
from gateway.client import SessionRow

__all__ = ["sessions"]

_HEADINGS = ("SESSION", "STATE", "ENGINE", "USER", "CREATOR", "STATEMENTS", "LAST USED")


@click.command()
@click.option("--end", "ended", metavar="ID", multiple=True, help="End this session.")
@click.option("--all-users", "everybody", is_flag=True, help="List those of everybody.")
@options.as_json
@options.reaching
def sessions(ended: tuple[str, ...], *, everybody: bool, as_json: bool, reach: Reach) -> None:
    """List warm sessions, or end some of them."""
    with calling(reach) as client:
        if ended:
            rows = tuple(client.end_session(one) for one in ended)
        else:
            rows = client.sessions(everybody=everybody)
    if as_json:
        for row in rows:
            print_record(session_record(row))
    else:
        print_table(_HEADINGS, map(_cells, rows))


def _cells(row: SessionRow) -> tuple[str, ...]:
    return (
        row.id,
        row.state,
        row.engine,
        row.owner,
        row.creator,
        str(row.statements),
        moment(row.used_ms),
    )
