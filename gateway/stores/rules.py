"""The admission rules of a gateway, in one private file; the default ones if there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from gateway.stores.private_file import PrivateFile
from protocol.default_rules import DEFAULT_RULES
from protocol.errors import GatewayError, Kind, Subject
from protocol.rules import Rule

__all__ = ["MAX_RULES", "RuleBook", "RuleFile", "no_rule"]

MAX_RULES = 200


@dataclass(frozen=True, slots=True)
class RuleBook:
    """All rules by id, and the id that the next one gets: none is ever used again."""

    next_id: int = 1
    rules: Mapping[int, Rule] = field(default_factory=dict)


class RuleFile:
    """The rules in the file ``path``. Its methods may block for a look at the disk."""

    def __init__(self, path: Path) -> None:
        self._file = PrivateFile(path, RuleBook, _defaults)

    def book(self) -> RuleBook:
        """All rules; the same value as long as nobody changed them."""
        return self._file.read()

    def find(self, number: int) -> Rule:
        """One rule. NOT_FOUND if there is none."""
        return _found(self.book(), number)

    def add(self, text: str, priority: int | None, *, enabled: bool) -> Rule:
        """Keeps a rule, durably; ``priority`` None is its id. TOO_LARGE if there are too many."""
        added: list[Rule] = []

        def change(book: RuleBook) -> RuleBook:
            if len(book.rules) >= MAX_RULES:
                raise GatewayError(
                    Kind.TOO_LARGE, f"there are at most {MAX_RULES} rules", subject=Subject.RULE
                )
            number = book.next_id
            rule = Rule(number, text, number if priority is None else priority, enabled)
            added.append(rule)
            return RuleBook(number + 1, {**book.rules, number: rule})

        self._file.change(change)
        return added[0]

    def put(self, rule: Rule, *, instead_of: Rule) -> Rule:
        """Makes a rule another one; CONFLICT if somebody changed it meanwhile."""

        def change(book: RuleBook) -> RuleBook:
            if _found(book, rule.id) != instead_of:
                raise GatewayError(
                    Kind.CONFLICT,
                    f"rule {rule.id} was changed by somebody else, look at it again",
                    subject=Subject.RULE,
                )
            return replace(book, rules={**book.rules, rule.id: rule})

        self._file.change(change)
        return rule

    def drop(self, number: int) -> Rule:
        """Forgets a rule. NOT_FOUND if there is none."""
        dropped: list[Rule] = []

        def change(book: RuleBook) -> RuleBook:
            dropped.append(_found(book, number))
            return replace(
                book, rules={key: rule for key, rule in book.rules.items() if key != number}
            )

        self._file.change(change)
        return dropped[0]


def no_rule(number: int) -> GatewayError:
    """The refusal for a rule that is not there."""
    return GatewayError(
        Kind.NOT_FOUND, f"there is no admission rule {number}", field="id", subject=Subject.RULE
    )


def _found(book: RuleBook, number: int) -> Rule:
    if number not in book.rules:
        raise no_rule(number)
    return book.rules[number]


def _defaults() -> RuleBook:
    return RuleBook(len(DEFAULT_RULES) + 1, {rule.id: rule for rule in DEFAULT_RULES})
