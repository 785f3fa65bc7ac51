"""Groups of tasks: accepted whole or not at all, read, killed, listed.

A group is accepted when its spec is durable; the runner carries it on. What is told of it is put
together from what is on record and from its tasks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from engines.place import granted
from engines.placed.free_ports import ports_of
from gateway import clock, ids
from gateway.caller import Access, Caller, sees
from gateway.config import Config
from gateway.services.group_rules import check_group, group_digest
from gateway.services.notifier import RunnerNotifier
from gateway.services.parts import Parts
from gateway.services.room import Room
from gateway.services.service import Verb
from gateway.services.tasks import Tasks
from gateway.stores.groups import (
    AttemptFact,
    GroupFacts,
    GroupSpec,
    GroupStore,
    KillFact,
    MemberSpec,
)
from gateway.stores.queue import TaskQueue
from gateway.stores.spool import Spool
from gateway.stores.tasks import TaskStore
from protocol.commands.groups import (
    AnnotateGroup,
    DeleteGroup,
    GroupRef,
    KillGroup,
    ListGroups,
    Member,
    ReadGroup,
    SubmitGroup,
    TagGroup,
)
from protocol.errors import GatewayError, Kind, Subject
from protocol.groups import (
    Attempt,
    Group,
    GroupId,
    GroupState,
    MemberState,
    MemberTry,
)
from protocol.resources import Wants
from protocol.tasks import ById, Task, TaskId

__all__ = ["GroupService"]

_MAX_TAG = 256
_MAX_BYTES = 32 << 20
_MOST_LISTED = 1_000
_AT_ONCE = 32


class GroupService:
    """Carries out the commands on groups."""

    def __init__(
        self,
        config: Config,
        store: GroupStore,
        tasks: Tasks,
        index: TaskStore,
        queue: TaskQueue,
        room: Room,
        spool: Spool,
        notifier: RunnerNotifier,
    ) -> None:
        self._config = config
        self._placed = config.places.queues
        self._store = store
        self._tasks = tasks
        self._index = index
        self._queue = queue
        self._room = room
        self._spool = spool
        self._notifier = notifier

    @classmethod
    def of(cls, parts: Parts) -> GroupService:
        """The service of a gateway."""
        stores = parts.stores
        return cls(
            parts.config,
            stores.groups,
            parts.get(Tasks),
            stores.tasks,
            stores.queue,
            parts.get(Room),
            stores.spool,
            parts.notifier,
        )

    @property
    def verbs(self) -> Sequence[Verb[Any, Any]]:
        """What is done for which command."""
        return (
            Verb(SubmitGroup, Access.USER, self.submit, owner=lambda command: command.owner),
            Verb(ReadGroup, Access.READ, self.read),
            Verb(KillGroup, Access.USER, self.kill),
            Verb(DeleteGroup, Access.USER, self.delete),
            Verb(TagGroup, Access.USER, self.tag),
            Verb(AnnotateGroup, Access.USER, self.annotate),
            Verb(ListGroups, Access.READ, self.list, owner=lambda command: command.owner),
        )

    async def submit(self, caller: Caller, command: SubmitGroup) -> Group:
        """Accepts a group, or finds the one that the same request made before."""
        owner = self._tasks.owner_of(caller, command.owner)
        check_group(command)
        members = [await self._drafted(owner, member) for member in command.members]
        wants = [member.task.wants or Wants() for member in members]
        if command.policy.gang:
            await self._room.check_together(wants)
        await self._refuse_full(owner, len(members))
        now = clock.now_ms()
        longest = self._config.retention.task_seconds
        life = min(command.life_seconds or longest, longest)
        spec = GroupSpec(
            id=GroupId(ids.new_task_id(now)),
            owner=owner,
            name=command.name,
            created_ms=now,
            expires_ms=now + life * 1000,
            policy=command.policy,
            members=tuple(members),
            dialect=command.dialect,
            client=command.client,
            space=command.space,
            request_id=command.request_id,
            body_hash=group_digest(command),
            shared=command.shared,
        )
        accepted = await asyncio.to_thread(self._accept, spec)
        self._notifier.group(accepted.id)
        facts = await asyncio.to_thread(self._store.facts, accepted.id)
        if facts is None:
            raise _unknown()
        reported = await self._reported(facts, members=False)
        return replace(reported, repeated=accepted.id != spec.id)

    async def read(self, caller: Caller, command: ReadGroup) -> Group:
        """What is known of a group."""
        return await self._reported(await self._found(caller, command.group), command.attempt)

    async def kill(self, caller: Caller, command: KillGroup) -> Group:
        """Makes it durable that a group is to end."""
        facts = await self._found(caller, command.group, own=True)
        if facts.end is None and facts.kill is None:
            kill = KillFact(clock.now_ms(), caller.who)
            await asyncio.to_thread(self._store.kill, facts.spec.id, kill)
            facts = replace(facts, kill=kill)
        self._notifier.group(facts.spec.id)
        return await self._reported(facts, members=False)

    async def delete(self, caller: Caller, command: DeleteGroup) -> Group:
        """Forgets a group that has ended, or sees to it that one is when it has."""
        facts = await self._found(caller, command.group, own=True)
        if facts.end is None and not command.kill:
            raise GatewayError(Kind.CONFLICT, "the group has not ended", subject=Subject.GROUP)
        if facts.end is None:
            # Stated before the kill: whatever comes between, it is forgotten when it has ended.
            forget = KillFact(clock.now_ms(), caller.who)
            await asyncio.to_thread(self._store.forget, facts.spec.id, forget)
            return await self.kill(caller, KillGroup(command.group))
        reported = await self._reported(facts, members=False)
        await asyncio.to_thread(self._store.remove, facts.spec.id)
        return reported

    async def tag(self, caller: Caller, command: TagGroup) -> Group:
        """Puts words on a group, or takes them off."""
        for tag in (*command.add, *command.remove):
            if not 1 <= len(tag) <= _MAX_TAG or not tag.isprintable():
                raise GatewayError(
                    Kind.INVALID, f"a tag is a text of 1 to {_MAX_TAG} characters", field="tags"
                )
        facts = await self._found(caller, command.group, own=True)
        tags = await asyncio.to_thread(self._store.tag, facts.spec.id, command.add, command.remove)
        return await self._reported(replace(facts, tags=tags), members=False)

    async def annotate(self, caller: Caller, command: AnnotateGroup) -> Group:
        """Keeps texts of a dialect with a group."""
        for text in (*command.notes, *command.notes.values()):
            if len(text) > _MAX_TAG or not text.isprintable():
                raise GatewayError(
                    Kind.INVALID, f"a note has at most {_MAX_TAG} characters", field="notes"
                )
        facts = await self._found(caller, command.group, own=True)
        notes = await asyncio.to_thread(self._store.note, facts.spec.id, command.notes)
        return await self._reported(replace(facts, notes=notes), members=False)

    async def list(self, caller: Caller, command: ListGroups) -> tuple[Group, ...]:
        """Groups, newest first."""
        if command.limit < 0 or command.offset < 0:
            raise GatewayError(Kind.INVALID, "limit and offset must not be negative")
        everybody = command.everybody and not command.owner
        owner = command.of or None if everybody else command.owner or caller.user.name
        limit = min(command.limit, _MOST_LISTED)

        def fits(spec: GroupSpec) -> bool:
            return (
                owner in {None, spec.owner}
                and command.dialect in {"", spec.dialect}
                and _visible(caller, spec)
            )

        found = await asyncio.to_thread(self._listed, fits, command.offset, limit)
        return tuple([await self._reported(facts, members=False) for facts in found])

    def _accept(self, spec: GroupSpec) -> GroupSpec:
        try:
            return self._store.accept(spec)
        except OSError as error:
            raise GatewayError(
                Kind.UNAVAILABLE, "the disk of the gateway refuses at the moment", retry_after=5.0
            ) from error

    def _listed(
        self, fits: Callable[[GroupSpec], bool], offset: int, limit: int
    ) -> Sequence[GroupFacts]:
        found: list[GroupFacts] = []
        skipped = 0
        for group_id in self._store.ids():
            if len(found) >= limit:
                break
            try:
                facts = self._store.facts(group_id)
            except GatewayError:
                continue  # nobody can read it: the runner says so
            if facts is None or not fits(facts.spec):
                continue
            if skipped < offset:
                skipped += 1
            else:
                found.append(facts)
        return found

    async def _drafted(self, owner: str, member: Member) -> MemberSpec:
        execute = replace(member.execute, name="", request_id="", owner="", after=())
        try:
            task = await self._tasks.drafted(owner, execute)
        except GatewayError as error:
            error.message = f"{member.key}: {error.message}"
            raise
        return MemberSpec(member.key, task)

    async def _refuse_full(self, owner: str, more: int) -> None:
        limits = self._config.limits
        counts = await self._queue.counts(owner)
        if (
            counts.waiting + more > limits.queued_per_user
            or counts.waiting_in_all + more > limits.queued_total
        ):
            raise GatewayError(
                Kind.EXHAUSTED, f"{counts.waiting} tasks of user {owner} wait", retry_after=1.0
            )

    async def _found(self, caller: Caller, ref: GroupRef, *, own: bool = False) -> GroupFacts:
        """The group, if it is there for the caller."""

        def look() -> GroupFacts | None:
            group_id = GroupId(ref.id) if ref.id else None
            if group_id is None and ref.name:
                group_id = self._store.find(ref.owner, ref.space, ref.name)
            return self._store.facts(group_id) if group_id else None

        named = ref if ref.owner or caller.principal is None else replace(ref, owner=caller.who)
        ref = named
        facts = await asyncio.to_thread(look)
        if facts is None:
            raise _unknown()
        if not _visible(caller, facts.spec, own=own):
            raise _unknown()
        return facts

    async def _reported(self, facts: GroupFacts, number: int = 0, *, members: bool = True) -> Group:
        """A group as it is told."""
        spec = facts.spec
        roles: dict[str, int] = {}
        for member in spec.members:
            roles[member.key.role] = roles.get(member.key.role, 0) + 1
        numbers = [one.number for one in facts.attempts]
        shown = number or (numbers[-1] if numbers else 0)
        if number and number not in numbers:
            raise GatewayError(
                Kind.NOT_FOUND, f"there is no attempt {number}", subject=Subject.GROUP
            )
        attempts = []
        for one in facts.attempts:
            found: tuple[MemberState, ...] = ()
            if members and one.number == shown:
                found = await self._members(facts, one)
            attempts.append(Attempt(one.number, one.at_ms, found, facts.verdicts.get(one.number)))
        return Group(
            id=spec.id,
            owner=spec.owner,
            name=spec.name,
            state=await asyncio.to_thread(self._state, facts),
            created_ms=spec.created_ms,
            policy=spec.policy,
            roles=roles,
            attempts=tuple(attempts),
            ended_ms=facts.end.at_ms if facts.end else 0,
            killed_ms=facts.kill.at_ms if facts.kill else 0,
            dialect=spec.dialect,
            client=spec.client,
            shared=spec.shared,
            tags=facts.tags,
            notes=facts.notes,
        )

    def _state(self, facts: GroupFacts) -> GroupState:
        """The state of a group. Blocks."""
        if facts.end is not None:
            return facts.end.state
        if facts.kill is not None:
            return GroupState.STOPPING
        if not facts.attempts:
            return GroupState.WAITING
        latest = facts.attempts[-1]
        verdict = facts.verdicts.get(latest.number)
        if verdict is not None:
            return GroupState.RETRYING if verdict.again else GroupState.STOPPING
        if any(map(self._spool.runs.was_started, latest.tasks)):
            return GroupState.RUNNING
        return GroupState.WAITING

    async def _members(self, facts: GroupFacts, attempt: AttemptFact) -> tuple[MemberState, ...]:
        keys = [member.key for member in facts.spec.members]
        latest = await self._read(facts.tasks(attempt))
        found = []
        for at, (task_id, task) in enumerate(latest):
            earlier: tuple[MemberTry, ...] = ()
            if again := facts.again(attempt.number, at):
                ids = (attempt.tasks[at], *(one.task for one in again[:-1]))
                earlier = tuple(
                    MemberTry(known_id, one.cause, known)
                    for one, (known_id, known) in zip(again, await self._read(ids), strict=True)
                )
            found.append(MemberState(keys[at], task_id, task, attempt.ports[at], earlier))
        if self._is_placed(facts.spec):
            return tuple(await asyncio.to_thread(lambda: [*map(self._located, found)]))
        return tuple(found)

    def _is_placed(self, spec: GroupSpec) -> bool:
        wants = (member.task.wants for member in spec.members)
        return any(one is not None and one.queue in self._placed for one in wants)

    def _located(self, member: MemberState) -> MemberState:
        """A member with where it runs, and its ports there. Blocks."""
        run = self._spool.find(member.task_id)
        grant = granted(run) if run is not None else None
        if grant is None:
            return member
        return replace(member, ports=ports_of(grant.ports), node=grant.node, address=grant.address)

    async def _read(self, tasks: Sequence[TaskId]) -> Sequence[tuple[TaskId, Task | None]]:
        """What is known of tasks; None of one that was not made, or was forgotten."""
        found: list[tuple[TaskId, Task | None]] = []
        for start in range(0, len(tasks), _AT_ONCE):
            step = tasks[start : start + _AT_ONCE]
            found += zip(step, await asyncio.gather(*map(self._task, step)), strict=True)
        return found

    async def _task(self, task_id: TaskId) -> Task | None:
        try:
            return await self._index.read(ById(task_id))
        except GatewayError as error:
            if error.kind not in {Kind.NOT_FOUND, Kind.GONE}:
                raise
            return None


def _visible(caller: Caller, spec: GroupSpec, *, own: bool = False) -> bool:
    """Whether a group is there for the caller: as theirs, or for reading as one that is shared."""
    mine = caller.principal is not None and sees(caller.principal, spec.owner)
    return mine or (not own and spec.shared and caller.reads_shared)


def _unknown() -> GatewayError:
    return GatewayError(Kind.NOT_FOUND, "there is no such group", subject=Subject.GROUP)
