"""Which node carries a command out: the one whose disk has what it is about.

The tables of the services know nothing of nodes. Where several work together, the rows of verbs
that need a disk are replaced by rows that first find out whose, and ask that node if it is not this
one. What Redis knows is answered here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from functools import partial
from typing import Any, cast

from gateway.caller import Caller
from gateway.services.lookup import Lookup
from gateway.services.node_accounts import AccountFetcher
from gateway.services.parts import Parts
from gateway.services.peers import Peers
from gateway.services.service import Verb
from gateway.services.tasks import Tasks
from gateway.stores.node_registry import KnownNode
from gateway.stores.request_homes import RequestHomes
from protocol.command import Command
from protocol.commands.directory import (
    AddUser,
    DropGroup,
    Join,
    Leave,
    ListUsers,
    PatchProfile,
    PutGroup,
    ReadProfile,
    RemoveUser,
    SetGroups,
    SetPassword,
)
from protocol.commands.groups import (
    AnnotateGroup,
    DeleteGroup,
    KillGroup,
    ListGroups,
    ReadGroup,
    SubmitGroup,
    TagGroup,
)
from protocol.commands.history import ReadSubmission, TaskPage, TaskQuery
from protocol.commands.kills import KillAndReport, ReadKill
from protocol.commands.logs import ReadLog
from protocol.commands.objects import DeleteData, DescribeData, OpenData
from protocol.commands.sessions import EndSession, ListSessions
from protocol.commands.subscriptions import FollowTask
from protocol.commands.tasks import Execute, ReadTask
from protocol.commands.tokens import IssueToken, ListTokens, RevokeToken
from protocol.errors import GatewayError, Kind, Subject
from protocol.groups import Group
from protocol.tasks import ById, FileInput, Task

__all__ = ["Elsewhere"]

Do = Callable[[Caller, Any], Awaitable[Any]]

_ANSWERED_HERE = frozenset({ReadTask, ReadLog, FollowTask})
"""Verbs on a task that Redis has the answer to, or which ask the other node for what it has not."""

_ANYWHERE = frozenset(
    {
        *(ReadGroup, KillGroup, DeleteGroup, TagGroup, AnnotateGroup),
        *(DescribeData, OpenData, DeleteData),
        EndSession,
    }
)
"""Verbs about what is on one node's disk, nobody knows on which."""

_OF_ACCOUNTS = frozenset(
    {
        *(AddUser, RemoveUser, SetPassword, PatchProfile, SetGroups, Join, Leave),
        *(PutGroup, DropGroup, IssueToken),
    }
)
"""Verbs that change users, groups or lists of tokens: for the node that keeps them."""

_PROFILES = frozenset({ReadProfile, ListUsers})
"""Verbs that tell what users say of themselves, which that node alone knows all of."""

_SPACES = "\0space\0"


class Elsewhere:
    """The rows of a node among several.

    Args:
        peers: asks the other nodes.
        lookup: finds tasks.
        homes: which node has which request id.
        tasks: says whose a submission becomes.
        longest_wait: seconds that a command may wait for news at most.
        accounts: the node that keeps users and groups; empty if this one does.
        fetch: brings what that node keeps here.
    """

    def __init__(
        self,
        peers: Peers,
        lookup: Lookup,
        homes: RequestHomes,
        tasks: Tasks,
        *,
        longest_wait: float,
        accounts: str = "",
        fetch: Callable[[KnownNode], Awaitable[None]],
    ) -> None:
        self._accounts = accounts
        self._fetch = fetch
        self._peers = peers
        self._lookup = lookup
        self._homes = homes
        self._tasks = tasks
        self._longest_wait = longest_wait
        self._describe: Do | None = None

    @classmethod
    def of(cls, parts: Parts, peers: Peers) -> Elsewhere:
        """The one of a gateway."""
        config = parts.config
        homes = RequestHomes(parts.stores.redis, config.retention.home_seconds)
        fetcher = AccountFetcher(config.node, parts.paths, parts.stores.revocations, peers)
        return cls(
            peers,
            parts.get(Lookup),
            homes,
            parts.get(Tasks),
            longest_wait=config.limits.wait_seconds,
            accounts="" if config.node.keeps_accounts else config.node.accounts,
            fetch=fetcher.fetch,
        )

    def rows(
        self, table: Mapping[type[Command[Any]], Verb[Any, Any]]
    ) -> dict[type[Command[Any]], Verb[Any, Any]]:
        """The table for what clients ask of this node."""
        if DescribeData in table:
            self._describe = table[DescribeData].do
        return {kind: replace(verb, do=self._row(kind, verb.do)) for kind, verb in table.items()}

    def _row(self, kind: type[Command[Any]], do: Do) -> Do:
        special: Mapping[type[Command[Any]], Callable[[Do], Do]] = {
            Execute: self._submission,
            SubmitGroup: self._group,
            ListGroups: self._groups,
            ListSessions: self._all_of_all,
            ListTokens: self._all_of_all,
            RevokeToken: self._revocation,
            TaskQuery: self._history,
        }
        if kind in special:
            return special[kind](do)
        if self._accounts and kind in _OF_ACCOUNTS | _PROFILES:
            return self._of_accounts(do, reads=kind in _PROFILES)
        if kind in _ANYWHERE:
            return self._anywhere(do)
        if kind not in _ANSWERED_HERE and any(
            field.name == "task" for field in fields(cast("Any", kind))
        ):
            return self._on_task(do)
        return do

    def _on_task(self, do: Do) -> Do:
        async def row(caller: Caller, command: Any) -> Any:  # noqa: ANN401 - whatever is asked
            task = await self._lookup.seen(caller, command.task)
            node = await self._peers.find(task.node)
            if node is None:
                return await do(caller, command)
            wait = 0.0
            if isinstance(command, KillAndReport | ReadKill):
                wait = min(max(command.wait_seconds, 0.0), self._longest_wait)
            return await self._peers.ask(node, caller, replace(command, task=ById(task.id)), wait)

        return row

    def _anywhere(self, do: Do) -> Do:
        async def row(caller: Caller, command: Any) -> Any:  # noqa: ANN401 - whatever is asked
            try:
                return await do(caller, command)
            except GatewayError as error:
                if error.kind is not Kind.NOT_FOUND:
                    raise
                missing = error
            return await self._of_others(caller, command, missing)

        return row

    async def _of_others(self, caller: Caller, command: Command[Any], missing: GatewayError) -> Any:  # noqa: ANN401 - whatever is asked
        """What the first node answers that has it. Nobody says that it is not there in vain."""
        lost: GatewayError | None = None
        for node in await self._peers.others():
            try:
                return await self._peers.ask(node, caller, command)
            except GatewayError as error:
                if error.subject is Subject.NODE:
                    lost = error
                elif error.kind is not Kind.NOT_FOUND:
                    raise
        raise lost or missing

    def _submission(self, do: Do) -> Do:
        async def row(caller: Caller, command: Execute) -> Task:
            node = await self._having(caller, command.inputs)
            if command.request_id:
                owner = self._tasks.owner_of(caller, command.owner)
                node = await self._home(owner, command.request_id, node)
            if node is None:
                return cast("Task", await do(caller, command))
            return await self._peers.ask(node, caller, command)

        return row

    async def _having(self, caller: Caller, inputs: Sequence[FileInput]) -> KnownNode | None:
        """The other node that has the inputs of a task; None if this one has, or nobody."""
        if not inputs or self._describe is None:
            return None
        wanted = DescribeData(inputs[0].object_id)
        if await _has(lambda: cast("Do", self._describe)(caller, wanted)):
            return None
        lost: GatewayError | None = None
        for node in await self._peers.others():
            try:
                if await _has(partial(self._peers.ask, node, caller, wanted)):
                    return node
            except GatewayError as error:
                if error.subject is not Subject.NODE:
                    raise
                lost = error
        if lost is not None:
            raise lost
        return None

    async def _home(
        self, owner: str, request_id: str, wanted: KnownNode | None
    ) -> KnownNode | None:
        """The other node that has a request id, None if it is this one.

        It is the one that is ``wanted``, unless another has it; one that was forgotten has it no
        more.
        """
        name = wanted.name if wanted is not None else self._peers.own
        home = await self._homes.of(owner, request_id, name)
        if home == name:
            return wanted
        node = await self._peers.find(home)
        if node is None and not self._peers.is_here(home):
            await self._homes.move(owner, request_id, name)
            return wanted
        return node

    def _group(self, do: Do) -> Do:
        async def row(caller: Caller, command: SubmitGroup) -> Group:
            owner = self._tasks.owner_of(caller, command.owner)
            node: KnownNode | None = None
            # A name leads to one node for as long as anybody asks for it, also after its group.
            if command.name:
                whose = f"{_SPACES}{command.space}" if command.space else owner
                node = await self._home(whose, f"group {command.name}", node)
            elif command.request_id:
                node = await self._home(owner, f"group request {command.request_id}", node)
            if node is None:
                return cast("Group", await do(caller, command))
            return await self._peers.ask(node, caller, command)

        return row

    def _groups(self, do: Do) -> Do:
        async def row(caller: Caller, command: ListGroups) -> tuple[Group, ...]:
            if command.limit < 0 or command.offset < 0:
                return cast("tuple[Group, ...]", await do(caller, command))
            whole = replace(command, limit=command.limit + command.offset, offset=0)
            found = await self._from_all(do, caller, whole)
            found.sort(key=lambda group: -group.created_ms)
            return tuple(found[command.offset :][: command.limit])

        return row

    def _all_of_all(self, do: Do) -> Do:
        async def row(caller: Caller, command: ListSessions) -> Any:  # noqa: ANN401 - as they are
            return tuple(await self._from_all(do, caller, command))

        return row

    def _of_accounts(self, do: Do, *, reads: bool = False) -> Do:
        """By the node that keeps the accounts; who only reads is content with what is here."""

        async def row(caller: Caller, command: Any) -> Any:  # noqa: ANN401 - whatever is asked
            try:
                home = await self._peers.named(self._accounts)
                found = await self._peers.ask(home, caller, command)
            except GatewayError as error:
                if not reads or error.subject is not Subject.NODE:
                    raise
                return await do(caller, command)
            if not reads:
                with suppress(GatewayError):  # it comes a moment later
                    await self._fetch(home)
            return found

        return row

    def _revocation(self, do: Do) -> Do:
        """One token where it is listed; all of a user's at the node that keeps the accounts."""
        anywhere = self._anywhere(do)
        whole = self._of_accounts(do) if self._accounts else do

        async def row(caller: Caller, command: RevokeToken) -> int:
            return cast("int", await (anywhere if command.token else whole)(caller, command))

        return row

    async def _from_all(self, do: Do, caller: Caller, command: Command[Any]) -> list[Any]:
        """What all nodes that can be reached have together."""
        found = list(await do(caller, command))
        for node in await self._peers.others():
            try:
                found += await self._peers.ask(node, caller, command)
            except GatewayError as error:
                if error.subject is not Subject.NODE:
                    raise
        return found

    def _history(self, do: Do) -> Do:
        """What tasks of other nodes were given to run is asked of those nodes."""

        async def row(caller: Caller, command: TaskQuery) -> TaskPage:
            page = cast("TaskPage", await do(caller, command))
            left = command.code_bytes - sum(len(code.encode()) for code in page.codes.values())
            codes = dict(page.codes)
            gone: set[str] = set()
            for task in page.tasks if left > 0 else ():
                mine = task.owner == caller.user.name
                if not mine or self._peers.is_here(task.node) or task.node in gone:
                    continue
                try:
                    node = await self._peers.named(task.node)
                    said = await self._peers.ask(node, caller, ReadSubmission(ById(task.id)))
                except GatewayError as error:
                    if error.subject is Subject.NODE:
                        gone.add(task.node)
                    continue
                left -= len(said.code.encode("utf-8", "surrogatepass"))
                if left < 0:
                    break
                codes[task.number] = said.code
            return replace(page, codes=codes)

        return row


async def _has(describe: Callable[[], Awaitable[object]]) -> bool:
    """Whether there is what is to be described."""
    try:
        await describe()
    except GatewayError as error:
        if error.kind is not Kind.NOT_FOUND:
            raise
        return False
    return True
