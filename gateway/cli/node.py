"""The commands ``node``: whose Redis it is that the settings name, and taking it over."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click
import hiredis

from gateway.cli import options
from gateway.cli.lines import print_done, print_record
from gateway.cli.table import print_table
from gateway.config import Config, ConfigError, load
from gateway.data_paths import DataPathError, DataPaths
from gateway.stores import keys
from gateway.stores.node_claim import node_name
from gateway.stores.redis_client import RedisClient
from gateway.stores.replies import text
from protocol.errors import GatewayError

__all__ = ["node"]


@click.group()
def node() -> None:
    """Show whose Redis it is, or take it over from a node that is gone."""


@node.command()
@options.data_dir
@options.as_json
def show(data_dir: Path | None, *, as_json: bool) -> None:
    """Show this node, and the node to which its Redis belongs."""
    paths, config = _settings(data_dir)
    own = _own(paths)
    holder, works = asyncio.run(_holder(config)) if config.redis.url else (own, False)
    record: dict[str, object] = {
        "type": "node",
        "node": own,
        "redis": "named by redis.url" if config.redis.url else "private",
        "holder": holder,
        "runner": works,
    }
    if as_json:
        print_record(record)
    else:
        whose = "this node" if holder == own else holder or "nobody yet"
        print_table(("NODE", "REDIS", "BELONGS TO"), [(own, str(record["redis"]), whose)])


@node.command()
@options.data_dir
@options.as_json
@click.option("--yes", is_flag=True, help="Do not ask.")
def forget(data_dir: Path | None, *, as_json: bool, yes: bool) -> None:
    """Take the Redis of redis.url from the node that it belongs to.

    Only for a node that is gone for good: its tasks become those of the next node that starts,
    which shows as lost what it has no run directory of.
    """
    _, config = _settings(data_dir)
    if not config.redis.url:
        raise click.ClickException("the private Redis belongs to its data folder: nothing to do")
    holder, works = asyncio.run(_holder(config))
    if not holder:
        raise click.ClickException("that Redis belongs to nobody yet: nothing to do")
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


async def _holder(config: Config) -> tuple[str, bool]:
    """Whose it is, and whether a runner gives a sign of life there."""
    client = _client(config)
    try:
        holder = await client.call("GET", keys.NODE.key())
        works = await client.call("EXISTS", keys.READY.key())
    except (GatewayError, hiredis.HiredisError) as error:
        raise click.ClickException("the server named by redis.url does not answer") from error
    finally:
        await client.close()
    return text(holder) if holder is not None else "", bool(works)


async def _forget(config: Config, holder: str) -> bool:
    """Whether the key was removed; not if it is another's by now, or its runner has come back."""
    client = _client(config)
    try:
        names = (keys.NODE.key(), keys.READY.key())
        return bool(await client.run("forget_node", names, node=holder))
    except GatewayError as error:
        raise click.ClickException("the server named by redis.url does not answer") from error
    finally:
        await client.close()


def _client(config: Config) -> RedisClient:
    return RedisClient(config.redis.url, timeout=config.redis.timeout_seconds, calls=2)
