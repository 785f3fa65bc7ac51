"""Finds engines and dialects by their entry points; ours come the same way as yours.

Imports only what the configuration enables. A plugin that cannot be loaded is an error of the
configuration that names it: it is never left out in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from engines.contract import Engine
from gateway.config import Config, ConfigError, DialectSettings
from protocol.dialect import Dialect
from protocol.errors import GatewayError

__all__ = ["DIALECTS", "ENGINES", "load_dialects", "load_engines"]

ENGINES = "narthex.engines"
DIALECTS = "narthex.dialects"


def load_engines(config: Config) -> dict[str, Engine]:
    """The enabled engines by name, each constructed with its table of settings."""
    found = _found(ENGINES)
    engines: dict[str, Engine] = {}
    for name, settings in config.engines.items():
        if settings.enabled:
            engines[name] = cast("Engine", _build(found, "engine", name, settings.settings))
    return engines


def load_dialects(config: Config, address: str = "") -> tuple[tuple[str, Dialect], ...]:
    """The enabled dialects, in the order of the configuration, each with where it is mounted.

    ``address`` is the ``host:port`` of this gateway; a dialect whose setting ``instance`` is empty
    is told it there.
    """
    found = _found(DIALECTS)
    return tuple(
        (settings.mount, cast("Dialect", _build(found, "dialect", name, _told(settings, address))))
        for name, settings in config.dialects.items()
        if settings.enabled
    )


def _told(settings: DialectSettings, address: str) -> dict[str, object]:
    """A dialect's own table, its mount, and where the gateway is if the table leaves that open."""
    told = {**settings.settings, "mount": settings.mount}
    return told | {"instance": address} if address and told.get("instance") == "" else told


def _found(group: str) -> dict[str, EntryPoint]:
    points: Iterable[EntryPoint] = entry_points(group=group)
    return {point.name: point for point in points}


def _build(found: dict[str, EntryPoint], kind: str, name: str, argument: object) -> object:
    point = found.get(name)
    if point is None:
        known = ", ".join(sorted(found)) or "none"
        raise ConfigError(f"{kind}s.{name}: no {kind} of that name is installed (known: {known})")
    try:
        factory = cast("Callable[[object], object]", point.load())
        return factory(argument)
    except (ImportError, AttributeError, TypeError, ValueError, GatewayError) as error:
        raise ConfigError(f"{kind}s.{name}: cannot be loaded: {error}") from error
