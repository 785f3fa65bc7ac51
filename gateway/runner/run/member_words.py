"""Where the members of a group run in a place, and which ports they have there.

None of that is known before: the porter of each member finds free ports on its machine and says so
when it asks for the start. Who asks is told to come again until all have asked, and then each is
told of all. What was told is on record with the grant of each. Blocks on the disk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from engines.place import Grant, granted
from engines.placed.free_ports import LACKING, ports_of
from gateway.runner.run.placeholders import filled, port_variable
from gateway.stores.run_folders import RunFolders
from gateway.stores.spec import TaskSpec
from protocol.errors import GatewayError, Kind
from protocol.groups import MemberKey
from protocol.tasks import TaskId

__all__ = ["MemberWords", "Peer", "with_words"]


class Peer(NamedTuple):
    """A member of the group of a task, itself included, and its task in the latest attempt."""

    key: MemberKey
    task_id: TaskId


class MemberWords:
    """What members said of themselves who were not granted their start yet.

    Args:
        peers: the members of the group of a task; none for a task of no group.
        runs: where run directories lie.
    """

    def __init__(self, peers: Callable[[TaskSpec], Sequence[Peer]], runs: RunFolders) -> None:
        self.peers = peers
        self._runs = runs
        self._said: dict[str, Grant] = {}
        self._answered: set[str] = set()

    def words(self, spec: TaskSpec, me: Grant) -> dict[str, str] | None:
        """What a task is told of all members whose porter asks; None if some are not there yet.

        Raises:
            GatewayError: its ports are not free on its machine, or the others were told of another
                porter of it.
        """
        if me.ports == LACKING:
            raise GatewayError(Kind.CONFLICT, f"its ports are not free on {me.node}")
        known = [(peer, *self._known(peer.task_id)) for peer in self.peers(spec)]
        before = self._said.setdefault(spec.task_id, me)
        if not before.same(me):
            if any(grant or peer.task_id in self._answered for peer, grant, _ in known):
                raise GatewayError(Kind.CONFLICT, "the others were told of another porter of it")
            self._said[spec.task_id] = me
        words: dict[str, str] = {}
        for (key, task_id), grant, ended in known:
            said = me if task_id == spec.task_id else grant or self._said.get(task_id)
            if said is not None:
                words |= _of_member(key, said)
            elif not ended:
                return None
        self._answered.add(spec.task_id)
        return words

    def forget(self, task_id: str) -> None:
        """The task needs nothing more."""
        self._said.pop(task_id, None)
        self._answered.discard(task_id)

    def has_ended(self, task_id: TaskId) -> bool:
        """Whether the task of a member has ended."""
        return self._known(task_id)[1]

    def _known(self, task_id: TaskId) -> tuple[Grant | None, bool]:
        """What is on record of a member: the grant of its start, and whether it has ended."""
        run = self._runs.find(task_id)
        if run is None:
            return None, False
        return granted(run), run.exit() is not None


def with_words(
    spec: TaskSpec, me: Grant, words: Mapping[str, str], environment: Mapping[str, str]
) -> dict[str, str]:
    """The variables of a task with what is known now that it is known where it runs."""
    own = {port_variable(label): numbers for label, numbers in _numbers(me).items()}
    return (filled(environment, words) if spec.group else dict(environment)) | own


def _of_member(key: MemberKey, said: Grant) -> dict[str, str]:
    member = f"{key.role}.{key.index}"
    ports = {f"ports.{member}.{label}": text for label, text in _numbers(said).items()}
    return {f"host.{member}": said.address or "127.0.0.1", **ports}


def _numbers(said: Grant) -> dict[str, str]:
    return {label: ",".join(map(str, some)) for label, some in ports_of(said.ports).items()}
