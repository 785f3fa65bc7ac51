"""Examines a machine: what the gateway needs, what it would like to have, and what it found.

Each examination tries the thing itself where that leaves no trace, and asks nobody else.
"""

from __future__ import annotations

import asyncio
import os
import re
import resource
import secrets
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from engines import cgroups
from engines.isolation import missing_for_sandbox, missing_for_users
from engines.place import PlaceAway, PlaceRefused
from engines.shim import limit_groups
from engines.slurm import SlurmPlace
from gateway.config import Config, ConfigError, load, variables, wants_sandbox
from gateway.config.isolation import chosen_shim
from gateway.data_paths import DataPathError, DataPaths
from gateway.plugins import load_engines
from gateway.stores import keys
from gateway.stores.atomic_file import refuse_network, sync_folder
from gateway.stores.node_registry import SEVERAL, KnownNode, NodeRegistry
from gateway.stores.own_redis import membership
from gateway.stores.redis_client import RedisClient
from gateway.stores.redis_programs import find_server
from gateway.stores.removal import ASIDE, set_aside
from gateway.stores.replies import text
from protocol.errors import GatewayError

__all__ = ["Finding", "Verdict", "examine"]

_ENOUGH_FILES = 4096
_ENOUGH_PROCESSES = 1024
_ENOUGH_BYTES = 1 << 30
_OLDEST_REDIS = 7
_REDIS_VERSION = re.compile(rb"^redis_version:(\d+)\.", re.MULTILINE)


class Verdict(StrEnum):
    """How grave a finding is: only what is missing keeps the gateway from working."""

    WELL = "ok"
    WEAK = "weak"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was examined, and a sentence about it."""

    name: str
    verdict: Verdict
    detail: str


def examine(paths: DataPaths) -> tuple[Finding, ...]:
    """All findings for the gateway of a data folder."""
    try:
        config = load(paths.config if paths.config.exists() else None)
    except ConfigError as error:
        return (Finding("config", Verdict.MISSING, str(error)),)
    return tuple(_findings(config, paths))


def _findings(config: Config, paths: DataPaths) -> Iterator[Finding]:
    source = str(paths.config) if paths.config.exists() else "the shipped defaults"
    changed = variables(os.environ)
    yield Finding("config", Verdict.WELL, f"valid, from {', with '.join((source, *changed))}")
    yield _redis(config, paths)
    yield from _engines(config)
    yield from _slurm(config)
    yield _folder("data folder", paths.data)
    yield _folder("runtime", paths.runtime)
    yield _space(paths.data)
    yield from _unremovable(paths.spool)
    yield _groups()
    yield _limits(config)
    yield _shim(config)
    yield _sandbox(config)
    yield _limit("open files", resource.RLIMIT_NOFILE, _ENOUGH_FILES)
    yield _limit("processes", resource.RLIMIT_NPROC, _ENOUGH_PROCESSES)


def _shim(config: Config) -> Finding:
    """Which shim tasks get, and why that one."""
    chosen, why = chosen_shim(config)
    if not chosen:
        return Finding("shim", Verdict.MISSING, why)
    return Finding("shim", Verdict.WELL, f"{chosen}: {why}")


def _unremovable(spool: Path) -> Iterator[Finding]:
    """Run directories that the gateway could not remove; nothing if there are none."""
    if left := set_aside(spool):
        detail = f"{len(left)} run directories cannot be removed: look in {spool / ASIDE}"
        yield Finding("unremovable", Verdict.WEAK, detail)


def _redis(config: Config, paths: DataPaths) -> Finding:
    if config.redis.url:
        return asyncio.run(_asked(config, paths))
    try:
        server = find_server(config.redis.server)
    except GatewayError as error:
        return Finding("redis", Verdict.MISSING, error.message)
    return Finding(
        "redis", Verdict.WELL, f"{server.stamp} at {server.path}, kept in an append-only file"
    )


async def _asked(config: Config, paths: DataPaths) -> Finding:
    """Whether the server that is named by redis.url answers, and what it is."""
    redis = config.redis
    client = RedisClient(redis.url, timeout=redis.timeout_seconds, calls=1)
    try:
        said = await client.call("INFO", "server")
        holder = text(await client.call("GET", keys.NODE.key()))
        known = await NodeRegistry(client).nodes() if holder == SEVERAL else ()
        digest = text(await client.call("GET", keys.NODE_KEY.key()))
    except GatewayError:
        detail = "the server named by redis.url does not answer, or refuses us"
        return Finding("redis", Verdict.MISSING, detail)
    finally:
        await client.close()
    found = _REDIS_VERSION.search(said) if isinstance(said, bytes) else None
    if found is None or int(found[1]) < _OLDEST_REDIS:
        detail = "the server named by redis.url is no Redis 7.0 or newer, nor a Valkey"
        return Finding("redis", Verdict.MISSING, detail)
    if holder == SEVERAL:
        return _among(config, paths, known, digest)
    if holder not in {"", _node(paths)}:
        detail = f"the server named by redis.url belongs to node {holder}: see 'narthex node'"
        return Finding("redis", Verdict.MISSING, detail)
    return Finding("redis", Verdict.WELL, "the server named by redis.url answers")


def _among(config: Config, paths: DataPaths, known: Sequence[KnownNode], digest: str) -> Finding:
    """Whether this node has its place among several, and which of them give signs of life."""
    names = ", ".join(
        f"{one.name} at {one.address} {'works' if one.works else 'gives no sign of life'}"
        for one in known
    )
    there = f"several nodes are on the server named by redis.url ({names})"
    if not config.node.name:
        return Finding("redis", Verdict.MISSING, f"{there}: this one has no name (node.name)")
    try:
        member = membership(config, paths)
    except DataPathError as error:
        return Finding("redis", Verdict.MISSING, f"{there}: {error}")
    if member is not None and paths.token_key.exists() and member.key != digest:
        detail = f"{there}: this one has another signing key than they (secret/token.key)"
        return Finding("redis", Verdict.MISSING, detail)
    away = [one.name for one in known if not one.works and one.name != config.node.name]
    return Finding("redis", Verdict.WEAK if away else Verdict.WELL, there)


def _node(paths: DataPaths) -> str:
    """The name of this node, or nothing if it has none yet; nothing is made."""
    try:
        return paths.node.read_text("ascii").strip()
    except (OSError, UnicodeError):
        return ""


def _engines(config: Config) -> Iterator[Finding]:
    try:
        engines = load_engines(config)
    except ConfigError as error:
        yield Finding("engines", Verdict.MISSING, str(error))
        return
    if not engines:
        yield Finding("engines", Verdict.MISSING, "none is enabled")
    for name, engine in engines.items():
        health = engine.probe()
        verdict = Verdict.WELL if health.available else Verdict.WEAK
        yield Finding(f"engine {name}", verdict, health.detail)


def _slurm(config: Config) -> Iterator[Finding]:
    """Whether the cluster can be used that tasks are handed to; nothing if there is none."""
    slurm = config.places.slurm
    if not slurm.enabled:
        return
    place = SlurmPlace(slurm.python, slurm.conf, slurm.options)
    health = place.probe()
    yield Finding("place slurm", Verdict.WELL if health.available else Verdict.WEAK, health.detail)
    try:
        absent = sorted(set(slurm.queues.values()) - place.partitions())
    except (PlaceAway, PlaceRefused):
        absent = []
    if absent:
        detail = f"places.slurm.queues names partitions that are not there: {', '.join(absent)}"
        yield Finding("place slurm", Verdict.WEAK, detail)
    if slurm.certificate:
        try:
            Path(slurm.certificate).read_bytes()
        except OSError as error:
            detail = f"cannot read {slurm.certificate}: {error.strerror}"
            yield Finding("place slurm", Verdict.MISSING, detail)


def _folder(name: str, folder: Path) -> Finding:
    """Whether a folder, or what will hold it, is local and keeps what is synced."""
    place = _existing(folder)
    try:
        if place == folder and place.stat().st_uid != os.getuid():
            return Finding(name, Verdict.MISSING, f"{folder} belongs to another user")
        refuse_network(place)
        _try_sync(place)
    except GatewayError as error:
        return Finding(name, Verdict.MISSING, error.message)
    except OSError as error:
        detail = f"cannot write in {place}: {error.strerror}"
        if place != folder:
            detail = f"{folder} is not there and cannot be made: {detail}"
        return Finding(name, Verdict.MISSING, detail)
    if place == folder:
        return Finding(name, Verdict.WELL, f"{folder} is local and can be synced")
    detail = f"{folder} is not there yet; it can be made in {place}, which is local"
    return Finding(name, Verdict.WELL, detail)


def _existing(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder


def _try_sync(folder: Path) -> None:
    file = folder / f".narthex-doctor-{secrets.token_hex(8)}"
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, b"?")
        os.fsync(descriptor)
        sync_folder(folder)
    finally:
        os.close(descriptor)
        file.unlink()


def _space(folder: Path) -> Finding:
    place = _existing(folder)
    free = shutil.disk_usage(place).free
    verdict = Verdict.WELL if free >= _ENOUGH_BYTES else Verdict.WEAK
    return Finding("disk space", verdict, f"{free / 2**30:.1f} GiB free in {place}")


def _sandbox(config: Config) -> Finding:
    """Whether tasks can be kept apart, and whether they are."""
    runner = config.runner
    missing = missing_for_sandbox(runner.network)
    if missing:
        verdict = Verdict.MISSING if wants_sandbox(config) else Verdict.WEAK
        return Finding("sandbox", verdict, f"tasks cannot be kept apart: {missing}")
    alone = missing_for_users(runner.network, runner.user_ids[0])
    if runner.isolation == "users" and alone:
        return Finding("sandbox", Verdict.MISSING, f"tasks cannot be users of their own: {alone}")
    used = "tasks are kept apart" if wants_sandbox(config) else "not used by these settings"
    users = "no users of their own" if alone else "also as a user for each account"
    maker = chosen_shim(config)[0] or "native"
    detail = f"possible, made by the {maker} shim, network {runner.network}, {users}; {used}"
    return Finding("sandbox", Verdict.WELL, detail)


def _groups() -> Finding:
    own = cgroups.own_group()
    made = cgroups.make(own, f"doctor-{secrets.token_hex(8)}")
    if not made:
        return Finding(
            "cgroups", Verdict.WEAK, "no group can be made: runs are found and killed one by one"
        )
    cgroups.remove(made)
    return Finding("cgroups", Verdict.WELL, f"version 2, writable below {own}")


def _limit(name: str, which: int, enough: int) -> Finding:
    soft, hard = resource.getrlimit(which)
    well = resource.RLIM_INFINITY in (soft, hard) or hard >= enough
    verdict = Verdict.WELL if well else Verdict.WEAK
    return Finding(name, verdict, f"limit {_shown(soft)}, at most {_shown(hard)}")


def _limits(config: Config) -> Finding:
    """Which limits can hold for a run as a whole, and whether those that are set do."""
    runner = config.runner
    found = limit_groups.find(cgroups.own_group())
    names = {"memory": "memory_bytes", "pids": "processes", "cpu": "cpu_weight"}
    held = [name for kind, name in names.items() if kind in found]
    less = [name for kind, name in names.items() if kind not in found]
    weak = [name for name in less if getattr(runner, name)]
    own = cgroups.own_group()
    shared = [name for kind, name in names.items() if found.get(kind, own) == own]
    unkept = [f"user_{name}" for name in shared if getattr(runner, f"user_{name}")]
    said = [f"{', '.join(held)} hold for each run as a whole"] if held else []
    if less:
        said.append(f"no control group for {', '.join(less)}: see 'Limits' in operations.md")
    if unkept:
        said.append(f"not kept without control groups of version 1: {', '.join(unkept)}")
    return Finding("limits", Verdict.WEAK if weak or unkept else Verdict.WELL, "; ".join(said))


def _shown(limit: int) -> str:
    return "unlimited" if limit == resource.RLIM_INFINITY else str(limit)
