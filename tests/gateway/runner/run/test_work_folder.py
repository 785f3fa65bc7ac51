"""Where a run works: in a fresh directory, or in a folder of its owner."""

from pathlib import Path

import pytest

from gateway.runner.run.work_folder import WorkFolders
from gateway.stores.objects import Objects
from gateway.stores.spec import TaskSpec
from gateway.stores.user_files import FolderLimits, UserFiles
from protocol.errors import GatewayError
from protocol.tasks import TaskId


@pytest.fixture
def folders(tmp_path: Path) -> WorkFolders:
    """Those of a gateway without anything in them."""
    files = UserFiles(tmp_path / "files", FolderLimits(1000, 1000, 100))
    return WorkFolders(Objects(tmp_path / "objects"), files)


def spec(home: str = "") -> TaskSpec:
    """A task of ann's."""
    return TaskSpec(TaskId("t"), 1, "ann", "shell", "shell", "true", 1, 2, home=home)


def test_a_fresh_one(folders: WorkFolders, tmp_path: Path) -> None:
    """Without a folder of the owner's it is one below the run, empty each time."""
    run = tmp_path / "run"
    run.mkdir()
    work, variables = folders.make(run, spec())
    (work / "left").touch()
    assert (work, variables) == (run / "work", {})
    assert list(folders.make(run, spec())[0].iterdir()) == []


def test_one_of_the_owner(folders: WorkFolders, tmp_path: Path) -> None:
    """A folder of the owner's is made with those above it, and keeps what is in it."""
    work, _ = folders.make(tmp_path, spec("jobs/one"))
    (work / "kept").touch()
    again, _ = folders.make(tmp_path, spec("jobs/one"))
    assert again == work
    assert work.is_relative_to(tmp_path / "files")
    assert [one.name for one in again.iterdir()] == ["kept"]


def test_no_link_leads_out(folders: WorkFolders, tmp_path: Path) -> None:
    """A link among the owner's files is no folder to work in, nor is a file."""
    work, _ = folders.make(tmp_path, spec("jobs"))
    (work / "out").symlink_to("/tmp")  # noqa: S108 - a place outside
    (work / "file").touch()
    for name in ("jobs/out", "jobs/out/x", "jobs/file", "jobs/../.."):
        with pytest.raises(GatewayError):
            folders.make(tmp_path, spec(name))
