"""Folders of users against whoever plants and swaps things below a root: nothing leads out."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.stores.user_files import FolderLimits, Incoming, UserFiles
from protocol.errors import GatewayError, Kind
from protocol.file_modes import read_mode
from protocol.files import FilePath

LIMITS = FolderLimits(quota_bytes=10_000, file_bytes=5000, entries=20)


def at(*parts: str) -> FilePath:
    """A place below ann's root."""
    return FilePath("ann", parts)


@pytest.fixture
def folders(tmp_path: Path) -> UserFiles:
    """Folders with small limits, beside a secret that is nobody's."""
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("secret")
    return UserFiles(tmp_path / "files", LIMITS)


@pytest.fixture
def root(folders: UserFiles, tmp_path: Path) -> Path:
    """Where ann's root is on the disk."""
    folders.list(at())
    (root,) = (tmp_path / "files").iterdir()
    return root


def kind_of(work: Callable[[], object]) -> Kind:
    """The kind of refusal that it ends in."""
    with pytest.raises(GatewayError) as error:
        work()
    return error.value.kind


def content(folders: UserFiles, path: FilePath) -> bytes:
    """The bytes of a file."""
    _, descriptor = folders.open(path)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor is no path
        return file.read()


def test_files_and_folders(folders: UserFiles) -> None:
    """What is written is read, listed, moved and removed; owners do not see each other."""
    folders.make_folder(at("a"))
    folders.write(at("a", "x"), b"one", create=True)
    folders.write(at("a", "x"), b"three", create=False)
    assert content(folders, at("a", "x")) == b"three"
    folders.write(at("b"), b"", create=True)
    entry, children = folders.list(at())
    assert (entry.name, entry.folder) == ("", True)
    assert [(child.name, child.folder, child.size) for child in children] == [
        ("a", True, 0),
        ("b", False, 0),
    ]
    folders.rename(at("a", "x"), at("x"))
    assert folders.look(at("a", "x")) is None
    found = folders.look(at("x"))
    assert found is not None
    assert found.size == 5
    folders.remove(at("a"))
    folders.remove(at("x"))
    assert [child.name for child in folders.list(at())[1]] == ["b"]
    assert folders.list(FilePath("bob", ()))[1] == []


def test_what_cannot_be_done(folders: UserFiles) -> None:
    """Names that are taken conflict, names that are not there are not found, roots stay."""
    folders.make_folder(at("a"))
    folders.write(at("x"), b"", create=True)
    assert kind_of(lambda: folders.make_folder(at("a"))) is Kind.CONFLICT
    assert kind_of(lambda: folders.write(at("x"), b"", create=True)) is Kind.CONFLICT
    assert kind_of(lambda: folders.write(at("a"), b"", create=False)) is Kind.CONFLICT
    assert kind_of(lambda: folders.rename(at("x"), at("a"))) is Kind.CONFLICT
    assert kind_of(lambda: folders.rename(at("a"), at("a", "b"))) is Kind.CONFLICT
    assert kind_of(lambda: folders.rename(at("no"), at("y"))) is Kind.NOT_FOUND
    assert kind_of(lambda: folders.open(at("a"))) is Kind.NOT_FOUND
    assert kind_of(lambda: folders.open(at("x", "y"))) is Kind.NOT_FOUND
    assert kind_of(lambda: folders.list(at("x"))) is Kind.NOT_FOUND
    assert kind_of(lambda: folders.write(at("no", "x"), b"", create=True)) is Kind.NOT_FOUND
    assert kind_of(lambda: folders.remove(at())) is Kind.INVALID


@pytest.mark.parametrize("plant", ["link", "folder link", "fifo", "hard link", "setuid", "device"])
def test_only_plain_files_are_there(
    folders: UserFiles, root: Path, tmp_path: Path, plant: str
) -> None:
    """Links, pipes and files of other names or rights are not listed, read, moved or replaced."""
    victim = root / "x"
    if plant == "link":
        victim.symlink_to(tmp_path / "secret" / "key")
    elif plant == "folder link":
        victim.symlink_to(tmp_path / "secret")
    elif plant == "fifo":
        os.mkfifo(victim)
    elif plant == "hard link":
        victim.hardlink_to(tmp_path / "secret" / "key")
    elif plant == "device":
        victim.symlink_to("/dev/zero")
    else:
        victim.write_text("x")
        victim.chmod(0o4755)
    assert folders.list(at())[1] == []
    assert folders.look(at("x")) is None
    for work in (
        lambda: folders.open(at("x")),
        lambda: folders.open(at("x", "key")),
        lambda: folders.list(at("x")),
        lambda: folders.write(at("x", "new"), b"", create=True),
        lambda: folders.rename(at("x"), at("y")),
    ):
        assert kind_of(work) is Kind.NOT_FOUND
    folders.remove(at("x"))
    assert (tmp_path / "secret" / "key").read_text() == "secret"
    assert list((tmp_path / "secret").iterdir()) == [tmp_path / "secret" / "key"]


def test_a_folder_that_is_swapped_for_a_link(
    folders: UserFiles, root: Path, tmp_path: Path
) -> None:
    """While a folder and a link to a secret change places, the secret is never read or touched."""
    real, link = root / "real", root / "link"
    real.mkdir()
    (real / "key").write_text("mine")
    link.symlink_to(tmp_path / "secret")
    done = threading.Event()

    def swap() -> None:
        place = root / "place"
        while not done.is_set():
            real.rename(place)
            place.rename(real)
            link.rename(place)
            place.rename(link)

    thread = threading.Thread(target=swap)
    thread.start()
    outcomes = set()
    try:
        for number in range(1500):
            try:
                outcomes.add(content(folders, at("place", "key")))
                if number % 10 == 0:
                    folders.write(at("place", "new"), b"", create=False)
            except (GatewayError, OSError) as error:
                outcomes.add(type(error).__name__.encode())
    finally:
        done.set()
        thread.join()
    assert outcomes <= {b"mine", b"GatewayError", b"FileNotFoundError"}
    assert [path.name for path in (tmp_path / "secret").iterdir()] == ["key"]


def test_quotas(folders: UserFiles, root: Path) -> None:
    """Bytes of a file, bytes of a user and names of a user have a limit; removing makes room."""
    assert kind_of(lambda: folders.write(at("x"), b"x" * 5001, create=True)) is Kind.TOO_LARGE
    folders.write(at("x"), b"x" * 5000, create=True)
    folders.write(at("y"), b"x" * 5000, create=True)
    assert kind_of(lambda: folders.write(at("z"), b"x", create=True)) is Kind.TOO_LARGE
    folders.remove(at("x"))
    for number in range(19):
        folders.make_folder(at(f"f{number}"))
    assert kind_of(lambda: folders.make_folder(at("more"))) is Kind.TOO_LARGE
    assert not [path for path in root.iterdir() if path.name.startswith(".narthex-")]


def test_nothing_is_done_with_an_upload_that_ended(folders: UserFiles, root: Path) -> None:
    """A thread that nobody waits for any more touches no descriptor, which may be another's now."""
    incoming = Incoming()
    folders.begin(incoming, at("x"))
    folders.add(incoming, b"one")
    folders.end(incoming)
    folders.end(incoming)
    for step in (
        lambda: folders.add(incoming, b"two"),
        lambda: folders.keep(incoming, at("x"), create=True),
        lambda: folders.begin(incoming, at("x")),
    ):
        assert kind_of(step) is Kind.NOT_FOUND
    assert list(root.iterdir()) == []


def test_what_a_dead_upload_left_goes_later(folders: UserFiles, root: Path) -> None:
    """A file that was never kept is not listed, and is cleared when it is old."""
    left = root / ".narthex-dead"
    left.write_text("x")
    folders.make_folder(at("a"))
    assert [child.name for child in folders.list(at())[1]] == ["a"]
    assert left.exists()
    os.utime(left, (1, 1))
    folders.make_folder(at("b"))
    assert not left.exists()


def test_a_root_is_for_its_owner_alone(root: Path) -> None:
    """The folder on the disk is private, and its name says nothing of its owner."""
    assert root.stat().st_mode & 0o777 == 0o700
    assert "ann" not in root.name


def test_permissions_are_changed_of_the_file_itself(folders: UserFiles, root: Path) -> None:
    """Never of what a link leads to; a folder can always be walked; special bits are never set."""
    folders.write(at("a"), b"", create=True)
    assert folders.change_mode(at("a"), read_mode("000")).mode == 0o100000
    assert folders.change_mode(at("a"), read_mode("u+rwx")).mode == 0o100700
    assert (root / "a").stat().st_mode == 0o100700
    folders.make_folder(at("d"))
    assert folders.change_mode(at("d"), read_mode("000")).mode == 0o040700
    outside = root.parent.parent / "secret" / "key"
    before = outside.stat().st_mode
    (root / "link").symlink_to(outside)
    os.mkfifo(root / "fifo")
    os.link(outside, root / "hard")
    for name in ("link", "fifo", "hard", "gone"):
        with pytest.raises(GatewayError) as error:
            folders.change_mode(at(name), read_mode("777"))
        assert error.value.kind is Kind.NOT_FOUND
    assert kind_of(lambda: folders.change_mode(at(), read_mode("777"))) is Kind.INVALID
    assert outside.stat().st_mode == before


def test_parents_are_made_within_the_root_only(folders: UserFiles, root: Path) -> None:
    """A file or a link in the way is a conflict, and nothing is made behind it."""
    folders.make_parents(at("a", "b", "c"))
    folders.make_parents(at("a", "b", "c"))
    assert (root / "a" / "b").is_dir()
    assert not (root / "a" / "b" / "c").exists()
    folders.write(at("f"), b"", create=True)
    (root / "link").symlink_to(root.parent.parent / "secret")
    assert kind_of(lambda: folders.make_parents(at("f", "x"))) is Kind.CONFLICT
    assert kind_of(lambda: folders.make_parents(at("link", "x", "y"))) is Kind.CONFLICT
    assert [one.name for one in (root.parent.parent / "secret").iterdir()] == ["key"]
