"""Users, groups and revoked tokens on several nodes.

One node keeps the users and groups; the others have a copy of its file, which they fetch when it
changed, so that everybody can log in anywhere, also while that node is away. Revocations only ever
become more: every node fetches those of all others.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import msgspec

from gateway import clock
from gateway.config import Node
from gateway.data_paths import DataPaths
from gateway.journal import journal
from gateway.services.peers import Peers, away
from gateway.stores.atomic_file import replace, try_lock
from gateway.stores.directory_file import decoded
from gateway.stores.node_registry import KnownNode
from gateway.stores.revocations import Revocations
from protocol.errors import GatewayError, Subject

__all__ = ["AccountFetcher", "AccountSource"]

_PAUSE_SECONDS = 1.0
_NOT_WANTED = "-"
_journal = journal("gateway.accounts")


@dataclass(frozen=True, slots=True)
class AccountSource:
    """What other nodes are told of the accounts here."""

    directory: Path
    revocations: Revocations

    async def report(self, known: str) -> tuple[bytes | None, dict[str, int]]:
        """The file of users and groups, None if it is the ``known`` one, and the revocations.

        ``known`` is ``-`` for who wants the revocations only.
        """
        revoked = await self.revocations.live(clock.now_ms())
        if known == _NOT_WANTED:
            return None, revoked
        data = await asyncio.to_thread(_read, self.directory)
        return None if _digest(data) == known else data, revoked


class AccountFetcher:
    """Fetches what the others have. One process of a node does it, whichever comes first.

    Args:
        node: the settings of this node.
        paths: where its files are.
        revocations: those that it knows.
        peers: the other nodes.
    """

    def __init__(
        self, node: Node, paths: DataPaths, revocations: Revocations, peers: Peers
    ) -> None:
        self._home = "" if node.keeps_accounts else node.accounts
        self._directory = paths.directory
        self._lock = paths.data / "fetching.lock"
        self._revocations = revocations
        self._peers = peers

    async def run(self) -> None:
        """Fetches every second, for ever."""
        turn: int | None = None
        try:
            while True:
                try:
                    turn = try_lock(self._lock) if turn is None else turn
                    if turn is not None:
                        await self.fetch_all()
                except OSError as error:
                    _journal.warning("accounts not fetched", error=type(error).__name__)
                await asyncio.sleep(_PAUSE_SECONDS)
        finally:
            if turn is not None:
                os.close(turn)

    async def fetch_all(self) -> None:
        """Fetches once from every node; who is away is left out."""
        with suppress(GatewayError):
            for node in await self._peers.others():
                try:
                    await self.fetch(node)
                except GatewayError as error:
                    if error.subject is not Subject.NODE:
                        _journal.warning(
                            "accounts not fetched", node=node.name, error=error.message
                        )

    async def fetch(self, node: KnownNode) -> None:
        """Fetches from one node. UNAVAILABLE if it cannot be reached, or the disk refuses."""
        own = await asyncio.to_thread(_read, self._directory)
        at_home = node.name == self._home
        known = _digest(own) if at_home else _NOT_WANTED
        data, revoked = await self._peers.accounts(node, known)
        await self._revocations.learn(revoked, clock.now_ms())
        if at_home and data is not None:
            try:
                decoded(data)
            except msgspec.MsgspecError as error:
                raise away(node.name) from error
            await asyncio.to_thread(replace, self._directory, data)
            _journal.info("users and groups fetched", node=node.name)


def _read(path: Path) -> bytes:
    with suppress(FileNotFoundError):
        return path.read_bytes()
    return b""


def _digest(data: bytes) -> str:
    return sha256(data).hexdigest() if data else ""
