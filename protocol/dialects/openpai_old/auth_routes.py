"""``/api/auth``: logging in, and users by administrators.

OpenPAI rest-server document of the first release, *API: auth*. Bodies are JSON or forms, also forms
that call themselves JSON.
"""

from __future__ import annotations

from typing import Any

from protocol.accounts import Principal, Ticket
from protocol.command import Command, Then
from protocol.commands.directory import (
    AddUser,
    Join,
    Leave,
    ReadProfile,
    RemoveUser,
    SetPassword,
)
from protocol.commands.login import Login, WhoAmI
from protocol.dialects.openpai.asking import answered, asked
from protocol.dialects.openpai.bodies import body_object, json_reply, said
from protocol.dialects.openpai.config_v1 import Fields
from protocol.dialects.openpai.faults import PaiError
from protocol.dialects.openpai_old.refusal import NOT_AUTHORIZED, invalid, old_error
from protocol.directory import ADMIN_GROUP, Profile
from protocol.errors import GatewayError, Kind
from protocol.http import Reply, Request
from protocol.media import JsonValue

__all__ = [
    "parse_login",
    "parse_remove",
    "parse_update",
    "render_login",
    "render_removed",
    "render_updated",
]

_SHORTEST_PASSWORD = 6
_SHORTEST_SECONDS, _LONGEST_SECONDS, _SECONDS = 60, 604_800, 86_400
_KNOWN = ("username", "password", "expiration", "admin", "modify")


def _fields(request: Request) -> Fields:
    fields = Fields(body_object(request))
    fields.only(_KNOWN)
    return fields


def _name_and_password(fields: Fields) -> tuple[str, str]:
    name, password = fields.text("username"), fields.text("password")
    if not name.isascii() or not name.replace("_", "a").isalnum():
        raise invalid()
    if len(password) < _SHORTEST_PASSWORD:
        raise invalid()
    return name, password


def parse_login(request: Request) -> Command[Ticket]:
    """A token for who knows the password."""
    try:
        fields = _fields(request)
        name, password = _name_and_password(fields)
        seconds = fields.integer("expiration", _SECONDS, _SHORTEST_SECONDS)
    except PaiError as error:
        raise invalid() from error
    if seconds > _LONGEST_SECONDS:
        raise invalid()

    def refused(error: GatewayError) -> GatewayError:
        if error.kind is not Kind.UNAUTHENTICATED:
            return error
        kind = Kind.UNAUTHENTICATED
        return old_error(401, "AuthenticationFailed", "authentication failed", kind)

    return answered(Login(name, password, seconds=seconds), refused)


def render_login(ticket: Ticket, request: Request) -> Reply:
    """The token and whose it is."""
    del request
    return json_reply({"token": ticket.token, "user": ticket.principal.name})


def _by_admin(then: Command[Any]) -> Command[Any]:
    """What follows if the caller is an administrator."""

    def who(principal: Principal) -> Command[Any]:
        if not principal.admin:
            raise old_error(401, NOT_AUTHORIZED, "not authorized", Kind.FORBIDDEN)
        return then

    return Then(WhoAmI(), who)


def _update_failed(error: GatewayError) -> GatewayError:
    if error.kind in {Kind.CONFLICT, Kind.NOT_FOUND, Kind.INVALID}:
        return old_error(500, "UpdateFailed", "update failed")
    return error


def parse_update(request: Request) -> Command[Any]:
    """A user is made, or changed if ``modify`` says so."""
    try:
        fields = _fields(request)
        name, password = _name_and_password(fields)
        admin = _boolean(fields.value.get("admin", False))
        modify = _boolean(fields.value.get("modify"))
    except PaiError as error:
        raise invalid() from error
    if admin is None:
        raise invalid()
    if modify is None:
        return _by_admin(Then(WhoAmI(), _no_modify))
    groups = (ADMIN_GROUP,) if admin else ()
    if not modify:
        return _by_admin(
            answered(
                AddUser(name, password, groups=groups, least=_SHORTEST_PASSWORD), _update_failed
            )
        )

    def changed(_nothing: None) -> Command[Profile]:
        command = Join(name, ADMIN_GROUP) if admin else Leave(name, ADMIN_GROUP)
        return answered(command, _update_failed)

    return _by_admin(
        asked(SetPassword(password, "", name, _SHORTEST_PASSWORD), _update_failed, changed)
    )


def _no_modify(_principal: Principal) -> Command[Any]:
    raise old_error(500, "UpdateFailed", "update failed")


def _boolean(value: JsonValue) -> bool | None:
    if isinstance(value, str):
        value = {"true": True, "false": False}.get(value.lower())
    return value if isinstance(value, bool) else None


def render_updated(result: object, request: Request) -> Reply:
    """It is as it was asked."""
    del result, request
    return said("update successfully", 200)


def parse_remove(request: Request) -> Command[Any]:
    """A user goes; an administrator does not."""
    try:
        name = _fields(request).text("username")
    except PaiError:
        name = ""

    def refused(error: GatewayError) -> GatewayError:
        if error.kind in {Kind.NOT_FOUND, Kind.CONFLICT, Kind.INVALID}:
            return _remove_failed()
        return error

    def known(profile: Profile) -> Command[None]:
        if profile.admin:
            raise _remove_failed()
        return answered(RemoveUser(name), refused)

    if not name:
        return _by_admin(asked(WhoAmI(), refused, _nobody))
    return _by_admin(asked(ReadProfile(name), refused, known))


def _nobody(_principal: Principal) -> Command[None]:
    raise _remove_failed()


def _remove_failed() -> PaiError:
    return old_error(500, "RemoveFailed", "remove failed")


def render_removed(result: object, request: Request) -> Reply:
    """The user is gone."""
    del result, request
    return said("remove successfully", 200)
