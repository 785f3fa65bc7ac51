"""As whom an account's tasks run."""

from __future__ import annotations

import pwd
from pathlib import Path

import pytest

from gateway.config.system_users import is_person
from gateway.runner.run.identities import Identities, Identity
from gateway.stores.user_ids import UserIds
from protocol.errors import GatewayError, Kind
from tests.support.system_user import usable_user

FIRST = 1_900_000_000


def identities(folder: Path, *, same: bool = False, **named: str) -> Identities:
    """Those of a gateway whose numbers are kept in this folder."""
    return Identities(UserIds(folder / "ids", FIRST, 10), named, same=same)


def test_who_is_not_named_has_a_number(tmp_path: Path) -> None:
    """Always the same, and a name that the system takes."""
    made = identities(tmp_path)
    assert made.of("bob@example.org") == Identity(FIRST, "bob_example.org")
    assert made.of("ann") == Identity(FIRST + 1, "ann")
    assert identities(tmp_path).of("ann") == made.of("ann")


def test_who_is_named_is_that_user(tmp_path: Path) -> None:
    """Two accounts may be one; nobody takes a number for it."""
    name, number = usable_user()
    made = identities(tmp_path, ann=name, carol=name)
    assert made.of("ann") == made.of("carol") == Identity(number, name)
    assert made.of("bob").uid == FIRST


def test_a_user_who_is_gone_runs_nothing(tmp_path: Path) -> None:
    """Neither as another nor as the gateway."""
    for name in ("no-such-user", "root"):
        with pytest.raises(GatewayError, match="cannot run as") as caught:
            identities(tmp_path, ann=name).of("ann")
        assert caught.value.kind is Kind.UNAVAILABLE


@pytest.mark.parametrize("account", ["root", "nobody", "daemon", "no-such-user"])
def test_the_same_name_is_that_of_a_person_alone(tmp_path: Path, account: str) -> None:
    """An account that is called as a service of the system is not that one."""
    assert identities(tmp_path, same=True).of(account).uid == FIRST


def test_the_same_name_is_the_same_user(tmp_path: Path) -> None:
    """Each person of this machine, if there is one; what is named goes before."""
    people = [one for one in pwd.getpwall() if is_person(one.pw_name)]
    made = identities(tmp_path, same=True)
    assert [made.of(one.pw_name).uid for one in people] == [one.pw_uid for one in people]
    name, _ = usable_user()
    assert identities(tmp_path, same=True, ann=name).of("ann").name == name
