"""Removing run directories: whatever a run left in them, it fails for nobody."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateway.stores.removal import ASIDE, Trash, set_aside
from gateway.stores.user_files import FolderLimits, UserFiles
from protocol.files import FilePath
from tests.engines.test_trees import deepen
from tests.support.unprivileged import NOBODY, as_nobody, needs_root


def spool_of(folder: Path) -> Path:
    """A spool with the folders that removing needs."""
    spool = folder / "spool"
    for name in ("new", "live"):
        (spool / name).mkdir(parents=True)
    return spool


@pytest.mark.parametrize("kind", ["directory", "file", "link", "nothing"])
def test_whatever_stands_in_the_place_of_a_run_goes(kind: str, tmp_path: Path) -> None:
    """Row A12: also what is no directory at all; a link's target stays."""
    spool = spool_of(tmp_path)
    run, kept = spool / "live" / "run", tmp_path / "kept"
    kept.mkdir()
    if kind == "directory":
        run.mkdir()
        deepen(run, 1100)
    elif kind == "file":
        run.write_text("x")
    elif kind == "link":
        run.symlink_to(kept)
    Trash(spool).remove(run)
    assert not os.path.lexists(run)
    assert not list((spool / "new").iterdir())
    assert kept.is_dir()
    assert not set_aside(spool)


@needs_root
def test_what_cannot_be_removed_is_set_aside_once(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Row A12: it is named in the journal once, and neither this nor a later tidying fails."""
    spool = spool_of(tmp_path)
    run = spool / "live" / "run"
    (run / "foreign").mkdir(parents=True)
    (run / "foreign" / "file").write_text("x")
    (run / "own").write_text("x")
    for path in (spool, spool / "new", spool / "live", run):
        os.chown(path, NOBODY, NOBODY)

    def act() -> None:
        trash = Trash(Path("spool"))
        trash.remove(Path("spool/live/run"))
        for _ in range(3):
            trash.tidy()
        Trash(Path("spool")).tidy()

    as_nobody(act, tmp_path)
    (name,) = set_aside(spool)
    assert name.startswith("run.")
    assert [path.name for path in (spool / ASIDE / name).iterdir()] == ["foreign"]
    said = [line for line in "".join(capfd.readouterr()).splitlines() if "set aside" in line]
    assert len(said) == 2, said  # one by each process that tried
    # The cause is gone: the next process removes it.
    for path in (spool / ASIDE / name).rglob("*"):
        os.chown(path, NOBODY, NOBODY)
    as_nobody(lambda: Trash(Path("spool")).tidy(), tmp_path)
    assert not set_aside(spool)


@needs_root
def test_a_run_that_closed_its_directory_is_removed(tmp_path: Path) -> None:
    """Row A12: a directory that may not even be written to is moved and removed."""
    spool = spool_of(tmp_path)
    run = spool / "live" / "run"
    run.mkdir()
    (run / "file").write_text("x")
    run.chmod(0o500)
    for path in (spool, spool / "new", spool / "live", run):
        os.chown(path, NOBODY, NOBODY)
    as_nobody(lambda: Trash(Path("spool")).remove(Path("spool/live/run")), tmp_path)
    assert not run.exists()
    assert not set_aside(spool)


def test_a_deep_tree_among_a_users_files_is_counted_and_removed(tmp_path: Path) -> None:
    """Row A12: a run that nests directories among them hinders neither uploads nor deletions."""
    files = UserFiles(tmp_path / "files", FolderLimits(1 << 20, 1 << 20, 10_000))
    files.make_folder(FilePath("ann", ("top",)))
    (home,) = (tmp_path / "files").iterdir()
    deepen(home / "top", 1100)
    files.make_folder(FilePath("ann", ("other",)))
    files.remove(FilePath("ann", ("top",)))
    assert [path.name for path in home.iterdir()] == ["other"]
