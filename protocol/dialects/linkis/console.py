"""What the pages of the web console ask for besides history: instances, managers, settings.

Follows the contract, sections 8a' and 9 (point 11). There is one instance, this gateway, and it has
no labels to be changed. Engines run below it and not on machines of a cluster, so that lists of
those are empty; the words of their states are the real ones, for the pages' filters.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from protocol.accounts import Principal
from protocol.commands.login import WhoAmI
from protocol.dialect import Route
from protocol.dialects.linkis.envelope import success
from protocol.dialects.linkis.fixed import Fixed, fixed_rows
from protocol.errors import GatewayError, Kind
from protocol.http import Reply, Request

__all__ = ["console_rows"]

_APPLICATION = "linkis-cg-entrance"
_ECM_WORDS = ["Healthy", "UnHealthy", "WARN", "StockAvailable", "StockUnavailable"]
_NODE_WORDS = [
    *("Starting", "Unlock", "Locked", "Idle", "Busy", "Running", "ShuttingDown"),
    *("Failed", "Success"),
]
_FIXED: Fixed = {
    ("GET", "/configuration/getCategory"): {"Category": []},
    ("GET", "/configuration/getFullTreesByAppName"): {"fullTree": []},
    ("GET", "/microservice/modifiableLabelKey"): {"keyList": []},
    ("GET", "/linkisManager/listAllEMs"): {"EMs": []},
    ("GET", "/linkisManager/listAllECMHealthyStatus"): {"nodeHealthy": _ECM_WORDS},
    ("GET", "/linkisManager/listAllNodeHealthyStatus"): {"nodeStatus": _NODE_WORDS},
    ("GET", "/linkisManager/ecinfo/ecrHistoryList"): {"engineList": [], "totalPage": 0},
    ("POST", "/resourcemanager/engines"): {"engines": []},
    ("POST", "/resourcemanager/queues"): {"queues": []},
    ("POST", "/resourcemanager/userresources"): {"userResources": []},
    ("GET", "/jobhistory/setting/{name}"): {},
}
_ALIASES = ("/ecinfo/ecrHistoryList", "/linkisManager/ecinfo/ecrHistoryList")


def console_rows(instance: str) -> tuple[Route[Any], ...]:
    """The rows; ``instance`` is where this gateway says that it is."""
    alias, path = _ALIASES
    return (
        Route("GET", "/microservice/allInstance", _parse, _instances(instance)),
        Route("POST", "/jobhistory/setting/{name}", _parse_setting, _render_nothing),
        *fixed_rows({**_FIXED, ("GET", alias): _FIXED["GET", path]}),
    )


def _parse(_request: Request) -> WhoAmI:
    return WhoAmI()


def _parse_setting(request: Request) -> WhoAmI:
    """Nothing is observed, so that a deletion has nothing to do and an addition is refused."""
    if request.params["name"].lower().startswith("add"):
        raise GatewayError(Kind.UNSUPPORTED, "nobody is told of a task's end by mail or message")
    return WhoAmI()


def _render_nothing(_principal: Principal, request: Request) -> Reply:
    return success(request, "OK", {})


def _instances(instance: str) -> Callable[[Principal, Request], Reply]:
    found = {
        "id": 1,
        "instance": instance,
        "applicationName": _APPLICATION,
        "labels": [],
        "createTime": None,
        "updateTime": None,
    }
    return lambda _principal, request: success(request, "OK", {"instances": [found]})
