"""What a porter and its landing say to one another: frames of a length, a kind and a payload.

Both prove that they know the key of the run, which never travels on this connection. The content is
not encrypted here: that is TLS's part. Every frame is bounded, and so is every wait of who reads.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Mapping
from enum import IntEnum
from struct import Struct
from struct import error as StructError  # noqa: N812 - it is one

__all__ = [
    "BEAT_SECONDS",
    "PIECE_BYTES",
    "VERSION",
    "Frame",
    "WireError",
    "decode",
    "file_piece",
    "frame",
    "object_frame",
    "proof",
    "read_frame",
    "split_piece",
]

VERSION = 1
"""Changes whenever porter and landing would misunderstand one another."""
PIECE_BYTES = 1 << 18
"""Output and files travel in pieces of at most so many bytes."""
BEAT_SECONDS = 2.0
"""Both say something at least this often."""

_HEAD = Struct("<IB")
_PIECE = Struct("<HQ")
_MOST_BYTES = 1 << 26
_FOREIGN_BYTES = 1 << 12
_SILENCE_SECONDS = 20.0


class WireError(Exception):
    """The other side says what makes no sense; the connection is closed."""


class Frame(IntEnum):
    """What a frame is. The first three of a connection are HELLO, WHO and GRANT or REFUSE."""

    HELLO = 1
    WHO = 2
    GRANT = 3
    REFUSE = 4
    FILE = 5
    START = 6
    DATA = 7
    FACT = 8
    EVENTS = 9
    KILL = 10
    END = 11
    DONE = 12
    BEAT = 13


def frame(kind: Frame, payload: bytes = b"") -> bytes:
    """The bytes of a frame."""
    return _HEAD.pack(len(payload), kind) + payload


def object_frame(kind: Frame, **what: object) -> bytes:
    """A frame with a JSON object."""
    return frame(kind, json.dumps(what).encode())


def decode(payload: bytes) -> dict[str, object]:
    """The JSON object of a frame.

    Raises:
        WireError: it is none.
    """
    try:
        found = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise WireError("not JSON") from error
    if not isinstance(found, dict):
        raise WireError("not an object")
    return found


async def read_frame(
    reader: asyncio.StreamReader, *, trusted: bool = True, seconds: float = _SILENCE_SECONDS
) -> tuple[Frame, bytes]:
    """The next frame. Who has not proved anything yet is not ``trusted`` with a large one.

    Raises:
        WireError: it is none of ours, or too large.
        asyncio.IncompleteReadError: the connection ended.
        TimeoutError: nothing came for so many seconds.
    """
    async with asyncio.timeout(seconds):
        size, number = _HEAD.unpack(await reader.readexactly(_HEAD.size))
        if size > (_MOST_BYTES if trusted else _FOREIGN_BYTES):
            raise WireError("a frame that is too large")
        try:
            kind = Frame(number)
        except ValueError as error:
            raise WireError("a frame of no known kind") from error
        return kind, await reader.readexactly(size)


def file_piece(name: str, offset: int, data: bytes) -> bytes:
    """A piece of a file or of the output: where it belongs, and what it is."""
    path = name.encode()
    return _PIECE.pack(len(path), offset) + path + data


def split_piece(payload: bytes) -> tuple[str, int, memoryview]:
    """Name, offset and content of a piece.

    Raises:
        WireError: it is none.
    """
    try:
        size, offset = _PIECE.unpack_from(payload)
        name = payload[_PIECE.size : _PIECE.size + size].decode()
    except (StructError, UnicodeDecodeError) as error:
        raise WireError("no piece of a file") from error
    return name, offset, memoryview(payload)[_PIECE.size + size :]


def proof(key: str, who: str, nonces: tuple[str, str], claims: Mapping[str, object]) -> str:
    """What only somebody can say who knows the key: ``who`` says this, with these claims."""
    words = json.dumps([who, *nonces, dict(claims)], sort_keys=True).encode()
    return hmac.new(key.encode(), words, hashlib.sha256).hexdigest()
