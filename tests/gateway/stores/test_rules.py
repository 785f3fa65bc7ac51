"""The file of admission rules: durable, with ids that are never used again."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.stores.rules import MAX_RULES, RuleFile
from protocol.default_rules import DEFAULT_RULES
from protocol.errors import GatewayError, Kind
from protocol.rules import Rule


def test_without_a_file_there_are_the_default_rules(tmp_path: Path) -> None:
    """And all processes see what one of them changed."""
    one, other = RuleFile(tmp_path / "rules.json"), RuleFile(tmp_path / "rules.json")
    assert tuple(one.book().rules.values()) == DEFAULT_RULES
    assert one.add("x", None, enabled=False) == Rule(18, "x", 18, enabled=False)
    assert other.find(18).text == "x"
    assert (tmp_path / "rules.json").stat().st_mode & 0o777 == 0o600


def test_an_id_is_never_used_again(tmp_path: Path) -> None:
    """Also that of the last rule, also over a restart."""
    rules = RuleFile(tmp_path / "rules.json")
    number = rules.add("x", 5, enabled=True).id
    assert rules.drop(number).priority == 5
    assert RuleFile(tmp_path / "rules.json").add("y", None, enabled=True).id == number + 1
    with pytest.raises(GatewayError) as error:
        rules.drop(number)
    assert error.value.kind is Kind.NOT_FOUND


def test_a_change_of_what_somebody_else_changed_is_a_conflict(tmp_path: Path) -> None:
    """Nobody's text is lost."""
    rules = RuleFile(tmp_path / "rules.json")
    before = rules.add("x", 1, enabled=False)
    rules.put(Rule(before.id, "theirs", 1, enabled=False), instead_of=before)
    with pytest.raises(GatewayError) as error:
        rules.put(Rule(before.id, "mine", 1, enabled=False), instead_of=before)
    assert error.value.kind is Kind.CONFLICT
    assert rules.find(before.id).text == "theirs"


def test_there_is_a_most(tmp_path: Path) -> None:
    """The number of rules is bounded."""
    rules = RuleFile(tmp_path / "rules.json")
    for _ in range(MAX_RULES - len(DEFAULT_RULES)):
        rules.add("", None, enabled=False)
    with pytest.raises(GatewayError) as error:
        rules.add("", None, enabled=False)
    assert error.value.kind is Kind.TOO_LARGE


def test_a_broken_file_is_not_taken_for_none(tmp_path: Path) -> None:
    """Nothing is admitted by rules that cannot be read."""
    (tmp_path / "rules.json").write_text("{")
    with pytest.raises(GatewayError) as error:
        RuleFile(tmp_path / "rules.json").book()
    assert error.value.kind is Kind.UNAVAILABLE
