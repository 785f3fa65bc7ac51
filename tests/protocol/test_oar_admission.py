"""Admission rules over OAR's jobs (contract, section 11): what they see, and what comes of it."""

from __future__ import annotations

import pytest

from protocol.default_rules import DEFAULT_RULES
from protocol.dialects.oar.admission import admitted_job, draft_of
from protocol.dialects.oar.faults import OarError
from protocol.dialects.oar.submission import Job, executed, read_job
from protocol.expressions import Expr
from protocol.media import JsonValue
from protocol.rules import Admitted, Draft, Facts, apply_rules, read_rule


def job(**said: JsonValue) -> Job:
    """A submission."""
    return read_job({"command": "true", **said}, 0)


def ruled(submitted: Job, *rules: str) -> Job:
    """The job as these rules leave it."""
    programs = ((at, read_rule(text)) for at, text in enumerate(rules, 1))
    return admitted_job(submitted, apply_rules(programs, draft_of(submitted), Facts("ann")))


def test_what_rules_are_told() -> None:
    """Section 11: what was named is a value, what was not is none."""
    assert draft_of(job()) == Draft(levels=("resource_id",))
    asked = job(
        resource=["/nodes=2/core=3", "/core=ALL,walltime=1"],
        queue="default",
        project="default",
        name="n",
        type=["idempotent"],
        param_file="a\nb\n",
    )
    assert draft_of(asked) == Draft(
        queue="default",
        project="default",
        name="n",
        types=("idempotent",),
        walltimes=(0, 3600),
        resources=6,
        array_size=2,
        levels=("network_address", "core"),
    )


def test_what_comes_of_a_job() -> None:
    """Section 11: every action shows in what is submitted to the core."""
    found = ruled(
        job(resource="/core=2,walltime=5", array=4),
        "then: [{set: {project: p}}, {set: {name: n}}, {add_type: besteffort}, {say: hello}]",
        "then: [{max: {walltime: 90, clip: true}}, {max: {array: 3, clip: true}}]",
        "then: [{require: cpu > 1}, {require: network_address = 'node1'}]",
    )
    assert found.says == ("[ADMISSION RULE] hello",)
    assert len(found.parameters) == 3
    execute = executed(found, "ann")
    assert execute.wants is not None
    assert (execute.seconds, execute.wants.preemptible) == (90.0, True)
    (shape,) = execute.wants.alternatives
    assert shape.seconds == 90.0
    (pick,) = shape.groups
    assert pick.filter.holds({"cpu": 2, "node": "node1"})
    assert not pick.filter.holds({"cpu": 1, "node": "node1"})
    assert not pick.filter.holds({"cpu": 2, "node": "node2"})
    assert execute.client["project"] == "p"
    assert execute.client["stdout"] == "OAR.n.%jobid%.stdout"
    assert "walltime=0:1:30" in str(execute.client["wanted"])


def test_the_rules_there_are_change_nothing_of_a_plain_job() -> None:
    """Section 11: the shipped ones fit what the pool has, and say what clients look for."""
    found = ruled(job(), *(rule.text for rule in DEFAULT_RULES if rule.enabled))
    assert found.condition == Expr()
    assert (found.queue, found.walltime, found.types) == ("default", 7200, ())
    assert found.says == (
        "[ADMISSION RULE] Set default walltime to 7200.",
        "[ADMISSION RULE] Modify resource description with type constraints",
    )


@pytest.mark.parametrize("rule", ["then: [{set: {name: a/b}}]", "then: [{require: drain = 'YES'}]"])
def test_what_cannot_be(rule: str) -> None:
    """Section 11: a rule that wants what nothing has refuses the job."""
    with pytest.raises(OarError) as error:
        ruled(job(), rule)
    assert error.value.status == 400


def test_nothing_of_a_job_is_lost_without_rules() -> None:
    """All other messages stay, those that rules say now are theirs."""
    asked = job(resource="/core=1,walltime=1", queue="admin")
    found = admitted_job(asked, Admitted(draft_of(asked)))
    assert (found.alternatives, found.queue, found.says) == (asked.alternatives, "admin", ())
