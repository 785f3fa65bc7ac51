"""What is looked after on every websocket while it is idle: its login, and that its peer is there.

By time alone: what a conversation says and does is its own.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from gateway.config import Config
from gateway.transport.rounds import Rounds
from gateway.transport.websocket_connection import WebSocketConnection

__all__ = ["Checked", "SocketRounds"]

_POLL_SECONDS = 2.0
"""How soon a login that was ended ends its websockets."""


class Checked(Protocol):
    """A conversation, as far as it is looked after here."""

    def check_stranger(self) -> None:
        """Ends it if nobody has logged in."""
        ...

    def check_login(self) -> None:
        """Ends it if the login of its user is worth nothing any more."""
        ...


class SocketRounds:
    """Looks after all websockets of one process."""

    def __init__(self, config: Config) -> None:
        self._logins = Rounds[Checked](_POLL_SECONDS, self._check_login)
        self._strangers = Rounds[Checked](
            config.auth.login_seconds, lambda checked: checked.check_stranger()
        )
        self._pings = Rounds[WebSocketConnection](config.limits.ping_seconds, self._ping)
        self._pongs = Rounds[WebSocketConnection](config.limits.pong_seconds, self._judge)

    def enter(self, checked: Checked, wire: WebSocketConnection) -> None:
        """Looks after a websocket from now on."""
        self._logins.add(checked)
        self._strangers.add(checked)
        self._pings.add(wire)

    def leave(self, checked: Checked, wire: WebSocketConnection) -> None:
        """Looks after it no more."""
        self._logins.discard(checked)
        self._strangers.discard(checked)
        self._pings.discard(wire)
        self._pongs.discard(wire)

    async def run(self) -> None:
        """Looks until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            for rounds in (self._logins, self._strangers):
                group.create_task(rounds.run())
            for pings in (self._pings, self._pongs):
                group.create_task(pings.run())

    def _check_login(self, checked: Checked) -> None:
        self._logins.add(checked)
        checked.check_login()

    def _ping(self, wire: WebSocketConnection) -> None:
        if wire.ping():
            self._pongs.add(wire)

    def _judge(self, wire: WebSocketConnection) -> None:
        if wire.check_pong():
            self._pings.add(wire)
