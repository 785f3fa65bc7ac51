"""The route table of both generations: contract 1.1 to 1.9.

Every row stands at ``/api`` and at ``/rest-server/api``, where portals publish the server and some
clients look for nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from protocol.accounts import Reads
from protocol.dialect import Route
from protocol.dialects.openpai import (
    cluster_routes,
    group_routes,
    info_routes,
    job_routes,
    log_routes,
    token_routes,
    user_routes,
)
from protocol.dialects.openpai.info_routes import InfoRoutes, teller
from protocol.dialects.openpai.submit_routes import SubmitRoutes, render_submitted

__all__ = ["PREFIXES", "routes"]

PREFIXES = ("/api", "/rest-server/api")
_GUEST = Reads.PUBLIC
_USER = Reads.LOGGED_IN


def routes(submit: SubmitRoutes, info: InfoRoutes) -> Iterator[Route[Any]]:
    """All rows."""
    for prefix in PREFIXES:
        yield from _info(prefix, info)
        yield from _tokens(prefix)
        for word in ("user", "users"):
            yield from _users(f"{prefix}/v2/{word}")
        yield from _more_of_users(prefix)
        for word in ("group", "groups"):
            yield from _groups(f"{prefix}/v2/{word}")
        for version in ("v1", "v2"):
            yield from _clusters(f"{prefix}/{version}/virtual-clusters")
            yield from _jobs_of_user(f"{prefix}/{version}/user/{{user}}/jobs", submit)
        yield from _jobs(prefix, submit)
        yield from _attempts(f"{prefix}/v2/jobs/{{job}}")


def _info(prefix: str, info: InfoRoutes) -> Iterator[Route[Any]]:
    hello, user, admin = info_routes.parse_hello, info_routes.parse_user, info_routes.parse_admin
    yield Route("GET", f"{prefix}/v1", hello, info.render_info, open=True)
    yield Route("GET", f"{prefix}/v2/info", hello, info.render_info, open=True)
    yield Route("GET", f"{prefix}/v2", hello, info_routes.render_greeting, open=True)
    for version in ("v1", "v2"):
        path = f"{prefix}/{version}/authn/info"
        yield Route("GET", path, hello, info.render_authentication, open=True)
    v2 = f"{prefix}/v2"
    yield Route("GET", f"{v2}/storages", user, teller({"storages": []}))
    yield Route("GET", f"{v2}/storages/{{name}}", info_routes.parse_storage, teller({}))
    yield Route("GET", f"{v2}/cluster/sku-types", user, teller({}))
    yield Route("GET", f"{v2}/alerts", user, teller([]))
    nodes = teller({"kind": "NodeList", "items": []})
    yield Route("GET", f"{v2}/kubernetes/nodes", admin, nodes)
    yield Route("GET", f"{v2}/kubernetes/pods", admin, teller({"kind": "PodList", "items": []}))


def _tokens(prefix: str) -> Iterator[Route[Any]]:
    seed = token_routes.login_parser("IncorrectPassworkError")
    genuine = token_routes.login_parser("IncorrectPasswordError")
    render = token_routes.render_login
    yield Route("POST", f"{prefix}/v1/token", seed, render, open=True)
    for version, tokens in (("v1", "token"), ("v2", "tokens")):
        basic = f"{prefix}/{version}/authn/basic"
        yield Route("POST", f"{basic}/login", genuine, render, open=True)
        logout = f"{basic}/logout"
        yield Route("DELETE", logout, token_routes.parse_logout, token_routes.render_logout)
        path = f"{prefix}/{version}/{tokens}"
        yield Route("GET", path, token_routes.parse_list, token_routes.render_list)
        check = f"{path}/check"
        yield Route("GET", check, token_routes.parse_check, token_routes.render_check)
        yield Route(
            "POST",
            f"{path}/application",
            token_routes.parse_application,
            token_routes.render_application,
        )
        revoke = f"{path}/{{token}}"
        yield Route("DELETE", revoke, token_routes.parse_revoke, token_routes.render_revoke)


def _users(path: str) -> Iterator[Route[Any]]:
    one = f"{path}/{{user}}"
    say = user_routes.render_said
    yield Route("GET", path, user_routes.parse_list, user_routes.render_list, reads=_USER)
    yield Route("GET", one, user_routes.parse_read, user_routes.render_read, reads=_USER)
    yield Route("POST", path, user_routes.parse_add, user_routes.render_added)
    yield Route("DELETE", one, user_routes.parse_remove, user_routes.render_removed)
    for name, parse, message in (
        ("password", user_routes.parse_password, "update user password successfully."),
        (
            "virtualcluster",
            user_routes.parse_queues,
            "Update user virtualCluster data successfully.",
        ),
        ("email", user_routes.parse_email, "Update user email data successfully."),
        ("admin", user_routes.parse_admin, "Update user admin permission successfully."),
        ("extension", user_routes.parse_extension, "Update user extension data successfully."),
        ("grouplist", user_routes.parse_group_list, "update user grouplist successfully."),
        ("group", user_routes.parse_join, "User {user} is added into group {group}"),
    ):
        yield Route("PUT", f"{one}/{name}", parse, say(message))
    left = say("User {user} is removed from group {group}")
    yield Route("DELETE", f"{one}/group", user_routes.parse_leave, left)


def _more_of_users(prefix: str) -> Iterator[Route[Any]]:
    read, render = user_routes.parse_read, user_routes.render_read
    yield Route("GET", f"{prefix}/v1/user/{{user}}", read, render, reads=_USER)
    path = f"{prefix}/v2/users"
    yield Route("PUT", path, user_routes.parse_patch, user_routes.render_patched)
    yield Route("PUT", f"{path}/me", user_routes.parse_own_patch, user_routes.render_patched)


def _groups(path: str) -> Iterator[Route[Any]]:
    one = f"{path}/{{group}}"
    say = user_routes.render_said
    yield Route("GET", path, group_routes.parse_list, group_routes.render_list, reads=_USER)
    yield Route("GET", one, group_routes.parse_read, group_routes.render_read, reads=_USER)
    members = f"{one}/userlist"
    yield Route("GET", members, group_routes.parse_members, group_routes.render_members)
    yield Route("POST", path, group_routes.parse_add, group_routes.render_added)
    patched = say("update group data successfully.")
    yield Route("PUT", path, group_routes.parse_patch, patched)
    for name, parse, message in (
        (
            "extension",
            group_routes.parse_extension,
            "update group extension data successfully.",
        ),
        (
            "extension/{path...}",
            group_routes.parse_path,
            "Update group extension data successfully",
        ),
        (
            "description",
            group_routes.parse_description,
            "update group description data successfully.",
        ),
        (
            "externalname",
            group_routes.parse_external_name,
            "update group externalNameData data successfully.",
        ),
    ):
        yield Route("PUT", f"{one}/{name}", parse, say(message))
    yield Route("DELETE", one, group_routes.parse_drop, group_routes.render_dropped)


def _clusters(path: str) -> Iterator[Route[Any]]:
    one = f"{path}/{{vc}}"
    at = cluster_routes
    yield Route("GET", path, at.parse_list, at.render_list, reads=_GUEST)
    yield Route("GET", f"{path}/nodeResource", at.parse_nodes, at.render_nodes, open=True)
    yield Route("GET", f"{path}/resourceUnits", at.parse_units, at.render_units, open=True)
    yield Route("GET", f"{one}/resourceUnits", at.parse_units, at.render_units, open=True)
    skus = f"{one}/sku-types"
    yield Route("GET", skus, info_routes.parse_user, teller({}))
    yield Route("GET", one, at.parse_read, at.render_read, reads=_GUEST)
    yield Route("PUT", one, at.parse_put, at.render_put)
    yield Route("DELETE", one, at.parse_remove, at.render_removed)
    yield Route("PUT", f"{one}/status", at.parse_status, at.render_status)


def _jobs_of_user(path: str, submit: SubmitRoutes) -> Iterator[Route[Any]]:
    one = f"{path}/{{job}}"
    at = job_routes
    yield Route("GET", path, at.parse_list, at.render_list, reads=_GUEST)
    yield Route("POST", path, submit.parse_named_config, render_submitted)
    yield Route("PUT", one, submit.parse_named_config, render_submitted)
    yield from _job_of_first_generation(one)


def _job_of_first_generation(one: str) -> Iterator[Route[Any]]:
    at = job_routes
    yield Route("GET", one, at.parse_detail, at.render_detail, reads=_GUEST)
    yield Route("GET", f"{one}/config", at.parse_read, at.render_config, reads=_USER)
    yield Route("GET", f"{one}/ssh", at.parse_ssh, at.render_nothing, reads=_GUEST)
    stop = f"{one}/executionType"
    yield Route("PUT", stop, at.parse_execution_type, at.render_execution_type, reads=_USER)
    yield Route("DELETE", one, at.parse_delete, at.render_deleted, reads=_USER)


def _jobs(prefix: str, submit: SubmitRoutes) -> Iterator[Route[Any]]:
    at = job_routes
    first = f"{prefix}/v1/jobs"
    yield Route("GET", first, at.parse_list, at.render_list, reads=_GUEST)
    yield Route("POST", first, submit.parse_config, render_submitted)
    yield Route("PUT", f"{first}/{{job}}", submit.parse_config, render_submitted)
    yield from _job_of_first_generation(f"{first}/{{job}}")
    path = f"{prefix}/v2/jobs"
    one = f"{path}/{{job}}"
    yield Route("GET", path, at.parse_list, at.render_list_now, reads=_USER)
    yield Route("POST", path, submit.parse_protocol, render_submitted)
    yield Route("GET", one, at.parse_detail, at.render_detail_now, reads=_USER)
    yield Route("GET", f"{one}/config", at.parse_read, at.render_protocol, reads=_USER)
    yield Route("GET", f"{one}/ssh", at.parse_ssh, at.render_nothing, reads=_USER)
    yield Route(
        "PUT",
        f"{one}/executionType",
        at.parse_execution_type,
        at.render_execution_type_now,
        reads=_USER,
    )
    yield Route("DELETE", one, at.parse_delete, at.render_deleted, reads=_USER)


def _attempts(one: str) -> Iterator[Route[Any]]:
    at = job_routes
    tag, tagged = f"{one}/tag", at.render_tagged
    yield Route("PUT", tag, at.parse_tag, tagged, reads=_USER)
    yield Route("DELETE", tag, at.parse_untag, tagged, reads=_USER)
    yield Route("GET", f"{one}/events", at.parse_events, at.render_events, reads=_USER)
    healthy = f"{one}/job-attempts/healthz"
    yield Route("GET", healthy, at.parse_read, info_routes.render_healthy, reads=_USER)
    for word in ("attempts", "job-attempts"):
        read = f"{one}/{word}/{{attempt}}"
        yield Route("GET", read, at.parse_attempt, at.render_attempt, reads=_USER)
    yield Route("GET", f"{one}/job-attempts", at.parse_detail, at.render_attempts, reads=_USER)
    task = f"{one}/attempts/{{attempt}}/taskRoles/{{role}}/taskIndex/{{index}}/attempts"
    yield Route("GET", task, at.parse_attempt, at.render_task_attempts, reads=_USER)
    logs = f"{task}/{{try}}/logs"
    yield Route("GET", logs, log_routes.parse_folder, log_routes.render_folder, reads=_USER)
    linked = f"{logs}/{{link}}/{{file}}"
    yield Route("GET", linked, log_routes.parse_linked_log, log_routes.render_log, reads=_GUEST)
    yield Route(
        "GET", f"{logs}/{{file...}}", log_routes.parse_log, log_routes.render_log, reads=_USER
    )
