"""The commands ``node``: whose Redis it is that the settings name, and taking it over."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import click
import hiredis

from gateway import clock
from gateway.cli import options
from gateway.cli.lines import print_done, print_record
from gateway.cli.table import moment, print_table
from gateway.config import Config, ConfigError, load
from gateway.data_paths import DataPathError, DataPaths
from gateway.stores import keys
from gateway.stores.abandoned import abandon
from gateway.stores.node_claim import node_name
from gateway.stores.node_registry import SEVERAL, KnownNode, NodeRegistry
from gateway.stores.redis_client import RedisClient
from gateway.stores.replies import text
from protocol.errors import GatewayError

__all__ = ["node"]

_NO_ANSWER = "the server named by redis.url does not answer"


@click.group()
def node() -> None:
    """Show which nodes work on a Redis, or forget one that is gone."""


@node.command(name="list")
@options.data_dir
@options.as_json
def list_nodes(data_dir: Path | None, *, as_json: bool) -> None:
    """List the nodes on the Redis of redis.url."""
    paths, config = _settings(data_dir)
    own = _own(paths)
    known: Sequence[KnownNode] = ()
    holder = own
    if config.redis.url:
        holder, works, known = asyncio.run(_seen(config))
        if holder != SEVERAL:
            known = [KnownNode(holder, holder, "", 0, 0, works)] if holder else []
    if as_json:
        for one in known:
            print_record(_record(one, own))
        return
    rows = [
        (
            one.name,
            one.address,
            "works" if one.works else "gives no sign of life",
            moment(one.seen_ms) if one.seen_ms else "",
            "this node" if one.id == own else "",
        )
        for one in known
    ]
    print_table(("NODE", "ADDRESS", "STATE", "LAST SEEN", ""), rows)


@node.command()
@options.data_dir
@options.as_json
def show(data_dir: Path | None, *, as_json: bool) -> None:
    """Show this node, and the node to which its Redis belongs."""
    paths, config = _settings(data_dir)
    own = _own(paths)
    known: Sequence[KnownNode] = ()
    holder, works = own, False
    if config.redis.url:
        holder, works, known = asyncio.run(_seen(config))
    record: dict[str, object] = {
        "type": "node",
        "node": own,
        "redis": "named by redis.url" if config.redis.url else "private",
        "holder": holder,
        "runner": works or any(one.works for one in known if one.id == own),
        "name": config.node.name,
        "address": config.node.address,
        "nodes": len(known) or 1,
    }
    if as_json:
        print_record(record)
    else:
        whose = "this node" if holder == own else holder or "nobody yet"
        shown = config.node.name or own
        print_table(("NODE", "REDIS", "BELONGS TO"), [(shown, str(record["redis"]), whose)])


@node.command()
@click.argument("name", required=False, default="")
@options.data_dir
@options.as_json
@click.option("--yes", is_flag=True, help="Do not ask.")
def forget(name: str, data_dir: Path | None, *, as_json: bool, yes: bool) -> None:
    """Forget a node that is gone for good.

    Of several nodes it is the one of that NAME: its tasks that were not over are shown as lost, and
    it is refused for ever. Of a node that worked alone no NAME is given: the next gateway that
    starts has that Redis, and shows as lost what it has no run directory of.
    """
    _, config = _settings(data_dir)
    if not config.redis.url:
        raise click.ClickException("the private Redis belongs to its data folder: nothing to do")
    holder, works, known = asyncio.run(_seen(config))
    if not holder and not name:
        raise click.ClickException("that Redis belongs to nobody yet: nothing to do")
    if holder == SEVERAL or (name and not holder):
        _forget_one(config, name, known, as_json=as_json, yes=yes)
        return
    if name not in {"", holder}:
        raise click.ClickException(f"no node {name} works there: node {holder} does, alone")
    if works:
        raise click.ClickException(f"node {holder} works there at this moment: stop it first")
    if not yes:
        click.confirm(f"Forget node {holder}, and have its tasks shown as lost?", abort=True)
    if not asyncio.run(_forget(config, holder)):
        raise click.ClickException("it has begun to work meanwhile: stop it first")
    print_done(
        f"node {holder} is forgotten; the next gateway that starts has that Redis",
        "node forget",
        holder,
        as_json=as_json,
    )


def _forget_one(
    config: Config, name: str, known: Sequence[KnownNode], *, as_json: bool, yes: bool
) -> None:
    """Forgets one of several nodes; a forgetting that broke off is gone on with."""
    if not name:
        names = ", ".join(one.name for one in known)
        raise click.ClickException(f"say which node ({names}): narthex node forget NAME")
    found = next((one for one in known if one.name == name), None)
    if found is None and name not in asyncio.run(_forgotten(config)):
        raise click.ClickException(f"no node is called {name} there")
    if found is not None and found.works:
        raise click.ClickException(f"node {name} works there at this moment: stop it first")
    if not yes:
        click.confirm(f"Forget node {name}, and have its tasks shown as lost?", abort=True)
    heir = next((one.name for one in known if one.name != name), "")
    lost = asyncio.run(_abandoned(config, name, heir, sent=found is None))
    if lost is None:
        raise click.ClickException("it has begun to work meanwhile: stop it first")
    print_done(
        f"node {name} is forgotten; {lost} of its tasks are lost",
        "node forget",
        name,
        as_json=as_json,
    )


def _record(one: KnownNode, own: str) -> dict[str, object]:
    return {
        "type": "known_node",
        "name": one.name,
        "address": one.address,
        "works": one.works,
        "since_ms": one.since_ms,
        "seen_ms": one.seen_ms,
        "this": one.id == own,
    }


def _settings(data_dir: Path | None) -> tuple[DataPaths, Config]:
    paths = DataPaths.of(data_dir)
    try:
        paths.prepare()
        return paths, load(paths.config if paths.config.exists() else None)
    except (ConfigError, DataPathError) as error:
        raise click.ClickException(str(error)) from error


def _own(paths: DataPaths) -> str:
    try:
        return node_name(paths.node)
    except OSError as error:
        raise click.ClickException(f"cannot use {paths.node}: {error.strerror}") from error


async def _seen(config: Config) -> tuple[str, bool, Sequence[KnownNode]]:
    """Whose it is, whether a runner gives a sign of life there, and the nodes if it is several."""
    client = _client(config)
    try:
        holder = text(await client.call("GET", keys.NODE.key()))
        works = bool(await client.call("EXISTS", keys.READY.key()))
        known = await NodeRegistry(client).nodes() if holder == SEVERAL else ()
    except (GatewayError, hiredis.HiredisError) as error:
        raise click.ClickException(_NO_ANSWER) from error
    finally:
        await client.close()
    return holder, works, known


async def _forgotten(config: Config) -> frozenset[str]:
    client = _client(config)
    try:
        return await NodeRegistry(client).forgotten()
    except GatewayError as error:
        raise click.ClickException(_NO_ANSWER) from error
    finally:
        await client.close()


async def _abandoned(config: Config, name: str, heir: str, *, sent: bool) -> int | None:
    """How many tasks are lost with a node; None if it works. ``sent`` away it may be already."""
    client = _client(config, name)
    try:
        if not sent and not await NodeRegistry(client).send_away(name):
            return None
        return await abandon(client, name, clock.now_ms(), heir)
    except GatewayError as error:
        raise click.ClickException(_NO_ANSWER) from error
    finally:
        await client.close()


async def _forget(config: Config, holder: str) -> bool:
    """Whether the key was removed; not if it is another's by now, or its runner has come back."""
    client = _client(config)
    try:
        names = (keys.NODE.key(), keys.READY.key())
        return bool(await client.run("forget_node", names, node=holder))
    except GatewayError as error:
        raise click.ClickException(_NO_ANSWER) from error
    finally:
        await client.close()


def _client(config: Config, space: str = "") -> RedisClient:
    return RedisClient(config.redis.url, timeout=config.redis.timeout_seconds, calls=2, space=space)
