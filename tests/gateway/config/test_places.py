"""Folders and names on disk."""

import stat
from pathlib import Path

import pytest

from gateway import ids
from gateway.places import PlaceError, Places, default_data_dir


def test_folders_are_private(tmp_path: Path) -> None:
    """Whatever is made is for its owner's eyes only."""
    places = Places.of(tmp_path / "deep" / "data", {"XDG_RUNTIME_DIR": str(tmp_path)})
    places.prepare()
    for folder in (places.data, places.secret, places.redis, places.runtime):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_an_open_folder_is_closed(tmp_path: Path) -> None:
    """A folder that others could read before cannot be read by them afterwards."""
    (tmp_path / "data").mkdir(mode=0o755)
    places = Places.of(tmp_path / "data", {"XDG_RUNTIME_DIR": str(tmp_path)})
    places.prepare()
    assert stat.S_IMODE(places.data.stat().st_mode) == 0o700


def test_a_file_in_the_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    """One line says what is in the way."""
    (tmp_path / "data").write_text("")
    with pytest.raises(PlaceError, match="data"):
        Places.of(tmp_path / "data", {}).prepare()


def test_a_link_in_the_place_of_the_runtime_folder_is_refused(tmp_path: Path) -> None:
    """Nobody can point the sockets elsewhere by planting a link."""
    places = Places.of(tmp_path / "data", {"XDG_RUNTIME_DIR": str(tmp_path)})
    (tmp_path / "elsewhere").mkdir()
    places.runtime.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PlaceError):
        places.prepare()


def test_socket_names_fit_however_deep_the_data_is(tmp_path: Path) -> None:
    """A socket's name stays far below what the system takes."""
    deep = tmp_path.joinpath(*["folder"] * 30)
    assert len(str(Places.of(deep, {}).redis_socket)) < 100


def test_the_same_folder_has_the_same_sockets(tmp_path: Path) -> None:
    """However a data folder is named, all of its processes meet at the same sockets."""
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "data")
    assert Places.of(tmp_path / "link", {}) == Places.of(tmp_path / "data", {})


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
