"""Uploaded files on disk: what is kept, for whom, how much, and what a crash leaves."""

import asyncio
import fcntl
import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.stores.objects import ObjectLimits, Objects, StoredObject, clean_name
from gateway.stores.upload_writer import UploadWriter
from protocol.errors import GatewayError, Kind

NOW = 1_700_000_000_000
UNKNOWN = "dc4eec6e-4e34-49a7-8fe8-8e19d5bfb8a4"


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    """A store with small limits."""
    return Objects(
        tmp_path / "objects", ObjectLimits(max_bytes=1_000_000, quota_bytes=2_500_000, max_parts=3)
    )


async def stored(
    objects: Objects, data: bytes, name: str = "x", owner: str = "ann"
) -> StoredObject:
    """One file, kept."""
    async with UploadWriter(objects, owner) as upload:
        await upload.begin(name)
        await upload.write(data)
        (kept,) = await upload.keep(NOW)
    return kept


async def content(objects: Objects, found: StoredObject, first: int = 0, length: int = -1) -> bytes:
    """The bytes of an object or a stretch of them."""
    size = found.size if length < 0 else length
    return b"".join([part async for part in objects.read(found.owner, found.id, first, size)])


def files(objects: Objects) -> list[str]:
    """The names of everything below the store."""
    return sorted(path.name for path in objects._root.rglob("*") if path.is_file())


async def test_a_file_comes_back_as_it_was_sent(objects: Objects) -> None:
    """Bytes, size, digest, name and time of an object are those of the upload."""
    data = os.urandom(700_000)
    async with UploadWriter(objects, "ann") as upload:
        await upload.begin("in/put.dat")
        for start in range(0, len(data), 1000):
            await upload.write(data[start : start + 1000])
        (kept,) = await upload.keep(NOW)
    assert await objects.describe("ann", kept.id) == kept
    assert kept == StoredObject(
        kept.id, "ann", "put.dat", len(data), hashlib.sha256(data).hexdigest(), NOW
    )
    assert await content(objects, kept) == data
    assert await content(objects, kept, 300_000, 17) == data[300_000:300_017]
    assert objects.path("ann", kept.id).stat().st_mode & 0o777 == 0o600


async def test_an_object_of_one_owner_does_not_exist_for_another(objects: Objects) -> None:
    """Foreign and unknown ids are refused with the same kind and words."""
    kept = await stored(objects, b"secret")
    with pytest.raises(GatewayError) as foreign:
        await objects.describe("bob", kept.id)
    with pytest.raises(GatewayError) as unknown:
        await objects.describe("bob", UNKNOWN)
    assert foreign.value.kind is unknown.value.kind is Kind.NOT_FOUND
    assert foreign.value.message.replace(kept.id, UNKNOWN) == unknown.value.message
    with pytest.raises(GatewayError, match="no data object"):
        await objects.remove("bob", kept.id)
    assert await content(objects, kept) == b"secret"


@pytest.mark.parametrize("name", ["", "..", "../../etc/passwd", UNKNOWN.upper(), f"{UNKNOWN}.json"])
async def test_only_a_canonical_id_becomes_a_path(objects: Objects, name: str) -> None:
    """Anything but a lower-case UUID is refused before the disk is looked at."""
    with pytest.raises(GatewayError) as error:
        objects.path("ann", name)
    assert error.value.kind is Kind.NOT_FOUND


async def test_what_is_not_kept_leaves_no_trace(objects: Objects) -> None:
    """A request that ends early, by an error or in silence, leaves no file behind."""
    async with UploadWriter(objects, "ann") as upload:
        await upload.begin("a")
        await upload.write(b"x" * 500_000)

    async def broken() -> None:
        async with UploadWriter(objects, "ann") as upload:
            await upload.begin("a")
            await upload.write(b"x" * 500_000)
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await broken()
    assert files(objects) == []


async def test_a_cancelled_upload_leaves_no_trace(objects: Objects) -> None:
    """Cancellation in the middle of a write closes and removes the file safely."""
    begun = asyncio.Event()

    async def upload() -> None:
        async with UploadWriter(objects, "ann") as upload:
            await upload.begin("a")
            begun.set()
            while True:
                await upload.write(b"x" * 900)
                upload._parts[-1].size = 0  # an endless file, so that only cancelling ends it

    async with asyncio.TaskGroup() as group:
        task = group.create_task(upload())
        await begun.wait()
        task.cancel()
    assert files(objects) == []


async def test_a_file_over_the_limit_is_too_large(objects: Objects) -> None:
    """One byte more than one file may have is refused and nothing is kept."""
    await stored(objects, b"x" * 1_000_000)
    with pytest.raises(GatewayError) as error:
        await stored(objects, b"x" * 1_000_001)
    assert error.value.kind is Kind.TOO_LARGE
    assert len(files(objects)) == 2


async def test_the_quota_counts_all_files_of_an_owner(objects: Objects) -> None:
    """What does not fit into the rest of the quota is refused, while others may go on."""
    kept = await stored(objects, b"x" * 1_000_000)
    await stored(objects, b"x" * 1_000_000)
    assert objects.used("ann") == 2_000_000
    with pytest.raises(GatewayError) as error:
        await stored(objects, b"x" * 600_000)
    assert error.value.kind is Kind.TOO_LARGE
    await stored(objects, b"x" * 600_000, owner="bob")
    await objects.remove("ann", kept.id)
    await stored(objects, b"x" * 600_000)
    assert objects.used("ann") == 1_600_000


async def test_uploads_at_the_same_time_cannot_pass_the_quota_together(objects: Objects) -> None:
    """Of uploads that each would fit alone, only those that fit together are kept."""
    uploads = [UploadWriter(objects, "ann") for _ in range(5)]
    for upload in uploads:
        await upload.begin("a")
        await upload.write(b"x" * 900_000)
    results = await asyncio.gather(*(i.keep(NOW) for i in uploads), return_exceptions=True)
    for upload in uploads:
        await upload.__aexit__(None, None, None)
    assert sum(isinstance(result, tuple) for result in results) == 2
    assert objects.used("ann") == 1_800_000
    assert len(files(objects)) == 4


async def test_files_of_one_request_are_kept_together(objects: Objects) -> None:
    """Several files come out in order; too many or too large in all keep none."""
    async with UploadWriter(objects, "ann") as upload:
        for name in ("a", "b", "c"):
            await upload.begin(name)
            await upload.write(name.encode() * 10)
        kept = await upload.keep(NOW)
        with pytest.raises(GatewayError, match="more than 3 files"):
            await upload.begin("d")
    assert [found.name for found in kept] == ["a", "b", "c"]
    assert [await content(objects, found) for found in kept] == [b"a" * 10, b"b" * 10, b"c" * 10]
    async with UploadWriter(objects, "bob") as upload:
        for _ in range(2):
            await upload.begin("a")
            await upload.write(b"x" * 840_000)
        await upload.begin("a")
        with pytest.raises(GatewayError, match="in all"):
            await upload.write(b"x" * 840_000)
    assert objects.used("bob") == 0


async def test_a_disk_that_fails_at_the_end_keeps_nothing(objects: Objects) -> None:
    """If the last of several files cannot get its name, the first ones are taken back."""
    async with UploadWriter(objects, "ann") as upload:
        for _ in range(2):
            await upload.begin("a")
            await upload.write(b"x")
        blocked = upload._parts[1]
        blocked.path.with_name(blocked.id).mkdir()
        with pytest.raises(GatewayError) as error:
            await upload.keep(NOW)
        blocked.path.with_name(blocked.id).rmdir()
    assert error.value.kind is Kind.INTERNAL
    assert objects.used("ann") == 0
    assert files(objects) == []


async def test_an_empty_file_is_a_file(objects: Objects) -> None:
    """A file without a byte is stored and read."""
    async with UploadWriter(objects, "ann") as upload:
        await upload.begin("empty")
        (kept,) = await upload.keep(NOW)
    assert kept.size == 0
    assert await content(objects, kept) == b""


async def test_leftovers_of_a_crash_are_cleared_and_never_seen(objects: Objects) -> None:
    """A part that nobody writes and a description without bytes go; a living upload stays."""
    kept = await stored(objects, b"x")
    folder = objects.path("ann", kept.id).parent
    (folder / f"{UNKNOWN}.part").write_bytes(b"dead")
    (folder / f"{UNKNOWN}.json").write_bytes((folder / f"{kept.id}.json").read_bytes())
    with pytest.raises(GatewayError):
        objects.find("ann", UNKNOWN)
    async with UploadWriter(objects, "ann") as upload:
        await upload.begin("alive")
        assert objects.used("ann") == 1
        assert len(files(objects)) == 3
    assert files(objects) == [kept.id, f"{kept.id}.json"]


async def test_a_damaged_description_hides_the_object(objects: Objects) -> None:
    """Bytes whose description cannot be read are not an object."""
    kept = await stored(objects, b"x")
    objects.path("ann", kept.id).with_name(f"{kept.id}.json").write_bytes(b"{")
    with pytest.raises(GatewayError) as error:
        await objects.describe("ann", kept.id)
    assert error.value.kind is Kind.NOT_FOUND


async def test_old_objects_are_swept_unless_used(objects: Objects) -> None:
    """Objects neither stored nor touched since a moment go with their descriptions."""
    old, used, new = [await stored(objects, name) for name in (b"1", b"22", b"333")]
    for found in (old, used):
        os.utime(objects.path("ann", found.id), (1000, 1000))
    assert objects.touch("ann", used.id) == used
    assert objects.sweep(2000) == 1
    assert objects.used("ann") == 5
    assert len(files(objects)) == 4
    assert new.id in files(objects)
    with pytest.raises(GatewayError):
        objects.touch("ann", old.id)


def test_an_empty_store_answers(tmp_path: Path) -> None:
    """Before the first upload nothing is there and nothing breaks."""
    objects = Objects(tmp_path / "objects")
    assert objects.sweep(0) == 0
    assert objects.used("ann") == 0
    with pytest.raises(GatewayError):
        objects._remove("ann", UNKNOWN)


async def test_reading_ends_with_an_error_when_the_file_goes(objects: Objects) -> None:
    """An object that was removed or cut between description and reading is not half an answer."""
    kept = await stored(objects, b"x" * 10)
    with pytest.raises(GatewayError, match="cut short"):
        await content(objects, kept, 5, 10)
    await objects.remove("ann", kept.id)
    with pytest.raises(GatewayError) as error:
        await content(objects, kept)
    assert error.value.kind is Kind.GONE


async def test_a_failing_disk_is_reported_and_nothing_is_kept(objects: Objects) -> None:
    """A write that the disk refuses becomes a refusal, and the part is removed."""
    async with UploadWriter(objects, "ann") as upload:
        await upload.begin("a")
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, upload._parts[0].descriptor)
        os.close(full)
        with pytest.raises(GatewayError) as error:
            await upload.write(b"x" * 300_000)
    assert error.value.kind is Kind.UNAVAILABLE
    assert files(objects) == []


async def test_an_ended_request_takes_no_more(objects: Objects) -> None:
    """Work that comes after the end of the block is refused instead of leaking a file."""
    upload = UploadWriter(objects, "ann")
    await upload.__aexit__(None, None, None)
    with pytest.raises(GatewayError, match="has ended"):
        await upload.begin("late")
    assert files(objects) == []


def test_the_lock_of_a_part_is_its_sign_of_life(objects: Objects) -> None:
    """A part is locked from the moment that others can see it."""
    part = objects.open_part("ann")
    with part.path.open() as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(part.descriptor)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("data.csv", "data.csv"),
        ("/srv/../data.csv", "data.csv"),
        ("C:\\Users\\ann\\data.csv", "data.csv"),
        ("a" * 255, "a" * 255),
        ("a" * 256, UNKNOWN),
        (".bashrc", UNKNOWN),
        ("..", UNKNOWN),
        ("", UNKNOWN),
        ("dir/", UNKNOWN),
        ("two words", UNKNOWN),
        ("new\nline", UNKNOWN),
        ("naïve", UNKNOWN),
        ("nul\0", UNKNOWN),
        ("x\n", UNKNOWN),
    ],
)
def test_names_are_harmless(name: str, expected: str) -> None:
    """A client's name survives as a plain base name, else the id takes its place."""
    assert clean_name(name, UNKNOWN) == expected


@given(st.text())
def test_no_name_leads_out_of_a_folder(name: str) -> None:
    """Whatever the client says, the name is one visible path component."""
    cleaned = clean_name(name, UNKNOWN)
    assert Path(cleaned).name == cleaned
    assert not cleaned.startswith(".")
