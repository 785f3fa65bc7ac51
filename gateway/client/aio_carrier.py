"""Carries out the steps of a plan for asyncio with httpx and an async websocket.

Decides nothing: what to do, how often and until when stands in the plans.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncGenerator, Callable
from typing import TypeVar

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from gateway.client import wire
from gateway.client.address import Address
from gateway.client.call import Call, Reply
from gateway.client.errors import ConnectionFailed
from gateway.client.http_library import httpx
from gateway.client.plans import (
    Connect,
    Fetch,
    Hangup,
    Pacing,
    Pause,
    Plan,
    Receive,
    Send,
    Step,
    Tell,
    ask,
)
from gateway.client.values import News

__all__ = ["AsyncCarrier"]

T = TypeVar("T")


class AsyncCarrier:
    """The connections of one client.

    Args:
        address: where the gateway is.
        token: the user's token, or what makes a fresh one for each request.
        patience_seconds: how long to go on trying without any sign of the gateway.
        wait_for_gateway: whether that also holds for a gateway that was never there.
        trust: whose certificates are trusted; None for those of this machine.
    """

    def __init__(
        self,
        address: Address,
        token: str | Callable[[], str],
        patience_seconds: float,
        *,
        wait_for_gateway: bool,
        trust: wire.Trust | None = None,
    ) -> None:
        self.token = token
        self.pacing = Pacing(patience_seconds, time.monotonic)
        self._address = address
        self._met = wait_for_gateway
        self._tls = wire.trusted(address, trust)
        self._http = httpx.AsyncClient(
            trust_env=not address.local, verify=True if self._tls is None else self._tls
        )

    async def close(self) -> None:
        """Closes all of them."""
        await self._http.aclose()

    async def ask(self, call: Call[T]) -> T:
        """Asks until there is an answer that will not change by itself."""
        return await self.carry_out(ask(call, self.pacing))

    async def carry_out(self, plan: Plan[T]) -> T:
        """What a plan comes to that tells nothing."""
        results: list[T] = []
        async for _ in self.steps(_kept(plan, results)):
            pass
        return results[0]

    async def steps(self, plan: Plan[None]) -> AsyncGenerator[tuple[News, ...]]:
        """Carries out a plan and yields what it tells."""
        socket = _Socket(self._address, self._tls)
        try:
            answer: object = None
            trouble: ConnectionFailed | None = None
            while True:
                try:
                    step = plan.throw(trouble) if trouble else plan.send(answer)
                except StopIteration:
                    return
                answer, trouble = None, None
                if isinstance(step, Tell):
                    yield step.news
                    continue
                try:
                    answer = await self._perform(step, socket)
                except ConnectionFailed as error:
                    if (
                        error.absent
                        and not self._met
                        and (isinstance(step, Fetch) or self._address.one_port)
                    ):
                        raise
                    trouble = error
                else:
                    self._met = self._met or isinstance(step, Fetch | Connect)
        finally:
            await socket.close()

    async def _perform(self, step: Step, socket: _Socket) -> object:
        if not self._met and isinstance(step, Fetch | Connect):
            await wire.knock_later(self._address)
        match step:
            case Fetch(call):
                return await self._fetch(call)
            case Connect(seconds):
                await socket.open(self._fresh_token(), seconds)
            case Send(frame, seconds):
                await socket.send(frame, seconds)
            case Receive(seconds):
                return await socket.receive(seconds)
            case Hangup():
                await socket.close()
            case Pause(seconds):
                await asyncio.sleep(seconds)
            case Tell():
                raise TypeError("news are for the caller")
        return None

    def _fresh_token(self) -> str:
        return self.token if isinstance(self.token, str) else self.token()

    async def _fetch(self, call: Call[object]) -> Reply:
        try:
            async with asyncio.timeout(call.seconds):
                response = await self._http.request(
                    call.method,
                    self._address.http + call.path,
                    params=call.query,
                    content=call.body or None,
                    headers=wire.headers(self._fresh_token(), call),
                    timeout=wire.timeouts(call.seconds),
                )
        except (TimeoutError, httpx.TransportError, httpx.InvalidURL) as error:
            raise wire.failed(self._address.http, error) from error
        finally:
            self._http.cookies.clear()  # the token goes by header alone
        return wire.reply(response, response.content)


class _Socket:
    """At most one open websocket; every trouble with it is a ConnectionFailed."""

    def __init__(self, address: Address, tls: ssl.SSLContext | None) -> None:
        self._address = address
        self._tls = tls
        self._connection: ClientConnection | None = None

    async def open(self, token: str, seconds: float) -> None:
        await self.close()
        try:
            self._connection = await connect(
                self._address.socket,
                additional_headers=wire.bearer(token),
                ssl=self._tls,
                proxy=None if self._address.local else True,
                open_timeout=seconds,
                close_timeout=wire.CLOSE_SECONDS,
                ping_interval=wire.PING_SECONDS,
                ping_timeout=wire.PING_SECONDS,
                max_size=wire.MAX_MESSAGE,
                compression=None,
            )
        except (OSError, WebSocketException) as error:
            raise wire.failed(self._address.http, error) from error

    async def send(self, frame: str, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._open.send(frame)
        except (OSError, WebSocketException) as error:
            raise wire.failed(self._address.http, error) from error

    async def receive(self, seconds: float) -> str | bytes | None:
        try:
            async with asyncio.timeout(seconds):
                return await self._open.recv()
        except TimeoutError:
            return None
        except (OSError, WebSocketException) as error:
            raise wire.failed(self._address.http, error) from error

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            with contextlib.suppress(OSError, WebSocketException):
                await connection.close()

    @property
    def _open(self) -> ClientConnection:
        if not self._connection:
            raise ConnectionFailed("no websocket is open")
        return self._connection


def _kept(plan: Plan[T], results: list[T]) -> Plan[None]:
    """The plan with what it comes to put aside: an async generator returns nothing."""
    results.append((yield from plan))
