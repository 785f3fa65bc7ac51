"""The job configuration of the first generation, and of the one before: JSON or a nested form.

OpenPAI rest-server document, *job configuration*. Values are taken as the original's validator
took them: numbers and booleans may be written as texts, since forms have nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from protocol.dialects.openpai import names
from protocol.dialects.openpai.extras import extras_not_acted_on
from protocol.dialects.openpai.faults import PaiError, bad_parameters
from protocol.dialects.openpai.job import MAX_TASKS, Completion, JobSpec, PortRequest, RoleSpec
from protocol.dialects.openpai.template import printed
from protocol.media import JsonObject, JsonValue

__all__ = ["DIRECTORIES", "Fields", "understood_config", "understood_old_config"]

DIRECTORIES = ("dataDir", "outputDir", "codeDir")
_INTEGER = re.compile(r"-?\d{1,9}", re.ASCII)
_HAS_WORD = re.compile(r"\w", re.ASCII)
_EXTRA = re.compile(r"[A-Za-z0-9._]+")
_ENV_NAME = re.compile(r"[^\s=\0]{1,200}")
_RESERVED = re.compile(r"PATH|LD_.*", re.DOTALL)
_TOO_MANY = "minFailedTaskCount or minSucceededTaskCount should not be greater than tasks number."


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of an object, taken one by one; what is left over is an error."""

    value: JsonObject
    place: str = ""

    def only(self, known: Iterable[str]) -> None:
        """Refuses a key that is not known."""
        for name in self.value:
            if name not in frozenset(known):
                raise self.wrong(name, "is not allowed")

    def wrong(self, name: str, why: str) -> PaiError:
        """The refusal of a field, in the words of the original's validator."""
        inner = f'"{name[:100]}" {why}'
        return bad_parameters(
            f'child "{self.place}" fails because [{inner}]' if self.place else inner
        )

    def text(self, name: str, default: str | None = None, *, empty: bool = True) -> str:
        """A text; required if there is no default."""
        value = self.value.get(name)
        if value is None and default is not None:
            return default
        if value is None:
            raise self.wrong(name, "is required")
        if not isinstance(value, str):
            raise self.wrong(name, "must be a string")
        if not value and not empty:
            raise self.wrong(name, "is not allowed to be empty")
        return value

    def named(self, name: str, pattern: re.Pattern[str]) -> str:
        """A text that fits a pattern as a whole."""
        value = self.text(name, empty=False)
        if pattern.fullmatch(value) is None:
            raise self.wrong(
                name,
                f'with value "{value[:100]}" fails to match the required pattern:'
                f" /^{pattern.pattern}$/",
            )
        return value

    def integer(self, name: str, default: int, least: int | None = None) -> int:
        """An integer, also as a text of digits."""
        value = self.value.get(name)
        if value is None:
            return default
        if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.wrong(name, "must be a number")
        if value != value or abs(value) > 1e9 or value != int(value):  # noqa: PLR0124, PLR2004 - NaN; no count is larger
            raise self.wrong(name, "must be an integer")
        if least is not None and value < least:
            raise self.wrong(name, f"must be larger than or equal to {least}")
        return int(value)

    def count(self, name: str, default: int | None) -> int | None:
        """A positive integer, or null for none, also as the empty text of a form."""
        if name in self.value and self.value[name] in (None, "", "null"):
            return None
        return self.integer(name, 0, 1) if name in self.value else default

    def objects(self, name: str, *, required: bool = False) -> list[Fields]:
        """A list of objects."""
        value = self.value.get(name)
        if value is None and not required:
            return []
        if value is None:
            raise self.wrong(name, "is required")
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            raise self.wrong(name, "must be an array of objects")
        if required and not value:
            raise self.wrong(name, "must contain at least 1 items")
        return [
            Fields(one, f"{name}[{number}]")
            for number, one in enumerate(value)
            if isinstance(one, dict)
        ]

    def mapping(self, name: str) -> JsonObject:
        """An object with keys of any name."""
        value = self.value.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self.wrong(name, "must be an object")
        return value


_KNOWN = (
    "jobName", "image", "authFile", *DIRECTORIES, "taskRoles", "gpuType", "virtualCluster",
    "killAllOnCompletedTaskNumber", "retryCount", "jobEnvs", "extras",
)  # fmt: skip
_KNOWN_ROLE = (
    "name", "taskNumber", "cpuNumber", "memoryMB", "shmMB", "gpuNumber", "portList", "command",
    "minFailedTaskCount", "minSucceededTaskCount",
)  # fmt: skip


def understood_config(value: JsonValue, name: str = "") -> JobSpec:
    """What a configuration of the first generation asks for; a ``name`` wins over its own.

    Raises:
        PaiError: InvalidParametersError, with the field.
    """
    fields = Fields(_object(value))
    fields.only(_KNOWN)
    own = fields.named("jobName", names.JOB_NAME)  # also where the address has another
    image = fields.text("image")
    roles = tuple(_role(one, image) for one in fields.objects("taskRoles", required=True))
    _fits(fields, roles)
    for key in fields.mapping("extras"):
        if _EXTRA.fullmatch(key) is None:
            raise fields.wrong("extras", "has a key that is not allowed")
    warnings = tuple(extras_not_acted_on(fields.mapping("extras")))
    if "killAllOnCompletedTaskNumber" in fields.value:
        fields.integer("killAllOnCompletedTaskNumber", 0)
        warnings += (
            (
                "killAllOnCompletedTaskNumber is obsolete and has no effect,"
                " use minFailedTaskCount and minSucceededTaskCount"
            ),
        )
    fields.text("authFile", "")
    if gpu_type := fields.text("gpuType", ""):
        warnings += (f"gpuType {gpu_type[:100]} is not used, this node has no GPU",)
    return JobSpec(
        name=name_of_job(name or own, fields),
        roles=roles,
        queue=fields.text("virtualCluster", "default") or "default",
        retries=fields.integer("retryCount", 0, -2),
        environment=_environment(fields),
        directories={key: fields.text(key, "") for key in DIRECTORIES},
        warnings=warnings,
    )


def name_of_job(name: str, fields: Fields) -> str:
    """The name, which becomes a segment of addresses."""
    if names.JOB_NAME.fullmatch(name) is None or name in {".", ".."}:
        raise fields.wrong("jobName", "must be of letters, digits, dots, hyphens and underscores")
    return name


def _role(fields: Fields, image: str) -> RoleSpec:
    fields.only(_KNOWN_ROLE)
    instances = fields.integer("taskNumber", 1, 1)
    memory = fields.integer("memoryMB", 100, 1)
    shared = fields.integer("shmMB", 64, 0)
    if "shmMB" in fields.value and shared > memory:
        raise fields.wrong("shmMB", f"must be less than or equal to {memory}")
    failed = fields.count("minFailedTaskCount", 1)
    succeeded = fields.count("minSucceededTaskCount", None)
    if any(count is not None and count > instances for count in (failed, succeeded)):
        raise bad_parameters(_TOO_MANY)
    return RoleSpec(
        name=fields.named("name", names.LABEL),
        instances=instances,
        commands=(fields.text("command", empty=False),),
        cpu=fields.integer("cpuNumber", 1, 1),
        memory_mb=memory,
        gpu=fields.integer("gpuNumber", 0, 0),
        shm_mb=shared,
        ports=tuple(map(_port, fields.objects("portList"))),
        completion=Completion(failed, succeeded),
        image=image,
    )


def _port(fields: Fields) -> PortRequest:
    fields.only(("label", "beginAt", "portNumber"))
    return PortRequest(
        fields.named("label", names.LABEL),
        fields.integer("portNumber", 1, 1),
        fields.integer("beginAt", 0, 0),
    )


def _fits(fields: Fields, roles: tuple[RoleSpec, ...]) -> None:
    if len({role.name for role in roles}) < len(roles):
        raise fields.wrong("taskRoles", "contains a duplicate name")
    if sum(role.instances for role in roles) > MAX_TASKS:
        raise fields.wrong("taskRoles", f"must have at most {MAX_TASKS} tasks in all")


def _environment(fields: Fields) -> dict[str, str]:
    given = fields.mapping("jobEnvs")
    for key, value in given.items():
        if _HAS_WORD.search(key) is None or _ENV_NAME.fullmatch(key) is None:
            raise fields.wrong("jobEnvs", f'has a key that is not allowed: "{key[:100]}"')
        if _RESERVED.fullmatch(key):
            raise fields.wrong("jobEnvs", f'must not set "{key[:100]}"')
        if "\0" in printed(value):
            raise fields.wrong("jobEnvs", f'has a value with a NUL: "{key[:100]}"')
    return {key: printed(value) for key, value in given.items()}


_KNOWN_OLD = (
    "jobName", "image", "authFile", *DIRECTORIES, "taskRoles", "killAllOnCompletedTaskNumber",
    "retryCount",
)  # fmt: skip
_KNOWN_OLD_ROLE = ("name", "taskNumber", "cpuNumber", "memoryMB", "gpuNumber", "command")


def understood_old_config(value: JsonValue, name: str = "") -> JobSpec:
    """What a configuration of the generation before the first asks for.

    A job ends when ``killAllOnCompletedTaskNumber`` of its tasks have completed, 0 for all of them.

    Raises:
        PaiError: InvalidParametersError, with the field.
    """
    fields = Fields(_object(value))
    fields.only(_KNOWN_OLD)
    own = fields.text("jobName", empty=False)
    image = fields.text("image", empty=False)
    fields.text("authFile", "")
    enough = fields.integer("killAllOnCompletedTaskNumber", 0, 0)
    roles = []
    for one in fields.objects("taskRoles", required=True):
        one.only(_KNOWN_OLD_ROLE)
        instances = one.integer("taskNumber", 1, 1)
        roles.append(
            RoleSpec(
                name=one.text("name", empty=False),
                instances=instances,
                commands=(one.text("command", empty=False),),
                cpu=one.integer("cpuNumber", 1, 1),
                memory_mb=one.integer("memoryMB", 100, 1),
                gpu=one.integer("gpuNumber", 0, 0),
                image=image,
            )
        )
    _fits(fields, tuple(roles))
    directories = {
        "codeDir": fields.text("codeDir", empty=False),
        "dataDir": fields.text("dataDir", ""),
        "outputDir": fields.text("outputDir", ""),
    }
    return JobSpec(
        name=name or own,
        roles=tuple(roles),
        retries=fields.integer("retryCount", 0, 0),
        directories=directories,
        enough=enough,
    )


def _object(value: JsonValue) -> JsonObject:
    if not isinstance(value, dict):
        raise bad_parameters('"value" must be an object')
    return value
