"""The table of keys."""

from __future__ import annotations

import re
from importlib import resources

import pytest

from gateway.stores import keys
from gateway.stores.link import script_text

_SCRIPTS = [
    "absent",
    "advance",
    "beat",
    "bury",
    "conclude",
    "count",
    "counts",
    "deliver",
    "forgo",
    "heads",
    "list",
    "log_append",
    "log_begin",
    "log_drop",
    "log_end",
    "log_read",
    "note",
    "partial",
    "place",
    "quarantine",
    "raise",
    "read",
    "rebuild",
    "release",
    "reserve",
    "revive",
    "take",
]


def test_no_family_is_taken_for_another() -> None:
    """Every key belongs to the one family that made it."""
    for family in keys.FAMILIES:
        key = family.key() if family.single else family.key("x:y")
        assert keys.family(key) is family


def test_a_foreign_key_is_no_family() -> None:
    """A key that is not ours is known as such."""
    assert keys.family("narthex:other:1") is None
    assert keys.family("something") is None


@pytest.mark.parametrize("name", _SCRIPTS)
def test_scripts_state_their_schema_and_spell_no_key(name: str) -> None:
    """A script begins with what it reads, writes and answers, and has its keys from outside."""
    text = script_text(name)
    assert text.startswith("#!lua")
    head = text.split("\n\n", maxsplit=1)[0]
    assert re.search(r"^-- (reads|writes) ", head, re.MULTILINE)
    assert "-- reply " in head
    assert "narthex:" not in text


def test_every_script_is_named_here() -> None:
    """No script goes untold: those in the folder are those in this table."""
    folder = resources.files("gateway.stores") / "scripts"
    found = {item.name.removesuffix(".lua") for item in folder.iterdir() if item.is_file()}
    assert found == set(_SCRIPTS)
