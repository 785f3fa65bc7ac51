"""The words that the field has a term for do not come back as names: see the glossary."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted(
    path
    for top in ("engines", "gateway", "protocol", "tests")
    for path in (ROOT / top).rglob("*.py")
)
SCRIPTS = sorted((ROOT / "gateway" / "stores" / "scripts").rglob("*.lua"))

WORDS = {
    "bell": "notification, notifier",
    "bells": "notifications",
    "bygone": "reindex_finished",
    "census": "leak_check",
    "chronicle": "kill_recorder",
    "course": "run_reconciler",
    "doorbell": "notification",
    "forgo": "cancel_reservation",
    "haste": "fast_clock",
    "heard": "received, on_notification",
    "house": "runner_process",
    "intake": "upload_writer",
    "revival": "bulk_restore",
    "roster": "live_runs",
    "scarcity": "throttle_accept_errors",
    "steady": "clock_guard",
    "told": "reported, on_event",
    "unborn": "preforked_child",
    "vouch": "index_lease",
    "vouched": "lease_held",
    "vouching": "index_lease",
    "wish": "request_kill, kill_request",
    "wished": "requested",
    "wishes": "requests",
}
"""Parts of names that are out, with what stands for them."""

NAMES = {
    "_LOOK_SECONDS": "_POLL_SECONDS",
    "Allowance": "CreditWindow",
    "Link": "RedisClient",
    "Order": "LaunchRequest, StatementRequest",
    "Patience": "Backoff",
    "Pipe": "PipelinedConnection",
    "PLACES": "QUEUE_MEMBERSHIP",
    "Places": "DataPaths",
    "Said": "RenderedPageCache",
    "Tail": "Subscription",
    "Vouching": "IndexLease",
    "Waits": "LongPollLimiter",
    "Wire": "WebSocketConnection",
    "Word": "IndexStatus",
    "last_word": "exit_record",
    "speak_once": "throttle_accept_errors",
}
"""Whole names that are out: their words mean something else in other places."""

FILES = (
    *("aboard", "admit", "driven", "exchange", "folders", "keeping", "last_word", "patience"),
    *("roster", "scarcity", "steady", "tails", "verdict", "visitor", "vouch"),
)
"""Names of modules that are out."""

SCRIPT_FILES = ("absent", "beat", "forgo", "note", "place", "raise", "take", "vouched")
"""Names of scripts that are out."""


def parts(name: str) -> set[str]:
    """The words of a name, in small letters."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


def names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every name that a file gives: classes, functions, arguments, variables and attributes."""
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                yield node.lineno, name
            case ast.AsyncFunctionDef(name=name):
                yield node.lineno, name
            case ast.arg(arg=name):
                yield node.lineno, name
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield node.lineno, name
            case _:
                pass


def wrong(name: str) -> str:
    """What should stand for a name, empty if it may stand."""
    if name.startswith("test_"):
        return ""
    return NAMES.get(name, "") or next((WORDS[one] for one in parts(name) if one in WORDS), "")


@pytest.mark.parametrize("name", ["_told", "wished_ms", "Bells", "Link", "PortWish", "LOST_BELL"])
def test_a_word_that_is_out_is_found(name: str) -> None:
    """Also in the middle of a name and in another case."""
    assert wrong(name)


@pytest.mark.parametrize("name", ["link", "order", "places", "PLACE", "settled", "stolid"])
def test_other_names_may_stand(name: str) -> None:
    """A word that is out as one name may be a part of another."""
    assert not wrong(name)


def test_names_are_those_of_the_field() -> None:
    """No class, function, argument, variable or attribute has a name that is out.

    In tests, what was told or heard may be called so: nothing that a reader has to look up.
    """
    plain = {"told", "heard"}
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name} (say {wrong(name)})"
        for path in SOURCES
        for line, name in names(ast.parse(path.read_text(), str(path)))
        if wrong(name) and not (path.is_relative_to(ROOT / "tests") and plain & parts(name))
    ]
    assert not found, "\n".join(found)


def test_files_have_names_of_the_field() -> None:
    """No module and no script has a name that is out."""
    found = [path.name for path in SOURCES if path.stem in FILES or wrong(path.stem)]
    found += [path.name for path in SCRIPTS if path.stem in SCRIPT_FILES or wrong(path.stem)]
    assert not found
