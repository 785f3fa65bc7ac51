"""Which user of the system is whose: given once, for ever, and to nobody else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.stores.user_ids import UserIds
from protocol.errors import GatewayError, Kind


def test_a_number_is_given_once(tmp_path: Path) -> None:
    """Also by a later runner, and to as many at once as like."""
    file = tmp_path / "user_ids.json"
    ids = UserIds(file, 1000, 50)
    names = [f"user{number}" for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(ids.of, names * 2))
    assert given[:40] == given[40:]
    assert sorted(given[:40]) == list(range(1000, 1040))
    again = UserIds(file, 1000, 50)
    assert [again.of(name) for name in names] == given[:40]


def test_when_all_are_given_nobody_gets_another_s(tmp_path: Path) -> None:
    """Whoever has one keeps it."""
    ids = UserIds(tmp_path / "ids", 7, 1)
    assert ids.of("ann") == 7
    with pytest.raises(GatewayError) as caught:
        ids.of("bob")
    assert caught.value.kind is Kind.EXHAUSTED
    assert ids.of("ann") == 7


@pytest.mark.parametrize("text", ["", "[]", '{"ann": 0, "bob": 0}', '{"ann": 1}', '{"ann": "0"}'])
def test_what_cannot_be_read_is_not_begun_anew(tmp_path: Path, text: str) -> None:
    """Numbers that were given would be given to others."""
    file = tmp_path / "ids"
    file.write_text(text)
    with pytest.raises(GatewayError) as caught:
        UserIds(file, 7, 9).of("ann")
    assert caught.value.kind is Kind.INTERNAL
    assert file.read_text() == text
