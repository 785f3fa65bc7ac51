"""The service of files over a real index, a real spool and a real disk."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from engines.rundir.records import ERR, OUT, header
from gateway import ids
from gateway.services.objects import ObjectService
from gateway.stores.bulk_restore import BulkRestore
from gateway.stores.index_lease import IndexLeaseStore
from gateway.stores.objects import ObjectLimits, Objects
from gateway.stores.redis_client import RedisClient
from gateway.stores.spec import TaskSpec
from gateway.stores.spool import Spool
from gateway.stores.tasks import TaskStore
from protocol.accounts import Principal, Role
from protocol.answers import answer_id
from protocol.commands.objects import DataObject, DeleteData, DescribeData, OpenData, StoreData
from protocol.errors import GatewayError, Kind
from protocol.tasks import FileInput, Outcome, Reason, TaskId, TaskState

ANN = Principal("ann", Role.USER)
BOB = Principal("bob", Role.USER)
ROOT = Principal("root", Role.ADMIN)
NOW = 1_700_000_000_000
EPOCH = 1
EXITED = Outcome(Reason.EXITED, 0, None, "exited")
UNKNOWN = "dc4eec6e-4e34-49a7-8fe8-8e19d5bfb8a4"


class Rig:
    """The service with the stores that it stands on."""

    def __init__(self, root: Path, link: RedisClient) -> None:
        self.tasks, self.restore = TaskStore(link), BulkRestore(link)
        self.spool = Spool(root / "spool")
        self.spool.prepare()
        self.objects = Objects(root / "objects", ObjectLimits(1000, 5000, 3))
        self.service = ObjectService(self.objects, self.tasks, self.spool, answer_bytes=100)

    async def task(self, *inputs: FileInput, owner: str = "ann") -> TaskSpec:
        """An accepted and queued task."""
        number = await self.restore.raise_number(0) + 1
        await self.restore.raise_number(number)
        spec = TaskSpec(
            ids.new_task_id(NOW), number, owner, "shell", "sh", "true", NOW, inputs=inputs
        )
        await self.spool.accept(spec)
        await self.tasks.index(spec)
        return spec

    async def end(self, spec: TaskSpec, *output: tuple[int, bytes], started: bool = True) -> str:
        """Lets a task end with some output; the id of its answer."""
        run = self.spool.find(spec.task_id)
        assert run is not None
        data = b"".join(header(kind, NOW, len(text)) + text for kind, text in output)
        run.write("output", data, durable=False)
        if started:
            await self.tasks.advance(spec.task_id, EPOCH, TaskState.RUNNING, NOW + 1)
        await self.tasks.advance(spec.task_id, EPOCH, TaskState.SUCCEEDED, NOW + 2, EXITED)
        await self.spool.finish(spec.task_id)
        return answer_id(spec.task_id)

    async def upload(self, data: bytes, name: str = "in.dat") -> DataObject:
        """A file of ann's."""
        (stored,) = await self.service.store(ANN, StoreData(pieces(data), name=name))
        return stored

    async def content(
        self, object_id: str, first: int = 0, last: int = -1, *, errors: bool = False
    ) -> bytes:
        """A stretch of a file as ann gets it."""
        opened = await self.service.open(ANN, OpenData(object_id, first, last, errors))
        data = b"".join([piece async for piece in opened.chunks])
        assert len(data) == opened.length
        return data


@pytest_asyncio.fixture
async def rig(tmp_path: Path, link: RedisClient) -> AsyncIterator[Rig]:
    """The service over empty stores."""
    rig = Rig(tmp_path, link)
    await IndexLeaseStore(link).ready(EPOCH)
    try:
        yield rig
    finally:
        rig.spool.close()


async def pieces(*data: bytes) -> AsyncIterator[bytes]:
    """A body as it arrives."""
    for piece in data:
        yield piece


async def refusal(rig: Rig, principal: Principal, object_id: str) -> set[Kind]:
    """How all that can be asked about a file is refused."""
    kinds = set()
    for ask in (
        lambda: rig.service.describe(principal, DescribeData(object_id)),
        lambda: rig.service.open(principal, OpenData(object_id)),
        lambda: rig.service.delete(principal, DeleteData(object_id)),
    ):
        with pytest.raises(GatewayError) as error:
            await ask()
        assert error.value.message == f"no data object {object_id}"
        kinds.add(error.value.kind)
    return kinds


async def test_an_upload_comes_back(rig: Rig) -> None:
    """A plain body becomes a file that its owner can describe, read in part and remove."""
    (stored,) = await rig.service.store(ANN, StoreData(pieces(b"01234", b"56789"), name="a/b.c"))
    assert (stored.name, stored.size, stored.answer) == ("b.c", 10, False)
    assert await rig.service.describe(ANN, DescribeData(stored.id)) == stored
    assert await rig.content(stored.id) == b"0123456789"
    assert await rig.service.delete(ANN, DeleteData(stored.id)) == stored
    assert await refusal(rig, ANN, stored.id) == {Kind.NOT_FOUND}


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (0, -1, b"0123456789"),
        (3, -1, b"3456789"),
        (3, 5, b"345"),
        (3, 500, b"3456789"),
        (9, 9, b"9"),
        (10, -1, b""),
        (10**17, 10**17 + 1, b""),
        (-3, -1, b"789"),
        (-30, -1, b"0123456789"),
    ],
)
async def test_a_stretch_is_cut_to_the_file(
    rig: Rig, first: int, last: int, expected: bytes
) -> None:
    """Stretches of uploads and of outputs mean the same bytes, and none past the end."""
    stored = await rig.upload(b"0123456789")
    assert await rig.content(stored.id, first, last) == expected
    answer = await rig.end(await rig.task(), (OUT, b"01234"), (ERR, b"x"), (OUT, b"56789"))
    assert await rig.content(answer, first, last) == expected


async def test_a_form_becomes_several_files(rig: Rig) -> None:
    """Every file of a form is kept, in order; a form that ends early keeps none."""
    part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\n%s\r\n'
    body = part % (b"one", b"1") + part % (b"two", b"22") + b"--b--\r\n"
    chunks = pieces(*(body[start : start + 7] for start in range(0, len(body), 7)))
    stored = await rig.service.store(ANN, StoreData(chunks, boundary="b"))
    assert [(found.name, found.size) for found in stored] == [("one", 1), ("two", 2)]
    assert await rig.content(stored[1].id) == b"22"
    with pytest.raises(GatewayError) as error:
        await rig.service.store(ANN, StoreData(pieces(body[:-10]), boundary="b"))
    assert error.value.kind is Kind.INVALID
    assert rig.objects.used("ann") == 3


async def test_limits_and_lost_clients_keep_nothing(rig: Rig) -> None:
    """Too large a file is refused, and one whose sender goes away is forgotten."""

    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 900
        raise ConnectionResetError

    with pytest.raises(GatewayError) as error:
        await rig.upload(b"x" * 1001)
    assert error.value.kind is Kind.TOO_LARGE
    with pytest.raises(ConnectionResetError):
        await rig.service.store(ANN, StoreData(broken()))
    assert rig.objects.used("ann") == 0


async def test_what_is_foreign_is_answered_like_what_is_not_there(rig: Rig) -> None:
    """Uploads and outputs of others do not exist, not even for whoever knows the id."""
    stored = await rig.upload(b"secret")
    answer = await rig.end(await rig.task(), (OUT, b"secret"))
    for name in (stored.id, answer, UNKNOWN, answer_id(ids.new_task_id(NOW)), "no uuid"):
        assert await refusal(rig, BOB, name) == {Kind.NOT_FOUND}
    assert await refusal(rig, ROOT, stored.id) == {Kind.NOT_FOUND}
    assert (await rig.service.describe(ROOT, DescribeData(answer))).size == 6


async def test_an_output_is_a_file_once_its_task_has_ended(rig: Rig) -> None:
    """Both streams of an ended task can be read; it is called after the task and says if cut."""
    spec = await rig.task()
    assert await refusal(rig, ANN, answer_id(spec.task_id)) == {Kind.NOT_FOUND}
    answer = await rig.end(spec, (OUT, b"x" * 60), (ERR, b"oops"), (OUT, b"y" * 60))
    about = await rig.service.describe(ANN, DescribeData(answer))
    assert about == DataObject(
        answer, f"{spec.task_id}.out", 100, about.sha256, NOW + 2, answer=True, truncated=True
    )
    assert await rig.content(answer) == b"x" * 60 + b"y" * 40
    assert await rig.content(answer, errors=True) == b"oops"
    opened = await rig.service.open(ANN, OpenData(answer, errors=True))
    assert (opened.object.name, opened.object.size) == (f"{spec.task_id}.err", 4)
    assert not opened.object.truncated


async def test_what_never_started_has_no_output(rig: Rig) -> None:
    """A task that was killed before its start has no answer."""
    answer = await rig.end(await rig.task(), started=False)
    assert await refusal(rig, ANN, answer) == {Kind.NOT_FOUND}


async def test_the_output_goes_with_its_task(rig: Rig) -> None:
    """An output cannot be removed by itself, and is not there after its task is gone."""
    spec = await rig.task()
    answer = await rig.end(spec, (OUT, b"x"))
    with pytest.raises(GatewayError) as error:
        await rig.service.delete(ANN, DeleteData(answer))
    assert error.value.kind is Kind.CONFLICT
    await rig.spool.remove(spec.task_id)
    fresh = ObjectService(rig.objects, rig.tasks, rig.spool, answer_bytes=100)
    with pytest.raises(GatewayError) as missing:
        await fresh.describe(ANN, DescribeData(answer))
    assert missing.value.kind is Kind.NOT_FOUND
    await rig.tasks.bury(spec.task_id, NOW * 2)
    assert await refusal(rig, ANN, answer) == {Kind.NOT_FOUND}


async def test_an_index_that_is_away_is_not_a_missing_file(rig: Rig, link: RedisClient) -> None:
    """While nobody can know whether a task exists, its output is unavailable and not unknown."""
    await link.call("FLUSHALL")
    with pytest.raises(GatewayError) as error:
        await rig.service.describe(ANN, DescribeData(answer_id(ids.new_task_id(NOW))))
    assert error.value.kind is Kind.UNAVAILABLE


async def test_a_file_in_use_stays(rig: Rig) -> None:
    """An upload that an active task of its owner has as input cannot be removed until it ends."""
    stored, other = await rig.upload(b"x"), await rig.upload(b"y")
    spec = await rig.task(FileInput(other.id), FileInput(stored.id))
    await rig.task(FileInput(UNKNOWN))
    with pytest.raises(GatewayError) as error:
        await rig.service.delete(ANN, DeleteData(stored.id))
    assert error.value.kind is Kind.CONFLICT
    assert spec.task_id in error.value.message
    await rig.end(spec)
    assert await rig.service.delete(ANN, DeleteData(stored.id)) == stored


async def test_a_use_is_found_behind_many_tasks(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many tasks are active, all are asked."""
    monkeypatch.setattr("gateway.services.objects._PAGE", 2)
    stored = await rig.upload(b"x")
    await rig.task(FileInput(stored.id))
    for _ in range(4):
        await rig.task()
    with pytest.raises(GatewayError, match="is used by"):
        await rig.service.delete(ANN, DeleteData(stored.id))


async def test_inputs_must_be_there(rig: Rig) -> None:
    """Only uploads of one's own can be inputs: no foreign, unknown or answer file."""
    stored = await rig.upload(b"x")
    await rig.service.hold("ann", [FileInput(stored.id)])
    answer = await rig.end(await rig.task(), (OUT, b"x"))
    for owner, name in [("bob", stored.id), ("ann", UNKNOWN), ("ann", answer)]:
        with pytest.raises(GatewayError) as error:
            await rig.service.hold(owner, [FileInput(name)])
        assert error.value.kind is Kind.NOT_FOUND


async def test_a_run_directory_that_went_is_no_use(rig: Rig) -> None:
    """A task whose directory is gone uses nothing."""
    stored = await rig.upload(b"x")
    spec = await rig.task(FileInput(stored.id))
    await rig.spool.discard(replace(spec, request_id=""))
    assert (await rig.service.delete(ANN, DeleteData(stored.id))).id == stored.id


def test_ids_of_uploads_and_answers_never_meet(rig: Rig) -> None:
    """An upload is of version 4 and an answer of version 8."""
    part = rig.objects.open_part("ann")
    assert part.id[14] == "4"
    assert answer_id(TaskId(ids.new_task_id(NOW)))[14] == "8"
