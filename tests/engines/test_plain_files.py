"""Facts are read from plain files only, at once, and never without a bound."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from engines.rundir.plain_files import MAX_FACT_BYTES, NotPlainError, open_plain, read_plain

DECADE = 10.0


def a_socket(path: Path) -> None:
    """A socket that is bound to the path."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(str(path))


def sparse(path: Path) -> None:
    """A file of a terabyte that takes no disk."""
    with path.open("wb") as file:
        file.truncate(1 << 40)


def linked(path: Path) -> None:
    """A link to a file with a content."""
    (path.parent / "target").write_bytes(b"secret")
    path.symlink_to(path.parent / "target")


OTHERS: dict[str, Callable[[Path], None]] = {
    "pipe": os.mkfifo,
    "directory": Path.mkdir,
    "socket": a_socket,
    "link": linked,
    "dangling": lambda path: path.symlink_to(path.parent / "nowhere"),
    "device": lambda path: path.symlink_to("/dev/zero"),
    "itself": lambda path: path.symlink_to(path),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_what_is_no_plain_file_is_unreadable_at_once(kind: str, tmp_path: Path) -> None:
    """Row A13: it is there and says nothing; nobody waits for it."""
    path = tmp_path / "fact"
    OTHERS[kind](path)
    assert read_plain(str(path)) == b""
    with pytest.raises(NotPlainError):
        open_plain(str(path))


def test_a_terabyte_is_not_read(tmp_path: Path) -> None:
    """Row A13: a sparse file of any size is unreadable and costs nothing."""
    path = tmp_path / "fact"
    sparse(path)
    assert read_plain(str(path)) == b""


@pytest.mark.parametrize("size", [0, 1, 65_536, MAX_FACT_BYTES - 1, MAX_FACT_BYTES])
def test_files_up_to_the_limit_are_read_whole(size: int, tmp_path: Path) -> None:
    """What a fact may hold comes back as it was written."""
    path = tmp_path / "fact"
    path.write_bytes(b"x" * size)
    assert read_plain(str(path)) == b"x" * size


def test_one_byte_more_is_too_much(tmp_path: Path) -> None:
    """The limit is the limit."""
    path = tmp_path / "fact"
    path.write_bytes(b"x" * (MAX_FACT_BYTES + 1))
    assert read_plain(str(path)) == b""


def test_nothing_there_is_none(tmp_path: Path) -> None:
    """What is not there is told apart from what cannot be read."""
    assert read_plain(str(tmp_path / "never")) is None
    with pytest.raises(FileNotFoundError):
        open_plain(str(tmp_path / "never"))


def test_a_file_that_grows_while_it_is_read_ends(tmp_path: Path) -> None:
    """Row A13: a writer that never stops does not keep the reader: it reads its bound and ends."""
    path = tmp_path / "fact"
    path.write_bytes(b"")
    stop = threading.Event()

    def grow() -> None:
        with path.open("ab", buffering=0) as file:
            while not stop.is_set() and file.tell() < 64 * MAX_FACT_BYTES:
                file.write(b"x" * 65_536)

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        for _ in range(50):
            data = read_plain(str(path))
            assert data is not None
            assert len(data) <= MAX_FACT_BYTES
    finally:
        stop.set()
        writer.join(DECADE)
    assert not writer.is_alive()
