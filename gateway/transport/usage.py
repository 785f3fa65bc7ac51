"""What each user, and each address of strangers, has under way in this process, and may have.

Websockets, frames, and bytes that have arrived and are not understood yet. A client counts for its
user once it has logged in, and for its address before. Everything is given back by whoever took it.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from gateway import clock
from gateway.caller import counted_as
from gateway.config import Limits
from protocol.errors import GatewayError, Kind

__all__ = ["BodyUsage", "SocketUsage", "Usage"]

_MOST_IDLE = 10_000
_STRANGER_FRAMES = 64
"""Of a websocket until it has logged in: a login is one message, and a ping or two."""
_STRANGER_BYTES = 16_384


@dataclass(slots=True)
class _Party:
    """One user or one address: what it holds, and how many frames it may send at once now."""

    sockets: int = 0
    bodies: int = 0
    unread: int = 0
    frames: float = 0.0
    counted: float = field(default_factory=clock.monotonic)

    @property
    def idle(self) -> bool:
        return not (self.sockets or self.bodies or self.unread)


class Usage:
    """The counts of one process, held against the limits of the configuration.

    Args:
        limits: those limits.
        sockets: how many websockets there may be besides, because of the descriptors.
    """

    def __init__(self, limits: Limits, sockets: int) -> None:
        self.limits = limits
        self._most_sockets = min(limits.sockets, sockets)
        self._parties: OrderedDict[str, _Party] = OrderedDict()
        self._sockets = 0
        self._unread = 0

    def socket(self, user: str, address: str) -> SocketUsage:
        """Counts a websocket that is being opened.

        Raises:
            GatewayError: EXHAUSTED, for its user or address; UNAVAILABLE, for everybody.
        """
        if self._sockets >= self._most_sockets:
            raise GatewayError(
                Kind.UNAVAILABLE, "too many websockets are open here", retry_after=5.0
            )
        self._admit_socket(user, address)
        self._sockets += 1
        return SocketUsage(self, user, address)

    def body(self, user: str, address: str) -> BodyUsage:
        """Counts a body that is read into memory, for the length of a block."""
        return BodyUsage(self, self.party(user, address))

    def party(self, user: str, address: str) -> _Party:
        """The counts of a user, or of an address for a stranger."""
        name = f"user {user}" if user else f"address {counted_as(address)}"
        found = self._parties.get(name)
        if found is None:
            found = self._parties[name] = _Party(frames=float(self.limits.frame_burst))
            self._forget()
        self._parties.move_to_end(name)
        return found

    def hold(self, party: _Party, size: int) -> bool:
        """Adds to the unread bytes, or takes away; whether they are still few enough."""
        party.unread += size
        self._unread += size
        return size <= 0 or (
            party.unread <= self.limits.unread_bytes_per_user
            and self._unread <= self.limits.unread_bytes
        )

    def send(self, party: _Party, count: int) -> bool:
        """Counts frames; whether they were few enough."""
        now, limits = clock.monotonic(), self.limits
        earned = (now - party.counted) * limits.frames_per_second
        party.counted = now
        party.frames = min(party.frames + earned, float(limits.frame_burst)) - count
        if party.frames < 0:
            party.frames = 0.0
            return False
        return True

    def move_socket(self, party: _Party, user: str, address: str) -> _Party:
        """Counts a websocket for the user who has just logged in on it."""
        self._admit_socket(user, address)
        party.sockets -= 1
        return self.party(user, address)

    def end_socket(self, party: _Party) -> None:
        """A websocket is closed."""
        party.sockets -= 1
        self._sockets -= 1

    def _admit_socket(self, user: str, address: str) -> None:
        party, limits = self.party(user, address), self.limits
        most = limits.sockets_per_user if user else limits.sockets_per_address
        if party.sockets >= most:
            whose = "you have" if user else "your address has, without a login,"
            raise GatewayError(
                Kind.EXHAUSTED, f"{whose} {most} websockets open already", retry_after=5.0
            )
        party.sockets += 1

    def _forget(self) -> None:
        """Forgets the longest unused of those who hold nothing, if there are very many."""
        for name in tuple(self._parties)[: max(0, len(self._parties) - _MOST_IDLE)]:
            if self._parties[name].idle:
                del self._parties[name]


class SocketUsage:
    """What one websocket has under way."""

    def __init__(self, usage: Usage, user: str, address: str) -> None:
        self._usage = usage
        self._address = address
        self._user = user
        self._party = usage.party(user, address)
        self._held = 0
        self._strange = 0
        self._ended = False

    def frames(self, count: int) -> bool:
        """Counts frames of any kind; whether the socket may go on."""
        if not self._user:
            self._strange += count
            if self._strange > _STRANGER_FRAMES:
                return False
        return self._usage.send(self._party, count)

    def holds(self, size: int) -> bool:
        """Notes how many bytes it has sent that are not taken yet; whether they are few enough."""
        if self._ended:
            return True
        grown, self._held = size - self._held, size
        fits = self._usage.hold(self._party, grown)
        return fits and (bool(self._user) or size <= _STRANGER_BYTES)

    def login(self, user: str) -> None:
        """From now on it counts for a user.

        Raises:
            GatewayError: EXHAUSTED if that user has too many already.
        """
        if user == self._user or self._ended:
            return
        party = self._usage.move_socket(self._party, user, self._address)
        self._usage.hold(self._party, -self._held)
        self._usage.hold(party, self._held)
        self._party, self._user = party, user

    def end(self) -> None:
        """Gives everything back. May be called again."""
        if not self._ended:
            self.holds(0)
            self._ended = True
            self._usage.end_socket(self._party)


class BodyUsage:
    """What one body takes while it is received and understood; a context manager.

    Memory for what is there of it; and while it is waited for, one of its client's turns.
    """

    def __init__(self, usage: Usage, party: _Party) -> None:
        self._usage = usage
        self._party = party
        self._size = 0
        self._waits = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._party.bodies -= self._waits
        self._usage.hold(self._party, -self._size)

    def wait(self) -> None:
        """Takes a turn, for the rest of the block: the body is slow to arrive.

        Raises:
            GatewayError: EXHAUSTED if this client sends too many at the same time.
        """
        most = self._usage.limits.bodies_per_user
        if self._party.bodies >= most:
            raise GatewayError(
                Kind.EXHAUSTED,
                f"at most {most} bodies are received from one client at the same time",
                retry_after=1.0,
            )
        self._party.bodies += 1
        self._waits = True

    def grow(self, size: int) -> None:
        """Counts more bytes.

        Raises:
            GatewayError: EXHAUSTED if this client, or all together, have too many under way.
        """
        self._size += size
        if not self._usage.hold(self._party, size):
            raise GatewayError(
                Kind.EXHAUSTED, "too many large bodies are being received", retry_after=2.0
            )
