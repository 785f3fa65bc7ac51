"""A job as all generations of OpenPAI mean it: roles of tasks with one policy.

What the two ways of writing one (JSON of the first generation, YAML protocol of the second) have
in common. The text that was sent is kept beside it, since clients want it back as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["MAX_TASKS", "Completion", "JobSpec", "PortRequest", "RoleSpec"]

MAX_TASKS = 256
"""Tasks of a job, over all roles."""


@dataclass(frozen=True, slots=True)
class Completion:
    """When tasks of a role decide about the job: so many failed, so many succeeded; None never."""

    min_failed: int | None = 1
    min_succeeded: int | None = None


@dataclass(frozen=True, slots=True)
class PortRequest:
    """So many ports under a label; exactly those from ``first`` on unless it is 0."""

    label: str
    count: int = 1
    first: int = 0


@dataclass(frozen=True, slots=True)
class RoleSpec:
    """Tasks that are alike. ``commands`` run one after another as long as each succeeds.

    ``memory_mb``, ``shm_mb``: MiB. ``retries`` is how often one task of the role is run again by
    itself, with the meaning that this number has for a job.
    """

    name: str
    instances: int
    commands: tuple[str, ...]
    cpu: int = 1
    memory_mb: int = 100
    gpu: int = 0
    shm_mb: int = 64
    ports: tuple[PortRequest, ...] = ()
    completion: Completion = field(default_factory=Completion)
    retries: int = 0
    image: str = ""


@dataclass(frozen=True, slots=True)
class JobSpec:
    """A job that was understood.

    ``retries`` is the number of OpenPAI: -1 for as long as it fails, -2 for whatever happens.
    ``directories`` are the data, output and code folders, ``environment`` what its author set,
    ``secrets`` values that are shown nowhere, ``warnings`` what its author should know. The job is
    done when ``enough`` of its tasks have completed, 0 for all.
    """

    name: str
    roles: tuple[RoleSpec, ...]
    queue: str = "default"
    retries: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)
    directories: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    warnings: tuple[str, ...] = ()
    gang: bool = True
    enough: int = 0

    @property
    def tasks(self) -> int:
        """How many tasks it has in all."""
        return sum(role.instances for role in self.roles)
