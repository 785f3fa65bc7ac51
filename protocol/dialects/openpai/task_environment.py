"""The variables that a task of a job sees, about itself and about the others.

Every spelling of every generation is set; they cost nothing. Names that a shell cannot read, since
role names may hold dots and tildes, are set as they are and once more with underscores. Ports are
not known when a job is submitted, nor are addresses: ``ports`` and ``hosts`` give the texts that
the core replaces by them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from protocol.dialects.openpai.job import JobSpec, RoleSpec

__all__ = ["HTTP", "filled_directories", "task_environment"]

HTTP = "http"
"""The label of the port that every task has besides those that it asks for."""
_READABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_GIVEN = re.compile(r"[A-Za-z_][A-Za-z0-9_.~-]{0,255}")
"""A name that a process is given as it is."""
_NOT_READABLE = re.compile(r"[^A-Za-z0-9_]")
Ports = Callable[[str, int, str], str]
Hosts = Callable[[str, int], str]


def task_environment(
    spec: JobSpec,
    role: RoleSpec,
    index: int,
    owner: str,
    framework: str,
    ports: Ports,
    hosts: Hosts,
    *,
    file_system: str = "",
) -> Mapping[str, str]:
    """All variables of one task.

    ``ports(role, index, label)`` is a comma list of numbers, ``hosts(role, index)`` an address.
    """
    found = dict(_of_job(spec, owner, framework, file_system))
    for number, one in enumerate(spec.roles):
        found |= _of_role(one, number, ports, hosts)
    found |= _own(role, index, ports, hosts(role.name, index))
    found["PAI_TASK_ROLE_NO"] = str(spec.roles.index(role))
    if spec.enough:
        found["PAI_KILL_ALL_ON_COMPLETED_TASK_NUM"] = str(spec.enough)
    found |= spec.environment
    readable = {
        _readable(name): value for name, value in found.items() if not _READABLE.fullmatch(name)
    }
    return {name: value for name, value in found.items() if _GIVEN.fullmatch(name)} | readable


def _readable(name: str) -> str:
    """A name that a shell can read in place of one that it cannot."""
    found = _NOT_READABLE.sub("_", name)
    return f"_{found}" if found[0].isdigit() else found


def filled_directories(spec: JobSpec, owner: str, file_system: str = "") -> dict[str, str]:
    """The folders of a job, the variables in them filled in; empty texts for none."""
    known = {
        "$PAI_DEFAULT_FS_URI": file_system,
        "$PAI_JOB_NAME": spec.name,
        "$PAI_USER_NAME": owner,
        "$PAI_USERNAME": owner,
    }
    found = {}
    for key in ("dataDir", "outputDir", "codeDir"):
        value = spec.directories.get(key, "")
        if not value and key == "outputDir" and file_system:
            value = f"{file_system}/Output/{owner}/{spec.name}"
        for variable, meaning in known.items():
            value = value.replace(variable, meaning)
        found[key] = value
    return found


def _of_job(
    spec: JobSpec, owner: str, framework: str, file_system: str
) -> Iterator[tuple[str, str]]:
    for name in ("PAI_JOB_NAME", "FRAMEWORK_NAME", "PAI_FRAMEWORK_NAME"):
        yield name, framework
    for name in ("PAI_USER_NAME", "PAI_USERNAME"):
        yield name, owner
    yield "PAI_VIRTUAL_CLUSTER", spec.queue
    yield "PAI_DEFAULT_FS_URI", file_system
    yield "APP_ID", "application_${narthex.group}"
    yield "PAI_CONTAINER_ID", "${narthex.task}"
    directories = filled_directories(spec, owner, file_system)
    for key, name in (
        ("dataDir", "PAI_DATA_DIR"),
        ("outputDir", "PAI_OUTPUT_DIR"),
        ("codeDir", "PAI_CODE_DIR"),
    ):
        yield name, directories[key]
    roles = ",".join(role.name for role in spec.roles)
    for name in ("PAI_TASK_ROLE_COUNT", "PAI_TASK_ROLES_NUM", "PAI_JOB_TASK_ROLE_COUNT"):
        yield name, str(len(spec.roles))
    for name in ("PAI_TASK_ROLE_LIST", "PAI_JOB_TASK_ROLE_LIST"):
        yield name, roles
    for name in ("PAI_TASKS_NUM", "PAI_JOB_TASK_COUNT"):
        yield name, str(spec.tasks)


def _of_role(role: RoleSpec, number: int, ports: Ports, hosts: Hosts) -> dict[str, str]:
    """What every task is told of a role."""
    name = role.name
    listed = ",".join(
        f"{hosts(name, index)}:{ports(name, index, HTTP)}" for index in range(role.instances)
    )
    found = {
        f"PAI_TASK_ROLE_TASK_COUNT_{name}": str(role.instances),
        f"PAI_RESOURCE_{name}": _resources(role),
        f"PAI_MIN_FAILED_TASK_COUNT_{name}": _count(role.completion.min_failed),
        f"PAI_MIN_SUCCEEDED_TASK_COUNT_{name}": _count(role.completion.min_succeeded),
        f"PAI_TASK_ROLE_{name}_HOST_LIST": listed,
        f"PAI_TASK_ROLE_{number}_HOST_LIST": listed,
    }
    for index in range(role.instances):
        found[f"PAI_HOST_IP_{name}_{index}"] = hosts(name, index)
        for label in _labels(role):
            given = ports(name, index, label)
            found[f"PAI_PORT_LIST_{name}_{index}_{label}"] = given
            found[f"PAI_{name}_{index}_{label}_PORT"] = given
    return found


def _own(role: RoleSpec, index: int, ports: Ports, address: str) -> dict[str, str]:
    """What a task is told of itself."""
    current = {
        "TASK_COUNT": str(role.instances),
        "CPU_COUNT": str(role.cpu),
        "MEM_MB": str(role.memory_mb),
        "SHM_MB": str(role.shm_mb),
        "GPU_COUNT": str(role.gpu),
        "MIN_FAILED_TASK_COUNT": _count(role.completion.min_failed),
        "MIN_SUCCEEDED_TASK_COUNT": _count(role.completion.min_succeeded),
    }
    found = {f"PAI_CURRENT_TASK_ROLE_{name}": value for name, value in current.items()}
    given = {label: ports(role.name, index, label) for label in _labels(role)}
    return found | {
        "PAI_CURRENT_TASK_ROLE_NAME": role.name,
        "PAI_TASK_ROLE_NAME": role.name,
        "PAI_CURRENT_TASK_ROLE_CURRENT_TASK_INDEX": str(index),
        "PAI_TASK_INDEX": str(index),
        "PAI_TASK_ROLE_INDEX": str(index),
        "PAI_TASK_ROLE_NUM": str(role.instances),
        "PAI_RESOURCE": _resources(role),
        "PAI_TASK_CPU_NUM": str(role.cpu),
        "PAI_TASK_MEM_MB": str(role.memory_mb),
        "PAI_TASK_GPU_NUM": str(role.gpu),
        "PAI_CONTAINER_HOST_IP": address,
        "PAI_CURRENT_CONTAINER_IP": address,
        "PAI_CONTAINER_HOST_PORT": given[HTTP],
        "PAI_CURRENT_CONTAINER_PORT": given[HTTP],
        "PAI_CONTAINER_HOST_PORT_LIST": ";".join(
            f"{label}:{numbers}" for label, numbers in given.items()
        ),
        **{f"PAI_CONTAINER_HOST_{label}_PORT_LIST": numbers for label, numbers in given.items()},
    }


def _labels(role: RoleSpec) -> tuple[str, ...]:
    return tuple(dict.fromkeys((HTTP, *(port.label for port in role.ports))))


def _resources(role: RoleSpec) -> str:
    return f"{role.gpu},{role.cpu},{role.memory_mb},{role.shm_mb}"


def _count(value: int | None) -> str:
    return "null" if value is None else str(value)
