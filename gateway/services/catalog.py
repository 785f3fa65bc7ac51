"""The tables of all services as one, complete and without contradiction before anything is served.

Two services that carry out the same command, and a command that none carries out, are refused at
the start: a request never finds out.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import protocol.commands
from gateway.config import ConfigError
from gateway.services.service import Service, Verb
from protocol.command import Command, Each, Given, Reworded, Then

__all__ = ["commands_of", "join"]


def join(
    services: Iterable[Service], wanted: Iterable[type[Command[Any]]]
) -> Mapping[type[Command[Any]], Verb[Any, Any]]:
    """Every verb by its command; ``wanted`` are the commands that must be among them.

    Raises:
        ConfigError: a command has two rows or none.
    """
    table: dict[type[Command[Any]], Verb[Any, Any]] = {}
    owners: dict[type[Command[Any]], str] = {}
    for service in services:
        name = type(service).__qualname__
        for verb in service.verbs:
            if verb.command in table:
                raise ConfigError(
                    f"services: {verb.command.__name__} is carried out by both"
                    f" {owners[verb.command]} and {name}"
                )
            table[verb.command], owners[verb.command] = verb, name
    missing = sorted(command.__name__ for command in set(wanted) - table.keys())
    if missing:
        raise ConfigError(
            f"services: no service carries out {', '.join(missing)}"
            " (after an update of files, install the package again)"
        )
    return table


def commands_of(packages: Iterable[str]) -> frozenset[type[Command[Any]]]:
    """The commands that the product and the named top-level packages define.

    Of the product all, of another package those in modules that are loaded.
    """
    for module in pkgutil.iter_modules(protocol.commands.__path__):
        importlib.import_module(f"{protocol.commands.__name__}.{module.name}")
    tops = {"protocol", *packages}
    modules = [
        (name, module)
        for name, module in tuple(sys.modules.items())
        if name.partition(".")[0] in tops
    ]
    return frozenset(
        value
        for name, module in modules
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Command)
        and not issubclass(value, Then | Each | Given | Reworded)
        and value is not Command
        and value.__module__ == name
    )
