"""The progress of a piece of work, by the tasks of its Spark jobs.

Spark plans jobs as it goes, so a total may grow; what was told never goes back. It must never ask
Spark: that is the caller's. Standard library only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["Job", "Meter", "Progress"]

_MOST_SHOWN = 200
_ALMOST = 0.99


class Job(NamedTuple):
    """The tasks of one job: ``running`` may pass the cores for a moment, as Spark counts it."""

    total: int
    succeeded: int
    failed: int
    running: int


class Progress(NamedTuple):
    """What there is to tell, in the words of ``narthex.progress``."""

    fraction: float | None
    stages: list[dict[str, object]]


class Meter:
    """Counts statements and the jobs of the one that runs.

    Args:
        statements: how many there are to be.
    """

    def __init__(self, statements: int = 1) -> None:
        self._statements = max(1, statements)
        self._finished = 0
        self._settled: frozenset[int] = frozenset()
        self._fraction: float | None = None

    def step(self, jobs: Mapping[int, Job]) -> None:
        """One statement is done, with all jobs that there are by now."""
        self._finished += 1
        self._settled = frozenset(jobs)
        self._raise(self._finished / self._statements)

    def report(self, jobs: Mapping[int, Job]) -> Progress:
        """The fraction, None while nobody knows, and a stage for each job, numbered from 1.

        Of very many jobs the newest are shown.
        """
        current = [job for number, job in jobs.items() if number not in self._settled]
        total = sum(job.total for job in current)
        if total and self._finished < self._statements:
            done = sum(min(job.succeeded, job.total) for job in current) / total
            self._raise((self._finished + done) / self._statements)
        stages: list[dict[str, object]] = [
            {"id": f"job-{place}", **job._asdict()}
            for place, (_, job) in enumerate(sorted(jobs.items()), 1)
        ]
        return Progress(self._fraction, stages[-_MOST_SHOWN:])

    def _raise(self, fraction: float) -> None:
        """More may come until all is over, so the whole is never told here."""
        self._fraction = max(self._fraction or 0.0, round(min(fraction, _ALMOST), 3))
