"""The table of keys."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import pytest

from gateway.stores import keys
from gateway.stores.script import script

_SCRIPTS = [
    "find_missing",
    "advance",
    "heartbeat",
    "bury",
    "conclude",
    "control",
    "count",
    "counts",
    "deliver",
    "cancel_reservation",
    "heads",
    "list",
    "log_append",
    "log_begin",
    "log_drop",
    "log_end",
    "log_read",
    "update_field",
    "partial",
    "upsert_task",
    "quarantine",
    "bump_number",
    "read",
    "rebuild",
    "release",
    "reserve",
    "revive",
    "claim",
    "demands",
    "explain",
    "forget_node",
    "turns",
    "wanting",
    "claim_requests",
    "join_nodes",
    "leave_alone",
    "send_away",
]


def test_no_family_is_taken_for_another() -> None:
    """Every key belongs to the one family that made it."""
    for family in keys.FAMILIES:
        key = family.key() if family.single else family.key("x:y")
        assert keys.family(key) is family
        assert keys.family(family.of_node("x1") + ("" if family.single else "x:y")) is family


def test_a_foreign_key_is_no_family() -> None:
    """A key that is not ours is known as such."""
    assert keys.family("narthex:other:1") is None
    assert keys.family("something") is None


@pytest.mark.parametrize("name", _SCRIPTS)
def test_scripts_state_their_schema_and_spell_no_key(name: str) -> None:
    """A script begins with what it reads, writes and answers, and has its keys from outside."""
    text = script(name).text
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


def test_scripts_know_every_family_by_its_name() -> None:
    """Each has a local of its own, and no script that is handed them names another."""
    given = re.findall(
        r"^local ([A-Z_]+) = KEYS\[(\d+)\]$", keys.lua_names(keys.TASK_KEYS), flags=re.MULTILINE
    )
    assert [int(place) for _, place in given] == list(range(1, len(keys.TASK_KEYS) + 1))
    assert [getattr(keys, name) for name, _ in given] == list(keys.TASK_KEYS)
    folder = Path(keys.__file__).parent / "scripts"
    for path in folder.glob("*.lua"):
        text = path.read_text()
        if "-- include keys" in text:
            assert "KEYS[" not in text, path.name
