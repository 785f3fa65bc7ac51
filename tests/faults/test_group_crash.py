"""The runner is killed at each durable step of a group that is tried again, one after the other.

After each death another runner carries the group on. Every member starts at most once in an
attempt, an attempt has one verdict, and the group ends as if nobody had died.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path

import pytest

from gateway.caller import Caller
from gateway.data_paths import DataPaths
from gateway.stores.embedded import EmbeddedRedis
from gateway.stores.groups import GroupFacts
from gateway.stores.redis_client import RedisClient
from protocol.accounts import Principal, Role
from protocol.commands.groups import Member, SubmitGroup
from protocol.commands.tasks import Execute
from protocol.errors import GatewayError
from protocol.groups import GroupId, GroupState, MemberKey, Policy, Retry
from tests.faults.syscalls import Call, killing, recording, strace, threads
from tests.faults.test_submit_crash import is_change
from tests.gateway.runner.rig import Runner, running
from tests.support.parts import Core, open_core
from tests.support.processes import lives
from tests.support.waiting import wait_until

ANN = Caller(Principal("ann", Role.USER))
RETRY = Policy(retry=Retry(failures=1, pause_seconds=0.0))
STEPS = ("attempt-1", "verdict-1", "attempt-2", "verdict-2", "/end")


class Stage:
    """A core that accepts groups and a runner that is killed."""

    def __init__(self, core: Core, runner: Runner, folder: Path) -> None:
        self._core = core
        self._runner = runner
        self._folder = folder
        self._names = (f"group-{number}" for number in count())

    async def record(self) -> list[Call]:
        """The calls that a runner makes while a group is carried from its submit to its end."""
        await self.judge(*await self.submitted())
        found: list[Call] = []
        with recording(self._pid, self._folder / "record", found):
            name, group_id = await self.submitted()
            await wait_until(lambda: self.is_over(group_id), "the recorded group to end", 60)
        await self.judge(name, group_id)
        return [call for call in found if is_change(call)]

    async def surely(self, call: Call) -> bool:
        """Kills the runner at a call, if need be of another thread; whether it died."""
        return await self.crash(call) or await self.crash(call, anywhere=True)

    async def crash(self, call: Call, *, anywhere: bool = False) -> bool:
        """Kills the runner at a call of a group; whether it came there."""
        await self.judge(*await self.submitted())
        pid = self._pid
        if not anywhere and call.thread >= len(threads(pid)):
            return False
        with killing(pid, call, anywhere=anywhere):
            name, group_id = await self.submitted()
            await wait_until(
                lambda: self.is_over(group_id) or not lives(pid), "the group or its runner", 60
            )
        died = not lives(pid)
        try:
            await self.judge(name, group_id)
        except AssertionError as error:
            raise AssertionError(f"the runner killed at {call}: {error}") from error
        return died

    async def submitted(self) -> tuple[str, GroupId]:
        """A group whose first attempt fails and whose second does not; where its members sign."""
        name = next(self._names)
        sign = f'echo "$NARTHEX_ATTEMPT $NARTHEX_ROLE_INDEX" >> {self._folder / name}'
        fail = f'{sign}; [ "$NARTHEX_ATTEMPT" != 1 ]'
        members = tuple(
            Member(MemberKey("w", at), Execute("shell", "shell", code, "test"))
            for at, code in enumerate((fail, sign))
        )
        found: list[GroupId] = []

        async def accepted() -> bool:
            self._revive()
            with suppress(GatewayError):  # the runner is not ready yet
                group = await self._core.dispatch(ANN, SubmitGroup(members, RETRY, name))
                found.append(group.id)
            return bool(found)

        await wait_until(accepted, "the group to be accepted", 60)
        return name, found[0]

    def facts(self, group_id: GroupId) -> GroupFacts:
        """What is on record of a group."""
        facts = self._core.parts.stores.groups.facts(group_id)
        assert facts is not None
        return facts

    def is_over(self, group_id: GroupId) -> bool:
        """Whether a group has ended."""
        return self.facts(group_id).end is not None

    async def judge(self, name: str, group_id: GroupId) -> None:
        """Every member signed once in an attempt at most, and all of them in the last."""

        def ended() -> bool:
            self._revive()
            return self.is_over(group_id)

        await wait_until(ended, f"{name} to end", 60)
        facts = self.facts(group_id)
        assert facts.end is not None
        assert facts.end.state is GroupState.SUCCEEDED
        assert [one.number for one in facts.attempts] == [1, 2]
        assert {number: one.state for number, one in facts.verdicts.items()} == {
            1: GroupState.FAILED,
            2: GroupState.SUCCEEDED,
        }
        signed = Counter((self._folder / name).read_text().splitlines())
        assert set(signed.values()) == {1}, signed
        assert {"1 0", "2 0", "2 1"} <= set(signed) <= {"1 0", "1 1", "2 0", "2 1"}

    def _revive(self) -> None:
        """Starts another runner if this one is dead: it may have died after its last call."""
        if not lives(self._pid):
            self._runner.kill()
            self._runner.start()

    @property
    def _pid(self) -> int:
        assert self._runner.process is not None
        return self._runner.process.pid


@asynccontextmanager
async def staged(folder: Path, runtime: Path, redis_url: str) -> AsyncIterator[Stage]:
    """A core and a runner on one data folder."""
    strace()
    paths = DataPaths.of(runtime / "data")
    paths.prepare()
    (runtime / "runner.sock").symlink_to(paths.runner_socket)
    async with (
        open_core(runtime, redis_url) as core,
        running(paths, redis_url) as runner,
    ):
        yield Stage(core, runner, folder)


def chosen(calls: Sequence[Call]) -> list[Call]:
    """Each statement about the group, and the making of a member's run directory."""
    found = [
        next(call for call in calls if call.name.startswith("link") and step in call.text)
        for step in STEPS
    ]
    found += [call for call in calls if call.name == "rename" and "/live/" in call.text][:3:2]
    return found


@pytest.fixture
def runtime(redis_folder: Path, link: RedisClient, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of sockets."""
    del link  # the server is emptied before and looked through afterwards
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(redis_folder))
    return redis_folder


@pytest.mark.timeout(300)
async def test_the_runner_dies_where_it_counts(
    tmp_path: Path, runtime: Path, redis_server: EmbeddedRedis
) -> None:
    """Before each statement about a group, and before its members are in their places."""
    async with staged(tmp_path, runtime, redis_server.url) as stage:
        calls = chosen(await stage.record())
        died = [await stage.crash(call, anywhere=bool(call.thread)) for call in calls]
        assert sum(died) >= len(died) // 2, died


@pytest.mark.storm
@pytest.mark.timeout(3600)
async def test_the_runner_dies_at_every_call(
    tmp_path: Path, runtime: Path, redis_server: EmbeddedRedis
) -> None:
    """At none of all points a member starts twice in an attempt or a verdict is another one."""
    async with staged(tmp_path, runtime, redis_server.url) as stage:
        calls = await stage.record()
        became = Counter([await stage.surely(call) for call in calls])
    print(len(calls), dict(became))  # noqa: T201 - the figures of a long test
    assert became[True] >= len(calls) // 2
