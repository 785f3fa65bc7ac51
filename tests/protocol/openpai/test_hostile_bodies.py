"""Whatever is sent to any route of both generations: a command, or a refusal of the dialect.

Bodies are near relatives of good ones, each with some of its values replaced by others, as well as
texts that are none. They go through the dialects' own tables, as the gateway takes them.
"""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocol.command import Command
from protocol.dialect import Route
from protocol.dialects.openpai import OpenPaiDialect
from protocol.dialects.openpai_old import OldOpenPaiDialect
from protocol.errors import GatewayError
from protocol.forms import FormValues
from protocol.http import Request

OPENPAI, OLD = OpenPaiDialect({"images": "map"}), OldOpenPaiDialect({})
BODIED = [
    (dialect, route)
    for dialect in (OPENPAI, OLD)
    for route in dialect.routes
    if route.method in {"POST", "PUT", "DELETE"} and not route.template.startswith("/rest-server")
]
READ = [
    (dialect, route)
    for dialect in (OPENPAI, OLD)
    for route in dialect.routes
    if route.method == "GET" and not route.template.startswith("/rest-server")
]
ROLE = {
    "name": "w", "taskNumber": 1, "cpuNumber": 1, "memoryMB": 16, "gpuNumber": 0, "shmMB": 8,
    "portList": [{"label": "l", "beginAt": 0, "portNumber": 1}], "command": "true",
    "minFailedTaskCount": 1, "minSucceededTaskCount": 1,
}  # fmt: skip
CONFIG = {
    "jobName": "j", "image": "", "authFile": "a", "dataDir": "/d", "outputDir": "hdfs://o",
    "codeDir": "file:///c", "taskRoles": [ROLE], "gpuType": "", "virtualCluster": "default",
    "killAllOnCompletedTaskNumber": 0, "retryCount": 0, "jobEnvs": {"A.b": "c"}, "extras": {"a": 1},
}  # fmt: skip
PROTOCOL = {
    "protocolVersion": 2, "name": "p", "type": "job", "version": 1, "contributor": "c",
    "description": "d",
    "prerequisites": [
        {"name": "i", "type": "dockerimage", "uri": "", "auth": {"username": "u"}},
        {"name": "s", "type": "script", "uri": "u"}, {"name": "d", "type": "data", "uri": ["u"]},
        {"name": "o", "type": "output", "uri": "u"},
    ],
    "parameters": {"a": [1]}, "secrets": {"k": "secret"}, "jobRetryCount": 0,
    "taskRoles": {"w": {
        "instances": 1, "completion": {"minFailedInstances": 1, "minSucceededInstances": 1},
        "taskRetryCount": 0, "dockerImage": "i", "data": "d", "output": "o", "script": "s",
        "prerequisites": ["i"], "extraContainerOptions": {"shmMB": 1, "infiniband": True},
        "resourcePerInstance": {"cpu": 1, "memoryMB": 16, "gpu": 0, "ports": {"p": 1}},
        "commands": ["echo <% $parameters.a[0] %> <% $secrets.k %>"],
    }},
    "deployments": [
        {"name": "x", "taskRoles": {"w": {"preCommands": ["a"], "postCommands": ["b"]}}}
    ],
    "defaults": {"deployment": "x", "virtualCluster": "default"},
    "extras": {"hivedScheduler": {}, "gangAllocation": False,
               "com.microsoft.pai.runtimeplugin": [{"plugin": "x"}]},
}  # fmt: skip
USER = {
    "username": "u", "password": "long-one", "admin": True, "email": "a@b.c", "extension": {},
    "virtualCluster": ["default"], "modify": True, "expiration": 60,
}  # fmt: skip
OTHERS: tuple[dict[str, Any], ...] = (
    {"vcCapacity": 1, "vcMaxCapacity": 2, "description": "", "externalName": ""},
    {"vcStatus": "stopped"}, {"value": "STOP"}, {"groupname": "g", "extension": {"acls": {}}},
    {"data": {**USER, "grouplist": []}, "patch": True}, {"data": {"groupname": "g"}},
    {"newPassword": "long-one", "oldPassword": "long-one"}, {"grouplist": ["a"]}, {"admin": True},
    {"email": ""}, {"extension": {"a": 1}}, {"description": ""}, {"externalName": ""},
    {"virtualCluster": []}, {"data": {"acls": {"admin": 1}}},
)  # fmt: skip
ODD = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(), st.text(max_size=20),
    st.sampled_from(["", "..", ".", "null", "a" * 5000, "\0", "\ud800", "~", "a b", "<% $x %>"]),
    st.lists(st.one_of(st.none(), st.text(max_size=3), st.integers()), max_size=3),
    st.dictionaries(st.text(max_size=5), st.one_of(st.none(), st.text(max_size=3)), max_size=3),
)  # fmt: skip
PARAMS = st.sampled_from(["admin", "a~b", "~", "", "0", "1", "x" * 300, "\u00e9", "..", "acls/a"])


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:  # noqa: ANN401 - JSON
    """All places in a value, the whole included."""
    found = [at]
    items = (
        value.items() if isinstance(value, dict)
        else enumerate(value) if isinstance(value, list) else ()
    )  # fmt: skip
    for key, inner in items:
        found += places(inner, (*at, key))
    return found


def put(value: Any, at: tuple[Any, ...], new: Any) -> Any:  # noqa: ANN401 - JSON
    """The value with another one at a place."""
    if not at:
        return new
    copied = value.copy()
    copied[at[0]] = put(value[at[0]], at[1:], new)
    return copied


@st.composite
def siblings(draw: st.DrawFn) -> bytes:
    """A good body with some of its values replaced, or with a key more."""
    value: Any = draw(st.sampled_from([CONFIG, PROTOCOL, USER, *OTHERS]))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.sampled_from(places(value)))
        value = put(value, at, draw(ODD))
    if isinstance(value, dict) and draw(st.booleans()):
        value = {**value, draw(st.text(max_size=5)): draw(ODD)}
    return json.dumps(value).encode()


BODIES = st.one_of(siblings(), st.binary(max_size=200), st.text(max_size=200).map(str.encode))
KINDS = st.sampled_from(
    ["", "application/json", "application/x-www-form-urlencoded", "text/plain", "text/yaml"]
)


def answered(dialect: Any, route: Route[Any], request: Request) -> None:  # noqa: ANN401 - either
    """Asserts that a request is understood, or refused as the dialect says it."""
    try:
        command = route.parse(request)
    except GatewayError as error:
        reply = dialect.refuse(error, request)
        shown = orjson.loads(reply.body)
        assert set(shown) == {"code" if dialect is OPENPAI else "error", "message"}
        assert 400 <= reply.status < 500 or (dialect is OLD and reply.status == 500), shown
        assert shown.get("code") != "UnknownError"
        assert "Traceback" not in shown["message"]
    else:
        assert isinstance(command, Command)


@settings(max_examples=1500, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.sampled_from(BODIED), BODIES, KINDS, PARAMS)
def test_every_body_is_understood_or_refused(
    at: tuple[Any, Route[Any]], body: bytes, kind: str, param: str
) -> None:
    """Contract 0.2, 0.4 and *what bad input gets*: no other error, whatever is sent to whom."""
    dialect, route = at
    names = ("user", "job", "vc", "group", "token", "path")
    request = Request(
        route.method,
        route.template,
        dict.fromkeys(names, param),
        headers={"content-type": kind},
        body=body,
        user="admin",
    )
    answered(dialect, route, request)


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(READ),
    PARAMS,
    st.sampled_from(
        ["limit", "offset", "order", "start", "username", "tail-mode", "keyword", "state", "type"]
    ),
    st.one_of(st.text(max_size=20), st.sampled_from(["-1", "1e3", "name,ASC", "50001", "9" * 40])),
)
def test_every_query_is_understood_or_refused(
    at: tuple[Any, Route[Any]], param: str, name: str, value: str
) -> None:
    """Contract 1.7, K3, and 4.4: numbers, orders and names of any kind."""
    dialect, route = at
    names = (
        "user",
        "job",
        "vc",
        "group",
        "name",
        "attempt",
        "role",
        "index",
        "try",
        "file",
        "link",
    )
    request = Request(
        "GET",
        route.template,
        dict.fromkeys(names, param),
        query=FormValues(((name, value),)),
        user="admin",
    )
    answered(dialect, route, request)


@pytest.mark.parametrize(
    "body",
    [
        b"a: &a [x,x,x,x,x,x,x,x,x]\n"
        + b"".join(b"b%d: &b%d [%s]\n" % (n, n, b",".join([b"*a"] * 9)) for n in range(400)),
        b"[" * 100_000,
        b'{"a":' * 5_000,
        b"a: " + b"[" * 3_000,
        b"a: &x {b: *x}",
        b'!!python/object/apply:os.system ["id"]',
        b"? [a]\n: b",
        b"a: !!binary '///'",
        b"a: 1\n---\nb: 2",
        b"x: 1\nx: 2",
        b"- 1",
        b"\xff\xfe\x00",
    ],
)
def test_bombs_are_no_protocols(body: bytes) -> None:
    """Contract 1.8: aliases, depth, tags, several documents; refused at once and by the code."""
    route = next(
        one for one in OPENPAI.routes if one.template == "/api/v2/jobs" and one.method == "POST"
    )
    request = Request("POST", "/api/v2/jobs", headers={}, body=body, user="admin")
    with pytest.raises(GatewayError) as error:
        route.parse(request)
    body_of_refusal = OPENPAI.refuse(error.value, request).body
    assert isinstance(body_of_refusal, bytes)
    shown = orjson.loads(body_of_refusal)
    assert shown["code"] in {"InvalidProtocolError", "InvalidParametersError"}
