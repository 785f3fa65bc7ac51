"""Groups of tasks: submitted, read, killed and listed as one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from protocol.command import Command
from protocol.commands.tasks import Execute
from protocol.groups import DEFAULT_POLICY, Group, MemberKey, Policy

__all__ = [
    "AnnotateGroup",
    "DeleteGroup",
    "GroupRef",
    "KillGroup",
    "ListGroups",
    "Member",
    "ReadGroup",
    "SubmitGroup",
    "TagGroup",
]


@dataclass(frozen=True, slots=True)
class Member:
    """One task of a group. Names, request ids and dependencies are the group's affair.

    In values of its environment ``${narthex.ports.<role>.<index>.<label>}`` stands for the ports
    of a member, ``${narthex.attempt}`` for the number of the attempt, ``${narthex.group}`` for the
    id of the group and ``${narthex.task}`` for that of the task.
    """

    key: MemberKey
    execute: Execute


@dataclass(frozen=True, slots=True)
class SubmitGroup(Command[Group]):
    """Asks for tasks to be run as a group: all of them, or none.

    ``name`` is unique among the groups of its owner, or of a ``space`` if one is given, whoever
    owns them; empty for none. ``request_id`` makes a repetition safe. ``owner`` is whose group it
    becomes: empty for the caller's own; another's is for admins. A ``shared`` one may be shown to
    others without its code.
    """

    members: tuple[Member, ...]
    policy: Policy = DEFAULT_POLICY
    name: str = ""
    space: str = ""
    request_id: str = ""
    dialect: str = ""
    client: Mapping[str, object] = field(default_factory=dict)
    owner: str = ""
    life_seconds: int = 0
    shared: bool = False


@dataclass(frozen=True, slots=True)
class GroupRef:
    """Refers to a group by its id, or by owner and name, or by space and name."""

    id: str = ""
    owner: str = ""
    name: str = ""
    space: str = ""


@dataclass(frozen=True, slots=True)
class ReadGroup(Command[Group]):
    """Asks what is known of a group, with the members of one attempt: 0 for the latest."""

    group: GroupRef
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class KillGroup(Command[Group]):
    """Asks for a group to end with all its members. Answered when that is durable; idempotent."""

    group: GroupRef


@dataclass(frozen=True, slots=True)
class DeleteGroup(Command[Group]):
    """Asks for a group that has ended to be forgotten; its name is free again.

    With ``kill`` one that goes on is killed first and forgotten when it has ended, also if the
    gateway is begun again in between. Without, it is refused.
    """

    group: GroupRef
    kill: bool = False


@dataclass(frozen=True, slots=True)
class TagGroup(Command[Group]):
    """Puts words on a group, or takes them off; idempotent."""

    group: GroupRef
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AnnotateGroup(Command[Group]):
    """Keeps short texts of a dialect with a group, each under a name; the latest of a name counts.

    They decide nothing: not about the group and not about who sees it.
    """

    group: GroupRef
    notes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ListGroups(Command[tuple[Group, ...]]):
    """Asks for groups, newest first, without their members.

    ``owner`` empty is the caller or, with ``everybody``, all whose groups the caller may see, those
    that are shared included where the route opens them; ``of`` keeps those of one user of these.
    """

    owner: str = ""
    everybody: bool = False
    of: str = ""
    dialect: str = ""
    limit: int = 100
    offset: int = 0
