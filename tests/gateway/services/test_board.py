"""What is shared: who may read it, and that nothing else opens with it."""

import pytest

from gateway.caller import Caller
from gateway.stores.spec import TaskSpec
from protocol.accounts import Principal, Reads, Role
from protocol.command import Command
from protocol.commands.board import PublicTask, ReadBoard
from protocol.commands.history import ReadSubmission, TaskQuery
from protocol.commands.logs import ReadLog
from protocol.commands.tasks import DeleteTask, Execute, Kill, ReadTask
from protocol.errors import Kind, Subject
from protocol.tasks import ById, ByNumber, Task, TaskRef
from tests.support.parts import Core
from tests.support.refusals import refusal

ANN, BOB, ADMIN = (
    Principal("ann", Role.USER),
    Principal("bob", Role.USER),
    Principal("root", Role.ADMIN),
)


async def submitted(core: Core, *, shared: bool, dialect: str = "pai", **words: str) -> Task:
    """A task of Ann's."""
    await core.parts.stores.lease.ready(1)
    execute = Execute("shell", "shell", "echo secret", dialect, client=words, shared=shared)
    return await core.dispatch(Caller(ANN), execute)


async def kind_of(core: Core, caller: Caller, command: Command[object]) -> Kind:
    """The kind of a refusal about a task."""
    error = await refusal(core.dispatch(caller, command))
    if error.kind is Kind.NOT_FOUND:
        assert error.subject is Subject.TASK
    return error.kind


async def test_a_shared_task_is_read_where_that_is_opened(core: Core) -> None:
    """By users where a route says so, by strangers where it is public, without its code."""
    task = await submitted(core, shared=True)
    ref = ById(task.id)
    assert task.shared
    for caller in (
        Caller(BOB, reads=Reads.LOGGED_IN),
        Caller(BOB, reads=Reads.PUBLIC),
        Caller(None, "127.0.0.1", Reads.PUBLIC),
    ):
        assert await core.dispatch(caller, ReadTask(ref)) == task
        assert (await core.dispatch(caller, ReadSubmission(ref))).code == ""
        assert (await core.dispatch(caller, ReadLog(ref, wait_seconds=0.01))).task.id == task.id
    own = await core.dispatch(Caller(ANN, reads=Reads.PUBLIC), ReadSubmission(ref))
    assert own.code == "echo secret"


@pytest.mark.parametrize("shared", [True, False])
async def test_nothing_is_shared_by_itself(
    core: Core,
    shared: bool,  # noqa: FBT001 - a table
) -> None:
    """Without an opened route a shared task is not there, and with one an unshared is not."""
    task = await submitted(core, shared=shared)
    reads = Reads.OWN if shared else Reads.PUBLIC
    for ref in (ById(task.id), ByNumber(task.number)):
        ask: TaskRef = ref
        assert await kind_of(core, Caller(BOB, reads=reads), ReadTask(ask)) is Kind.NOT_FOUND
        assert (await core.dispatch(Caller(ADMIN), ReadTask(ask))).id == task.id
    kind = await kind_of(core, Caller(None, reads=reads), ReadTask(ById(task.id)))
    assert kind is (Kind.UNAUTHENTICATED if shared else Kind.NOT_FOUND)
    stranger = Caller(None, reads=Reads.LOGGED_IN)
    assert await kind_of(core, stranger, ReadTask(ById(task.id))) is Kind.UNAUTHENTICATED


async def test_what_is_shared_is_shared_for_reading(core: Core) -> None:
    """Nobody kills, deletes or lists others' tasks by a route that opens their reading."""
    task = await submitted(core, shared=True)
    for command in (Kill(ById(task.id)), DeleteTask(ById(task.id))):
        assert await kind_of(core, Caller(BOB, reads=Reads.PUBLIC), command) is Kind.NOT_FOUND
        stranger = Caller(None, reads=Reads.PUBLIC)
        assert await kind_of(core, stranger, command) is Kind.UNAUTHENTICATED
    for reads in Reads:
        bob = Caller(BOB, reads=reads)
        assert (await core.dispatch(bob, TaskQuery())).tasks == ()
        assert (await core.dispatch(bob, TaskQuery(numbers=(task.number,)))).tasks == ()
        assert await kind_of(core, bob, TaskQuery(owner="ann")) is Kind.FORBIDDEN
    assert not (await core.dispatch(Caller(ANN), ReadTask(ById(task.id)))).state.final


async def test_the_board_shows_what_is_shared(core: Core) -> None:
    """Tasks of one dialect that are shared, newest first, to those to whom it is opened."""
    first = await submitted(core, shared=True, vc="a")
    await submitted(core, shared=False)
    await submitted(core, shared=True, dialect="other")
    last = await submitted(core, shared=True, vc="b")
    shown = tuple(PublicTask.of(task) for task in (last, first))
    for caller in (
        Caller(ANN),
        Caller(BOB, reads=Reads.LOGGED_IN),
        Caller(None, reads=Reads.PUBLIC),
    ):
        board = await core.dispatch(caller, ReadBoard("pai"))
        assert (board.tasks, board.total) == (shown, 2)
        page = await core.dispatch(caller, ReadBoard("pai", limit=1, offset=1))
        assert (page.tasks, page.total) == (shown[1:], 2)
        assert (await core.dispatch(caller, ReadBoard("pai", words=(("vc", "b"),)))).total == 1
    for owner in ("", "ann", "bob"):
        bobs = await core.dispatch(Caller(BOB), ReadBoard("pai", owner=owner))
        assert bobs.total == 0
    assert await kind_of(core, Caller(None), ReadBoard("pai")) is Kind.UNAUTHENTICATED


def test_a_public_task_has_no_code_and_no_environment() -> None:
    """What is shown is a selection: a field that a task gains is not shown unasked."""
    shown = set(PublicTask.__dataclass_fields__)
    assert shown < set(Task.__dataclass_fields__)
    assert not shown & {"code", "environment", "parameters", "secrets", "inputs"}
    assert {"code", "environment"} <= set(TaskSpec.__dataclass_fields__)
