"""A configuration of the first generation as a protocol of the second.

The order of keys and the texts are OpenPAI's own conversion's; what comes out is a valid protocol
and asks for the same job, but for a retry count below zero, which protocols do not have.
"""

from __future__ import annotations

import re
import shlex

from protocol.dialects.openpai.job import JobSpec, RoleSpec
from protocol.media import JsonObject, JsonValue

__all__ = ["as_protocol"]

_WARNING = 'echo "[WARNING] Compatibility mode for v1 job, please use protocol config instead."'
_READABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""A name that a shell can export."""
_VARIABLES = (
    ("dataDir", "PAI_DATA_DIR", "$data.uri[0]"),
    ("outputDir", "PAI_OUTPUT_DIR", "$output.uri"),
    ("codeDir", "PAI_CODE_DIR", "$script.uri"),
)
_KINDS = (("dataDir", "data"), ("outputDir", "output"), ("codeDir", "script"))


def as_protocol(config: JsonObject, spec: JobSpec) -> JsonObject:
    """The protocol document of a configuration that was understood as ``spec``."""
    given = {key: spec.directories.get(key, "") for key, _ in _KINDS}
    image = spec.roles[0].image
    prerequisites: list[JsonValue] = [{"name": "default", "type": "dockerimage", "uri": image}]
    for key, kind in _KINDS:
        if given[key]:
            uri: JsonValue = [given[key]] if kind == "data" else given[key]
            prerequisites.append({"name": "default", "type": kind, "uri": uri})
    before: list[JsonValue] = [_WARNING]
    before += [f"export {name}=<% {lookup} %>" for key, name, lookup in _VARIABLES if given[key]]
    # Quoted, unlike OpenPAI, where a value was run as a part of the line.
    before += [
        f"export {name}={shlex.quote(value)}"
        for name, value in spec.environment.items()
        if _READABLE.fullmatch(name)
    ]
    document: JsonObject = {
        "protocolVersion": "2",
        "name": spec.name,
        "type": "job",
        "prerequisites": prerequisites,
        "jobRetryCount": spec.retries,
        "taskRoles": {role.name: _role(role, given) for role in spec.roles},
        "deployments": [
            {
                "name": "default",
                "taskRoles": {role.name: {"preCommands": list(before)} for role in spec.roles},
            }
        ],
        "defaults": {"virtualCluster": spec.queue, "deployment": "default"},
    }
    if spec.environment:
        document["parameters"] = dict(spec.environment)
    extras = config.get("extras")
    if isinstance(extras, dict) and extras:
        document["extras"] = extras
    if config.get("authFile"):
        document["secrets"] = "******"
    return document


def _role(role: RoleSpec, given: dict[str, str]) -> JsonObject:
    resources: JsonObject = {"cpu": role.cpu, "memoryMB": role.memory_mb, "gpu": role.gpu}
    if role.ports:
        resources["ports"] = {port.label: port.count for port in role.ports}
    written: JsonObject = {
        "instances": role.instances,
        "completion": {
            "minFailedInstances": role.completion.min_failed,
            "minSucceededInstances": role.completion.min_succeeded,
        },
        "dockerImage": "default",
        "extraContainerOptions": {"shmMB": role.shm_mb},
        "resourcePerInstance": resources,
        "commands": list(role.commands),
    }
    for key, kind in _KINDS:
        if given[key]:
            written[kind] = "default"
    return written
