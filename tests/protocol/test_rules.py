"""The language of admission rules (OAR contract, section 11): what is in it and what it does."""

from __future__ import annotations

import time

import pytest

from protocol.errors import GatewayError, Kind, Subject
from protocol.expressions import Expr
from protocol.rules import Admitted, Draft, Facts, apply_rules, read_rule

ANN = Facts("ann", ("default", "lab"), waiting_jobs=3, running_jobs=1, hour=14, weekday=1)
PERL = """# Title : default walltime
if (not defined($walltime)) { $walltime = 7200; print("[ADMISSION RULE] x\\n"); system("id"); }
"""


def applied(draft: Draft, *rules: str, facts: Facts = ANN) -> Admitted:
    """What these rules make of a submission."""
    return apply_rules(((at, read_rule(text)) for at, text in enumerate(rules, 1)), draft, facts)


def refusal(draft: Draft, *rules: str) -> str:
    """What these rules refuse a submission with."""
    with pytest.raises(GatewayError) as error:
        applied(draft, *rules)
    assert (error.value.kind, error.value.subject) == (Kind.INVALID, Subject.RULE)
    return error.value.message


@pytest.mark.parametrize(
    ("condition", "true"),
    [
        ("user = 'ann' AND groups HAS 'lab'", True),
        ("groups HAS 'admin'", False),
        ("queue IS NULL AND project IS NULL", True),
        ("name LIKE 'te%'", True),
        ("type HAS 'besteffort'", True),
        ("type LIKE 'inner=%'", True),
        ("NOT type HAS 'deploy'", True),
        ("walltime IS NULL", False),
        ("walltime > 3600", True),
        ("nb_resources = 4 AND array_size = 2", True),
        ("reservation = 'YES'", False),
        ("job_type = 'PASSIVE'", True),
        ("waiting_jobs >= 3 AND running_jobs < 2", True),
        ("hour BETWEEN 9 AND 17 AND weekday IN (1, 2)", True),
        ("level IN ('cpu', 'state')", True),
        ("", True),
    ],
)
def test_conditions_speak_of_the_submission(condition: str, true: bool) -> None:  # noqa: FBT001 - a row
    """Section 11: the expressions of filters over the variables of a submission."""
    draft = Draft(
        name="test",
        types=("besteffort", "inner=3"),
        walltimes=(60, 7200),
        resources=4,
        array_size=2,
        levels=("nodes", "cpu"),
    )
    found = applied(draft, f'{{"if": "{condition}", "then": [{{"say": "yes"}}]}}')
    assert found.messages == (("yes",) if true else ())


def test_actions_are_done_in_order_and_later_rules_see_what_they_did() -> None:
    """Section 11: say, set, add_type, require; the rules count in their order."""
    found = applied(
        Draft(),
        "then: [{say: one}, {set: {queue: besteffort}}, {add_type: besteffort}, {say: two}]",
        "if: queue = 'besteffort'\nthen: {add_type: idempotent}",
        "if: type HAS 'idempotent'\nthen: [{require: core > 2}, {set: {project: p}},"
        " {set: {name: n}}, {add_type: besteffort}]",
    )
    assert found.draft == Draft("besteffort", "p", "n", ("besteffort", "idempotent"))
    assert found.messages == ("one", "two")
    assert found.requires == (Expr("core > 2"),)


def test_a_refusal_is_the_rules_own_text() -> None:
    """Section 11: deny, and nothing after it counts."""
    assert refusal(Draft(), "if: user = 'ann'\nthen: [{deny: not you}, {say: x}]") == "not you"


def test_a_walltime_is_given_where_there_is_none() -> None:
    """Section 11: a default for the alternatives that say none, another value if all do."""
    rule = "then: [{set: {walltime: '2:00:00'}}]"
    assert applied(Draft(), rule).draft.walltimes == (7200,)
    assert applied(Draft(walltimes=(60, 0)), rule).draft.walltimes == (60, 7200)
    assert applied(Draft(walltimes=(60, 90)), rule).draft.walltimes == (7200, 7200)


def test_bounds_refuse_or_clip() -> None:
    """Section 11: max with and without clip; resources are never clipped."""
    draft = Draft(walltimes=(60, 7200), resources=9, array_size=100)
    assert refusal(draft, "then: [{max: {walltime: 3600}}]") == (
        "at most 3600 is allowed for walltime, not 7200"
    )
    for text in ("{max: {walltime: '1:0', clip: true}}", "{max: {walltime: 3600}, clip: true}"):
        assert applied(draft, f"then: [{text}]").draft.walltimes == (60, 3600)
    assert applied(draft, "then: [{max: {array: 5, clip: true}}]").draft.array_size == 5
    assert "resources, not 9" in refusal(draft, "then: [{max: {resources: 8}}]")
    assert applied(draft, "then: [{max: {resources: 9}}, {max: {array: 100}}]").draft == draft


def test_types_may_be_a_closed_list() -> None:
    """Section 11, the text that clients see: a type that fits no pattern is refused by its name."""
    rule = "then: [{allow_types: [besteffort, 'inner=%', \"it's\"]}]"
    draft = Draft(types=("besteffort", "inner=7", "it's"))
    assert applied(draft, rule).draft == draft
    assert refusal(Draft(types=("besteffort", "x")), rule) == "Error: unknown job type: x"


@pytest.mark.parametrize(
    "text",
    [
        PERL,
        "",
        "# only a comment",
        "[]",
        "true",
        "then: []\nelse: []",
        "if: 3\nthen: []",
        "if: user ~ 'x'\nthen: []",
        "if: password = 'x'\nthen: []",
        "then: [deny]",
        "then: [{deny: ''}]",
        "then: [{deny: a, say: b}]",
        "then: [{run: id}]",
        "then: [{}]",
        'then: [{say: "x\\nOAR_JOB_ID=1"}]',
        "then: [{set: {owner: root}}]",
        "then: [{set: {queue: a, name: b}}]",
        "then: [{set: {walltime: soon}}]",
        "then: [{set: {walltime: -1}}]",
        "then: [{max: {walltime: true}}]",
        "then: [{max: {resources: 4, clip: true}}]",
        "then: [{max: {array: 4, clip: 1}}]",
        "then: [{say: x, clip: true}]",
        "then: [{require: 4}]",
        "then: [{require: 'a ='}]",
        "then: [{allow_types: x}]",
        "then: [{allow_types: [4]}]",
        "if: !!python/object/apply:os.system ['id']\nthen: []",
        f"then: [{', '.join(['{say: x}'] * 51)}]",
        f"if: {'(' * 40}user = 'x'{')' * 40}\nthen: []",
    ],
)
def test_anything_else_is_not_in_the_language(text: str) -> None:
    """Section 11: text that is no rule is never evaluated; why is told in a sentence."""
    with pytest.raises(GatewayError) as error:
        read_rule(text)
    assert error.value.kind in {Kind.INVALID, Kind.TOO_LARGE}


def test_a_rule_takes_a_bounded_number_of_steps() -> None:
    """Section 11: 1000 steps; a rule that needs more refuses the submission, quickly."""
    condition = " OR ".join(["name LIKE '%b'"] * 20)
    rule = f"if: {condition}\nthen: []"
    began = time.perf_counter()
    with pytest.raises(GatewayError) as error:
        applied(Draft(name="a" * 128), rule)
    assert (error.value.kind, error.value.subject) == (Kind.TOO_LARGE, Subject.RULE)
    assert "rule 1" in error.value.message
    assert time.perf_counter() - began < 1
