"""Decides what keeps tasks apart and supervises them, by the settings and by what is possible."""

from __future__ import annotations

from collections.abc import Mapping

from engines.isolation import missing_for_sandbox, missing_for_users
from engines.shim.native import build as native
from gateway.config.settings import Config
from gateway.config.sources import ConfigError, wants_sandbox
from gateway.config.system_users import number_of

__all__ = ["check_shim", "chosen_shim", "is_sandboxed"]


def is_sandboxed(config: Config) -> bool:
    """Whether tasks are to run in a sandbox, which then was tried out. Blocks for a moment.

    Raises:
        ConfigError: the settings want one that cannot be had here, or it is the condition under
            which other machines may reach the gateway.
    """
    if not wants_sandbox(config):
        return False
    runner = config.runner
    if runner.isolation == "users":
        missing = missing_for_users(runner.network, runner.user_ids[0])
        missing = missing or _missing_users(runner.system_users)
    else:
        missing = missing_for_sandbox(runner.network)
    if not missing:
        return True
    if runner.isolation != "auto":
        raise ConfigError(f"runner.isolation = {runner.isolation!r} cannot be kept here: {missing}")
    raise ConfigError(
        f"server.host = {config.server.host!r} is reachable from other machines, and tasks cannot"
        f" be kept in a sandbox here ({missing}): whoever may submit runs code as the gateway's own"
        " user;"
        " set server.acknowledge_trusted_users = true if that is meant"
    )


def _missing_users(named: Mapping[str, str]) -> str:
    """Why accounts cannot be the users of the system that are named; empty if they can."""
    for account, name in named.items():
        try:
            number_of(name)
        except ValueError as error:
            return f"of runner.system_users, {account!r}: {error}"
    return ""


def chosen_shim(config: Config) -> tuple[str, str]:
    """Which shim tasks get on this machine, and why that one. Blocks for a moment.

    It is ``native`` or ``python``, and empty if they are to have the native one and it is missing.
    """
    wanted = config.runner.shim
    if wanted == "python":
        return "python", "runner.shim asks for it"
    built = native.find()
    if built is not None:
        return "native", f"it is at {built}"
    compiler = "there is a C compiler" if native.compiler() else "there is no C compiler"
    why = f"the native one was not built for this version ({compiler} here)"
    return ("", f"runner.shim is native, but {why}") if wanted == "native" else ("python", why)


def check_shim(config: Config) -> str:
    """Which shim tasks get on this machine, and why, in one line. Blocks for a moment.

    Raises:
        ConfigError: they are to have the native one, and it is missing.
    """
    chosen, why = chosen_shim(config)
    if not chosen:
        raise ConfigError(why)
    return f"{chosen}: {why}"
