"""Admission rules over the whole core: who keeps them, and what is applied to whom."""

from __future__ import annotations

import pytest

from gateway.caller import Caller
from protocol.accounts import Principal, Role
from protocol.command import Command, Then
from protocol.commands.directory import AddUser
from protocol.commands.rules import (
    AddRule,
    ApplyRules,
    ChangeRule,
    DropRule,
    ListRules,
    ReadRule,
)
from protocol.commands.tasks import Execute
from protocol.errors import Kind, Subject
from protocol.rules import Draft
from tests.support.parts import Core
from tests.support.refusals import refusal, refused_as

ANN, ADMIN = Caller(Principal("ann", Role.USER)), Caller(Principal("admin", Role.ADMIN))
SAY = "if: user = 'ann'\nthen: [{say: hello}]"
PERL = "print 'x'; system('id');"


async def test_only_administrators_see_and_change_them(core: Core) -> None:
    """Section 11: all of it is for administrators."""
    commands: tuple[Command[object], ...] = (
        ListRules(),
        ReadRule(1),
        AddRule("x"),
        ChangeRule(1, "x"),
        DropRule(1),
    )
    for command in commands:
        assert await refused_as(core.dispatch(ANN, command)) is Kind.FORBIDDEN
        assert await refused_as(core.dispatch(Caller(None), command)) is Kind.UNAUTHENTICATED
    assert len(await core.dispatch(ADMIN, ListRules())) == 17


async def test_text_that_is_no_rule_is_kept_and_inert(core: Core) -> None:
    """Section 11: stored, shown, never enabled, with a note that says why."""
    kept = await core.dispatch(ADMIN, AddRule(PERL, 3, enabled=True))
    assert (kept.rule.text, kept.rule.priority, kept.rule.enabled) == (PERL, 3, False)
    assert kept.note.startswith("kept, but not applied: ")
    number = kept.rule.id
    error = await refusal(core.dispatch(ADMIN, ChangeRule(number, enabled=True)))
    assert (error.kind, error.field, error.subject) == (Kind.INVALID, "enabled", Subject.RULE)
    changed = await core.dispatch(ADMIN, ChangeRule(number, SAY, enabled=True))
    assert (changed.rule.enabled, changed.note) == (True, "")
    again = await core.dispatch(ADMIN, ChangeRule(number, PERL))
    assert (again.rule.enabled, again.rule.priority) == (False, 3)
    assert await core.dispatch(ADMIN, ReadRule(number)) == again
    assert (await core.dispatch(ADMIN, DropRule(number))).rule == again.rule
    for command in (ReadRule(number), ChangeRule(number, "x"), DropRule(number)):
        assert await refused_as(core.dispatch(ADMIN, command)) is Kind.NOT_FOUND


async def test_rules_count_by_priority_and_as_soon_as_they_are_kept(core: Core) -> None:
    """Section 11: in the order of priority, for whoever submits; disabled ones never."""
    await core.dispatch(ADMIN, AddUser("ann", "a long password"))
    late = await core.dispatch(ADMIN, AddRule("if: queue = 'fast'\nthen: [{deny: no}]", 100))
    await core.dispatch(
        ADMIN, AddRule("if: groups HAS 'default'\nthen: [{set: {queue: fast}}]", 99)
    )
    await core.dispatch(ADMIN, AddRule("then: [{deny: never}]", 0, enabled=False))
    error = await refusal(core.dispatch(ANN, ApplyRules(Draft())))
    assert (error.kind, error.message, error.subject) == (Kind.INVALID, "no", Subject.RULE)
    await core.dispatch(ADMIN, DropRule(late.rule.id))
    assert (await core.dispatch(ANN, ApplyRules(Draft()))).draft.queue == "fast"


async def test_what_was_admitted_is_what_is_submitted(core: Core) -> None:
    """Section 11, core: judged once, before it is accepted; later rules change nothing of it."""
    await core.dispatch(ADMIN, AddUser("ann", "a long password"))
    await core.parts.stores.lease.ready(1)
    await core.dispatch(ADMIN, AddRule("then: [{set: {walltime: 60}}]"))
    submit = Then(
        ApplyRules(Draft()),
        lambda found: Execute("shell", "sh", "true", "test", seconds=found.draft.walltimes[0]),
    )
    task = await core.dispatch(ANN, submit)
    await core.dispatch(ADMIN, AddRule("then: [{deny: nobody any more}]"))
    spec = await core.parts.stores.spool.spec(task.id)
    assert spec is not None
    assert spec.seconds == 60
    assert (await refusal(core.dispatch(ANN, submit))).message == "nobody any more"


@pytest.mark.parametrize(
    "command",
    [AddRule("x" * 70_000), AddRule("x", 1 << 40), ChangeRule(1, "x" * 70_000)],
)
async def test_what_is_not_even_kept(core: Core, command: Command[object]) -> None:
    """Sizes and priorities are bounded."""
    error = await refusal(core.dispatch(ADMIN, command))
    assert error.kind in {Kind.TOO_LARGE, Kind.INVALID}
    assert len(await core.dispatch(ADMIN, ListRules())) == 17
