"""Users: their documents, and every change that OpenPAI has a route for.

Contract 1.3 and 3.1. Sentences differ between routes on purpose: some say ``is not found.`` and
some ``not found.``, and clients compare them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from protocol.accounts import Principal
from protocol.command import Command, Given, Then
from protocol.commands.directory import (
    AddUser,
    Join,
    Leave,
    ListUsers,
    PatchProfile,
    ReadProfile,
    RemoveUser,
    SetGroups,
    SetPassword,
)
from protocol.commands.login import WhoAmI
from protocol.commands.queues import ListQueues, QueueReport
from protocol.dialects.openpai.asking import answered, asked
from protocol.dialects.openpai.bodies import body_object, json_reply, said
from protocol.dialects.openpai.config_v1 import Fields
from protocol.dialects.openpai.faults import PaiError
from protocol.dialects.openpai.names import QUEUE_NAME, USER_NAME
from protocol.dialects.openpai.user_values import (
    SHORTEST_PASSWORD,
    boolean_of,
    email_of,
    names_of,
    password_of,
)
from protocol.directory import ADMIN_GROUP, DEFAULT_GROUP, Profile
from protocol.errors import GatewayError, Kind, Subject
from protocol.http import Reply, Request
from protocol.media import JsonObject

__all__ = [
    "parse_add",
    "parse_admin",
    "parse_email",
    "parse_extension",
    "parse_group_list",
    "parse_join",
    "parse_leave",
    "parse_list",
    "parse_own_patch",
    "parse_password",
    "parse_patch",
    "parse_queues",
    "parse_read",
    "parse_remove",
    "render_added",
    "render_list",
    "render_patched",
    "render_read",
    "render_removed",
    "render_said",
]

R = TypeVar("R")
_PRIVATE = frozenset({"jobSSH", "sshKeys"})
_OF_SELF = frozenset({"username", "email", "oldPassword", "newPassword", "extension"})
_OF_ANYBODY = frozenset(
    {"username", "email", "virtualCluster", "admin", "password", "extension", "grouplist"}
)


@dataclass(frozen=True, slots=True)
class Shown:
    """Users that are to be shown, and to whom."""

    asking: Principal
    profiles: tuple[Profile, ...]


def _showing(read: Command[tuple[Profile, ...]]) -> Command[Shown]:
    """Reads users for whoever asks."""

    def to(principal: Principal) -> Command[Shown]:
        return Then(read, lambda profiles: Given(Shown(principal, profiles)), quick=True)

    return Then(WhoAmI(), to, quick=True)


def document(profile: Profile, asking: Principal) -> JsonObject:
    """A user as clients see one; keys of theirs are for themselves and for administrators."""
    whole = asking.admin or profile.name == asking.name
    extension: JsonObject = {
        name: value  # type: ignore[misc]  # a JSON object, as it was taken in
        for name, value in profile.extension.items()
        if whole or name not in _PRIVATE
    }
    return {
        "username": profile.name,
        "email": profile.email,
        "grouplist": list(profile.groups),
        "virtualCluster": list(profile.queues),
        "admin": profile.admin,
        "extension": extension,
        "storageConfig": [],
    }


def _about(
    name: str, sentence: str = "User {} not found."
) -> Callable[[GatewayError], GatewayError]:
    """How a route about a user refuses."""

    def refused(error: GatewayError) -> GatewayError:
        if error.kind is Kind.NOT_FOUND and error.subject is Subject.USER:
            return PaiError(error.kind, "NoUserError", 404, sentence.format(name), Subject.USER)
        if error.kind is Kind.NOT_FOUND and error.subject is Subject.USER_GROUP:
            message = f"Updated nonexistent grouplist: {error.field or name}"
            return PaiError(error.kind, "NoGroupError", 404, message, Subject.USER_GROUP)
        return error

    return refused


def _no_queue(name: str) -> PaiError:
    message = f"Virtual cluster {name} is not found."
    return PaiError(Kind.NOT_FOUND, "NoVirtualClusterError", 400, message, Subject.QUEUE)


# Reading --------------------------------------------------------------------------------------


def parse_list(request: Request) -> Command[Shown]:
    """All users."""
    del request
    return _showing(ListUsers())


def render_list(shown: Shown, request: Request) -> Reply:
    """Their documents, by name."""
    del request
    return json_reply([document(one, shown.asking) for one in shown.profiles])


def parse_read(request: Request) -> Command[Shown]:
    """One user."""
    name = request.params["user"]

    def refused(error: GatewayError) -> GatewayError:
        if error.kind is not Kind.NOT_FOUND:
            return error
        message = f"User {name} is not found."
        return PaiError(error.kind, "NoUserError", 400, message, Subject.USER)

    one = Then(ReadProfile(name), lambda profile: Given((profile,)), quick=True)
    return _showing(answered(one, refused))


def render_read(shown: Shown, request: Request) -> Reply:
    """The document."""
    del request
    return json_reply(document(shown.profiles[0], shown.asking))


# Making and removing --------------------------------------------------------------------------


def parse_add(request: Request) -> Command[Profile]:
    """A new user, with the groups of the clusters that are named."""
    fields = Fields(body_object(request))
    fields.only(("username", "password", "admin", "email", "virtualCluster", "extension"))
    name = fields.named("username", USER_NAME)
    password = password_of(fields, "password")
    admin = boolean_of(fields, "admin", default=False)
    clusters = names_of(fields, "virtualCluster")
    email = email_of(fields)
    extension = fields.mapping("extension")

    def refused(error: GatewayError) -> GatewayError:
        if error.kind is Kind.CONFLICT:
            message = f"User name {name} already exists."
            return PaiError(error.kind, "ConflictUserError", 409, message, Subject.USER)
        return error

    groups = (*clusters, *((ADMIN_GROUP,) if admin else ()))
    add = answered(
        AddUser(name, password, email, tuple(groups), dict(extension), least=SHORTEST_PASSWORD),
        refused,
    )
    return _with_clusters(clusters, add)


def _with_clusters(clusters: Sequence[str], then: Command[R]) -> Command[R]:
    """What follows if all these clusters are there; every cluster has a group of its name."""

    def next_of(found: tuple[QueueReport, ...]) -> Command[R]:
        known = {one.queue.name for one in found}
        for name in clusters:
            if name not in known:
                raise _no_queue(name)
        return then

    return Then(ListQueues(tuple(clusters)), next_of) if clusters else then


def render_added(profile: Profile, request: Request) -> Reply:
    """The user is there."""
    del profile, request
    return said("User is created successfully", 201)


def parse_remove(request: Request) -> Command[None]:
    """A user goes; an administrator does not."""
    name = request.params["user"]
    refused = _about(name, "User {} is not found.")

    def known(profile: Profile) -> Command[None]:
        if profile.admin:
            message = f"Admin {name} is not allowed to remove."
            raise PaiError(Kind.FORBIDDEN, "RemoveAdminError", 403, message, Subject.USER)
        return answered(RemoveUser(name), refused)

    return asked(ReadProfile(name), refused, known)


def render_removed(result: None, request: Request) -> Reply:
    """The user is gone."""
    del result, request
    return said("user is removed successfully", 200)


# Changing -------------------------------------------------------------------------------------


def render_said(message: str) -> Callable[[Any, Request], Reply]:
    """A renderer of one sentence; ``{user}`` and ``{group}`` stand for what was named."""

    def render(result: Any, request: Request) -> Reply:  # noqa: ANN401, ARG001 - whatever it was
        name = request.params.get("user", "")
        group = request.params.get("group") or _group_in(request)
        return said(message.format(user=name, group=group), 201)

    return render


def _group_in(request: Request) -> str:
    """The group that a body names."""
    if not request.body:
        return ""
    value = body_object(request).get("groupname")
    return value if isinstance(value, str) else ""


def parse_password(request: Request) -> Command[None]:
    """A new password; who is no administrator shows the old one."""
    name = request.params["user"]
    fields = Fields(body_object(request))
    fields.only(("newPassword", "oldPassword"))
    new = password_of(fields, "newPassword")
    old = fields.text("oldPassword", "")
    refused_elsewhere = _about(name, "User {} is not found.")

    def refused(error: GatewayError) -> GatewayError:
        if error.kind in {Kind.UNAUTHENTICATED, Kind.FORBIDDEN}:
            message = "Pls input the correct password."
            return PaiError(Kind.FORBIDDEN, "ForbiddenUserError", 403, message, Subject.USER)
        return refused_elsewhere(error)

    return _logged_in(answered(SetPassword(new, old, name, SHORTEST_PASSWORD), refused))


def _logged_in(then: Command[R]) -> Command[R]:
    """What follows for who is logged in: a stranger is told so first."""
    return Then(ReadProfile(), lambda _profile: then)


def parse_email(request: Request) -> Command[Profile]:
    """Another address."""
    fields = Fields(body_object(request))
    fields.only(("email",))
    fields.text("email")
    return _patched(request, PatchProfile(request.params["user"], email=email_of(fields)))


def parse_extension(request: Request) -> Command[Profile]:
    """More of the extension: keys at its top replace those of that name."""
    fields = Fields(body_object(request))
    fields.only(("extension",))
    if "extension" not in fields.value:
        raise fields.wrong("extension", "is required")
    given = dict(fields.mapping("extension"))
    return _patched(request, PatchProfile(request.params["user"], extension=given))


def _patched(request: Request, command: PatchProfile) -> Command[Profile]:
    return answered(command, _about(request.params["user"]))


def parse_admin(request: Request) -> Command[Profile]:
    """In or out of the administrators' group."""
    fields = Fields(body_object(request))
    fields.only(("admin",))
    if "admin" not in fields.value:
        raise fields.wrong("admin", "is required")
    admin = boolean_of(fields, "admin", default=False)
    name = request.params["user"]
    command = Join(name, ADMIN_GROUP) if admin else Leave(name, ADMIN_GROUP)
    return answered(command, _about(name))


def parse_queues(request: Request) -> Command[Profile]:
    """The clusters that a user may submit to: the groups of these names, and the default one."""
    fields = Fields(body_object(request))
    fields.only(("virtualCluster",))
    if "virtualCluster" not in fields.value:
        raise fields.wrong("virtualCluster", "is required")
    clusters = names_of(fields, "virtualCluster")
    name = request.params["user"]

    def known(profile: Profile) -> Command[Profile]:
        if profile.admin:
            message = "Admin's virtual clusters cannot be updated."
            raise PaiError(Kind.FORBIDDEN, "ForbiddenUserError", 403, message, Subject.USER)
        return answered(SetGroups(name, tuple(clusters)), _about(name))

    return _with_clusters(clusters, asked(ReadProfile(name), _about(name), known))


def parse_group_list(request: Request) -> Command[Profile]:
    """Exactly these groups."""
    fields = Fields(body_object(request))
    fields.only(("grouplist",))
    if "grouplist" not in fields.value:
        raise fields.wrong("grouplist", "is required")
    name = request.params["user"]
    groups = tuple(one for one in names_of(fields, "grouplist") if one != DEFAULT_GROUP)
    return answered(SetGroups(name, groups), _about(name))


def parse_join(request: Request) -> Command[Profile]:
    """One group more."""
    name, group = _named_group(request)
    return answered(Join(name, group), _about(name))


def parse_leave(request: Request) -> Command[Profile]:
    """One group less."""
    name, group = _named_group(request)
    return answered(Leave(name, group), _about(name))


def _named_group(request: Request) -> tuple[str, str]:
    fields = Fields(body_object(request))
    fields.only(("groupname",))
    return request.params["user"], fields.named("groupname", QUEUE_NAME)


# Several at once (routes of later versions) ---------------------------------------------------


def parse_patch(request: Request) -> Command[Profile]:
    """Whatever is given of a user, by an administrator."""
    fields = _data(request, _OF_ANYBODY)
    name = fields.named("username", USER_NAME)
    refused = _about(name)
    steps: list[Command[Any]] = []
    if "password" in fields.value:
        steps.append(SetPassword(password_of(fields, "password"), "", name, SHORTEST_PASSWORD))
    if "grouplist" in fields.value:
        groups = tuple(one for one in names_of(fields, "grouplist") if one != DEFAULT_GROUP)
        steps.append(SetGroups(name, groups))
    if "virtualCluster" in fields.value:
        clusters = names_of(fields, "virtualCluster")
        steps.append(_with_clusters(clusters, SetGroups(name, tuple(clusters))))
    if "admin" in fields.value:
        admin = boolean_of(fields, "admin", default=False)
        steps.append(Join(name, ADMIN_GROUP) if admin else Leave(name, ADMIN_GROUP))
    return _in_turn(steps, _changes(fields, name), refused)


def parse_own_patch(request: Request) -> Command[Profile]:
    """What a user may change of themselves."""
    fields = _data(request, _OF_SELF)
    name = fields.text("username", request.user)
    if name != request.user:
        message = "Can't update other user's data"
        raise PaiError(Kind.FORBIDDEN, "ForbiddenUserError", 403, message, Subject.USER)
    steps: list[Command[Any]] = []
    if "newPassword" in fields.value:
        old = fields.text("oldPassword", "")
        steps.append(SetPassword(password_of(fields, "newPassword"), old, name, SHORTEST_PASSWORD))

    def refused(error: GatewayError) -> GatewayError:
        if error.kind in {Kind.UNAUTHENTICATED, Kind.FORBIDDEN}:
            message = "Pls input the correct password."
            return PaiError(Kind.FORBIDDEN, "ForbiddenUserError", 403, message, Subject.USER)
        return error

    return _logged_in(_in_turn(steps, _changes(fields, name), refused))


def render_patched(profile: Profile, request: Request) -> Reply:
    """The user is as it was asked."""
    del request
    return said(f"Update user {profile.name} successfully", 201)


def _changes(fields: Fields, name: str) -> PatchProfile:
    email = email_of(fields) if "email" in fields.value else None
    extension = dict(fields.mapping("extension")) if "extension" in fields.value else None
    return PatchProfile(name, email, extension)


def _in_turn(
    steps: Sequence[Command[Any]],
    last: Command[Profile],
    refused: Callable[[GatewayError], GatewayError],
) -> Command[Profile]:
    """One after another; the first that is refused ends it."""
    command = answered(last, refused)
    for step in reversed(steps):
        command = asked(step, refused, partial(_after, command))
    return command


def _after(command: Command[Profile], _result: object) -> Command[Profile]:
    return command


def _data(request: Request, known: frozenset[str]) -> Fields:
    whole = Fields(body_object(request))
    whole.only(("data", "patch"))
    if "data" not in whole.value:
        raise whole.wrong("data", "is required")
    fields = Fields(whole.mapping("data"), "data")
    fields.only(known)
    return fields
