"""Which users of the system accounts may be made: people, and never root or who is nobody.

Asks the system's own list of users, which may lie on another machine: blocks.
"""

from __future__ import annotations

import os
import pwd

__all__ = ["PEOPLE", "is_person", "number_of"]

PEOPLE = range(1000, 60_000)
"""The numbers that Debian and others give to people, and not to services."""
_NOBODY = 65_534


def number_of(name: str) -> int:
    """The number of a user of the system as whom tasks may run.

    Its own group has to have the same number, for a task is in that one and in no other.

    Raises:
        ValueError: there is none, or it may not be; why.
    """
    try:
        found = pwd.getpwnam(name)
    except (KeyError, ValueError) as error:
        raise ValueError(f"there is no user {name!r} of the system") from error
    if found.pw_uid in {0, _NOBODY, os.geteuid()}:
        raise ValueError(f"no task may be user {name!r} of the system")
    if found.pw_gid != found.pw_uid:
        raise ValueError(
            f"user {name!r} of the system has a group of another number: {found.pw_gid}, not"
            f" {found.pw_uid}"
        )
    return found.pw_uid


def is_person(name: str) -> bool:
    """Whether a user of the system of that name is one whom an account of that name may be."""
    try:
        return number_of(name) in PEOPLE
    except ValueError:
        return False
