"""Which server program is taken for the private index."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateway.stores.redis_programs import ServerProgram, find_server, parse_stamp
from protocol.errors import GatewayError, Kind


def _program(folder: Path, name: str, said: str) -> Path:
    """A program that says which version it is."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{said}'\n")
    path.chmod(0o755)
    return path


def test_this_installation_brings_a_valkey() -> None:
    """Without any setting a server is found that the package brought, new enough for us."""
    server = find_server()
    assert server.product == "valkey"
    assert server.version >= (9, 1, 2)
    assert os.access(server.path, os.X_OK)


def test_a_newer_one_of_this_machine_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's server wins if it is a newer Valkey: its faults may be mended."""
    newer = _program(tmp_path, "valkey-server", "Valkey server v=99.1.0 sha=0 malloc=libc")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert find_server() == ServerProgram(newer, "valkey", (99, 1, 0))


def test_an_older_valkey_and_any_redis_of_this_machine_are_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came with the installation is taken before an older one, and before Redis."""
    _program(tmp_path, "valkey-server", "Valkey server v=8.0.0 sha=0 malloc=libc")
    _program(tmp_path, "redis-server", "Redis server v=99.0.0 sha=0 malloc=libc")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert find_server().path not in {tmp_path / "valkey-server", tmp_path / "redis-server"}


@pytest.mark.parametrize(
    ("said", "stamp"),
    [
        ("Redis server v=7.0.15 sha=00000000:0", "redis 7.0.15"),
        ("Redis server v=8.2.3 sha=00000000:1", "redis 8.2.3"),
        ("Valkey server v=8.1.9 sha=00000000:0", "valkey 8.1.9"),
    ],
)
def test_any_new_enough_one_is_taken_by_setting(tmp_path: Path, said: str, stamp: str) -> None:
    """``redis.server`` names the program, whatever else there is."""
    assert find_server(str(_program(tmp_path, "mine", said))).stamp == stamp


@pytest.mark.parametrize("said", ["Redis server v=6.2.14 sha=0", "KeyDB server v=9.0.0", "", "7.0"])
def test_what_is_too_old_or_another_program_is_refused(tmp_path: Path, said: str) -> None:
    """The sentence names the setting and what would do."""
    path = str(_program(tmp_path, "mine", said))
    with pytest.raises(GatewayError) as caught:
        find_server(path)
    assert caught.value.kind is Kind.UNSUPPORTED
    assert f"redis.server: {path} is no server program" in caught.value.message


def test_stamps_are_read_back() -> None:
    """A stamp of an earlier release, which names no product, is of Redis."""
    assert parse_stamp("8.2.3\n") == ("redis", (8, 2, 3))
    assert parse_stamp("valkey 9.1.2\n") == ("valkey", (9, 1, 2))
    assert parse_stamp("something") is None
