"""Settings: what there is to set, and where it may be set."""

from gateway.config.settings import (
    Auth,
    Config,
    DialectSettings,
    EngineSettings,
    Files,
    Limits,
    Log,
    Objects,
    Redis,
    Results,
    Retention,
    Runner,
    Server,
    Sessions,
)
from gateway.config.sources import ConfigError, load, loopback

__all__ = [
    "Auth",
    "Config",
    "ConfigError",
    "DialectSettings",
    "EngineSettings",
    "Files",
    "Limits",
    "Log",
    "Objects",
    "Redis",
    "Results",
    "Retention",
    "Runner",
    "Server",
    "Sessions",
    "load",
    "loopback",
]
