"""Accounts on disk."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest

from gateway.stores.accounts import Accounts
from protocol.accounts import Role
from protocol.errors import GatewayError, Kind


async def test_a_user_is_verified_by_their_password_only(tmp_path: Path) -> None:
    """The right password gives the account; a wrong one or an unknown user gives nothing."""
    accounts = Accounts(tmp_path / "accounts.json")
    added = await accounts.add("ann", "s3cret", Role.ADMIN, 5)
    assert await accounts.verify("ann", "s3cret") == added
    assert await accounts.verify("ann", "s3creT") is None
    assert await accounts.verify("ann", "") is None
    assert await accounts.verify("bob", "s3cret") is None
    assert await accounts.verify("ann", "\ud800") is None


async def test_the_file_is_private_and_holds_no_password(tmp_path: Path) -> None:
    """Nobody else reads the file, and the password is not in it."""
    path = tmp_path / "accounts.json"
    await Accounts(path).add("ann", "s3cret", Role.USER, 5)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "s3cret" not in path.read_text()


async def test_every_process_sees_changes_at_once(tmp_path: Path) -> None:
    """Another reader of the file has every change with its next look."""
    one, other = (Accounts(tmp_path / "accounts.json") for _ in range(2))
    await one.add("ann", "first", Role.USER, 5)
    assert other.find("ann") is not None
    await one.passwd("ann", "second", 9)
    found = await other.verify("ann", "second")
    assert found is not None
    assert (found.changed_ms, found.role) == (9, Role.USER)
    assert await other.verify("ann", "first") is None
    await one.remove("ann")
    assert other.find("ann") is None
    assert await other.list() == ()


async def test_changes_at_once_are_all_kept(tmp_path: Path) -> None:
    """Many writers at a time lose no user, and a name is given once."""
    stores = [Accounts(tmp_path / "accounts.json") for _ in range(4)]
    await asyncio.gather(
        *(store.add(f"user{n}", "x", Role.USER, 1) for n, store in enumerate(stores * 2))
    )
    found = await asyncio.gather(
        *(store.add("same", "x", Role.USER, 1) for store in stores), return_exceptions=True
    )
    assert len([item for item in found if isinstance(item, GatewayError)]) == 3
    assert len(await stores[0].list()) == 9


@pytest.mark.parametrize("name", ["", "a b", "../x", "-x", "x" * 65, "a\n", "ä"])
async def test_bad_names_are_refused(tmp_path: Path, name: str) -> None:
    """A name is made of plain characters only."""
    with pytest.raises(GatewayError) as caught:
        await Accounts(tmp_path / "accounts.json").add(name, "x", Role.USER, 1)
    assert (caught.value.kind, caught.value.field) == (Kind.INVALID, "user")


@pytest.mark.parametrize("password", ["", "x" * 1025])
async def test_bad_passwords_are_refused(tmp_path: Path, password: str) -> None:
    """No password and an endless one are refused before any work."""
    with pytest.raises(GatewayError) as caught:
        await Accounts(tmp_path / "accounts.json").add("ann", password, Role.USER, 1)
    assert caught.value.field == "password"


async def test_unknown_users_cannot_be_changed(tmp_path: Path) -> None:
    """Removing or changing nobody is told."""
    accounts = Accounts(tmp_path / "accounts.json")
    for work in (accounts.remove("ann"), accounts.passwd("ann", "x", 1)):
        with pytest.raises(GatewayError) as caught:
            await work
        assert caught.value.kind is Kind.NOT_FOUND


async def test_a_damaged_file_lets_nobody_in(tmp_path: Path) -> None:
    """A file that cannot be read is unavailable, never empty."""
    path = tmp_path / "accounts.json"
    path.write_text("{")
    accounts = Accounts(path)
    for work in (accounts.verify("ann", "x"), accounts.list(), accounts.remove("ann")):
        with pytest.raises(GatewayError) as caught:
            await work
        assert caught.value.kind is Kind.UNAVAILABLE
    assert path.read_text() == "{"
