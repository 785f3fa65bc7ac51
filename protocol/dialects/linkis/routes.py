"""The table of the dialect: every call under all four of its prefixes.

A websocket message is looked up in the same table; SOCKET_ONLY are the rows that only it has.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from protocol.dialect import Route
from protocol.dialects.linkis import account
from protocol.dialects.linkis.administration import administration_rows
from protocol.dialects.linkis.control import control_rows
from protocol.dialects.linkis.entrance import Entrance
from protocol.dialects.linkis.envelope import PREFIXES
from protocol.dialects.linkis.exec_id import ExecIds
from protocol.dialects.linkis.files_routes import filesystem_rows
from protocol.dialects.linkis.global_variables import variable_rows
from protocol.dialects.linkis.history import History
from protocol.dialects.linkis.history_export import JobList
from protocol.dialects.linkis.kill import Killing
from protocol.dialects.linkis.log import Log
from protocol.dialects.linkis.log_search import search_rows
from protocol.dialects.linkis.operation import Operation
from protocol.dialects.linkis.sessions import session_rows
from protocol.dialects.linkis.settings import Settings
from protocol.dialects.linkis.startup import startup_rows

__all__ = ["ACKNOWLEDGE", "LOGIN", "SOCKETS", "SUBSCRIBE", "UNSUBSCRIBE", "routes", "socket_routes"]

LOGIN = "/user/login"
SUBSCRIBE = "/entrance/{id}/subscribe"
UNSUBSCRIBE = "/entrance/{id}/unsubscribe"
ACKNOWLEDGE = "/entrance/{id}/ack"

SOCKETS = (
    # The clients' own path is /ws/api/entrance/connect; front ends are built with others.
    "/ws",
    "/ws/{a}",
    "/ws/{a}/{b}",
    "/ws/{a}/{b}/{c}",
    "/ws/{a}/{b}/{c}/{d}",
    *(f"{prefix}/entrance/connect" for prefix in PREFIXES),
)


def routes(ids: ExecIds, settings: Settings) -> tuple[Route[Any], ...]:
    """The rows that HTTP and websocket share."""
    return _everywhere(
        *_entrance_rows(ids, settings),
        *_history_rows(ids),
        *filesystem_rows(ids, settings.open_file),
        *_account_rows(),
        *startup_rows(ids.instance),
        *variable_rows(),
        *administration_rows(),
    )


def socket_routes(ids: ExecIds) -> tuple[Route[Any], ...]:
    """The rows that only a websocket has, an extension of ours."""
    entrance = Entrance(ids)
    return _everywhere(
        *(
            Route("POST", template, entrance.parse_read, entrance.render_subscription)
            for template in (SUBSCRIBE, UNSUBSCRIBE, ACKNOWLEDGE)
        )
    )


def _entrance_rows(ids: ExecIds, settings: Settings) -> tuple[Route[Any], ...]:
    grace = settings.kill_grace_seconds
    calls, log, kills = Entrance(ids, settings.refused), Log(ids), Killing(ids, grace)
    return (
        Route("POST", "/entrance/execute", calls.parse_execute, calls.render_execute),
        Route("POST", "/entrance/submit", calls.parse_execute, calls.render_execute),
        Route("POST", "/entrance/backgroundservice", calls.parse_execute, calls.render_execute),
        Route("GET", "/entrance/{id}/status", calls.parse_read, calls.render_status),
        Route("GET", "/entrance/{id}/log", log.parse, log.render),
        Route("GET", "/entrance/{id}/progress", calls.parse_read, calls.render_progress),
        Route(
            "GET",
            "/entrance/{id}/progressWithResource",
            calls.parse_read,
            calls.render_progress_with_resource,
        ),
        Route("GET", "/entrance/{id}/kill", kills.parse_kill, kills.render_kill, acts=True),
        Route("POST", "/entrance/{id}/kill", kills.parse_kill, kills.render_kill),
        Route("GET", "/entrance/{id}/killreport", kills.parse_report, kills.render_report),
        *_operation_rows(ids, grace),
        *session_rows(),
        *control_rows(ids),
        *search_rows(ids),
    )


def _operation_rows(ids: ExecIds, grace: float) -> tuple[Route[Any], ...]:
    calls = Operation(ids, grace)
    info, load = "/entrance/taskinfo", calls.parse_load
    return (
        Route("POST", "/entrance/{id}/killJobs", calls.parse_kill_jobs, calls.render_kill_jobs),
        Route("GET", "/entrance/{id}/pause", calls.parse_pause, calls.render_nothing),
        Route("GET", info, calls.parse_task_info, calls.render_task_info),
        Route("GET", "/entrance/runningtask", load, calls.render_running),
        Route("GET", "/entrance/operation/consumer/info", load, calls.render_consumers),
        Route("GET", "/entrance/operation/label/isOnline", calls.parse_online, calls.render_online),
    )


def _history_rows(ids: ExecIds) -> tuple[Route[Any], ...]:
    history = History(ids)
    jobs = JobList(history.parse_list, history.row)
    return (
        Route("GET", "/jobhistory/list", history.parse_list, history.render_list, slow=True),
        Route("GET", "/jobhistory/{id}/get", history.parse_get, history.render_get),
        Route(
            "GET",
            "/jobhistory/listundonetasks",
            history.parse_undone,
            history.render_list,
            slow=True,
        ),
        Route("GET", "/jobhistory/download-job-list", jobs.parse, jobs.render, slow=True),
        Route("GET", "/jobhistory/listundone", history.parse_undone_count, history.render_count),
        Route("GET", "/jobhistory/list-taskids", history.parse_ids, history.render_ids),
        Route("GET", "/jobhistory/job-extra-info", history.parse_extra, history.render_extra),
        Route(
            "GET", "/jobhistory/governanceStationAdmin", history.parse_admin, history.render_admin
        ),
        Route("GET", "/jobhistory/diagnosis-query", history.parse_diagnosis, history.render_list),
    )


def _account_rows() -> tuple[Route[Any], ...]:
    public = Route(
        "GET", "/user/publicKey", account.parse_public_key, account.render_public_key, open=True
    )
    both = ("GET", "POST")
    return (
        Route("POST", LOGIN, account.parse_login, account.render_login, open=True),
        public,
        *(
            Route(
                verb,
                "/user/logout",
                account.parse_logout,
                account.render_logout,
                open=True,
                acts=True,
            )
            for verb in both
        ),
        *(
            Route(verb, "/user/heartbeat", account.parse_heartbeat, account.render_heartbeat)
            for verb in both
        ),
        *(
            Route(
                verb,
                "/user/token-login",
                account.parse_token_login,
                account.render_login,
                acts=True,
            )
            for verb in both
        ),
        Route("GET", "/user/proxy", account.parse_proxy, account.render_login, acts=True),
        Route("GET", "/user/userInfo", account.parse_who, account.render_user_info),
        Route("GET", "/user/baseinfo", account.parse_who, account.render_base_info),
    )


def _everywhere(*rows: Route[Any]) -> tuple[Route[Any], ...]:
    return tuple(
        replace(row, template=prefix + row.template) for row in rows for prefix in PREFIXES
    )
