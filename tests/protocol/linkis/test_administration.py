"""Tokens, users, groups, queues and health in the envelope: what is asked, and what is shown."""

from __future__ import annotations

import json
from typing import Any

import pytest

from protocol.accounts import IssuedToken, Principal, Role, Scope, Ticket, TokenFacts, TokenKind
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
from protocol.dialects.linkis.administration import administration_rows
from protocol.directory import Profile, UserGroup
from protocol.errors import GatewayError, Kind
from protocol.http import Request
from protocol.resources import Queue, QueueStatus

ROWS = {(row.method, row.template): row for row in administration_rows()}
NAMED = {"name": "ann", "id": "t1"}


def asked(method: str, path: str, body: object = None, **query: str) -> object:
    """What a request asks for."""
    data = b"" if body is None else json.dumps(body).encode()
    request = Request(method, path, query=query, body=data, params=NAMED)
    return ROWS[method, path].parse(request)


def reported(method: str, path: str, found: object) -> Any:  # noqa: ANN401 - JSON
    """What an answer carries."""
    reply = ROWS[method, path].render(found, Request(method, path, params=NAMED))
    assert isinstance(reply.body, bytes)
    document = json.loads(reply.body)
    assert document["status"] == 0
    return document["data"]


@pytest.mark.parametrize(
    ("method", "path", "body", "command"),
    [
        ("GET", "health", None, ReadHealth()),
        ("GET", "queues", None, ListQueues()),
        (
            "POST",
            "queues/{name}/status",
            {"status": "stopped"},
            SetQueueStatus("ann", QueueStatus.STOPPED),
        ),
        ("GET", "tokens", None, ListTokens()),
        ("POST", "tokens", {"seconds": 60}, IssueToken(TokenKind.APPLICATION, 60)),
        (
            *("POST", "tokens", {"scope": "read"}),
            IssueToken(TokenKind.APPLICATION, scope=Scope.READ),
        ),
        ("POST", "tokens/{id}/revoke", {}, RevokeToken("t1")),
        ("POST", "password", {"password": "new", "old": "o"}, SetPassword("new", "o")),
        ("GET", "users", None, ListUsers()),
        (
            "POST",
            "users",
            {"name": "eve", "password": "secret words", "groups": ["lab"]},
            AddUser("eve", "secret words", groups=("lab",)),
        ),
        ("POST", "users/{name}/groups", {"groups": ["lab"]}, SetGroups("ann", ("lab",))),
        ("POST", "users/{name}/remove", {}, RemoveUser("ann")),
        ("GET", "groups", None, ListUserGroups()),
        ("POST", "groups/{name}", {"admin": True}, PutGroup("ann", admin=True)),
        (
            "POST",
            "groups/{name}",
            {"description": "x", "queues": ["q"]},
            PutGroup("ann", description="x", queues=("q",)),
        ),
        ("POST", "groups/{name}/remove", {}, DropGroup("ann")),
    ],
)
def test_what_is_asked(method: str, path: str, body: object, command: object) -> None:
    """Each row asks the core for one thing, with what stands in the path and in the body."""
    assert asked(method, f"/narthex/{path}", body) == command


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("queues/{name}/status", {"status": "gone"}),
        ("queues/{name}/status", {}),
        ("tokens", {"seconds": -1}),
        ("tokens", {"seconds": "soon"}),
        ("tokens", {"scope": "everything"}),
        ("tokens", {"scope": ["read"]}),
        ("password", {"password": 5}),
        ("users", {"password": "x"}),
        ("users", {"name": "eve", "groups": "lab"}),
        ("users/{name}/groups", {"groups": [5]}),
        ("users/{name}/groups", {"groups": ["x"] * 257}),
        ("groups/{name}", {"admin": "yes"}),
        ("groups/{name}", {"description": 5}),
    ],
)
def test_what_cannot_be_meant_is_refused(path: str, body: object) -> None:
    """As invalid, before the core is asked."""
    with pytest.raises(GatewayError) as refusal:
        asked("POST", f"/narthex/{path}", body)
    assert refusal.value.kind is Kind.INVALID


def test_whose_tokens_is_said_in_the_query() -> None:
    """Others' are named there; the core says who may."""
    assert asked("GET", "/narthex/tokens", user="bob") == ListTokens("bob")
    assert asked("POST", "/narthex/tokens/{id}/revoke", {}, user="bob") == RevokeToken("t1", "bob")


def test_health_is_whole_only_if_all_parts_are_well() -> None:
    """Each part says why it is not, and its figures."""
    parts = (HealthPart("redis", figures={"used_bytes": 5}), HealthPart("disk", False, "full"))  # noqa: FBT003 - a value
    assert reported("GET", "/narthex/health", parts) == {
        "well": False,
        "parts": [
            {"name": "redis", "well": True, "message": "", "figures": {"used_bytes": 5}},
            {"name": "disk", "well": False, "message": "full", "figures": {}},
        ],
    }


def test_a_list_of_tokens_holds_no_secret() -> None:
    """Only a token that was just made is told."""
    facts = TokenFacts("t1", 10, 20, 30, TokenKind.APPLICATION)
    assert reported("GET", "/narthex/tokens", (IssuedToken(facts, "the secret", 15_000),))[
        "tokens"
    ] == [
        {
            "id": "t1",
            "kind": "application",
            "scope": "full",
            "by": "",
            "issuedTime": 10_000,
            "expiresTime": 20_000,
            "usedTime": 15_000,
        }
    ]
    ticket = Ticket("the secret", Principal("ann", Role.USER), 20_000)
    made = reported("POST", "/narthex/tokens", ticket)["ticket"]
    assert made == {"token": "the secret", "expiresTime": 20_000}


def test_queues_users_and_groups() -> None:
    """Each with what people ask about it."""
    report = QueueReport(Queue("default"), 0, 4, used_slots=1, running=1, waiting=3)
    (queue,) = reported("GET", "/narthex/queues", (report,))["queues"]
    assert (queue["name"], queue["status"], queue["waiting"]) == ("default", "running", 3)
    (user,) = reported("GET", "/narthex/users", (Profile("ann", admin=True),))["users"]
    assert (user["name"], user["admin"], user["groups"]) == ("ann", True, ["default"])
    (group,) = reported("GET", "/narthex/groups", (UserGroup("lab", queues=("q",)),))["groups"]
    assert (group["name"], group["queues"]) == ("lab", ["q"])
    assert reported("POST", "/narthex/users/{name}/remove", None) == {}
