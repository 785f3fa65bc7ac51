"""Carries groups on: one conductor for each live group, rebuilt from the disk.

A conductor looks at what is on record, asks what to do next and does it, until nothing is left to
do. It may be interrupted anywhere and begun again: an attempt is stated before its tasks are made,
a task is made under the group, the attempt and the member, and a verdict is stated before anything
is done about it. Whatever goes wrong with a group stays with that group.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from gateway.backoff import Backoff
from gateway.clock import now_ms
from gateway.ids import new_task_id
from gateway.journal import journal
from gateway.runner.group_decision import (
    Action,
    Again,
    Begin,
    End,
    Judge,
    KillMember,
    MemberFact,
    Progress,
    SubmitMember,
    Wait,
    decide,
)
from gateway.runner.node import Node
from gateway.runner.ports import find_ports
from gateway.runner.run.classify_exit import classify_exit, is_forgotten
from gateway.runner.run.placeholders import filled, port_variable
from gateway.runner.starter import taken_ports
from gateway.stores.errors import StaleEpoch, TaskGone
from gateway.stores.groups import AttemptFact, GroupFacts, GroupStore, TryFact
from gateway.stores.spec import TaskSpec
from gateway.stores.tasks import QueueLimits
from protocol.errors import GatewayError, Kind
from protocol.groups import Cause, GroupId
from protocol.resources import Ports
from protocol.tasks import TaskId, TaskState

__all__ = ["GROUP_ENDED", "Conductor", "gang_name"]

GROUP_ENDED = "@group"
"""Who asks for the kill of a member whose group is decided: no name of a user."""
_POLL_SECONDS = 2.0
_NO_LIMITS = QueueLimits()

_journal = journal(__name__)


def gang_name(group_id: GroupId, attempt: int) -> str:
    """What those are called that start together."""
    return f"{group_id}/{attempt}"


class Conductor:
    """Carries one group on."""

    def __init__(
        self,
        node: Node,
        store: GroupStore,
        group_id: GroupId,
        kill: Callable[[str], None],
        made: Callable[[], None],
    ) -> None:
        self._node = node
        self._ask_kill = kill
        self._made = made
        self._store = store
        self.group_id = group_id
        self.tasks: tuple[TaskId, ...] = ()
        """The tasks of the latest attempt, in the order of the group."""
        self._notified = asyncio.Event()
        self._done: dict[TaskId, MemberFact] = {}

    def notify(self) -> None:
        """Something changed."""
        self._notified.set()

    async def run(self) -> None:
        """Goes on until the group has ended and nothing of it is live. Raises StaleEpoch."""
        backoff = Backoff()
        while True:
            self._notified.clear()
            try:
                pause = await self._step()
            except StaleEpoch:
                raise
            except (GatewayError, OSError) as error:
                if not isinstance(error, GatewayError) or error.kind is not Kind.UNAVAILABLE:
                    _journal.error("group in trouble", group=self.group_id, error=str(error))
                pause = backoff.next()
            else:
                backoff.reset()
            if pause is None:
                self._node.occupancy.group_ports.pop(self.group_id, None)
                self._forget_gang()
                return
            if pause > 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._notified.wait()

    async def _step(self) -> float | None:
        """Does what is to be done now; how long to wait then, None if it is over."""
        facts = await asyncio.to_thread(self._store.facts, self.group_id)
        if facts is None or facts.end is not None:
            return None
        members = await asyncio.to_thread(self._members, facts)
        self._note(facts, members)
        now = now_ms()
        for action in decide(facts, members, now):
            if isinstance(action, Wait):
                ahead = (action.until_ms - now) / 1000 if action.until_ms else _POLL_SECONDS
                return min(max(ahead, 0.0), _POLL_SECONDS)
            if not await self._do(facts, action):
                return _POLL_SECONDS
        self._made()
        return 0.0

    async def _do(self, facts: GroupFacts, action: Action) -> bool:
        """Does one thing; False if it is not possible now."""
        store, group_id = self._store, self.group_id
        match action:
            case Begin(number):
                return await self._begin(facts, number)
            case SubmitMember(at):
                await self._submit(facts, at)
            case KillMember(at):
                await self._kill(facts.tasks(facts.attempts[-1])[at])
            case Again(at, cause):
                await self._try_again(facts, at, cause)
            case Judge(verdict):
                number = facts.attempts[-1].number
                await asyncio.to_thread(store.judge, group_id, number, verdict)
            case End(end):
                await asyncio.to_thread(store.end, group_id, end)
                _journal.info("group ended", group=group_id, state=end.state.value)
        return True

    def _members(self, facts: GroupFacts) -> list[MemberFact]:
        """The members of the latest attempt as the run directories have them. Blocks."""
        if not facts.attempts:
            return []
        attempt = facts.attempts[-1]
        found = []
        for at, task_id in enumerate(facts.tasks(attempt)):
            one = self._done.get(task_id) or self._member(facts, at, task_id)
            again = tuple(known.cause for known in facts.again(attempt.number, at))
            found.append(replace(one, again=again) if again else one)
        return found

    def _member(self, facts: GroupFacts, at: int, task_id: TaskId) -> MemberFact:
        key = facts.spec.members[at].key
        spool = self._node.spool
        run = spool.find(task_id)
        if run is None:
            if spool.recall(facts.spec.owner, _request_id(facts, at)) is None:
                return MemberFact(key)
            run = spool.find(task_id)
        if run is None:
            # It was made, and is deleted by now.
            found = MemberFact(key, Progress.ENDED, TaskState.KILLED)
            self._done[task_id] = found
            return found
        end, request_kill = run.exit(), run.kill_request()
        if end is None:
            killing = request_kill is not None or is_forgotten(run)
            return MemberFact(key, Progress.LIVE, killing=killing)
        who = request_kill.who if request_kill else ""
        verdict = classify_exit(end, requested=request_kill is not None, who=who)
        found = MemberFact(key, Progress.ENDED, verdict.state, verdict.outcome, end.ended_ms)
        self._done[task_id] = found
        return found

    def _note(self, facts: GroupFacts, members: Sequence[MemberFact]) -> None:
        """Keeps in memory what others of the runner ask for."""
        if not facts.attempts:
            return
        attempt = facts.attempts[-1]
        tasks = facts.tasks(attempt)
        if tasks != self.tasks:
            self._done = {one: self._done[one] for one in tasks if one in self._done}
        self.tasks = tasks
        complete = all(one.progress is not Progress.MISSING for one in members)
        together = facts.spec.policy.gang and complete
        if together:
            gang = gang_name(self.group_id, attempt.number)
            if gang not in self._node.occupancy.gangs:
                self._node.occupancy.gangs[gang] = attempt.tasks
                self._made()
        self._node.occupancy.group_ports[self.group_id] = _all_ports(attempt.ports)

    async def _begin(self, facts: GroupFacts, number: int) -> bool:
        """States that an attempt is begun; False if its ports are not free now."""
        ports = await asyncio.to_thread(self._ports, facts)
        if ports is None:
            return False
        now = now_ms()
        tasks = tuple(new_task_id(now) for _ in facts.spec.members)
        attempt = AttemptFact(number, now, tasks, ports)
        self._forget_gang()
        await asyncio.to_thread(self._store.begin, self.group_id, attempt)
        self._node.occupancy.group_ports[self.group_id] = _all_ports(ports)
        _journal.info("group attempt", group=self.group_id, attempt=number)
        return True

    async def _try_again(self, facts: GroupFacts, at: int, cause: Cause) -> None:
        """States that a member is run again, before its task is made."""
        now, attempt = now_ms(), facts.attempts[-1].number
        number = len(facts.again(attempt, at)) + 2
        fact = TryFact(attempt, at, number, now, new_task_id(now), cause)
        await asyncio.to_thread(self._store.retry, self.group_id, fact)
        _journal.info("group member again", group=self.group_id, attempt=attempt, number=number)

    def _forget_gang(self) -> None:
        for name in [one for one in self._node.occupancy.gangs if one.startswith(self.group_id)]:
            del self._node.occupancy.gangs[name]

    def _is_placed(self, facts: GroupFacts) -> bool:
        """Whether the members run somewhere else, all of them if one does."""
        placed = self._node.config.places.queues
        wants = (member.task.wants for member in facts.spec.members)
        return any(one is not None and one.queue in placed for one in wants)

    def _ports(self, facts: GroupFacts) -> tuple[Mapping[str, tuple[int, ...]], ...] | None:
        """Ports for all members at once, None if there are too few. Blocks."""
        node = self._node
        if self._is_placed(facts):
            return ({},) * len(facts.spec.members)
        wanted: dict[str, Ports] = {}
        for at, member in enumerate(facts.spec.members):
            for label, ports in (member.task.wants.ports if member.task.wants else {}).items():
                wanted[f"{at}:{label}"] = ports
        taken = taken_ports(node) - set(node.occupancy.group_ports.get(self.group_id, ()))
        found = find_ports(wanted, taken, node.config.runner.ports) if wanted else {}
        if found is None:
            return None
        given: list[dict[str, tuple[int, ...]]] = [{} for _ in facts.spec.members]
        for name, chosen in found.items():
            place, _, label = name.partition(":")
            given[int(place)][label] = chosen
        return tuple(given)

    async def _submit(self, facts: GroupFacts, at: int) -> None:
        """Makes the task of a member, once."""
        node = self._node
        number = await node.tasks.reserve(facts.spec.owner, _NO_LIMITS)
        spec = member_spec(facts, at, number, placed=self._is_placed(facts))
        try:
            accepted = await node.spool.accept(spec)
        except TaskGone:
            return  # it was made before, and is deleted by now
        if accepted.task_id != spec.task_id:
            raise GatewayError(Kind.INTERNAL, "a member of a group has two tasks")
        with suppress(TaskGone):
            await node.tasks.index(accepted)

    async def _kill(self, task_id: TaskId) -> None:
        node = self._node
        await node.spool.request_kill(task_id, node.config.runner.grace_seconds, GROUP_ENDED)
        self._ask_kill(task_id)
        with suppress(GatewayError):  # it is shown by who ends it as well
            await node.tasks.request_kill(task_id, now_ms())


def member_spec(facts: GroupFacts, at: int, number: int, *, placed: bool = False) -> TaskSpec:
    """The task of a member in the latest attempt; all of it follows from what is on record.

    Of members that are ``placed`` nobody knows yet where they will be, and with which ports.
    """
    group, attempt = facts.spec, facts.attempts[-1]
    again = facts.again(attempt.number, at)
    made_ms = again[-1].at_ms if again else attempt.at_ms
    task, wants = group.members[at].task, group.members[at].task.wants
    words = {
        "group": group.id,
        "attempt": str(attempt.number),
        "task": facts.tasks(attempt)[at],
    }
    reported = {
        "NARTHEX_GROUP": group.id,
        "NARTHEX_ATTEMPT": str(attempt.number),
        "NARTHEX_ROLE": group.members[at].key.role,
        "NARTHEX_ROLE_INDEX": str(group.members[at].key.index),
        "NARTHEX_TRY": str(len(again) + 1),
    }
    for member, ports in zip(group.members, attempt.ports, strict=True):
        key = member.key
        words[f"host.{key.role}.{key.index}"] = "127.0.0.1"
        for label, chosen in ports.items():
            words[f"ports.{key.role}.{key.index}.{label}"] = ",".join(map(str, chosen))
    for label, chosen in attempt.ports[at].items():
        reported[port_variable(label)] = ",".join(map(str, chosen))
    return replace(
        task,
        task_id=facts.tasks(attempt)[at],
        number=number,
        created_ms=made_ms,
        expires_ms=max(group.expires_ms, made_ms + group.expires_ms - group.created_ms),
        environment={**filled(task.environment, words, late=placed), **reported},
        secrets=filled(task.secrets, words),
        # What it needs of ports was found for all members at once; in a place it is found there.
        wants=replace(wants, ports={}) if wants is not None and not placed else wants,
        request_id=_request_id(facts, at),
        body_hash=group.id,
        group=group.id,
        # Who is run again joins those who have started already.
        gang=gang_name(group.id, attempt.number) if group.policy.gang and not again else "",
    )


def _request_id(facts: GroupFacts, at: int) -> str:
    """Under what the task of a member is made in its latest try: so it is made once."""
    attempt = facts.attempts[-1].number
    tries = len(facts.again(attempt, at))
    return f"group {facts.spec.id} {attempt} {at}" + (f" {tries + 1}" if tries else "")


def _all_ports(ports: Iterable[Mapping[str, tuple[int, ...]]]) -> frozenset[int]:
    return frozenset(port for one in ports for some in one.values() for port in some)
