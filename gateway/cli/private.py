"""A gateway for one command: started beside it, gone with it."""

from __future__ import annotations

import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from gateway.cli.keeper import ENDED

__all__ = ["PrivateGateway", "private_gateway"]

_READY_SECONDS = 60.0
_GONE_SECONDS = 30.0
_READY = b"narthex ready on "


class PrivateGateway:
    """A private gateway that is starting.

    Args:
        process: the keeper; its stdout tells the folder and then the ready line.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._said = b""

    def wait(self) -> Path:
        """The data folder, once the gateway is ready; raises ClickException if it never is."""
        deadline = time.monotonic() + _READY_SECONDS
        while _READY not in self._said or not self._said.endswith(b"\n"):
            self._read(deadline)
        return self._folder / "data"

    @property
    def _folder(self) -> Path:
        return Path(self._said.decode().partition("\n")[0])

    def _read(self, deadline: float) -> None:
        output = self._process.stdout
        if output is None:
            raise TypeError("the keeper was started without a pipe")
        ready, _, _ = select.select([output], [], [], max(0.0, deadline - time.monotonic()))
        data = output.read1() if ready else b""  # type: ignore[attr-defined] # a BufferedReader
        if not data:
            raise click.ClickException(f"the private gateway did not start: {self._reason()}")
        self._said += data

    def _reason(self) -> str:
        """What the gateway complained about."""
        said = self._said.decode("utf-8", "replace").partition(ENDED)[2].strip()
        return said.removeprefix("Error: ").removeprefix("narthex: ") or "it said nothing"


@contextmanager
def private_gateway() -> Iterator[PrivateGateway]:
    """Starts a private gateway; when the block is left, however, nothing of it remains.

    It lives in a session of its own, so that Ctrl-C comes to this process alone, and it watches
    its stdin: should this process be killed, it ends all the same.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway.cli.keeper"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield PrivateGateway(process)
    finally:
        if process.stdin:
            process.stdin.close()
        try:
            process.wait(_GONE_SECONDS)
        except subprocess.TimeoutExpired:
            process.terminate()
        if process.stdout:
            process.stdout.close()
