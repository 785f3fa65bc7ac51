"""The job protocol of the second generation: its schema, its cross checks and what it means.

OpenPAI job protocol version 2, as its YAML is sent to ``POST /api/v2/jobs``. An unknown key in a
task role is refused and one in ``extraContainerOptions`` is not: as in OpenPAI, whose schema
misplaces a line there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import cast

import orjson

from protocol.dialects.openpai import names
from protocol.dialects.openpai.extras import extras_not_acted_on
from protocol.dialects.openpai.faults import bad_protocol
from protocol.dialects.openpai.job import MAX_TASKS, Completion, JobSpec, PortRequest, RoleSpec
from protocol.dialects.openpai.schema import (
    ANY,
    Array,
    Choice,
    Exactly,
    Integer,
    Object,
    Schema,
    Text,
    errors,
)
from protocol.dialects.openpai.template import printed, rendered
from protocol.media import JsonObject, JsonValue

__all__ = ["check_protocol", "understood"]

_NAME = Text(names.PROTOCOL_NAME, longest=255)
_TEXT = Text()
_BASE: Mapping[str, Schema] = {
    "protocolVersion": ANY,
    "version": ANY,
    "contributor": _TEXT,
    "description": _TEXT,
    "name": _NAME,
    "type": _TEXT,
}
_KINDS = ("script", "output", "data", "dockerimage")
_URI = Object({**_BASE, "uri": _TEXT}, ("name", "type", "uri"))
_PREREQUISITE = Choice(
    "type",
    {
        "script": _URI,
        "output": _URI,
        "data": Object({**_BASE, "uri": Array(_TEXT)}, ("name", "type", "uri")),
        "dockerimage": Object(
            {
                **_BASE,
                "uri": _TEXT,
                "auth": Object({"username": _TEXT, "password": _TEXT, "registryuri": _TEXT}),
            },
            ("name", "type", "uri"),
        ),
    },
)
_COUNT = Integer(nullable=True)
_ROLE = Object(
    {
        "instances": Integer(1),
        "completion": Object({"minFailedInstances": _COUNT, "minSucceededInstances": _COUNT}),
        "taskRetryCount": Integer(-2),
        "dockerImage": _TEXT,
        "data": _TEXT,
        "output": _TEXT,
        "script": _TEXT,
        "prerequisites": Array(_TEXT),
        "extraContainerOptions": Object({"shmMB": Integer()}, extra=ANY),
        "resourcePerInstance": Object(
            {
                "cpu": Integer(1),
                "memoryMB": Integer(1),
                "gpu": Integer(0),
                "ports": Object(extra=Integer(1), names=names.IDENTIFIER, least=1),
            },
            ("cpu", "memoryMB", "gpu"),
        ),
        "commands": Array(_TEXT, least=1),
    },
    ("dockerImage", "resourcePerInstance", "commands"),
)
_COMMANDS = Array(_TEXT, least=1)
_DEPLOYMENT = Object(
    {
        "name": _NAME,
        "taskRoles": Object(
            extra=Object({"preCommands": _COMMANDS, "postCommands": _COMMANDS}),
            names=names.IDENTIFIER,
        ),
    },
    ("name", "taskRoles"),
)
_PROTOCOL = Object(
    {
        "protocolVersion": Exactly(("2", 2)),
        "name": _NAME,
        "type": Exactly(("job",)),
        "version": ANY,
        "contributor": _TEXT,
        "description": _TEXT,
        "prerequisites": Array(_PREREQUISITE, least=1),
        "parameters": Object(extra=ANY),
        "secrets": Object(extra=ANY),
        "jobRetryCount": Integer(0),
        "taskRoles": Object(extra=_ROLE, names=names.IDENTIFIER, least=1),
        "deployments": Array(_DEPLOYMENT, least=1),
        "defaults": Object({"deployment": _TEXT, "virtualCluster": _TEXT}, extra=ANY),
        "extras": Object(extra=ANY),
    },
    ("protocolVersion", "name", "type", "taskRoles"),
)
_SELECTED = (
    ("dockerImage", "dockerimage"),
    ("data", "data"),
    ("output", "output"),
    ("script", "script"),
)


def check_protocol(value: JsonValue) -> JsonObject:
    """The document, once it is what a protocol must be.

    Raises:
        PaiError: InvalidProtocolError, with all that the schema finds as a JSON text, or with the
            sentence of the first cross check that fails.
    """
    found = errors(_PROTOCOL, value)
    if found:
        raise bad_protocol(orjson.dumps(found).decode())
    document = cast("JsonObject", value)
    for message in _cross_checks(document):
        raise bad_protocol(message)
    return document


def _cross_checks(document: JsonObject) -> Iterator[str]:
    """The sentences of what does not fit together."""
    known: set[tuple[str, str]] = set()
    for one in _objects(document.get("prerequisites")):
        key = (str(one["type"]), str(one["name"]))
        if key in known:
            yield f"Duplicate {key[0]} prerequisites {key[1]}."
        known.add(key)
    deployments: set[str] = set()
    for one in _objects(document.get("deployments")):
        deployment = str(one["name"])
        if deployment in deployments:
            yield f"Duplicate deployments {deployment}."
        deployments.add(deployment)
    for role in _roles(document).values():
        yield from _missing(role, known)
    default = _object(document.get("defaults")).get("deployment")
    if default is not None and str(default) not in deployments:
        yield f"Default deployment {default} does not exist."
    tasks = sum(_integer(role.get("instances"), 1) for role in _roles(document).values())
    if tasks > MAX_TASKS:
        yield f"A job has at most {MAX_TASKS} task instances."


def _missing(role: JsonObject, known: set[tuple[str, str]]) -> Iterator[str]:
    """The sentences of prerequisites that a role refers to and that are not there."""
    for field, kind in _SELECTED:
        chosen = role.get(field)
        if chosen is not None and (kind, str(chosen)) not in known:
            yield f"Prerequisite {chosen} does not exist."
    for chosen in _list(role.get("prerequisites")):
        if not any((kind, str(chosen)) in known for kind in _KINDS):
            yield f"Prerequisite {chosen} does not exist."


def understood(document: JsonObject) -> JobSpec:
    """What a checked protocol asks for, all its tags filled in."""
    warnings: list[str] = []
    defaults = _object(document.get("defaults"))
    parts = _deployment(document, defaults.get("deployment"))
    roles = tuple(
        _role(name, role, document, _object(parts.get(name)), warnings.append)
        for name, role in _roles(document).items()
    )
    extras = _object(document.get("extras"))
    warnings += _not_acted_on(document, extras)
    return JobSpec(
        name=str(document["name"]),
        roles=roles,
        queue=str(defaults.get("virtualCluster") or "default"),
        retries=_integer(document.get("jobRetryCount"), 0),
        secrets=tuple(_texts(document.get("secrets"))),
        warnings=tuple(dict.fromkeys(warnings)),
        gang=extras.get("gangAllocation", True) is not False,
    )


def _not_acted_on(document: JsonObject, extras: JsonObject) -> Iterator[str]:
    """What is kept and shown, and decides nothing on this node."""
    yield from extras_not_acted_on(extras)
    for name, role in _roles(document).items():
        if _object(role.get("extraContainerOptions")).get("infiniband"):
            yield f"infiniband of {name} is not used"


def _deployment(document: JsonObject, name: JsonValue) -> JsonObject:
    for one in _objects(document.get("deployments")):
        if name is not None and one["name"] == name:
            return _object(one["taskRoles"])
    return {}


def _role(
    name: str,
    role: JsonObject,
    document: JsonObject,
    deployed: JsonObject,
    warn: Callable[[str], None],
) -> RoleSpec:
    roots = _lookups(role, document)
    resources = _object(role["resourcePerInstance"])
    written = [
        str(command)
        for part in (deployed.get("preCommands"), role["commands"], deployed.get("postCommands"))
        for command in _list(part)
    ]

    def unknown(said: str) -> None:
        warn(f"task role {name}: nothing is known as {said}, it is left out")

    completion = role.get("completion")
    options = _object(role.get("extraContainerOptions"))
    images = _prerequisites(document, "dockerimage")
    image = _object(images.get(str(role["dockerImage"])))
    return RoleSpec(
        name=name,
        instances=_integer(role.get("instances"), 1),
        commands=tuple(rendered(command, roots, unknown) for command in written),
        cpu=_integer(resources["cpu"], 1),
        memory_mb=_integer(resources["memoryMB"], 100),
        gpu=_integer(resources["gpu"], 0),
        shm_mb=_integer(options.get("shmMB"), 64),
        ports=tuple(
            PortRequest(label, _integer(count, 1))
            for label, count in _object(resources.get("ports")).items()
        ),
        completion=_completion(completion),
        retries=_integer(role.get("taskRetryCount"), 0),
        image=printed(image.get("uri")),
    )


def _completion(value: JsonValue) -> Completion:
    if not isinstance(value, dict):
        return Completion()
    failed = value.get("minFailedInstances", 1)
    succeeded = value.get("minSucceededInstances")
    return Completion(
        None if failed is None else _integer(failed, 1),
        None if succeeded is None else _integer(succeeded, 1),
    )


def _lookups(role: JsonObject, document: JsonObject) -> Mapping[str, JsonValue]:
    """What tags of a role's commands may name."""
    chosen = {
        kind: _prerequisites(document, kind).get(str(role[field]))
        for field, kind in _SELECTED
        if kind != "dockerimage" and role.get(field) is not None
    }
    return {
        "parameters": _object(document.get("parameters")),
        "secrets": _object(document.get("secrets")),
        **chosen,
    }


def _prerequisites(document: JsonObject, kind: str) -> dict[str, JsonObject]:
    return {
        str(one["name"]): one
        for one in _objects(document.get("prerequisites"))
        if one["type"] == kind
    }


def _roles(document: JsonObject) -> dict[str, JsonObject]:
    return {name: _object(role) for name, role in _object(document["taskRoles"]).items()}


def _object(value: JsonValue) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _list(value: JsonValue) -> Sequence[JsonValue]:
    return value if isinstance(value, list) else ()


def _objects(value: JsonValue) -> Iterator[JsonObject]:
    return (one for one in _list(value) if isinstance(one, dict))


def _integer(value: JsonValue, default: int) -> int:
    return int(value) if isinstance(value, int | float) else default


def _texts(value: JsonValue) -> Iterator[str]:
    """All texts and numbers below a value: what must be shown nowhere."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
        elif one is not None and not isinstance(one, bool):
            yield printed(one)
