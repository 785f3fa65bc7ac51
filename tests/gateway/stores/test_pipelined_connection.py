"""The connection that carries many calls: who gets which answer, and how it is opened."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import hiredis
import pytest

from gateway.stores.embedded import EmbeddedRedis
from gateway.stores.pipelined_connection import PipelinedConnection
from tests.support.certificates import signed_by_itself
from tests.support.waiting import wait_until


@asynccontextmanager
async def opened(
    url: str, *, seconds: float = 2.0, calls: int = 8
) -> AsyncIterator[PipelinedConnection]:
    """A pipe for the length of a block."""
    pipe = PipelinedConnection(url, timeout=seconds, calls=calls)
    try:
        yield pipe
    finally:
        await pipe.close()


async def test_many_at_once_get_their_own_answers(redis_server: EmbeddedRedis) -> None:
    """Far more calls than may be under way are all answered, each with what it asked for."""
    async with opened(redis_server.url) as pipe:
        words = [f"word {number}" for number in range(500)]
        assert await asyncio.gather(*(pipe.ask("ECHO", word) for word in words)) == [
            word.encode() for word in words
        ]


async def test_a_refusal_is_that_of_its_own_question(redis_server: EmbeddedRedis) -> None:
    """Between two good calls a bad one fails, alone."""
    async with opened(redis_server.url) as pipe:
        found = await asyncio.gather(
            pipe.ask("ECHO", "one"),
            pipe.ask("NO-SUCH-COMMAND"),
            pipe.ask("ECHO", "two"),
            return_exceptions=True,
        )
        assert (found[0], found[2]) == (b"one", b"two")
        assert isinstance(found[1], hiredis.ReplyError)


async def test_databases_are_told_apart(redis_server: EmbeddedRedis) -> None:
    """The database of the address is chosen before anything else is asked."""
    async with opened(redis_server.url) as plain, opened(f"{redis_server.url}?db=3") as third:
        await third.ask("SET", "only-there", 1.5)
        assert await third.ask("GET", "only-there") == b"1.5"
        assert await plain.ask("GET", "only-there") is None
        await third.ask("DEL", "only-there")


async def test_a_name_and_a_password_are_shown(redis_server: EmbeddedRedis) -> None:
    """A user of the server is taken from the address; a wrong password is refused."""
    async with opened(redis_server.operator_url) as pipe:
        await pipe.ask("ACL", "SETUSER", "piper", "on", ">right", "+ping", "+acl|whoami")
    path = urlsplit(redis_server.url).path
    async with opened(f"unix://piper:right@{path}") as known:
        assert await known.ask("ACL", "WHOAMI") == b"piper"
    async with opened(f"unix://piper:wrong@{path}") as stranger:
        with pytest.raises(hiredis.ReplyError, match="WRONGPASS"):
            await stranger.ask("PING")


async def test_a_broken_connection_is_opened_again(redis_server: EmbeddedRedis) -> None:
    """What was under way fails at once; the next call goes over a new connection."""
    async with opened(redis_server.url) as pipe, opened(redis_server.operator_url) as other:
        number = await pipe.ask("CLIENT", "ID")
        assert isinstance(number, int)
        waiting = asyncio.ensure_future(pipe.ask("BLPOP", "nothing-there", 30))
        while await other.ask("CLIENT", "LIST", "ID", number) is None or not _blocked(
            await other.ask("CLIENT", "LIST", "ID", number)
        ):
            assert not waiting.done()
        await other.ask("CLIENT", "KILL", "ID", number)
        with pytest.raises(ConnectionError):
            await waiting
        assert await pipe.ask("ECHO", "again") == b"again"


def _blocked(listed: object) -> bool:
    return isinstance(listed, bytes) and b"cmd=blpop" in listed


async def test_a_silent_server_costs_the_deadline(redis_server: EmbeddedRedis) -> None:
    """Calls behind one that hangs end at their deadline, and the connection with them."""
    async with opened(redis_server.url, seconds=0.2) as pipe:
        found = await asyncio.gather(
            pipe.ask("BLPOP", "nothing-there", 30),
            pipe.ask("ECHO", "behind it"),
            return_exceptions=True,
        )
        assert all(isinstance(error, TimeoutError) for error in found)

        async def answered() -> bool:
            # The deadline is one for opening another connection as well.
            with contextlib.suppress(OSError):
                return await pipe.ask("ECHO", "next") == b"next"
            return False

        await wait_until(answered, "another connection to answer")


async def test_who_is_no_redis_is_not_listened_to(tmp_path: Path) -> None:
    """Answers of another protocol end the connection and not the process."""

    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    path = str(tmp_path / "s")
    async with await asyncio.start_unix_server(babble, path), opened(f"unix://{path}") as pipe:
        with pytest.raises(OSError, match=r"."):
            await pipe.ask("PING")


async def test_a_closed_pipe_stays_closed(redis_server: EmbeddedRedis) -> None:
    """After the end nothing is asked any more."""
    pipe = PipelinedConnection(redis_server.url, timeout=1, calls=1)
    assert await pipe.ask("PING") == b"PONG"
    await pipe.close()
    with pytest.raises(ConnectionError):
        await pipe.ask("PING")


async def test_a_certificate_is_looked_at(redis_server: EmbeddedRedis, tmp_path: Path) -> None:
    """Over TLS an unknown certificate is refused, and one that is named is taken."""
    made = signed_by_itself(tmp_path, "localhost")
    address = urlsplit(redis_server.url)

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ahead, back = await asyncio.open_unix_connection(address.path)
        try:
            while data := await reader.read(4096):
                back.write(data)
                writer.write(await ahead.read(4096))
        finally:
            back.close()
            writer.close()

    async with await asyncio.start_server(carry, "127.0.0.1", 0, ssl=made.server()) as server:
        port = server.sockets[0].getsockname()[1]
        url = f"rediss://{address.username}:{address.password}@localhost:{port}/0"
        async with opened(url) as careful:
            with pytest.raises(ssl.SSLError):
                await careful.ask("PING")
        async with opened(f"{url}?ssl_ca_certs={made.certificate}") as knowing:
            assert await knowing.ask("PING") == b"PONG"
        async with opened(f"{url}?ssl_cert_reqs=none") as careless:
            assert await careless.ask("PING") == b"PONG"
