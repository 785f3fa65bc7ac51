"""Folders and names on disk."""

import stat
import tempfile
from pathlib import Path

import pytest

from gateway import ids
from gateway.data_paths import LONGEST_SOCKET, DataPathError, DataPaths, default_data_dir


def test_folders_are_private(tmp_path: Path) -> None:
    """Whatever is made is for its owner's eyes only."""
    paths = DataPaths.of(tmp_path / "deep" / "data", {"XDG_RUNTIME_DIR": str(tmp_path)})
    paths.prepare()
    for folder in (paths.data, paths.secret, paths.redis, paths.runtime):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_an_open_folder_is_closed(tmp_path: Path) -> None:
    """A folder that others could read before cannot be read by them afterwards."""
    (tmp_path / "data").mkdir(mode=0o755)
    paths = DataPaths.of(tmp_path / "data", {"XDG_RUNTIME_DIR": str(tmp_path)})
    paths.prepare()
    assert stat.S_IMODE(paths.data.stat().st_mode) == 0o700


def test_a_file_in_the_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    """One line says what is in the way."""
    (tmp_path / "data").write_text("")
    with pytest.raises(DataPathError, match="data"):
        DataPaths.of(tmp_path / "data", {}).prepare()


def test_a_link_in_the_place_of_the_runtime_folder_is_refused(tmp_path: Path) -> None:
    """Nobody can point the sockets elsewhere by planting a link."""
    (tmp_path / "elsewhere").mkdir()
    # A short one: what lies too deep for a socket is not used.
    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        paths = DataPaths.of(tmp_path / "data", {"XDG_RUNTIME_DIR": short})
        paths.runtime.symlink_to(tmp_path / "elsewhere")
        assert paths.runtime.parent == Path(short)
        with pytest.raises(DataPathError):
            paths.prepare()


def test_socket_names_fit_however_deep_the_data_is(tmp_path: Path) -> None:
    """A socket's name stays far below what the system takes."""
    deep = tmp_path.joinpath(*["folder"] * 30)
    assert len(str(DataPaths.of(deep, {}).redis_socket)) < 100


def test_a_runtime_folder_that_lies_too_deep_is_not_used(tmp_path: Path) -> None:
    """The user's own folder for sockets is taken only if their names fit below it."""
    data = tmp_path / "data"
    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        room = LONGEST_SOCKET - len(f"{short}//narthex-01234567/redis.sock")
        for more, used in ((0, True), (1, False)):
            folder = Path(short) / ("d" * (room + more))
            folder.mkdir()
            paths = DataPaths.of(data, {"XDG_RUNTIME_DIR": str(folder)})
            assert (paths.runtime.parent == folder) is used
            assert len(str(paths.redis_socket)) <= LONGEST_SOCKET


def test_the_same_folder_has_the_same_sockets(tmp_path: Path) -> None:
    """However a data folder is named, all of its processes meet at the same sockets."""
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "data")
    assert DataPaths.of(tmp_path / "link", {}) == DataPaths.of(tmp_path / "data", {})


def test_the_default_follows_the_user() -> None:
    """The data folder is below XDG_DATA_HOME if that is a full path, else below home."""
    assert default_data_dir({"XDG_DATA_HOME": "/x"}) == Path("/x/narthex")
    assert default_data_dir({"XDG_DATA_HOME": "x"}).is_relative_to(Path.home())


def test_ids_carry_their_time() -> None:
    """A task's id says when it was made, and only a canonical one is an id."""
    made = ids.new_task_id(1_700_000_000_123)
    assert ids.time_of(made) == 1_700_000_000_123
    assert ids.is_task_id(made)
    assert not ids.is_task_id(made.upper())
    assert not ids.is_task_id(f"../{made}")


def test_later_ids_are_larger() -> None:
    """Ids sort by time."""
    assert ids.new_task_id(1_700_000_000_000) < ids.new_task_id(1_700_000_000_001)
