"""The way of one run to its end: start, mirror, states, outcome, out of the way.

What is done next follows from the facts in the run directory alone, looked at afresh before every
step. So it makes no difference whether this runner started the run or found it, or how often the
way was begun: every step may be repeated. The order at the end is fixed: all lines, that the log is
complete, the final state, the slot, and last the move of the directory.
"""

from __future__ import annotations

import asyncio

from engines.contract import EngineError
from engines.launcher import PASSING
from engines.rundir.facts import Exit, ExitKind, RunState
from engines.rundir.requests import event_bytes, read_control
from engines.shim.orphans import sweep_orphan
from gateway.backoff import Backoff
from gateway.clock import monotonic, now_ms
from gateway.journal import journal
from gateway.runner.live_runs import LiveRun
from gateway.runner.node import Node
from gateway.runner.run.classify_exit import begun_ms, final_state, is_forgotten
from gateway.runner.run.launch import Launcher
from gateway.runner.run.mirror import Mirror, both
from gateway.runner.run.partial import PartialMirror
from gateway.runner.run.progress import ProgressMirror
from gateway.runner.run.sessions import SessionBusy
from gateway.runner.run.successor import submit_again
from gateway.runner.run.task_spans import task_spans
from gateway.runner.run.timeout_executor import TimeoutExecutor
from gateway.stores.spec import decode_spec
from gateway.stores.tasks import Ending
from protocol.errors import GatewayError, Kind
from protocol.tasks import Outcome, Reason, Task, TaskState

__all__ = ["RunReconciler"]

_POLL_SECONDS = 2.0
_TRIES = 3
_START_SECONDS = 0.1
"""A start that takes longer is shown as one."""
_REST_SHARE = 4.0
"""Who says little but often is mirrored for a fifth of the time at most."""
_RETRY_SECONDS = 1.0
_ENGINE_ERROR = "engine_error"
_STATES = {
    RunState.STARTING: TaskState.STARTING,
    RunState.RUNNING: TaskState.RUNNING,
    RunState.SUSPENDED: TaskState.SUSPENDED,
    RunState.KILLING: TaskState.KILLING,
}

_journal = journal(__name__)


class RunReconciler:
    """The way of one run: what is known of it and what was told of it so far."""

    def __init__(
        self,
        node: Node,
        launcher: Launcher,
        sweeps: TimeoutExecutor,
        live: LiveRun,
        backoff: Backoff,
    ) -> None:
        self._node = node
        self._launcher = launcher
        self._sweeps = sweeps
        self._live = live
        self._backoff = backoff
        self._spec = decode_spec(live.run.spec())
        live.group = self._spec.group
        self._mirror = Mirror(
            live.run, self._spec.task_id, node.epoch, node.logs, node.config.retention.hot_bytes
        )
        self._progress = ProgressMirror(
            live.run, self._spec.task_id, node.epoch, node.tasks, self._spec.secrets.values()
        )
        self._partial = PartialMirror(self._spec.task_id, node.epoch, node.partials)
        self._reported: TaskState | None = None
        self._tries = 0
        self._launches = 0
        self._retried = 0
        self._flushed = 0.0
        self._rest = 0.0
        self._abandoned = False
        self._hesitated = False
        self._unknown = False
        self._put_back = False

    async def run(self) -> None:
        """Goes on until the run is out of the way or waits again.

        Raises what goes wrong; then call it again.
        """
        live = self._live
        if self._unknown:
            await self._reindex()
        while not self._put_back and (state := await self._state()) is not RunState.ENDED:
            match state:
                case RunState.ACCEPTED:
                    await self._start()
                case RunState.ORPHANED:
                    await self._sweeps.call("sweep", lambda: sweep_orphan(live.run))
                case _ if self._abandoned:
                    await live.wait(_POLL_SECONDS)
                case RunState.STARTING if self._reported is None and not self._hesitated:
                    # Most starts are over before it could be told: one more thing to do for each.
                    self._hesitated = True
                    await live.wait(_START_SECONDS)
                case _ if self._reported is not _STATES[state] or live.retell:
                    await both(self._tell(_STATES[state]), self._mirror.turn())
                case _:
                    await self._progress.turn()
                    await self._mirror_some()
        if not self._put_back:
            forgotten = self._abandoned or is_forgotten(live.run)
            await (self._forget() if forgotten else self._finish())

    async def _state(self) -> RunState:
        """The state of the run; what a place has not begun is waited for."""
        run = self._live.run
        while (state := run.state()) is RunState.PLACED:
            await self._follow(state)
        if self._live.placed and state not in (RunState.ACCEPTED, RunState.ENDED):
            await self._follow(state)
        return state

    async def _follow(self, state: RunState) -> None:
        """Looks after a run that was handed to a place; one that was not begun may be ended."""
        live = self._live
        if state is RunState.PLACED and self._spec.overdue(self._node.clock_guard.now_ms()):
            await self._end_waiting()
        places = self._launcher.places
        if places is not None:
            await places.follow(live, self._spec, state)
        elif state is RunState.PLACED and (
            live.run.kill_request() is None or not await asyncio.to_thread(live.run.call_off)
        ):
            # The place is not enabled any more: what it was handed waits, or is called off.
            await live.wait(_POLL_SECONDS)

    def learn(self, error: GatewayError) -> None:
        """Draws the conclusion from a refusal, for the next time that it goes on.

        A task that was buried or deleted while it was live ends, and nothing of it is kept. One
        that the index merely does not know is put back into it.
        """
        run = self._live.run
        if error.kind is Kind.GONE or (error.kind is Kind.NOT_FOUND and is_forgotten(run)):
            self._abandoned = True
            if run.request_kill(0):
                run.notify()
        elif error.kind is Kind.NOT_FOUND:
            self._unknown = True

    async def _reindex(self) -> None:
        begun = self._live.run.shim() is not None
        state = TaskState.STARTING if begun else TaskState.QUEUED
        await self._node.tasks.restore(self._spec, self._node.epoch, state, at_ms=now_ms())
        await self._show_asked()
        self._unknown = False
        self._reported = None
        self._progress.rewind()

    async def _start(self) -> None:
        """Starts the run, unless its end came first; what cannot be started ends here."""
        run = self._live.run
        asked = event_bytes(run)
        if await self._must_not_start():
            return
        again = self._retried < self._spec.retries
        try:
            launched = await self._launcher.launch(run, self._spec, settle=not again)
        except SessionBusy:
            await self._live.wait(_POLL_SECONDS)
            return
        except EngineError as error:
            await self._refuse(str(error), _ENGINE_ERROR)
            return
        except GatewayError as error:
            await self._refuse(error.message, "")
            return
        except OSError as error:
            if again and error.errno in PASSING:
                await self._retry(error)
                return
            await self._refuse(f"the run cannot be started: {error.strerror}", "")
            return
        if launched:
            self._launches += 1
            self._mirror.fresh()
        elif run.state() is RunState.ACCEPTED and event_bytes(run) == asked:
            # Not because it was held for a moment: then it is only looked at again.
            self._tries += 1
            if self._tries >= _TRIES:
                await self._refuse("the run cannot be started: nothing took it up", "")
            else:
                await self._live.wait(self._backoff.next())

    async def _must_not_start(self) -> bool:
        """Whether the run is killed or too late, which ends it, or has no slot to start in."""
        live = self._live
        if live.run.kill_request() is not None and await asyncio.to_thread(live.run.call_off):
            return True
        if self._spec.overdue(self._node.clock_guard.now_ms()):
            await self._end_waiting()
            return True
        if self._launches >= _TRIES:
            # Each time it was given back unbegun, by a session that died.
            await self._refuse("the session ends again and again", Reason.SESSION_DIED)
            return True
        if read_control(live.run).held:
            await self._show_asked()
            # Looked at again, and nothing comes between this and the end of our part: what is asked
            # from now on finds a run that nobody looks after.
            self._put_back = read_control(live.run).held and live.run.kill_request() is None
            return True
        if not live.counts and not live.placed:
            # It was taken in to be ended, and somebody is on it or the clock was set back.
            await live.wait(_POLL_SECONDS)
            return True
        return False

    async def _end_waiting(self) -> None:
        """Ends a run that waited for its start longer than its task may."""
        waited = f"the task waited for {self._spec.queue_seconds:g} seconds and may not wait longer"
        end = Exit(
            ExitKind.TIME_LIMIT, message=waited, reason=Reason.QUEUE_TIME_LIMIT, ended_ms=now_ms()
        )
        await asyncio.to_thread(self._live.run.call_off, end)

    async def _retry(self, error: OSError) -> None:
        """Leaves a start that failed to another try: nothing was executed yet."""
        self._retried += 1
        _journal.info(
            "start failed and is tried again",
            run=self._live.run_id,
            error=error.strerror,
            retry=self._retried,
            of=self._spec.retries,
        )
        # Shown as starting on both sides of the pause: from there alone the other states follow.
        await self._tell(TaskState.STARTING)
        await self._tell(TaskState.RETRYING)
        await self._live.wait(_RETRY_SECONDS)
        await self._tell(TaskState.STARTING)

    async def _refuse(self, message: str, reason: str) -> None:
        """Ends a run that was not started and cannot be."""
        _journal.info("start failed", run=self._live.run_id, reason=reason or "start_failed")
        end = Exit(ExitKind.START_FAILED, message=message, reason=reason, ended_ms=now_ms())
        await asyncio.to_thread(self._live.run.call_off, end)

    async def _tell(self, state: TaskState) -> None:
        """Shows a state, once; a step back or a repetition changes nothing."""
        if self._reported is state and not self._live.retell:
            return
        self._live.retell = False
        if state is TaskState.SUSPENDED:
            await self._tell(TaskState.RUNNING)
        started = self._live.run.started()
        at_ms = started.started_ms if started else now_ms()
        await self._advance(state, at_ms, None)
        self._reported = state

    async def _advance(self, state: TaskState, at_ms: int, outcome: Outcome | None) -> Task:
        """Moves the task on; one that the index does not know is put back into it."""
        node, spec = self._node, self._spec
        try:
            task = await node.tasks.advance(spec.task_id, node.epoch, state, at_ms, outcome)
        except GatewayError as error:
            if not _is_unknown(error):
                raise
            task = await self._restored(state, at_ms, outcome)
        self._backoff.reset()
        return task

    async def _conclude(self, ending: Ending, *, sent: bool) -> Task:
        """Shows the end; a task that the index does not know is put back into it first."""
        node, spec = self._node, self._spec
        try:
            task = await node.tasks.conclude(
                spec.task_id, spec.owner, node.epoch, ending, sent=sent
            )
        except GatewayError as error:
            if not _is_unknown(error):
                raise
            # Final and complete are shown together, so it is put back as one that goes on.
            await self._restored(TaskState.STARTING, ending.ended_ms, None)
            task = await node.tasks.conclude(
                spec.task_id, spec.owner, node.epoch, ending, sent=sent
            )
        self._backoff.reset()
        return task

    async def _show_asked(self) -> None:
        """Shows what else is asked of the run, if anything is."""
        control = read_control(self._live.run)
        if control.size:
            node = self._node
            await node.controls.show(self._spec.task_id, node.epoch, control, now_ms())

    async def _restored(self, state: TaskState, at_ms: int, outcome: Outcome | None) -> Task:
        started = self._live.run.started()
        task = await self._node.tasks.restore(
            self._spec,
            self._node.epoch,
            state,
            at_ms=at_ms,
            started_ms=started.started_ms if started else 0,
            outcome=outcome,
        )
        await self._show_asked()
        return task

    async def _mirror_some(self) -> None:
        """Mirrors what there is, or waits for more.

        The first output of a quiet run goes on at once. While more keeps coming, pieces are
        gathered for a moment, unless there is a whole one or the run has ended.
        """
        settings = self._node.config.runner
        live = self._live
        begun = monotonic()
        rest = self._flushed + min(self._rest, settings.mirror_seconds) - begun
        waiting = live.waiting_bytes(self._mirror.offset)
        if rest > 0 and waiting < settings.mirror_bytes:
            await live.wait(rest)
            return
        moved = await self._mirror.turn()
        if moved:
            self._backoff.reset()
            self._flushed = monotonic()
            self._rest = _REST_SHARE * (self._flushed - begun)
        pause = 0.0
        if not live.waiting_bytes(self._mirror.offset):
            pause = await self._partial.turn(self._mirror.open_line())
        if not moved:
            await live.wait(pause or self._node.live_runs.poll_seconds)

    async def _finish(self) -> None:
        """The end, in its fixed order; every step may have been done before."""
        node, spec, run = self._node, self._spec, self._live.run
        end = run.exit()
        if end is None:
            return
        if self._live.placed and self._launcher.places is not None:
            self._launcher.places.leave(run)
        verdict = final_state(run, end)
        if spec.outputs != ("", "") and begun_ms(run, end):
            await node.output_files.write(spec)
        await submit_again(node, spec, run, verdict.outcome, end.ended_ms)

        async def reported(last: int, *, sent: bool) -> Task:
            ending = Ending(
                verdict.state,
                verdict.outcome,
                begun_ms(run, end),
                end.ended_ms,
                last,
                node.config.retention.hot_seconds,
            )
            return await self._conclude(ending, sent=sent)

        await self._progress.turn()
        task = await self._mirror.finish(reported)
        if not task.state.final:
            # A kill was shown after the end was on record: it was promised, so it is kept.
            await self._advance(TaskState.KILLED, end.ended_ms, verdict.outcome)
        # Requested after this was final: who builds the index anew must not take it for a cause.
        late = task.state.final and task.state is not TaskState.KILLED
        tracer, spans = node.tracer, []
        if tracer is not None and spec.traced is not None:
            spans = await asyncio.to_thread(task_spans, spec, run, end, verdict)
        # Somebody may have come upon it who found it before it was put away.
        if await node.spool.finish(spec.task_id, cancel_kill=late) and tracer is not None:
            for span in spans:
                tracer.emit(span)

    async def _forget(self) -> None:
        """The end of a run of which nothing is kept."""
        node, task_id = self._node, self._spec.task_id
        if not self._abandoned:
            await node.tasks.bury(task_id, now_ms(), forget=True, epoch=node.epoch)
        await node.logs.drop(task_id)
        await node.spool.finish(task_id)
        await node.spool.remove(task_id)


def _is_unknown(error: GatewayError) -> bool:
    """Whether the index lacks the task, or nobody holds its lease and it may."""
    return error.kind in {Kind.NOT_FOUND, Kind.UNAVAILABLE}
