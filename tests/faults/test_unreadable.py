"""The disk gives errors when the spool is read: an error is said, and nothing else is hurt by it.

``strace`` makes the errors, for the files of some runs only: others are read as ever.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import ClientConnection

from tests.faults.retrying_client import calling
from tests.faults.storm import complaints
from tests.faults.syscalls import failing
from tests.journeys.entrance import Caller, frame, opened, shell
from tests.support.served import Served, serving
from tests.support.waiting import wait_until_sync

SMALL_WINDOW = {"NARTHEX_RETENTION_HOT_BYTES": "4096"}
"""So little of a log is in Redis that its beginning is always read from the disk."""
FULL = [f"line {n} {'x' * 50}" for n in range(3000)]
TABLE = """python3 - <<'EOF'
import narthex
narthex.table(((n, f"row {n}") for n in range(20000)), ["n", ("s", "string", "")], limit=0)
narthex.text("a text")
EOF
"""
TIMEOUT = 2000
"""How often the live run looks whether it may end."""
WRITE = f"for ((n = 0; n < {len(FULL)}; n++)); do echo line $n {'x' * 50}; done\n"


class Scene:
    """A gateway with an ended run, a live one, and a bystander whose files are well."""

    def __init__(self, gateway: Served, caller: Caller, folder: Path) -> None:
        self.gateway = gateway
        self.caller = caller
        self.folder = folder
        self.bystander = self.ran("echo fine")
        self.ended = self.ran(TABLE + WRITE, requestId="ended")
        wait_until_sync(lambda: list(self.spool.glob("done/*/*/archive")), "the log to be sealed")
        wait_until_sync(lambda: len(list(self.spool.glob("done/*/*/output"))) == 1, "the rest")
        self.begin()

    def begin(self) -> None:
        """Has another live run, which has written nearly all and waits for ``go``."""
        self.go = self.folder / uuid.uuid4().hex
        until = f"for ((n = 0; n < {TIMEOUT}; n++)); do [ -e {self.go} ] && break; sleep 0.05; done"
        self.live = self.caller.execute(f"{WRITE}{until}; echo end")
        wait_until_sync(lambda: len(self.log(self.live)) == len(FULL), "the live run to write")

    @property
    def spool(self) -> Path:
        """Where its run directories are."""
        return self.gateway.data / "spool"

    def ran(self, code: str, **more: object) -> str:
        """A run that has succeeded."""
        exec_id = self.caller.execute(code, **more)
        assert self.caller.finished(exec_id) == "Succeed"
        return exec_id

    def log(self, exec_id: str) -> list[str]:
        """The lines of a run up to now."""
        query = {"format": "lines", "fromLine": 1, "size": 5000}
        return [
            row["text"] for row in self.caller.call("GET", f"{exec_id}/log", params=query)["lines"]
        ]

    def files(self) -> list[str]:
        """The files of all runs that wrote much, and the names under which runs were accepted."""
        folders = [*self.spool.glob("live/*"), *self.spool.glob("done/*/*")]
        runs = [one for one in folders if WRITE.encode() in (one / "spec").read_bytes()]
        assert len(runs) > 1
        found = [path for run in runs for path in run.rglob("*") if path.is_file()]
        return [str(path) for path in (*found, *self.spool.glob("requests/*"))]

    def asked(self) -> dict[str, httpx.Response | None]:
        """What is answered to all that reads files of the ended run and the live one."""
        row = self.caller.call("GET", f"{self.ended}/status")["taskID"]
        root = f"{self.gateway.url}/api/rest_j/v1"
        place = f"narthex:///tasks/{row}/results"
        lines: dict[str, str | int] = {"format": "lines", "fromLine": 1, "size": 5000}
        asked: dict[str, tuple[str, dict[str, str | int]]] = {
            "live log": (f"{self.gateway.api}/{self.live}/log", lines),
            "sealed log": (f"{self.gateway.api}/{self.ended}/log", lines),
            "job": (f"{root}/jobhistory/{row}/get", {}),
            "results": (f"{root}/filesystem/getDirFileTrees", {"path": place}),
            "page": (f"{root}/filesystem/openFile", {"path": f"{place}/_0.dolphin"}),
        }
        answers: dict[str, httpx.Response | None] = {
            name: self.caller.http.get(url, params=query) for name, (url, query) in asked.items()
        }
        return answers | {"file": self.file()}

    def file(self) -> httpx.Response | None:
        """The table of the ended run as a file; none if it broke off."""
        row = self.caller.call("GET", f"{self.ended}/status")["taskID"]
        place = {"path": f"narthex:///tasks/{row}/results/_0.dolphin", "outputFileType": "csv"}
        url = f"{self.gateway.url}/api/rest_j/v1/filesystem/resultsetToExcel"
        try:
            return self.caller.http.get(url, params=place)
        except httpx.RemoteProtocolError:
            return None


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The stage of all tests here; it is as good after each of them as before."""
    folder = tmp_path_factory.mktemp("unreadable")
    with serving(folder / "data", **SMALL_WINDOW) as gateway, calling(gateway) as caller:
        scene = Scene(gateway, caller, folder)
        yield scene
        # It would go on without a gateway.
        scene.go.touch()
        assert caller.finished(scene.live) == "Succeed"


@contextmanager
def unreadable(pid: int, files: Sequence[str]) -> Iterator[None]:
    """No byte of some files can be read by a process."""
    with failing(pid, "read,pread64,readv,preadv", "EIO", *(f"-P{path}" for path in files)):
        yield


def is_refusal(reply: httpx.Response | None) -> bool:
    """Whether an answer says, well formed and to the person, that it should be asked again."""
    assert reply is not None
    said = reply.json()
    assert set(said) == {"method", "status", "message", "data"}
    assert "Traceback" not in reply.text
    return (reply.status_code, said["status"]) == (503, 1) and said["data"]["retryAfter"] > 0


async def test_a_reader_is_told(scene: Scene) -> None:
    """Every question is refused for the time being, others are answered; then all is as before."""
    gateway, caller = scene.gateway, scene.caller
    before = scene.asked()
    (app,) = gateway.parts("gateway.app")
    async with asyncio.timeout(60), opened(gateway) as socket:
        with unreadable(app, scene.files()):
            for name, reply in scene.asked().items():
                assert is_refusal(reply), name
            again = shell(TABLE + WRITE, requestId="ended")
            assert is_refusal(caller.http.post(f"{gateway.api}/execute", json=again))
            await socket.send(frame(f"{scene.ended}/subscribe", {"fromLine": 1, "format": "lines"}))
            assert scene.log(scene.bystander) == ["fine"]
            assert scene.log(scene.ran("echo new")) == ["new"]
            assert caller.status(scene.live) == "Running"
        assert await lines(socket) == FULL
    assert {name: reported(reply) for name, reply in scene.asked().items()} == {
        name: reported(reply) for name, reply in before.items()
    }
    assert caller.call("POST", "execute", json=again)["execID"] == scene.ended
    scene.go.touch()
    assert caller.finished(scene.live) == "Succeed"
    assert [row["text"] for row in caller.lines(scene.live)] == [*FULL, "end"]
    scene.begin()
    assert not complaints(gateway)


def reported(reply: httpx.Response | None) -> object:
    """What an answer says."""
    assert reply is not None
    assert reply.status_code == 200
    is_json = reply.headers["content-type"].startswith("application/json")
    return reply.json()["data"] if is_json else reply.content


async def lines(socket: ClientConnection) -> list[str]:
    """What a subscription is sent, which must be line after line, to its end."""
    found: list[str] = []
    while True:
        message = json.loads(await socket.recv())
        assert message["status"] == 0, message
        if message["method"].endswith("/lines"):
            for row in message["data"]["lines"]:
                assert row["n"] == len(found) + 1
                found.append(row["text"])
        elif message["method"].endswith("/eof"):
            assert message["data"]["last"] == len(found)
            return found


def test_a_file_that_breaks_off(scene: Scene) -> None:
    """An export that cannot go on is cut, so that nobody takes it for the whole."""
    (app,) = scene.gateway.parts("gateway.app")
    whole = scene.asked()["file"]
    assert whole is not None
    with failing(app, "pread64", "EIO:when=45+", *(f"-P{path}" for path in scene.files())):
        assert scene.file() is None
    again = scene.file()
    assert again is not None
    assert again.content == whole.content
    assert not complaints(scene.gateway)


def test_the_runner_cannot_read(scene: Scene) -> None:
    """A run that the runner cannot read goes on and ends, and so it is told when it can be read."""
    gateway, caller = scene.gateway, scene.caller
    (runner,) = gateway.parts("gateway.runner")
    wait_until_sync(lambda: len(list(scene.spool.glob("live/*"))) == 1, "the others to be put away")
    (live,) = scene.spool.glob("live/*")
    files = [str(live / name) for name in ("exit", "killed", "output", "spec", "started")]
    with unreadable(runner, files):
        scene.go.touch()
        wait_until_sync((live / "exit").exists, "the run to end")
        assert scene.log(scene.ran("echo new")) == ["new"]
        assert caller.status(scene.live) == "Running"
    assert caller.finished(scene.live) == "Succeed"
    assert [row["text"] for row in caller.lines(scene.live)] == [*FULL, "end"]
    scene.begin()
    assert not complaints(gateway)
