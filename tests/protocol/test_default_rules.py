"""The rules that a new gateway has (OAR contract, section 11, *Defaults to ship*)."""

from __future__ import annotations

import pytest

from protocol.default_rules import DEFAULT_RULES
from protocol.errors import GatewayError
from protocol.rules import Admitted, Draft, Facts, apply_rules, read_rule


def admitted(draft: Draft, facts: Facts | None = None) -> Admitted:
    """What the enabled ones make of a submission."""
    programs = ((rule.id, read_rule(rule.text)) for rule in DEFAULT_RULES if rule.enabled)
    return apply_rules(programs, draft, facts or Facts("ann", ("default",)))


def test_ids_are_those_of_a_new_oar() -> None:
    """Rules 1 to 17, of which the example is disabled."""
    assert [rule.id for rule in DEFAULT_RULES] == list(range(1, 18))
    assert [rule.id for rule in DEFAULT_RULES if not rule.enabled] == [8, 13]


def test_a_plain_submission_gets_queue_walltime_and_filters() -> None:
    """Rules 1, 3, 11, 15 and 17, with the texts that clients see."""
    found = admitted(Draft())
    assert (found.draft.queue, found.draft.walltimes) == ("default", (7200,))
    assert found.messages == (
        "Set default walltime to 7200.",
        "Modify resource description with type constraints",
    )
    leaf = {"drain": "NO", "desktop_computing": "NO", "type": "default"}
    assert all(one.holds(leaf) for one in found.requires)
    assert all(one.holds({}) for one in found.requires)
    for name, value in (("drain", "YES"), ("desktop_computing", "YES"), ("type", "disk")):
        assert not all(one.holds({**leaf, name: value}) for one in found.requires)


def test_besteffort_is_a_type_and_a_queue() -> None:
    """Rule 6: either makes the other."""
    for draft in (Draft(types=("besteffort",)), Draft(queue="besteffort")):
        found = admitted(draft)
        assert (found.draft.queue, found.draft.types) == ("besteffort", ("besteffort",))
        assert "Automatically redirect in the besteffort queue" in found.messages


@pytest.mark.parametrize(
    ("draft", "facts", "text"),
    [
        (Draft(), Facts("root"), "root and oar users are not allowed to submit jobs."),
        (Draft(queue="admin"), None, "Only members of the group admin"),
        (Draft(levels=("state",)), None, "is not allowed as a resource"),
        (Draft(types=("besteffort",), reservation=True), None, "cannot both be"),
        (Draft(types=("deploy",), levels=("core",)), None, "whole nodes"),
        (Draft(reservation=True), Facts("ann", waiting_jobs=200), "too many waiting jobs"),
        (Draft(types=("x",)), None, "Error: unknown job type: x"),
    ],
)
def test_what_they_refuse(draft: Draft, facts: Facts | None, text: str) -> None:
    """Rules 2, 4, 5, 7, 9, 12 and 16."""
    with pytest.raises(GatewayError, match=text):
        admitted(draft, facts)


def test_an_interactive_job_has_a_longest_walltime() -> None:
    """Rule 14."""
    assert admitted(Draft(interactive=True, walltimes=(99999,))).draft.walltimes == (43200,)


def test_members_of_the_admin_group_use_its_queue() -> None:
    """Rule 4."""
    assert admitted(Draft(queue="admin"), Facts("bo", ("admin",))).draft.queue == "admin"
