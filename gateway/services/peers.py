"""Asking other nodes: a command goes to the node that has what it is about, as it is.

The other one carries it out as if it had been asked there, for the same caller, and its result or
refusal comes back. Who cannot be reached in time is said to be so, and nothing else is made up.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

from gateway.caller import Caller
from gateway.journal import journal
from gateway.services.peer_line import PeerLine
from gateway.services.peer_seal import PEER_PATH, SEAL_BYTES, PeerSeal, body_digest
from gateway.services.peer_values import decoded, encoded
from gateway.stores.node_registry import KnownNode, NodeRegistry
from protocol.command import Command
from protocol.errors import GatewayError, Kind, Subject

__all__ = ["LONGEST_PIECE", "PeerStream", "Peers", "Piece", "away", "refusal_of", "said_refusal"]

R = TypeVar("R")

LONGEST_PIECE = 64 << 20
_AT_ONCE = 64
_journal = journal("gateway.peers")


@dataclass(frozen=True, slots=True)
class Piece:
    """The kinds of pieces of an answer, by their first byte."""

    RESULT = b"r"
    REFUSAL = b"e"
    DATA = b"d"
    END = b"z"


def away(node: str) -> GatewayError:
    """The refusal for what another node has, while that node cannot be reached."""
    return GatewayError(
        Kind.UNAVAILABLE,
        f"node {node}, which has this, cannot be reached at the moment",
        subject=Subject.NODE,
        retry_after=5.0,
    )


def said_refusal(error: GatewayError) -> bytes:
    """A refusal as bytes."""
    return encoded(
        (error.kind, error.message, error.field, error.subject, float(error.retry_after))
    )[0]


def refusal_of(data: bytes) -> GatewayError:
    """The refusal that some bytes say."""
    kind, message, field, subject, retry_after = decoded(data)
    return GatewayError(kind, message, field=field, subject=subject, retry_after=retry_after)


class PeerStream:
    """The bytes that follow a result; the request ends when they do, or when nobody wants them."""

    def __init__(self, answer: _Answer) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The pieces as they come; a GatewayError if they break off."""
        try:
            while True:
                kind, data = await self._answer.piece()
                if kind == Piece.END:
                    return
                if kind == Piece.REFUSAL:
                    raise refusal_of(data)
                yield data
        finally:
            self._answer.close()

    def __del__(self) -> None:
        self._answer.close()


class _Answer:
    """The pieces of one answer, each with its seal."""

    def __init__(self, node: str, line: PeerLine, seal: PeerSeal, word: str) -> None:
        self._node = node
        self._line = line
        self._seal = seal
        self._word = word
        self._number = 0

    async def piece(self) -> tuple[bytes, bytes]:
        """The kind of the next one and what it says. UNAVAILABLE if there is no good one."""
        try:
            size = int.from_bytes(await self._line.read(4))
            seal = await self._line.read(SEAL_BYTES)
            data = await self._line.read(min(size, LONGEST_PIECE))
        except (OSError, TimeoutError, ValueError) as error:
            raise away(self._node) from error
        if seal != self._seal.piece(self._word, self._number, data):
            _journal.warning("an answer was not that of the node", node=self._node)
            raise away(self._node)
        self._number += 1
        return data[:1], data[1:]

    def close(self) -> None:
        """Ends the request."""
        self._line.close()


class Peers:
    """The other nodes, asked by this one.

    Args:
        seal: what requests and answers are sealed with.
        seconds: how long another node may take to answer.
        authority: a file with the certificates that nodes with https are believed by; empty for
            those that the system believes.
    """

    def __init__(self, seal: PeerSeal, seconds: float, authority: str = "") -> None:
        self.own = seal.own
        self.seal = seal
        self._seconds = seconds
        self._authority = authority
        self._trust: ssl.SSLContext | None = None
        self._registry = NodeRegistry(seal.link)
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def others(self) -> Sequence[KnownNode]:
        """All nodes but this one."""
        return [node for node in await self._registry.nodes() if node.name != self.own]

    def is_here(self, node: str) -> bool:
        """Whether this is the node of that name; what has none is of a time without names."""
        return node in {"", self.own}

    async def find(self, node: str) -> KnownNode | None:
        """Another node; None if it is this one or was forgotten: that has nothing any more."""
        if self.is_here(node):
            return None
        return next((one for one in await self.others() if one.name == node), None)

    async def named(self, node: str) -> KnownNode:
        """Another node that is needed. UNAVAILABLE if there is none of that name."""
        found = await self.find(node)
        if found is None:
            raise away(node)
        return found

    async def ask(
        self, node: KnownNode, caller: Caller, command: Command[R], wait_seconds: float = 0.0
    ) -> R:
        """What a node answers to a command; ``wait_seconds`` is how long it may wait for news.

        Raises:
            GatewayError: its refusal, or UNAVAILABLE about a node that cannot be reached.
        """
        asked = (caller.principal, caller.address, caller.reads, command)
        return cast("R", await self._answer(node, asked, wait_seconds))

    async def accounts(self, node: KnownNode, known: str) -> tuple[bytes | None, dict[str, int]]:
        """What a node tells of its accounts (``AccountSource.report``). Raises as ``ask``."""
        found = await self._answer(node, (known,), 0.0)
        return cast("tuple[bytes | None, dict[str, int]]", found)

    async def _answer(
        self, node: KnownNode, asked: tuple[object, ...], wait_seconds: float
    ) -> object:
        body, _ = encoded(asked)
        answer: _Answer | None = None
        try:
            async with asyncio.timeout(self._seconds + wait_seconds), self._turns:
                answer = await self._sent(node, body)
                kind, data = await answer.piece()
        except (OSError, TimeoutError, ValueError) as error:
            if answer is not None:
                answer.close()
            _journal.warning("a node cannot be reached", node=node.name, error=_said(error))
            raise away(node.name) from error
        except BaseException:
            if answer is not None:
                answer.close()
            raise
        if kind == Piece.RESULT:
            return cast("object", decoded(data, PeerStream(answer)))
        answer.close()
        raise refusal_of(data)

    async def _sent(self, node: KnownNode, body: bytes) -> _Answer:
        word = await self.seal.word(node.name)
        digest = body_digest(body)
        headers = {
            "x-narthex-node": self.own,
            "x-narthex-word": word,
            "x-narthex-digest": digest,
            "x-narthex-seal": self.seal.request(self.own, node.name, word, digest),
        }
        secure = node.address.startswith("https:")
        trust = await self._trusted() if secure else None
        line = await PeerLine.ask(node.address, PEER_PATH, headers, body, trust)
        return _Answer(node.name, line, self.seal, word)

    async def _trusted(self) -> ssl.SSLContext:
        """Whose certificates are believed. Read once: the files of a system take some ms."""
        if self._trust is None:
            self._trust = await asyncio.to_thread(
                ssl.create_default_context, cafile=self._authority or None
            )
        return self._trust


def _said(error: BaseException) -> str:
    """What went wrong, for the journal: of TLS the reason, for it is a matter of settings."""
    if isinstance(error, ssl.SSLError):
        return getattr(error, "verify_message", "") or error.reason or "TLS"
    return type(error).__name__
