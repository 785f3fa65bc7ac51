"""Users and groups on disk."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import stat
from pathlib import Path

import pytest

from gateway.stores.directory import Directory
from gateway.stores.directory_file import GroupChange
from protocol.accounts import Role
from protocol.directory import ADMIN_GROUP, DEFAULT_GROUP
from protocol.errors import GatewayError, Kind
from tests.support.refusals import refusal, refused_as

PASSWORD = "correct horse"  # noqa: S105 - of tests


def directory_in(folder: Path) -> Directory:
    """The directory of a folder, as any process would open it."""
    return Directory(folder / "directory.json", folder / "profiles", folder / "accounts.json")


async def with_users(folder: Path) -> Directory:
    """A directory with an administrator and a user."""
    directory = directory_in(folder)
    await directory.add("root", PASSWORD, 5, groups=(ADMIN_GROUP,))
    await directory.add("ann", PASSWORD, 6)
    return directory


async def test_a_user_is_verified_by_their_password_only(tmp_path: Path) -> None:
    """The right password gives the account; a wrong one or an unknown user gives nothing."""
    directory = await with_users(tmp_path)
    found = await directory.verify("root", PASSWORD)
    assert found is not None
    assert (found.name, found.role, found.changed_ms, found.created_ms) == (
        "root",
        Role.ADMIN,
        5,
        5,
    )
    for name, password in (
        ("ann", PASSWORD + "x"),
        ("ann", ""),
        ("bob", PASSWORD),
        ("ann", "\ud800"),
    ):
        assert await directory.verify(name, password) is None


async def test_the_files_are_private_and_hold_no_password(tmp_path: Path) -> None:
    """Nobody else reads them, and the password is in none."""
    directory = await with_users(tmp_path)
    await directory.patch("ann", "ann@example.org", {"a": 1})
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 4
    for path in files:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert PASSWORD not in path.read_text()


async def test_every_process_sees_changes_at_once(tmp_path: Path) -> None:
    """Another reader of the file has every change with its next look."""
    one, other = await with_users(tmp_path), directory_in(tmp_path)
    assert other.find("ann") is not None
    await one.set_password("ann", "another one", 9)
    found = await other.verify("ann", "another one")
    assert found is not None
    assert (found.changed_ms, found.created_ms, found.role) == (9, 6, Role.USER)
    assert await other.verify("ann", PASSWORD) is None
    await one.set_groups("ann", lambda groups: groups | {ADMIN_GROUP})
    assert (other.find("ann") or found).role is Role.ADMIN
    await one.remove("ann")
    assert other.find("ann") is None
    assert [account.name for account in await other.accounts()] == ["root"]


async def test_changes_at_once_are_all_kept(tmp_path: Path) -> None:
    """Many writers at a time lose no user, and a name is given once."""
    stores = [directory_in(tmp_path) for _ in range(4)]
    await asyncio.gather(
        *(store.add(f"user{n}", PASSWORD, 1) for n, store in enumerate(stores * 2))
    )
    found = await asyncio.gather(
        *(store.add("same", PASSWORD, 1) for store in stores), return_exceptions=True
    )
    assert len([item for item in found if isinstance(item, GatewayError)]) == 3
    assert len(await stores[0].accounts()) == 9


@pytest.mark.parametrize(
    "name", ["", "a b", "../x", "-x", ".x", "x" * 65, "a\n", "ä", "a/b", "a\0"]
)
async def test_bad_names_are_refused(tmp_path: Path, name: str) -> None:
    """A name is made of plain characters only: it is the name of files as well."""
    error = await refusal(directory_in(tmp_path).add(name, PASSWORD, 1))
    assert (error.kind, error.field) == (Kind.INVALID, "user")
    error = await refusal(directory_in(tmp_path).put_group(name, GroupChange()))
    assert (error.kind, error.field) == (Kind.INVALID, "group")


async def test_short_passwords_are_refused(tmp_path: Path) -> None:
    """For a new user and for a new password."""
    directory = await with_users(tmp_path)
    for work in (
        directory.add("bob", "1234567", 1),
        directory.set_password("ann", "12345", 1, least=1),
    ):
        assert (await refusal(work)).field == "password"
    assert directory.find("bob") is None
    assert await directory.verify("ann", PASSWORD)


async def test_who_is_not_there_cannot_be_changed(tmp_path: Path) -> None:
    """Every change of nobody, and of no group, is told as such."""
    directory = await with_users(tmp_path)
    for work in (
        directory.remove("eve"),
        directory.set_password("eve", PASSWORD, 1),
        directory.set_groups("eve", lambda groups: groups),
        directory.patch("eve", "", {}),
        directory.profile("eve"),
        directory.expire("eve", 1),
        directory.set_groups("ann", lambda _: {"nowhere"}),
        directory.add("bob", PASSWORD, 1, groups=("nowhere",)),
        directory.drop_group("nowhere"),
        directory.put_group("nowhere", GroupChange(new=False)),
        directory.profiles("nowhere"),
    ):
        assert await refused_as(work) is Kind.NOT_FOUND
    assert directory.find("bob") is None


async def test_a_damaged_file_lets_nobody_in(tmp_path: Path) -> None:
    """A file that cannot be read is unavailable, never empty, and is not written over."""
    path = tmp_path / "directory.json"
    path.write_text("{")
    directory = directory_in(tmp_path)
    for work in (directory.verify("ann", "x"), directory.accounts(), directory.remove("ann")):
        assert await refused_as(work) is Kind.UNAVAILABLE
    with pytest.raises(GatewayError):
        directory.find("ann")
    assert path.read_text() == "{"


# Groups.


async def test_groups_decide_who_is_an_administrator(tmp_path: Path) -> None:
    """Any group may make its members administrators, and all of them cease to be at once."""
    directory = await with_users(tmp_path)
    await directory.put_group("ops", GroupChange(description="they run it"))
    await directory.set_groups("ann", lambda _: {"ops"})
    account = directory.find("ann")
    assert account is not None
    assert not account.admin
    await directory.put_group("ops", GroupChange(admin=True))
    assert directory.find("ann").admin  # type: ignore[union-attr] # just found
    profile = await directory.profile("ann")
    assert (profile.admin, profile.groups) == (True, (DEFAULT_GROUP, "ops"))
    await directory.drop_group("ops")
    assert not directory.find("ann").admin  # type: ignore[union-attr] # just found
    assert (await directory.profile("ann")).groups == (DEFAULT_GROUP,)


async def test_the_last_administrator_stays(tmp_path: Path) -> None:
    """Whichever way somebody tries to leave the gateway without one."""
    directory = await with_users(tmp_path)
    await directory.put_group("ops", GroupChange(admin=True))
    await directory.set_groups("root", lambda _: {"ops"})
    for work in (
        directory.remove("root"),
        directory.set_groups("root", lambda _: ()),
        directory.put_group("ops", GroupChange(admin=False)),
        directory.drop_group("ops"),
    ):
        error = await refusal(work)
        assert error.kind is Kind.CONFLICT
        assert "last administrator" in error.message
    await directory.set_groups("ann", lambda _: {ADMIN_GROUP})
    await directory.remove("root")
    assert [account.name for account in await directory.accounts()] == ["ann"]


async def test_users_without_any_administrator_can_be_changed(tmp_path: Path) -> None:
    """Where there was none before, nothing is lost."""
    directory = directory_in(tmp_path)
    await directory.add("ann", PASSWORD, 1)
    await directory.remove("ann")
    assert await directory.accounts() == ()


async def test_standing_groups_stay_what_they_are(tmp_path: Path) -> None:
    """The admin group makes administrators, and everybody is in the default one."""
    directory = await with_users(tmp_path)
    for work in (
        directory.drop_group(ADMIN_GROUP),
        directory.drop_group(DEFAULT_GROUP),
        directory.put_group(ADMIN_GROUP, GroupChange(admin=False)),
        directory.put_group(ADMIN_GROUP, GroupChange(new=True)),
    ):
        assert await refused_as(work) is Kind.CONFLICT
    assert [group.name for group in await directory.groups()] == [ADMIN_GROUP, DEFAULT_GROUP]
    (await directory.set_groups("ann", lambda _: {DEFAULT_GROUP}))
    assert (await directory.profile("ann")).groups == (DEFAULT_GROUP,)


async def test_queues_are_granted_by_groups(tmp_path: Path) -> None:
    """The default queue is for all, others for members, all of them for administrators."""
    directory = await with_users(tmp_path)
    await directory.put_group("gpu", GroupChange(queues=("big", "gpu", "big")))
    assert directory.may_use("ann", "default")
    assert not directory.may_use("ann", "gpu")
    assert directory.may_use("root", "gpu")
    assert directory.may_use("nobody", "default")
    assert not directory.may_use("nobody", "gpu")
    await directory.set_groups("ann", lambda groups: groups | {"gpu"})
    assert directory.may_use("ann", "gpu")
    assert (await directory.profile("ann")).queues == ("big", "default", "gpu")
    await directory.forget_queue("gpu")
    assert not directory.may_use("ann", "gpu")
    assert directory.may_use("ann", "big")
    await directory.put_group(DEFAULT_GROUP, GroupChange(queues=()))
    assert not directory.may_use("ann", "default")


async def test_a_group_is_changed_by_what_is_given(tmp_path: Path) -> None:
    """What is not given stays; the extension takes keys, or a value at a path."""
    directory = directory_in(tmp_path)
    made = await directory.put_group(
        "x", GroupChange(new=True, external_name="AAD-X", extension={"acls": {"a": 1}, "b": 2})
    )
    assert (made.external_name, made.queues, made.admin) == ("AAD-X", (), False)
    changed = await directory.put_group("x", GroupChange(extension=[1], at=("acls", "list")))
    changed = await directory.put_group("x", GroupChange(extension={"c": None}))
    changed = await directory.put_group("x", GroupChange(extension=True, at=("new", "deep", "er")))
    assert changed.extension == {
        "acls": {"a": 1, "list": [1]},
        "b": 2,
        "c": None,
        "new": {"deep": {"er": True}},
    }
    assert changed.external_name == "AAD-X"
    assert await refused_as(directory.put_group("x", GroupChange(new=True))) is Kind.CONFLICT


@pytest.mark.parametrize(
    "wanted",
    [
        GroupChange(description="x" * 1025),
        GroupChange(external_name="\ud800"),
        GroupChange(queues=("a b",)),
        GroupChange(queues=tuple(f"q{n}" for n in range(257))),
        GroupChange(extension=[1]),
        GroupChange(extension={"x": "y" * 70_000}),
        GroupChange(extension={"\ud800": 1}),
        GroupChange(extension=1, at=("a",) * 17),
    ],
)
async def test_what_a_group_may_not_hold_is_refused(tmp_path: Path, wanted: GroupChange) -> None:
    """Sizes are bounded, and everything can be kept as JSON."""
    directory = directory_in(tmp_path)
    assert await refused_as(directory.put_group("x", wanted)) is Kind.INVALID
    assert len(await directory.groups()) == 2


# Profiles.


async def test_users_say_things_about_themselves(tmp_path: Path) -> None:
    """An address and keys of an object; what is not given stays."""
    directory = await with_users(tmp_path)
    await directory.patch("ann", "ann@example.org", {"a": 1, "b": {"c": [None]}})
    await directory.patch("ann", None, {"a": 2})
    profile = await directory.profile("ann")
    assert (profile.email, profile.extension) == ("ann@example.org", {"a": 2, "b": {"c": [None]}})
    assert (profile.created_ms, profile.password_ms) == (6, 6)
    await directory.patch("ann", "", None)
    assert (await directory.profile("ann")).email == ""


@pytest.mark.parametrize(
    ("email", "extension"),
    [
        ("ann", None),
        ("a b@c", None),
        ("a@b\n", None),
        ("@", None),
        ("a@" + "b" * 300, None),
        (None, {"x": "y" * 70_000}),
        (None, {"\ud800": 1}),
    ],
)
async def test_what_a_user_may_not_say_is_refused(
    tmp_path: Path, email: str | None, extension: dict[str, object] | None
) -> None:
    """Neither a thing that is no address, nor more than there is room for."""
    directory = await with_users(tmp_path)
    assert await refused_as(directory.patch("ann", email, extension)) is Kind.INVALID
    assert (await directory.profile("ann")).extension == {}


async def test_a_new_user_has_nothing_of_an_earlier_one(tmp_path: Path) -> None:
    """The same name is another person: no profile, no groups."""
    directory = await with_users(tmp_path)
    await directory.patch("ann", "ann@example.org", {"a": 1})
    (tmp_path / "kept.json").write_bytes((tmp_path / "profiles" / "ann.json").read_bytes())
    await directory.remove("ann")
    assert not (tmp_path / "profiles" / "ann.json").exists()
    # As if the process had died between the two.
    (tmp_path / "kept.json").rename(tmp_path / "profiles" / "ann.json")
    await directory.add("ann", PASSWORD, 9)
    profile = await directory.profile("ann")
    assert (profile.email, profile.extension, profile.created_ms) == ("", {}, 9)


async def test_a_broken_profile_hurts_nobody(tmp_path: Path) -> None:
    """It says nothing, and the user can say it again."""
    directory = await with_users(tmp_path)
    (tmp_path / "profiles" / "ann.json").write_text("[" * 100_000)
    assert (await directory.profile("ann")).email == ""
    assert len(await directory.profiles()) == 2
    await directory.patch("ann", "ann@example.org", None)
    assert (await directory.profile("ann")).email == "ann@example.org"


# What came before.


def old_accounts(path: Path) -> None:
    """The file of an earlier release: an administrator and a user, both with one password."""
    users = {}
    for name, role in (("root", "admin"), ("ann", "user")):
        salt = name.encode().ljust(16, b".")
        digest = hashlib.scrypt(
            PASSWORD.encode(), salt=salt, n=1 << 14, r=8, p=1, maxmem=64 << 20, dklen=32
        )
        users[name] = {
            "role": role,
            "salt": base64.b64encode(salt).decode(),
            "hash": base64.b64encode(digest).decode(),
            "changed_ms": 7,
            "cost": 1 << 14,
        }
    path.write_text(json.dumps({"users": users, "version": 1}))


async def test_accounts_of_an_earlier_release_are_taken_over(tmp_path: Path) -> None:
    """Names, roles and passwords stay; the old file is kept aside and never read again."""
    old = tmp_path / "accounts.json"
    old_accounts(old)
    directory = directory_in(tmp_path)
    assert [(a.name, a.role, a.changed_ms) for a in await directory.accounts()] == [
        ("ann", Role.USER, 7),
        ("root", Role.ADMIN, 7),
    ]
    assert not old.exists()
    assert (tmp_path / "accounts.json.migrated").exists()
    assert await directory.verify("ann", PASSWORD)
    old_accounts(old)
    await directory.remove("ann")
    assert directory_in(tmp_path).find("ann") is None
    assert old.exists()


async def test_a_login_brings_the_hash_up_to_date(tmp_path: Path) -> None:
    """The hash of an earlier release goes with the first right password; tokens stay good."""
    old_accounts(tmp_path / "accounts.json")
    directory = directory_in(tmp_path)
    assert await directory.verify("ann", "wrong one") is None
    assert "argon2" not in (tmp_path / "directory.json").read_text()
    found = await directory.verify("ann", PASSWORD)
    assert found is not None
    assert found.changed_ms == 7
    entries = json.loads((tmp_path / "directory.json").read_text())["users"]
    assert entries["ann"]["password"].startswith("$argon2id$")
    assert entries["root"]["password"].startswith("scrypt$")
    assert await directory_in(tmp_path).verify("ann", PASSWORD)


@pytest.mark.parametrize("step", ["nothing", "draft", "both"])
async def test_a_crash_while_accounts_are_taken_over_loses_nobody(
    tmp_path: Path, step: str
) -> None:
    """Whatever step was the last, the next process finds all users, once."""
    old = tmp_path / "accounts.json"
    old_accounts(old)
    if step == "draft":
        (tmp_path / ".directory.json.0a0b0c0d0e0f").write_text('{"users": {')
    if step == "both":  # the new file is whole and the old one not yet put aside
        kept = old.read_bytes()
        await directory_in(tmp_path).accounts()
        old.write_bytes(kept)
    found = await asyncio.gather(*(directory_in(tmp_path).accounts() for _ in range(4)))
    assert {tuple(a.name for a in accounts) for accounts in found} == {("ann", "root")}
    assert await directory_in(tmp_path).verify("root", PASSWORD)
