"""Files that get what a run printed: as a whole, each time the same, and in nobody's way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engines.rundir.directory import RunDir
from engines.rundir.facts import Exit, ExitKind
from gateway.data_paths import DataPaths
from gateway.runner.output_files import OutputFiles
from gateway.stores.redis_client import RedisClient
from gateway.stores.spec import TaskSpec
from gateway.stores.user_files import FolderLimits, UserFiles
from protocol.files import file_path
from tests.gateway.runner.rig import Client, record, spec_of

LIMITS = FolderLimits(quota_bytes=3000, file_bytes=2000, entries=100)


class Setting:
    """A spool, the folders of users, and what is between them."""

    def __init__(self, link: RedisClient, folder: Path) -> None:
        paths = DataPaths.of(folder / "data")
        paths.prepare()
        self.spool = Client(link, paths).spool
        self.files = UserFiles(paths.files, LIMITS)
        self.written = OutputFiles(self.spool.find, self.files)

    async def ended(self, out: str, err: str, *parts: tuple[bytes, bool]) -> TaskSpec:
        """A task that wants these files, and has printed these parts."""
        spec = spec_of(7, outputs=(out, err))
        await self.spool.accept(spec)
        run = self.spool.find(spec.task_id)
        assert isinstance(run, RunDir)
        for data, errors in parts:
            record(run, data, errors=errors)
        run.write_exit(Exit(ExitKind.EXITED, exit_code=0, ended_ms=2, started_ms=1))
        return spec

    def content(self, path: str) -> bytes:
        """What is in a file of ada's."""
        entry, descriptor = self.files.open(file_path("ada", path))
        data = os.read(descriptor, entry.size + 1)
        os.close(descriptor)
        assert len(data) == entry.size
        return data

    def names(self) -> list[str]:
        """What ada has."""
        return [entry.path.parts[-1] for entry in self.files.list(file_path("ada", ""))[1]]


@pytest.fixture
def setting(link: RedisClient, tmp_path: Path) -> Setting:
    """A fresh one."""
    return Setting(link, tmp_path)


PRINTED = ((b"a\n", False), (b"x\n", True), (b"b\n", False))


async def test_each_stream_has_its_file(setting: Setting) -> None:
    """With the number of the task in the name, in a folder that is made; once more is the same."""
    spec = await setting.ended("deep/out.${number}", "err", *PRINTED)
    for _ in range(2):
        await setting.written.write(spec)
        assert setting.content("deep/out.7") == b"a\nb\n"
        assert setting.content("err") == b"x\n"
    assert setting.names() == ["deep", "err"]


async def test_two_of_one_name_are_one_file(setting: Setting) -> None:
    """It has both, the errors after the rest."""
    await setting.written.write(await setting.ended("both", "both", *PRINTED))
    assert setting.content("both") == b"a\nb\nx\n"


async def test_what_printed_nothing_has_no_file(setting: Setting) -> None:
    """Nor has what nobody wants to have."""
    await setting.written.write(await setting.ended("out", "err", (b"x", True)))
    await setting.written.write(await setting.ended("", "", *PRINTED))
    assert setting.names() == ["err"]


async def test_a_file_that_cannot_be_written_holds_up_nothing(setting: Setting) -> None:
    """It is too large, a folder has its name, its name is none: the other one is written."""
    await setting.written.write(
        await setting.ended("large", "err", (b"a" * 2500, False), (b"x", True))
    )
    assert setting.names() == ["err"]
    setting.files.make_folder(file_path("ada", "taken"))
    await setting.written.write(await setting.ended("taken", "../up", *PRINTED))
    assert setting.names() == ["taken", "err"]
