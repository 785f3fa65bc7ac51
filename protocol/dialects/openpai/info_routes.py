"""What OpenPAI tells of itself, and what later versions have that this node truly has none of.

Contract 1.1 and 1.9. An empty list is sent only where there is nothing to list.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from protocol.accounts import Principal
from protocol.command import Command, Then
from protocol.commands.login import Hello, WhoAmI
from protocol.dialects.openpai.bodies import json_reply
from protocol.dialects.openpai.faults import PaiError
from protocol.errors import Kind, Subject
from protocol.http import Reply, Request
from protocol.media import JsonValue

__all__ = [
    "InfoRoutes",
    "parse_admin",
    "parse_hello",
    "parse_storage",
    "parse_user",
    "render_greeting",
    "render_healthy",
    "teller",
]


@dataclass(frozen=True, slots=True)
class InfoRoutes:
    """What depends on the settings of the dialect."""

    version: str

    def render_info(self, result: None, request: Request) -> Reply:
        """Name, version and how one logs in; the launcher makes clients use this generation."""
        del result, request
        return json_reply(
            {
                "name": "PAI RESTfulAPI",
                "version": self.version,
                "launcherType": "yarn",
                "authnMethod": "basic",
            }
        )

    def render_authentication(self, result: None, request: Request) -> Reply:
        """Where a name and a password are taken."""
        del result
        version = "v2" if "/v2/" in request.path else "v1"
        uri = f"/api/{version}/authn/basic/login"
        return json_reply({"authn_type": "basic", "loginURI": uri, "loginURIMethod": "post"})


def parse_hello(request: Request) -> Command[None]:
    """Something for anybody."""
    del request
    return Hello()


def parse_user(request: Request) -> Command[Principal]:
    """Something for who is logged in."""
    del request
    return WhoAmI()


def parse_admin(request: Request) -> Command[Principal]:
    """Something for administrators."""
    del request

    def who(principal: Principal) -> Command[Principal]:
        if not principal.admin:
            message = "Non-admin is not allow to do this operation."
            raise PaiError(Kind.FORBIDDEN, "ForbiddenUserError", 403, message)
        return WhoAmI()

    return Then(WhoAmI(), who)


def parse_storage(request: Request) -> Command[Principal]:
    """One shared folder, of which there is none."""
    name = request.params["name"]

    def none(_principal: Principal) -> Command[Principal]:
        message = f"Storage {name} is not found."
        raise PaiError(Kind.NOT_FOUND, "NoStorageError", 404, message, Subject.RESOURCE)

    return Then(WhoAmI(), none)


def teller(value: JsonValue) -> Callable[[object, Request], Reply]:
    """A renderer of something that does not change."""

    def render(result: object, request: Request) -> Reply:
        del result, request
        return json_reply(value)

    return render


def render_greeting(result: object, request: Request) -> Reply:
    """One line for who looks by hand."""
    del result, request
    return Reply(200, b"PAI RESTful API v2", "text/plain; charset=utf-8")


def render_healthy(result: object, request: Request) -> Reply:
    """The history of attempts is kept."""
    del result, request
    return Reply(200, b"ok", "text/plain; charset=utf-8")
