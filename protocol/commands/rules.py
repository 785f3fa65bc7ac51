"""Admission rules: kept by administrators, applied to submissions whose dialect asks for it."""

from __future__ import annotations

from dataclasses import dataclass

from protocol.command import Command
from protocol.rules import Admitted, Draft, Rule

__all__ = [
    "AddRule",
    "ApplyRules",
    "ChangeRule",
    "DropRule",
    "ListRules",
    "ReadRule",
    "RuleReport",
]


@dataclass(frozen=True, slots=True)
class RuleReport:
    """A rule, and why its text is not in the language of rules; empty if it is."""

    rule: Rule
    note: str = ""


@dataclass(frozen=True, slots=True)
class ListRules(Command[tuple[RuleReport, ...]]):
    """Asks for all rules by id."""


@dataclass(frozen=True, slots=True)
class ReadRule(Command[RuleReport]):
    """Asks for one rule. NOT_FOUND if there is none."""

    id: int


@dataclass(frozen=True, slots=True)
class AddRule(Command[RuleReport]):
    """Asks for a rule to be kept. Text that is not in the language is kept, but never enabled.

    ``priority`` None is that of its id, ``enabled`` None is as far as it can be.
    """

    text: str
    priority: int | None = None
    enabled: bool | None = None


@dataclass(frozen=True, slots=True)
class ChangeRule(Command[RuleReport]):
    """Asks for a rule to be another; None stays. INVALID to enable one that is not in the language.

    An enabled rule that gets a text that is not in the language is disabled.
    """

    id: int
    text: str | None = None
    priority: int | None = None
    enabled: bool | None = None


@dataclass(frozen=True, slots=True)
class DropRule(Command[RuleReport]):
    """Asks for a rule to be forgotten; answered with what it was. Its id is never used again."""

    id: int


@dataclass(frozen=True, slots=True)
class ApplyRules(Command[Admitted]):
    """Asks what the rules make of a submission of the caller's.

    A dialect asks before it submits (``Then``), and submits what was admitted: that is what is kept
    with the task, so that no restart and no other rule judges it again. INVALID about a RULE if one
    refuses it.
    """

    draft: Draft
