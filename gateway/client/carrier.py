"""Carries out the steps of a plan with httpx and a blocking websocket.

Decides nothing: what to do, how often and until when stands in the plans.
"""

from __future__ import annotations

import contextlib
import ssl
import time
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, TypeVar

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

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

__all__ = ["Carrier"]

T = TypeVar("T")


class Carrier:
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
        self._http = httpx.Client(
            trust_env=not address.local, verify=True if self._tls is None else self._tls
        )

    def close(self) -> None:
        """Closes all of them."""
        self._http.close()

    def ask(self, call: Call[T]) -> T:
        """Asks until there is an answer that will not change by itself."""
        return self.carry_out(ask(call, self.pacing))

    def carry_out(self, plan: Plan[T]) -> T:
        """What a plan comes to that tells nothing."""
        steps = self.steps(plan)
        while True:
            try:
                next(steps)
            except StopIteration as done:
                result: T = done.value
                return result

    def steps(self, plan: Plan[T]) -> Generator[tuple[News, ...], None, T]:
        """Carries out a plan; yields what it tells and returns what it comes to."""
        with contextlib.closing(_Socket(self._address, self._tls)) as socket:
            answer: object = None
            trouble: ConnectionFailed | None = None
            while True:
                try:
                    step = plan.throw(trouble) if trouble else plan.send(answer)
                except StopIteration as done:
                    result: T = done.value
                    return result
                answer, trouble = None, None
                if isinstance(step, Tell):
                    yield step.news
                    continue
                try:
                    answer = self._perform(step, socket)
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

    def _perform(self, step: Step, socket: _Socket) -> object:
        if not self._met and isinstance(step, Fetch | Connect):
            wire.knock(self._address)
        match step:
            case Fetch(call):
                return self._fetch(call)
            case Connect(seconds):
                socket.open(self._fresh_token(), seconds)
            case Send(frame, _):
                socket.send(frame)
            case Receive(seconds):
                return socket.receive(seconds)
            case Hangup():
                socket.close()
            case Pause(seconds):
                time.sleep(seconds)
            case Tell():
                raise TypeError("news are for the caller")
        return None

    def _fresh_token(self) -> str:
        return self.token if isinstance(self.token, str) else self.token()

    def _fetch(self, call: Call[object]) -> Reply:
        deadline = time.monotonic() + call.seconds
        try:
            with self._http.stream(
                call.method,
                self._address.http + call.path,
                params=call.query,
                content=call.body or None,
                headers=wire.headers(self._fresh_token(), call),
                timeout=wire.timeouts(call.seconds),
            ) as response:
                body = bytearray()
                for chunk in response.iter_bytes():
                    body += chunk
                    if time.monotonic() > deadline:
                        raise httpx.ReadTimeout("the answer took too long")
                return wire.reply(response, bytes(body))
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise wire.failed(self._address.http, error) from error
        finally:
            self._http.cookies.clear()  # the token goes by header alone


class _Socket:
    """At most one open websocket; every trouble with it is a ConnectionFailed."""

    def __init__(self, address: Address, tls: ssl.SSLContext | None) -> None:
        self._address = address
        self._tls = tls
        self._connection: ClientConnection | None = None
        self._closing = contextlib.ExitStack()
        self._broken: tuple[type[Exception], ...] = (OSError,)

    def open(self, token: str, seconds: float) -> None:
        # Most commands of the command line ask over HTTP alone.
        from websockets.exceptions import WebSocketException  # noqa: PLC0415
        from websockets.sync.client import connect  # noqa: PLC0415

        self.close()
        self._broken = (OSError, WebSocketException)
        try:
            self._connection = self._closing.enter_context(
                connect(
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
            )
        except self._broken as error:
            raise wire.failed(self._address.http, error) from error

    def send(self, frame: str) -> None:
        try:
            self._open.send(frame)
        except self._broken as error:
            raise wire.failed(self._address.http, error) from error

    def receive(self, seconds: float) -> str | bytes | None:
        try:
            return self._open.recv(seconds)
        except TimeoutError:
            return None
        except self._broken as error:
            raise wire.failed(self._address.http, error) from error

    def close(self) -> None:
        self._connection = None
        with contextlib.suppress(*self._broken):
            self._closing.close()

    @property
    def _open(self) -> ClientConnection:
        if not self._connection:
            raise ConnectionFailed("no websocket is open")
        return self._connection
