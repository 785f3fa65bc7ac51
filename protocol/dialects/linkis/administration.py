"""Tokens, users, groups, queues and health, an extension of ours below ``narthex/``.

What the console shows besides tasks. Changes are POSTs with a JSON body; names of things stand in
the path. Who may what is the core's to say, not this table's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from protocol.accounts import IssuedToken, Scope, Ticket, TokenKind
from protocol.commands.directory import (
    AddUser,
    DropGroup,
    ListUserGroups,
    ListUsers,
    PutGroup,
    RemoveUser,
    SetGroups,
    SetPassword,
)
from protocol.commands.health import HealthPart, ReadHealth
from protocol.commands.queues import ListQueues, QueueReport, SetQueueStatus
from protocol.commands.tokens import IssueToken, ListTokens, RevokeToken
from protocol.dialect import Route
from protocol.dialects.linkis.envelope import success
from protocol.dialects.linkis.fields import Fields, invalid
from protocol.dialects.linkis.submission import body_of
from protocol.directory import Profile, UserGroup
from protocol.http import Reply, Request
from protocol.resources import Queue, QueueStatus

__all__ = ["administration_rows"]

_MOST_SECONDS = 100_000_000
_MOST_NAMES = 256


def administration_rows() -> tuple[Route[Any], ...]:
    """The rows of the table."""
    tokens, users, groups = "/narthex/tokens", "/narthex/users", "/narthex/groups"
    return (
        Route("GET", "/narthex/health", lambda _: ReadHealth(), _health),
        Route("GET", "/narthex/queues", lambda _: ListQueues(), _rows("queues", _queue)),
        Route("POST", "/narthex/queues/{name}/status", _parse_status, _one("queue", _plain_queue)),
        Route("GET", tokens, _parse_tokens, _rows("tokens", _token)),
        Route("POST", tokens, _parse_issue, _one("ticket", _ticket)),
        Route("POST", f"{tokens}/{{id}}/revoke", _parse_revoke, _one("revoked", int)),
        Route("POST", "/narthex/password", _parse_password, _nothing),
        Route("GET", users, lambda _: ListUsers(), _rows("users", _user)),
        Route("POST", users, _parse_add, _one("user", _user)),
        Route("POST", f"{users}/{{name}}/groups", _parse_groups, _one("user", _user)),
        Route("POST", f"{users}/{{name}}/remove", _parse_remove, _nothing),
        Route("GET", groups, lambda _: ListUserGroups(), _rows("groups", _group)),
        Route("POST", f"{groups}/{{name}}", _parse_group, _one("group", _group)),
        Route("POST", f"{groups}/{{name}}/remove", _parse_drop, _nothing),
    )


def _fields(request: Request) -> Fields:
    return body_of(request)[0]


def _names(fields: Fields, name: str) -> tuple[str, ...] | None:
    """A list of names; None if it is absent."""
    value = fields.values.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > _MOST_NAMES:
        raise invalid(fields.path(name), f"must be a list of at most {_MOST_NAMES} names")
    found = tuple(one for one in value if isinstance(one, str))
    if len(found) < len(value):
        raise invalid(fields.path(name), "must be a list of names")
    return found


def _parse_status(request: Request) -> SetQueueStatus:
    """``status`` is ``running`` or ``stopped``."""
    word = _fields(request).needed("status")
    if word not in set(QueueStatus):
        raise invalid("status", "must be running or stopped")
    return SetQueueStatus(request.params["name"], QueueStatus(word))


def _parse_tokens(request: Request) -> ListTokens:
    """One's own; ``user`` names whose else."""
    return ListTokens(request.query.get("user", ""))


def _parse_issue(request: Request) -> IssueToken:
    """A token of an application, for ``seconds``, with the rights of a ``scope``."""
    fields = _fields(request)
    seconds = fields.count("seconds", 0, _MOST_SECONDS)
    scope = fields.text("scope") or Scope.FULL.value
    if scope not in set(Scope):
        raise invalid("scope", f"must be one of {', '.join(Scope)}")
    return IssueToken(TokenKind.APPLICATION, seconds, scope=Scope(scope))


def _parse_revoke(request: Request) -> RevokeToken:
    """The token whose id the path names; ``user`` is whose it is, empty for one's own."""
    return RevokeToken(request.params["id"], request.query.get("user", ""))


def _parse_password(request: Request) -> SetPassword:
    """``password`` is the new one, ``old`` the one before; ``user`` for administrators."""
    fields = _fields(request)
    return SetPassword(fields.text("password"), fields.text("old"), fields.text("user"))


def _parse_add(request: Request) -> AddUser:
    """``name``, ``password``, and if wanted ``email`` and ``groups``."""
    fields = _fields(request)
    return AddUser(
        fields.needed("name"),
        fields.text("password"),
        fields.text("email"),
        _names(fields, "groups") or (),
    )


def _parse_groups(request: Request) -> SetGroups:
    """``groups`` are those to be in besides the default one."""
    return SetGroups(request.params["name"], _names(_fields(request), "groups") or ())


def _parse_remove(request: Request) -> RemoveUser:
    return RemoveUser(request.params["name"])


def _parse_group(request: Request) -> PutGroup:
    """What is given is changed; a group that is not there is made."""
    fields = _fields(request)
    described = fields.values.get("description") is not None
    return PutGroup(
        request.params["name"],
        description=fields.text("description") if described else None,
        admin=fields.flag("admin", default=False) if "admin" in fields.values else None,
        queues=_names(fields, "queues"),
    )


def _parse_drop(request: Request) -> DropGroup:
    return DropGroup(request.params["name"])


def _nothing(_done: object, request: Request) -> Reply:
    return success(request, "OK", {})


def _one(name: str, shown: Callable[[Any], object]) -> Callable[[Any, Request], Reply]:
    return lambda found, request: success(request, "OK", {name: shown(found)})


def _rows(name: str, shown: Callable[[Any], object]) -> Callable[[Any, Request], Reply]:
    return lambda found, request: success(request, "OK", {name: [shown(one) for one in found]})


def _health(parts: tuple[HealthPart, ...], request: Request) -> Reply:
    rows = [
        {"name": one.name, "well": one.well, "message": one.message, "figures": dict(one.figures)}
        for one in parts
    ]
    return success(request, "OK", {"well": all(one.well for one in parts), "parts": rows})


def _plain_queue(queue: Queue) -> dict[str, object]:
    return {
        "name": queue.name,
        "share": queue.share,
        "ceiling": queue.ceiling,
        "status": queue.status.value,
        "priority": queue.priority,
        "description": queue.description,
    }


def _queue(report: QueueReport) -> dict[str, object]:
    return _plain_queue(report.queue) | {
        "shareSlots": report.share_slots,
        "ceilingSlots": report.ceiling_slots,
        "usedSlots": report.used_slots,
        "usedMemoryMb": report.used_memory_mb,
        "running": report.running,
        "waiting": report.waiting,
    }


def _token(issued: IssuedToken) -> dict[str, object]:
    """A token without the secret that it is."""
    facts = issued.facts
    return {
        "id": facts.id,
        "kind": facts.kind.value,
        "scope": facts.scope.value,
        "issuedTime": facts.issued * 1000,
        "expiresTime": facts.expires * 1000,
        "usedTime": issued.used_ms,
        "by": facts.by,
    }


def _ticket(ticket: Ticket) -> dict[str, object]:
    return {"token": ticket.token, "expiresTime": ticket.expires_ms}


def _user(profile: Profile) -> dict[str, object]:
    return {
        "name": profile.name,
        "email": profile.email,
        "admin": profile.admin,
        "groups": list(profile.groups),
        "queues": list(profile.queues),
        "createdTime": profile.created_ms,
        "passwordTime": profile.password_ms,
    }


def _group(group: UserGroup) -> dict[str, object]:
    return {
        "name": group.name,
        "description": group.description,
        "admin": group.admin,
        "queues": list(group.queues),
    }
