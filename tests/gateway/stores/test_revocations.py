"""Revoked tickets on disk."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest

from gateway.stores import revocations
from gateway.stores.revocations import Revocations
from protocol.errors import GatewayError, Kind


async def test_a_revoked_ticket_is_known_to_every_process(tmp_path: Path) -> None:
    """What one process revokes, the others know with the next look."""
    one, other = (Revocations(tmp_path / "revoked.jsonl") for _ in range(2))
    assert not other.revoked("a")
    await one.revoke("a", 100, 1)
    assert other.revoked("a")
    assert not other.revoked("b")
    await other.revoke("b", 100, 1)
    assert one.revoked("b")
    assert stat.S_IMODE((tmp_path / "revoked.jsonl").stat().st_mode) == 0o600


async def test_revoking_at_once_loses_nothing(tmp_path: Path) -> None:
    """Many writers at a time are all kept."""
    stores = [Revocations(tmp_path / "revoked.jsonl") for _ in range(4)]
    await asyncio.gather(*(store.revoke(f"t{n}", 9, 1) for n, store in enumerate(stores * 8)))
    fresh = Revocations(tmp_path / "revoked.jsonl")
    assert all(fresh.revoked(f"t{n}") for n in range(32))


async def test_half_a_line_of_a_crash_spoils_nothing(tmp_path: Path) -> None:
    """A torn end is as if never written, and the next line stands by itself."""
    path = tmp_path / "revoked.jsonl"
    store = Revocations(path)
    await store.revoke("a", 9, 1)
    with path.open("ab") as file:
        file.write(b'{"jti": "tor')
    assert Revocations(path).revoked("a")
    await store.revoke("b", 9, 1)
    assert Revocations(path).revoked("a")
    assert Revocations(path).revoked("b")
    assert store.revoked("b")


async def test_the_file_is_tidied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When many tickets have ended by themselves their lines go, and readers keep up."""
    monkeypatch.setattr(revocations, "_TIDY_LINES", 3)
    store, reader = (Revocations(tmp_path / "revoked.jsonl") for _ in range(2))
    for n in range(4):
        await store.revoke(f"old{n}", 10, 1)
    await store.revoke("kept", 99, 1)
    assert reader.revoked("old1")
    await store.revoke("new", 99, 50)
    assert reader.revoked("kept")
    assert reader.revoked("new")
    assert not reader.revoked("old1")
    assert len((tmp_path / "revoked.jsonl").read_bytes().splitlines()) == 2


async def test_a_damaged_or_missing_file_refuses_every_ticket(tmp_path: Path) -> None:
    """Who cannot know which tickets are good lets none pass."""
    path = tmp_path / "revoked.jsonl"
    store = Revocations(path)
    await store.revoke("a", 9, 1)
    assert store.revoked("a")
    path.rename(tmp_path / "elsewhere")
    with pytest.raises(GatewayError) as caught:
        store.revoked("b")
    assert caught.value.kind is Kind.UNAVAILABLE
    path.write_text("garbage\n")
    with pytest.raises(GatewayError):
        Revocations(path).revoked("b")
