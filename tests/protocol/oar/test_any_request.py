"""Whatever is asked of the OAR dialect is a command, or a refusal in the format that was chosen."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import cast
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.command import Command
from protocol.dialects.oar import OarDialect
from protocol.dialects.oar.resource_request import filter_of, read_request
from protocol.dialects.oar.submission import executed, read_job
from protocol.errors import GatewayError
from protocol.media import JsonObject
from protocol.routing import Found, Router
from protocol.rules import read_rule
from tests.protocol.oar.asked import NOW_MS, request

DIALECT = OarDialect({})
ROUTER = Router(tuple(DIALECT.routes))
POSTS = (
    "jobs",
    "jobs/1",
    "jobs/1/signals/12",
    "jobs/array/1/holds/new",
    "resources",
    "resources/generate",
    "resources/1/state",
    "admission_rules",
    "admission_rules/1",
    "config/DB_TYPE",
    "media/chmod/~/x",
)
GETS = ("jobs", "jobs/details", "jobs/table", "resources", "admission_rules", "jobs/1", "media/~/x")
WORDS = """
command script scanscript resource property reservation type name array param_file anterior
checkpoint signal hold directory stdout method walltime state hostname properties resources
auto_offset rule priority enabled value mode resubmit yaml_array queue
"""
KEYS = WORDS.split()
QUERIES = ("limit", "offset", "ids", "state", "user", "array", "from", "to", "structure", "tail")
TYPES = st.sampled_from(
    ["application/json", "text/yaml", "application/x-www-form-urlencoded", "text/plain", ""]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        ["/nodes=1/core=2,walltime=1", "core = 1 AND", "/node=a{2}", "+1:0", "Dead", "delete"]
    )
)
VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.text(max_size=5), SCALARS)
HASHES = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5).map(
    lambda value: json.dumps(value).encode()
)
BODIES = HASHES | st.binary(max_size=80) | st.text(max_size=80).map(str.encode)


def judged(method: str, target: str, suffix: str, body: bytes = b"", **headers: str) -> None:
    """A request is understood, or refused with a status of a client's mistake."""
    asked = request(f"/oarapi/{target}", method, body, **headers)
    asked = replace(asked, suffix=suffix, form_token="f" * 64)
    match = ROUTER.match(method, asked.path)
    assert isinstance(match, Found)
    asked = replace(asked, params=match.params)
    try:
        assert isinstance(match.route.parse(asked), Command)
    except GatewayError as error:
        reply = DIALECT.refuse(error, asked)
        assert reply.status in {200, 400, 401, 403, 404, 406, 413}
        wanted = {"json": "application/json", "yaml": "text/yaml", "html": "text/html"}[suffix]
        assert reply.content_type.startswith(wanted)


def status(read: Callable[[], object]) -> int:
    """With what it is refused that something is read; 0 if it is not."""
    try:
        read()
    except GatewayError as error:
        return DIALECT.refuse(error, request("/oarapi/jobs.json")).status
    return 0


@pytest.mark.parametrize("path", POSTS)
@given(body=BODIES, kind=TYPES, suffix=st.sampled_from(["json", "yaml", "html"]))
def test_any_body(path: str, body: bytes, kind: str, suffix: str) -> None:
    """Sections 2.2 and 3, for each route that takes a body."""
    if path.startswith("media"):
        path = f"{path}.{suffix}"
    judged("POST", path, suffix, body, content_type=kind)


@pytest.mark.parametrize("path", GETS)
@given(
    name=st.sampled_from(QUERIES) | st.text(max_size=5),
    value=st.text(max_size=20) | st.integers().map(str) | st.floats().map(str),
)
def test_any_query(path: str, name: str, value: str) -> None:
    """Sections 2.3, 4 and 6.6: numbers are numbers, and nothing else."""
    said = quote(value, errors="replace")
    judged(
        "GET", f"{path}?{quote(name, errors='replace')}={said}", "json", accept="application/json"
    )


TEXTS = st.text(max_size=40) | st.text("/{}=+, ()'coreANDORNOTLIKE19%_<>!", max_size=40)


@given(TEXTS)
def test_any_resource_request_and_filter(text: str) -> None:
    """Sections 7.2 and 7.3: it is read, or refused with 400."""
    for read in (read_request, filter_of):
        assert status(lambda read=read: read(text)) in {0, 400}  # type: ignore[misc]


@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6))
def test_any_submission(data: dict[str, object]) -> None:
    """Section 7.1: it is refused with 400, or becomes as many tasks as its array has jobs."""
    body = cast("JsonObject", {"command": "true", **data})
    refused = status(lambda: read_job(body, NOW_MS))
    assert refused in {0, 400, 413}
    if refused:
        return
    job = read_job(body, NOW_MS)
    for at in range(len(job.parameters)):
        assert executed(job, "ann", at, 7 if at else 0).dialect == "oar"


@given(TEXTS | st.builds("if: {}\nthen: [{{deny: {}}}]".format, TEXTS, TEXTS))
def test_any_rule(text: str) -> None:
    """Section 11: a text is a rule or it is inert; nothing of it is ever run."""
    assert status(lambda: read_rule(text)) in {0, 400}
