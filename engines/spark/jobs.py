"""The Spark jobs of one statement: counted while they run, cancelled when they are not wanted.

A thread of the driver asks Spark's own status store, which is no public interface of Spark and
works without its web page. It must never ask over the connection of the thread that runs the code.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable
from typing import Any

from engines.inside import narthex
from engines.spark.progress import Job, Meter
from engines.spark.trace import note_jobs

__all__ = ["Jobs"]

_POLL_SECONDS = 0.2
_SETTLE_MS = 1000
_OVER = frozenset({"SUCCEEDED", "FAILED"})


class Jobs:
    """What a statement has running in Spark, watched for the length of a ``with`` block.

    Args:
        context: the SparkContext.
        group: a job group that nobody else has.
        poke: called a few times a second, from another thread, once ``cancel`` was.
        errors: how Spark says that it cannot answer; what it did not tell stays unknown.
    """

    def __init__(
        self,
        context: Any,
        group: str,
        poke: Callable[[], None],
        errors: tuple[type[Exception], ...],
    ) -> None:
        self._context = context
        self._group = group
        self._poke = poke
        self._errors = errors
        self._over = threading.Event()
        self._unwanted = False
        self._guard = threading.Lock()
        self._jobs: dict[int, Job] = {}
        self._settled: set[int] = set()
        self._meter = Meter()
        self._thread = threading.Thread(target=self._watch, name="narthex-jobs", daemon=True)

    def __enter__(self) -> Jobs:  # noqa: PYI034 - nobody derives from it
        self._context.setJobGroup(self._group, "a task of narthex", interruptOnCancel=True)
        self._arrays = self._context._jvm.java.util.Arrays
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        with contextlib.suppress(*self._errors):
            self._context._jsc.sc().listenerBus().waitUntilEmpty(_SETTLE_MS)
            self._look()
            note_jobs(self._context, self._jobs)

    def expect(self, statements: int) -> None:
        """Says how many statements are to come."""
        with self._guard:
            self._meter = Meter(statements)

    def step(self) -> None:
        """Says that one of them is done."""
        with self._guard:
            self._find()
            self._meter.step(self._jobs)
            self._tell()

    def cancel(self) -> None:
        """Cancels all jobs, also those to come. Returns at once; for signal handlers too."""
        self._unwanted = True

    def left(self) -> str:
        """What is known, after a cancellation, of what was running."""
        running = sum(job.running for job in self._jobs.values())
        cut = sum(job.succeeded < job.total for job in self._jobs.values())
        if not cut:
            return "no job of Spark was cut short"
        what = "no task is left" if not running else f"{running} tasks had not stopped yet"
        return f"{cut} of {len(self._jobs)} jobs were cancelled, {what}"

    def _watch(self) -> None:
        while not self._over.wait(_POLL_SECONDS):
            try:
                if self._unwanted:
                    # Again each time: Spark lets stages of an adaptive plan start after the first.
                    self._context._jsc.sc().cancelJobGroupAndFutureJobs(self._group)
                self._look()
            except self._errors:
                if self._over.wait(1.0):
                    return
            if self._unwanted:
                self._poke()

    def _look(self) -> None:
        with self._guard:
            self._find()
            self._tell()

    def _find(self) -> None:
        """Asks for every job that may have changed."""
        store = self._context._jsc.sc().statusStore()
        for number in self._numbers() - self._settled:
            found = store.job(number)
            total = found.numTasks() - found.numSkippedTasks()
            counts = (found.numCompletedTasks(), found.numFailedTasks(), found.numActiveTasks())
            self._jobs[number] = Job(total, *counts)
            if found.status().toString() in _OVER and not found.numActiveTasks():
                self._settled.add(number)

    def _numbers(self) -> set[int]:
        """All jobs so far, in one answer: each item of an array would be one of its own."""
        found = self._context._jsc.statusTracker().getJobIdsForGroup(self._group)
        return set(json.loads(self._arrays.toString(found)))

    def _tell(self) -> None:
        if self._jobs:
            report = self._meter.report(self._jobs)
            narthex.progress(report.fraction, report.stages)
