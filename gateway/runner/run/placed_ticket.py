"""What a place is asked for, for a run, for all that start together, or to fetch an ending."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from engines.place import Grant, Placement, Share, Ticket
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
        """The ticket of a run, or of several that start together, each with what it needs.

        Args:
            name: by what the place is to call the job.
            members: what was accepted, and what proves who speaks for it.
            limit: a time limit that was asked for since, None if none was.
            grace: seconds between the signals of the place.
        """
        if limit is None:
            limits = [_limit(spec) for spec, _ in members]
            limit = max(limits) if all(limits) else 0.0
        first = members[0][0]
        if len(members) == 1:
            wants = first.wants or Wants()
            size = size_of(wants)
            return Ticket(
                name,
                msgspec.json.encode(self._assignment(*members[0], grace)),
                self._partition(first),
                size.processors,
                wants.memory_mb,
                limit,
                nodes=size.nodes,
                alone=size.alone,
            )
        alike: dict[Share, list[dict[str, object]]] = {}
        for spec, known in members:
            alike.setdefault(_share(spec), []).append(self._assignment(spec, known, grace))
        shares = (
            share._replace(tasks=len(some), assignment=msgspec.json.encode(some))
            for share, some in alike.items()
        )
        return Ticket(name, queue=self._partition(first), seconds=limit, shares=tuple(shares))

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


def _share(spec: TaskSpec) -> Share:
    """What a task needs that starts together with others."""
    wants = spec.wants or Wants()
    size = size_of(wants)
    return Share(1, size.processors, wants.memory_mb, size.alone)


def _limit(spec: TaskSpec) -> float:
    """The time limit of a task, 0 for none."""
    wants = spec.wants or Wants()
    return min(filter(None, (spec.seconds, wants.shapes[0].seconds)), default=0.0)


def _ports(spec: TaskSpec) -> Mapping[str, tuple[int, int]]:
    """The ports that a task wants on its machine: how many by label, and the first one or 0."""
    wanted = spec.wants.ports if spec.wants is not None else {}
    return {label: (ports.count, ports.first) for label, ports in wanted.items()}
