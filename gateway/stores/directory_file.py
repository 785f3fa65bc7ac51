"""The file of users and groups: its form, how it is read quickly, and what came before it.

A user's entry is decoded when somebody asks for that user. The two standing groups are there
whatever the file says.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import msgspec

from gateway.stores import passwords
from protocol.accounts import Role
from protocol.directory import ADMIN_GROUP, DEFAULT_GROUP
from protocol.errors import GatewayError, Kind
from protocol.resources import DEFAULT_QUEUE

__all__ = ["Entry", "Group", "GroupChange", "Picture", "decoded", "encoded", "migrated"]

_LONGEST_TEXT = 1024
_EXTENSION_BYTES = 65_536
_DEEPEST = 16


@dataclass(frozen=True, slots=True)
class GroupChange:
    """What of a group is changed; None leaves what is there. ``at`` is a path in the extension."""

    new: bool | None = None
    description: str | None = None
    external_name: str | None = None
    admin: bool | None = None
    queues: tuple[str, ...] | None = None
    extension: object = None
    at: tuple[str, ...] = ()


class Entry(msgspec.Struct, frozen=True):
    """One user in the file. Times are ms since the epoch; the default group is not listed.

    ``since_ms`` is when all tokens were ended without a new password.
    """

    password: str
    changed_ms: int
    created_ms: int
    groups: tuple[str, ...] = ()
    since_ms: int = 0


class Group(msgspec.Struct, frozen=True):
    """One group in the file."""

    description: str = ""
    external_name: str = ""
    admin: bool = False
    queues: tuple[str, ...] = ()
    extension: dict[str, object] = {}

    def changed(self, wanted: GroupChange, queues: tuple[str, ...] | None) -> Group:
        """The group with what is wanted of it. Raises INVALID for what it may not be."""
        return Group(
            _text("description", wanted.description, self.description),
            _text("external_name", wanted.external_name, self.external_name),
            self.admin if wanted.admin is None else wanted.admin,
            self.queues if queues is None else queues,
            self._extended(wanted),
        )

    def _extended(self, wanted: GroupChange) -> dict[str, object]:
        if wanted.extension is None and not wanted.at:
            return self.extension
        extension = _placed(self.extension, wanted.at, wanted.extension)
        try:
            size = len(msgspec.json.encode(extension))
        except (UnicodeEncodeError, TypeError, ValueError, RecursionError) as error:
            raise _bad("extension", "the extension cannot be kept as JSON") from error
        if size > _EXTENSION_BYTES:
            raise _bad("extension", f"a group's extension has at most {_EXTENSION_BYTES} bytes")
        return extension


class _File(msgspec.Struct, frozen=True):
    users: dict[str, msgspec.Raw]
    groups: dict[str, Group] = {}
    version: int = 1


class _OldEntry(msgspec.Struct, frozen=True):
    role: Role
    salt: bytes
    hash: bytes
    changed_ms: int
    cost: int


class _OldFile(msgspec.Struct, frozen=True):
    users: dict[str, _OldEntry]


class Picture:
    """All users and groups at one moment. Only a copy is ever changed."""

    def __init__(
        self,
        users: Mapping[str, msgspec.Raw | Entry] | None = None,
        groups: Mapping[str, Group] | None = None,
    ) -> None:
        self._users: dict[str, msgspec.Raw | Entry] = dict(users or {})
        self.groups: dict[str, Group] = {
            DEFAULT_GROUP: Group(queues=(DEFAULT_QUEUE,)),
            **(groups or {}),
        }
        admins = self.groups.get(ADMIN_GROUP, Group())
        self.groups[ADMIN_GROUP] = msgspec.structs.replace(admins, admin=True)

    @property
    def names(self) -> Collection[str]:
        """The names of all users."""
        return self._users.keys()

    def user(self, name: str) -> Entry | None:
        """The entry of a user; None if there is none."""
        found = self._users.get(name)
        if isinstance(found, msgspec.Raw):
            self._users[name] = found = msgspec.json.decode(found, type=Entry)
        return found

    def groups_of(self, entry: Entry) -> tuple[str, ...]:
        """The groups that a user is in, sorted, with the default one."""
        return tuple(sorted({DEFAULT_GROUP, *entry.groups} & self.groups.keys()))

    def admin(self, entry: Entry) -> bool:
        """Whether a user is an administrator: a group of theirs says so."""
        return any(self.groups[name].admin for name in self.groups_of(entry))

    def copy(self) -> Picture:
        """The same, to be changed."""
        return Picture(self._users, self.groups)

    def put(self, name: str, entry: Entry) -> None:
        """Adds or replaces a user."""
        self._users[name] = entry

    def drop(self, name: str) -> None:
        """Takes a user away."""
        del self._users[name]

    def put_group(self, name: str, group: Group) -> None:
        """Adds or replaces a group."""
        self.groups[name] = group

    def drop_group(self, name: str) -> None:
        """Takes a group away, and out of every user's entry."""
        del self.groups[name]
        for user in tuple(self._users):
            entry = self.user(user)
            if entry is not None and name in entry.groups:
                left = tuple(one for one in entry.groups if one != name)
                self.put(user, msgspec.structs.replace(entry, groups=left))

    def has_admins_of(self, before: Picture) -> bool:
        """Whether there is an administrator, or was none before either."""
        return self._any_admin() or not before._any_admin()

    def _any_admin(self) -> bool:
        return any(
            entry is not None and self.admin(entry) for entry in map(self.user, tuple(self._users))
        )

    def as_file(self) -> _File:
        """What is written."""
        users = {
            name: msgspec.Raw(msgspec.json.encode(entry)) if isinstance(entry, Entry) else entry
            for name, entry in sorted(self._users.items())
        }
        return _File(users, dict(sorted(self.groups.items())))


def decoded(data: bytes) -> Picture:
    """What a file says. Raises msgspec.MsgspecError if it is none of ours."""
    found = msgspec.json.decode(data, type=_File)
    return Picture(found.users, found.groups)


def encoded(picture: Picture) -> bytes:
    """The file of a picture."""
    return msgspec.json.format(msgspec.json.encode(picture.as_file()))


def migrated(data: bytes) -> Picture:
    """What the accounts of an earlier release say: administrators become members of the group.

    When a user was made was not kept: it was at the latest when the password was set.
    """
    found = msgspec.json.decode(data, type=_OldFile)
    return Picture(
        {
            name: Entry(
                passwords.legacy(old.salt, old.hash, old.cost),
                old.changed_ms,
                old.changed_ms,
                (ADMIN_GROUP,) if old.role is Role.ADMIN else (),
            )
            for name, old in found.users.items()
        }
    )


def _placed(whole: Mapping[str, object], at: tuple[str, ...], value: object) -> dict[str, object]:
    """An object with a value at a path of keys; at the empty path the keys of the value."""
    if len(at) > _DEEPEST:
        raise _bad("extension", f"a path in an extension has at most {_DEEPEST} keys")
    if not at:
        if not isinstance(value, Mapping):
            raise _bad("extension", "the extension must be an object")
        return {**whole, **value}
    inner = whole.get(at[0])
    if len(at) == 1:
        return {**whole, at[0]: value}
    return {
        **whole,
        at[0]: _placed(inner if isinstance(inner, Mapping) else {}, at[1:], value),
    }


def _text(name: str, wanted: str | None, now: str) -> str:
    if wanted is None:
        return now
    if len(wanted) > _LONGEST_TEXT:
        raise _bad(name, f"{name} has at most {_LONGEST_TEXT} characters")
    try:
        wanted.encode("utf-8")
    except UnicodeEncodeError as error:
        raise _bad(name, f"{name} has characters that cannot be kept") from error
    return wanted


def _bad(name: str, message: str) -> GatewayError:
    return GatewayError(Kind.INVALID, message, field=name)
