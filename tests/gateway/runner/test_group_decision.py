"""What happens next to a group, as a table and against its invariants."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.runner.group_decision import (
    Again,
    Begin,
    End,
    Judge,
    KillMember,
    MemberFact,
    Progress,
    SubmitMember,
    Wait,
    decide,
    pause_after,
)
from gateway.stores.groups import AttemptFact, EndFact, GroupFacts, GroupSpec, KillFact, MemberSpec
from protocol.groups import (
    Cause,
    GroupId,
    GroupState,
    GroupVerdict,
    MemberKey,
    Policy,
    Retry,
    RolePolicy,
)
from protocol.tasks import Outcome, Reason, TaskId, TaskState
from tests.support.specs import make_spec

KEYS = (MemberKey("w", 0), MemberKey("w", 1), MemberKey("ps", 0))
NOW = 1_000_000


def facts(policy: Policy = Policy(), attempts: int = 1) -> GroupFacts:  # noqa: B008 - a value
    """A group of three members in its so manieth attempt."""
    members = tuple(MemberSpec(key, make_spec()) for key in KEYS)
    spec = GroupSpec(GroupId("g"), "ann", "", 0, 9 * NOW, policy, members)
    tasks = tuple(TaskId(str(key)) for key in KEYS)
    begun = tuple(AttemptFact(one, NOW, tasks, ({},) * 3) for one in range(1, attempts + 1))
    earlier = {one: GroupVerdict(GroupState.FAILED, again=True) for one in range(1, attempts)}
    return GroupFacts(spec, begun, earlier)


def ended(at: int, code: int = 0, reason: Reason = Reason.EXITED, ended_ms: int = 5) -> MemberFact:
    """A member that has ended."""
    state = TaskState.SUCCEEDED if code == 0 else TaskState.FAILED
    return MemberFact(KEYS[at], Progress.ENDED, state, Outcome(reason, code, None, ""), ended_ms)


MISSING = tuple(MemberFact(key) for key in KEYS)
LIVE = tuple(MemberFact(key, Progress.LIVE) for key in KEYS)
KILL = KillFact(NOW)


def test_a_group_begins_and_its_members_are_made() -> None:
    """First the attempt is stated, then each member that is missing is made."""
    fresh = replace(facts(), attempts=())
    assert decide(fresh, (), NOW) == (Begin(1),)
    assert decide(facts(), MISSING, NOW) == (SubmitMember(0), SubmitMember(1), SubmitMember(2))
    assert decide(facts(), (LIVE[0], MISSING[1], LIVE[2]), NOW) == (SubmitMember(1),)
    assert decide(facts(), LIVE, NOW) == (Wait(),)


def test_one_that_is_killed_before_it_began_has_no_attempt() -> None:
    """It ends at once."""
    fresh = replace(facts(), attempts=(), kill=KILL)
    assert decide(fresh, (), NOW) == (End(EndFact(GroupState.KILLED, NOW)),)


@pytest.mark.parametrize(
    ("policy", "members", "state", "trigger"),
    [
        (Policy(), (ended(0), ended(1), ended(2)), GroupState.SUCCEEDED, None),
        (Policy(), (LIVE[0], ended(1, 3), LIVE[2]), GroupState.FAILED, KEYS[1]),
        (Policy(), (ended(0, 1, ended_ms=9), ended(1, 3), LIVE[2]), GroupState.FAILED, KEYS[1]),
        (
            Policy(roles={"ps": RolePolicy(1, 1)}),
            (LIVE[0], LIVE[1], ended(2)),
            GroupState.SUCCEEDED,
            KEYS[2],
        ),
        (
            Policy(roles={"w": RolePolicy(2), "ps": RolePolicy(None)}),
            (ended(0, 1), ended(1), ended(2, 1)),
            GroupState.SUCCEEDED,
            None,
        ),
        (Policy(min_ended=2), (ended(0), LIVE[1], ended(2)), GroupState.SUCCEEDED, KEYS[2]),
        (Policy(min_ended=1), (ended(0, 1), LIVE[1], LIVE[2]), GroupState.FAILED, KEYS[0]),
        (
            Policy(roles={"w": RolePolicy(2, None)}),
            (ended(0, 1), ended(1, 1, ended_ms=7), LIVE[2]),
            GroupState.FAILED,
            KEYS[1],
        ),
    ],
)
def test_what_decides_about_a_group(
    policy: Policy, members: tuple[MemberFact, ...], state: GroupState, trigger: MemberKey | None
) -> None:
    """By role, so many failures or successes; the first in time counts."""
    (judged,) = decide(facts(policy), members, NOW)
    assert isinstance(judged, Judge)
    assert (judged.verdict.state, judged.verdict.trigger) == (state, trigger)


def test_a_verdict_is_acted_on_after_it_is_stated() -> None:
    """The rest is killed, once; when it has ended the group does."""
    verdict = GroupVerdict(GroupState.FAILED, KEYS[0], at_ms=NOW)
    judged = replace(facts(), verdicts={1: verdict})
    assert decide(judged, (ended(0, 1), LIVE[1], LIVE[2]), NOW) == (KillMember(1), KillMember(2))
    killing = replace(LIVE[1], killing=True)
    assert decide(judged, (ended(0, 1), killing, ended(2)), NOW) == (Wait(),)
    assert decide(judged, (ended(0, 1), MISSING[1], ended(2)), NOW) == (
        End(EndFact(GroupState.FAILED, NOW)),
    )


@pytest.mark.parametrize(
    ("retry", "reason", "tries", "again"),
    [
        (Retry(), Reason.EXITED, 0, False),
        (Retry(failures=2), Reason.EXITED, 1, True),
        (Retry(failures=2), Reason.EXITED, 2, False),
        (Retry(failures=-1), Reason.EXITED, 50, True),
        (Retry(failures=-1), Reason.OUT_OF_MEMORY, 0, False),
        (Retry(failures=1, troubles=-1), Reason.PREEMPTED, 9, True),
        (Retry(failures=9), Reason.SHIM_DIED, 0, False),
        (Retry(succeeded=True), Reason.OUT_OF_MEMORY, 5, True),
    ],
)
def test_what_is_tried_again(retry: Retry, reason: Reason, tries: int, *, again: bool) -> None:
    """Ordinary failures and faults of the platform are counted apart."""
    cause = Cause.PLATFORM if reason in {Reason.PREEMPTED, Reason.SHIM_DIED} else Cause.ORDINARY
    group = facts(Policy(retry=retry), tries + 1)
    earlier = {n: replace(one, cause=cause) for n, one in group.verdicts.items()}
    group = replace(group, verdicts=earlier)
    (judged,) = decide(group, (ended(0, 1, reason), LIVE[1], LIVE[2]), NOW)
    assert isinstance(judged, Judge)
    assert judged.verdict.again is again


TWICE = Policy(roles={"w": RolePolicy(retry=Retry(2, 1, pause_seconds=1.0))})


@pytest.mark.parametrize(
    ("reason", "earlier", "again"),
    [
        (Reason.EXITED, (), True),
        (Reason.EXITED, (Cause.ORDINARY,), True),
        (Reason.EXITED, (Cause.ORDINARY, Cause.PLATFORM), True),
        (Reason.EXITED, (Cause.ORDINARY, Cause.ORDINARY), False),
        (Reason.START_FAILED, (Cause.ORDINARY, Cause.ORDINARY), True),
        (Reason.START_FAILED, (Cause.PLATFORM,), False),
        (Reason.OUT_OF_MEMORY, (), False),
    ],
)
def test_a_task_of_a_role_is_tried_again_by_itself(
    reason: Reason, earlier: tuple[Cause, ...], *, again: bool
) -> None:
    """Its failure counts for nothing before its tries are spent; the others go on."""
    failed = replace(ended(0, 1, reason, ended_ms=NOW), again=earlier)
    members = (failed, LIVE[1], LIVE[2])
    cause = Cause.ORDINARY if reason is Reason.EXITED else Cause.PLATFORM
    pause = 1000 * 2 ** len(earlier)

    (now,) = decide(facts(TWICE), members, NOW)
    (later,) = decide(facts(TWICE), members, NOW + pause)

    if again:
        assert (now, later) == (Wait(NOW + pause), Again(0, cause))
    else:
        assert isinstance(now, Judge)
        assert now.verdict.trigger == KEYS[0]


def test_what_is_decided_ends_the_tries_of_tasks() -> None:
    """A kill, and another member's end, count although a task could be tried again."""
    failed = ended(0, 1, ended_ms=NOW)
    for known, members in (
        (replace(facts(TWICE), kill=KILL), (failed, LIVE[1], LIVE[2])),
        (facts(TWICE), (failed, LIVE[1], ended(2, 1))),
    ):
        (judged,) = decide(known, members, NOW)
        assert isinstance(judged, Judge)
    service = Policy(roles={"w": RolePolicy(retry=Retry(-1, -1, succeeded=True))})
    assert decide(facts(service), (ended(0), LIVE[1], LIVE[2]), NOW) == (Again(0, Cause.NONE),)


def test_a_service_is_tried_again_when_it_succeeds() -> None:
    """Whatever happens, until it is killed."""
    group = facts(Policy(retry=Retry(succeeded=True)))
    done = (ended(0), ended(1), ended(2))
    (judged,) = decide(group, done, NOW)
    assert isinstance(judged, Judge)
    assert judged.verdict.again
    judged_group = replace(group, verdicts={1: judged.verdict})
    assert decide(judged_group, done, NOW) == (Wait(NOW + 1000),)
    assert decide(judged_group, done, NOW + 1000) == (Begin(2),)
    assert decide(judged_group, done, NOW - 5) == (Begin(2),)
    killed = replace(judged_group, kill=KILL)
    assert decide(killed, done, NOW) == (End(EndFact(GroupState.KILLED, NOW)),)


def test_pauses_grow_up_to_a_bound() -> None:
    """Twice as long each time."""
    retry = Retry(pause_seconds=1.0, longest_seconds=60.0)
    assert [pause_after(retry, tries) for tries in (0, 1, 2, 5, 6, 10_000)] == [
        1.0,
        2.0,
        4.0,
        32.0,
        60.0,
        60.0,
    ]


@given(
    st.lists(st.sampled_from(Progress), min_size=3, max_size=3),
    st.lists(st.sampled_from((TaskState.SUCCEEDED, TaskState.FAILED)), min_size=3, max_size=3),
    st.booleans(),
    st.sampled_from((None, GroupState.SUCCEEDED, GroupState.FAILED, GroupState.KILLED)),
    st.booleans(),
)
def test_a_member_is_made_only_while_nothing_is_decided(
    progress: list[Progress],
    states: list[TaskState],
    killed: bool,  # noqa: FBT001 - drawn
    verdict: GroupState | None,
    again: bool,  # noqa: FBT001 - drawn
) -> None:
    """And another attempt begins, or the group ends, only when nothing of this one is live."""
    members = [
        MemberFact(key, how, state, None, 5)
        for key, how, state in zip(KEYS, progress, states, strict=True)
    ]
    group = facts()
    if verdict is not None:
        group = replace(group, verdicts={1: GroupVerdict(verdict, again=again, at_ms=NOW)})
    if killed:
        group = replace(group, kill=KILL)
    actions = decide(group, members, NOW)
    assert actions
    live = Progress.LIVE in progress
    for action in actions:
        if isinstance(action, SubmitMember):
            assert verdict is None
            assert not killed
            assert members[action.at].progress is Progress.MISSING
        if isinstance(action, KillMember):
            assert verdict is not None
            assert members[action.at].progress is Progress.LIVE
        if isinstance(action, Judge):
            assert verdict is None
        if isinstance(action, Begin | End):
            assert verdict is not None
            assert not live
    assert decide(group, members, NOW) == actions
