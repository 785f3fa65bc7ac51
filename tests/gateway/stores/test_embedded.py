"""The private redis-server: one a folder, never an older one, never an orphan."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import hiredis
import pytest

from gateway.stores.embedded import EmbeddedRedis
from gateway.stores.pipelined_connection import PipelinedConnection
from gateway.stores.redis_client import RedisClient
from gateway.stores.redis_programs import ServerProgram, find_server
from protocol.errors import GatewayError, Kind
from tests.support.processes import lives
from tests.support.waiting import wait_until, wait_until_sync


async def test_it_is_private_and_ends_with_its_socket(redis_folder: Path) -> None:
    """It answers on a private socket only, and takes the name away when it stops."""
    server = EmbeddedRedis(redis_folder / "data", redis_folder / "s")
    await server.start()
    link = RedisClient(server.url)
    assert await link.call("CONFIG", "GET", "port") == [b"port", b"0"]
    assert stat.S_IMODE((redis_folder / "s").stat().st_mode) == 0o700
    assert stat.S_IMODE((redis_folder / "data").stat().st_mode) == 0o700
    for name in ("gateway.password", "operator.password", "server.conf"):
        assert stat.S_IMODE((redis_folder / "data" / name).stat().st_mode) == 0o600
    await link.close()
    pid = server.pid
    await server.stop()
    assert not lives(pid)
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
    link = RedisClient(first.url)
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
    version.write_text(f"{find_server().product} 99.0.0\n")
    with pytest.raises(GatewayError) as caught:
        await server.start()
    assert caught.value.kind is Kind.UNSUPPORTED
    assert "99.0.0" in caught.value.message
    assert version.read_text().endswith(" 99.0.0\n")


async def test_a_program_that_is_no_server_is_told(redis_folder: Path) -> None:
    """A server that ends at once is an error that names its log, not a long wait."""
    server = EmbeddedRedis(
        redis_folder / "data",
        redis_folder / "s",
        program=ServerProgram(Path("/bin/false"), "valkey", (9, 0, 0)),
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
    link = RedisClient(server.url)
    for number in range(100):
        await link.call("SET", f"x{number}", "1")
    await link.close()
    await server.stop()
    files = redis_folder / "data" / "appendonlydir"
    increments = next(item for item in files.iterdir() if ".incr." in item.name)
    data = increments.read_bytes()
    increments.write_bytes(data[:500] + b"garbage" + data[507:])
    await server.start()
    link = RedisClient(server.url)
    assert await link.call("DBSIZE") == 0
    await link.close()
    await server.stop()
    assert (redis_folder / "data" / "damaged" / increments.name).exists()


async def test_strangers_and_wrong_passwords_are_refused(redis_folder: Path) -> None:
    """Whoever reaches the socket without the password learns and changes nothing."""
    server = EmbeddedRedis(redis_folder / "data", redis_folder / "s")
    await server.start()
    refusals = {
        f"unix://{redis_folder}/s": "NOAUTH",
        f"unix://default:x@{redis_folder}/s": "WRONGPASS",
        f"unix://narthex:x@{redis_folder}/s": "WRONGPASS",
    }
    for url, word in refusals.items():
        pipe = PipelinedConnection(url, timeout=5, calls=1)
        with pytest.raises(hiredis.ReplyError, match=word):
            await pipe.ask("PING")
        await pipe.close()
    await server.stop()


@pytest.mark.parametrize(
    "words",
    [
        ("CONFIG", "SET", "dir", "/tmp"),  # noqa: S108 - refused
        ("MODULE", "LIST"),
        ("DEBUG", "SLEEP", "0"),
        ("REPLICAOF", "127.0.0.1", "1"),
        ("SHUTDOWN", "NOSAVE"),
        ("ACL", "LIST"),
        ("MONITOR",),
        ("CLIENT", "LIST"),
        ("BGREWRITEAOF",),
        ("MIGRATE", "127.0.0.1", "1", "k", "0", "1"),
        ("RESTORE", "k", "0", "x"),
        ("EVAL", "return redis.call('CONFIG', 'SET', 'dir', '/tmp')", "0"),
    ],
    ids=lambda words: words[0].lower(),
)
async def test_the_gateway_may_use_the_data_and_nothing_else(
    redis_server: EmbeddedRedis, words: tuple[str, ...]
) -> None:
    """Its user of the server cannot set it up, load code, copy it elsewhere or end it."""
    pipe = PipelinedConnection(redis_server.url, timeout=5, calls=1)
    with pytest.raises(hiredis.ReplyError, match=r"NOPERM|not allowed|ACL failure|No permission"):
        await pipe.ask(*words)
    assert await pipe.ask("PING") == b"PONG"
    await pipe.close()


async def test_no_password_is_on_a_command_line_or_in_an_environment(redis_folder: Path) -> None:
    """Who may look at processes sees neither password, and the configuration has digests only."""
    server = EmbeddedRedis(redis_folder / "data", redis_folder / "s")
    await server.start()
    process = Path(f"/proc/{server.pid}")
    shown = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
    configuration = (redis_folder / "data" / "server.conf").read_bytes()
    for user in ("gateway", "operator"):
        password = (redis_folder / "data" / f"{user}.password").read_bytes().strip()
        assert len(password) == 32
        assert password not in shown
        assert password not in configuration
    await server.stop()


async def test_passwords_outlive_the_server_and_a_lost_file(redis_folder: Path) -> None:
    """Clients that know the password go on after the server, or its file, was replaced."""
    server = EmbeddedRedis(redis_folder / "data", redis_folder / "s")
    await server.start()
    url = server.url
    await server.stop()
    assert EmbeddedRedis(redis_folder / "data", redis_folder / "s").url == url
    (redis_folder / "data" / "gateway.password").unlink()
    await server.start()
    assert server.url == url
    link = RedisClient(url)
    await link.call("SET", "x", "1")
    await link.close()
    await server.stop()


@pytest.mark.parametrize("stamp", ["8.2.3", "redis 8.2.3", "valkey 7.2.0"])
async def test_what_another_product_wrote_is_put_aside(redis_folder: Path, stamp: str) -> None:
    """Redis data is no Valkey data: the server starts empty, as after damage. Older is read."""
    server = EmbeddedRedis(redis_folder / "data", redis_folder / "s")
    await server.start()
    link = RedisClient(server.url)
    await link.call("SET", "x", "1")
    await link.close()
    await server.stop()
    (redis_folder / "data" / "server.version").write_text(f"{stamp}\n")
    program = find_server()
    known = stamp.startswith(program.product)
    await server.start()
    link = RedisClient(server.url)
    assert await link.call("GET", "x") == (b"1" if known else None)
    assert (redis_folder / "data" / "damaged").exists() is not known
    assert (redis_folder / "data" / "server.version").read_text() == f"{program.stamp}\n"
    await link.close()
    await server.stop()


async def test_a_folder_of_any_name_is_used(redis_folder: Path) -> None:
    """Blanks, quotes and line ends in the path of a data folder are no words of a setting."""
    odd = redis_folder / 'a "b" \\ ü\nport 6399\n'
    server = EmbeddedRedis(odd, redis_folder / "s")
    await server.start()
    link = RedisClient(server.url)
    assert await link.call("CONFIG", "GET", "port") == [b"port", b"0"]
    assert (odd / "appendonlydir").is_dir()
    await link.close()
    await server.stop()


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
    await wait_until(lambda: not lives(pid), "the orphan ends")
    await successor.stop()


def test_waiting_without_a_loop_ends() -> None:
    """The blocking wait of the tests sees what becomes true."""
    seen = iter([False, False, True])
    wait_until_sync(lambda: next(seen), "the third look")
