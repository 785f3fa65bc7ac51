"""Tokens: logging in and out, application tokens, the list of one's own.

Contract 1.2. The claims that clients decode are the gateway's own tokens'; roles are looked up at
each request, never believed from a token.
"""

from __future__ import annotations

from collections.abc import Callable

from protocol.accounts import IssuedToken, Principal, Ticket, TokenKind
from protocol.command import Command, Then
from protocol.commands.login import Login, Logout, WhoAmI
from protocol.commands.tokens import IssueToken, ListTokens, RevokeToken
from protocol.dialects.openpai.asking import answered
from protocol.dialects.openpai.bodies import body_object, json_reply, said
from protocol.dialects.openpai.config_v1 import Fields
from protocol.dialects.openpai.faults import PaiError, bad_parameters
from protocol.dialects.openpai.names import USER_NAME
from protocol.errors import GatewayError, Kind, Subject
from protocol.http import Reply, Request

__all__ = [
    "login_parser",
    "parse_application",
    "parse_check",
    "parse_list",
    "parse_logout",
    "parse_revoke",
    "render_application",
    "render_check",
    "render_list",
    "render_login",
    "render_logout",
    "render_revoke",
]

SHORTEST_PASSWORD = 6
_SHORTEST_SECONDS = 60
_LONGEST_SECONDS = 604_800
_DEFAULT_SECONDS = 604_800


def login_parser(wrong_password: str) -> Callable[[Request], Command[Ticket]]:
    """A parser of logins; ``wrong_password`` is how the route spells that code."""

    def parse(request: Request) -> Command[Ticket]:
        fields = Fields(body_object(request))
        fields.only(("username", "password", "expiration"))
        name = fields.named("username", USER_NAME)
        password = fields.text("password")
        if len(password) < SHORTEST_PASSWORD:
            raise fields.wrong(
                "password", f"length must be at least {SHORTEST_PASSWORD} characters long"
            )
        seconds = fields.integer("expiration", _DEFAULT_SECONDS, _SHORTEST_SECONDS)
        if seconds > _LONGEST_SECONDS:
            raise fields.wrong("expiration", f"must be less than or equal to {_LONGEST_SECONDS}")

        def refused(error: GatewayError) -> GatewayError:
            if error.kind is not Kind.UNAUTHENTICATED:
                return error
            if error.subject is Subject.USER:
                message = f"User {name} is not found."
                return PaiError(Kind.INVALID, "NoUserError", 400, message, Subject.USER)
            message = "Password is incorrect."
            return PaiError(Kind.INVALID, wrong_password, 400, message, Subject.USER)

        return answered(Login(name, password, seconds=seconds), refused)

    return parse


def render_login(ticket: Ticket, request: Request) -> Reply:
    """The token, whose it is, and whether that is an administrator."""
    del request
    return json_reply(
        {
            "token": ticket.token,
            "user": ticket.principal.name,
            "admin": ticket.principal.admin,
            "hasGitHubPAT": False,
        }
    )


def parse_logout(request: Request) -> Command[None]:
    """The token of the request ends."""
    del request
    return Then(WhoAmI(), lambda _principal: Logout())


def render_logout(result: None, request: Request) -> Reply:
    """It has ended."""
    del result, request
    return said("Logout successfully", 200)


def parse_application(request: Request) -> Command[Ticket]:
    """A token without an end for a program; a program itself gets none."""
    del request

    def refused(error: GatewayError) -> GatewayError:
        if error.kind is not Kind.FORBIDDEN:
            return error
        message = "Applications are not allowed to do this operation."
        return PaiError(error.kind, "ForbiddenUserError", 403, message, Subject.TOKEN)

    return answered(IssueToken(TokenKind.APPLICATION), refused)


def render_application(ticket: Ticket, request: Request) -> Reply:
    """The token."""
    del request
    return json_reply({"token": ticket.token, "application": True})


def parse_list(request: Request) -> Command[tuple[IssuedToken, ...]]:
    """The caller's tokens that are alive."""
    del request
    return ListTokens()


def render_list(tokens: tuple[IssuedToken, ...], request: Request) -> Reply:
    """Their texts, as far as the caller may have them."""
    del request
    return json_reply({"tokens": [one.token for one in tokens if one.token]})


def parse_revoke(request: Request) -> Command[int]:
    """One token ends: one's own, or anybody's by an administrator."""
    token = request.params["token"]
    user = request.user
    if token.count(".") != 2:  # noqa: PLR2004 - a JWT in compact form
        raise bad_parameters("this is no token")

    def refused(error: GatewayError) -> GatewayError:
        # Whoever asks is known: what is refused is the token in the address.
        if error.kind is Kind.INVALID or (user and error.kind is Kind.UNAUTHENTICATED):
            return bad_parameters("this is no token")
        if error.kind not in {Kind.FORBIDDEN, Kind.NOT_FOUND}:
            return error
        message = f"User {user} is not allowed to do this operation."
        return PaiError(Kind.FORBIDDEN, "ForbiddenUserError", 403, message, Subject.TOKEN)

    return answered(RevokeToken(token), refused)


def render_revoke(count: int, request: Request) -> Reply:
    """It has ended."""
    del count, request
    return said("revoke successfully", 200)


def parse_check(request: Request) -> Command[Principal]:
    """What the token of the request says."""
    del request
    return WhoAmI()


def render_check(principal: Principal, request: Request) -> Reply:
    """The claims, and the role as it is now."""
    del request
    facts = principal.token
    return json_reply(
        {
            "username": principal.name,
            "application": principal.application,
            "admin": principal.admin,
            "iat": facts.issued if facts else 0,
            "exp": facts.expires if facts else principal.expires_ms // 1000,
        }
    )
