"""What the gateway says about itself cannot be forged and tells no secret."""

import io
import json
import logging

import pytest
import structlog

from gateway.config import load
from gateway.journal import bound, journal, set_up


@pytest.fixture
def said() -> io.StringIO:
    """Where the journal goes for one test."""
    return io.StringIO()


@pytest.fixture(autouse=True)
def _restored() -> object:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def test_one_event_is_one_line(said: io.StringIO) -> None:
    """Line breaks, escapes and direction marks from outside are shown, not obeyed."""
    set_up(load(None, {}).log, "test", said)
    journal("gateway.x").info("hello", name="a\n2026 ERROR admin\x1b[2J\u202e\u2028")
    assert said.getvalue().count("\n") == 1
    assert not {"\x1b", "\u202e", "\u2028"} & set(said.getvalue())


def test_secrets_are_blanked(said: io.StringIO) -> None:
    """A value under a telling name is never written, and neither is anything like a token."""
    set_up(load(None, {}).log, "test", said)
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl"  # noqa: S105 - of a test
    journal("gateway.x").warning(f"saw {token}", password="hunter2", url=f"/x?t={token}")  # noqa: S106 - what is tested
    assert "hunter2" not in said.getvalue()
    assert "eyJ" not in said.getvalue()


def test_long_text_is_cut(said: io.StringIO) -> None:
    """What is too long for a line is cut."""
    set_up(load(None, {}).log, "test", said)
    journal("gateway.x").info("x" * 100_000)
    assert len(said.getvalue()) < 2_000


def test_json_lines_carry_their_context(said: io.StringIO) -> None:
    """In JSON each line is an object with the process and what was bound around it."""
    config = load(None, {"NARTHEX_LOG_FORMAT": "json"})
    set_up(config.log, "test", said)
    with bound(request="r1"):
        journal("gateway.x").info("hello")
    line = json.loads(said.getvalue())
    assert (line["event"], line["request"], line["process"]) == ("hello", "r1", "test")


def test_libraries_speak_through_the_same_pipe(said: io.StringIO) -> None:
    """A library's warning is a line of ours, and its chatter is none."""
    set_up(load(None, {}).log, "test", said)
    logging.getLogger("sanic.error").warning("boo\n%s", 1)
    logging.getLogger("sanic.root").info("chatter")
    assert said.getvalue().count("\n") == 1
    assert "chatter" not in said.getvalue()


def test_the_level_is_kept(said: io.StringIO) -> None:
    """Below the level nothing is said."""
    set_up(load(None, {"NARTHEX_LOG_LEVEL": "error"}).log, "test", said)
    journal("gateway.x").warning("quiet")
    assert not said.getvalue()
