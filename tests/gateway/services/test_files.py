"""Users' files as the service keeps them: uploads bit by bit, reads in pieces, owners apart."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from gateway.services.files import FileService
from gateway.stores.user_files import FolderLimits, UserFiles
from protocol.accounts import Principal, Role
from protocol.commands.files import (
    ChangeMode,
    CheckFile,
    ListFolder,
    MakeFolder,
    OpenFile,
    ReadFile,
    ReadTail,
    ReceiveFile,
    ReceiveFiles,
    RemoveFile,
    RenameFile,
    WriteFile,
)
from protocol.errors import GatewayError, Kind
from protocol.file_modes import read_mode
from protocol.files import FilePath

ANN = Principal("ann", Role.USER)
ROOT = FilePath("", ())
PART = '--b\r\nContent-Disposition: form-data; name="{}"{}\r\n\r\n{}\r\n'


@pytest.fixture
def service(tmp_path: Path) -> FileService:
    """Files with small limits."""
    return FileService(UserFiles(tmp_path, FolderLimits(2_000_000, 1_000_000, 50)), read_bytes=10)


async def sent(*parts: str, step: int = 7) -> AsyncIterator[bytes]:
    """A form in small pieces."""
    data = ("".join(parts) + "--b--\r\n").encode()
    for start in range(0, len(data), step):
        yield data[start : start + step]


def file(name: str, content: str) -> str:
    """A part of a form that is a file."""
    return PART.format("file", f'; filename="{name}"', content)


async def names(service: FileService) -> list[str]:
    """What is in ann's root."""
    return [entry.name for entry in (await service.list(ANN, ListFolder(ROOT))).children]


async def test_a_form_of_files(service: FileService) -> None:
    """Each file of a form is kept under its own name, in the folder that the form names."""
    path = PART.format("path", "", "file:///ann")
    command = ReceiveFiles(None, sent(path, file("a", "one"), file("x\\b", "")), "b")
    kept = await service.receive(ANN, command)
    assert [(entry.name, entry.size) for entry in kept] == [("a", 3), ("b", 0)]
    assert await names(service) == ["a", "b"]


@pytest.mark.parametrize(
    ("parts", "kind"),
    [
        ((file("a", "x"), file("..", "x")), Kind.INVALID),
        ((file("a", "x" * 1_000_001),), Kind.TOO_LARGE),
        ((PART.format("path", "", "x"),), Kind.INVALID),
        (tuple(file(str(number), "") for number in range(51)), Kind.TOO_LARGE),
    ],
)
async def test_forms_that_are_refused(
    service: FileService, tmp_path: Path, parts: tuple[str, ...], kind: Kind
) -> None:
    """A refused upload says why and leaves no half of a file behind."""
    with pytest.raises(GatewayError) as error:
        await service.receive(ANN, ReceiveFiles(ROOT, sent(*parts, step=50_000), "b"))
    assert error.value.kind is kind
    assert list(tmp_path.glob("**/.narthex-*")) == []


async def test_a_name_that_is_taken_ends_an_upload(service: FileService, tmp_path: Path) -> None:
    """A form whose first file has the name of a folder is refused for that, whatever follows."""
    await service.make_folder(ANN, MakeFolder(FilePath("ann", ("a",))))
    with pytest.raises(GatewayError) as error:
        await service.receive(ANN, ReceiveFiles(ROOT, sent(file("a", "x"), file("b", "y")), "b"))
    assert error.value.kind is Kind.CONFLICT
    assert await names(service) == ["a"]
    assert list(tmp_path.glob("**/.narthex-*")) == []


async def test_a_file_is_read_in_pieces_or_whole(service: FileService) -> None:
    """A large file is streamed; to be shown as a whole it must be small."""
    data = bytes(range(256)) * 3000
    path = FilePath("ann", ("x",))
    await service.write(ANN, WriteFile(path, data))
    opened = await service.open(ANN, OpenFile(path))
    pieces = [piece async for piece in opened.chunks]
    assert (b"".join(pieces), len(pieces)) == (data, 3)
    with pytest.raises(GatewayError) as error:
        await service.read(ANN, ReadFile(path))
    assert error.value.kind is Kind.TOO_LARGE
    await service.write(ANN, WriteFile(path, b"short"))
    assert (await service.read(ANN, ReadFile(path))).data == b"short"


async def test_a_file_that_shrinks_while_it_is_read(service: FileService, tmp_path: Path) -> None:
    """Fewer bytes than were promised are a fault and never a quiet end."""
    await service.write(ANN, WriteFile(FilePath("ann", ("x",)), b"long"))
    opened = await service.open(ANN, OpenFile(FilePath("", ("x",))))
    (real,) = tmp_path.glob("*/x")
    real.write_bytes(b"l")
    with pytest.raises(GatewayError) as error:
        _ = [piece async for piece in opened.chunks]
    assert error.value.kind is Kind.INTERNAL


async def test_owners_are_apart(service: FileService) -> None:
    """Another's path is not there for any verb, not even for an administrator."""
    theirs = FilePath("bob", ("x",))
    admin = Principal("admin", Role.ADMIN)
    await service.write(Principal("bob", Role.USER), WriteFile(theirs, b"x"))
    for work in (
        service.read(admin, ReadFile(theirs)),
        service.check(ANN, CheckFile(theirs)),
        service.open(ANN, OpenFile(theirs)),
        service.remove(ANN, RemoveFile(theirs)),
        service.make_folder(ANN, MakeFolder(theirs)),
        service.rename(ANN, RenameFile(FilePath("", ("x",)), theirs)),
    ):
        with pytest.raises(GatewayError) as error:
            await work
        assert error.value.kind is Kind.NOT_FOUND
    with pytest.raises(GatewayError):
        await service.open(ANN, OpenFile(FilePath("", ("x",))))
    assert await service.check(ANN, CheckFile(FilePath("", ("x",)))) is None
    root = await service.check(ANN, CheckFile(ROOT))
    assert root is not None
    assert root.folder


async def test_one_file_of_any_kind_of_body(service: FileService) -> None:
    """A body of bytes or a form of one file is put in place, with the folders above it."""
    path = FilePath("", ("a", "b"))
    kept = await service.receive_one(ANN, ReceiveFile(path, raw(b"one", b"two")))
    assert (kept.size, kept.mode) == (6, 0o100600)
    form = ReceiveFile(path, sent(file("x", "three")), "b")
    assert (await service.receive_one(ANN, form)).size == 5
    assert (await service.read(ANN, ReadFile(path))).data == b"three"
    assert (await service.receive_one(ANN, ReceiveFile(FilePath("", ("e",)), raw()))).size == 0


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        (lambda: ReceiveFile(FilePath("", ("a",)), raw(b"x"), create=True), Kind.CONFLICT),
        (lambda: ReceiveFile(FilePath("", ("a", "b")), raw(b"x")), Kind.CONFLICT),
        (lambda: ReceiveFile(FilePath("bo", ("a",)), raw(b"x")), Kind.NOT_FOUND),
        (lambda: ReceiveFile(ROOT, raw(b"x")), Kind.INVALID),
        (lambda: ReceiveFile(FilePath("", ("n",)), raw(b"x" * 1_000_001)), Kind.TOO_LARGE),
        (lambda: ReceiveFile(FilePath("", ("n",)), raw(b"no form"), "b"), Kind.INVALID),
        (
            lambda: ReceiveFile(FilePath("", ("n",)), sent(file("x", "1"), file("y", "2")), "b"),
            Kind.INVALID,
        ),
        (
            lambda: ReceiveFile(FilePath("", ("n",)), sent(PART.format("q", "", "1")), "b"),
            Kind.INVALID,
        ),
    ],
)
async def test_one_file_that_is_refused(
    service: FileService, command: Callable[[], ReceiveFile], kind: Kind
) -> None:
    """Nothing is there afterwards that was not there before."""
    await service.write(ANN, WriteFile(FilePath("", ("a",)), b"kept"))
    with pytest.raises(GatewayError) as error:
        await service.receive_one(ANN, command())
    assert error.value.kind is kind
    assert await names(service) == ["a"]
    assert (await service.read(ANN, ReadFile(FilePath("", ("a",))))).data == b"kept"


async def test_last_lines_and_permissions(service: FileService) -> None:
    """The last lines are told as far as they fit, of one's own files."""
    path = FilePath("", ("a",))
    await service.write(ANN, WriteFile(path, b"1\n22\n333\n"))
    assert (await service.read_tail(ANN, ReadTail(path, 2))).data == b"22\n333\n"
    assert (await service.change_mode(ANN, ChangeMode(path, read_mode("a+x")))).mode == 0o100711
    for command in (ReadTail(FilePath("bo", ("a",)), 2), ReadTail(FilePath("", ("b",)), 2)):
        with pytest.raises(GatewayError) as error:
            await service.read_tail(ANN, command)
        assert error.value.kind is Kind.NOT_FOUND


async def raw(*pieces: bytes) -> AsyncIterator[bytes]:
    """A body as it is."""
    for piece in pieces:
        yield piece
