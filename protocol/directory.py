"""Who there is: users with their profiles, and the groups that say what they may.

Pure. Groups decide everything: who is an administrator, and which queues a user may submit to.
Names and the sizes of what people write about themselves are bounded here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from protocol.errors import GatewayError, Kind
from protocol.resources import DEFAULT_QUEUE

__all__ = [
    "ADMIN_GROUP",
    "DEFAULT_GROUP",
    "Profile",
    "UserGroup",
    "check_email",
    "check_group_name",
    "check_queue_names",
    "check_user_name",
]

ADMIN_GROUP = "admin"
"""The group whose members are administrators, whatever else there is. It cannot be dropped."""
DEFAULT_GROUP = "default"
"""The group that every user is in. It can be neither dropped nor left."""

_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@-]{0,63}", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}", re.ASCII)
_EMAIL = re.compile(r"[^\s@\x00-\x1f\x7f]{1,64}@[^\s@\x00-\x1f\x7f]{1,189}")
_MOST_QUEUES = 256


@dataclass(frozen=True, slots=True)
class Profile:
    """A user as others see one. Never a word about the password but when it was set.

    ``groups`` and ``queues`` are sorted and without repetition; ``queues`` are those that the
    groups grant: an administrator may use any other as well. ``extension`` is the user's own JSON
    object. Times are ms since the epoch.
    """

    name: str
    email: str = ""
    groups: tuple[str, ...] = (DEFAULT_GROUP,)
    admin: bool = False
    queues: tuple[str, ...] = (DEFAULT_QUEUE,)
    extension: Mapping[str, object] = field(default_factory=dict)
    created_ms: int = 0
    password_ms: int = 0


@dataclass(frozen=True, slots=True)
class UserGroup:
    """A group of users and what its members may.

    ``admin`` makes every member an administrator. ``queues`` are those that members may submit to.
    ``external_name`` is what another directory calls the group; ``extension`` is a JSON object of
    whoever looks after the group.
    """

    name: str
    description: str = ""
    external_name: str = ""
    admin: bool = False
    queues: tuple[str, ...] = ()
    extension: Mapping[str, object] = field(default_factory=dict)


def check_user_name(name: str) -> str:
    """The name, if a user may be called so.

    Raises:
        GatewayError: INVALID.
    """
    if not _USER.fullmatch(name):
        raise GatewayError(
            Kind.INVALID,
            "a user's name has 1 to 64 letters, digits, dots, dashes, underscores and at signs, and"
            " begins with a letter, digit or underscore",
            field="user",
        )
    return name


def check_group_name(name: str) -> str:
    """The name, if a group may be called so.

    Raises:
        GatewayError: INVALID.
    """
    if not _NAME.fullmatch(name):
        raise GatewayError(
            Kind.INVALID,
            "a group's name has 1 to 64 letters, digits, dots, dashes and underscores, and begins"
            " with a letter, digit or underscore",
            field="group",
        )
    return name


def check_queue_names(names: Iterable[str]) -> tuple[str, ...]:
    """The names, sorted and each once, if queues may be called so.

    Raises:
        GatewayError: INVALID.
    """
    found = tuple(sorted(set(names)))
    if len(found) > _MOST_QUEUES:
        raise GatewayError(
            Kind.INVALID, f"a group is granted at most {_MOST_QUEUES} queues", field="queues"
        )
    for name in found:
        if not _NAME.fullmatch(name):
            raise GatewayError(
                Kind.INVALID,
                "a queue's name has 1 to 64 letters, digits, dots, dashes and underscores, and"
                " begins with a letter, digit or underscore",
                field="queues",
            )
    return found


def check_email(email: str) -> str:
    """The address, if it is empty or looks like one.

    Raises:
        GatewayError: INVALID.
    """
    if email and not _EMAIL.fullmatch(email):
        raise GatewayError(Kind.INVALID, "this is no e-mail address", field="email")
    return email
