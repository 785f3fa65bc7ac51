"""Groups through the services of a gateway and a real runner."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.caller import Caller
from gateway.data_paths import DataPaths
from gateway.runner.ports import find_ports
from gateway.stores.embedded import EmbeddedRedis
from gateway.stores.redis_client import RedisClient
from protocol.accounts import Principal, Reads, Role
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
from protocol.commands.tasks import Execute
from protocol.errors import GatewayError, Kind, Subject
from protocol.groups import (
    Attempt,
    Cause,
    Group,
    GroupState,
    MemberKey,
    Policy,
    Retry,
    RolePolicy,
)
from protocol.logs import Cursor
from protocol.resources import Ports, Wants, slots
from protocol.tasks import TaskState
from tests.gateway.runner.rig import Runner, running
from tests.support.parts import Core, open_core
from tests.support.waiting import wait_until

ANN, BOB = Caller(Principal("ann", Role.USER)), Caller(Principal("bob", Role.USER))
ADMIN = Caller(Principal("root", Role.ADMIN))
FAST = Retry(failures=2, pause_seconds=0.1)


@dataclass(slots=True)
class Scene:
    """A gateway's core and its runner."""

    core: Core
    runner: Runner

    async def submit(self, command: SubmitGroup, caller: Caller = ANN) -> Group:
        """Has a group accepted, once the runner is ready."""
        return await self.core.dispatch(caller, command)

    async def read(self, group: Group, attempt: int = 0) -> Group:
        """The group as it is."""
        return await self.core.dispatch(ANN, ReadGroup(GroupRef(group.id), attempt))

    async def until(self, group: Group, *states: GroupState) -> Group:
        """Waits until a group is so far."""
        found = [group]

        async def there() -> bool:
            try:
                found.append(await self.read(group))
            except GatewayError as error:
                if error.kind is not Kind.UNAVAILABLE:  # the runner is not ready yet
                    raise
            return found[-1].state in states

        await wait_until(there, f"the group is {states}", 60)
        return found[-1]

    async def ended(self, group: Group) -> Group:
        """Waits until a group has ended."""
        return await self.until(group, GroupState.SUCCEEDED, GroupState.FAILED, GroupState.KILLED)


@pytest.fixture
async def scene(
    redis_folder: Path,
    redis_server: EmbeddedRedis,
    link: RedisClient,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Scene]:
    """A core and a runner on one data folder."""
    del link  # the server is emptied before and looked through afterwards
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(redis_folder))
    paths = DataPaths.of(redis_folder / "data")
    paths.prepare()
    (redis_folder / "runner.sock").symlink_to(paths.runner_socket)
    async with (
        open_core(redis_folder, redis_server.url) as core,
        running(paths, redis_server.url, NARTHEX_RUNNER_RUNNING_TOTAL="16") as runner,
    ):
        yield Scene(core, runner)


def member(role: str, index: int, code: str, wants: Wants | None = None, **env: str) -> Member:
    """A shell task of a group."""
    return Member(
        MemberKey(role, index),
        Execute("shell", "shell", code, "test", wants=wants, environment=env),
    )


def states(attempt: Attempt | None) -> list[TaskState | None]:
    """How the members of an attempt are."""
    assert attempt is not None
    return [one.task.state if one.task else None for one in attempt.members]


async def test_a_group_runs_to_its_end(scene: Scene) -> None:
    """All members run, each told who it is; ports are free, apart, and known to all."""
    wants = Wants((slots(2),), ports={"http": Ports(2)})
    code = (
        'echo "$NARTHEX_ROLE $NARTHEX_ROLE_INDEX $NARTHEX_ATTEMPT $ALL $NARTHEX_PORTS_http"\n'
        "python3 -c \"import socket,sys; s=socket.socket(); s.bind(('', int(sys.argv[1])))\""
        ' "${NARTHEX_PORTS_http%%,*}"'
    )
    ports = "${narthex.ports.w.0.http};${narthex.ports.w.1.http};${narthex.ports.x.9.y}"
    group = await scene.submit(
        SubmitGroup(tuple(member("w", at, code, wants, ALL=ports) for at in range(2)), name="one")
    )
    assert (group.state, group.roles) == (GroupState.WAITING, {"w": 2})
    done = await scene.ended(group)
    assert done.state is GroupState.SUCCEEDED
    assert states(done.latest) == [TaskState.SUCCEEDED] * 2
    latest = done.latest
    assert latest is not None
    given = [one.ports["http"] for one in latest.members]
    assert len({port for ports in given for port in ports}) == 4
    reported = ";".join(",".join(map(str, ports)) for ports in given) + ";"
    for at, one in enumerate(latest.members):
        page = await scene.core.parts.stores.spool.read_log(one.task_id, Cursor(), 10, 1000)
        assert page is not None
        mine = ",".join(map(str, given[at]))
        assert next(page.lines()).text == f"w {at} 1 {reported} {mine}"


async def test_what_fails_is_tried_again_with_all_members(scene: Scene, tmp_path: Path) -> None:
    """Each attempt has tasks of its own; the others of a failed one are killed."""
    code = f'if [ "$NARTHEX_ATTEMPT" -lt 3 ]; then exit 7; fi; touch {tmp_path}/ok'
    wait = f"while [ ! -e {tmp_path}/ok ]; do sleep 0.05; done"
    group = await scene.submit(
        SubmitGroup((member("w", 0, code), member("v", 0, wait)), Policy(retry=FAST))
    )
    done = await scene.ended(group)
    assert done.state is GroupState.SUCCEEDED
    assert [one.number for one in done.attempts] == [1, 2, 3]
    first, second, third = (one.verdict for one in done.attempts)
    assert first is not None
    assert second is not None
    assert third is not None
    assert (first.state, first.trigger, first.cause) == (
        GroupState.FAILED,
        MemberKey("w", 0),
        Cause.ORDINARY,
    )
    assert (second.pause_seconds, third.again) == (0.2, False)
    earlier = (await scene.read(group, 1)).attempts[0]
    assert states(earlier) == [TaskState.FAILED, TaskState.KILLED]
    again = await scene.core.dispatch(ANN, ReadGroup(GroupRef(group.id), 2))
    assert again.attempts[0].members == ()
    tasks = {
        one.task_id
        for number in (1, 2, 3)
        for one in (await scene.read(group, number)).attempts[number - 1].members
    }
    assert len(tasks) == 6


async def test_a_task_is_tried_again_by_itself(scene: Scene, tmp_path: Path) -> None:
    """The others go on in the same attempt; its tries have logs and codes of their own."""
    code = f'echo "$NARTHEX_TRY"; if [ "$NARTHEX_TRY" -lt 3 ]; then exit 7; fi; touch {tmp_path}/ok'
    wait = f"while [ ! -e {tmp_path}/ok ]; do sleep 0.05; done"
    roles = {"w": RolePolicy(retry=FAST)}
    group = await scene.submit(
        SubmitGroup((member("w", 0, code), member("v", 0, wait)), Policy(roles=roles))
    )
    done = await scene.ended(group)
    assert (done.state, len(done.attempts)) == (GroupState.SUCCEEDED, 1)
    latest = done.latest
    assert latest is not None
    tried, other = latest.members
    assert (states(latest), other.earlier) == ([TaskState.SUCCEEDED] * 2, ())
    assert [(one.cause, one.task and one.task.state) for one in tried.earlier] == [
        (Cause.ORDINARY, TaskState.FAILED)
    ] * 2
    tasks = [*(one.task_id for one in tried.earlier), tried.task_id]
    for number, task in enumerate(tasks, 1):
        page = await scene.core.parts.stores.spool.read_log(task, Cursor(), 10, 1000)
        assert page is not None
        assert [line.text for line in page.lines()] == [str(number)]


async def test_a_role_decides_as_its_policy_says(scene: Scene) -> None:
    """One success is enough; the rest is stopped."""
    policy = Policy(roles={"chief": RolePolicy(1, 1), "w": RolePolicy(None)})
    members = (member("chief", 0, "true"), member("w", 0, "sleep 60"), member("w", 1, "exit 1"))
    done = await scene.ended(await scene.submit(SubmitGroup(members, policy)))
    assert done.state is GroupState.SUCCEEDED
    latest = done.latest
    assert latest is not None
    assert latest.verdict is not None
    assert latest.verdict.trigger == MemberKey("chief", 0)
    assert states(latest)[1] is TaskState.KILLED


async def test_a_group_is_killed_as_one(scene: Scene) -> None:
    """Also while it waits; a kill that is asked for twice is one."""
    group = await scene.submit(
        SubmitGroup(tuple(member("w", at, "sleep 60") for at in range(3)), Policy(retry=FAST))
    )
    await scene.until(group, GroupState.RUNNING)
    large = tuple(member("w", at, "sleep 60", Wants((slots(4),))) for at in range(4))
    waiting = await scene.submit(SubmitGroup(large))
    for one in (group, waiting):
        reported = await scene.core.dispatch(ANN, KillGroup(GroupRef(one.id)))
        assert reported.state is GroupState.STOPPING
        await scene.core.dispatch(ADMIN, KillGroup(GroupRef(one.id)))
        done = await scene.ended(one)
        assert (done.state, len(done.attempts)) == (GroupState.KILLED, 1)
        assert set(states(done.latest)) <= {TaskState.KILLED}
    assert (
        await scene.core.dispatch(ANN, KillGroup(GroupRef(group.id)))
    ).state is GroupState.KILLED


async def test_a_gang_starts_whole(scene: Scene) -> None:
    """It waits until there is room for all of it, and says so."""
    blocker = await scene.submit(SubmitGroup((member("b", 0, "sleep 60", Wants((slots(14),))),)))
    await scene.until(blocker, GroupState.RUNNING)
    gang = tuple(member("w", at, "true", Wants((slots(2),))) for at in range(2))
    group = await scene.submit(SubmitGroup(gang))

    async def explained() -> bool:
        latest = (await scene.read(group)).latest
        return latest is not None and all(
            one.task is not None and "4 slots" in one.task.waiting_reason for one in latest.members
        )

    await wait_until(explained, "both wait for four slots", 30)
    await scene.core.dispatch(ANN, KillGroup(GroupRef(blocker.id)))
    assert (await scene.ended(group)).state is GroupState.SUCCEEDED


async def test_names_and_requests_are_claimed_once(scene: Scene) -> None:
    """Of many who submit at the same time one gets the name; a repetition gets the same group."""
    command = SubmitGroup((member("w", 0, "true"),), name="mine", space="jobs")
    found = await asyncio.gather(
        *(scene.submit(command, caller) for caller in (ANN, BOB) * 4), return_exceptions=True
    )
    made = [one for one in found if isinstance(one, Group)]
    errors = [one for one in found if isinstance(one, GatewayError)]
    assert (len(made), len(errors)) == (1, 7)
    assert {(one.kind, one.subject) for one in errors} == {(Kind.CONFLICT, Subject.GROUP)}
    (group,) = made
    again = SubmitGroup((member("w", 0, "true"),), request_id="r1")
    groups = await asyncio.gather(*(scene.submit(again) for _ in range(6)))
    assert len({one.id for one in groups}) == 1
    assert sorted(one.repeated for one in groups) == [False] + [True] * 5
    other = SubmitGroup((member("w", 0, "false"),), request_id="r1")
    with pytest.raises(GatewayError, match="another request"):
        await scene.submit(other)
    named = await scene.core.dispatch(ADMIN, ReadGroup(GroupRef(name="mine", space="jobs")))
    assert named.id == group.id
    done = await scene.core.dispatch(ADMIN, ReadGroup(GroupRef(group.id)))
    assert done.owner in {"ann", "bob"}


async def test_foreign_groups_are_not_there(scene: Scene) -> None:
    """Unless they are shared and a route opens that; nobody else kills or deletes them."""
    group = await scene.submit(SubmitGroup((member("w", 0, "true"),)))
    shared = await scene.submit(SubmitGroup((member("w", 0, "true"),), shared=True))
    for command in (
        ReadGroup(GroupRef(group.id)),
        KillGroup(GroupRef(shared.id)),
        DeleteGroup(GroupRef(shared.id)),
        DeleteGroup(GroupRef(shared.id), kill=True),
        TagGroup(GroupRef(shared.id), add=("x",)),
        ReadGroup(GroupRef("../../spec")),
        ReadGroup(GroupRef()),
    ):
        with pytest.raises(GatewayError) as error:
            await scene.core.dispatch(BOB, command)
        assert (error.value.kind, error.value.subject) == (Kind.NOT_FOUND, Subject.GROUP)
    public = Caller(None, reads=Reads.PUBLIC)
    assert (await scene.core.dispatch(public, ReadGroup(GroupRef(shared.id)))).id == shared.id
    assert await scene.core.dispatch(BOB, ListGroups()) == ()
    listed = await scene.core.dispatch(ANN, ListGroups())
    assert [one.id for one in listed] == [shared.id, group.id]
    await scene.ended(group)
    await scene.core.dispatch(ANN, DeleteGroup(GroupRef(group.id)))
    everybody = await scene.core.dispatch(ADMIN, ListGroups(everybody=True, limit=1))
    assert [one.id for one in everybody] == [shared.id]


async def test_a_group_that_goes_on_is_killed_to_be_forgotten(scene: Scene) -> None:
    """It is there until it has ended, then its name is free again."""
    command = SubmitGroup((member("w", 0, "sleep 1000"),), name="long")
    group = await scene.submit(command)
    await scene.until(group, GroupState.RUNNING)
    with pytest.raises(GatewayError) as error:
        await scene.core.dispatch(ANN, DeleteGroup(GroupRef(group.id)))
    assert error.value.kind is Kind.CONFLICT

    reported = await scene.core.dispatch(ANN, DeleteGroup(GroupRef(group.id), kill=True))

    assert reported.state is GroupState.STOPPING

    async def gone() -> bool:
        return await scene.core.dispatch(ANN, ListGroups()) == ()

    await wait_until(gone, "the group is forgotten", 60)
    assert (await scene.submit(command)).id != group.id


async def test_notes_of_a_group(scene: Scene) -> None:
    """The latest of a name counts, also of a group that has ended; they are bounded."""
    group = await scene.submit(SubmitGroup((member("w", 0, "true"),)))
    ref = GroupRef(group.id)
    await scene.core.dispatch(ANN, AnnotateGroup(ref, {"a": "1", "b": "2"}))
    await scene.ended(group)
    reported = await scene.core.dispatch(ANN, AnnotateGroup(ref, {"a": "3"}))
    assert reported.notes == {"a": "3", "b": "2"}
    assert (await scene.read(group)).notes == {"a": "3", "b": "2"}
    for notes in ({"a": "x" * 257}, {"a\n": "1"}, {str(one): "" for one in range(16)}):
        with pytest.raises(GatewayError) as error:
            await scene.core.dispatch(ANN, AnnotateGroup(ref, notes))
        assert error.value.kind is Kind.INVALID
    with pytest.raises(GatewayError) as error:
        await scene.core.dispatch(BOB, AnnotateGroup(ref, {"a": "4"}))
    assert error.value.kind is Kind.NOT_FOUND


async def test_tags_of_a_group(scene: Scene) -> None:
    """They are kept in order, once each, whatever becomes of the group, and are bounded."""
    group = await scene.submit(SubmitGroup((member("w", 0, "true"),)))
    ref = GroupRef(group.id)
    assert group.tags == ()

    reported = await scene.core.dispatch(ANN, TagGroup(ref, add=("b", "a", "b")))

    assert reported.tags == ("b", "a")
    await scene.ended(group)
    await scene.core.dispatch(ANN, TagGroup(ref, add=("c",), remove=("a", "none")))
    assert (await scene.read(group)).tags == ("b", "c")
    for bad in (("",), ("x" * 257,), ("a\n",), tuple(map(str, range(64)))):
        with pytest.raises(GatewayError) as error:
            await scene.core.dispatch(ANN, TagGroup(ref, add=bad))
        assert error.value.kind is Kind.INVALID
    assert (await scene.read(group)).tags == ("b", "c")


@pytest.mark.parametrize(
    "command",
    [
        SubmitGroup(()),
        SubmitGroup(tuple(member("w", at, "true") for at in range(257))),
        SubmitGroup((member("w", 0, "true"), member("w", 0, "true"))),
        SubmitGroup((member("w", -1, "true"),)),
        SubmitGroup((member("w\n", 0, "true"),)),
        SubmitGroup((member("w", 0, "x" * (2 << 20)),)),
        SubmitGroup((member("w", 0, "true"), member("w", 1, "true", Wants(queue="none")))),
        SubmitGroup(tuple(member("w", at, "true", Wants((slots(40),))) for at in range(2))),
        SubmitGroup((member("w", 0, "true"),), Policy(roles={"w": RolePolicy(2)})),
        SubmitGroup((member("w", 0, "true"),), Policy(roles={"v": RolePolicy(1)})),
        SubmitGroup((member("w", 0, "true"),), Policy(retry=Retry(failures=-2))),
        SubmitGroup((member("w", 0, "true"),), Policy(retry=Retry(pause_seconds=1e9))),
        SubmitGroup((member("w", 0, "true"),), name="a\x00b"),
    ],
)
async def test_what_cannot_be_a_group_is_refused_whole(core: Core, command: SubmitGroup) -> None:
    """Nothing of it is made."""
    with pytest.raises(GatewayError) as error:
        await core.dispatch(ANN, command)
    assert error.value.kind in {Kind.INVALID, Kind.TOO_LARGE}
    assert core.parts.stores.groups.ids() == []


def test_nothing_listens_where_ports_are_found() -> None:
    """A port that somebody listens at is not taken for free."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        assert find_ports({"a": Ports(1, port)}, (), (1, 2)) is None
        assert find_ports({"a": Ports(1)}, (), (port, port)) is None
    found = find_ports({"a": Ports(1, port), "b": Ports(1)}, (), (port, port + 200))
    assert found is not None
    assert found["a"] == (port,)
    assert find_ports({"a": Ports(1, port)}, (port,), (1, 2)) is None
