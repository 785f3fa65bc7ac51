"""Users and groups: who there is, what they say about themselves, and who may do what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway import clock
from gateway.caller import Access, Caller
from gateway.services.login import LoginService
from gateway.services.parts import Parts
from gateway.services.service import Verb, for_user
from gateway.services.tokens import TokenService, by_person
from gateway.stores.directory import Directory
from gateway.stores.directory_file import GroupChange
from gateway.stores.directory_refusals import no_user
from protocol.accounts import Principal
from protocol.commands.directory import (
    AddUser,
    DropGroup,
    Join,
    Leave,
    ListUserGroups,
    ListUsers,
    PatchProfile,
    PutGroup,
    ReadProfile,
    RemoveUser,
    SetGroups,
    SetPassword,
)
from protocol.directory import Profile, UserGroup
from protocol.errors import GatewayError, Kind, Subject

__all__ = ["DirectoryService"]


class DirectoryService:
    """Carries out the commands on users and groups."""

    def __init__(self, directory: Directory, tokens: TokenService, login: LoginService) -> None:
        self._directory = directory
        self._tokens = tokens
        self._login = login

    @classmethod
    def of(cls, parts: Parts) -> DirectoryService:
        """The service of a gateway."""
        return cls(parts.stores.directory, parts.get(TokenService), parts.get(LoginService))

    @property
    def verbs(self) -> Sequence[Verb[Any, Any]]:
        """What is done for which command."""
        return (
            Verb(AddUser, Access.ADMIN, for_user(self.add)),
            Verb(RemoveUser, Access.ADMIN, for_user(self.remove)),
            Verb(
                SetPassword,
                Access.USER,
                self.set_password,
                owner=lambda asked: asked.user,
                others="change others",
            ),
            Verb(ReadProfile, Access.READ, self.read),
            Verb(
                PatchProfile,
                Access.USER,
                for_user(self.patch),
                owner=lambda asked: asked.user,
                others="change others",
            ),
            Verb(ListUsers, Access.READ, self.list_users),
            Verb(PutGroup, Access.ADMIN, for_user(self.put_group)),
            Verb(DropGroup, Access.ADMIN, for_user(self.drop_group)),
            Verb(ListUserGroups, Access.READ, self.list_groups),
            Verb(Join, Access.ADMIN, for_user(self.join)),
            Verb(Leave, Access.ADMIN, for_user(self.leave)),
            Verb(SetGroups, Access.ADMIN, for_user(self.set_groups)),
        )

    def may_use(self, user: str, queue: str) -> bool:
        """Whether a user may submit to a queue, as of now; cheap, asked at each submission."""
        return self._directory.may_use(user, queue)

    async def forget_queue(self, queue: str) -> None:
        """Takes a queue that is gone from every group that was granted it."""
        await self._directory.forget_queue(queue)

    async def add(self, principal: Principal, command: AddUser) -> Profile:
        """Makes a user."""
        by_person(principal)
        return await self._directory.add(
            command.name,
            command.password,
            clock.now_ms(),
            groups=command.groups,
            email=command.email,
            extension=command.extension,
            least=command.least,
        )

    async def remove(self, principal: Principal, command: RemoveUser) -> None:
        """Removes a user and ends their tokens."""
        by_person(principal)
        await self._directory.remove(command.name)
        await self._tokens.forget(command.name)

    async def set_password(self, caller: Caller, command: SetPassword) -> None:
        """Sets a password; who is no administrator shows the old one."""
        principal = by_person(caller.user)
        name = self._known(command.user or principal.name)
        if not principal.admin:
            await self._login.prove(caller, name, command.old)
        await self._directory.set_password(name, command.password, clock.now_ms(), command.least)
        await self._tokens.end_all(name, applications=False)

    async def read(self, caller: Caller, command: ReadProfile) -> Profile:
        """One user."""
        principal = caller.user
        if command.user and command.user != principal.name:
            _reader(caller)
        return await self._directory.profile(self._known(command.user or principal.name))

    async def patch(self, principal: Principal, command: PatchProfile) -> Profile:
        """Changes what a user says."""
        by_person(principal)
        name = self._known(command.user or principal.name)
        return await self._directory.patch(name, command.email, command.extension)

    async def list_users(self, caller: Caller, command: ListUsers) -> tuple[Profile, ...]:
        """Users."""
        _reader(caller)
        return await self._directory.profiles(command.group)

    async def put_group(self, principal: Principal, command: PutGroup) -> UserGroup:
        """Makes or changes a group."""
        by_person(principal)
        wanted = GroupChange(
            command.new,
            command.description,
            command.external_name,
            command.admin,
            command.queues,
            command.extension,
            command.at,
        )
        return await self._directory.put_group(command.name, wanted)

    async def drop_group(self, principal: Principal, command: DropGroup) -> None:
        """Removes a group."""
        by_person(principal)
        await self._directory.drop_group(command.name)

    async def list_groups(self, caller: Caller, command: ListUserGroups) -> tuple[UserGroup, ...]:
        """Groups."""
        _reader(caller)
        return await self._directory.groups(command.name)

    async def join(self, principal: Principal, command: Join) -> Profile:
        """Puts a user into a group."""
        by_person(principal)
        return await self._directory.set_groups(
            command.user, lambda groups: groups | {command.group}
        )

    async def leave(self, principal: Principal, command: Leave) -> Profile:
        """Takes a user out of a group, which must be there."""
        by_person(principal)
        await self._directory.groups(command.group)
        return await self._directory.set_groups(
            command.user, lambda groups: groups - {command.group}
        )

    async def set_groups(self, principal: Principal, command: SetGroups) -> Profile:
        """Says which groups a user is in."""
        by_person(principal)
        return await self._directory.set_groups(command.user, lambda _: command.groups)

    def _known(self, name: str) -> str:
        """The name of a user that is there; if no user matches, the lower-case name is tried."""
        account = self._directory.find(name) or self._directory.find(name.lower())
        if account is None:
            raise no_user(name)
        return account.name


def _reader(caller: Caller) -> None:
    """Lets administrators read about others, and who is logged in where the mount opens it.

    Raises:
        GatewayError: UNAUTHENTICATED or FORBIDDEN.
    """
    if not caller.user.admin and not caller.reads_shared:
        raise GatewayError(
            Kind.FORBIDDEN, "only an administrator may ask about others", subject=Subject.USER
        )
