"""Lists of tokens on disk."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from gateway.stores.tokens import MOST_APPLICATIONS, MOST_LISTED, TokenRecords
from protocol.accounts import TokenFacts, TokenKind
from protocol.errors import GatewayError, Kind

NOW = 1_700_000_000
NOW_MS = NOW * 1000


def facts(name: str, *, issued: int = NOW, kind: TokenKind = TokenKind.BROWSER) -> TokenFacts:
    """What a token of an hour says."""
    return TokenFacts(name, issued, issued + 3600, issued + 7200, kind, ("p",), "root", proved=True)


async def test_what_is_noted_is_listed_newest_first(tmp_path: Path) -> None:
    """By every process, for its own user, and as it was noted."""
    records = TokenRecords(tmp_path / "tokens")
    first, second = facts("a"), facts("b", issued=NOW + 5)
    await records.note("ann", first, NOW_MS)
    await records.note("ann", second, NOW_MS)
    assert await TokenRecords(tmp_path / "tokens").list("ann", NOW_MS) == (second, first)
    assert await records.list("bob", NOW_MS) == ()
    assert stat.S_IMODE((tmp_path / "tokens" / "ann.json").stat().st_mode) == 0o600


async def test_a_renewed_token_is_listed_once(tmp_path: Path) -> None:
    """It has the id of the one before."""
    records = TokenRecords(tmp_path / "tokens")
    await records.note("ann", facts("a"), NOW_MS)
    await records.note("ann", facts("a", issued=NOW + 60), NOW_MS)
    assert [one.issued for one in await records.list("ann", NOW_MS)] == [NOW + 60]


async def test_what_has_ended_is_listed_no_longer(tmp_path: Path) -> None:
    """Nor is it kept: the file does not grow for ever."""
    records = TokenRecords(tmp_path / "tokens")
    await records.note("ann", facts("a"), NOW_MS)
    assert await records.list("ann", NOW_MS + 3_600_000) == ()
    await records.note("ann", facts("b", issued=NOW + 4000), NOW_MS + 4_000_000)
    assert b'"a"' not in (tmp_path / "tokens" / "ann.json").read_bytes()


async def test_tokens_can_be_forgotten(tmp_path: Path) -> None:
    """One, or all of a user; what is not there is no fault."""
    records = TokenRecords(tmp_path / "tokens")
    await records.note("ann", facts("a"), NOW_MS)
    await records.note("ann", facts("b"), NOW_MS)
    await records.forget("ann", {"a", "x"}, NOW_MS)
    assert [one.id for one in await records.list("ann", NOW_MS)] == ["b"]
    await records.drop("ann")
    await records.drop("ann")
    assert await records.list("ann", NOW_MS) == ()


async def test_lists_have_bounds(tmp_path: Path) -> None:
    """The oldest logins leave the list, never an application; one too many of these is refused."""
    records = TokenRecords(tmp_path / "tokens")
    for number in range(MOST_APPLICATIONS):
        one = facts(f"app{number}", kind=TokenKind.APPLICATION)
        await records.note("ann", one, NOW_MS)
    for number in range(MOST_LISTED + 3):
        await records.note("ann", facts(f"login{number}"), NOW_MS)
    found = {one.id for one in await records.list("ann", NOW_MS)}
    assert len(found) == MOST_APPLICATIONS + MOST_LISTED
    assert {"app0", "login3", f"login{MOST_LISTED + 2}"} <= found
    assert not {"login0", "login2"} & found
    with pytest.raises(GatewayError) as caught:
        await records.note("ann", facts("more", kind=TokenKind.APPLICATION), NOW_MS)
    assert caught.value.kind is Kind.EXHAUSTED


async def test_the_last_use_is_kept_to_the_minute(tmp_path: Path) -> None:
    """By whichever process; it is forgotten with the token, and with its user."""
    records, other = TokenRecords(tmp_path / "tokens"), TokenRecords(tmp_path / "tokens")
    for name in ("a", "b"):
        await records.note("ann", facts(name, kind=TokenKind.APPLICATION), NOW_MS)
    assert other.last_use("ann", "a") == 0
    records.used("ann", "a", NOW_MS)
    records.used("ann", "a", NOW_MS + 59_000)
    assert other.last_use("ann", "a") == NOW_MS
    other.used("ann", "a", NOW_MS + 70_000)
    assert records.last_use("ann", "a") == NOW_MS + 70_000
    assert records.last_use("bob", "a") == records.last_use("ann", "b") == 0
    records.used("ann", "b", NOW_MS)
    await records.forget("ann", {"a"}, NOW_MS)
    assert (records.last_use("ann", "a"), records.last_use("ann", "b")) == (0, NOW_MS)
    await records.drop("ann")
    assert list((tmp_path / "tokens").glob("ann*")) == []


async def test_a_use_that_cannot_be_kept_is_no_fault(tmp_path: Path) -> None:
    """Whoever has a good token gets in."""
    (tmp_path / "tokens").write_text("in the way")
    records = TokenRecords(tmp_path / "tokens")
    records.used("ann", "a", NOW_MS)
    assert records.last_use("ann", "a") == 0


async def test_a_damaged_list_is_told(tmp_path: Path) -> None:
    """It is unavailable, and is not written over."""
    records = TokenRecords(tmp_path / "tokens")
    await records.note("ann", facts("a"), NOW_MS)
    path = tmp_path / "tokens" / "ann.json"
    path.write_text("{")
    with pytest.raises(GatewayError) as caught:
        await records.note("ann", facts("b"), NOW_MS)
    assert caught.value.kind is Kind.UNAVAILABLE
    assert path.read_text() == "{"
