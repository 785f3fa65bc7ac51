"""Which dialect answers a path: of all mounted tables the most literal row.

Knows no dialect's words. Two dialects that claim the same method and path are refused at the start,
so that the order in the configuration decides nothing. A path that nobody routes is refused by the
dialect whose templates share the longest literal beginning with it, of several the one that answers
that beginning itself, so that its clients get an error they can read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.config import ConfigError
from gateway.plugins import Mount
from protocol.accounts import Reads
from protocol.dialect import (
    Dialect,
    Located,
    LocatingDialect,
    PasswordDialect,
    Route,
    WebSocketDialect,
    WeighingDialect,
)
from protocol.errors import GatewayError, Kind, Subject
from protocol.routing import Found, Match, NotAllowed, Router, Template, Unknown

__all__ = ["Hit", "Switchboard"]

_REMEMBERED = 1024
_LIGHT = 2048
_REMEMBERED_PATH = 256


def _long(data: bytes) -> bool:
    """Whether a body may take long to read: that of a dialect which does not say."""
    return len(data) > _LIGHT


@dataclass(frozen=True, slots=True)
class Hit:
    """A row of a dialect's table with what the path says, below the mount.

    ``suffix`` is what the dialect took off the path. ``reads`` is whose shared tasks may be read by
    it. ``passwords`` says that a name and a password may come with the request. ``heavy`` tells
    which bodies take long to read.
    """

    dialect: Dialect
    path: str
    route: Route[Any]
    params: Mapping[str, str]
    prefix: str = ""
    suffix: str = ""
    reads: Reads = Reads.OWN
    passwords: bool = False
    heavy: Callable[[bytes], bool] = _long

    @property
    def open(self) -> bool:
        """Whether strangers may ask."""
        return self.route.open or self.reads is Reads.PUBLIC


class _Mounted:
    """A dialect where it is mounted, with its tables."""

    def __init__(self, mount: Mount) -> None:
        dialect = mount.dialect
        self.prefix = mount.prefix
        self.dialect = dialect
        self.reads = mount.reads
        self.origins = frozenset(mount.origins)
        self.router = Router(dialect.routes)
        self.passwords = isinstance(dialect, PasswordDialect)
        self.heavy = dialect.heavy if isinstance(dialect, WeighingDialect) else _long
        self._locating = dialect if isinstance(dialect, LocatingDialect) else None
        self.sockets: tuple[tuple[Template, WebSocketDialect], ...] = ()
        if isinstance(dialect, WebSocketDialect):
            self.sockets = tuple((Template.of(text), dialect) for text in dialect.sockets)
        if "*" in self.origins and (dialect.cookie or self.passwords):
            raise ConfigError(
                f"dialects.{dialect.name}: origins = * is for dialects that take no cookie and no"
                " password, which browsers would send for any page"
            )

    def below(self, path: str) -> str | None:
        """The path below the mount; None if it is not there."""
        if not self.prefix:
            return path
        if path == self.prefix or path.startswith(f"{self.prefix}/"):
            return path[len(self.prefix) :] or "/"
        return None

    def locate(self, below: str) -> Located:
        """What the dialect makes of a path below the mount."""
        return self._locating.locate(below) if self._locating else Located(below)

    def match(self, method: str, located: str) -> Match:
        """What the table says; GET's row answers HEAD."""
        match = self.router.match(method, located)
        if method == "HEAD" and not isinstance(match, Found):
            return self.router.match("GET", located)
        return match

    def affinity(self, path: str) -> tuple[int, bool]:
        """How many of the first segments of a path it has literally; -1 if it is elsewhere.

        And whether it answers those segments by themselves: what is below them is its own.
        """
        below = self.below(path)
        if below is None:
            return -1, False
        shared = self.router.shared_prefix(below)
        parts = [part for part in below.split("/") if part][:shared]
        answers = bool(parts) and isinstance(self.router.match("GET", "/" + "/".join(parts)), Found)
        return self.prefix.count("/") + shared, answers

    def rank(self, inner: tuple[int, ...]) -> tuple[int, ...]:
        """How literal a template is with the mount before it."""
        return (*([0] * self.prefix.count("/")), *inner)

    def claims(self) -> Iterator[tuple[tuple[object, ...], str]]:
        """What it answers, in a form that is equal for equal claims, and in words."""
        for route in self.dialect.routes:
            template = Template.of(f"{self.prefix}{route.template}")
            yield (route.method, *template.shape), f"{route.method} {self.prefix}{route.template}"
        for text in self.dialect.sockets if isinstance(self.dialect, WebSocketDialect) else ():
            template = Template.of(f"{self.prefix}{text}")
            yield ("websocket", *template.shape), f"websocket {self.prefix}{text}"


class Switchboard:
    """The dialects of this gateway.

    Raises:
        ConfigError: there is none, or two claim the same method and path.
    """

    def __init__(self, mounts: Sequence[Mount]) -> None:
        if not mounts:
            raise ConfigError("dialects: none is enabled")
        self._mounted = tuple(map(_Mounted, mounts))
        _refuse_contradictions(self._mounted)
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

    def socket(self, path: str) -> WebSocketDialect | None:
        """The dialect that holds conversations at a clean path, if one does."""
        found: tuple[tuple[int, ...], WebSocketDialect] | None = None
        for mounted in self._mounted:
            below = mounted.below(path)
            if below is None:
                continue
            for template, dialect in mounted.sockets:
                rank = mounted.rank(template.rank)
                if template.match(below) is not None and (found is None or rank < found[0]):
                    found = rank, dialect
        return found[1] if found else None

    def nearest(self, path: str) -> Dialect:
        """The dialect that refuses a path which nobody routes."""
        return self._nearest(path).dialect

    def origins(self, path: str) -> frozenset[str]:
        """The web origins to which the dialect at a path is opened besides those of the server."""
        known = [
            (mounted.rank(match.rank), at)
            for at, mounted in enumerate(self._mounted)
            for match in self._matches(mounted, path)
        ]
        mounted = self._mounted[min(known)[1]] if known else self._nearest(path)
        return mounted.origins

    def _nearest(self, path: str) -> _Mounted:
        return max(self._mounted, key=lambda mounted: mounted.affinity(path))

    def _matches(self, mounted: _Mounted, path: str) -> Iterator[Found]:
        """The rows of one dialect at a path, of whatever method."""
        below = mounted.below(path)
        if below is None:
            return
        located = mounted.locate(below).path
        for method in {route.method for route in mounted.dialect.routes}:
            match = mounted.router.match(method, located)
            if isinstance(match, Found):
                yield match

    def _found(self, method: str, path: str) -> Hit:
        if self.socket(path) is not None:
            raise GatewayError(
                Kind.UNSUPPORTED, "this path is for websockets only", subject=Subject.ROUTE
            )
        allowed: set[str] = set()
        named = False
        best: tuple[tuple[int, ...], Hit] | None = None
        for mounted in self._mounted:
            below = mounted.below(path)
            if below is None:
                continue
            located = mounted.locate(below)
            match mounted.match(method, located.path):
                case Found(route, params, inner):
                    rank = mounted.rank(inner)
                    if best is None or rank < best[0]:
                        best = rank, _hit(mounted, route, params, located)
                case NotAllowed(methods):
                    allowed.update(methods)
                    named = named or any(not any(at.rank) for at in self._matches(mounted, path))
                case Unknown():
                    pass
        # A path that one dialect spells out is no name in another's, whatever the method.
        if best is not None and not (named and any(best[0])):
            return best[1]
        if allowed:
            methods_text = ", ".join(sorted(allowed))
            raise GatewayError(
                Kind.UNSUPPORTED, f"method {method} is not supported here, only {methods_text}"
            )
        raise GatewayError(Kind.NOT_FOUND, f"nothing is at {path}", subject=Subject.ROUTE)


def _hit(mounted: _Mounted, route: Route[Any], params: Mapping[str, str], located: Located) -> Hit:
    return Hit(
        mounted.dialect,
        located.path,
        route,
        params,
        mounted.prefix,
        located.suffix,
        route.reads if mounted.reads is None else mounted.reads,
        mounted.passwords,
        mounted.heavy,
    )


def _refuse_contradictions(mounts: Sequence[_Mounted]) -> None:
    """Two dialects must not claim the same; what one table says twice is its own affair."""
    claimed: dict[tuple[object, ...], _Mounted] = {}
    for mounted in mounts:
        for claim, text in mounted.claims():
            other = claimed.setdefault(claim, mounted)
            if other is not mounted:
                raise ConfigError(
                    f"dialects: {text} is claimed by both {other.dialect.name}"
                    f" and {mounted.dialect.name}"
                )
