"""Trees of any depth: removed and measured in a loop, by descriptor, whatever their permissions."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from engines.trees import disk_usage, give_tree, remove_tree, walk
from tests.support.unprivileged import NOBODY, as_nobody, needs_root


def deepen(folder: Path, depth: int, name: str = "d") -> None:
    """Makes a chain of directories with a file in the last, deeper than any path can be long."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(depth):
        os.mkdir(name, dir_fd=fd)
        inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=fd)
        os.close(fd)
        fd = inner
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, 0o600, dir_fd=fd))
    os.close(fd)


def test_a_tree_deeper_than_recursion_and_paths_is_removed(tmp_path: Path) -> None:
    """Row A12: thousands of directories, one inside the other, go with few descriptors."""
    tree = tmp_path / "tree"
    tree.mkdir()
    deepen(tree, 2200)
    deepen(tree, 60, "x" * 200)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (len(list(Path("/proc/self/fd").iterdir())) + 8, before[1])
    )
    try:
        assert remove_tree(str(tree))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert not tree.exists()


def test_a_deep_tree_is_measured(tmp_path: Path) -> None:
    """Row A12: what a deep tree takes of the disk is known, the file at its bottom included."""
    tree = tmp_path / "tree"
    tree.mkdir()
    deepen(tree, 1200)
    (tree / "large").write_bytes(bytes(1 << 20))
    assert disk_usage(str(tree)) >= 1 << 20
    entered = sum(step.entries is not None for step in walk(str(tree)))
    left = sum(step.entries is None for step in walk(str(tree)))
    assert (entered, left) == (1201, 1200)
    assert remove_tree(str(tree))


def test_links_are_removed_and_never_followed(tmp_path: Path) -> None:
    """What a link points to stays, whether the link is inside, deep down or the tree itself."""
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("kept")
    tree = tmp_path / "tree"
    (tree / "a" / "b").mkdir(parents=True)
    for place in (tree, tree / "a" / "b"):
        (place / "link").symlink_to(kept)
        (place / "up").symlink_to("..")
    os.mkfifo(tree / "a" / "pipe")
    assert remove_tree(str(tree))
    assert not tree.exists()
    assert (kept / "file").read_text() == "kept"
    link = tmp_path / "tree"
    link.symlink_to(kept)
    assert remove_tree(str(link))
    assert not os.path.lexists(link)
    assert (kept / "file").read_text() == "kept"


def test_what_is_not_there_is_removed(tmp_path: Path) -> None:
    """A tree that is gone already is no error."""
    assert remove_tree(str(tmp_path / "never"))


def test_time_is_bounded_and_the_next_call_goes_on(tmp_path: Path) -> None:
    """A removal that ran out of time says so and leaves what a later one removes."""
    tree = tmp_path / "tree"
    tree.mkdir()
    deepen(tree, 1100)
    assert not remove_tree(str(tree), 1e-9)
    assert tree.is_dir()
    assert remove_tree(str(tree), 60.0)
    assert not tree.exists()


@needs_root
def test_permissions_that_the_owner_took_away_are_given_back(tmp_path: Path) -> None:
    """Row A12: directories that nobody may enter, read or write go like others."""
    folder = tmp_path / "own"
    folder.mkdir()

    def act() -> None:
        for name in ("t/0/a/b", "t/4/a/b", "t/1/a", "t/5/a"):
            Path(name).mkdir(parents=True)
            Path(name, "f").touch()
        for name in ("t/0/a/b", "t/4/a/b", "t/1/a", "t/0/a", "t/4/a", "t/0", "t/4", "t/1"):
            Path(name).chmod(0 if "/0" in name else 0o400 if "/4" in name else 0o100)
        for name in ("t/5/a", "t/5", "t"):
            Path(name).chmod(0o500)
        assert remove_tree("t")

    as_nobody(act, folder)
    assert not (folder / "t").exists()


@needs_root
def test_what_cannot_be_removed_is_said_and_the_rest_goes(tmp_path: Path) -> None:
    """Row A12: a directory of another user stays and is the error; all else is removed."""
    folder = tmp_path / "own"
    foreign = folder / "t" / "foreign"
    foreign.mkdir(parents=True)
    (foreign / "file").write_text("x")
    (folder / "t" / "own").write_text("x")
    os.chown(folder / "t", NOBODY, NOBODY)

    def act() -> None:
        with pytest.raises(PermissionError):
            remove_tree("t")

    as_nobody(act, folder)
    assert [path.name for path in (folder / "t").iterdir()] == ["foreign"]
    assert (foreign / "file").read_text() == "x"


@needs_root
def test_a_tree_is_given_as_a_whole_and_nothing_beside_it(tmp_path: Path) -> None:
    """However deep; a link is given and not what it leads to."""
    other, tree = tmp_path / "other", tmp_path / "tree"
    deep = tree / "a" / "b"
    deep.mkdir(parents=True)
    other.touch()
    (deep / "file").touch()
    (tree / "link").symlink_to(other)
    give_tree(str(tree), 0)
    assert tree.stat().st_uid == 0
    give_tree(str(tree), 4711)
    given = (tree, tree / "a", deep, deep / "file", tree / "link")
    assert {(path.lstat().st_uid, path.lstat().st_gid) for path in given} == {(4711, 4711)}
    assert other.stat().st_uid == tmp_path.stat().st_uid == 0
    give_tree(str(other), 4711)
    assert other.stat().st_uid == 4711
    with pytest.raises(FileNotFoundError):
        give_tree(str(tmp_path / "none"), 4711)
