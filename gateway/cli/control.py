"""The commands that ask something of tasks: hold, resume, suspend, signal, limit, tag, events."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import click

from gateway.cli import options
from gateway.cli.lines import print_record
from gateway.cli.names import meant, task_argument, tasks_argument
from gateway.cli.options import Reach
from gateway.cli.plain import harmless
from gateway.cli.reach import calling
from gateway.cli.records import control_record, event_record
from gateway.cli.table import moment, print_table
from gateway.client import Client
from gateway.client.control import Controlled, Event

__all__ = ["events", "hold", "limit", "resume", "signal", "suspend", "tag"]

_HEADINGS = ("N", "TIME", "EVENT", "STATE", "WHO", "DETAILS")
_DETAILS = ("reason", "seconds", "signal", "all", "add", "remove")
_PAGE = 1000


@click.command()
@tasks_argument
@options.as_json
@options.reaching
def hold(tasks: Sequence[str], *, as_json: bool, reach: Reach) -> None:
    """Keep waiting tasks from being started until they are resumed."""
    _each(reach, tasks, lambda client, task: client.control.hold(task), as_json=as_json)


@click.command()
@tasks_argument
@options.as_json
@options.reaching
def resume(tasks: Sequence[str], *, as_json: bool, reach: Reach) -> None:
    """Let held tasks wait for their turn again, and suspended ones go on."""
    _each(reach, tasks, lambda client, task: client.control.resume(task), as_json=as_json)


@click.command()
@tasks_argument
@options.as_json
@options.reaching
def suspend(tasks: Sequence[str], *, as_json: bool, reach: Reach) -> None:
    """Have running tasks stand still; their running time stands still too."""
    _each(reach, tasks, lambda client, task: client.control.suspend(task), as_json=as_json)


@click.command()
@click.argument("name", metavar="SIGNAL")
@tasks_argument
@click.option("--all", "everybody", is_flag=True, help="To every process of the task.")
@options.as_json
@options.reaching
def signal(
    name: str, tasks: Sequence[str], *, everybody: bool, as_json: bool, reach: Reach
) -> None:
    """Send a SIGNAL, such as USR1, to the main process of running tasks."""
    _each(
        reach,
        tasks,
        lambda client, task: client.control.signal(task, name, everybody=everybody),
        as_json=as_json,
    )


@click.command()
@click.argument("seconds", type=click.FloatRange(0, 1e9))
@tasks_argument
@options.as_json
@options.reaching
def limit(seconds: float, tasks: Sequence[str], *, as_json: bool, reach: Reach) -> None:
    """Change how many SECONDS tasks may run, counted from their start; 0 for no limit."""
    _each(
        reach,
        tasks,
        lambda client, task: client.control.set_limit(task, seconds),
        as_json=as_json,
    )


@click.command()
@tasks_argument
@click.option("--add", metavar="TAG", multiple=True, help="Put this word on the tasks.")
@click.option("--remove", metavar="TAG", multiple=True, help="Take this word off them.")
@options.as_json
@options.reaching
def tag(
    tasks: Sequence[str],
    *,
    add: tuple[str, ...],
    remove: tuple[str, ...],
    as_json: bool,
    reach: Reach,
) -> None:
    """Put words on tasks, or take them off."""
    _each(reach, tasks, lambda client, task: client.control.tag(task, add, remove), as_json=as_json)


@click.command()
@task_argument
@options.as_json
@options.reaching
def events(task: str, *, as_json: bool, reach: Reach) -> None:
    """List what happened to a task and what was asked of it, oldest first."""
    found: list[Event] = []
    with calling(reach) as client:
        task, more, after = meant(client, task), True, 0
        while more:
            page = client.control.events(task, after, _PAGE)
            found += page.events
            more, after = page.more and bool(page.events), page.next
    if as_json:
        for event in found:
            print_record(event_record(event))
    else:
        print_table(_HEADINGS, map(_cells, found))


def _each(
    reach: Reach,
    tasks: Sequence[str],
    do: Callable[[Client, str], Controlled],
    *,
    as_json: bool,
) -> None:
    """Asks it of each task, and prints how each then is."""
    with calling(reach) as client:
        for task in tasks:
            found = do(client, meant(client, task))
            if as_json:
                print_record(control_record(found))
                continue
            words = [str(found.task_id), found.state]
            if found.limit_seconds:
                words.append(f"limit {found.limit_seconds:g} s")
            if found.tags:
                words.append(" ".join(found.tags))
            click.echo(harmless("  ".join(words).encode()))


def _cells(event: Event) -> tuple[str, ...]:
    return (
        str(event.number),
        moment(event.time_ms),
        event.event,
        event.state,
        event.who,
        ", ".join(_detail(event, name) for name in _DETAILS if name in event.record),
    )


def _detail(event: Event, name: str) -> str:
    value = event.record[name]
    if isinstance(value, list):
        return f"{name} {' '.join(map(str, value))}"
    return str(value) if name in {"reason", "signal"} else f"{name} {value}"
