"""Decides what keeps tasks apart and supervises them, by the settings and by what is possible."""

from __future__ import annotations

from engines.isolation import missing_for_sandbox, missing_for_users
from engines.launcher import ShimChoice
from gateway.config.settings import Config
from gateway.config.sources import ConfigError, wants_sandbox

__all__ = ["is_sandboxed", "usable_shim"]


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


def usable_shim(config: Config, *, sandboxed: bool) -> ShimChoice:
    """Which shim tasks get: the native one makes no sandboxes, and limits each process only."""
    runner = config.runner
    limited = bool(runner.memory_bytes or runner.processes or runner.cpu_weight)
    return "python" if sandboxed or (limited and runner.shim == "auto") else runner.shim
