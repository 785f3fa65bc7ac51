"""The audit trail: one line for each thing of note, which nobody can forge or read secrets from."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.caller import Caller
from gateway.config import Log
from gateway.journal import set_up
from gateway.services.audit import AUDITED, ForeignReads, audit
from protocol.accounts import Principal, Role, Ticket, TokenFacts, TokenKind
from protocol.commands.directory import AddUser, PutGroup, SetPassword
from protocol.commands.login import Login, WhoAmI
from protocol.commands.tasks import Execute, Kill
from protocol.commands.tokens import IssueToken, RevokeToken
from protocol.tasks import ById, ByName, ByNumber, Task, TaskId, TaskState

ANN = Caller(Principal("ann", Role.USER), "10.0.0.1")
SECRET = "correct horse"  # noqa: S105 - looked for


@pytest.fixture
def trail() -> Iterator[io.StringIO]:
    """What the journal of a gateway says that says errors only."""
    handlers, levels = (
        logging.getLogger().handlers[:],
        {name: logging.getLogger(name).level for name in ("", "gateway", "gateway.audit")},
    )
    stream = io.StringIO()
    set_up(Log(level="error", format="json"), "test", stream)
    yield stream
    logging.getLogger().handlers[:] = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def lines(trail: io.StringIO) -> list[dict[str, Any]]:
    """The lines so far, each an object."""
    return [json.loads(line) for line in trail.getvalue().splitlines()]


def test_a_line_says_who_did_what_from_where_and_what_came_of_it(trail: io.StringIO) -> None:
    """At any log level, under one event and one logger; what is not of note leaves none."""
    audit(ANN, Kill(ById(TaskId("0190"))), "done", None)
    audit(Caller(None, "10.0.0.9"), Login("ann", SECRET), "unauthenticated", None)
    audit(ANN, WhoAmI(), "done", None)
    kill, login = lines(trail)
    common = {"event": "audit", "logger": "gateway.audit", "level": "info", "process": "test"}
    assert {key: kill[key] for key in common} == common
    assert (kill["action"], kill["who"], kill["address"], kill["result"], kill["task"]) == (
        "kill",
        "ann",
        "10.0.0.1",
        "done",
        "0190",
    )
    assert (login["action"], login["who"], login["user"], login["result"]) == (
        "login",
        "",
        "ann",
        "unauthenticated",
    )


def test_who_acts_for_somebody_is_named(trail: io.StringIO) -> None:
    """The holder of the token is who did it."""
    acting = Caller(Principal("ann", Role.USER, holder="root"), "10.0.0.1")
    audit(acting, Kill(ByNumber(7)), "done", None)
    audit(acting, Kill(ByName("ann", "nightly")), "not_found", None)
    first, second = lines(trail)
    assert (first["who"], first["acting"], first["task"]) == ("root", "ann", "7")
    assert second["task"] == "ann/nightly"


def test_a_token_is_named_by_its_id(trail: io.StringIO) -> None:
    """The one that was made, and the one that was ended, never the token itself."""
    facts = TokenFacts("f" * 32, 1, 2, 2, TokenKind.APPLICATION)
    ticket = Ticket("eyJhbGciOiJIUzI1NiJ9.e30.x", Principal("ci", Role.USER, token=facts), 2000)
    audit(ANN, IssueToken(TokenKind.APPLICATION, user="ci"), "done", ticket)
    audit(ANN, RevokeToken("eyJhbGciOiJIUzI1NiJ9.e30.x", "ci"), "done", 1)
    audit(ANN, RevokeToken("f" * 32, "ci"), "done", 1)
    issued, by_token, by_id = lines(trail)
    assert (issued["user"], issued["id"], issued["kind"]) == ("ci", "f" * 32, "application")
    assert "id" not in by_token
    assert by_id["id"] == "f" * 32
    assert "eyJ" not in trail.getvalue()


def test_no_secret_and_no_code_is_in_it(trail: io.StringIO) -> None:
    """Of none of the commands that carry one."""
    execute = Execute("shell", "shell", SECRET, "linkis", secrets={"WORD": SECRET})
    for command in (
        AddUser("eve", SECRET, groups=("admin",)),
        SetPassword(SECRET, SECRET, "eve"),
        Login("eve", SECRET, SECRET.encode()),
        execute,
        PutGroup("g", extension={"x": SECRET}),
    ):
        audit(ANN, command, "done", None)
    assert len(lines(trail)) == 5
    assert SECRET not in trail.getvalue()


def test_a_name_cannot_forge_a_line(trail: io.StringIO) -> None:
    """What is not printable is escaped, and what is endless is cut."""
    audit(ANN, Login('x\n{"event": "audit"}\r\x1b[2J\u2028\u202e', SECRET), "unauthenticated", None)
    audit(ANN, Login("x" * 100_000, SECRET), "unauthenticated", None)
    first, second = lines(trail)
    assert first["user"].startswith("x\\n")
    assert first["user"].isprintable()
    assert len(second["user"]) < 2000


def test_actions_are_words_of_their_own() -> None:
    """Programs tell them apart; a kill is a kill, whichever verb asked for it."""
    actions = [action for action, _ in AUDITED.values()]
    assert {name for name in actions if actions.count(name) > 1} <= {"kill"}
    assert all(action.replace("-", "").isalpha() and action.islower() for action in actions)


def task_of(owner: str, number: int = 1, *, shared: bool = False) -> Task:
    """A task of somebody's."""
    return Task(
        id=TaskId(f"0190-{number}"),
        number=number,
        owner=owner,
        engine="shell",
        language="shell",
        state=TaskState.RUNNING,
        created_ms=1,
        shared=shared,
    )


def test_who_looks_at_a_foreign_task_is_noted_once_an_hour(trail: io.StringIO) -> None:
    """S48: under the administrator's own name, also if they act for its owner."""
    clock = [1000.0]
    reads = ForeignReads(lambda: clock[0])
    admin = Caller(Principal("root", Role.ADMIN), "10.0.0.2")
    acting = Caller(Principal("bob", Role.USER, holder="root"), "10.0.0.2")
    reads.note(ANN, task_of("ann"))
    reads.note(ANN, task_of("bob", shared=True))
    reads.note(Caller(None, "10.0.0.3"), task_of("bob"))
    assert lines(trail) == []
    reads.note(admin, task_of("bob"))
    reads.note(admin, task_of("bob"))
    reads.note(acting, task_of("bob", 2))
    clock[0] += 3600
    reads.note(admin, task_of("bob"))
    found = [(one["action"], one["who"], one["task"], one.get("acting")) for one in lines(trail)]
    assert found == [
        ("read", "root", "0190-1", None),
        ("read", "root", "0190-2", "bob"),
        ("read", "root", "0190-1", None),
    ]
    assert {one["owner"] for one in lines(trail)} == {"bob"}


def test_what_was_noted_of_reads_is_bounded(trail: io.StringIO) -> None:
    """Whoever looks at very many costs no memory; the oldest may then be noted again."""
    reads = ForeignReads(lambda: 0.0)
    for number in range(4097):
        reads.note(ANN, task_of("bob", number))
    assert len(reads._noted) == 4096
    reads.note(ANN, task_of("bob", 0))
    assert len(lines(trail)) == 4098
