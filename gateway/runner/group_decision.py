"""What happens next to a group: a pure function of what is on record of it and of its members.

It is asked after every change, and its answers may be carried out any number of times: each is
stated on disk under the group, the attempt and the member before anything follows from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from gateway.stores.groups import EndFact, GroupFacts
from protocol.groups import Cause, GroupState, GroupVerdict, MemberKey, Policy, Retry, RolePolicy
from protocol.tasks import Outcome, Reason, TaskState

__all__ = [
    "Action",
    "Again",
    "Begin",
    "End",
    "Judge",
    "KillMember",
    "MemberFact",
    "Progress",
    "SubmitMember",
    "Wait",
    "decide",
    "pause_after",
]

MAX_ATTEMPTS = 1_000
_HOPELESS_SIGNALS = frozenset({4, 7, 8, 11, 31})
_DEFAULT = RolePolicy()


class Progress(StrEnum):
    """The state of the task of a member."""

    MISSING = "missing"
    LIVE = "live"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class MemberFact:
    """The task of a member in the latest attempt. A task that was forgotten has ended as killed.

    ``again`` is why each of its earlier tries in this attempt was followed by another.
    """

    key: MemberKey
    progress: Progress = Progress.MISSING
    state: TaskState = TaskState.QUEUED
    outcome: Outcome | None = None
    ended_ms: int = 0
    killing: bool = False
    again: tuple[Cause, ...] = ()


@dataclass(frozen=True, slots=True)
class Begin:
    """Begin this attempt."""

    number: int


@dataclass(frozen=True, slots=True)
class SubmitMember:
    """Make the task of the member at a place in the group."""

    at: int


@dataclass(frozen=True, slots=True)
class KillMember:
    """Have the task of the member at a place in the group end."""

    at: int


@dataclass(frozen=True, slots=True)
class Again:
    """State that the member at a place in the group is run again, and why its last try failed."""

    at: int
    cause: Cause


@dataclass(frozen=True, slots=True)
class Judge:
    """State what the latest attempt came to."""

    verdict: GroupVerdict


@dataclass(frozen=True, slots=True)
class End:
    """State that the group has ended."""

    end: EndFact


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do before a time (ms, epoch), 0 for before something changes."""

    until_ms: int = 0


Action = Begin | SubmitMember | KillMember | Again | Judge | End | Wait


def decide(facts: GroupFacts, members: Sequence[MemberFact], now_ms: int) -> tuple[Action, ...]:
    """What to do now, in order; the facts are to be looked at again after each.

    ``members`` are those of the latest attempt, in the order of the group.
    """
    if facts.end is not None:
        return (Wait(),)
    if not facts.attempts:
        if facts.kill is not None:
            return (End(EndFact(GroupState.KILLED, now_ms)),)
        return (Begin(1),)
    verdict = facts.verdicts.get(facts.attempts[-1].number)
    if verdict is None:
        return _go_on(facts, members, now_ms)
    return _follow(facts, verdict, members, now_ms)


def _go_on(facts: GroupFacts, members: Sequence[MemberFact], now_ms: int) -> tuple[Action, ...]:
    """What an attempt needs that nothing decided yet."""
    policy = facts.spec.policy
    due_ms = [_due_ms(policy, one) for one in members]
    # Who is run again has not ended for those who count ends.
    counted = [
        one if due is None else replace(one, progress=Progress.LIVE)
        for one, due in zip(members, due_ms, strict=True)
    ]
    found = _verdict(facts, counted, now_ms)
    if found is not None:
        return (Judge(found),)
    actions: list[Action] = []
    later = []
    for at, (one, due) in enumerate(zip(members, due_ms, strict=True)):
        if one.progress is Progress.MISSING:
            actions.append(SubmitMember(at))
        elif due is not None and one.ended_ms <= now_ms < due:
            later.append(due)
        elif due is not None:
            actions.append(Again(at, _cause_of(one)))
    return tuple(actions) or (Wait(min(later, default=0)),)


def _due_ms(policy: Policy, one: MemberFact) -> int | None:
    """When a member that has ended is run again (ms, epoch); None if it is not."""
    retry = policy.roles.get(one.key.role, _DEFAULT).retry
    if one.progress is not Progress.ENDED or len(one.again) >= MAX_ATTEMPTS:
        return None
    cause = _cause_of(one)
    if not _worth_another(retry, cause, sum(1 for known in one.again if known is cause)):
        return None
    return one.ended_ms + int(pause_after(retry, len(one.again)) * 1000)


def _cause_of(one: MemberFact) -> Cause:
    return Cause.NONE if one.state is TaskState.SUCCEEDED else _cause(one)


def _worth_another(retry: Retry, cause: Cause, spent: int) -> bool:
    """Whether another try follows one that ended so, of which there were so many before."""
    if cause is Cause.NONE or retry.succeeded:
        return retry.succeeded
    if cause is Cause.ORDINARY:
        return retry.failures < 0 or spent < retry.failures
    return cause is Cause.PLATFORM and (retry.troubles < 0 or spent < retry.troubles)


def _follow(
    facts: GroupFacts, verdict: GroupVerdict, members: Sequence[MemberFact], now_ms: int
) -> tuple[Action, ...]:
    """What follows from a verdict: the rest is killed, then there is another attempt or the end."""
    live = [at for at, one in enumerate(members) if one.progress is Progress.LIVE]
    if live:
        kills = [KillMember(at) for at in live if not members[at].killing]
        return tuple(kills) or (Wait(),)
    if not verdict.again or facts.kill is not None:
        state = GroupState.KILLED if verdict.again else verdict.state
        return (End(EndFact(state, now_ms)),)
    due_ms = verdict.at_ms + int(verdict.pause_seconds * 1000)
    # A clock that was set back does not make anybody wait longer than the pause.
    if verdict.at_ms <= now_ms < due_ms:
        return (Wait(due_ms),)
    return (Begin(facts.attempts[-1].number + 1),)


def pause_after(retry: Retry, tries: int) -> float:
    """The pause before another attempt, after so many."""
    longest = max(retry.longest_seconds, 0.0)
    return min(max(retry.pause_seconds, 0.0) * 2.0 ** min(tries, 60), longest)


def _verdict(facts: GroupFacts, members: Sequence[MemberFact], now_ms: int) -> GroupVerdict | None:
    """What the attempt came to, None if that is not decided."""
    if facts.kill is not None:
        return GroupVerdict(GroupState.KILLED, at_ms=now_ms)
    decided = _trigger(facts.spec.policy, members)
    if decided is None:
        if any(one.progress is not Progress.ENDED for one in members):
            return None
        return _with_retry(facts, GroupState.SUCCEEDED, None, now_ms)
    member, state = decided
    return _with_retry(facts, state, member, now_ms)


def _trigger(policy: Policy, members: Sequence[MemberFact]) -> tuple[MemberFact, GroupState] | None:
    """The member whose end decided, and what: the first in time, then in the group."""
    ended = sorted(
        (one.ended_ms, at) for at, one in enumerate(members) if one.progress is Progress.ENDED
    )
    failed: dict[str, int] = {}
    succeeded: dict[str, int] = {}
    for count, (_, at) in enumerate(ended, 1):
        one = members[at]
        role, rules = one.key.role, policy.roles.get(one.key.role, _DEFAULT)
        if one.state is TaskState.SUCCEEDED:
            succeeded[role] = succeeded.get(role, 0) + 1
            if rules.min_succeeded is not None and succeeded[role] >= rules.min_succeeded:
                return one, GroupState.SUCCEEDED
        else:
            failed[role] = failed.get(role, 0) + 1
            if rules.min_failed is not None and failed[role] >= rules.min_failed:
                return one, GroupState.FAILED
        if policy.min_ended is not None and count >= policy.min_ended:
            return one, GroupState.SUCCEEDED
    return None


def _with_retry(
    facts: GroupFacts, state: GroupState, member: MemberFact | None, now_ms: int
) -> GroupVerdict:
    retry, earlier = facts.spec.policy.retry, facts.verdicts.values()
    cause = _cause(member) if state is GroupState.FAILED and member else Cause.NONE
    spent = sum(1 for one in earlier if one.cause is cause)
    again = _worth_another(retry, cause, spent) and len(facts.attempts) < MAX_ATTEMPTS
    pause = pause_after(retry, len(facts.attempts) - 1) if again else 0.0
    return GroupVerdict(state, member.key if member else None, cause, again, pause, now_ms)


_PLATFORM = frozenset(
    {
        Reason.START_FAILED,
        Reason.SHIM_DIED,
        Reason.NODE_RESTARTED,
        Reason.SESSION_DIED,
        Reason.PREEMPTED,
        Reason.LEAF_DIED,
        Reason.QUEUE_TIME_LIMIT,
    }
)
_HOPELESS = frozenset({Reason.OUT_OF_MEMORY, Reason.ENGINE_ERROR, Reason.REFUSED})


def _cause(member: MemberFact) -> Cause:
    """What a failure says of another try."""
    outcome = member.outcome
    if member.state is TaskState.LOST:
        return Cause.PLATFORM
    if outcome is None:
        return Cause.ORDINARY
    if outcome.reason in _PLATFORM:
        return Cause.PLATFORM
    if outcome.reason in _HOPELESS or outcome.signal in _HOPELESS_SIGNALS:
        return Cause.HOPELESS
    return Cause.ORDINARY
