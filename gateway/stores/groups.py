"""Groups on disk: the truth about every group, beside the run directories of its members.

    groups/new/<random>            being made
    groups/all/<id>/spec           what was accepted; never changes
    groups/all/<id>/attempt-<n>    that an attempt was begun, with the ids of its tasks and ports
    groups/all/<id>/try-<n>-<m>-<k>  that member m is tried for the k-th time in that attempt
    groups/all/<id>/verdict-<n>    what it came to, stated before it is acted on
    groups/all/<id>/kill           that somebody wants the group gone
    groups/all/<id>/end            that it has ended
    groups/all/<id>/forget         that it is to be forgotten once it has ended
    groups/all/<id>/tags           words that its owner put on it; replaced as a whole
    groups/all/<id>/notes          texts that a dialect keeps with it; replaced as a whole
    groups/claims/<hash>           the id of the group with a name or a request id

Each of these files but tags and notes is written once: the first writer wins.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import msgspec

from engines.rundir.durable import sync_directory, write_new
from gateway.ids import is_task_id
from gateway.stores.atomic_file import exclusive, replace
from gateway.stores.spec import TaskSpec
from protocol.errors import GatewayError, Kind, Subject
from protocol.groups import (
    MAX_NOTES,
    MAX_TAGS,
    Cause,
    GroupId,
    GroupState,
    GroupVerdict,
    MemberKey,
    Policy,
)
from protocol.tasks import TaskId

__all__ = ["AttemptFact", "EndFact", "GroupFacts", "GroupSpec", "GroupStore", "KillFact", "TryFact"]

T = TypeVar("T")
_CACHED = 512


@dataclass(frozen=True, slots=True)
class MemberSpec:
    """One member: which it is, and its task as far as all attempts have it in common."""

    key: MemberKey
    task: TaskSpec


@dataclass(frozen=True, slots=True)
class GroupSpec:
    """One accepted group."""

    id: GroupId
    owner: str
    name: str
    created_ms: int
    expires_ms: int
    policy: Policy
    members: tuple[MemberSpec, ...]
    dialect: str = ""
    client: Mapping[str, object] = field(default_factory=dict)
    space: str = ""
    request_id: str = ""
    body_hash: str = ""
    shared: bool = False


@dataclass(frozen=True, slots=True)
class AttemptFact:
    """That an attempt was begun: the ids that its tasks have, and the ports, by member in order."""

    number: int
    at_ms: int
    tasks: tuple[TaskId, ...]
    ports: tuple[Mapping[str, tuple[int, ...]], ...]


@dataclass(frozen=True, slots=True)
class TryFact:
    """That a member is run again in an attempt, as its ``number``-th try, the first being 1.

    ``at`` is its place in the group, ``task`` its new task, ``cause`` why the last one failed.
    """

    attempt: int
    at: int
    number: int
    at_ms: int
    task: TaskId
    cause: Cause


@dataclass(frozen=True, slots=True)
class KillFact:
    """That somebody wants a group gone."""

    at_ms: int
    who: str = ""


@dataclass(frozen=True, slots=True)
class EndFact:
    """How a group ended."""

    state: GroupState
    at_ms: int


@dataclass(frozen=True, slots=True)
class GroupFacts:
    """Everything that is on record of a group."""

    spec: GroupSpec
    attempts: tuple[AttemptFact, ...] = ()
    verdicts: Mapping[int, GroupVerdict] = field(default_factory=dict)
    kill: KillFact | None = None
    end: EndFact | None = None
    forget: KillFact | None = None
    tags: tuple[str, ...] = ()
    tries: Mapping[tuple[int, int], tuple[TryFact, ...]] = field(default_factory=dict)
    """Why members were run again, by attempt and place in the group, in order."""
    notes: Mapping[str, str] = field(default_factory=dict)

    def again(self, attempt: int, at: int) -> tuple[TryFact, ...]:
        """The tries of a member after its first in an attempt."""
        return self.tries.get((attempt, at), ())

    def tasks(self, attempt: AttemptFact) -> tuple[TaskId, ...]:
        """The tasks of an attempt as they are now: of each member the last try."""
        return tuple(
            again[-1].task if (again := self.again(attempt.number, at)) else task
            for at, task in enumerate(attempt.tasks)
        )


class GroupStore:
    """The groups below a folder. All of its methods block for the disk."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._new = root / "new"
        self._all = root / "all"
        self._claims = root / "claims"
        self._specs: dict[GroupId, GroupSpec] = {}

    def prepare(self) -> None:
        """Makes the folders."""
        for folder in (self._new, self._all, self._claims):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def accept(self, spec: GroupSpec) -> GroupSpec:
        """Makes a group durable: all of it or nothing.

        Answers the accepted one: this, or the one that the same request made before.

        Raises:
            GatewayError: CONFLICT if the name is taken, or the request id was used for another
            request.
        """
        self.prepare()
        # One at a time: whoever finds a claim without a group knows that a crash left it.
        with exclusive(self._root / "lock"):
            return self._accept(spec)

    def _accept(self, spec: GroupSpec) -> GroupSpec:
        request, name = (
            self._request_claim(spec),
            self._name_claim(spec.owner, spec.space, spec.name),
        )
        building = self._new / f"{spec.id}.{os.urandom(6).hex()}"
        building.mkdir(mode=0o700)
        try:
            write_new(str(building / "spec"), _encoded(spec))
            sync_directory(str(building))
            if request is not None and (earlier := self._link(request, building, spec)):
                if earlier.body_hash != spec.body_hash:
                    raise GatewayError(
                        Kind.CONFLICT,
                        "this request id was used for another request",
                        field="request_id",
                    )
                return earlier
            if name is not None and self._link(name, building, spec):
                if request is not None:
                    request.unlink(missing_ok=True)
                raise GatewayError(
                    Kind.CONFLICT,
                    f"another group has the name {spec.name}",
                    field="name",
                    subject=Subject.GROUP,
                )
            building.rename(self._all / spec.id)
            sync_directory(str(self._all))
        finally:
            shutil.rmtree(building, ignore_errors=True)
        return spec

    def ids(self) -> list[GroupId]:
        """All groups, newest first."""
        with contextlib.suppress(FileNotFoundError):
            names = sorted((entry.name for entry in self._all.iterdir()), reverse=True)
            return [GroupId(name) for name in names if is_task_id(name)]
        return []

    def tidy(self) -> None:
        """Removes what crashes left half made or half removed; for the runner at its start."""
        self.prepare()
        with exclusive(self._root / "lock"):
            for path in self._new.iterdir():
                shutil.rmtree(path, ignore_errors=True)

    def find(self, owner: str, space: str, name: str) -> GroupId | None:
        """The group of that name, None if there is none."""
        claim = self._name_claim(owner, space, name)
        spec = self._claimed(claim) if claim is not None else None
        return spec.id if spec is not None else None

    def facts(self, group_id: GroupId) -> GroupFacts | None:
        """All that is on record of a group, None if there is no such group."""
        if not is_task_id(group_id):
            return None
        folder = self._all / group_id
        spec = self._spec(group_id)
        if spec is None:
            return None
        try:
            names = [entry.name for entry in folder.iterdir()]
        except FileNotFoundError:
            return None

        def stated(kind: str, fact: type[T]) -> dict[str, T]:
            """What is on record of a kind, by what follows the kind in its name."""
            found = {}
            for name in names:
                if name.startswith(f"{kind}-"):
                    value = _decoded(folder / name, fact)
                    if value is not None:
                        found[name.removeprefix(f"{kind}-")] = value
            return found

        attempts = stated("attempt", AttemptFact).values()
        verdicts = stated("verdict", GroupVerdict)
        return GroupFacts(
            spec,
            tuple(sorted(attempts, key=lambda one: one.number)),
            {int(number): one for number, one in verdicts.items() if number.isdecimal()},
            _decoded(folder / "kill", KillFact),
            _decoded(folder / "end", EndFact),
            _decoded(folder / "forget", KillFact) if "forget" in names else None,
            _tags(folder) if "tags" in names else (),
            _by_member(stated("try", TryFact).values()),
            _notes(folder) if "notes" in names else {},
        )

    def begin(self, group_id: GroupId, attempt: AttemptFact) -> bool:
        """States that an attempt was begun; False if that was stated before."""
        return self._state(group_id, f"attempt-{attempt.number}", attempt)

    def retry(self, group_id: GroupId, fact: TryFact) -> bool:
        """States that a member is run again; False if that was stated before."""
        return self._state(group_id, f"try-{fact.attempt}-{fact.at}-{fact.number}", fact)

    def judge(self, group_id: GroupId, number: int, verdict: GroupVerdict) -> bool:
        """States what an attempt came to; False if that was stated before."""
        return self._state(group_id, f"verdict-{number}", verdict)

    def kill(self, group_id: GroupId, fact: KillFact) -> bool:
        """States that a group is to end; False if that was stated before."""
        return self._state(group_id, "kill", fact)

    def end(self, group_id: GroupId, fact: EndFact) -> bool:
        """States that a group has ended; False if that was stated before."""
        return self._state(group_id, "end", fact)

    def forget(self, group_id: GroupId, fact: KillFact) -> bool:
        """States that a group is to be forgotten when it has ended; False if stated before."""
        return self._state(group_id, "forget", fact)

    def tag(self, group_id: GroupId, add: Sequence[str], remove: Sequence[str]) -> tuple[str, ...]:
        """Changes the tags of a group; what they are now.

        Raises:
            GatewayError: INVALID if it would have too many.
        """
        folder = self._all / group_id
        with exclusive(self._root / "lock"):
            tags = tuple(dict.fromkeys((*_tags(folder), *add)))
            tags = tuple(one for one in tags if one not in remove)
            if len(tags) > MAX_TAGS:
                raise GatewayError(
                    Kind.INVALID, f"a group has at most {MAX_TAGS} tags", field="tags"
                )
            replace(folder / "tags", _encoded(tags))
        return tags

    def note(self, group_id: GroupId, notes: Mapping[str, str]) -> Mapping[str, str]:
        """Keeps texts with a group beside those there are; all of them.

        Raises:
            GatewayError: INVALID if it would have too many.
        """
        folder = self._all / group_id
        with exclusive(self._root / "lock"):
            known = {**_notes(folder), **notes}
            if len(known) > MAX_NOTES:
                raise GatewayError(
                    Kind.INVALID, f"a group has at most {MAX_NOTES} notes", field="notes"
                )
            replace(folder / "notes", _encoded(known))
        return known

    def remove(self, group_id: GroupId) -> None:
        """Forgets a group; its name and its request id are free again."""
        spec = self._spec(group_id)
        if spec is None:
            return
        for claim in (
            self._request_claim(spec),
            self._name_claim(spec.owner, spec.space, spec.name),
        ):
            known = self._claimed(claim) if claim is not None else None
            if claim is not None and known is not None and known.id == group_id:
                claim.unlink(missing_ok=True)
        gone = self._new / f"{group_id}.{os.urandom(6).hex()}"
        with contextlib.suppress(FileNotFoundError):
            (self._all / group_id).rename(gone)
        shutil.rmtree(gone, ignore_errors=True)
        self._specs.pop(group_id, None)

    def _spec(self, group_id: GroupId) -> GroupSpec | None:
        found = self._specs.get(group_id)
        if found is None:
            found = _decoded(self._all / group_id / "spec", GroupSpec)
            if found is not None:
                while len(self._specs) >= _CACHED:
                    self._specs.pop(next(iter(self._specs)))
                self._specs[group_id] = found
        return found

    def _state(self, group_id: GroupId, name: str, fact: object) -> bool:
        folder = self._all / group_id
        temporary = folder / f".{name}.{os.urandom(6).hex()}"
        try:
            write_new(str(temporary), _encoded(fact))
            os.link(temporary, folder / name)
        except FileExistsError:
            return False
        finally:
            temporary.unlink(missing_ok=True)
        sync_directory(str(folder))
        return True

    def _link(self, claim: Path, building: Path, spec: GroupSpec) -> GroupSpec | None:
        """Takes a claim for a group that is being made; the group that has it already."""
        for _ in range(3):
            try:
                os.link(building / "spec", claim)
            except FileExistsError:
                earlier = self._claimed(claim)
                if earlier is None:
                    continue
                if (self._all / earlier.id).is_dir() or earlier.id == spec.id:
                    return earlier
                # Claimed by one that a crash kept from being there: it was never answered for.
                claim.unlink(missing_ok=True)
            else:
                sync_directory(str(self._claims))
                return None
        raise GatewayError(Kind.CONFLICT, "the name is contended", retry_after=1.0)

    def _claimed(self, claim: Path) -> GroupSpec | None:
        return _decoded(claim, GroupSpec)

    def _request_claim(self, spec: GroupSpec) -> Path | None:
        if not spec.request_id:
            return None
        return self._claims / _hash("request", spec.owner, spec.request_id)

    def _name_claim(self, owner: str, space: str, name: str) -> Path | None:
        if not name:
            return None
        return self._claims / (_hash("space", space, name) if space else _hash("name", owner, name))


def _hash(*parts: str) -> str:
    return sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _encoded(fact: object) -> bytes:
    try:
        return msgspec.msgpack.encode(fact)
    except (OverflowError, TypeError, ValueError, RecursionError) as error:
        raise GatewayError(
            Kind.INVALID, "the request holds a value that cannot be kept exactly"
        ) from error


def _by_member(tries: Iterable[TryFact]) -> dict[tuple[int, int], tuple[TryFact, ...]]:
    found: dict[tuple[int, int], tuple[TryFact, ...]] = {}
    for one in sorted(tries, key=lambda one: one.number):
        key = (one.attempt, one.at)
        found[key] = (*found.get(key, ()), one)
    return found


def _notes(folder: Path) -> dict[str, str]:
    return _decoded(folder / "notes", dict[str, str]) or {}


def _tags(folder: Path) -> tuple[str, ...]:
    return _decoded(folder / "tags", tuple[str, ...]) or ()


def _decoded(path: Path, kind: type[T]) -> T | None:
    """The fact in a file, None if there is none; INTERNAL if nobody can read it."""
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except (msgspec.MsgspecError, GatewayError, RecursionError) as error:
        raise GatewayError(Kind.INTERNAL, "a group holds a fact nobody can read") from error
