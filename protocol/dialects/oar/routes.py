"""The table of routes below every mount.

OAR document, *REST requests description*. Lists of jobs and all of the resources are public; one
job is for who is logged in. A row names the methods of its resource, which successes tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from protocol.accounts import Reads
from protocol.dialect import Route
from protocol.dialects.oar import (
    action_routes,
    info_routes,
    job_lists,
    job_routes,
    resource_routes,
    submit_routes,
)
from protocol.dialects.oar.config_routes import config_routes
from protocol.dialects.oar.media_routes import media_routes
from protocol.dialects.oar.page_routes import page_routes
from protocol.dialects.oar.rows import row
from protocol.dialects.oar.rule_routes import rule_routes

__all__ = ["routes"]


def routes(
    mounts: Sequence[str], resources: resource_routes.ResourceRoutes
) -> Iterator[Route[Any]]:
    """All rows."""
    for base in mounts:
        yield from page_routes(base)
        yield from _info(base)
        yield from _jobs(f"{base}/jobs")
        yield from _resources(f"{base}/resources", resources)
        yield from rule_routes(base)
        yield from config_routes(base)
        yield from media_routes(base)


def _info(base: str) -> Iterator[Route[Any]]:
    at = info_routes
    for path, render in (
        (base, at.render_root),
        (f"{base}/version", at.render_version),
        (f"{base}/whoami", at.render_whoami),
        (f"{base}/timezone", at.render_timezone),
    ):
        yield row("GET", path, at.parse_word, render, reads=Reads.PUBLIC)
    stress = f"{base}/stress_factor"
    yield row("GET", stress, at.parse_stress, at.render_stress, reads=Reads.PUBLIC)


def _jobs(path: str) -> Iterator[Route[Any]]:
    lists, one = job_lists, f"{path}/{{id}}"
    guest = partial(row, "GET", reads=Reads.PUBLIC, slow=True)
    yield guest(path, lists.parse_list, lists.render_list, "GET, POST")
    yield guest(f"{path}/details", lists.parse_details, lists.render_details)
    yield guest(f"{path}/table", lists.parse_list, lists.render_table)
    yield row("POST", path, submit_routes.parse_submit, submit_routes.render_submitted, "GET, POST")
    methods = "GET, POST, PUT, DELETE"
    at = job_routes
    yield row("GET", one, at.parse_job, at.render_job, methods)
    yield row("GET", f"{one}/details", at.parse_job, at.render_details, methods)
    guest = partial(row, "GET", reads=Reads.PUBLIC)
    yield guest(f"{one}/resources", at.parse_held, at.render_resources)
    yield guest(f"{one}/nodes", at.parse_held, at.render_nodes)
    yield from _actions(path, one, methods)


def _actions(path: str, one: str, methods: str) -> Iterator[Route[Any]]:
    at = action_routes
    for method in ("POST", "PUT"):
        yield row(method, one, at.parse_method, at.render_method, methods)
    yield row("DELETE", one, partial(at.action, "deletions"), at.render_done, methods)
    for name in at.ACTIONS:
        act = partial(at.action, name)
        yield row("POST", f"{one}/{name}/new", act, at.render_done, "POST")
        for_all = partial(at.array_action, name)
        yield row("POST", f"{path}/array/{{id}}/{name}/new", for_all, at.render_array, "POST")
    for word in ("signals", "signal"):
        sent = f"{one}/{word}/{{signal}}"
        yield row("POST", sent, at.parse_signal, at.render_done, "POST")
    again = submit_routes
    yield row(
        "POST",
        f"{one}/resubmissions/new",
        again.parse_resubmit,
        again.render_resubmitted,
        "POST",
    )


def _resources(path: str, making: resource_routes.ResourceRoutes) -> Iterator[Route[Any]]:
    at = resource_routes
    guest = partial(row, "GET", reads=Reads.PUBLIC, slow=True)
    both = "GET, POST"
    yield guest(path, at.parse_list, at.render_list, both)
    for word in ("details", "full"):
        yield guest(f"{path}/{word}", at.parse_list, at.render_details)
    one, node = f"{path}/{{id}}", f"{path}/nodes/{{name}}"
    yield guest(one, at.parse_one, at.render_one, "GET, DELETE")
    yield guest(node, at.parse_node, at.render_node)
    yield guest(f"{one}/jobs", at.parse_holders, at.render_holders)
    yield guest(f"{node}/jobs", at.parse_node_holders, at.render_holders)
    yield row("POST", f"{path}/generate", at.parse_generate, at.render_generated, both, slow=True)
    yield row("POST", path, making.parse_create, at.render_made, both)
    yield row("POST", f"{one}/state", at.parse_state, at.render_state, both)
    yield row("DELETE", one, at.parse_delete, at.render_deleted)
    yield row("DELETE", f"{one}/{{cpuset}}", at.parse_delete, at.render_deleted)
