"""Decides whether tasks run in a sandbox, by the settings and by what this machine allows."""

from __future__ import annotations

from engines.isolation import missing_for_sandbox
from gateway.config.settings import Config
from gateway.config.sources import ConfigError, wants_sandbox

__all__ = ["is_sandboxed"]


def is_sandboxed(config: Config) -> bool:
    """Whether tasks are to run in a sandbox, which then was tried out. Blocks for a moment.

    Raises:
        ConfigError: the settings want one that cannot be had here, or it is the condition under
            which other machines may reach the gateway.
    """
    if not wants_sandbox(config):
        return False
    missing = missing_for_sandbox(config.runner.network)
    if not missing:
        return True
    if config.runner.isolation == "sandbox":
        raise ConfigError(f"runner.isolation = 'sandbox' cannot be kept here: {missing}")
    raise ConfigError(
        f"server.host = {config.server.host!r} is reachable from other machines, and tasks cannot"
        f" be kept in a sandbox here ({missing}): whoever may submit runs code as the gateway's own"
        " user;"
        " set server.acknowledge_trusted_users = true if that is meant"
    )
