"""Where run directories lie, by looks at a real folder."""

from pathlib import Path

import pytest

from engines.rundir.directory import EXIT, SHIM
from gateway.stores.run_folders import RunFolders, day_of
from protocol.errors import GatewayError, Kind
from protocol.tasks import TaskId
from tests.support.specs import task_id_at

_DAY_MS = 86_400_000


@pytest.fixture
def runs(tmp_path: Path) -> RunFolders:
    """The folders of a spool without runs."""
    folders = RunFolders(tmp_path)
    for folder in (folders.live, folders.done):
        folder.mkdir()
    return folders


def test_the_day_of_an_id_is_its_own() -> None:
    """A day follows from the id alone."""
    assert day_of("018bcfe5-6800-7000-8ba0-f3d1c3c21fcb") == "20231114"
    with pytest.raises(GatewayError):
        day_of("x")


def test_a_run_is_found_before_and_after_it_is_put_away(runs: RunFolders) -> None:
    """Its id leads to it in either place, and one that is nowhere is no run."""
    run_id = task_id_at()
    assert runs.find(run_id) is None
    runs.in_live(run_id).mkdir()
    live = runs.find(run_id)
    assert live is not None
    assert Path(live.path) == runs.live / run_id
    runs.in_done(run_id).parent.mkdir()
    runs.in_live(run_id).rename(runs.in_done(run_id))
    done = runs.find(run_id)
    assert done is not None
    assert Path(done.path) == runs.done / day_of(run_id) / run_id


def test_what_a_run_has_come_to_is_seen_by_its_files(runs: RunFolders) -> None:
    """A shim's file says that it was started, and its ending, or that it is gone, that it ended."""
    run_id = task_id_at()
    assert (runs.was_started(run_id), runs.has_ended(run_id)) == (False, True)
    path = runs.in_live(run_id)
    path.mkdir()
    assert (runs.was_started(run_id), runs.has_ended(run_id)) == (False, False)
    (path / SHIM).touch()
    assert (runs.was_started(run_id), runs.has_ended(run_id)) == (True, False)
    (path / EXIT).touch()
    assert (runs.was_started(run_id), runs.has_ended(run_id)) == (True, True)


def test_runs_are_listed_by_age(runs: RunFolders) -> None:
    """Live ones oldest first, finished ones newest first and by their days."""
    ids = [task_id_at(1_700_000_000_000 + day * _DAY_MS) for day in (0, 1, 1, 2)]
    for run_id in ids[2:] + ids[:2]:
        runs.in_live(run_id).mkdir()
    assert runs.live_ids() == sorted(ids)
    for run_id in ids:
        runs.in_done(run_id).mkdir(parents=True)
    assert runs.done_days() == ["20231116", "20231115", "20231114"]
    assert runs.done_ids("20231115") == sorted(ids[1:3], reverse=True)
    assert runs.done_ids("20000101") == []
    assert [run.run_id for run in runs.finished()] == sorted(ids, reverse=True)


def test_a_run_is_not_said_to_be_gone_while_its_folder_is(runs: RunFolders) -> None:
    """A lost mount is not the removal of what lies there."""
    runs.require()
    runs.live.rename(runs.live.with_name("away"))
    with pytest.raises(FileNotFoundError):
        runs.require()


def test_a_spool_that_is_not_there_has_finished_nothing(tmp_path: Path) -> None:
    """Who only looks finds nothing, and makes no folder."""
    assert list(RunFolders(tmp_path / "none").finished()) == []
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../live", "a\0b", ".hidden"])
def test_an_id_never_leads_out_of_its_folder(runs: RunFolders, name: str) -> None:
    """What cannot be a name below a folder is refused before the disk is asked."""
    for look in (runs.find, runs.has_ended, runs.in_live, runs.in_done):
        with pytest.raises(GatewayError) as refused:
            look(TaskId(name))
        assert refused.value.kind is Kind.INVALID
