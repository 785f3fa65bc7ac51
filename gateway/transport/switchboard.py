"""Which dialect answers a path: the mounted tables, tried in the order of the configuration.

Knows no dialect's words. A path that nobody routes is refused by the dialect whose templates share
the longest literal beginning with it, so that its clients get an error they can read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from protocol.dialect import Dialect, Route
from protocol.errors import GatewayError, Kind
from protocol.routing import Found, NotAllowed, Router, Template, Unknown

__all__ = ["Hit", "Switchboard"]

_REMEMBERED = 1024
_REMEMBERED_PATH = 256


@dataclass(frozen=True, slots=True)
class Hit:
    """A row of a dialect's table with what the path says, below the mount."""

    dialect: Dialect
    path: str
    route: Route[Any]
    params: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Mounted:
    mount: str
    dialect: Dialect
    router: Router
    sockets: tuple[Template, ...]

    def below(self, path: str) -> str | None:
        if not self.mount:
            return path
        if path == self.mount or path.startswith(f"{self.mount}/"):
            return path[len(self.mount) :] or "/"
        return None

    def affinity(self, path: str) -> int:
        below = self.below(path)
        if below is None:
            return -1
        return self.mount.count("/") + self.router.shared_prefix(below)


class Switchboard:
    """The dialects of this gateway: ``mounts`` are pairs of a path prefix and a dialect."""

    def __init__(self, mounts: Sequence[tuple[str, Dialect]]) -> None:
        if not mounts:
            raise ValueError("no dialect is enabled")
        self._mounted = tuple(
            _Mounted(
                mount,
                dialect,
                Router(dialect.routes),
                tuple(Template.of(template) for template in dialect.sockets),
            )
            for mount, dialect in mounts
        )
        self._hits: dict[tuple[str, str], Hit] = {}

    @property
    def dialects(self) -> tuple[Dialect, ...]:
        """All of them, in order."""
        return tuple(mounted.dialect for mounted in self._mounted)

    def find(self, method: str, path: str) -> Hit:
        """The row that answers a method and a clean path; GET's row answers HEAD.

        Raises:
            GatewayError: NOT_FOUND, or UNSUPPORTED if the path is known with other methods or for
                websockets only.
        """
        # Who polls asks for the same few paths again and again.
        hit = self._hits.get((method, path))
        if hit is None:
            hit = self._found(method, path)
            if len(path) <= _REMEMBERED_PATH:
                if len(self._hits) >= _REMEMBERED:
                    self._hits.clear()
                self._hits[method, path] = hit
        return hit

    def socket(self, path: str) -> Dialect | None:
        """The dialect that holds conversations at a clean path, if one does."""
        for mounted in self._mounted:
            below = mounted.below(path)
            if below is not None and any(t.match(below) is not None for t in mounted.sockets):
                return mounted.dialect
        return None

    def nearest(self, path: str) -> Dialect:
        """The dialect that refuses a path which nobody routes."""
        return max(self._mounted, key=lambda mounted: mounted.affinity(path)).dialect

    def _found(self, method: str, path: str) -> Hit:
        if self.socket(path) is not None:
            raise GatewayError(Kind.UNSUPPORTED, "this path is for websockets only")
        allowed: set[str] = set()
        for mounted in self._mounted:
            below = mounted.below(path)
            if below is None:
                continue
            match = mounted.router.match(method, below)
            if not isinstance(match, Found) and method == "HEAD":
                match = mounted.router.match("GET", below)
            match match:
                case Found(route, params):
                    return Hit(mounted.dialect, below, route, params)
                case NotAllowed(methods):
                    allowed.update(methods)
                case Unknown():
                    pass
        if allowed:
            methods_text = ", ".join(sorted(allowed))
            raise GatewayError(
                Kind.UNSUPPORTED, f"method {method} is not supported here, only {methods_text}"
            )
        raise GatewayError(Kind.NOT_FOUND, f"nothing is at {path}")
