"""Conditions over named values: what they mean, where they end, and what they may cost."""

from __future__ import annotations

import operator
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import GatewayError, Kind
from protocol.expressions import MAX_NESTING, MAX_TEXT, Expr, ExprError, Value

VALUES: dict[str, Value] = {
    "core": 4,
    "node": "node1",
    "memory": "512",
    "speed": 2.5,
    "quote": "it's",
    "none": None,
    "type": ("besteffort", "idempotent"),
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", True),
        ("   ", True),
        ("core = 4", True),
        ("core == 4", True),
        ("core='4'", True),
        ("core <> 4", False),
        ("core != 5", True),
        ("memory > 99", True),
        ("memory >= 512.0", True),
        ("speed < 2.6 AND speed > 2.4", True),
        ("core <= -1", False),
        ("node > 'node0'", True),
        ("node = 'NODE1'", False),
        ("quote = 'it''s'", True),
        ("node LIKE 'n_de%'", True),
        ("node like '%1'", True),
        ("node NOT LIKE '%1'", False),
        ("node LIKE ''", False),
        ("core IN (1, '4', 'x')", True),
        ("core not in (1,2)", True),
        ("core BETWEEN 1 AND 4", True),
        ("core NOT BETWEEN 1 AND 4", False),
        ("none IS NULL AND core IS NOT NULL", True),
        ("none = 1", False),
        ("NOT (none = 1)", False),
        ("none = 1 OR core = 4", True),
        ("nobody IS NULL", True),
        ("type HAS 'besteffort'", True),
        ("type NOT HAS 'deploy'", True),
        ("type LIKE 'idem%'", True),
        ("type != 'besteffort'", False),
        ("core = 1 OR core = 4 AND node = 'x'", False),
        ("(core = 1 OR core = 4) AND node = 'node1'", True),
        ("NOT core = 1", True),
        ("NOT NOT core = 4", True),
        ("node='node1'AND(core=4)", True),
    ],
)
def test_what_an_expression_means(text: str, expected: object) -> None:
    """Comparison, three-valued logic and precedence are those of SQL; words are in any case."""
    assert Expr(text).holds(VALUES) is expected


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("core", 5),
        ("core =", 7),
        ("= 4", 1),
        ("core = 4 4", 10),
        ("core = 'x", 8),
        ("(core = 4", 10),
        ("core = 4)", 9),
        ("core NOT = 4", 10),
        ('node = "x"', 8),
        ("core = node", 8),
        ("core LIKE 4", 11),
        ("core IN ()", 10),
        ("core IN (1,)", 12),
        ("core BETWEEN 1", 15),
        ("core IS 4", 9),
        ("core = 4; DROP TABLE jobs", 9),
        ("core = 4 -- x", 10),
        ("sleep(5)", 6),
        ("çore = 4", 1),
        ("core = 4\x00", 9),
        ("AND core = 4", 1),
    ],
)
def test_where_an_expression_goes_wrong(text: str, position: int) -> None:
    """What is not in the language is refused with the place, counted from 1."""
    with pytest.raises(ExprError) as refusal:
        Expr(text)
    assert (refusal.value.kind, refusal.value.position) == (Kind.INVALID, position)
    assert refusal.value.message.endswith(f"at position {position}")


def test_what_is_too_long_or_too_deep_is_refused() -> None:
    """The bounds hold exactly."""
    Expr("(" * (MAX_NESTING - 1) + "a = 1" + ")" * (MAX_NESTING - 1))
    for text in (
        "(" * MAX_NESTING + "a = 1" + ")" * MAX_NESTING,
        "NOT " * MAX_NESTING + "a = 1",
        "(" * MAX_TEXT,
        " " * MAX_TEXT + "a",
    ):
        with pytest.raises(ExprError):
            Expr(text)
    many = Expr(" OR ".join(["a=1"] * 500))
    assert not many.holds({"a": 2})


def test_an_evaluation_takes_a_bounded_number_of_steps() -> None:
    """A pattern made to be slow is refused instead of worked on."""
    slow = Expr(f"a LIKE '{'%a' * 2000}b'")
    with pytest.raises(GatewayError) as refusal:
        slow.holds({"a": "a" * 100_000})
    assert refusal.value.kind is Kind.TOO_LARGE


def test_names_are_known_and_can_be_changed() -> None:
    """A dialect finds out what is spoken of, and says its own names in others."""
    expr = Expr("network_address = 'network_address' AND core > 1 OR network_address IS NULL")
    assert expr.names == {"network_address", "core"}
    changed = expr.renamed({"network_address": "node", "other": "x"})
    assert changed.text == "node = 'network_address' AND core > 1 OR node IS NULL"
    assert expr.renamed({"other": "x"}) is expr


def test_two_conditions_are_joined_as_wholes() -> None:
    """An OR of the one does not swallow the other."""
    both = Expr("a = 1 OR b = 1").both(Expr("c = 1"))
    assert not both.holds({"a": 1, "c": 2})
    assert both.holds({"a": 1, "c": 1})
    assert Expr().both(both) is both
    assert both.both(Expr()) is both


@given(st.text(alphabet="ab=<>!()'%_ ANDORTILKE19,.\n", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing but a refusal with a place inside the text ever comes of reading or evaluating."""
    try:
        expr = Expr(text)
    except ExprError as error:
        place = error.position
    else:
        place = 1
        assert expr.holds({"a": 1, "b": "x"}) in {True, False}
        assert Expr(text) == expr
    assert 1 <= place <= len(text) + 1


ORDERS: dict[str, Callable[[int, int], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@given(st.sampled_from(sorted(ORDERS)), st.integers(-20, 20), st.integers(-20, 20))
def test_comparisons_agree_with_those_of_numbers(order: str, one: int, other: int) -> None:
    """Numbers compare as numbers, also when they came as text."""
    expected = ORDERS[order](one, other)
    assert Expr(f"a {order} {other}").holds({"a": one}) is expected
    assert Expr(f"a {order} '{other}'").holds({"a": str(one)}) is expected


@given(st.text("ab%_", max_size=8), st.text("ab", max_size=8))
def test_like_agrees_with_its_definition(pattern: str, text: str) -> None:
    """A pattern fits as its definition says, letter by letter."""

    def fits(pattern: str, text: str) -> bool:
        if not pattern:
            return not text
        if pattern[0] == "%":
            return any(fits(pattern[1:], text[at:]) for at in range(len(text) + 1))
        return bool(text) and pattern[0] in {"_", text[0]} and fits(pattern[1:], text[1:])

    assert Expr(f"a LIKE '{pattern}'").holds({"a": text}) is fits(pattern, text)
