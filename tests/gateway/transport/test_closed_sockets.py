"""What a websocket was is let go of when it is over, and not left to the garbage collector.

With ten thousand of them that would stop the gateway for everybody.
"""

import asyncio
import contextlib
import gc
import socket
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect

from gateway.app import serving
from gateway.config import load
from gateway.data_paths import DataPaths
from gateway.stores.embedded import EmbeddedRedis
from gateway.stores.redis_client import RedisClient
from gateway.supervisor.first_start import prepare
from gateway.transport.gateway_protocol import GatewayProtocol
from gateway.transport.strict_http import StrictHttp
from gateway.transport.websocket import Conversation
from gateway.transport.websocket_connection import WebSocketConnection
from tests.support.waiting import wait_until

KINDS = (Conversation, WebSocketConnection, GatewayProtocol, StrictHttp)
SOCKETS = 5


@contextlib.contextmanager
def without_collector() -> Iterator[None]:
    """Nothing is collected in the block."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def alive() -> Counter[type]:
    """How many there are of each kind."""
    return Counter(type(one) for one in gc.get_objects() if type(one) in KINDS)


@pytest.fixture
async def url(
    redis_folder: Path, redis_server: EmbeddedRedis, link: RedisClient
) -> AsyncIterator[str]:
    """Where a gateway in this process has its websockets; strangers have two seconds.

    Sanic can be started once in a process: this is for one test.
    """
    del link
    settings = load(None, {}, {"redis.url": redis_server.url, "auth.login_seconds": 2.0})
    paths = DataPaths(redis_folder / "data", redis_folder)
    await prepare(paths)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)  # noqa: FBT003 - the library's signature
        async with serving(settings, paths, listener):
            yield f"ws://127.0.0.1:{listener.getsockname()[1]}/ws"


async def close(client: ClientConnection) -> None:
    """The client says goodbye."""
    await client.close()


async def vanish(client: ClientConnection) -> None:
    """The client is gone without a word."""
    client.transport.abort()
    await client.wait_closed()


async def stay(client: ClientConnection) -> None:
    """The gateway ends the websocket of somebody who does not log in."""
    await client.wait_closed()
    assert client.close_code == 1008


async def test_a_websocket_that_is_over_is_let_go_of_at_once(url: str) -> None:
    """Whoever ends it, nothing of it is left that only refers to itself."""
    with without_collector():
        for leave in (close, vanish, stay):
            clients = [await connect(url, ping_interval=None) for _ in range(SOCKETS)]
            assert alive()[Conversation] == SOCKETS
            await asyncio.gather(*map(leave, clients))
            await wait_until(lambda: not alive(), f"all is gone after {leave.__name__}")
