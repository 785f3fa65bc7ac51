"""What web clients ask for when they start, besides login and history.

Follows the contract, sections 8a, 8a' and 8f. What there is, is told; what there is none of stands
in ``console`` and ``catalogue``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from protocol.accounts import Principal
from protocol.commands.login import Hello, WhoAmI
from protocol.commands.tasks import ListEngines
from protocol.dialect import Route
from protocol.dialects.linkis.catalogue import catalogue_rows
from protocol.dialects.linkis.console import console_rows
from protocol.dialects.linkis.envelope import success
from protocol.errors import GatewayError, Kind
from protocol.http import Reply, Request

__all__ = ["startup_rows"]

_OTHER_LOGINS = (
    ("GET", "/user/oauth-redirect"),
    ("GET", "/user/oauth-login"),
    ("POST", "/user/oauth-login"),
    ("POST", "/user/register"),
)


def startup_rows(instance: str) -> tuple[Route[Any], ...]:
    """The rows; ``instance`` is where this gateway says that it is."""
    return (
        Route("GET", "/application/getBaseInfo", _parse_who, _render_base),
        Route("GET", "/configuration/engineType", _parse_engines, _render_engines),
        Route("GET", "/gateway/heartbeat", _parse_hello, _gateways(instance), open=True),
        *(
            Route(verb, path, _parse_other_login, _render_nothing, open=True)
            for verb, path in _OTHER_LOGINS
        ),
        *console_rows(instance),
        *catalogue_rows(),
    )


def _parse_who(_request: Request) -> WhoAmI:
    return WhoAmI()


def _parse_hello(_request: Request) -> Hello:
    return Hello()


def _parse_engines(_request: Request) -> ListEngines:
    return ListEngines()


def _parse_other_login(_request: Request) -> NoReturn:
    raise GatewayError(Kind.UNSUPPORTED, "there is no login but by password and by token")


def _render_nothing(_result: object, request: Request) -> Reply:
    return success(request, "OK", {})


def _render_base(principal: Principal, request: Request) -> Reply:
    """Without the name in it, the home page of the old Scriptis stays blank."""
    data: dict[str, object] = {
        "userInfo": {
            "basic": {"userName": principal.name, "username": principal.name},
            "role": ["admin"] if principal.admin else [],
        },
        "DWSParams": {},
    }
    return success(request, "OK", data)


def _render_engines(engines: tuple[str, ...], request: Request) -> Reply:
    return success(request, "OK", {"engineType": list(engines)})


def _gateways(instance: str) -> Callable[[None, Request], Reply]:
    """What Java clients read that look for other gateways: there is this one."""
    data: dict[str, object] = {"gatewayList": [instance], "isHealthy": True}
    return lambda _result, request: success(request, "OK", data)
