"""Where settings come from: the shipped file, then one of the user, then the environment.

A key that is unknown, mistyped, out of bounds or contradictory is refused with one line that names
the key and its source: a misspelt setting never means a default.
"""

from __future__ import annotations

import functools
import ipaddress
import math
import os
import posixpath
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from gateway.config.settings import (
    Config,
    DialectSettings,
    EngineSettings,
    PlaceSettings,
    Runner,
    ServiceSettings,
    SlurmSettings,
)
from protocol.errors import GatewayError
from protocol.pool_description import leaves_of

__all__ = ["ConfigError", "load", "loopback", "variables", "wants_sandbox"]

_PREFIX = "NARTHEX_"
_NOT_SETTINGS = frozenset(
    {
        "CONTEXT",
        "CONTEXTS",
        "CA_FILE",
        *("SERVER", "TOKEN"),
        *("TASK_ID", "RUN_ID", "PROGRESS", "PROGRESS_FD", "RESULTS", "RESULT_ROWS", "RESULT_BYTES"),
        "SPANS",
        *("SPARK_CONF", "SPARK_LOG", "QUEUE", "LEAVES", "NODE_FILE", "LEAF_FILE", "MEMORY_MB"),
    }
)
"""Variables with our prefix for the commands, and for what a task starts: that may be us again."""
_NOT_PREFIXES = ("TEST_", "PORTS_")
_NAMED_SECTIONS = ("engines", "dialects", "services", "places")
_SECTIONS: Mapping[str, type[msgspec.Struct]] = {
    field.name: field.type
    for field in msgspec.structs.fields(Config)
    if field.name not in _NAMED_SECTIONS
}
_OF_DIALECTS = {
    field.name: field.type
    for field in msgspec.structs.fields(DialectSettings)
    if field.name in {"reads", "origins"}
}
"""The keys of every dialect's table whose types are known here."""
_OF_PLACES = {
    field.name: {inner.name: inner.type for inner in msgspec.structs.fields(field.type)}
    for field in msgspec.structs.fields(PlaceSettings)
}
_LANDING = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\]):[0-9]{1,5}", re.ASCII)
_PUBLIC_URL = re.compile(r"https?://[A-Za-z0-9._:\[\]-]{1,255}(?:/[A-Za-z0-9._~-]+)*", re.ASCII)
_NODE_ADDRESS = re.compile(r"https?://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?")
_REDIS_SCHEMES = ("redis://", "rediss://", "unix://")


class ConfigError(Exception):
    """The configuration cannot be used; the message is one line naming key and source."""


def load(
    path: Path | None,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, object] | None = None,
) -> Config:
    """The shipped defaults, overlaid by a file, the environment and the command line, in order.

    ``path`` None means no file. ``environ`` is the process's own if None. ``overrides`` maps
    ``section.key`` to a value from the command line. Raises ConfigError.
    """
    collected = _Collected()
    collected.add_file(_shipped())
    if path is not None:
        collected.add_file(path)
    collected.add_environment(os.environ if environ is None else environ)
    for key, value in (overrides or {}).items():
        section, _, name = key.partition(".")
        collected.put(section, name, value, "the command line")
    return collected.finish()


def variables(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The environment variables that are settings, by name."""
    return tuple(name for name in sorted(environ) if _setting(name) is not None)


def _setting(variable: str) -> str | None:
    """What of a variable's name says which setting it is; None if it is none."""
    name = variable.removeprefix(_PREFIX)
    none = name == variable or name in _NOT_SETTINGS or name.startswith(_NOT_PREFIXES)
    return None if none else name


def loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens at ``host``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def wants_sandbox(config: Config) -> bool:
    """Whether by these settings tasks are to run in a sandbox, whether or not it can be had."""
    if config.runner.isolation == "auto":
        return not (loopback(config.server.host) or config.server.acknowledge_trusted_users)
    return config.runner.isolation in {"sandbox", "users"}


_NO_USER = 0xFFFF_FFFE


@functools.cache
def _types(section: str) -> Mapping[str, Any]:
    """The keys of a section, each with the type of its value."""
    return {field.name: field.type for field in msgspec.structs.fields(_SECTIONS[section])}


class _Collected:
    """Settings on their way: raw values by section and key, each with the source it came from."""

    def __init__(self) -> None:
        self._values: dict[str, dict[str, object]] = {name: {} for name in _SECTIONS}
        self._named: dict[str, dict[str, dict[str, object]]] = {n: {} for n in _NAMED_SECTIONS}
        self._sources: dict[str, str] = {}

    def add_file(self, path: Path) -> None:
        source = str(path)
        try:
            tables = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"cannot read {source}: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{source} is not valid TOML: {_one_line(error)}") from error
        for section, table in tables.items():
            if section not in self._values and section not in self._named:
                raise ConfigError(f"unknown section [{section}] in {source}")
            if not isinstance(table, dict):
                raise ConfigError(f"{section} in {source} must be a table")
            for key, value in table.items():
                if section in self._named:
                    self._put_table(section, key, value, source)
                else:
                    self.put(section, key, value, source)

    def add_environment(self, environ: Mapping[str, str]) -> None:
        for variable in variables(environ):
            name = variable.removeprefix(_PREFIX).lower()
            self._put_variable(name, environ[variable], f"environment variable {variable}")

    def put(self, section: str, key: str, value: object, source: str) -> None:
        if section not in _SECTIONS:
            raise ConfigError(f"unknown section [{section}] in {source}")
        types = _types(section)
        if key not in types:
            raise ConfigError(f"unknown key {section}.{key} in {source}")
        self._values[section][key] = _convert(f"{section}.{key}", value, types[key], source)
        self._sources[f"{section}.{key}"] = source

    def finish(self) -> Config:
        sections = {
            name: msgspec.convert(self._values[name], kind) for name, kind in _SECTIONS.items()
        }
        engines = {
            name: EngineSettings(bool(table.pop("enabled", True)), table)
            for name, table in self._named["engines"].items()
        }
        dialects = {
            name: msgspec.convert(
                {
                    "enabled": table.pop("enabled", True),
                    "mount": table.pop("mount", ""),
                    "reads": table.pop("reads", ""),
                    "origins": table.pop("origins", ()),
                    "settings": table,
                },
                DialectSettings,
            )
            for name, table in self._named["dialects"].items()
        }
        services = {
            name: ServiceSettings(bool(table.pop("enabled", True)), table)
            for name, table in self._named["services"].items()
        }
        places = msgspec.convert(self._named["places"], PlaceSettings)
        named = {"engines": engines, "dialects": dialects, "services": services, "places": places}
        config = msgspec.convert({**sections, **named}, Config, from_attributes=True)
        self._check(config)
        return config

    def _put_table(self, section: str, name: str, table: object, source: str) -> None:
        if not isinstance(table, dict):
            raise ConfigError(f"{section}.{name} in {source} must be a table")
        for key, value in table.items():
            self._put_named(section, name, key, value, source)

    def _put_named(self, section: str, name: str, key: str, value: object, source: str) -> None:
        place = f"{section}.{name}.{key}"
        if section == "places":
            types = _OF_PLACES.get(name, {})
            if key not in types:
                raise ConfigError(f"unknown key {place} in {source}")
            value = _convert(place, value, types[key], source)
        elif key == "enabled":
            value = _convert(place, value, bool, source)
        elif key == "mount" and section == "dialects":
            value = _mount(place, _convert(place, value, str, source), source)
        elif key in _OF_DIALECTS and section == "dialects":
            value = _convert(place, value, _OF_DIALECTS[key], source)
        self._named[section].setdefault(name, {})[key] = value
        self._sources[place] = source

    def _put_variable(self, name: str, text: str, source: str) -> None:
        section, _, key = name.partition("_")
        if section in self._values:
            types = _types(section)
            self.put(section, key, _parse(text, types.get(key)), source)
            return
        known = sorted(self._named.get(section, ()), key=len, reverse=True)
        for table in known:
            if key.startswith(f"{table}_"):
                self._put_named(section, table, key.removeprefix(f"{table}_"), _guess(text), source)
                return
        raise ConfigError(f"no setting is called {_PREFIX}{name.upper()}, from {source}")

    def _check(self, config: Config) -> None:
        server = config.server
        trusting = config.runner.isolation == "none" and not server.acknowledge_trusted_users
        if not loopback(server.host) and trusting:
            raise ConfigError(
                f"server.host = {server.host!r} from {self._sources['server.host']} is reachable "
                "from other machines: whoever may submit runs code as the gateway's own user; "
                "set runner.isolation = 'sandbox', or server.acknowledge_trusted_users = true "
                "if that is meant"
            )
        if server.tls_key and not server.tls_certificate:
            raise ConfigError(
                f"server.tls_key from {self._sources['server.tls_key']} needs a"
                " server.tls_certificate"
            )
        if server.public_url and not _PUBLIC_URL.fullmatch(server.public_url):
            raise ConfigError(
                f"server.public_url from {self._sources['server.public_url']} must be an address"
                " such as https://jobs.example.org, without a slash at its end"
            )
        if config.redis.url and not config.redis.url.startswith(_REDIS_SCHEMES):
            # Not the URL itself: it may hold a password.
            raise ConfigError(
                f"redis.url from {self._sources['redis.url']} must begin with "
                f"{', '.join(_REDIS_SCHEMES[:-1])} or {_REDIS_SCHEMES[-1]}"
            )
        self._check_node(config)
        for text in server.trusted_proxies:
            try:
                ipaddress.ip_network(text, strict=False)
            except ValueError as error:
                raise ConfigError(
                    f"server.trusted_proxies from {self._sources['server.trusted_proxies']}:"
                    f" {text!r} is neither an address nor a network such as 10.0.0.0/8"
                ) from error
        self._ordered("auth.token_seconds", "auth.max_token_seconds", config.auth)
        self._ordered("limits.queued_per_user", "limits.queued_total", config.limits)
        self._ordered("limits.sockets_per_user", "limits.sockets", config.limits)
        self._ordered("runner.running_per_user", "runner.running_total", config.runner)
        self._check_pool(config.runner)
        self._check_slurm(config.places.slurm)
        self._check_sandbox(config)
        self._ordered("sessions.per_user", "sessions.total", config.sessions)
        self._ordered("limits.code_bytes", "limits.body_bytes", config.limits)
        self._ordered("limits.body_bytes", "limits.unread_bytes_per_user", config.limits)
        self._ordered("limits.message_bytes", "limits.unread_bytes_per_user", config.limits)
        self._ordered("limits.unread_bytes_per_user", "limits.unread_bytes", config.limits)

    def _check_node(self, config: Config) -> None:
        node = config.node
        if not node.name:
            return
        if not config.redis.url:
            raise ConfigError("node.name needs a Redis that all nodes reach: set redis.url")
        if not _NODE_ADDRESS.fullmatch(node.address):
            raise ConfigError(
                "node.address must be where the other nodes reach this one, such as"
                " http://10.0.0.1:8765, without a path"
            )

    def _check_sandbox(self, config: Config) -> None:
        runner = config.runner
        if wants_sandbox(config) and config.places.slurm.enabled:
            raise ConfigError(
                "places.slurm.enabled needs runner.isolation = 'none': tasks on a cluster are not "
                "kept apart"
            )
        if runner.isolation != "users" and (runner.system_users or runner.same_users):
            raise ConfigError(
                "runner.system_users and runner.same_users need runner.isolation = 'users': else"
                " all tasks are one user of the system"
            )
        if sum(runner.user_ids) > _NO_USER:
            raise ConfigError(
                f"runner.user_ids from {self._sources['runner.user_ids']}: there are no users of"
                f" the system beyond {_NO_USER}"
            )
        known = {"all", *config.engines}
        for name in ("sandbox_read_only", "sandbox_writable"):
            for engine, paths in getattr(runner, name).items():
                place = f"runner.{name} from {self._sources[f'runner.{name}']}"
                if engine not in known:
                    raise ConfigError(f"{place}: {engine!r} is no engine, nor 'all'")
                for path in paths:
                    if not path.startswith("/") or path != posixpath.normpath(path) or path == "/":
                        raise ConfigError(
                            f"{place}: {path!r} is no whole path of a file or folder below /"
                        )

    def _check_pool(self, runner: Runner) -> None:
        try:
            if runner.pool:
                leaves_of(runner.pool)
        except GatewayError as error:
            raise ConfigError(
                f"runner.pool from {self._sources['runner.pool']}: {error.message}"
            ) from error
        first, last = runner.ports
        if not 1 <= first <= last:
            raise ConfigError(
                f"runner.ports from {self._sources['runner.ports']} must be the first and the last"
            )

    def _check_slurm(self, slurm: SlurmSettings) -> None:
        if not slurm.enabled:
            return
        for key, text in (("landing", slurm.landing), ("listen", slurm.listen)):
            if (text or key == "landing") and not _LANDING.fullmatch(text):
                raise ConfigError(
                    f"places.slurm.{key} from {self._sources[f'places.slurm.{key}']} must be an"
                    f" address and a port such as 10.0.0.1:9101, got {text!r}"
                )
        if slurm.certificate == "" and not all(
            loopback(text.rpartition(":")[0]) for text in (slurm.landing, slurm.listen) if text
        ):
            raise ConfigError(
                f"places.slurm.landing from {self._sources['places.slurm.landing']} is reachable"
                " from other machines: code and secrets of tasks pass there, so it needs"
                " places.slurm.certificate"
            )
        if "default" in slurm.queues:
            raise ConfigError(
                f"places.slurm.queues from {self._sources['places.slurm.queues']}: the default"
                " queue is that of this machine"
            )

    def _ordered(self, smaller: str, larger: str, table: msgspec.Struct) -> None:
        low = getattr(table, smaller.partition(".")[2])
        high = getattr(table, larger.partition(".")[2])
        if low > high:
            raise ConfigError(
                f"{smaller} = {low} from {self._sources[smaller]} is more than "
                f"{larger} = {high} from {self._sources[larger]}"
            )


def _shipped() -> Path:
    """The defaults: in the package if it is installed, at the root in a checkout."""
    _, package, root = Path(__file__).parents[:3]
    inside = package / "config.toml"
    return inside if inside.exists() else root / "config.toml"


def _convert(place: str, value: object, kind: object, source: str) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{place} in {source}: must be a finite number")
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{place} in {source}: {_one_line(error)}") from error


def _parse(text: str, kind: object) -> object:
    """The text of a variable as the kind of value that its key wants, as far as it can be read."""
    if kind == tuple[str, ...]:
        return [part.strip() for part in text.split(",") if part.strip()]
    if kind is str or kind is None:
        return text
    try:
        return msgspec.convert(text, kind, strict=False)
    except msgspec.ValidationError:
        return _guess(text)


def _guess(text: str) -> object:
    """The text as TOML would read it if it is a plain TOML value, else as itself."""
    try:
        value: object = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
    return value


def _mount(place: str, value: object, source: str) -> str:
    mount = str(value)
    if mount and (not mount.startswith("/") or mount.endswith("/") or "//" in mount):
        raise ConfigError(
            f"{place} in {source}: must be empty or a path such as '/jobs', got {mount!r}"
        )
    return mount


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
