"""The commands for queues and the pool: queue list, put, stop, start, drop; resources.

They work on the files of the data folder, as those for accounts do; a running gateway reads what
they change at once. Only how much of a queue is in use is asked of the gateway, if there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TypeVar

import click

from gateway.cli import options
from gateway.cli.lines import print_done, print_record
from gateway.cli.options import Reach
from gateway.cli.reach import calling, is_served
from gateway.cli.table import print_table
from gateway.client import QueueRow
from gateway.config import ConfigError, load
from gateway.data_paths import DataPathError, DataPaths
from gateway.services.queues import check_queue
from gateway.services.resources import check_properties
from gateway.stores.pool import PoolFile
from gateway.stores.queues import QueueFile
from protocol.errors import GatewayError
from protocol.pool_description import leaves_of
from protocol.resources import Leaf, LeafState, Queue, QueueStatus

__all__ = ["queue", "resources"]

T = TypeVar("T")
_ANSWER_SECONDS = 5.0


@click.group()
def queue() -> None:
    """List, make, stop, start and drop queues."""


@queue.command("list")
@options.as_json
@options.reaching
def list_queues(*, as_json: bool, reach: Reach) -> None:
    """List all queues, and what runs and waits in them if a gateway is served."""
    if reach.server:
        _show_used(_used(reach), as_json=as_json)
        return
    used: Mapping[str, QueueRow] = {}
    if is_served(reach):
        with suppress(click.ClickException):  # it does not answer, and the files still do
            used = _used(reach)
    found = _carry_out(_queues(reach.data_dir).all)
    _show_queues(list(found.values()), used, as_json=as_json)


@queue.command()
@click.argument("name")
@click.option("--share", type=float, help="Percent of the pool below which it goes first.")
@click.option("--ceiling", type=float, help="Percent of the pool that it may have.")
@click.option("--priority", type=int, help="Larger goes first.")
@click.option("--description", help="A word for people.")
@options.data_dir
@options.as_json
def put(
    name: str,
    *,
    share: float | None,
    ceiling: float | None,
    priority: int | None,
    description: str | None,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Make the queue NAME, or change what is given of it."""
    queues = _queues(data_dir)

    def change() -> Queue:
        found = queues.all().get(name, Queue(name))
        given = {
            "share": share,
            "ceiling": ceiling,
            "priority": priority,
            "description": description,
        }
        changed = replace(found, **{key: one for key, one in given.items() if one is not None})  # type: ignore[arg-type] # by the table above
        check_queue(changed)
        return queues.put(changed)

    _show_queues([_carry_out(change)], as_json=as_json)


@queue.command()
@click.argument("name")
@options.data_dir
@options.as_json
def stop(name: str, *, data_dir: Path | None, as_json: bool) -> None:
    """Let the queue NAME drain: it takes and starts no tasks."""
    changed = _carry_out(lambda: _queues(data_dir).set_status(name, QueueStatus.STOPPED))
    _show_queues([changed], as_json=as_json)


@queue.command()
@click.argument("name")
@options.data_dir
@options.as_json
def start(name: str, *, data_dir: Path | None, as_json: bool) -> None:
    """Open the queue NAME again."""
    changed = _carry_out(lambda: _queues(data_dir).set_status(name, QueueStatus.RUNNING))
    _show_queues([changed], as_json=as_json)


@queue.command("drop")
@click.argument("name")
@options.data_dir
@options.as_json
def drop_queue(name: str, data_dir: Path | None, *, as_json: bool) -> None:
    """Remove the queue NAME; tasks that wait in it wait until there is one again."""
    _carry_out(lambda: _queues(data_dir).drop(name))
    print_done(f"dropped queue {name}", "queue drop", name, as_json=as_json)


@click.group()
def resources() -> None:
    """List the pool, add leaves, change their state, drop them."""


@resources.command("list")
@options.data_dir
@options.as_json
def list_resources(data_dir: Path | None, *, as_json: bool) -> None:
    """List all leaves."""
    _show_leaves(_carry_out(_pool(data_dir).leaves), as_json=as_json)


@resources.command()
@click.argument("description")
@options.data_dir
@options.as_json
def add(description: str, *, data_dir: Path | None, as_json: bool) -> None:
    """Add the leaves of DESCRIPTION, such as '/node=new{1}/core={4}'."""

    def change() -> Sequence[Leaf]:
        properties = leaves_of(description)
        for one in properties:
            check_properties(one)
        return _pool(data_dir).add(properties)

    _show_leaves(_carry_out(change), as_json=as_json)


@resources.command()
@click.argument("leaf", type=int)
@click.argument("state", type=click.Choice([state.value for state in LeafState]))
@options.data_dir
@options.as_json
def state(leaf: int, state: str, *, data_dir: Path | None, as_json: bool) -> None:
    """Change the state of LEAF; what runs on a dead one is killed."""
    found = _carry_out(lambda: _pool(data_dir).set_state(leaf, LeafState(state)))
    _show_leaves([found], as_json=as_json)


@resources.command("drop")
@click.argument("leaf", type=int)
@options.data_dir
@options.as_json
def drop_leaf(leaf: int, data_dir: Path | None, *, as_json: bool) -> None:
    """Remove LEAF, which has to be dead."""
    _carry_out(lambda: _pool(data_dir).drop(leaf))
    print_done(f"dropped leaf {leaf}", "resources drop", str(leaf), as_json=as_json)


def _used(reach: Reach) -> Mapping[str, QueueRow]:
    with calling(reach, _ANSWER_SECONDS) as client:
        return {one.name: one for one in client.queues()}


def _show_used(used: Mapping[str, QueueRow], *, as_json: bool) -> None:
    """What another gateway says of its queues."""
    if as_json:
        for one in used.values():
            print_record({"type": "queue", **asdict(one)})
        return
    print_table(
        ("QUEUE", "STATUS", "RUNNING", "WAITING", "SLOTS"),
        [(one.name, one.status, *_use(used, one.name)) for one in used.values()],
    )


def _use(used: Mapping[str, QueueRow], name: str) -> tuple[str, str, str]:
    one = used.get(name)
    if one is None:
        return ("-", "-", "-")
    return (str(one.running), str(one.waiting), f"{one.used_slots} of {one.ceiling_slots}")


def _show_queues(
    found: Sequence[Queue], used: Mapping[str, QueueRow] | None = None, *, as_json: bool
) -> None:
    used = used or {}
    if as_json:
        for one in found:
            known = asdict(used[one.name]) if one.name in used else {}
            print_record({"type": "queue", **known, **asdict(one)})
        return
    print_table(
        ("QUEUE", "STATUS", "RUNNING", "WAITING", "SLOTS", "SHARE", "CEILING", "PRIORITY", "ABOUT"),
        [
            (
                one.name,
                one.status.value,
                *_use(used, one.name),
                f"{one.share:g} %",
                f"{one.ceiling:g} %",
                str(one.priority),
                one.description,
            )
            for one in sorted(found, key=lambda one: one.name)
        ],
    )


def _show_leaves(found: Sequence[Leaf], *, as_json: bool) -> None:
    if as_json:
        for one in found:
            print_record(
                {
                    "type": "leaf",
                    "id": one.id,
                    "state": one.state.value,
                    "properties": dict(one.properties),
                }
            )
        return
    names = sorted({name for one in found for name in one.properties})
    print_table(
        ("LEAF", "STATE", *map(str.upper, names)),
        [
            (str(one.id), one.state.value, *(str(one.properties.get(name, "-")) for name in names))
            for one in found
        ],
    )


def _paths(data_dir: Path | None) -> DataPaths:
    try:
        paths = DataPaths.of(data_dir)
        paths.prepare()
    except DataPathError as error:
        raise click.ClickException(str(error)) from error
    return paths


def _queues(data_dir: Path | None) -> QueueFile:
    return QueueFile(_paths(data_dir).queues)


def _pool(data_dir: Path | None) -> PoolFile:
    paths = _paths(data_dir)
    try:
        config = load(paths.config if paths.config.exists() else None)
    except ConfigError as error:
        raise click.ClickException(str(error)) from error
    return PoolFile(paths.pool, config.runner)


def _carry_out(work: Callable[[], T]) -> T:
    try:
        return work()
    except GatewayError as error:
        raise click.ClickException(error.message) from error
