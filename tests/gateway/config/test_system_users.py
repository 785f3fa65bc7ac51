"""Which users of the system tasks may be."""

from __future__ import annotations

import os
import pwd

import pytest

from gateway.config.system_users import PEOPLE, is_person, number_of


@pytest.mark.parametrize("name", ["root", "nobody", pwd.getpwuid(os.geteuid()).pw_name])
def test_some_are_never(name: str) -> None:
    """Whoever may do anything, whoever stands for nobody, and who runs the gateway."""
    with pytest.raises(ValueError, match="no task may be"):
        number_of(name)
    assert not is_person(name)


@pytest.mark.parametrize("name", ["no-such-user-here", "", "a\0b", "x" * 500, "1000"])
def test_one_that_is_not_there(name: str) -> None:
    """A name that nobody has, however it is spelt."""
    with pytest.raises(ValueError, match=r"there is no user|no task may be"):
        number_of(name)


def test_a_user_of_the_system_is_its_number() -> None:
    """Each with a group of its number is taken, another is not; a service is no person."""
    users = [one for one in pwd.getpwall() if one.pw_uid not in {0, 65_534, os.geteuid()}]
    assert users
    for one in users:
        if one.pw_gid == one.pw_uid and pwd.getpwnam(one.pw_name) == one:
            assert number_of(one.pw_name) == one.pw_uid
            assert is_person(one.pw_name) == (one.pw_uid in PEOPLE)
        elif one.pw_gid != one.pw_uid:
            with pytest.raises(ValueError, match="group of another number"):
                number_of(one.pw_name)
