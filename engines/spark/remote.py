"""The operations of one statement on a Spark Connect server: counted, and cut short if unwanted.

The server tells its client the stages of what it runs, with tasks in all and finished; those that
failed are not told. It must never wait for the server in the thread that runs the code.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

from engines.inside import narthex
from engines.spark.progress import Job, Meter

__all__ = ["Operations"]

_POLL_SECONDS = 0.2


class Operations:
    """What a statement has running on the server, watched for the length of a ``with`` block.

    Args:
        spark: the remote SparkSession.
        tag: a tag that nobody else has.
        poke: called a few times a second, from another thread, once ``cancel`` was.
        errors: how Spark says that it cannot answer.
    """

    def __init__(
        self, spark: Any, tag: str, poke: Callable[[], None], errors: tuple[type[Exception], ...]
    ) -> None:
        self._spark = spark
        self._tag = tag
        self._poke = poke
        self._errors = errors
        self._over = threading.Event()
        self._unwanted = False
        self._guard = threading.Lock()
        self._numbers: dict[str, int] = {}
        self._jobs: dict[int, Job] = {}
        self._open: set[str] = set()
        self._cut = 0
        self._meter = Meter()
        self._thread = threading.Thread(target=self._watch, name="narthex-jobs", daemon=True)

    def __enter__(self) -> Operations:  # noqa: PYI034 - nobody derives from it
        self._spark.registerProgressHandler(self._on_progress)
        self._spark.addTag(self._tag)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._spark.removeProgressHandler(self._on_progress)
        with contextlib.suppress(*self._errors):
            self._spark.removeTag(self._tag)

    def expect(self, statements: int) -> None:
        """Says how many statements are to come."""
        with self._guard:
            self._meter = Meter(statements)

    def step(self) -> None:
        """Says that one of them is done."""
        with self._guard:
            self._meter.step(self._jobs)
            self._tell()

    def cancel(self) -> None:
        """Cuts all operations short, also those to come. Returns at once."""
        self._unwanted = True

    def left(self) -> str:
        """What is known, after a cancellation, of what was running."""
        if not self._cut:
            return "no operation was running on the Spark server"
        what = "of whose tasks nothing is known" if self._open else "which have ended there"
        return f"the Spark server was told to end {self._cut} operations, {what}"

    def _watch(self) -> None:
        while not self._over.wait(_POLL_SECONDS):
            if not self._unwanted:
                continue
            # Poked first: a server that is away is asked again for a long time.
            self._poke()
            with contextlib.suppress(*self._errors):
                self._cut += len(self._spark.interruptTag(self._tag))

    def _on_progress(
        self, stages: Any, inflight_tasks: int, operation_id: str | None, *, done: bool
    ) -> None:
        """What the client calls while it waits for an operation."""
        with self._guard:
            name = str(operation_id)
            (self._open.discard if done else self._open.add)(name)
            total = sum(stage.num_tasks for stage in stages)
            if not total:
                return
            number = self._numbers.setdefault(name, len(self._numbers))
            finished = sum(stage.num_completed_tasks for stage in stages)
            self._jobs[number] = Job(total, finished, 0, 0 if done else inflight_tasks)
            self._tell()

    def _tell(self) -> None:
        if self._jobs:
            report = self._meter.report(self._jobs)
            narthex.progress(report.fraction, report.stages)
