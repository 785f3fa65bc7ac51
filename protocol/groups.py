"""Groups: tasks that are one job, such as the task roles of a training or the parts of an array.

The members of a group are ordinary tasks. A group has attempts, one after the other: in each every
member starts at most once, and again only where the policy of its role says so, and each attempt
ends with one verdict.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NewType

from protocol.tasks import Task, TaskId

__all__ = [
    "DEFAULT_POLICY",
    "MAX_MEMBERS",
    "MAX_NOTES",
    "MAX_TAGS",
    "Attempt",
    "Cause",
    "Group",
    "GroupId",
    "GroupState",
    "GroupVerdict",
    "MemberKey",
    "MemberState",
    "MemberTry",
    "Policy",
    "Retry",
    "RolePolicy",
]

GroupId = NewType("GroupId", str)
"""A group's UUID, canonical 36-character lower-case text, ordered by time (version 7)."""

MAX_MEMBERS = 256
MAX_TAGS = 64
MAX_NOTES = 16


@dataclass(frozen=True, slots=True)
class MemberKey:
    """Which member of a group: its role and its place in it, from 0."""

    role: str
    index: int

    def __str__(self) -> str:
        """As it is told to people."""
        return f"{self.role}[{self.index}]"


@dataclass(frozen=True, slots=True)
class Retry:
    """How often something is tried again: a group with all its members anew, or one task of a role.

    ``failures`` counts tries after an ordinary failure, ``troubles`` those after a fault of the
    platform (a lost run, a preemption, a start that failed); -1 is as often as it may be. What is
    hopeless is never tried again. ``succeeded`` tries again whatever happens, as a service does.
    The pause before the first try doubles up to ``longest_seconds``.
    """

    failures: int = 0
    troubles: int = 0
    succeeded: bool = False
    pause_seconds: float = 1.0
    longest_seconds: float = 60.0


_NO_RETRY = Retry()


@dataclass(frozen=True, slots=True)
class RolePolicy:
    """When the tasks of a role decide about the group.

    It has failed as soon as ``min_failed`` of them have, and succeeded as soon as ``min_succeeded``
    have; None never decides. What triggers first counts. By ``retry`` a task of it is run again by
    itself, in the same attempt, before its failure counts.
    """

    min_failed: int | None = 1
    min_succeeded: int | None = None
    retry: Retry = _NO_RETRY


@dataclass(frozen=True, slots=True)
class Policy:
    """How a group lives: ``gang`` starts all of an attempt together, or none of it.

    Roles that are not named have the default policy. When all members have ended and nothing
    decided, the group has succeeded; with ``min_ended`` as soon as so many have.
    """

    gang: bool = True
    roles: Mapping[str, RolePolicy] = field(default_factory=dict)
    retry: Retry = _NO_RETRY
    min_ended: int | None = None


DEFAULT_POLICY = Policy()


class Cause(StrEnum):
    """Why an attempt failed, as far as that decides about another one."""

    NONE = "none"
    ORDINARY = "ordinary"
    PLATFORM = "platform"
    HOPELESS = "hopeless"


class GroupState(StrEnum):
    """The state of a group."""

    WAITING = "waiting"
    RUNNING = "running"
    STOPPING = "stopping"
    RETRYING = "retrying"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    KILLED = "killed"

    @property
    def final(self) -> bool:
        """Whether nothing follows."""
        return self in _FINAL


_FINAL = frozenset({GroupState.SUCCEEDED, GroupState.FAILED, GroupState.KILLED})


@dataclass(frozen=True, slots=True)
class GroupVerdict:
    """What an attempt came to, stated once: succeeded, failed or killed.

    ``trigger`` is the member that decided, None if none did. ``again`` says that another attempt
    follows ``pause_seconds`` later.
    """

    state: GroupState
    trigger: MemberKey | None = None
    cause: Cause = Cause.NONE
    again: bool = False
    pause_seconds: float = 0.0
    at_ms: int = 0


@dataclass(frozen=True, slots=True)
class MemberTry:
    """A task of a member that ended and was run again, and why it was."""

    task_id: TaskId
    cause: Cause
    task: Task | None = None


@dataclass(frozen=True, slots=True)
class MemberState:
    """A member in one attempt; ``task`` is None before it was made and after it was forgotten.

    ``earlier`` are its tries before this task in the same attempt, oldest first. ``node`` and
    ``address`` are where it runs if that is somewhere else.
    """

    key: MemberKey
    task_id: TaskId
    task: Task | None = None
    ports: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    earlier: tuple[MemberTry, ...] = ()
    node: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a group, counted from 1."""

    number: int
    begun_ms: int
    members: tuple[MemberState, ...] = ()
    verdict: GroupVerdict | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """What is known of a group at one moment.

    ``attempts`` are all there were, oldest first; members are told of the one that was asked for.
    ``failures`` and ``troubles`` count the tries that ended so and were tried again. ``tags`` are
    words that its owner put on it, in order; ``notes`` are texts that a dialect keeps with it.
    """

    id: GroupId
    owner: str
    name: str
    state: GroupState
    created_ms: int
    policy: Policy
    roles: Mapping[str, int]
    attempts: tuple[Attempt, ...] = ()
    ended_ms: int = 0
    killed_ms: int = 0
    dialect: str = ""
    client: Mapping[str, object] = field(default_factory=dict)
    shared: bool = False
    repeated: bool = False
    tags: tuple[str, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def latest(self) -> Attempt | None:
        """The attempt that is live or was the last."""
        return self.attempts[-1] if self.attempts else None
