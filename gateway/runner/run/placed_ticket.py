"""What a place is asked for, for a run, for all that start together, or to fetch an ending."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from engines.place import Grant, Placement, Ticket
from engines.placed.porter import Assignment
from gateway.config import SlurmSettings
from gateway.stores.spec import TaskSpec
from protocol.place_size import size_of
from protocol.resources import Wants

__all__ = ["Tickets", "certificate_of"]

_CERTIFICATE = re.compile(
    r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL | re.ASCII
)


class Tickets:
    """Writes tickets.

    Args:
        settings: how the place is used.
        ports: the first and the last of the ports that tasks are given.
    """

    def __init__(self, settings: SlurmSettings, ports: tuple[int, int]) -> None:
        self._settings = settings
        self._ports = ports
        certificate = Path(settings.certificate) if settings.certificate else None
        self._certificate = certificate_of(certificate) if certificate else ""

    def of(
        self,
        name: str,
        members: Sequence[tuple[TaskSpec, Placement]],
        limit: float | None,
        grace: float,
    ) -> Ticket:
        """The ticket of a run, or of several: then each gets as much as the one that needs most.

        Args:
            name: by what the place is to call the job.
            members: what was accepted, and what proves who speaks for it.
            limit: a time limit that was asked for since, None if none was.
            grace: seconds between the signals of the place.
        """
        assignments = [self._assignment(spec, known, grace) for spec, known in members]
        each = [spec.wants or Wants() for spec, _ in members]
        sizes = [size_of(wants) for wants in each]
        limits = [
            min(filter(None, (spec.seconds, wants.shapes[0].seconds)), default=0.0)
            for (spec, _), wants in zip(members, each, strict=True)
        ]
        if limit is None:
            limit = max(limits) if all(limits) else 0.0
        return Ticket(
            name,
            msgspec.json.encode(assignments if len(assignments) > 1 else assignments[0]),
            self._partition(members[0][0]),
            max(size.processors for size in sizes),
            max(wants.memory_mb for wants in each),
            limit,
            nodes=sizes[0].nodes,
            alone=any(size.alone for size in sizes),
            tasks=len(members),
        )

    def collector(self, spec: TaskSpec, known: Placement, grant: Grant, grace: float) -> Ticket:
        """The ticket of a job that delivers the ending of a run from the machine where it was."""
        seconds = self._settings.silence_seconds
        assignment = self._assignment(spec, known, grace)
        assignment |= {"linger": seconds, "collect": grant._asdict(), "ports": {}}
        return Ticket(
            spec.task_id,
            msgspec.json.encode(assignment),
            self._partition(spec),
            seconds=seconds,
            node=grant.node,
        )

    def _assignment(self, spec: TaskSpec, known: Placement, grace: float) -> dict[str, object]:
        settings = self._settings
        return Assignment(
            spec.task_id,
            known.key,
            settings.landing,
            settings.node_dir,
            self._certificate,
            grace,
            settings.linger_seconds,
            ports=_ports(spec),
            span=self._ports,
        )._asdict()

    def _partition(self, spec: TaskSpec) -> str:
        return self._settings.queues.get(spec.wants.queue, "") if spec.wants is not None else ""


def certificate_of(path: Path) -> str:
    """The certificates of a PEM file, without its key.

    Raises:
        OSError: it cannot be read.
    """
    return "\n".join(_CERTIFICATE.findall(path.read_text("ascii", "replace"))) + "\n"


def _ports(spec: TaskSpec) -> Mapping[str, tuple[int, int]]:
    """The ports that a task wants on its machine: how many by label, and the first one or 0."""
    wanted = spec.wants.ports if spec.wants is not None else {}
    return {label: (ports.count, ports.first) for label, ports in wanted.items()}
