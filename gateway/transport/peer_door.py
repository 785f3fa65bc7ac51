"""Where other nodes ask this one: a sealed command in, sealed pieces of its answer out.

Who sealed it is a node, and a node is believed who its caller is: it has the key that signs tokens.
What it asks is carried out here and never handed on.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Mapping

from gateway.caller import Caller
from gateway.dispatch import Dispatch
from gateway.journal import journal
from gateway.services.node_accounts import AccountSource
from gateway.services.peer_seal import PEER_PATH, PeerSeal, body_digest
from gateway.services.peer_values import decoded, encoded
from gateway.services.peers import LONGEST_PIECE, Piece, said_refusal
from gateway.transport.sanic_adapter import Exchange
from gateway.transport.usage import Usage
from protocol.accounts import Principal, Reads
from protocol.command import Command
from protocol.errors import GatewayError, Kind
from protocol.http import Reply

__all__ = ["PeerDoor"]

_TYPE = "application/octet-stream"
_REFUSED = Reply(403, b"", _TYPE)
_journal = journal("gateway.peers")


class PeerDoor:
    """Answers the requests of other nodes.

    Args:
        seal: what they are sealed with.
        dispatch: carries out what is this node's own.
        accounts: what is told of users and tokens.
        usage: what each address has under way.
        max_bytes: of a request.
        seconds: for a request to arrive.
    """

    def __init__(
        self,
        seal: PeerSeal,
        dispatch: Dispatch,
        accounts: AccountSource,
        usage: Usage,
        *,
        max_bytes: int,
        seconds: float,
    ) -> None:
        self._accounts = accounts
        self._seal = seal
        self._dispatch = dispatch
        self._usage = usage
        self._max_bytes = max_bytes
        self._seconds = seconds

    def knows(self, path: str) -> bool:
        """Whether it is the path for nodes."""
        return path == PEER_PATH

    async def answer(self, exchange: Exchange, headers: Mapping[str, str], address: str) -> Reply:
        """The reply to a request; one that is not of a node is told nothing."""
        word = headers.get("x-narthex-word", "")
        body = await self._sealed(exchange, headers, address, word)
        if body is None:
            return _REFUSED
        try:
            result = await self._carried_out(decoded(body))
            data, stream = _bounded(result)
        except GatewayError as error:
            return Reply(200, self._piece(word, 0, Piece.REFUSAL + said_refusal(error)), _TYPE)
        except Exception:  # noqa: BLE001 - whoever asks must hear of it
            sender = headers.get("x-narthex-node", "")
            _journal.exception("what another node asked for failed", node=sender)
            refusal = GatewayError(Kind.INTERNAL, "internal error, see the log of the other node")
            return Reply(200, self._piece(word, 0, Piece.REFUSAL + said_refusal(refusal)), _TYPE)
        first = self._piece(word, 0, Piece.RESULT + data)
        if stream is None:
            return Reply(200, first, _TYPE)
        return Reply(200, self._streamed(word, first, stream), _TYPE)

    async def _sealed(
        self, exchange: Exchange, headers: Mapping[str, str], address: str, word: str
    ) -> bytes | None:
        """The body of a request that a node made for this one; None for any other."""
        sender, digest = headers.get("x-narthex-node", ""), headers.get("x-narthex-digest", "")
        # Before a byte of the body is read: of strangers nothing is.
        if not self._seal.good(headers.get("x-narthex-seal", ""), sender, word, digest):
            _journal.warning("a request was not that of a node", address=address)
            return None
        if not await self._seal.spent(sender, word):
            _journal.warning("a request of a node came too late or twice", node=sender)
            return None
        with self._usage.body("", address) as usage:
            body = await exchange.body(self._max_bytes, self._seconds, usage)
        if body_digest(body) != digest:
            _journal.warning("a request of a node was changed on its way", node=sender)
            return None
        return body

    async def _carried_out(self, asked: object) -> object:
        match asked:
            case (str() as known,):
                return await self._accounts.report(known)
            case (Principal() | None as who, str() as address, Reads() as reads, Command() as it):
                return await self._dispatch(Caller(who, address, reads), it)
            case _:
                raise GatewayError(Kind.INVALID, "another node asked for nothing")

    async def _streamed(
        self, word: str, first: bytes, stream: AsyncIterable[bytes]
    ) -> AsyncIterator[bytes]:
        yield first
        number = 1
        try:
            async for data in stream:
                yield self._piece(word, number, Piece.DATA + data)
                number += 1
        except GatewayError as error:
            yield self._piece(word, number, Piece.REFUSAL + said_refusal(error))
            return
        yield self._piece(word, number, Piece.END)

    def _piece(self, word: str, number: int, data: bytes) -> bytes:
        return len(data).to_bytes(4) + self._seal.piece(word, number, data) + data


def _bounded(result: object) -> tuple[bytes, AsyncIterable[bytes] | None]:
    data, stream = encoded(result)
    if len(data) >= LONGEST_PIECE:
        raise GatewayError(Kind.TOO_LARGE, "the answer is too large for another node")
    return data, stream
