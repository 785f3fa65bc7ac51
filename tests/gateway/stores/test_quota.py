"""Row D11: a quota is one for all uploads of an owner that go on at the same time."""

import asyncio
import contextlib
from pathlib import Path

import pytest

from gateway.stores.objects import ObjectLimits, Objects
from gateway.stores.upload_writer import UploadWriter
from gateway.stores.user_files import FolderLimits, Incoming, UserFiles
from protocol.errors import GatewayError, Kind
from protocol.files import FilePath

QUOTA = 10_000_000
PIECE = bytes(250_000)


def on_disk(folder: Path) -> int:
    """Bytes of all files below a folder, as they are now."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size if path.is_file() else 0
    return total


async def test_uploads_of_data_share_the_quota(tmp_path: Path) -> None:
    """Twelve of nine megabytes at once: one fits, and never is much more on the disk."""
    objects = Objects(tmp_path, ObjectLimits(quota_bytes=QUOTA))
    peaks: list[int] = []

    async def upload() -> Kind | None:
        try:
            async with UploadWriter(objects, "ann") as writer:
                await writer.begin("x")
                for _ in range(36):
                    await writer.write(PIECE)
                    peaks.append(on_disk(tmp_path))
                await writer.keep(1)
        except GatewayError as error:
            return error.kind
        return None

    kinds = await asyncio.gather(*(upload() for _ in range(12)))
    assert set(kinds) <= {None, Kind.TOO_LARGE}
    assert max(peaks) <= QUOTA + 2 * 1024 * 1024 + 10_000
    # What was refused holds nothing: another one has room.
    used = objects.used("ann")
    assert used == kinds.count(None) * 36 * len(PIECE)
    if not used:
        assert await upload() is None


async def test_another_owner_has_their_own(tmp_path: Path) -> None:
    """An upload under way takes nothing of somebody else's quota, and gives back what it had."""
    objects = Objects(tmp_path, ObjectLimits(quota_bytes=1_000_000))
    async with UploadWriter(objects, "ann") as writer, UploadWriter(objects, "bob") as other:
        await writer.begin("x")
        await writer.write(bytes(900_000))
        await other.begin("x")
        await other.write(bytes(900_000))
        assert [stored.size for stored in await other.keep(1)] == [900_000]
    assert (objects.used("ann"), objects.used("bob")) == (0, 900_000)


async def test_files_of_one_request_share_the_quota(tmp_path: Path) -> None:
    """What one file does not need of its reservation the next one has."""
    objects = Objects(tmp_path, ObjectLimits(quota_bytes=1_000_000))
    async with UploadWriter(objects, "ann") as writer:
        for _ in range(4):
            await writer.begin("x")
            await writer.write(bytes(250_000))
        kept = await writer.keep(1)
    assert [stored.size for stored in kept] == [250_000] * 4
    assert on_disk(tmp_path) < 1_010_000
    async with UploadWriter(objects, "ann") as writer:
        await writer.begin("y")
        with pytest.raises(GatewayError):
            await writer.write(b"x" * 300_000)


def test_received_files_share_the_quota(tmp_path: Path) -> None:
    """The same for what users keep with the gateway, piece by piece in turn."""
    files = UserFiles(tmp_path, FolderLimits(QUOTA, QUOTA, 100))
    coming = [(Incoming(), FilePath("ann", (f"f{number}",))) for number in range(12)]
    refused: set[int] = set()
    kinds: set[Kind] = set()
    for incoming, path in coming:
        files.begin(incoming, path)
    for _ in range(36):
        for number, (incoming, _) in enumerate(coming):
            if number not in refused:
                try:
                    files.add(incoming, PIECE)
                except GatewayError as error:
                    kinds.add(error.kind)
                    refused.add(number)
                    files.end(incoming)
        assert on_disk(tmp_path) <= QUOTA
    kept = [number for number in range(12) if number not in refused]
    for number in kept:
        entry = files.keep(*coming[number], create=True)
        assert entry.size == 36 * len(PIECE)
        files.end(coming[number][0])
    assert on_disk(tmp_path) == len(kept) * 36 * len(PIECE)
    assert (len(kept), kinds) == (1, {Kind.TOO_LARGE})


def test_a_file_that_takes_the_place_of_another(tmp_path: Path) -> None:
    """Both are there for a moment; what was there counts until it is gone."""
    files = UserFiles(tmp_path, FolderLimits(1_000_000, 1_000_000, 100))
    path = FilePath("ann", ("a",))
    assert files.write(path, bytes(400_000), create=False).size == 400_000
    assert files.write(path, bytes(500_000), create=False).size == 500_000
    with pytest.raises(GatewayError):
        files.write(path, bytes(600_000), create=False)
    assert on_disk(tmp_path) == 500_000
