"""Users and groups as verbs: who may, and what comes of it."""

from __future__ import annotations

import pytest

from gateway.caller import Caller
from gateway.services.directory import DirectoryService
from protocol.accounts import Principal, Role
from protocol.command import Command
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
from protocol.commands.login import Login
from protocol.directory import ADMIN_GROUP, DEFAULT_GROUP, Profile
from protocol.errors import Kind
from tests.support.parts import Core
from tests.support.refusals import refused_as

PASSWORD = "correct horse"  # noqa: S105 - of tests
ROOT, ANN = Caller(Principal("root", Role.ADMIN)), Caller(Principal("ann", Role.USER))
BOB, STRANGER = Caller(Principal("bob", Role.USER)), Caller(None)


@pytest.fixture
async def people(core: Core) -> Core:
    """A core with an administrator and two users."""
    for name, groups in (("root", (ADMIN_GROUP,)), ("ann", ()), ("bob", ())):
        await core.dispatch(ROOT, AddUser(name, PASSWORD, groups=groups))
    return core


@pytest.mark.parametrize(
    "command",
    [
        AddUser("eve", PASSWORD),
        AddUser("eve", PASSWORD, groups=(ADMIN_GROUP,)),
        RemoveUser("bob"),
        RemoveUser("ann"),
        SetPassword("another one", PASSWORD, "bob"),
        ReadProfile("bob"),
        PatchProfile("bob", "a@b"),
        ListUsers(),
        PutGroup("mine", admin=True),
        PutGroup(DEFAULT_GROUP, admin=True),
        DropGroup("mine"),
        ListUserGroups(),
        Join("ann", ADMIN_GROUP),
        Leave("root", ADMIN_GROUP),
        SetGroups("ann", (ADMIN_GROUP,)),
    ],
    ids=lambda command: type(command).__name__,
)
async def test_users_manage_nobody_else(people: Core, command: Command[object]) -> None:
    """Nor do strangers; and nothing has changed."""
    assert await refused_as(people.dispatch(ANN, command)) is Kind.FORBIDDEN
    assert await refused_as(people.dispatch(STRANGER, command)) is Kind.UNAUTHENTICATED
    assert [one.name for one in await people.dispatch(ROOT, ListUsers())] == ["ann", "bob", "root"]
    assert [one.name for one in await people.dispatch(ROOT, ListUsers(ADMIN_GROUP))] == ["root"]


async def test_users_see_and_change_themselves(people: Core) -> None:
    """Their profile, which says nothing that decides anything."""
    changed = await people.dispatch(
        ANN, PatchProfile(email="ann@example.org", extension={"admin": True, "groups": ["admin"]})
    )
    assert changed == await people.dispatch(ANN, ReadProfile())
    assert (changed.email, changed.admin, changed.groups) == (
        "ann@example.org",
        False,
        (DEFAULT_GROUP,),
    )
    assert "password" not in repr(changed).replace("password_ms", "")


async def test_a_user_shows_the_old_password(people: Core) -> None:
    """A wrong one changes nothing and counts as a guess; an administrator needs none."""
    assert await refused_as(people.dispatch(ANN, SetPassword("another one", "a wrong one"))) is (
        Kind.UNAUTHENTICATED
    )
    await people.dispatch(ANN, SetPassword("another one", PASSWORD))
    await people.dispatch(STRANGER, Login("ann", "another one"))
    await people.dispatch(ROOT, SetPassword("yet another", user="ann"))
    await people.dispatch(STRANGER, Login("ann", "yet another"))
    strange = Caller(BOB.principal, "10.9.8.7")
    for _ in range(people.parts.config.auth.login_attempts):
        await refused_as(people.dispatch(strange, SetPassword("x" * 8, "guess")))
    assert (
        await refused_as(people.dispatch(strange, SetPassword("x" * 8, PASSWORD))) is Kind.EXHAUSTED
    )


async def test_short_passwords_are_refused(people: Core) -> None:
    """At least 8 characters, for a new user and for a new password."""
    for command in (AddUser("eve", "1234567"), SetPassword("1234567", user="ann")):
        assert await refused_as(people.dispatch(ROOT, command)) is Kind.INVALID
    await people.dispatch(ROOT, AddUser("eve", "123456", least=6))


async def test_memberships_count_at_once(people: Core) -> None:
    """Joining and leaving are idempotent, and say how the user stands now."""
    await people.dispatch(ROOT, PutGroup("gpu", queues=("gpu",)))
    service = people.parts.get(DirectoryService)
    assert not service.may_use("ann", "gpu")
    for _ in range(2):
        joined = await people.dispatch(ROOT, Join("ann", "gpu"))
        assert (joined.groups, joined.queues) == ((DEFAULT_GROUP, "gpu"), ("default", "gpu"))
    assert service.may_use("ann", "gpu")
    assert [one.name for one in await people.dispatch(ROOT, ListUsers("gpu"))] == ["ann"]
    for _ in range(2):
        left = await people.dispatch(ROOT, Leave("ann", "gpu"))
        assert left.groups == (DEFAULT_GROUP,)
    assert not service.may_use("ann", "gpu")
    await people.dispatch(ROOT, SetGroups("ann", ("gpu", ADMIN_GROUP)))
    assert (await people.dispatch(ROOT, ReadProfile("ann"))).admin
    await service.forget_queue("gpu")
    assert (await people.dispatch(ROOT, ListUserGroups("gpu")))[0].queues == ()
    for command in (Join("ann", "nowhere"), Leave("ann", "nowhere"), ListUserGroups("nowhere")):
        assert await refused_as(people.dispatch(ROOT, command)) is Kind.NOT_FOUND


async def test_an_administrator_can_leave_but_not_the_last_one(people: Core) -> None:
    """Whoever asks."""
    assert await refused_as(people.dispatch(ROOT, RemoveUser("root"))) is Kind.CONFLICT
    assert await refused_as(people.dispatch(ROOT, Leave("root", ADMIN_GROUP))) is Kind.CONFLICT
    await people.dispatch(ROOT, Join("bob", ADMIN_GROUP))
    gone = await people.dispatch(ROOT, Leave("root", ADMIN_GROUP))
    assert isinstance(gone, Profile)
    assert not gone.admin


async def test_nobody_is_shown_a_password(people: Core) -> None:
    """Not even in what a command says of itself."""
    for command in (
        AddUser("eve", PASSWORD),
        SetPassword(PASSWORD, PASSWORD),
        Login("a", PASSWORD),
    ):
        assert PASSWORD not in repr(command)
    assert not hasattr(await people.dispatch(ANN, ReadProfile()), "password")
