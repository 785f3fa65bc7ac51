"""Who there is: users, the hashes of their passwords, and the groups that say what they may.

One private file is the truth about who gets in and may do what; every process reads it again when
it changed, so that a change counts everywhere at once. What users write about themselves is in a
file each (``stores/profiles.py``): no user can make that one file long, or have it read again all
the time. A change is one replacement of the file, under a lock, and never leaves a gateway that had
an administrator without one.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec.structs import replace

from gateway.data_paths import DataPaths
from gateway.stores import passwords
from gateway.stores.atomic_file import exclusive
from gateway.stores.atomic_file import replace as replace_file
from gateway.stores.directory_file import (
    Entry,
    Group,
    GroupChange,
    Picture,
    decoded,
    encoded,
    migrated,
)
from gateway.stores.directory_refusals import no_group, no_user, taken, unreadable
from gateway.stores.profiles import Profiles
from protocol.accounts import Role
from protocol.directory import (
    ADMIN_GROUP,
    DEFAULT_GROUP,
    Profile,
    UserGroup,
    check_group_name,
    check_queue_names,
    check_user_name,
)
from protocol.errors import GatewayError, Kind, Subject

__all__ = ["Account", "Directory"]

_AT_ONCE = 2
_REMEMBERED = 1024
_MOST_USERS, _MOST_GROUPS = 100_000, 1_000
_Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Account:
    """One user as far as logging in goes.

    ``changed_ms`` is when the password was last set or all tokens were ended: older ones are
    worthless, but those of applications, which are if they are older than the user
    (``created_ms``).
    """

    name: str
    role: Role
    changed_ms: int
    created_ms: int = 0

    @property
    def admin(self) -> bool:
        """Whether the user is an administrator."""
        return self.role is Role.ADMIN


class Directory:
    """The users and groups of a gateway. The file ``path`` need not be there yet.

    Args:
        path: the file.
        profiles: the folder of what users say about themselves.
        earlier: the accounts of an earlier release, taken over once if there is no file.
    """

    def __init__(self, path: Path, profiles: Path, earlier: Path) -> None:
        self._path = path
        self._earlier = earlier
        self._profiles = Profiles(profiles)
        self._where = str(path)
        # What the file said when it had this stamp, and who was asked for since.
        self._seen: tuple[_Stamp, Picture, dict[str, Account]] | None = None
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._nobody = ""

    @classmethod
    def of(cls, paths: DataPaths) -> Directory:
        """The directory of a data folder."""
        return cls(paths.directory, paths.profiles, paths.accounts)

    # Asked at every request: cheap while nothing changes.

    def find(self, name: str) -> Account | None:
        """The user of that name as of now, None if there is none."""
        picture = self._picture()
        seen = self._seen
        known = seen[2] if seen is not None and seen[1] is picture else {}
        found = known.get(name)
        if found is None and (entry := picture.user(name)) is not None:
            if len(known) >= _REMEMBERED:
                known.clear()
            found = known[name] = _account(name, entry, picture)
        return found

    def may_use(self, user: str, queue: str) -> bool:
        """Whether a user may submit to a queue: administrators to any, others by their groups.

        Who is not there is in no group but the default one.
        """
        picture = self._picture()
        entry = picture.user(user)
        if entry is not None and picture.admin(entry):
            return True
        groups = picture.groups_of(entry) if entry is not None else (DEFAULT_GROUP,)
        return any(queue in picture.groups[name].queues for name in groups)

    # Asked by people.

    async def verify(self, name: str, password: str) -> Account | None:
        """The user if the password is theirs, else None. An unknown user takes as long."""
        entry = (await asyncio.to_thread(self._picture)).user(name)
        kept = entry.password if entry else await self._of_nobody()
        async with self._slots:
            fits = await asyncio.to_thread(passwords.matches, kept, password)
        if not fits or entry is None:
            return None
        if passwords.outdated(kept):
            await self._rehash(name, kept, password)
        return self.find(name)

    async def accounts(self) -> tuple[Account, ...]:
        """All users by name, as far as logging in goes."""
        picture = await asyncio.to_thread(self._picture)
        return await asyncio.to_thread(_accounts, picture)

    async def profile(self, name: str) -> Profile:
        """A user as others see one. NOT_FOUND if there is none."""
        picture = await asyncio.to_thread(self._picture)
        entry = picture.user(name)
        if entry is None:
            raise no_user(name)
        return await asyncio.to_thread(self._profile, name, entry, picture)

    async def profiles(self, group: str = "") -> tuple[Profile, ...]:
        """All users by name, or those of one group. NOT_FOUND if there is no such group."""
        picture = await asyncio.to_thread(self._picture)
        if group and group not in picture.groups:
            raise no_group(group)

        def found() -> tuple[Profile, ...]:
            users = ((name, picture.user(name)) for name in sorted(picture.names))
            return tuple(
                self._profile(name, entry, picture)
                for name, entry in users
                if entry is not None and (not group or group in picture.groups_of(entry))
            )

        return await asyncio.to_thread(found)

    async def groups(self, name: str = "") -> tuple[UserGroup, ...]:
        """All groups by name, or one. NOT_FOUND if there is none of the name."""
        picture = await asyncio.to_thread(self._picture)
        if name:
            if name not in picture.groups:
                raise no_group(name)
            return (_shown(name, picture.groups[name]),)
        return tuple(_shown(name, group) for name, group in sorted(picture.groups.items()))

    # Changes.

    async def add(
        self,
        name: str,
        password: str,
        now_ms: int,
        *,
        groups: Collection[str] = (),
        email: str = "",
        extension: Mapping[str, object] | None = None,
        least: int = passwords.LEAST,
    ) -> Profile:
        """Makes a new user. CONFLICT if there is one of the name, INVALID for what may not be."""
        check_user_name(name)
        drawn = self._profiles.checked(email, extension or {})
        kept = await self._hash(password, least)

        def change(picture: Picture) -> None:
            if name in picture.names:
                raise taken("user", name, Subject.USER)
            if len(picture.names) >= _MOST_USERS:
                raise GatewayError(Kind.EXHAUSTED, f"there are {_MOST_USERS} users already")
            picture.put(name, Entry(kept, now_ms, now_ms, _known(picture, groups)))
            # Before the user: what another one of that name left must not become theirs.
            self._profiles.put(name, drawn)

        return self._profile_in(name, await self._change(change))

    async def remove(self, name: str) -> None:
        """Removes a user. NOT_FOUND if there is none, CONFLICT for the last administrator."""

        def change(picture: Picture) -> None:
            if picture.user(name) is None:
                raise no_user(name)
            picture.drop(name)

        await self._change(change)
        await asyncio.to_thread(self._profiles.drop, name)

    async def set_password(
        self, name: str, password: str, now_ms: int, least: int = passwords.LEAST
    ) -> None:
        """Sets a new password, which makes older tokens worthless. NOT_FOUND if no such user."""
        kept = await self._hash(password, least)

        def change(picture: Picture) -> None:
            entry = _entry(picture, name)
            picture.put(name, replace(entry, password=kept, changed_ms=now_ms))

        await self._change(change)

    async def expire(self, name: str, now_ms: int) -> None:
        """Makes the tokens of a user worthless that were made before now, not of applications."""

        def change(picture: Picture) -> None:
            picture.put(name, replace(_entry(picture, name), since_ms=now_ms))

        await self._change(change)

    async def set_groups(
        self, name: str, change_groups: Callable[[frozenset[str]], Collection[str]]
    ) -> Profile:
        """Changes which groups a user is in; the default one stays. NOT_FOUND for unknown ones."""

        def change(picture: Picture) -> None:
            entry = _entry(picture, name)
            groups = _known(picture, change_groups(frozenset(entry.groups)))
            if groups != entry.groups:
                picture.put(name, replace(entry, groups=groups))

        return self._profile_in(name, await self._change(change))

    async def patch(
        self, name: str, email: str | None, extension: Mapping[str, object] | None
    ) -> Profile:
        """Changes what a user says of themselves. NOT_FOUND if there is no such user."""
        picture = await asyncio.to_thread(self._picture)
        _entry(picture, name)
        await asyncio.to_thread(self._profiles.patch, name, email, extension)
        return await self.profile(name)

    async def put_group(self, name: str, wanted: GroupChange) -> UserGroup:
        """Makes or changes a group. CONFLICT, NOT_FOUND or INVALID as ``PutGroup`` says."""
        check_group_name(name)
        queues = None if wanted.queues is None else check_queue_names(wanted.queues)

        def change(picture: Picture) -> None:
            there = picture.groups.get(name)
            if there is not None and wanted.new:
                raise taken("group", name, Subject.USER_GROUP)
            if there is None and wanted.new is False:
                raise no_group(name)
            if there is None and len(picture.groups) >= _MOST_GROUPS:
                raise GatewayError(Kind.EXHAUSTED, f"there are {_MOST_GROUPS} groups already")
            if name == ADMIN_GROUP and wanted.admin is False:
                raise GatewayError(
                    Kind.CONFLICT,
                    f"the members of {ADMIN_GROUP} are administrators",
                    field="admin",
                    subject=Subject.USER_GROUP,
                )
            picture.put_group(name, (there or Group()).changed(wanted, queues))

        picture = await self._change(change)
        return _shown(name, picture.groups[name])

    async def drop_group(self, name: str) -> None:
        """Removes a group and everybody's membership. NOT_FOUND, or CONFLICT for a standing one."""
        if name in {ADMIN_GROUP, DEFAULT_GROUP}:
            raise GatewayError(
                Kind.CONFLICT,
                f"the group {name} always exists",
                field="group",
                subject=Subject.USER_GROUP,
            )

        def change(picture: Picture) -> None:
            if name not in picture.groups:
                raise no_group(name)
            picture.drop_group(name)

        await self._change(change)

    async def forget_queue(self, queue: str) -> None:
        """Takes a queue that is gone from every group that was granted it."""

        def change(picture: Picture) -> None:
            for name, group in tuple(picture.groups.items()):
                if queue in group.queues:
                    left = tuple(one for one in group.queues if one != queue)
                    picture.put_group(name, replace(group, queues=left))

        await self._change(change)

    # How.

    async def _hash(self, password: str, least: int) -> str:
        passwords.check_password(password, least)
        async with self._slots:
            return await asyncio.to_thread(passwords.hashed, password)

    async def _of_nobody(self) -> str:
        if not self._nobody:
            async with self._slots:
                self._nobody = await asyncio.to_thread(passwords.unknown)
        return self._nobody

    async def _rehash(self, name: str, kept: str, password: str) -> None:
        """Keeps the hash of a password that was just right with the parameters of today."""
        async with self._slots:
            fresh = await asyncio.to_thread(passwords.hashed, password)

        def change(picture: Picture) -> None:
            entry = picture.user(name)
            if entry is not None and entry.password == kept:
                picture.put(name, replace(entry, password=fresh))

        try:
            await self._change(change)
        except GatewayError as error:
            # The next login tries again: a full disk keeps nobody out.
            if error.kind is not Kind.UNAVAILABLE:
                raise

    async def _change(self, change: Callable[[Picture], None]) -> Picture:
        return await asyncio.to_thread(self._change_now, change)

    def _change_now(self, change: Callable[[Picture], None]) -> Picture:
        try:
            with exclusive(self._path.with_name(f"{self._path.name}.lock")):
                before = self._picture(locked=True)
                after = before.copy()
                change(after)
                if after.has_admins_of(before):
                    replace_file(self._path, encoded(after))
                    return after
        except (OSError, msgspec.MsgspecError) as error:
            raise unreadable() from error
        raise GatewayError(
            Kind.CONFLICT,
            "this is the last administrator; make another one first",
            field="user",
            subject=Subject.USER,
        )

    def _picture(self, *, locked: bool = False) -> Picture:
        """Everything as of now. Raises UNAVAILABLE if the file cannot be read: nobody gets in."""
        try:
            facts = os.stat(self._where)  # noqa: PTH116 - at every request, at half the price
            stamp = (facts.st_ino, facts.st_size, facts.st_mtime_ns)
            if self._seen is None or self._seen[0] != stamp:
                self._seen = (stamp, decoded(self._path.read_bytes()), {})
        except FileNotFoundError:
            return self._taken_over(locked=locked)
        except (OSError, msgspec.MsgspecError) as error:
            raise unreadable() from error
        return self._seen[1]

    def _taken_over(self, *, locked: bool) -> Picture:
        """The accounts of an earlier release, written in the form of today; crash-safe.

        Until the new file is whole in its place the old one counts; afterwards it never does. It is
        kept under another name.
        """
        try:
            if not self._earlier.exists():
                return Picture()
            if not locked:
                with exclusive(self._path.with_name(f"{self._path.name}.lock")):
                    return self._picture(locked=True)
            picture = migrated(self._earlier.read_bytes())
            replace_file(self._path, encoded(picture))
            self._earlier.replace(self._earlier.with_name(f"{self._earlier.name}.migrated"))
        except FileNotFoundError:
            return Picture()
        except (OSError, msgspec.MsgspecError) as error:
            raise unreadable() from error
        return picture

    def _profile(self, name: str, entry: Entry, picture: Picture) -> Profile:
        said = self._profiles.read(name)
        groups = picture.groups_of(entry)
        return Profile(
            name,
            said.email,
            groups,
            picture.admin(entry),
            tuple(sorted({queue for group in groups for queue in picture.groups[group].queues})),
            said.extension,
            entry.created_ms,
            entry.changed_ms,
        )

    def _profile_in(self, name: str, picture: Picture) -> Profile:
        return self._profile(name, _entry(picture, name), picture)


def _accounts(picture: Picture) -> tuple[Account, ...]:
    users = ((name, picture.user(name)) for name in sorted(picture.names))
    return tuple(_account(name, entry, picture) for name, entry in users if entry is not None)


def _account(name: str, entry: Entry, picture: Picture) -> Account:
    role = Role.ADMIN if picture.admin(entry) else Role.USER
    return Account(name, role, max(entry.changed_ms, entry.since_ms), entry.created_ms)


def _entry(picture: Picture, name: str) -> Entry:
    entry = picture.user(name)
    if entry is None:
        raise no_user(name)
    return entry


def _known(picture: Picture, groups: Collection[str]) -> tuple[str, ...]:
    """The groups, sorted, each once and without the default one, which everybody is in."""
    for group in groups:
        if group not in picture.groups:
            raise no_group(group)
    return tuple(sorted(set(groups) - {DEFAULT_GROUP}))


def _shown(name: str, group: Group) -> UserGroup:
    return UserGroup(
        name, group.description, group.external_name, group.admin, group.queues, group.extension
    )
