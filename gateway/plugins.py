"""Finds engines, dialects and services by their entry points; ours come the same way as yours.

Imports only what the configuration enables. A plugin that cannot be loaded is an error of the
configuration that names it: it is never left out in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

from engines.contract import Engine
from gateway.config import Config, ConfigError, DialectSettings
from protocol.accounts import Reads
from protocol.dialect import Dialect
from protocol.errors import GatewayError

__all__ = [
    "DIALECTS",
    "ENGINES",
    "SERVICES",
    "Mount",
    "load_dialects",
    "load_engines",
    "load_services",
    "named_services",
]

ENGINES = "narthex.engines"
DIALECTS = "narthex.dialects"
SERVICES = "narthex.services"
_OURS = "narthex"


def load_engines(config: Config) -> dict[str, Engine]:
    """The enabled engines by name, each constructed with its table of settings."""
    found = _found(ENGINES)
    engines: dict[str, Engine] = {}
    for name, settings in config.engines.items():
        if settings.enabled:
            engines[name] = cast("Engine", _build(found, "engine", name, settings.settings))
    return engines


@dataclass(frozen=True, slots=True)
class Mount:
    """A dialect where it is served.

    ``prefix`` stands before its paths. ``reads`` is whose shared tasks its routes may read, None
    for what each route says by itself. ``origins`` are web origins that may use it besides those of
    the server, ``*`` for any.
    """

    prefix: str
    dialect: Dialect
    reads: Reads | None = None
    origins: tuple[str, ...] = ()


def load_dialects(config: Config, address: str = "") -> tuple[Mount, ...]:
    """The enabled dialects, in the order of the configuration, each with where it is mounted.

    ``address`` is the ``host:port`` of this gateway; a dialect whose setting ``instance`` is empty
    is told it there.
    """
    found = _found(DIALECTS)
    return tuple(
        Mount(
            settings.mount,
            cast("Dialect", _build(found, "dialect", name, _reported(settings, address))),
            Reads(settings.reads) if settings.reads else None,
            settings.origins,
        )
        for name, settings in config.dialects.items()
        if settings.enabled
    )


def load_services(config: Config) -> tuple[type[Any], ...]:
    """The classes of the services: ours, and those of other packages that the settings enable.

    Each is a ``gateway.services.parts.Buildable``.
    """
    found = _found(SERVICES)
    return tuple(
        cast("type[Any]", _loaded(found, "service", name)) for name in named_services(config)
    )


def named_services(config: Config) -> tuple[str, ...]:
    """The names of the services to be loaded, in order; loads none of them.

    Raises:
        ConfigError: one is enabled that is not installed.
    """
    found = _found(SERVICES)
    asked = config.services
    off = {name for name, settings in asked.items() if not settings.enabled}
    ours = {name for name, point in found.items() if point.dist and point.dist.name == _OURS}
    names = tuple(sorted((ours | asked.keys()) - off))
    for name in names:
        _point(found, "service", name)
    return names


def _reported(settings: DialectSettings, address: str) -> dict[str, object]:
    """A dialect's own table, its mount, and where the gateway is if the table leaves that open."""
    reported: dict[str, object] = {**settings.settings, "mount": settings.mount}
    if address and reported.get("instance") == "":
        reported["instance"] = address
    return reported


def _found(group: str) -> dict[str, EntryPoint]:
    """The installed entry points by name; two packages that use the same name are refused."""
    points: Iterable[EntryPoint] = entry_points(group=group)
    found: dict[str, EntryPoint] = {}
    for point in points:
        other = found.setdefault(point.name, point)
        if other.value != point.value:
            raise ConfigError(
                f"{point.name}: two packages bring one of that name ({other.value}, {point.value})"
            )
    return found


def _build(found: dict[str, EntryPoint], kind: str, name: str, argument: object) -> object:
    factory = cast("Callable[[object], object]", _loaded(found, kind, name))
    try:
        return factory(argument)
    except (ImportError, AttributeError, TypeError, ValueError, GatewayError) as error:
        raise ConfigError(f"{kind}s.{name}: cannot be loaded: {error}") from error


def _loaded(found: dict[str, EntryPoint], kind: str, name: str) -> object:
    point = _point(found, kind, name)
    try:
        return cast("object", point.load())
    except (ImportError, AttributeError, TypeError, ValueError, GatewayError) as error:
        raise ConfigError(f"{kind}s.{name}: cannot be loaded: {error}") from error


def _point(found: dict[str, EntryPoint], kind: str, name: str) -> EntryPoint:
    point = found.get(name)
    if point is None:
        known = ", ".join(sorted(found)) or "none"
        raise ConfigError(f"{kind}s.{name}: no {kind} of that name is installed (known: {known})")
    return point
