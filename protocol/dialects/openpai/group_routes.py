"""Groups of users: contract 1.4 and 3.2."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import cast

from protocol.command import Command, Then
from protocol.commands.directory import DropGroup, ListUserGroups, ListUsers, PutGroup
from protocol.commands.login import WhoAmI
from protocol.dialects.openpai.asking import answered
from protocol.dialects.openpai.bodies import body_object, json_reply, said
from protocol.dialects.openpai.config_v1 import Fields
from protocol.dialects.openpai.faults import PaiError
from protocol.dialects.openpai.names import QUEUE_NAME
from protocol.directory import Profile, UserGroup
from protocol.errors import GatewayError, Kind, Subject
from protocol.http import Reply, Request
from protocol.media import JsonObject, JsonValue

__all__ = [
    "parse_add",
    "parse_description",
    "parse_drop",
    "parse_extension",
    "parse_external_name",
    "parse_list",
    "parse_members",
    "parse_patch",
    "parse_path",
    "parse_read",
    "render_added",
    "render_dropped",
    "render_list",
    "render_members",
    "render_read",
]

_ACLS = "acls"


def document(group: UserGroup) -> JsonObject:
    """A group as clients see one: what it grants stands in its extension."""
    extension = dict(cast("JsonObject", group.extension))
    acls = extension.get(_ACLS)
    extension[_ACLS] = {
        **(acls if isinstance(acls, dict) else {}),
        "admin": group.admin,
        "virtualClusters": list(group.queues),
        "storageConfigs": [],
    }
    return {
        "groupname": group.name,
        "description": group.description,
        "externalName": group.external_name,
        "extension": extension,
    }


def _refused(name: str, *, new: bool = False) -> Callable[[GatewayError], GatewayError]:
    """How a route about a group refuses; the administrators' and the default group must stay."""

    def refused(error: GatewayError) -> GatewayError:
        if error.kind is Kind.NOT_FOUND:
            message = f"Group {name} is not found."
            return PaiError(error.kind, "NoGroupError", 400, message, Subject.USER_GROUP)
        if error.kind is Kind.CONFLICT and new:
            message = f"Group name {name} already exists."
            return PaiError(error.kind, "ConflictGroupError", 409, message, Subject.USER_GROUP)
        if error.kind is Kind.CONFLICT:
            message = f"Group {name} is not allowed to be changed so: {error.message}."
            return PaiError(error.kind, "ForbiddenUserError", 403, message, Subject.USER_GROUP)
        return error

    return refused


def parse_list(request: Request) -> Command[tuple[UserGroup, ...]]:
    """All groups, for who is logged in, whatever the settings open to guests."""
    del request
    return Then(WhoAmI(), lambda _principal: ListUserGroups(), quick=True)


def render_list(groups: tuple[UserGroup, ...], request: Request) -> Reply:
    """Their documents, by name."""
    del request
    return json_reply([document(one) for one in groups])


def parse_read(request: Request) -> Command[tuple[UserGroup, ...]]:
    """One group, for who is logged in."""
    name = request.params["group"]
    read = answered(ListUserGroups(name), _refused(name))
    return Then(WhoAmI(), lambda _principal: read, quick=True)


def render_read(groups: tuple[UserGroup, ...], request: Request) -> Reply:
    """The document."""
    if not groups:
        raise _refused(request.params["group"])(GatewayError(Kind.NOT_FOUND, ""))
    return json_reply(document(groups[0]))


def parse_members(request: Request) -> Command[tuple[Profile, ...]]:
    """Who is in a group; for administrators."""
    name = request.params["group"]

    def who(principal: object) -> Command[tuple[Profile, ...]]:
        if not getattr(principal, "admin", False):
            message = "Non-admin is not allow to do this operation."
            raise PaiError(Kind.FORBIDDEN, "ForbiddenUserError", 403, message)
        return answered(ListUsers(name), _refused(name))

    return Then(WhoAmI(), who)


def render_members(profiles: tuple[Profile, ...], request: Request) -> Reply:
    """Their names."""
    del request
    rows: list[JsonValue] = [{"username": one.name, "clusterAdmin": one.admin} for one in profiles]
    return json_reply(rows)


def parse_add(request: Request) -> Command[UserGroup]:
    """A new group."""
    fields = Fields(body_object(request))
    fields.only(("groupname", "description", "externalName", "extension"))
    return _put(fields, fields.named("groupname", QUEUE_NAME), new=True)


def render_added(group: UserGroup, request: Request) -> Reply:
    """It is there."""
    del group, request
    return said("group is created successfully", 201)


def parse_patch(request: Request) -> Command[UserGroup]:
    """Whatever is given of a group; a route of later versions."""
    whole = Fields(body_object(request))
    whole.only(("data", "patch"))
    if "data" not in whole.value:
        raise whole.wrong("data", "is required")
    fields = Fields(whole.mapping("data"), "data")
    fields.only(("groupname", "description", "externalName", "extension"))
    return _put(fields, fields.named("groupname", QUEUE_NAME), new=False)


def _put(fields: Fields, name: str, *, new: bool) -> Command[UserGroup]:
    description = fields.text("description", "") if "description" in fields.value else None
    external = fields.text("externalName", "") if "externalName" in fields.value else None
    extension = fields.mapping("extension") if "extension" in fields.value else {}
    command = PutGroup(name, new, description, external)
    return answered(_granting(command, fields, extension), _refused(name, new=new))


def _granting(command: PutGroup, fields: Fields, extension: JsonObject) -> PutGroup:
    """The command with what an extension grants by its ``acls``, and with the rest of it."""
    acls = extension.get(_ACLS, {})
    if not isinstance(acls, dict):
        raise fields.wrong("extension", "must have an object as acls")
    if "admin" in acls:
        admin = acls["admin"]
        if not isinstance(admin, bool):
            raise fields.wrong("extension", "must have a boolean as acls.admin")
        command = replace(command, admin=admin)
    if "virtualClusters" in acls:
        command = replace(command, queues=_queues(fields, acls["virtualClusters"]))
    rest = {name: value for name, value in extension.items() if name != _ACLS}
    return replace(command, extension=rest) if rest else command


def _queues(fields: Fields, value: JsonValue) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(
        isinstance(one, str) and QUEUE_NAME.fullmatch(one) for one in value
    ):
        raise fields.wrong("extension", "must have names of clusters as acls.virtualClusters")
    return tuple(str(one) for one in value)


def parse_extension(request: Request) -> Command[UserGroup]:
    """More of the extension: keys at its top replace those of that name."""
    name = request.params["group"]
    fields = Fields(body_object(request))
    fields.only(("extension",))
    if "extension" not in fields.value:
        raise fields.wrong("extension", "is required")
    return _put(fields, name, new=False)


def parse_path(request: Request) -> Command[UserGroup]:
    """A value at a path of the extension; objects on the way are made."""
    name = request.params["group"]
    fields = Fields(body_object(request))
    fields.only(("data",))
    if "data" not in fields.value:
        raise fields.wrong("data", "is required")
    path = tuple(part for part in request.params["path"].split("/") if part)
    data = fields.value["data"]
    refused = _refused(name)
    command = PutGroup(name, new=False)
    granted: JsonObject | None = None
    if path == (_ACLS,) and isinstance(data, dict):
        granted = data
    elif path in {(_ACLS, "admin"), (_ACLS, "virtualClusters")}:
        granted = {path[1]: data}
    if granted is not None:
        return answered(_granting(command, fields, {_ACLS: granted}), refused)
    return answered(replace(command, extension=data, at=path), refused)


def parse_description(request: Request) -> Command[UserGroup]:
    """Another description."""
    fields = Fields(body_object(request))
    fields.only(("description",))
    name = request.params["group"]
    command = PutGroup(name, new=False, description=fields.text("description"))
    return answered(command, _refused(name))


def parse_external_name(request: Request) -> Command[UserGroup]:
    """What another directory calls it."""
    fields = Fields(body_object(request))
    fields.only(("externalName",))
    name = request.params["group"]
    command = PutGroup(name, new=False, external_name=fields.text("externalName"))
    return answered(command, _refused(name))


def parse_drop(request: Request) -> Command[None]:
    """A group goes."""
    name = request.params["group"]
    return answered(DropGroup(name), _refused(name))


def render_dropped(result: None, request: Request) -> Reply:
    """It is gone."""
    del result, request
    return said("group is removed successfully", 200)
