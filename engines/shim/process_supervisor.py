"""The watch over one task: records it, ends it when that is due, and sees to it that all is gone.

One loop waits for the pipes, for ended children, for the control socket and for the clock. Every
process below is reaped here, because orphans fall to this one; so "no child is left" is a proof.
Must never signal a pid that may mean another process. Standard library only.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import time
from collections.abc import Callable

from engines import cgroups, processes
from engines.rundir.directory import KILLED, STARTED, RunDir
from engines.rundir.facts import Exit, ExitKind, Started, encode
from engines.rundir.kill_report import KillRecorder, encode_report
from engines.rundir.records import ERR, OUT
from engines.shim.child import PreforkedChild, decode_failure
from engines.shim.launch_request import LaunchRequest
from engines.shim.limit_groups import LimitGroups, explain
from engines.shim.notifier import Notifier
from engines.shim.recorder import Recorder
from engines.shim.redact import Redactor
from engines.shim.run_control import RunControl, control_socket

__all__ = ["ProcessSupervisor"]

_POLL_SECONDS = 1.0
"""A request is told by a knock: this is for one that was lost."""
_DEAF_SECONDS = 0.2
_REPORT_SECONDS = 0.2
_STATE_SECONDS = 1.0
_NEW_SECONDS = 0.25
_TELL_SECONDS = 0.005
"""A run that says or ends something sooner is told with that: one thing less to do for each."""
_READ_BYTES = 1 << 16
_REPORT_BYTES = 1 << 12
_LAST_READS = 64
_MAX_REAPED = 1000
_MIN_PAUSE_SECONDS = 0.001
_MAX_PAUSE_SECONDS = 0.05
_WALL = 0x40000000
"""__WALL of waitpid: children of every kind."""
_NEVER = float("inf")


class ProcessSupervisor:
    """What is known about the task while it lives.

    Args:
        order: what to start and its limits.
        run: the run directory, which is the working directory of this process.
        recorder: where the output goes.
        group: the directory of the run's control group, empty for none.
        notifier: how the runner is told.
        limits: what holds the limits of the run.
    """

    def __init__(
        self,
        order: LaunchRequest,
        run: RunDir,
        recorder: Recorder,
        group: str,
        notifier: Notifier,
        limits: LimitGroups,
    ) -> None:
        self._limits = limits
        self.run = run
        self.recorder = recorder
        self._order = order
        self._redactors = {kind: Redactor(order.secrets) for kind in (OUT, ERR)}
        self._group = group
        self._notifier = notifier
        self._poll = select.poll()
        self._pipes: dict[int, int] = {}
        self._report = -1
        self._failure: tuple[int, str] | None = None
        self._pid = 0
        self._status: int | None = None
        self._childless = False
        self._why: ExitKind | None = None
        self._requested = False
        self._kill_recorder: KillRecorder | None = None
        self._look_at = 0.0
        self._asked = RunControl(
            run, group, order.bounds, self._on_changed, sandboxed=order.sandbox is not None
        )
        self._kill_at = _NEVER
        self._drain_until = _NEVER
        self._settle_at = _NEVER
        self._tell_at = _NEVER
        self._started_ms = 0
        self._ended = time.monotonic()
        self._pause = _DEAF_SECONDS
        self._wake, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _do_nothing)
        self._poll.register(self._wake, select.POLLIN)

    def start(self, make: Callable[[], PreforkedChild]) -> None:
        """Lets the task go, once it is durable that it may have run.

        ``make`` gives what waits to become it, with its order. Whether it could be executed comes
        through a pipe later.
        """
        try:
            self._release(make())
        except OSError as error:
            self._failure = (error.errno or 0, str(error))
            self._status = 0
            self._childless = True
        # The arguments and the environment are no longer needed, and may be large.
        self._order = self._order._replace(argv=[], environment={})
        # A knock that came before this is no loss: whether one is due is looked at first of all.
        self._control = control_socket()
        self._pause = _POLL_SECONDS if self._control.getsockname() else _DEAF_SECONDS
        self._poll.register(self._control.fileno(), select.POLLIN)
        # What ended before its end was listened for has not woken anybody.
        os.write(self._waker, b"w")

    def keep(self) -> None:
        """Watches until no process of the run is left and all that it said is recorded."""
        while not self._is_over():
            for fd, _ in self._poll.poll(self._poll_ms()):
                self._handle(fd)
            now = time.monotonic()
            if now >= self._look_at:
                self._look(now)
            if now >= self._settle_at:
                self._settle(now)
            if now >= self._tell_at:
                self._state_begun()
                self._notifier.notify(now)
            if now >= self._turn_at() and self._asked.turn(now):
                self._begin_kill(ExitKind.TIME_LIMIT, self._order.bounds.grace_seconds, now)
            if now >= self._kill_at or (now >= self._drain_until and not self._childless):
                self.exterminate()
                self._kill_at = _NEVER
            self._notifier.settle(now)
        self._drain()
        for kind, redactor in self._redactors.items():
            if rest := redactor.end():
                self.recorder.add(kind, _now_ms(), rest)
        self.recorder.end(_now_ms())
        proved = self._group and cgroups.empty(self._group)
        self._state_kill("cgroup" if proved else "reaper")

    def exterminate(self) -> None:
        """Kills everything below this process until the kernel says that nothing is left.

        Never gives up: while a process cannot be killed the run has not ended.
        """
        pause = _MIN_PAUSE_SECONDS
        state_at = time.monotonic() + _STATE_SECONDS
        if self._group and self._kill_recorder is not None:
            # Before the group is killed as a whole: afterwards nobody knows who was in it.
            known = processes.descendants(os.getpid())
            self._kill_recorder.signalled(signal.SIGKILL, known, _now_ms())
        while True:
            if self._group:
                cgroups.kill(self._group)
            # A child that was not reaped keeps its pid, so these signals cannot go astray.
            self._kill_all(processes.children(os.getpid()))
            reaped = self._reap()
            if self._childless and (not self._group or cgroups.empty(self._group)):
                return
            if time.monotonic() >= state_at:
                self._state_kill("")
                state_at = time.monotonic() + _STATE_SECONDS
            if reaped:
                # Something may be forking itself away: no pause, or it gains a step.
                pause = _MIN_PAUSE_SECONDS
                continue
            self._note_signal(signal.SIGKILL, processes.signal_tree(os.getpid(), signal.SIGKILL))
            select.select([self._wake], [], [], pause)
            _empty(self._wake)
            pause = min(pause * 2, _MAX_PAUSE_SECONDS)

    def ending(self) -> Exit:
        """How the run ended; for after ``keep``."""
        kind, code, number, message, reason = self._classify_exit()
        message = self._redactors[ERR].sentence(message)
        return Exit(
            kind=kind,
            exit_code=code,
            signal=number,
            message=message,
            reason=reason,
            started_ms=self._started_ms,
            ended_ms=_now_ms(),
            seconds=round(self._asked.elapsed(self._ended), 6),
            bytes=self.recorder.size,
            checksum=self.recorder.checksum,
            dropped=self.recorder.dropped,
            refused_line=self.recorder.refused_line,
        )

    def _release(self, preforked: PreforkedChild) -> None:
        """Lets the task go. While it gets ready, the disk does what it has to before."""
        try:
            self.run.sync()
        except OSError:
            preforked.abandon()
            raise
        self._pid = preforked.pid
        self._pipes = {preforked.out: OUT, preforked.err: ERR}
        self._report = preforked.report
        # The exec is heard before what the program says: what is ready at once comes in this order.
        for fd in (self._report, *self._pipes):
            os.set_blocking(fd, False)
            self._poll.register(fd, select.POLLIN)
        self._limits.hold(self._pid)
        preforked.release(self._limits.kinds)

    def _classify_exit(self) -> tuple[ExitKind, int | None, int | None, str, str]:
        if self._failure is not None and self._why is None:
            number, message = self._failure
            return ExitKind.START_FAILED, None, None, message, errno.errorcode.get(number, "")
        value = os.waitstatus_to_exitcode(self._status or 0)
        code: int | None = value if value >= 0 else None
        died_of: int | None = -value if value < 0 else None
        how = f"exit code {code}" if died_of is None else _signal_name(died_of)
        if self._why is not None:
            code = None if self._failure is not None else code
            word = "killed" if self._why == ExitKind.KILLED else "stopped at its time limit"
            return self._why, code, died_of, f"{word} ({how})", ""
        by_itself = died_of is None
        kind, message = explain(
            ExitKind.EXITED if by_itself else ExitKind.SIGNALLED,
            code,
            f"ended with {how}" if by_itself else f"ended by {how}",
            self._limits.counts(),
            self._order.bounds,
        )
        return kind, code, died_of, message, ""

    def _is_over(self) -> bool:
        """Whether the task has ended and nothing of it is left that has to be waited for."""
        if self._status is None or not self._childless:
            return False
        drained = not self._pipes and self._report < 0
        return drained or self._why is not None or time.monotonic() >= self._drain_until

    def _poll_ms(self) -> int:
        """How long nothing has to be done unless something happens."""
        owed = self._notifier.owed
        until = min(
            self._look_at,
            self._kill_at,
            self._turn_at(),
            self._drain_until,
            self._settle_at,
            self._tell_at,
            _NEVER if owed is None else owed,
        )
        return max(0, int((until - time.monotonic()) * 1000) + 1)

    def _turn_at(self) -> float:
        """When something has to be done about a task that goes on."""
        over = self._why is not None or self._status is not None
        return _NEVER if over else self._asked.turn_at

    def _on_changed(self) -> None:
        """The task stands still or goes on: whoever is told so sees that it runs as well."""
        if self._tell_at < _NEVER:
            self._state_begun()
        self._notifier.notify(time.monotonic())

    def _handle(self, fd: int) -> None:
        if fd in self._pipes:
            self._record(fd)
        elif fd == self._wake:
            _empty(fd)
            self._reap()
        elif fd == self._report:
            self._read_news()
        else:
            _empty(fd)
            self._look_at = 0.0

    def _record(self, fd: int) -> bool:
        """Records what a pipe holds; False if it holds nothing now."""
        try:
            data = os.read(fd, _READ_BYTES)
        except BlockingIOError:
            return False
        if data:
            kind = self._pipes[fd]
            if kept := self._redactors[kind].feed(data):
                if self._tell_at < _NEVER and self._status is None:
                    self._state_begun()
                self.recorder.add(kind, _now_ms(), kept)
                self._notifier.notify(time.monotonic())
            return True
        self._poll.unregister(fd)
        del self._pipes[fd]
        os.close(fd)
        return False

    def _read_news(self) -> None:
        """Takes the news of the exec: an error, or the end of the pipe, which is success."""
        data = os.read(self._report, _REPORT_BYTES)
        self._poll.unregister(self._report)
        os.close(self._report)
        self._report = -1
        if data:
            self._failure = decode_failure(data)
            return
        begun = time.monotonic()
        self._started_ms = _now_ms()
        self._settle_at = begun + _NEW_SECONDS
        self._tell_at = begun + _TELL_SECONDS
        self._asked.begin(self._pid, begun)

    def _state_begun(self) -> None:
        """States that the task runs; whoever sees what it says finds it running, or ended.

        A fact for the curious: the ending does not depend on it, so a full disk is no reason.
        """
        self._tell_at = _NEVER
        with contextlib.suppress(OSError):
            fact = Started(self._task(), self._started_ms)
            self.run.write(STARTED, encode(fact), durable=False)

    def _task(self) -> int:
        """The process that executed what was ordered, while it lives."""
        inside = processes.inmost(self._pid)[0] if self._order.sandbox is not None else 0
        return inside or self._pid

    def _settle(self, now: float) -> None:
        """Gives a run that is no longer new its full share, so that its readers take none of it."""
        nice = os.getpriority(os.PRIO_PROCESS, 0)
        # A child that was not reaped keeps its pid; who waits for a task in a sandbox has a session
        # of its own, and what it tells of the task's end must not come late.
        leaders = {0} if self._status is not None else {0, self._pid, self._task()}
        settled = [processes.stand_back(nice, pid) for pid in leaders]
        self._settle_at = _NEVER if all(settled) else now + _NEW_SECONDS

    def _look(self, now: float) -> None:
        """Looks what is asked of the run, and whether somebody asked for its end."""
        self._look_at = now + (self._pause if self._kill_recorder is None else _REPORT_SECONDS)
        if self._kill_recorder is not None and self._kill_recorder.stale:
            self._state_kill("")
        if self._requested:
            return
        request = self.run.kill_request(self._order.bounds.grace_seconds)
        # A run whose directory was removed belongs to nobody any more.
        if request is not None or not os.stat(".").st_nlink:
            self._requested = True
            self._begin_kill(ExitKind.KILLED, request.grace_seconds if request else 0.0, now)
            return
        self._asked.look(now)

    def _begin_kill(self, why: ExitKind, grace_seconds: float, now: float) -> None:
        """Asks everything to end, and sets the time when it is made to.

        A task that has ended by itself before has its own ending, and only what it left is killed.
        """
        self._reap()
        self._asked.end(now)
        if self._status is None and self._why is None:
            self._why = why
        self._kill_at = min(self._kill_at, now + grace_seconds)
        if self._kill_recorder is None:
            self._kill_recorder = KillRecorder(why, grace_seconds, _now_ms())
        if grace_seconds:
            # A stopped process sees the first signal when it is woken by the second.
            hit = processes.signal_tree(os.getpid(), signal.SIGTERM, signal.SIGCONT)
            self._note_signal(signal.SIGTERM, hit)
            self._state_kill("")

    def _kill_all(self, pids: list[int]) -> None:
        hit = []
        for pid in pids:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
                hit.append(pid)
        self._note_signal(signal.SIGKILL, hit)

    def _note_signal(self, number: int, pids: list[int]) -> None:
        if self._kill_recorder is not None:
            self._kill_recorder.signalled(number, pids, _now_ms())

    def _state_kill(self, proof: str) -> None:
        """States what the kill did so far; an account only, so a full disk does not matter."""
        if self._kill_recorder is None:
            return
        left = () if proof else processes.descendants(os.getpid())
        report = self._kill_recorder.state(left, proof, _now_ms())
        with contextlib.suppress(OSError):
            self.run.write(KILLED, encode_report(report), durable=bool(proof))

    def _reap(self) -> int:
        """Collects ended children; how many."""
        for count in range(_MAX_REAPED):
            try:
                pid, status = os.waitpid(-1, os.WNOHANG | _WALL)
            except ChildProcessError:
                self._childless = True
                return count
            self._childless = False
            if not pid:
                return count
            if self._kill_recorder is not None:
                self._kill_recorder.died(pid, status, _now_ms())
            if pid == self._pid:
                self._status = status
                self._ended = time.monotonic()
                self._asked.end(self._ended)
                if self._order.bounds.drain_seconds:
                    self._drain_until = self._ended + self._order.bounds.drain_seconds
        os.kill(os.getpid(), signal.SIGCHLD)
        return _MAX_REAPED

    def _drain(self) -> None:
        """Takes what is left in the pipes, but waits for nobody and listens to no flood."""
        if self._report >= 0:
            self._read_news()
        for fd in tuple(self._pipes):
            for _ in range(_LAST_READS):
                if not self._record(fd):
                    break


def _empty(fd: int) -> None:
    """Takes all that wakes a descriptor."""
    with contextlib.suppress(BlockingIOError):
        while os.read(fd, _REPORT_BYTES):
            continue


def _signal_name(number: int) -> str:
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"signal {number}"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _do_nothing(*_: object) -> None:
    """Lets a signal wake the loop, and no more."""
