"""What services are built from.

A service is a class with a classmethod ``of(parts)``, named by an entry point of the group
``narthex.services``; ours and yours are found and built the same way. A service that needs another
asks for it by its class. What is public, for services of other packages: ``config``, ``settings``,
``folder``, ``ask`` and ``get(Lookup)``; the rest is the product's own and may change.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar, cast

from engines.contract import Capabilities
from gateway.caller import Caller
from gateway.config import Config, ConfigError
from gateway.data_paths import DataPaths
from gateway.feed import Feed
from gateway.metrics import Metrics
from gateway.services.heavy_work import HeavyWork
from gateway.services.notifier import RunnerNotifier
from gateway.services.peers import Peers
from gateway.stores.opened import Stores
from gateway.tracing.tracer import Tracer
from protocol.accounts import Role, Ticket, TokenFacts
from protocol.command import Command

__all__ = ["Ask", "Attempts", "Buildable", "Credentials", "Decrypter", "Issuer", "Parts"]

R = TypeVar("R")


class Buildable(Protocol):
    """A class that can be built from parts: a service, or what several services share."""

    @classmethod
    def of(cls, parts: Parts) -> Self:
        """The one of this gateway process."""
        ...


S = TypeVar("S", bound=Buildable)


class Ask(Protocol):
    """Carries a command out for a caller, through the guard: dispatch."""

    async def __call__(self, caller: Caller, command: Command[R]) -> R:
        """What the command asked for.

        Raises:
            GatewayError: the refusal, of whatever kind.
        """
        ...


class SaidByToken(Protocol):
    """What a token says."""

    @property
    def name(self) -> str:
        """Whose it is."""
        ...

    @property
    def facts(self) -> TokenFacts:
        """The rest."""
        ...


class Issuer(Protocol):
    """Makes and reads tokens."""

    def seal(self, purpose: str, said: str) -> bytes:
        """A digest of a text that only we can make, of its own for each purpose."""
        ...

    def sign(self, name: str, role: Role, facts: TokenFacts) -> Ticket:
        """The ticket of a user that says this; the same each time."""
        ...

    def read(self, token: str, now_ms: int) -> SaidByToken:
        """What a token of ours says; UNAUTHENTICATED for any other."""
        ...


class Decrypter(Protocol):
    """Reads encrypted passwords."""

    @property
    def public(self) -> bytes:
        """The key to encrypt with (DER)."""
        ...

    def decrypted(self, data: bytes) -> str:
        """The password, empty if the data is none."""
        ...


class Attempts(Protocol):
    """Counts wrong passwords."""

    def check(self, subjects: Mapping[str, int], now: float) -> None:
        """Refuses if any subject has failed as often as it may; EXHAUSTED."""
        ...

    def failed(self, subjects: Mapping[str, int], now: float) -> None:
        """Notes one failure for each subject."""
        ...


@dataclass(frozen=True, slots=True)
class Credentials:
    """What proofs of identity are made and read with. No ``key``: passwords come as they are."""

    issuer: Issuer
    attempts: Attempts
    key: Decrypter | None = None


class Parts:
    """What the services of one gateway process share.

    Args:
        config: the settings.
        paths: where things are on disk.
        stores: all stores, open.
        feed: wakes those who wait for a task.
        notifier: wakes the runner.
        engines: what the enabled engines can do, by name.
        credentials: what logins need.
        metrics: what is counted.
        unfinished: owns what must be finished although its asker left.
        heavy: does what takes long beside the loop.
        tracer: takes spans, None while tracing is off.
        peers: asks other nodes, None for one that is alone.
    """

    def __init__(  # noqa: PLR0913 - one for each part
        self,
        *,
        config: Config,
        paths: DataPaths,
        stores: Stores,
        feed: Feed,
        notifier: RunnerNotifier,
        engines: Mapping[str, Capabilities],
        credentials: Credentials,
        metrics: Metrics,
        unfinished: asyncio.TaskGroup,
        heavy: HeavyWork,
        tracer: Tracer | None = None,
        peers: Peers | None = None,
    ) -> None:
        self.config = config
        self.paths = paths
        self.stores = stores
        self.feed = feed
        self.notifier = notifier
        self.engines = engines
        self.credentials = credentials
        self.metrics = metrics
        self.unfinished = unfinished
        self.heavy = heavy
        self.tracer = tracer
        self.peers = peers
        self._built: dict[type[Any], object] = {}
        self._building: list[type[Any]] = []
        self._ask: Ask | None = None

    def get(self, kind: type[S]) -> S:
        """The one of that kind, built now if nobody needed it before.

        Raises:
            ConfigError: two services need each other to be built.
        """
        if kind not in self._built:
            if kind in self._building:
                circle = " needs ".join(one.__name__ for one in (*self._building, kind))
                raise ConfigError(f"services: {circle}")
            self._building.append(kind)
            try:
                self._built[kind] = kind.of(self)
            finally:
                self._building.pop()
        return cast("S", self._built[kind])

    def settings(self, name: str) -> Mapping[str, object]:
        """The table ``[services.<name>]`` of the configuration; empty if there is none."""
        found = self.config.services.get(name)
        return found.settings if found else {}

    def folder(self, name: str) -> Path:
        """A folder of the data for the store of a service, made if it is not there; mode 0700."""
        return self.paths.service_folder(name)

    async def ask(self, caller: Caller, command: Command[R]) -> R:
        """Carries out a command of another service for the caller, through the guard.

        Raises:
            GatewayError: the refusal.
        """
        if self._ask is None:
            raise RuntimeError("services ask nothing while they are built")
        return await self._ask(caller, command)

    def connect(self, ask: Ask) -> None:
        """Tells what carries commands out, once there is one; called by who built it."""
        self._ask = ask
