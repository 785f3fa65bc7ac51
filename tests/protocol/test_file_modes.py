"""Modes as people write them (OAR contract, section 13)."""

from __future__ import annotations

import pytest

from protocol.errors import GatewayError, Kind
from protocol.file_modes import read_mode


@pytest.mark.parametrize(
    ("text", "before", "after"),
    [
        ("755", 0o100600, 0o755),
        ("0644", 0o100777, 0o644),
        ("a+x", 0o100640, 0o751),
        ("+r", 0o100000, 0o444),
        ("u+rw", 0o100011, 0o611),
        ("go+xx", 0o100600, 0o611),
        ("000", 0o104755, 0),
        ("a+r", 0o106000, 0o444),
    ],
)
def test_what_they_make_of_a_mode(text: str, before: int, after: int) -> None:
    """Section 13: octal or like a+x; special bits are never kept."""
    assert read_mode(text).of(before) == after


@pytest.mark.parametrize("text", ["", "4755", "1777", "888", "75", "u+s", "+t", "a-x", "a=r", "x"])
def test_what_is_no_mode(text: str) -> None:
    """Section 13: nothing sets setuid, setgid or sticky."""
    with pytest.raises(GatewayError) as error:
        read_mode(text)
    assert (error.value.kind, error.value.field) == (Kind.INVALID, "mode")
