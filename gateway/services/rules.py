"""Admission rules: kept by administrators, applied to the submissions whose dialect asks for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from gateway import clock
from gateway.caller import Access, Caller
from gateway.services.parts import Parts
from gateway.services.service import Verb
from gateway.stores.directory import Directory
from gateway.stores.queue import TaskQueue
from gateway.stores.rules import RuleBook, RuleFile
from protocol.commands.rules import (
    AddRule,
    ApplyRules,
    ChangeRule,
    DropRule,
    ListRules,
    ReadRule,
    RuleReport,
)
from protocol.errors import GatewayError, Kind, Subject
from protocol.rules import MAX_RULE_TEXT, Admitted, Facts, Program, Rule, apply_rules, read_rule

__all__ = ["RuleService"]

_MAX_PRIORITY = 1_000_000


class RuleService:
    """Carries out the commands on admission rules."""

    def __init__(self, rules: RuleFile, directory: Directory, queue: TaskQueue) -> None:
        self._rules = rules
        self._directory = directory
        self._queue = queue
        self._read: tuple[RuleBook, tuple[tuple[int, Program], ...]] | None = None

    @classmethod
    def of(cls, parts: Parts) -> RuleService:
        """The service of a gateway."""
        return cls(
            RuleFile(parts.folder("rules") / "rules.json"),
            parts.stores.directory,
            parts.stores.queue,
        )

    @property
    def verbs(self) -> Sequence[Verb[Any, Any]]:
        """What is done for which command."""
        return (
            Verb(ListRules, Access.ADMIN, self.list),
            Verb(ReadRule, Access.ADMIN, self.read),
            Verb(AddRule, Access.ADMIN, self.add),
            Verb(ChangeRule, Access.ADMIN, self.change),
            Verb(DropRule, Access.ADMIN, self.drop),
            Verb(ApplyRules, Access.USER, self.apply),
        )

    async def list(self, _caller: Caller, _command: ListRules) -> tuple[RuleReport, ...]:
        """All rules by id."""

        def look() -> tuple[RuleReport, ...]:
            rules = self._rules.book().rules
            return tuple(_report(rules[number]) for number in sorted(rules))

        return await asyncio.to_thread(look)

    async def read(self, _caller: Caller, command: ReadRule) -> RuleReport:
        """One rule."""
        return await asyncio.to_thread(lambda: _report(self._rules.find(command.id)))

    async def add(self, _caller: Caller, command: AddRule) -> RuleReport:
        """Keeps a rule; one that is not in the language is not enabled, whatever is asked."""
        _check(command.text, command.priority)

        def keep() -> RuleReport:
            note = _note(command.text)
            enabled = command.enabled is not False and not note
            rule = self._rules.add(command.text, command.priority, enabled=enabled)
            return RuleReport(rule, note)

        return await asyncio.to_thread(keep)

    async def change(self, _caller: Caller, command: ChangeRule) -> RuleReport:
        """Makes a rule another."""
        _check(command.text or "", command.priority)

        def change() -> RuleReport:
            before = self._rules.find(command.id)
            after = replace(
                before,
                text=before.text if command.text is None else command.text,
                priority=before.priority if command.priority is None else command.priority,
            )
            note = _note(after.text)
            if command.enabled and note:
                raise GatewayError(
                    Kind.INVALID,
                    f"rule {command.id} cannot be enabled: {note}",
                    field="enabled",
                    subject=Subject.RULE,
                )
            wanted = before.enabled if command.enabled is None else command.enabled
            after = replace(after, enabled=wanted and not note)
            return RuleReport(self._rules.put(after, instead_of=before), note)

        return await asyncio.to_thread(change)

    async def drop(self, _caller: Caller, command: DropRule) -> RuleReport:
        """Forgets a rule."""
        return await asyncio.to_thread(lambda: _report(self._rules.drop(command.id)))

    async def apply(self, caller: Caller, command: ApplyRules) -> Admitted:
        """What the rules make of a submission of the caller's."""
        user = caller.user.name
        groups = (await self._directory.profile(user)).groups
        counts = await self._queue.counts(user)
        now = clock.local_time()

        def judge() -> Admitted:
            facts = Facts(
                user, groups, counts.waiting, counts.running, now.tm_hour, now.tm_wday + 1
            )
            return apply_rules(self._enabled(), command.draft, facts)

        return await asyncio.to_thread(judge)

    def _enabled(self) -> tuple[tuple[int, Program], ...]:
        """The rules that count, in their order; read anew when somebody changed them."""
        book, seen = self._rules.book(), self._read
        if seen is None or seen[0] is not book:
            rules = sorted(book.rules.values(), key=lambda rule: (rule.priority, rule.id))
            programs = tuple((rule.id, _program(rule)) for rule in rules if rule.enabled)
            seen = self._read = (book, programs)
        return seen[1]


def _program(rule: Rule) -> Program:
    """What an enabled rule says; one that nobody can read refuses everything."""
    try:
        return read_rule(rule.text)
    except GatewayError as error:
        raise GatewayError(
            Kind.UNAVAILABLE,
            f"admission rule {rule.id} cannot be read any more: an administrator must look at it",
            subject=Subject.RULE,
        ) from error


def _report(rule: Rule) -> RuleReport:
    return RuleReport(rule, _note(rule.text))


def _note(text: str) -> str:
    """Why a text is not in the language, empty if it is."""
    try:
        read_rule(text)
    except GatewayError as error:
        return f"kept, but not applied: {error.message}"
    return ""


def _check(text: str, priority: int | None) -> None:
    """Refuses what is not even kept."""
    if len(text) > MAX_RULE_TEXT:
        raise GatewayError(
            Kind.TOO_LARGE,
            f"a rule has at most {MAX_RULE_TEXT} characters",
            field="rule",
            subject=Subject.RULE,
        )
    if priority is not None and abs(priority) > _MAX_PRIORITY:
        raise GatewayError(
            Kind.INVALID,
            f"a priority lies within {_MAX_PRIORITY} of 0",
            field="priority",
            subject=Subject.RULE,
        )
