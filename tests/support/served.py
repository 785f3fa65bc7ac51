"""A whole gateway as a user starts it: ``narthex serve`` in a child process, on loopback."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from engines.rundir.directory import RunDir
from gateway.auth.tokens import Tokens, load_key
from gateway.clock import now_ms
from gateway.config import load
from gateway.data_paths import DataPaths
from gateway.stores.directory import Directory
from tests.support.waiting import wait_until_sync

__all__ = ["NARTHEX", "Served", "admin_password", "end_runs", "serving", "token_for"]

NARTHEX = (sys.executable, "-m", "gateway.cli")
READY = re.compile(r"^narthex ready on (https?://\S+)")
_DATA: set[Path] = set()
"""The data folders of all gateways that were started in this process."""


@dataclass(slots=True)
class Served:
    """A running ``narthex serve``: its address, a token of its administrator, its process."""

    url: str
    token: str
    data: Path
    process: subprocess.Popen[str]

    @property
    def socket_url(self) -> str:
        """Where its websockets are opened."""
        return f"ws{self.url.removeprefix('http')}/ws"

    @property
    def api(self) -> str:
        """The prefix of the Linkis entrance routes."""
        return f"{self.url}/api/rest_j/v1/entrance"

    @property
    def headers(self) -> dict[str, str]:
        """What authenticates a request."""
        return {"Authorization": f"Bearer {self.token}"}

    def parts(self, module: str) -> list[int]:
        """The pids of the living processes below it that run ``python -m module``."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                status = (entry / "stat").read_text().rpartition(")")[2].split()
                if module.encode() in words and int(status[1]) == self.process.pid:
                    found.append(int(entry.name))
        return found


def command(*words: str, data: Path) -> str:
    """What a ``narthex`` command prints."""
    return subprocess.run(
        [*NARTHEX, *words, "--data-dir", str(data)],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    ).stdout.strip()


def admin_password(data: Path) -> str:
    """The password with which the administrator of a new data folder logs in for the first time."""
    return DataPaths.of(data).admin_password.read_text().strip()


def token_for(name: str, data: Path) -> str:
    """A token as ``narthex token`` prints it, without a process for it: many tests need one."""
    paths, auth = DataPaths.of(data), load(None).auth
    account = Directory.of(paths).find(name)
    assert account is not None
    tokens = Tokens(load_key(paths.token_key), auth.max_token_seconds)
    return tokens.issue(name, account.role, now_ms(), auth.token_seconds).token


@contextlib.contextmanager
def serving(
    data: Path, *options: str, program: Sequence[str] = NARTHEX, **environment: str
) -> Iterator[Served]:
    """Starts a gateway on a free port over a data folder and ends it with SIGTERM.

    A PYTHONPATH that is given stands before the one of the tests.
    """
    _DATA.add(data)
    paths = (environment.get("PYTHONPATH"), os.environ.get("PYTHONPATH"))
    path = {"PYTHONPATH": os.pathsep.join(filter(None, paths))} if any(paths) else {}
    log = data.with_suffix(".log")
    with log.open("a") as errors:
        process = subprocess.Popen(
            [*program, "serve", "--data-dir", str(data), "--port", "0", *options],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, **environment, **path},
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        ready = READY.match(line)
        assert ready, f"{line!r}\n{log.read_text()[-4000:]}"
        token = token_for("admin", data)
        yield Served(ready[1], token, data, process)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
        end_sessions(data)


def end_sessions(data: Path) -> None:
    """Ends the warm sessions of a data folder, which outlive their gateway."""
    _kill_all(data / "spool" / "sessions")


def end_runs() -> None:
    """Ends the runs that gateways of this process left behind.

    Runs outlive their gateway, and a test that fails may not come to what its run waits for.
    """
    for data in _DATA:
        _kill_all(data / "spool" / "live")


def _kill_all(folder: Path) -> None:
    """Kills what has its run directory in a folder."""
    for path in folder.iterdir() if folder.is_dir() else ():
        with contextlib.suppress(FileNotFoundError):
            RunDir(path).request_kill(0.0)
            RunDir(path).notify()


def endpoint(data: Path) -> dict[str, object]:
    """What the running gateway of a data folder says of itself."""
    path = data / "endpoint.json"
    wait_until_sync(path.exists, "the gateway to say where it is")
    value = json.loads(path.read_text())
    assert isinstance(value, dict)
    return value
