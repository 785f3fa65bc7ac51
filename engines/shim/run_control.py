"""Carries out what is asked of a run while it goes on: suspend, resume, signal, another limit.

Requests are lines of the run's file of events; this reads those that are new, does what they say,
and appends what it did. A kill goes before everything: from its beginning nothing is suspended or
signalled any more. It must never wait, and a full disk costs an account only. The standard library
only.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable

from engines import processes
from engines.rundir.directory import CONTROL, EVENTS, SUSPENDED, RunDir
from engines.rundir.requests import RunEvent, note_event, read_events
from engines.shim.freezer import Freezer
from engines.shim.launch_request import Bounds
from engines.shim.time_limit import TimeLimit

__all__ = ["RunControl", "control_socket"]

_NEVER = float("inf")
_STEP_SECONDS = 0.002
_LONG_STEP_SECONDS = 0.02
_STEPS = 50
_GIVE_UP_SECONDS = 5.0
_TOO_FAST = "its processes fork too fast to be made to stand still"


class RunControl:
    """What was asked of a run and how far that is.

    Args:
        run: its directory.
        group: its control group, empty for none.
        bounds: its limits.
        changed: called when it stands still or goes on, for whoever wants to be told.
        sandboxed: whether the process that it has stands for one inside a sandbox.
    """

    def __init__(
        self,
        run: RunDir,
        group: str,
        bounds: Bounds,
        changed: Callable[[], None],
        *,
        sandboxed: bool = False,
    ) -> None:
        self._sandboxed = sandboxed
        self._run = run
        self._warning = bounds.warn_signal
        self._limit = TimeLimit(bounds.seconds, bounds.most_seconds, bounds.warn_seconds)
        self._changed = changed
        self._freezer = Freezer(os.getpid(), group)
        self._offset = 0
        self._pid = 0
        self._begun = self._over = False
        self._signals: list[RunEvent] = []
        self._wanted = False
        self._freezing = self._frozen = False
        self._give_up_at = _NEVER
        self._steps = 0
        self._step_at = _NEVER

    @property
    def turn_at(self) -> float:
        """The monotonic time at which ``turn`` is to be called."""
        return min(self._step_at, self._limit.warn_at, self._limit.stop_at)

    def begin(self, pid: int, now: float) -> None:
        """The task runs; what was asked before is done now."""
        self._pid = pid
        self._begun = True
        self._limit.begin(now)
        self._act(now)

    def look(self, now: float) -> None:
        """Takes what was asked since the last look, and sees that what stands still is not dead."""
        if self._frozen and self._sandboxed:
            task, first = processes.inmost(self._pid)
            if processes.is_dead(task or first):
                # Who waits for it stands still as well, and could not say so.
                self.end(now)
        try:
            size = os.stat(self._run.file(EVENTS)).st_size
        except OSError:
            return
        if size <= self._offset:
            return
        with contextlib.suppress(OSError):
            events, self._offset = read_events(self._run.file(EVENTS), self._offset)
            for event in events:
                self._take(event)
        self._act(now)

    def turn(self, now: float) -> bool:
        """Goes on with what is under way, and warns; whether the time of the run is up."""
        if now >= self._step_at:
            self._step(now)
        if now >= self._limit.warn_at:
            self._warn()
        return now >= self._limit.stop_at

    def elapsed(self, now: float) -> float:
        """For how long the run went on, in seconds, without the time for which it stood still."""
        return self._limit.elapsed(now)

    def end(self, now: float) -> None:
        """A kill begins, or the main process has ended: all go on, and nothing more is done."""
        self._over = True
        self._signals = []
        if self._freezing or self._frozen:
            self._thaw(now)

    def _step(self, now: float) -> None:
        """Goes on with making everything stand still."""
        self._steps += 1
        self._step_at = now + (_STEP_SECONDS if self._steps < _STEPS else _LONG_STEP_SECONDS)
        if self._freezer.step():
            self._freezing, self._frozen, self._step_at = False, True, _NEVER
            with contextlib.suppress(OSError):
                self._run.write(SUSPENDED, b"", durable=False)
            self._note("suspended")
            self._changed()
        elif now >= self._give_up_at:
            self._wanted = False
            self._thaw(now)
            self._note("not_suspended", note=_TOO_FAST)

    def _take(self, event: RunEvent) -> None:
        match event.event:
            case "suspend":
                self._wanted = True
            case "resume":
                self._wanted = False
            case "limit":
                self._limit.change(event.seconds)
            case "signal":
                self._signals.append(event)
            case _:
                pass

    def _act(self, now: float) -> None:
        if self._over or not self._begun:
            return
        signals, self._signals = self._signals, []
        for event in signals:
            self._signal(event)
        if self._wanted and not self._freezing and not self._frozen:
            self._limit.pause(now)
            self._freezing, self._steps = True, 0
            self._give_up_at = now + _GIVE_UP_SECONDS
            self._freezer.begin()
            self._step(now)
        elif not self._wanted and (self._freezing or self._frozen):
            self._thaw(now)

    def _thaw(self, now: float) -> None:
        was, self._freezing, self._frozen = self._frozen, False, False
        self._step_at = _NEVER
        self._limit.resume(now)
        with contextlib.suppress(OSError):
            os.unlink(self._run.file(SUSPENDED))
        self._freezer.thaw()
        if was:
            self._note("resumed")
            self._changed()

    def _signal(self, event: RunEvent) -> None:
        reached = 0
        if event.tree:
            reached = len(processes.signal_tree(os.getpid(), event.signal))
        else:
            reached = int(self._signal_main(event.signal))
        said = "signalled" if reached else "not_signalled"
        self._note(said, signal=event.signal, tree=event.tree)

    def _signal_main(self, number: int) -> bool:
        """Sends a signal to the process that was asked for, wherever it is; False if it is gone."""
        if self._sandboxed:
            task, first = processes.inmost(self._pid)
            return bool(task) and processes.signal_relative(task, {first}, number)
        # A child that was not reaped keeps its pid.
        with contextlib.suppress(OSError):
            os.kill(self._pid, number)
            return True
        return False

    def _note(self, said: str, **details: object) -> None:
        with contextlib.suppress(OSError):
            note_event(self._run, RunEvent(said, time.time_ns() // 1_000_000, **details))  # type: ignore[arg-type]  # named by its callers

    def _warn(self) -> None:
        """Tells the task that its time is nearly up."""
        self._limit.warned()
        self._signal_main(self._warning)
        self._note("warned", signal=self._warning)


def control_socket() -> socket.socket:
    """The socket at which one may knock; one without a name if there can be none."""
    control = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    # By its name in the working directory, for a socket's path may not be long.
    with contextlib.suppress(OSError):
        control.bind(CONTROL)
    return control
