"""How nodes know one another: every request and every piece of an answer is sealed.

A seal is a digest under a key that is derived from the one that signs tokens, which all nodes have
alike. A request names who asks, who is asked, and a word that is used once: who asks leaves it in
Redis, and who is asked takes it from there, so that a request that somebody recorded is worth
nothing. The pieces of an answer are counted and bound to that word.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from gateway.stores import keys
from gateway.stores.redis_client import RedisClient
from gateway.stores.replies import text

__all__ = ["PEER_PATH", "SEAL_BYTES", "PeerSeal", "Sealer", "body_digest"]

PEER_PATH = "/.narthex/node"
"""Where a node takes what others ask of it."""

SEAL_BYTES = 32
_REQUEST = "narthex node request 1"
_ANSWER = "narthex node answer 1"
_WORD_BYTES = 16
_WORD_MS = 30_000


def body_digest(body: bytes) -> str:
    """What a request is sealed with in place of its body."""
    return sha256(body).hexdigest()


class Sealer(Protocol):
    """What makes digests that only a node can make."""

    def seal(self, purpose: str, said: str) -> bytes:
        """A digest of a text, of its own for each purpose."""
        ...


@dataclass(frozen=True, slots=True)
class PeerSeal:
    """Seals of the node ``own``. ``link`` is the way to the Redis of all nodes."""

    own: str
    sealer: Sealer
    link: RedisClient

    async def word(self, to: str) -> str:
        """A word for one request to a node. Raises UNAVAILABLE without Redis."""
        word = secrets.token_hex(_WORD_BYTES)
        await self.link.call("SET", keys.PEER.key(word), f"{self.own} {to}", "PX", _WORD_MS)
        return word

    async def spent(self, sender: str, word: str) -> bool:
        """Whether a word was meant for a request of that node to this one; never twice."""
        plain = len(word) == 2 * _WORD_BYTES and word.isascii() and word.isalnum()
        if not plain:
            return False
        said = text(await self.link.call("GETDEL", keys.PEER.key(word)))
        return said == f"{sender} {self.own}"

    def request(self, sender: str, to: str, word: str, digest: str) -> str:
        """The seal of a request whose body has that digest."""
        return self.sealer.seal(_REQUEST, f"{sender} {to} {word} {digest}").hex()

    def piece(self, word: str, number: int, data: bytes) -> bytes:
        """The seal of one piece of the answer to the request with that word."""
        said = f"{word} {number} {sha256(data).hexdigest()}"
        return self.sealer.seal(_ANSWER, said)[:SEAL_BYTES]

    def good(self, seal: str, sender: str, word: str, digest: str) -> bool:
        """Whether a seal is that of a request of that node to this one, before it is read."""
        return hmac.compare_digest(
            seal.encode(), self.request(sender, self.own, word, digest).encode()
        )
