"""Small files and the places where the gateway may keep them."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest

from gateway.stores import atomic_file as files
from gateway.stores.atomic_file import exclusive, private_folder, refuse_network, replace, try_lock
from protocol.errors import GatewayError, Kind


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    """Readers see the old or the new contents, and nothing is left beside it."""
    path = tmp_path / "x"
    replace(path, b"one")
    replace(path, b"two")
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [item.name for item in tmp_path.iterdir()] == ["x"]


def test_a_failed_replacement_leaves_the_old_one(tmp_path: Path) -> None:
    """What cannot be put in place is taken away again."""
    (tmp_path / "x" / "full").mkdir(parents=True)
    with pytest.raises(OSError, match="x"):
        replace(tmp_path / "x", b"data")
    assert [item.name for item in tmp_path.iterdir()] == ["x"]


def test_a_lock_is_held_once(tmp_path: Path) -> None:
    """Who holds a lock keeps everybody else out until it is given back."""
    path = tmp_path / "lock"
    inside: list[str] = []
    with exclusive(path):
        assert try_lock(path) is None
        waiter = threading.Thread(target=lambda: _append(path, inside))
        waiter.start()
        inside.append("first")
    waiter.join()
    assert inside == ["first", "second"]


def _append(path: Path, inside: list[str]) -> None:
    with exclusive(path):
        inside.append("second")


def test_a_folder_of_somebody_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gateway keeps nothing in a folder that is not its user's."""
    owner = tmp_path.stat().st_uid
    monkeypatch.setattr("os.getuid", lambda: owner + 1)
    with pytest.raises(GatewayError) as caught:
        private_folder(tmp_path)
    assert caught.value.kind is Kind.FORBIDDEN


def test_network_file_systems_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where locks cannot be trusted nothing is kept; a local disk is taken."""
    refuse_network(tmp_path)
    kind = files._file_system(tmp_path)
    assert kind
    monkeypatch.setattr(files, "_NETWORK", frozenset({kind}))
    with pytest.raises(GatewayError) as caught:
        refuse_network(tmp_path)
    assert caught.value.kind is Kind.UNSUPPORTED
