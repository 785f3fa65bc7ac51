"""Users, their profiles and groups: what may be asked about them, mostly by administrators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from protocol.command import Command
from protocol.directory import Profile, UserGroup

__all__ = [
    "AddUser",
    "DropGroup",
    "Join",
    "Leave",
    "ListUserGroups",
    "ListUsers",
    "PatchProfile",
    "PutGroup",
    "ReadProfile",
    "RemoveUser",
    "SetGroups",
    "SetPassword",
]


@dataclass(frozen=True, slots=True)
class AddUser(Command[Profile]):
    """Asks for a new user; for administrators. A conflict if there is one of the name.

    ``groups`` are those to join besides the default one; each must exist. ``least`` is how many
    characters the password has at least, by the documents of a dialect; never fewer than six.
    """

    name: str
    password: str = field(repr=False)
    email: str = ""
    groups: tuple[str, ...] = ()
    extension: Mapping[str, object] = field(default_factory=dict)
    least: int = 8


@dataclass(frozen=True, slots=True)
class RemoveUser(Command[None]):
    """Asks for a user to go with all their tokens; for administrators. Their tasks stay.

    A conflict for the last administrator.
    """

    name: str


@dataclass(frozen=True, slots=True)
class SetPassword(Command[None]):
    """Asks for a new password, which makes all tokens worthless but those of applications.

    ``user`` is whose, empty for the caller's own; others' are for administrators. Who is no
    administrator shows the old password. ``least`` is as in AddUser.
    """

    password: str = field(repr=False)
    old: str = field(default="", repr=False)
    user: str = ""
    least: int = 8


@dataclass(frozen=True, slots=True)
class ReadProfile(Command[Profile]):
    """Asks about one user: empty for the caller.

    Others are for administrators, and for who is logged in where a mount opens such reads.
    """

    user: str = ""


@dataclass(frozen=True, slots=True)
class PatchProfile(Command[Profile]):
    """Asks to change what a user says of themselves; others' is for administrators.

    None leaves what is there. Of ``extension`` the keys that are given replace those of that name.
    """

    user: str = ""
    email: str | None = None
    extension: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class ListUsers(Command[tuple[Profile, ...]]):
    """Asks for the users by name, of one group or of all; for whom ReadProfile is."""

    group: str = ""


@dataclass(frozen=True, slots=True)
class PutGroup(Command[UserGroup]):
    """Asks for a group to be made or changed; for administrators.

    ``new`` true refuses a group that is there (a conflict), false one that is not (not found),
    None takes either. None elsewhere leaves what is there. ``extension`` is put at the path ``at``
    of the group's own; at the empty path its keys replace those of that name.
    """

    name: str
    new: bool | None = None
    description: str | None = None
    external_name: str | None = None
    admin: bool | None = None
    queues: tuple[str, ...] | None = None
    extension: object = None
    at: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DropGroup(Command[None]):
    """Asks for a group to go; its members only lose what it gave. For administrators."""

    name: str


@dataclass(frozen=True, slots=True)
class ListUserGroups(Command[tuple[UserGroup, ...]]):
    """Asks for the groups of users, by name; for whom ReadProfile is. ``name`` asks for one."""

    name: str = ""


@dataclass(frozen=True, slots=True)
class Join(Command[Profile]):
    """Asks for a user to be in a group from now on; for administrators. Idempotent."""

    user: str
    group: str


@dataclass(frozen=True, slots=True)
class Leave(Command[Profile]):
    """Asks for a user to be in a group no longer; for administrators. Idempotent."""

    user: str
    group: str


@dataclass(frozen=True, slots=True)
class SetGroups(Command[Profile]):
    """Asks for a user to be in these groups and the default one; for administrators."""

    user: str
    groups: tuple[str, ...]
