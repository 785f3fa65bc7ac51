"""Scripts and their calls agree on what is handed over, by the head of the script."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.stores import keys
from gateway.stores.redis_client import RedisClient
from gateway.stores.script import Script, script
from gateway.stores.scripting import TaskScripts

GATEWAY = Path(keys.__file__).parent.parent
FOLDER = GATEWAY / "stores" / "scripts"
NAMES = sorted(path.stem for path in FOLDER.glob("*.lua"))


def calls() -> Iterator[tuple[str, str, ast.Call]]:
    """Every call of a script in the gateway: where it stands, the script's name, the call."""
    for path in sorted(GATEWAY.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "run"
                and node.args
                and isinstance(name := node.args[0], ast.Constant)
                and name.value in NAMES
            ):
                yield f"{path.relative_to(GATEWAY)}:{node.lineno}", str(name.value), node


def body(found: Script) -> str:
    """A script without its head, where its parts and arguments stand in for the includes."""
    return (FOLDER / f"{found.name}.lua").read_text().partition("\n\n")[2]


def test_every_call_hands_over_what_its_script_takes() -> None:
    """No call has a name too few or too many, and only those with a rest hand over a rest."""
    seen = set()
    for place, name, call in calls():
        found = script(name)
        seen.add(name)
        given = [word.arg for word in call.keywords]
        assert sorted(map(str, given)) == sorted(found.names), place
        rest = any(isinstance(one, ast.Starred) for one in call.args)
        # The keys of a script that is handed its own come first.
        assert rest == bool(found.rest) or name == "quarantine", place
    assert seen == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_script_uses_its_arguments_by_name(name: str) -> None:
    """None is taken by its place, and none is declared that nobody looks at."""
    found = script(name)
    text = body(found)
    assert not re.search(r"ARGV\[\d", text)
    for argument in found.names:
        assert re.search(rf"(?<![.'\w]){argument}\b", text), argument
    if not found.rest:
        assert "ARGV" not in text


def test_the_names_are_bound_in_order() -> None:
    """What a call says by name arrives under that name, and the rest where it is said to begin."""
    found = script("find_missing")
    assert (found.names, found.rest) == (("ended",), "ids")
    assert "local ended = ARGV[1]\nlocal ids_at = 2\n" in found.text
    assert list(found.arguments({"ended": 1}, ["a", "b"])) == [1, "a", "b"]
    found = script("release")
    assert list(found.arguments({"epoch": 3, "owner": "ann", "id": "x"}, [])) == ["x", "ann", 3]


@pytest.mark.parametrize(
    ("named", "rest"),
    [
        ({"id": "x", "owner": "ann"}, ()),
        ({"id": "x", "owner": "ann", "epoch": 1, "more": 2}, ()),
        ({"id": "x", "owner": "ann", "epoch": 1}, ("more",)),
    ],
)
async def test_a_wrong_call_never_gets_to_redis(
    link: RedisClient, named: dict[str, str | int], rest: tuple[str, ...]
) -> None:
    """It is a fault of the program, and says which script it is about."""
    with pytest.raises(TypeError, match="release"):
        await TaskScripts(link).run("release", *rest, **named)


@pytest.mark.parametrize("name", NAMES)
def test_a_script_is_handed_the_families_that_it_names(name: str) -> None:
    """No less, for each has a local, and the prefixes of a call follow in the same order."""
    found = script(name)
    declared = re.findall(r"^local ([A-Z_]+) = KEYS\[\d+\]$", found.text, flags=re.MULTILINE)
    assert [getattr(keys, one) for one in declared] == list(found.families)
    if "-- include keys" in (FOLDER / f"{name}.lua").read_text():
        assert declared
        code = re.sub(r"--.*|'[^']*'", "", found.text)
        used = {one for one in re.findall(r"\b[A-Z][A-Z_]+\b", code) if hasattr(keys, one)}
        assert used - {"NODES", "BEATS"} <= set(declared)
        assert keys.script_keys(found.families, "") == tuple(
            family.prefix for family in found.families
        )
