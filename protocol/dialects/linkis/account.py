"""The calls below ``user/``: login, logout and what a client asks about its own session.

Follows the contract, section 2. unlike Linkis: a login on a live session is an ordinary success.
"""

from __future__ import annotations

from base64 import b64decode, b64encode

from protocol.accounts import Principal, Ticket
from protocol.commands.login import Login, Logout, OpenLogin, ReadLoginKey, Renew, WhoAmI
from protocol.dialects.linkis.envelope import success
from protocol.dialects.linkis.fields import Fields
from protocol.dialects.linkis.submission import body_of
from protocol.dialects.linkis.words import COOKIE
from protocol.errors import GatewayError, Kind
from protocol.http import Reply, Request

__all__ = [
    "parse_heartbeat",
    "parse_login",
    "parse_logout",
    "parse_proxy",
    "parse_public_key",
    "parse_token_login",
    "parse_who",
    "render_base_info",
    "render_heartbeat",
    "render_login",
    "render_logout",
    "render_public_key",
    "render_token_login",
    "render_user_info",
    "token_of",
]

_LONGEST = 1024
_LONGEST_TOKEN = 8192


def parse_login(request: Request) -> Login:
    """Name and password, from a body in either form or from the query."""
    fields = body_of(request)[0] if request.body.strip() else Fields(dict(request.query))
    user = fields.text("userName", longest=_LONGEST).strip()
    if not user:
        raise GatewayError(Kind.INVALID, "Username can not be empty", field="userName")
    if encrypted := fields.text("passwdEncrypt", longest=_LONGEST):
        return Login(user, encrypted=_bytes(encrypted))
    password = fields.text("password", longest=_LONGEST)
    if not password:
        raise GatewayError(Kind.INVALID, "Password can not be blank", field="password")
    return Login(user, password)


def _bytes(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError as error:
        raise GatewayError(
            Kind.INVALID, "passwdEncrypt must be base64", field="passwdEncrypt"
        ) from error


def render_login(ticket: Ticket, request: Request) -> Reply:
    """The session: in a cookie over HTTP; on a websocket it is the socket that is logged in."""
    data: dict[str, object] = {
        "userName": ticket.principal.name,
        "isAdmin": ticket.principal.admin,
        "sessionTimeOut": max(0, ticket.expires_ms - request.now_ms),
        "enableWatermark": False,
    }
    return success(request, "login successful", data, {COOKIE: ticket.token})


def token_of(request: Request) -> str:
    """The token that a login by token carries, an extension of the websocket; empty if none."""
    return body_of(request)[0].text("token", longest=_LONGEST_TOKEN)


def render_token_login(principal: Principal, request: Request) -> Reply:
    """Whose the token is."""
    data: dict[str, object] = {"userName": principal.name, "isAdmin": principal.admin}
    return success(request, "login successful", data)


def parse_logout(_request: Request) -> Logout:
    """Asks for the end of the session."""
    return Logout()


def render_logout(_result: None, request: Request) -> Reply:
    """The session is over, and the cookie goes."""
    return success(request, "Logout successful", {}, {COOKIE: ""})


def parse_who(_request: Request) -> WhoAmI:
    """Asks who the caller is."""
    return WhoAmI()


def render_user_info(principal: Principal, request: Request) -> Reply:
    """The caller's name."""
    data: dict[str, object] = {"userName": principal.name, "isAdmin": principal.admin}
    return success(request, "OK", data)


def render_base_info(_principal: Principal, request: Request) -> Reply:
    """What the web console asks for before it shows anything."""
    data: dict[str, object] = {
        "resultSetExportEnable": True,
        "linkisClusterName": "narthex",
        "engineLogOnlyAdminEnable": False,
    }
    return success(request, "OK", data)


def parse_heartbeat(_request: Request) -> Renew:
    """Keeps the session alive."""
    return Renew()


def render_heartbeat(ticket: Ticket | None, request: Request) -> Reply:
    """The session lives, with a fresh cookie if it was time for one."""
    return success(
        request, "Maintain heartbeat success", {}, {COOKIE: ticket.token} if ticket else {}
    )


def parse_public_key(_request: Request) -> ReadLoginKey:
    """Asks how passwords are to come."""
    return ReadLoginKey()


def render_public_key(key: bytes, request: Request) -> Reply:
    """Whether passwords come encrypted; the login page does not open without this answer."""
    data: dict[str, object] = {
        "enableSSL": False,
        "enableLoginEncrypt": bool(key),
        "debugTime": request.now_ms,
    }
    if key:
        data["publicKey"] = b64encode(key).decode()
    return success(request, "OK", data)


def parse_token_login(_request: Request) -> OpenLogin:
    """Asks for a session for who showed a token in the headers."""
    return OpenLogin()


def parse_proxy(request: Request) -> OpenLogin:
    """Asks for a session of another user, for admins."""
    name = request.query.get("proxyUser", "").strip()
    if not name:
        raise GatewayError(Kind.INVALID, "proxyUser must not be empty", field="proxyUser")
    return OpenLogin(name)
