"""The private redis-server: one a folder, never an older one, never an orphan."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.stores.embedded import EmbeddedRedis, find_server
from gateway.stores.link import Link
from protocol.errors import GatewayError, Kind
from tests.support.waiting import wait_until, wait_until_sync


def _gone(pid: int) -> bool:
    """Whether a process has ended, reaped or not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_server_is_found() -> None:
    """This installation has a server that is new enough."""
    path, version = find_server()
    assert os.access(path, os.X_OK)
    assert version >= (7, 0, 0)


async def test_it_is_private_and_ends_with_its_socket(redis_folder: Path) -> None:
    """It answers on a private socket only, and takes the name away when it stops."""
    server = EmbeddedRedis(redis_folder / "data", redis_folder / "s")
    await server.start()
    link = Link(server.url)
    assert await link.call("CONFIG", "GET", "port") == [b"port", b"0"]
    assert stat.S_IMODE((redis_folder / "s").stat().st_mode) == 0o700
    assert stat.S_IMODE((redis_folder / "data").stat().st_mode) == 0o700
    await link.close()
    pid = server.pid
    await server.stop()
    assert _gone(pid)
    assert not (redis_folder / "s").exists()
    assert server.pid == 0


async def test_its_end_is_told(redis_folder: Path) -> None:
    """Who waits learns of its death and of the signal."""
    server = EmbeddedRedis(redis_folder / "data", redis_folder / "s")
    await server.start()
    os.kill(server.pid, signal.SIGKILL)
    assert await server.wait() == -signal.SIGKILL
    await server.stop()
    assert await server.wait() == 0


async def test_two_servers_never_share_a_folder(redis_folder: Path) -> None:
    """A second one on the folder is refused, and the first is left alone."""
    first = EmbeddedRedis(redis_folder / "data", redis_folder / "s")
    second = EmbeddedRedis(redis_folder / "data", redis_folder / "s")
    await first.start()
    link = Link(first.url)
    await link.call("SET", "x", "1")
    with pytest.raises(GatewayError) as caught:
        await second.start(seconds=0.3)
    assert caught.value.kind is Kind.UNAVAILABLE
    assert await link.call("GET", "x") == b"1"
    await link.close()
    await first.stop()
    await second.start()
    await second.stop()


async def test_data_of_a_newer_server_is_refused(redis_folder: Path) -> None:
    """An older server than the one that wrote the folder is not let near it."""
    server = EmbeddedRedis(redis_folder / "data", redis_folder / "s")
    await server.start()
    await server.stop()
    version = redis_folder / "data" / "server.version"
    version.write_text("99.0.0\n")
    with pytest.raises(GatewayError) as caught:
        await server.start()
    assert caught.value.kind is Kind.UNSUPPORTED
    assert "99.0.0" in caught.value.message
    assert version.read_text() == "99.0.0\n"


async def test_a_program_that_is_no_server_is_told(redis_folder: Path) -> None:
    """A server that ends at once is an error that names its log, not a long wait."""
    server = EmbeddedRedis(
        redis_folder / "data", redis_folder / "s", program=(Path("/bin/false"), (7, 0, 0))
    )
    with pytest.raises(GatewayError) as caught:
        await server.start()
    assert "redis.log" in caught.value.message


async def test_a_socket_path_that_is_too_long_is_told(redis_folder: Path) -> None:
    """What the kernel would cut is refused before anything is started."""
    server = EmbeddedRedis(redis_folder / "data", redis_folder / ("x" * 120))
    with pytest.raises(GatewayError) as caught:
        await server.start()
    assert caught.value.kind is Kind.UNSUPPORTED


async def test_damaged_data_is_put_aside(redis_folder: Path) -> None:
    """A server whose data cannot be read starts empty: the spool has all of it."""
    server = EmbeddedRedis(redis_folder / "data", redis_folder / "s")
    await server.start()
    link = Link(server.url)
    for number in range(100):
        await link.call("SET", f"x{number}", "1")
    await link.close()
    await server.stop()
    files = redis_folder / "data" / "appendonlydir"
    increments = next(item for item in files.iterdir() if ".incr." in item.name)
    data = increments.read_bytes()
    increments.write_bytes(data[:500] + b"garbage" + data[507:])
    await server.start()
    link = Link(server.url)
    assert await link.call("DBSIZE") == 0
    await link.close()
    await server.stop()
    assert (redis_folder / "data" / "damaged" / increments.name).exists()


_PARENT = """
import asyncio, sys
from pathlib import Path
from gateway.stores.embedded import EmbeddedRedis
async def main():
    server = EmbeddedRedis(Path(sys.argv[1]) / "data", Path(sys.argv[1]) / "s")
    await server.start()
    print(server.pid, flush=True)
    await server.wait()
asyncio.run(main())
"""


async def test_it_ends_with_its_parent_and_the_next_one_waits_for_that(redis_folder: Path) -> None:
    """A killed supervisor leaves no server; its successor comes up on the same folder."""
    with subprocess.Popen(  # noqa: ASYNC220  # the child's first line is awaited anyway
        [sys.executable, "-c", _PARENT, str(redis_folder)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    successor = EmbeddedRedis(redis_folder / "data", redis_folder / "s")
    await successor.start()
    await wait_until(lambda: _gone(pid), "the orphan ends")
    await successor.stop()


def test_waiting_without_a_loop_ends() -> None:
    """The blocking wait of the tests sees what becomes true."""
    seen = iter([False, False, True])
    wait_until_sync(lambda: next(seen), "the third look")
