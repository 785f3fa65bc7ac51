"""Examines a machine: what the gateway needs, what it would like to have, and what it found.

Each examination tries the thing itself where that leaves no trace, and asks nobody else.
"""

from __future__ import annotations

import os
import resource
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from engines import cgroups
from gateway.config import Config, ConfigError, load
from gateway.places import Places
from gateway.plugins import load_engines
from gateway.stores.embedded import find_server
from gateway.stores.files import refuse_network, sync_folder
from protocol.errors import GatewayError

__all__ = ["Finding", "Verdict", "examine"]

_ENOUGH_FILES = 4096
_ENOUGH_PROCESSES = 1024
_ENOUGH_BYTES = 1 << 30


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


def examine(places: Places) -> tuple[Finding, ...]:
    """All findings for the gateway of a data folder."""
    try:
        config = load(places.config if places.config.exists() else None)
    except ConfigError as error:
        return (Finding("config", Verdict.MISSING, str(error)),)
    return tuple(_findings(config, places))


def _findings(config: Config, places: Places) -> Iterator[Finding]:
    source = places.config if places.config.exists() else "the shipped defaults"
    yield Finding("config", Verdict.WELL, f"valid, from {source}")
    yield _redis(config)
    yield from _engines(config)
    yield _folder("data folder", places.data)
    yield _folder("runtime", places.runtime)
    yield _space(places.data)
    yield _groups()
    yield _limit("open files", resource.RLIMIT_NOFILE, _ENOUGH_FILES)
    yield _limit("processes", resource.RLIMIT_NPROC, _ENOUGH_PROCESSES)


def _redis(config: Config) -> Finding:
    if config.redis.url:
        return Finding("redis", Verdict.WELL, "configured by redis.url; asked when serving")
    try:
        path, version = find_server(config.redis.server)
    except GatewayError as error:
        return Finding("redis", Verdict.MISSING, error.message)
    said = ".".join(map(str, version))
    return Finding("redis", Verdict.WELL, f"{said} at {path}, kept in an append-only file")


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


def _folder(name: str, folder: Path) -> Finding:
    """Whether a folder, or what will hold it, is local and keeps what is synced."""
    place = _existing(folder)
    try:
        refuse_network(place)
        _try_sync(place)
    except GatewayError as error:
        return Finding(name, Verdict.MISSING, error.message)
    except OSError as error:
        return Finding(name, Verdict.MISSING, f"cannot write in {place}: {error.strerror}")
    return Finding(name, Verdict.WELL, f"{folder} is local and can be synced")


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
    free = shutil.disk_usage(_existing(folder)).free
    verdict = Verdict.WELL if free >= _ENOUGH_BYTES else Verdict.WEAK
    return Finding("disk space", verdict, f"{free / 2**30:.1f} GiB free")


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


def _shown(limit: int) -> str:
    return "unlimited" if limit == resource.RLIM_INFINITY else str(limit)
